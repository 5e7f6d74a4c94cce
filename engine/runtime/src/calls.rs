//! Commands carried out: each open task is one call under way, and its outcome comes back as
//! a stimulus.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use machine::{Command, Identity, Invocation, Stimulus};
use store::Store;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use uuid::Uuid;

use crate::lookups::Lookups;
use crate::mail::{Key, Mail, StimulusMail};
use crate::perform::{Call, Outcome, Perform, Progress, TaskToken};
use crate::token::Seal;

/// The calls under way on this node.
pub(crate) struct Calls {
    performer: Arc<dyn Perform>,
    lookups: Arc<Lookups>,
    seal: Seal,
    under_way: Arc<Mutex<UnderWay>>,
}

type UnderWay = HashMap<Uuid, HashMap<u64, AbortHandle>>;

impl Calls {
    pub(crate) fn new(performer: Arc<dyn Perform>, store: Store, seal: Seal) -> Self {
        Self { performer, lookups: Lookups::new(store), seal, under_way: Arc::default() }
    }

    /// Which activities there are.
    pub(crate) fn lookups(&self) -> &Lookups {
        &self.lookups
    }

    /// Why no call to this URL will ever be made, where that can be told beforehand.
    pub(crate) async fn objection(&self, url: &str) -> Option<String> {
        self.performer.objection(url).await
    }

    /// Carries out a command of a committed turn, or (`repeated`) one derived after a crash.
    pub(crate) fn carry_out(
        &self,
        key: Key,
        identity: &Arc<Identity>,
        command: Command,
        repeated: bool,
        mailbox: mpsc::WeakSender<Mail>,
    ) {
        match command {
            Command::Invoke(invocation) => {
                self.invoke(key, identity.clone(), invocation, repeated, mailbox);
            }
            Command::Abandon { task } => self.abandon(key.id, task),
            Command::FindActivity { arn, frame, sought } => {
                let lookups = self.lookups.clone();
                let account = account_of(identity).to_owned();
                tokio::spawn(async move {
                    let stimulus = lookups.find(&arn, &account, frame, sought).await;
                    deliver(key, stimulus, &mailbox).await;
                });
            }
        }
    }

    /// Stops all calls of an execution that this node no longer owns.
    pub(crate) fn abandon_all(&self, execution: Uuid) {
        let calls = lock(&self.under_way).remove(&execution);
        for call in calls.into_iter().flatten() {
            call.1.abort();
        }
    }

    fn abandon(&self, execution: Uuid, task: u64) {
        if let Some(call) = finish(&self.under_way, execution, task, None) {
            call.abort();
        }
    }

    fn invoke(
        &self,
        key: Key,
        identity: Arc<Identity>,
        invocation: Invocation,
        repeated: bool,
        mailbox: mpsc::WeakSender<Mail>,
    ) {
        let task = invocation.task;
        let performer = self.performer.clone();
        let under_way = self.under_way.clone();
        let token = TaskToken(self.seal.token(key, task, account_of(&identity)));
        // Held over the spawn, so that a call that ends at once finds itself in the table.
        let mut table = lock(&self.under_way);
        let call = tokio::spawn(async move {
            let call = call_of(key, &identity, invocation, token, repeated);
            let (reports, mut reported) = mpsc::unbounded_channel();
            let report = move |progress: Progress| {
                let _ = reports.send(progress);
            };
            let mut perform = performer.perform(&call, &report);
            // Reports and outcome go the same way, so that they arrive in their order.
            let outcome = loop {
                tokio::select! {
                    biased;
                    Some(progress) = reported.recv() => {
                        deliver(key, stimulus_of(task, progress), &mailbox).await;
                    }
                    outcome = &mut perform => break outcome,
                }
            };
            while let Ok(progress) = reported.try_recv() {
                deliver(key, stimulus_of(task, progress), &mailbox).await;
            }
            let stimulus = match outcome {
                Outcome::Succeeded(result) => Stimulus::TaskSucceeded { task, result },
                Outcome::Submitted(output) => Stimulus::TaskSubmitted { task, output },
                Outcome::Failed(failure) => Stimulus::TaskFailed { task, failure },
            };
            finish(&under_way, key.id, task, Some(tokio::task::id()));
            deliver(key, stimulus, &mailbox).await;
        });
        let handle = call.abort_handle();
        if let Some(older) = table.entry(key.id).or_default().insert(task, handle) {
            older.abort();
        }
    }
}

fn stimulus_of(task: u64, progress: Progress) -> Stimulus {
    match progress {
        Progress::Queued => Stimulus::TaskQueued { task },
        Progress::Began => Stimulus::TaskBegan { task },
    }
}

async fn deliver(key: Key, stimulus: Stimulus, mailbox: &mpsc::WeakSender<Mail>) {
    if let Some(mailbox) = mailbox.upgrade() {
        let mail = StimulusMail { key, stimulus, reply: None, message: None };
        // An owner that is gone has handed its shards over: the task is called again there.
        let _ = mailbox.send(Mail::Stimulus(Box::new(mail))).await;
    }
}

/// The account an execution belongs to.
pub(crate) fn account_of(identity: &Identity) -> &str {
    identity.arn.split(':').nth(4).unwrap_or_default()
}

fn call_of(
    key: Key,
    identity: &Identity,
    invocation: Invocation,
    token: TaskToken,
    repeated: bool,
) -> Call {
    Call {
        account: account_of(identity).to_owned(),
        region: identity.region.clone(),
        execution_arn: identity.arn.clone(),
        execution_id: key.id,
        state: invocation.state,
        task: invocation.task,
        token,
        attempt: invocation.attempt,
        kind: invocation.kind,
        parameters: invocation.parameters,
        timeout_seconds: invocation.timeout_seconds,
        repeated,
    }
}

fn lock(under_way: &Mutex<UnderWay>) -> std::sync::MutexGuard<'_, UnderWay> {
    under_way.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes a call out of the table; given an id, only if it is that very call and not a newer one
/// of the same task.
fn finish(
    under_way: &Mutex<UnderWay>,
    execution: Uuid,
    task: u64,
    only: Option<tokio::task::Id>,
) -> Option<AbortHandle> {
    let mut table = lock(under_way);
    let calls = table.get_mut(&execution)?;
    if only.is_some_and(|only| calls.get(&task).is_none_or(|call| call.id() != only)) {
        return None;
    }
    let call = calls.remove(&task);
    if calls.is_empty() {
        table.remove(&execution);
    }
    call
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_call_that_ends_late_leaves_a_newer_one_in_the_table() {
        let (older, newer) = (tokio::spawn(async {}), tokio::spawn(async {}));
        let calls = HashMap::from([(1, newer.abort_handle())]);
        let under_way = Mutex::new(HashMap::from([(Uuid::nil(), calls)]));
        assert!(finish(&under_way, Uuid::nil(), 1, Some(older.id())).is_none());
        assert!(finish(&under_way, Uuid::nil(), 1, Some(newer.id())).is_some());
        assert!(lock(&under_way).is_empty());
    }
}
