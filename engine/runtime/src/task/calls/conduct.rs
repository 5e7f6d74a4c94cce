//! One call, from the gate of its shard to its outcome.
//!
//! While the gate is closed nothing begins: a call that has not begun waits there, and the log says
//! that it has not, so that the shard's next owner makes it as a first one. What the log calls queued
//! begins only after the log says that it has begun.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use machine::{Identity, Invocation, Stimulus};
use tokio::sync::{Notify, mpsc};

use super::account_of;
use crate::perform::{Call, Far, Leave, Outcome, Perform, Progress, TaskToken, Turn};
use crate::post::mail::{Key, Mail, StimulusMail, StimulusReply};
use crate::tenure::gates::Busy;
use crate::tenure::standing::Standing;

/// Pause before what an owner could not take in is said again.
const AGAIN: Duration = Duration::from_millis(50);

/// A call that is to be made.
pub(super) struct Conduct {
    pub(super) performer: Arc<dyn Perform>,
    pub(super) standing: Arc<Standing>,
    pub(super) key: Key,
    pub(super) identity: Arc<Identity>,
    pub(super) invocation: Invocation,
    pub(super) token: TaskToken,
    /// An earlier owner may have made it.
    pub(super) repeated: bool,
    /// The log says by our own word that it has begun. It may have been made, unless it says itself
    /// that it waits again: then nothing was sent.
    pub(super) begun: bool,
    pub(super) mailbox: mpsc::WeakSender<Mail>,
    /// Whether it waits at the gate; for those who say what a node waits for.
    pub(super) is_held: Arc<AtomicBool>,
    /// By which it hears that its turn is near.
    pub(super) near: Arc<Notify>,
}

/// What became of an attempt to make a call.
enum Made {
    Ended(Outcome),
    /// The gate was closed before it had begun.
    HeldBack,
}

impl Conduct {
    /// Makes the call, as soon as it may begin; its outcome, and what says that it is under way.
    pub(super) async fn outcome(&mut self, mut busy: Busy) -> (Stimulus, Busy) {
        let shard = self.key.shard;
        loop {
            self.may_begin().await;
            if self.standing.gates.is_closed(shard) {
                self.is_held.store(true, Ordering::Relaxed);
                self.say_held_back().await;
                drop(busy);
                self.standing.gates.until(shard, false).await;
                busy = self.standing.gates.enter(shard);
                self.is_held.store(false, Ordering::Relaxed);
                continue;
            }
            let task = self.invocation.task;
            let stimulus = match self.make().await {
                Made::HeldBack => continue,
                Made::Ended(Outcome::Succeeded(result)) => Stimulus::TaskSucceeded { task, result },
                Made::Ended(Outcome::Submitted(output)) => Stimulus::TaskSubmitted { task, output },
                Made::Ended(Outcome::Failed(failure)) => Stimulus::TaskFailed { task, failure },
            };
            return (stimulus, busy);
        }
    }

    /// Returns while the shard is this node's and its lease holds. Where it does not, another node may
    /// make this call; if that has the shard, the call is given up here while this waits.
    async fn may_begin(&self) {
        let Standing { lease, tenures, .. } = &*self.standing;
        if !lease.holds().await || tenures.of(self.key.shard).is_none() {
            std::future::pending::<()>().await;
        }
    }

    async fn make(&mut self) -> Made {
        let performer = self.performer.clone();
        let leave = Leave::to_be_given(self.invocation.queued || self.invocation.delayed);
        let call = self.call(leave.clone());
        let (reports, mut reported) = mpsc::unbounded_channel();
        let report = move |progress: Progress| {
            let _ = reports.send(progress);
        };
        let (gates, shard) = (self.standing.gates.clone(), self.key.shard);
        let mut perform = performer.perform(&call, &report);
        let mut waits = false;
        // Reports and outcome go the same way, so that they arrive in their order.
        loop {
            tokio::select! {
                biased;
                Some(progress) = reported.recv() => match progress {
                    Progress::Queued => {
                        waits = true;
                        self.say_queued(call.timeout_seconds.is_some()).await;
                    }
                    Progress::QueuedOnce => {
                        waits = true;
                        self.say_queued(true).await;
                    }
                    Progress::Far => {
                        waits = true;
                        self.say_far().await;
                    }
                    Progress::Began if gates.is_closed(shard) => return Made::HeldBack,
                    Progress::Began => {
                        waits = false;
                        self.say_begun().await;
                        self.may_begin().await;
                        leave.give();
                    }
                },
                () = gates.until(shard, true), if waits => return Made::HeldBack,
                outcome = &mut perform => return Made::Ended(outcome),
            }
        }
    }

