//! Task: has work done outside, and goes on with its result.

use asl::program::{Resource, Seconds, Task};
use asl::{EvaluationError, Payload, StateKind};

use crate::command::{Command, Invocation};
use crate::data::Data;
use crate::event::{EventKind, FrameId, TaskKind};
use crate::execution::{At, OpenTask};
use crate::states::map::as_text;
use crate::states::too_large;
use crate::step::Step;
use crate::stimulus::Failure;

/// Schedules one attempt. The events say "started" at once: nothing is known about a call
/// until its outcome, and one turn instead of two is half the cost of a task.
pub(crate) fn perform(step: &mut Step<'_>, id: FrameId, task: &Task) -> Result<(), Failure> {
    let kind = kind_of(&task.resource);
    let (parameters, timeout_seconds, heartbeat_seconds) = Data::of(step, id)
        .and_then(|data| {
            let effective = data.effective_input(&task.input_path, None)?;
            let parameters = data.selected(task.parameters.as_ref(), effective.clone())?;
            let timeout = seconds(&data, task.timeout.as_ref(), &effective, "TimeoutSecondsPath")?;
            let heartbeat =
                seconds(&data, task.heartbeat.as_ref(), &effective, "HeartbeatSecondsPath")?;
            Ok((parameters, timeout, heartbeat))
        })
        .map_err(|error| step.runtime_failure(id, &error))?;
    if parameters.size_bytes() > step.limits.payload_bytes {
        return Err(too_large(named(&kind), "provided parameters"));
    }
    let deadline = timeout_seconds.map(|seconds| step.now.plus_seconds(seconds));
    let scheduled = step.record(
        id,
        EventKind::TaskScheduled {
            kind: kind.clone(),
            parameters: parameters.clone(),
            timeout_seconds,
            heartbeat_seconds,
        },
    );
    step.record(id, EventKind::TaskStarted { kind: kind.clone(), deadline });
    let Some(frame) = step.frame(id) else { return Ok(()) };
    let invocation = Invocation {
        task: scheduled,
        state: frame.state.to_string(),
        kind,
        parameters,
        attempt: frame.retry_count + 1,
        timeout_seconds,
    };
    // A full history records nothing; then there is no task to perform.
    if scheduled != 0 {
        step.command(Command::Invoke(invocation));
    }
    Ok(())
}

fn seconds(
    data: &Data<'_>,
    seconds: Option<&Seconds>,
    effective: &Payload,
    field: &str,
) -> Result<Option<u64>, EvaluationError> {
    let path = match seconds {
        None => return Ok(None),
        Some(Seconds::Fixed(seconds)) => return Ok(Some(*seconds)),
        Some(Seconds::Path(path)) => path,
    };
    let value = data.evaluate(path, effective)?;
    match value.as_u64() {
        Some(seconds) if seconds > 0 => Ok(Some(seconds)),
        _ => Err(EvaluationError {
            cause: format!(
                "The {field} field refers to value \"{}\" which is not a valid integer: {}",
                as_text(&value),
                path.text()
            ),
        }),
    }
}

fn kind_of(resource: &Resource) -> TaskKind {
    match resource {
        Resource::LambdaFunction { arn, .. }
        | Resource::LambdaInvoke { arn }
        | Resource::Unserved { arn, .. } => TaskKind::from(arn.to_string()),
        Resource::Url(url) => TaskKind::Url { url: url.to_string() },
    }
}

/// How AWS names a task in the texts about its size.
fn named(kind: &TaskKind) -> &str {
    match kind {
        TaskKind::Lambda { arn } => arn,
        TaskKind::Integration { resource_type, .. } => resource_type,
        TaskKind::Url { url } => url,
    }
}

/// The frame and the task with this number, if its outcome is still awaited.
fn open<'a>(step: &'a Step<'_>, task: u64) -> Option<(FrameId, &'a OpenTask)> {
    let id = *step.execution.tasks.get(&task)?;
    match &step.frame(id)?.at {
        At::Task(open) => Some((id, open)),
        _ => None,
    }
}

/// The task's result arrived.
pub(crate) fn succeeded(step: &mut Step<'_>, task: u64, result: Payload) {
    let Some((id, open)) = open(step, task) else { return };
    let kind = open.kind.clone();
    if result.size_bytes() > step.limits.payload_bytes {
        let failure = too_large(named(&kind), "returned a result");
        failed(step, task, failure);
        return;
    }
    let Some(state) = step.state_of(id) else { return };
    let program = step.program;
    let StateKind::Task(definition) = &program.state(state).kind else { return };
    // Evaluated before it is recorded, so that what the selector sees is the attempt's frame.
    step.record(id, EventKind::TaskSucceeded { kind, result: result.clone() });
    let output = Data::of(step, id)
        .and_then(|data| {
            let result = data.selected(definition.result_selector.as_ref(), result)?;
            data.output(result, &definition.result_path, &definition.output_path)
        })
        .map_err(|error| step.runtime_failure(id, &error));
    if let Err(failure) = output.and_then(|output| step.leave(id, output, definition.next)) {
        step.fail(id, failure);
    }
}

/// The task failed.
pub(crate) fn failed(step: &mut Step<'_>, task: u64, failure: Failure) {
    let Some((id, open)) = open(step, task) else { return };
    let kind = open.kind.clone();
    step.record(id, EventKind::TaskFailed { kind, failure: failure.clone() });
    step.fail(id, failure);
}

/// The task's deadline has passed.
pub(crate) fn timed_out(step: &mut Step<'_>, id: FrameId) {
    let Some(At::Task(open)) = step.frame(id).map(|frame| &frame.at) else { return };
    let (task, kind) = (open.id, open.kind.clone());
    step.command(Command::Abandon { task });
    step.record(id, EventKind::TaskTimedOut { kind });
    step.fail(id, Failure { error: Some("States.Timeout".to_owned()), cause: None });
}

/// The call waits for a free place; its timeout must not run meanwhile.
pub(crate) fn queued(step: &mut Step<'_>, task: u64) {
    let Some((id, open)) = open(step, task) else { return };
    if open.deadline.is_some() {
        step.record(id, EventKind::TaskQueued);
    }
}

/// The call has begun after it had to wait.
pub(crate) fn began(step: &mut Step<'_>, task: u64) {
    let Some((id, open)) = open(step, task) else { return };
    if let (Some(seconds), None) = (open.timeout_seconds, open.deadline) {
        let deadline = Some(step.now.plus_seconds(seconds));
        step.record(id, EventKind::TaskBegan { deadline });
    }
}
