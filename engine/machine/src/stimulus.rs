//! What can happen to an execution and asks for a step.

use asl::Payload;
use serde::{Deserialize, Serialize};

use crate::event::FrameId;

/// Something that happens to an execution. One that is late, repeated or about a task that is
/// over yields an empty turn.
#[derive(Clone, Debug, PartialEq)]
pub enum Stimulus {
    /// Time has passed: whatever is due by now happens.
    Timer,
    /// The last turn was cut for its length: go on.
    Continue,
    /// A task's call brought its result. `task` is the id of its `…Scheduled` event.
    TaskSucceeded { task: u64, result: Payload },
    /// A task's call failed.
    TaskFailed { task: u64, failure: Failure },
    /// A task's call was answered; the task goes on until its token is used.
    TaskSubmitted { task: u64, output: Payload },
    /// The holder of a task's token says that it ended well.
    TokenSucceeded { task: u64, output: Payload },
    /// The holder of a task's token says that it failed.
    TokenFailed { task: u64, failure: Failure },
    /// The holder of a task's token says that it is still at work.
    Heartbeat { task: u64 },
    /// The activity that was sought in this frame, at this place of the log, exists.
    ActivityFound { frame: FrameId, sought: u64 },
    /// It does not.
    ActivityMissing { frame: FrameId, sought: u64 },
    /// A worker takes an activity's task. `claim` is a number of its own for each hand-over, by
    /// which the same one is known when it is asked for twice.
    ActivityStarted { task: u64, worker: Option<String>, claim: u64 },
    /// The worker was gone before it got the task.
    ActivityReturned { task: u64, claim: u64 },
    /// A task's call has to wait for its turn, and has certainly not been made: its timeout does not
    /// run meanwhile.
    TaskQueued { task: u64 },
    /// The same of a call that may have been made before.
    TaskDelayed { task: u64 },
    /// A call that had to wait begins: its timeout runs from now.
    TaskBegan { task: u64 },
    /// A user ends the execution.
    Stop { error: Option<String>, cause: Option<String> },
}

/// An ASL error and its cause. AWS knows failures that carry neither.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
}

/// Longest error name and longest cause, in characters, as AWS has them.
const MOST_ERROR: usize = 256;
const MOST_CAUSE: usize = 32_768;

impl Failure {
    /// An error with its cause; what is longer than AWS lets them be is cut off.
    pub fn new(error: impl Into<String>, cause: impl Into<String>) -> Self {
        Self::of(Some(error.into()), Some(cause.into()))
    }

    /// The same, where either may be missing.
    pub fn of(error: Option<String>, cause: Option<String>) -> Self {
        Self {
            error: error.map(|error| cut(error, MOST_ERROR)),
            cause: cause.map(|cause| cut(cause, MOST_CAUSE)),
        }
    }

    /// The error's name, empty if it has none.
    pub fn name(&self) -> &str {
        self.error.as_deref().unwrap_or_default()
    }
}

fn cut(mut text: String, most: usize) -> String {
    if let Some((end, _)) = text.char_indices().nth(most) {
        text.truncate(end);
    }
    text
}
