//! What did happen: the log's vocabulary, versioned for ever.
//!
//! These are AWS's history events plus a few internal ones, which AWS's view leaves out and
//! which have no id. Everything that was decided is *in* the event (evaluated parameters, the
//! chosen delay, deadlines), so folding a log never decides anything again. Fields are only
//! ever added, with a default; a variant is never renamed.

use asl::Payload;
use serde::{Deserialize, Serialize};

use crate::stimulus::Failure;
use crate::task_kind::TaskKind;
use crate::timestamp::Timestamp;

/// One thing that happened to an execution.
#[derive(Clone, Debug, PartialEq)]
pub struct Event<P = Payload> {
    /// AWS's event id: 1, 2, 3, … for the events a user sees; 0 for internal ones.
    pub id: u64,
    /// AWS's `previousEventId`.
    pub previous: u64,
    pub at: Timestamp,
    /// Where it happened.
    pub frame: FrameId,
    pub kind: EventKind<P>,
}

/// Names a frame within its execution; 0 is the root.
#[derive(
    Clone, Copy, Debug, Default, Eq, PartialEq, Ord, PartialOrd, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct FrameId(pub u32);

impl FrameId {
    pub const ROOT: Self = Self(0);
}

/// The eight state types, as history events name them.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub enum StateType {
    Pass,
    Task,
    Choice,
    Wait,
    Succeed,
    Fail,
    Parallel,
    Map,
}

impl StateType {
    pub fn name(self) -> &'static str {
        match self {
            Self::Pass => "Pass",
            Self::Task => "Task",
            Self::Choice => "Choice",
            Self::Wait => "Wait",
            Self::Succeed => "Succeed",
            Self::Fail => "Fail",
            Self::Parallel => "Parallel",
            Self::Map => "Map",
        }
    }
}

/// Who this execution is; part of its first event.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Identity {
    pub arn: String,
    pub name: String,
    /// As the start named it, with version or alias if it had one.
    pub state_machine_arn: String,
    pub state_machine_name: String,
    pub role_arn: String,
    pub region: String,
    /// ARN of the version that runs, if a version or an alias was started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version_arn: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alias_arn: Option<String>,
}

/// What happened. `P` is how payloads are held: themselves in memory, numbers in a row's
/// table of payloads.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum EventKind<P = Payload> {
    ExecutionStarted {
        identity: Box<Identity>,
        input: P,
        start: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        deadline: Option<Timestamp>,
        /// An object of the variables that it begins with.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        variables: Option<P>,
    },
    ExecutionSucceeded {
        output: P,
    },
    ExecutionFailed {
        failure: Failure,
        /// The innermost state that failed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        state: Option<String>,
        /// Where that was.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        place: Option<FrameId>,
    },
    ExecutionTimedOut,
    ExecutionAborted {
        failure: Failure,
    },
    /// It goes on where it had failed; the only event that may follow one that ends an execution.
    ExecutionRedriven {
        /// How often that has happened by now.
        count: u32,
        /// When the whole execution times out from now on.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        deadline: Option<Timestamp>,
        /// The Parallel or Map that begins from the beginning, results or not.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        anew: Option<FrameId>,
    },
    StateEntered {
        state: String,
        of: StateType,
        input: P,
    },
    StateExited {
        state: String,
        of: StateType,
        output: P,
        /// The state that follows; absent at the end of a branch.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        next: Option<String>,
        /// An object of the variables that `Assign` gave values to.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        assigned: Option<P>,
    },
    /// An expression of JSONata had no value that suits.
    EvaluationFailed {
        state: String,
        /// Which field, `Output/total`; absent where the definition has no such field.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        location: Option<String>,
        failure: Failure,
    },
    /// A state was under way in a branch that ended because something failed.
    StateAborted {
        of: StateType,
    },
    TaskScheduled {
        kind: TaskKind,
        parameters: P,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        timeout_seconds: Option<u64>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        heartbeat_seconds: Option<u64>,
    },
    TaskStarted {
        kind: TaskKind,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        deadline: Option<Timestamp>,
        /// What the worker that took an activity's task calls itself.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        worker: Option<String>,
        /// Which hand-over it was.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        claim: Option<u64>,
    },
    /// The call was answered, and the task waits for its token.
    TaskSubmitted {
        kind: TaskKind,
        output: P,
    },
    TaskSucceeded {
        kind: TaskKind,
        result: P,
    },
    TaskFailed {
        kind: TaskKind,
        failure: Failure,
    },
    TaskTimedOut {
        kind: TaskKind,
    },
    ParallelStarted {
        /// Number of the first branch's frame; the others follow.
        first: FrameId,
        /// First state of each branch.
        starts: Vec<String>,
        input: P,
    },
    ParallelSucceeded,
    ParallelFailed,
    MapStarted {
        items: P,
        length: u32,
        concurrency: u32,
        start: String,
    },
    MapSucceeded,
    MapFailed,
    IterationStarted {
        /// Name of the Map state.
        map: String,
        index: u32,
        child: FrameId,
        input: P,
    },
    IterationSucceeded {
        /// Name of the Map state.
        map: String,
        index: u32,
    },
    IterationFailed {
        /// Name of the Map state.
        map: String,
        index: u32,
    },
    IterationAborted {
        /// Name of the Map state.
        map: String,
        index: u32,
    },
    /// Internal: an activity is looked up before its task is scheduled. Names itself by its
    /// place in the log.
    ActivitySought {
        arn: String,
        parameters: P,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        timeout_seconds: Option<u64>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        heartbeat_seconds: Option<u64>,
    },
    /// Internal: the worker was gone before it got the task, which waits for another.
    ActivityReturned,
    /// Internal: a Wait state waits until then.
    WaitScheduled {
        until: Timestamp,
    },
    /// Internal: the state will be tried again then.
    RetryScheduled {
        retrier: u32,
        until: Timestamp,
    },
    /// Internal: the task's call waits, and no timeout runs. It has never been made, and is not made
    /// before [`EventKind::TaskBegan`] is in the log.
    TaskQueued,
    /// Internal: a task's call begins, and with it the timeout; without a deadline, a call that may
    /// have been made before waits to be made again.
    TaskBegan {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        deadline: Option<Timestamp>,
    },
    /// Internal: a branch of a Parallel ended well.
    BranchSucceeded,
    /// Internal: a branch of a Parallel failed.
    BranchFailed,
    /// Internal: a Parallel or Map fails, and what is under way in it is more than one turn can end.
    /// Nothing happens below it any more but its end.
    ClosingStarted {
        closing: Box<Closing>,
    },
    /// Internal: the execution holds much in memory, so that from now on no more iterations of the Map
    /// run at once than these.
    MapNarrowed {
        concurrency: u32,
    },
}