    /// It has to wait for a place.
    async fn say_queued(&mut self, is_to_be_known: bool) {
        if !is_to_be_known {
            return;
        }
        let task = self.invocation.task;
        self.begun = false;
        if self.repeated {
            deliver(StimulusMail::new(self.key, Stimulus::TaskDelayed { task }), &self.mailbox)
                .await;
            self.invocation.delayed = true;
        } else if !self.invocation.queued {
            deliver(StimulusMail::new(self.key, Stimulus::TaskQueued { task }), &self.mailbox)
                .await;
            self.invocation.queued = true;
        }
    }

    /// It has to wait so long that its execution may leave memory, once the log says that it has not begun.
    async fn say_far(&mut self) {
        self.say_queued(true).await;
        if let Some(mailbox) = self.mailbox.upgrade() {
            // An owner that is gone has handed its shards over.
            let _ = mailbox.send(Mail::Far(self.key, self.invocation.task)).await;
        }
    }

    /// Returns when the log says that it has not begun, if that is so.
    async fn say_held_back(&mut self) {
        let task = self.invocation.task;
        if !self.repeated && !self.begun {
            self.record(Stimulus::TaskQueued { task }).await;
            self.invocation.queued = true;
        }
    }

    /// Returns when it may begin as far as the log is concerned.
    async fn say_begun(&mut self) {
        let begun = Stimulus::TaskBegan { task: self.invocation.task };
        if self.invocation.queued {
            self.record(begun).await;
            // From here on it may have been made.
            self.invocation.queued = false;
            self.begun = true;
        } else if self.invocation.delayed {
            deliver(StimulusMail::new(self.key, begun), &self.mailbox).await;
            self.invocation.delayed = false;
        }
    }

    /// Returns when this is committed, or was before. Where it cannot be, because the shard or the
    /// task is gone, the call is given up while this waits.
    async fn record(&self, stimulus: Stimulus) {
        let mut is_first = true;
        loop {
            let (mail, said) = StimulusMail::asked(self.key, stimulus.clone());
            deliver(mail, &self.mailbox).await;
            match said.await {
                Ok(StimulusReply::Applied { .. }) => return,
                // The same was said before: it is committed, too.
                Ok(StimulusReply::Stale)
                    if !is_first || matches!(stimulus, Stimulus::TaskQueued { .. }) =>
                {
                    return;
                }
                Ok(StimulusReply::Unavailable | StimulusReply::Elsewhere) => {
                    is_first = false;
                    tokio::time::sleep(AGAIN).await;
                }
                // That it waits may be said as often as one likes. If its shard or its task is gone, the
                // call is given up meanwhile.
                Err(_) if matches!(stimulus, Stimulus::TaskQueued { .. }) => {
                    tokio::time::sleep(AGAIN).await;
                }
                // What is over or in doubt does not begin.
                Ok(StimulusReply::Stale) | Err(_) => std::future::pending().await,
            }
        }
    }

    fn call(&self, leave: Leave) -> Call {
        let Self { key, identity, invocation, .. } = self;
        let far = Far { shard: key.shard, execution: key.id, task: invocation.task };
        Call {
            account: account_of(identity).to_owned(),
            region: identity.region.clone(),
            execution_arn: identity.arn.clone(),
            execution_id: key.id,
            state: invocation.state.clone(),
            task: invocation.task,
            token: self.token.clone(),
            attempt: invocation.attempt,
            kind: invocation.kind.clone(),
            parameters: invocation.parameters.clone(),
            timeout_seconds: invocation.timeout_seconds,
            repeated: self.repeated || self.begun,
            leave,
            turn: Turn::of(far, self.near.clone()),
        }
    }
}

pub(super) async fn deliver(mail: StimulusMail, mailbox: &mpsc::WeakSender<Mail>) {
    if let Some(mailbox) = mailbox.upgrade() {
        // An owner that is gone has handed its shards over: the task is called again there.
        let _ = mailbox.send(Mail::Stimulus(Box::new(mail))).await;
    }
}

#[cfg(test)]
mod tests;
