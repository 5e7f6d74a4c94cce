//! Commands carried out: each open task is one call under way, and its outcome comes back as
//! a stimulus.

use std::collections::{BTreeMap, HashMap};
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt as _;
use machine::{Command, Failure, Identity, Invocation, Stimulus, TaskKind};
use store::Store;
use tokio::sync::{Notify, mpsc};
use tokio::task::AbortHandle;
use uuid::Uuid;

use crate::loops::said;
use crate::perform::{Far, Perform, TaskToken, Told};
use crate::post::mail::{Key, Mail, StimulusMail};
use crate::task::lookups::Lookups;
use crate::task::token::Seal;
use crate::tenure::standing::Standing;

mod conduct;

use conduct::{Conduct, deliver};

/// The calls under way on this node.
pub(crate) struct Calls {
    performer: Arc<dyn Perform>,
    lookups: Arc<Lookups>,
    seal: Seal,
    standing: Arc<Standing>,
    under_way: Arc<Mutex<UnderWay>>,
}

type UnderWay = HashMap<Uuid, HashMap<u64, Open>>;

/// A call in the table.
struct Open {
    handle: AbortHandle,
    /// What is called, and in which state.
    what: String,
    /// It has not begun, and does not as long as its shard's gate is closed.
    is_held: Arc<AtomicBool>,
    /// By which it hears that its turn is near.
    near: Arc<Notify>,
}

impl Calls {
    pub(crate) fn new(
        performer: Arc<dyn Perform>,
        store: Store,
        seal: Seal,
        standing: Arc<Standing>,
    ) -> Self {
        let under_way = Arc::default();
        Self { performer, lookups: Lookups::new(store), seal, standing, under_way }
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
                // What the log calls queued has never been made.
                let repeated = repeated && !invocation.queued;
                self.invoke(key, identity.clone(), invocation, repeated, mailbox);
            }
            Command::Abandon { task } => self.abandon(key.id, task),
            Command::FindActivity { arn, frame, sought } => {
                let lookups = self.lookups.clone();
                let account = account_of(identity).to_owned();
                tokio::spawn(async move {
                    let stimulus = lookups.find(&arn, &account, frame, sought).await;
                    deliver(StimulusMail::new(key, stimulus), &mailbox).await;
                });
            }
        }
    }

    /// Stops all calls of an execution that this node no longer owns.
    pub(crate) fn abandon_all(&self, execution: Uuid) {
        let calls = lock(&self.under_way).remove(&execution);
        for call in calls.into_iter().flatten() {
            call.1.handle.abort();
        }
    }

    /// Tells those calls that wait far behind whose turn is near; `tell` says what became of it. Whether any wait.
    pub(crate) fn call_near(&self, tell: &mut dyn FnMut(Far) -> Told) -> bool {
        self.performer.call_near(tell)
    }

    /// Tells a call that its turn is near, if it is still there.
    pub(crate) fn is_near(&self, execution: Uuid, task: u64) {
        let table = lock(&self.under_way);
        if let Some(open) = table.get(&execution).and_then(|calls| calls.get(&task)) {
            open.near.notify_one();
        }
    }

    /// What is called by how many calls that have begun; what is called most comes first.
    pub(crate) fn begun(&self) -> Vec<(String, usize)> {
        let mut counts = BTreeMap::<String, usize>::new();
        for open in lock(&self.under_way).values().flat_map(HashMap::values) {
            if !open.is_held.load(Ordering::Relaxed) {
                *counts.entry(open.what.clone()).or_default() += 1;
            }
        }
        let mut counts: Vec<_> = counts.into_iter().collect();
        counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        counts
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
        // Counted before this returns: whoever waits for the commands of a turn sees its calls.
        let busy = self.standing.gates.enter(key.shard);
        let (task, what) = (invocation.task, what(&invocation));
        let under_way = self.under_way.clone();
        let is_held = Arc::new(AtomicBool::new(false));
        let near = Arc::new(Notify::new());
        let mut conduct = Conduct {
            performer: self.performer.clone(),
            standing: self.standing.clone(),
            key,
            token: TaskToken(self.seal.token(key, task, account_of(&identity))),
            identity,
            invocation,
            repeated,
            begun: false,
            mailbox,
            is_held: is_held.clone(),
            near: near.clone(),
        };
        // Held over the spawn, so that a call that ends at once finds itself in the table.
        let mut table = lock(&self.under_way);
        let call = tokio::spawn(async move {
            let made = AssertUnwindSafe(conduct.outcome(busy)).catch_unwind().await;
            finish(&under_way, key.id, task, Some(tokio::task::id()));
            let mail = match made {
                Ok((stimulus, busy)) => {
                    StimulusMail { call: Some(busy), ..StimulusMail::new(key, stimulus) }
                }
                Err(panic) => StimulusMail::new(key, broken(&conduct, &said(panic.as_ref()))),
            };
            deliver(mail, &conduct.mailbox).await;
        });
        let open = Open { handle: call.abort_handle(), what, is_held, near };
        if let Some(older) = table.entry(key.id).or_default().insert(task, open) {
            older.handle.abort();
        }
    }
}

/// What comes of a call that panicked.
fn broken(conduct: &Conduct, panic: &str) -> Stimulus {
    let (task, identity) = (conduct.invocation.task, &conduct.identity);
    tracing::error!(
        execution.arn = identity.arn,
        task,
        panic,
        "a call panicked, and its task fails"
    );
    let cause = format!("The task could not be performed: {panic}");
    Stimulus::TaskFailed { task, failure: Failure::new("States.Runtime", cause) }
}

/// What a call calls, as people know it.
fn what(invocation: &Invocation) -> String {
    let resource = invocation.kind.resource();
    let named = match &invocation.kind {
        TaskKind::Lambda { arn } => {
            arn.split_once(":function:").map_or(resource.as_str(), |(_, name)| name)
        }
        // Its address may hold what is nobody's business.
        TaskKind::Url { .. } => "a URL",
        TaskKind::Integration(_) | TaskKind::Activity { .. } => resource.as_str(),
    };
    format!("`{named}` in state `{}`", invocation.state)
}

/// The account an execution belongs to.
pub(crate) fn account_of(identity: &Identity) -> &str {
    identity.arn.split(':').nth(4).unwrap_or_default()
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
    if only.is_some_and(|only| calls.get(&task).is_none_or(|call| call.handle.id() != only)) {
        return None;
    }
    let call = calls.remove(&task);
    if calls.is_empty() {
        table.remove(&execution);
    }
    call.map(|call| call.handle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_call_that_ends_late_leaves_a_newer_one_in_the_table() {
        let (older, newer) = (tokio::spawn(async {}), tokio::spawn(async {}));
        let (is_held, near) = (Arc::default(), Arc::default());
        let open = Open { handle: newer.abort_handle(), what: String::new(), is_held, near };
        let calls = HashMap::from([(1, open)]);
        let under_way = Mutex::new(HashMap::from([(Uuid::nil(), calls)]));
        assert!(finish(&under_way, Uuid::nil(), 1, Some(older.id())).is_none());
        assert!(finish(&under_way, Uuid::nil(), 1, Some(newer.id())).is_some());
        assert!(lock(&under_way).is_empty());
    }
}