/// Why a Parallel or Map is being closed.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Closing {
    pub failure: Failure,
    /// Another name that retriers and catchers may know the error by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub also: Option<String>,
    /// The innermost state that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Where that was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<FrameId>,
    /// The branch or iteration that failed and has not ended yet; absent if it has, or if none did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<FrameId>,
}

impl<P> EventKind<P> {
    /// Whether AWS's history shows it, and so counts it.
    pub fn is_visible(&self) -> bool {
        match self {
            Self::TaskSubmitted { kind, .. } => kind.shows_submission(),
            Self::WaitScheduled { .. }
            | Self::RetryScheduled { .. }
            | Self::ActivitySought { .. }
            | Self::ActivityReturned
            | Self::TaskQueued
            | Self::TaskBegan { .. }
            | Self::BranchSucceeded
            | Self::BranchFailed
            | Self::ClosingStarted { .. }
            | Self::MapNarrowed { .. } => false,
            _ => true,
        }
    }

    /// The payload it carries, if any.
    pub fn payload(&self) -> Option<&P> {
        match self {
            Self::ExecutionStarted { input, .. }
            | Self::StateEntered { input, .. }
            | Self::ParallelStarted { input, .. }
            | Self::IterationStarted { input, .. } => Some(input),
            Self::ExecutionSucceeded { output }
            | Self::StateExited { output, .. }
            | Self::TaskSubmitted { output, .. } => Some(output),
            Self::TaskScheduled { parameters, .. } | Self::ActivitySought { parameters, .. } => {
                Some(parameters)
            }
            Self::TaskSucceeded { result, .. } => Some(result),
            Self::MapStarted { items, .. } => Some(items),
            Self::ExecutionFailed { .. }
            | Self::ExecutionTimedOut
            | Self::ExecutionAborted { .. }
            | Self::ExecutionRedriven { .. }
            | Self::StateAborted { .. }
            | Self::EvaluationFailed { .. }
            | Self::TaskStarted { .. }
            | Self::TaskFailed { .. }
            | Self::TaskTimedOut { .. }
            | Self::ParallelSucceeded
            | Self::ParallelFailed
            | Self::MapSucceeded
            | Self::MapFailed
            | Self::IterationSucceeded { .. }
            | Self::IterationFailed { .. }
            | Self::IterationAborted { .. }
            | Self::ActivityReturned
            | Self::WaitScheduled { .. }
            | Self::RetryScheduled { .. }
            | Self::TaskQueued
            | Self::TaskBegan { .. }
            | Self::BranchSucceeded
            | Self::BranchFailed
            | Self::ClosingStarted { .. }
            | Self::MapNarrowed { .. } => None,
        }
    }

    /// The variables it assigns, if any.
    pub fn assigned(&self) -> Option<&P> {
        match self {
            Self::StateExited { assigned, .. } => assigned.as_ref(),
            Self::ExecutionStarted { variables, .. } => variables.as_ref(),
            _ => None,
        }
    }

    /// Whether nothing can happen after it but a redrive.
    pub fn is_terminal(&self) -> bool {
        matches!(
            self,
            Self::ExecutionSucceeded { .. }
                | Self::ExecutionFailed { .. }
                | Self::ExecutionTimedOut
                | Self::ExecutionAborted { .. }
        )
    }
}
