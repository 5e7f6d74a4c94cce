//! What a turn asks of the outside world once it is committed.

use asl::Payload;

use crate::event::FrameId;
use crate::execution::{At, Execution, OpenTask, Phase};
use crate::task_kind::TaskKind;

/// Asked of the world by a turn. After a crash the same commands are derived again, by
/// [`open_commands`].
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Perform a task and bring back its outcome.
    Invoke(Invocation),
    /// Nobody waits for this task any more; whoever performs it may stop.
    Abandon { task: u64 },
    /// Look up whether an activity exists.
    FindActivity { arn: String, frame: FrameId, sought: u64 },
}

/// A task that a worker may take from now on; written in the commit of its turn.
#[derive(Clone, Debug, PartialEq)]
pub struct Offer {
    pub task: u64,
    /// The activity's ARN.
    pub activity: String,
    pub input: Payload,
}

/// One task to perform.
#[derive(Clone, Debug, PartialEq)]
pub struct Invocation {
    /// Id of the task's `…Scheduled` event: names the attempt within the execution, the same
    /// when a call is repeated after a crash, another for each retry.
    pub task: u64,
    pub state: String,
    pub kind: TaskKind,
    /// The effective input: what `InputPath` and `Parameters` made of the state's input.
    pub parameters: Payload,
    /// 1 for the first attempt in this visit of the state.
    pub attempt: u32,
    /// The state's `TimeoutSeconds`, if it has one.
    pub timeout_seconds: Option<u64>,
    /// The log says that it has not begun: before it does, [`crate::Stimulus::TaskBegan`] must be
    /// committed.
    pub queued: bool,
    /// It has a timeout that does not run until [`crate::Stimulus::TaskBegan`], though it may have
    /// been made before.
    pub delayed: bool,
}

/// What must be under way for this execution: the calls of all its open tasks, and the look-ups
/// of activities.
pub fn open_commands(execution: &Execution) -> Vec<Command> {
    execution
        .frames()
        .filter(|frame| !frame.is_doomed)
        .filter_map(|frame| match &frame.at {
            At::Task(task) => match task.phase {
                Phase::Calling => Some(invoke(task, &frame.state, frame.retry_count + 1)),
                Phase::Submitted | Phase::Offered | Phase::Taken => None,
            },
            At::Seeking(sought) => Some(Command::FindActivity {
                arn: sought.arn.clone(),
                frame: frame.id,
                sought: sought.at,
            }),
            At::Ready(_)
            | At::Entered
            | At::Waiting(_)
            | At::Retrying(_)
            | At::Branches(_)
            | At::Iterations(_)
            | At::Done(_) => None,
        })
        .collect()
}

/// The call of a task.
pub(crate) fn invoke(task: &OpenTask, state: &str, attempt: u32) -> Command {
    Command::Invoke(Invocation {
        task: task.id,
        state: state.to_owned(),
        kind: task.kind.clone(),
        parameters: task.parameters.clone(),
        attempt,
        timeout_seconds: task.timeout_seconds,
        queued: task.queued,
        delayed: !task.queued && task.timeout_seconds.is_some() && task.deadline.is_none(),
    })
}
