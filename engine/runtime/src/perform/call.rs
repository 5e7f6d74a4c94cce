//! A call: one attempt of a task, its leave to begin, and how it ends.

use std::sync::Arc;

use asl::Payload;
use machine::{Failure, TaskKind};
use tokio::sync::{Notify, Semaphore};
use uuid::Uuid;

/// One attempt of a task, to be performed.
#[derive(Clone, Debug)]
pub struct Call {
    pub account: String,
    pub region: String,
    pub execution_arn: String,
    pub execution_id: Uuid,
    pub state: String,
    /// Names the attempt within the execution.
    pub task: u64,
    /// Whoever holds it may end the task.
    pub token: TaskToken,
    /// 1 for the first attempt in this visit of the state.
    pub attempt: u32,
    pub kind: TaskKind,
    pub parameters: Payload,
    pub timeout_seconds: Option<u64>,
    /// It may have been made before a crash.
    pub repeated: bool,
    /// Asked before it begins, if it had to wait.
    pub leave: Leave,
    /// By which it hears that its turn is near, if it waits behind many others.
    pub turn: Turn,
}

/// A call that waits for a place behind so many others that its execution may leave memory meanwhile.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Far {
    /// The execution's shard.
    pub shard: i16,
    /// The execution.
    pub execution: Uuid,
    /// The task.
    pub task: u64,
}

/// What became of telling such a call that its turn is near.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Told {
    /// It comes.
    Now,
    /// It could not be told yet.
    Later,
    /// It is another node's by now.
    Gone,
}

/// How a call hears that its turn is near. By default it never waits so far behind that it has to.
#[derive(Clone, Debug, Default)]
pub struct Turn(Option<(Far, Arc<Notify>)>);

impl Turn {
    /// Of a call of an execution that comes back into memory for it.
    pub(crate) fn of(far: Far, near: Arc<Notify>) -> Self {
        Self(Some((far, near)))
    }

    pub(super) fn far(&self) -> Option<(Far, &Notify)> {
        self.0.as_ref().map(|(far, near)| (*far, &**near))
    }
}

/// Leave to begin a call that had to wait. Its node may have been told to stop meanwhile, and if the
/// log says that the call has not begun, it must say first that it has.
#[derive(Clone, Debug, Default)]
pub struct Leave(Option<Arc<Grant>>);

#[derive(Debug)]
struct Grant {
    /// The log says that the call waits.
    is_queued: bool,
    given: Semaphore,
}

impl Leave {
    /// Leave that somebody has to give; `is_queued`: also if the call need not wait here.
    pub(crate) fn to_be_given(is_queued: bool) -> Self {
        Self(Some(Arc::new(Grant { is_queued, given: Semaphore::new(0) })))
    }

    pub(crate) fn give(&self) {
        if let Some(grant) = &self.0 {
            grant.given.add_permits(1);
        }
    }

    /// Whether it has to be asked for although the call did not wait here.
    pub(super) fn is_queued(&self) -> bool {
        self.0.as_ref().is_some_and(|grant| grant.is_queued)
    }

    /// Waits until it is given; nobody may ever do so. It is for one beginning: a call that has to
    /// wait again asks again.
    pub(crate) async fn given(&self) {
        if let Some(grant) = &self.0
            // Never closed.
            && let Ok(given) = grant.given.acquire().await
        {
            given.forget();
        }
    }
}

/// A task's token, which no log may show.
#[derive(Clone, Eq, PartialEq)]
pub struct TaskToken(pub String);

impl std::fmt::Debug for TaskToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TaskToken(…)")
    }
}

/// How a task ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    Succeeded(Payload),
    /// The call was answered, and the task ends by its token.
    Submitted(Payload),
    Failed(Failure),
}

/// What happens to a call before its outcome.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Progress {
    /// It cannot begin at once: all places are taken, or the node lacks what a connection needs.
    Queued,
    /// The same of a call that may be made but once: that it has not begun must be known of it.
    QueuedOnce,
    /// It waits behind so many others that its execution may leave memory: then this call is given up, and
    /// made anew when its turn is near.
    Far,
    /// It begins after having been queued, once there is [`Leave`]; it may be queued again.
    Began,
}

/// Hears of a call's progress.
pub type Report<'a> = &'a (dyn Fn(Progress) + Send + Sync);
