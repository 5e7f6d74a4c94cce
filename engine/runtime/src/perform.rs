//! Performing a task: one kind of task resource each, behind the engine's one trait.

use asl::Payload;
use futures_util::future::BoxFuture;
use machine::{Failure, TaskKind};
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
    /// 1 for the first attempt in this visit of the state.
    pub attempt: u32,
    pub kind: TaskKind,
    pub parameters: Payload,
    pub timeout_seconds: Option<u64>,
    /// It may have been made before a crash.
    pub repeated: bool,
}

/// How a task ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    Succeeded(Payload),
    Failed(Failure),
}

/// What happens to a call before its outcome.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Progress {
    /// It cannot begin at once: all places are taken.
    Queued,
    /// It begins after having been queued.
    Began,
}

/// Performs tasks; the engine's extension point, and the seam for scripted answers.
pub trait Perform: Send + Sync {
    /// Performs one call. Dropping the future gives it up.
    fn perform<'a>(
        &'a self,
        call: &'a Call,
        progress: &'a (dyn Fn(Progress) + Send + Sync),
    ) -> BoxFuture<'a, Outcome>;
}
