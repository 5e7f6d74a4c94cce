//! What a turn asks of the outside world once it is committed.

use asl::Payload;

use crate::event::TaskKind;
use crate::execution::{At, Execution};

/// Asked of the world by a turn. After a crash the same commands are derived again, by
/// [`open_commands`].
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Perform a task and bring back its outcome.
    Invoke(Invocation),
    /// Nobody waits for this task any more; whoever performs it may stop.
    Abandon { task: u64 },
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
}

/// What must be under way for this execution: the invocations of all its open tasks.
pub fn open_commands(execution: &Execution) -> Vec<Command> {
    execution
        .frames()
        .filter_map(|frame| match &frame.at {
            At::Task(task) => Some(Command::Invoke(Invocation {
                task: task.id,
                state: frame.state.to_string(),
                kind: task.kind.clone(),
                parameters: task.parameters.clone(),
                attempt: frame.retry_count + 1,
                timeout_seconds: task.timeout_seconds,
            })),
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
