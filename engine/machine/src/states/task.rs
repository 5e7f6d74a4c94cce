//! Task: has work done outside, and goes on with its result.

use std::ops::RangeInclusive;

use asl::program::{Pattern, Resource, Seconds, Task};
use asl::{EvaluationError, Made, Payload, StateKind};
use serde_json::json;

use crate::command::{Command, Offer, invoke};
use crate::data::Data;
use crate::event::{EventKind, FrameId};
use crate::execution::{At, OpenTask, Phase};
use crate::states::map::as_text;
use crate::states::too_large;
use crate::step::Step;
use crate::stimulus::Failure;
use crate::task_kind::TaskKind;

/// Longest timeout and longest time between heartbeats, as AWS has them.
const MOST_SECONDS: u64 = 99_999_999;

/// Schedules one attempt. The events say "started" at once: nothing is known about a call
/// until its outcome, and one turn instead of two is half the cost of a task. An activity is
/// looked up first: one that does not exist fails the state before anything is scheduled.
pub(crate) fn perform(step: &mut Step<'_>, id: FrameId, task: &Task) -> Result<(), Failure> {
    let kind = kind_of(&task.resource);
    let (parameters, timeout_seconds, heartbeat_seconds) = Data::of(step, id)
        .and_then(|data| {
            let data = if kind.waits_for_token() {
                // The number of the event that is recorded next.
                data.with_token(step.tokens.token(step.execution.next_id))
            } else {
                data
            };
            let effective = data.effective_input()?;
            let parameters = data.arguments(effective.clone())?;
            let (timeout, heartbeat) = limits(&data, task, &effective)?;
            Ok((parameters, timeout, heartbeat))
        })
        .map_err(|error| step.evaluation_failure(id, &error))?;
    if parameters.size_bytes() > step.limits.payload_bytes {
        return Err(too_large(kind.named(), Made::Parameters));
    }
    if let Resource::Integration(integration) = &task.resource {
        integration.check(&parameters).map_err(|error| step.evaluation_failure(id, &error))?;
    }
    if let TaskKind::Activity { arn } = kind {
        let sought = step.execution.next_event;
        let find = Command::FindActivity { arn: arn.clone(), frame: id, sought };
        step.record(
            id,
            EventKind::ActivitySought { arn, parameters, timeout_seconds, heartbeat_seconds },
        );
        step.command(find);
        return Ok(());
    }
    let scheduled = step.record(
        id,
        EventKind::TaskScheduled {
            kind: kind.clone(),
            parameters,
            timeout_seconds,
            heartbeat_seconds,
        },
    );
    let deadline = timeout_seconds.map(|seconds| step.now.plus_seconds(seconds));
    step.record(id, EventKind::TaskStarted { kind, deadline, worker: None, claim: None });
    // A full history records nothing; then there is no task to perform.
    if let Some((_, open)) = open(step, scheduled)
        && let Some(frame) = step.frame(id)
    {
        let command = invoke(open, &frame.state, frame.retry_count + 1);
        step.command(command);
    }
    Ok(())
}

/// The seconds that the task may take, and those between heartbeats. Heartbeats are told of
/// before the time is over, so an expression's value is bounded by the other's.
fn limits(
    data: &Data<'_>,
    task: &Task,
    effective: &Payload,
) -> Result<(Option<u64>, Option<u64>), EvaluationError> {
    let least = match task.heartbeat {
        Some(Seconds::Fixed(heartbeat)) => heartbeat + 1,
        Some(Seconds::Path(_) | Seconds::Query(_)) | None => 0,
    };
    let range = least..=MOST_SECONDS;
    let timeout = seconds(data, task.timeout.as_ref(), effective, "TimeoutSecondsPath", range)?;
    let range = 0..=timeout.map_or(MOST_SECONDS, |timeout| timeout.saturating_sub(1));
    let heartbeat =
        seconds(data, task.heartbeat.as_ref(), effective, "HeartbeatSecondsPath", range)?;
    Ok((timeout, heartbeat))
}

/// What the field says; an expression says a number in this range.
fn seconds(
    data: &Data<'_>,
    seconds: Option<&Seconds>,
    effective: &Payload,
    field: &str,
    range: RangeInclusive<u64>,
) -> Result<Option<u64>, EvaluationError> {
    let path = match seconds {
        None => return Ok(None),
        Some(Seconds::Fixed(seconds)) => return Ok(Some(*seconds)),
        Some(Seconds::Path(path)) => path,
        Some(Seconds::Query(query)) => {
            let range = range.start().cast_signed()..=range.end().cast_signed();
            return data.ask(|scope| query.integer(scope, range)).map(|it| Some(it.unsigned_abs()));
        }
    };
    let value = data.evaluate(path, effective)?;
    match value.as_u64() {
        Some(seconds @ 1..=MOST_SECONDS) => Ok(Some(seconds)),
        _ => Err(EvaluationError::runtime(format!(
            "The {field} field refers to value \"{}\" which is not a valid integer: {}",
            as_text(&value),
            path.text()
        ))),
    }
}

pub(crate) fn kind_of(resource: &Resource) -> TaskKind {
    match resource {
        Resource::LambdaFunction { arn, .. } | Resource::Swf { arn } => {
            TaskKind::Lambda { arn: arn.to_string() }
        }
        Resource::Integration(integration) => TaskKind::Integration(integration.clone()),
        Resource::Activity { arn } => TaskKind::Activity { arn: arn.to_string() },
        Resource::Url { url, pattern } => TaskKind::Url {
            url: url.to_string(),
            waits_for_token: *pattern == Pattern::WaitForTaskToken,
        },
    }
}

/// The frame and the task with this number, if its outcome is still awaited. One that no worker
/// has taken has none.
fn open<'a>(step: &'a Step<'_>, task: u64) -> Option<(FrameId, &'a OpenTask)> {
    let id = *step.execution.indexes.tasks.get(&task)?;
    match &step.frame(id)?.at {
        At::Task(open) if open.phase != Phase::Offered => Some((id, open)),
        _ => None,
    }
}

/// The task's call was answered. One that waits for its token, or whose function said that the
/// answer will come later, goes on.
pub(crate) fn submitted(step: &mut Step<'_>, task: u64, output: Payload) {
    let Some((id, open)) = open(step, task).filter(|(_, open)| open.phase == Phase::Calling) else {
        return;
    };
    let kind = open.kind.clone();
    if output.size_bytes() > step.limits.payload_bytes {
        let failure = too_large(kind.named(), Made::Result);
        failed(step, task, failure);
        return;
    }
    step.record(id, EventKind::TaskSubmitted { kind, output });
}

/// The holder of the token sent a result. It stands for what a function would have answered, so
/// a task that was called by `lambda:invoke` and expected an answer gets it in that shape.
pub(crate) fn token_succeeded(step: &mut Step<'_>, task: u64, output: Payload) {
    let Some((_, open)) = open(step, task) else { return };
    let is_invocation = matches!(
        &open.kind,
        TaskKind::Integration(integration)
            if integration.invokes_lambda() && integration.pattern == Pattern::RequestResponse
    );
    if !is_invocation {
        succeeded(step, task, output);
        return;
    }
    let answer = json!({
        "ExecutedVersion": "$LATEST",
        "Payload": output.value(),
        "StatusCode": 200,
    });
    match Payload::from_value(answer) {
        Ok(result) => succeeded(step, task, result),
        Err(why) => failed(step, task, Failure::new("States.Runtime", why.to_string())),
    }
}

/// The frame that looks for an activity, if it is still this look-up it waits for.
fn seeking<'a>(step: &'a Step<'_>, id: FrameId, sought: u64) -> Option<&'a crate::Sought> {
    match &step.frame(id).filter(|frame| !frame.is_doomed)?.at {
        At::Seeking(open) if open.at == sought => Some(open),
        _ => None,
    }
}

/// The activity exists: its task is scheduled, and waits for a worker.
pub(crate) fn activity_found(step: &mut Step<'_>, id: FrameId, sought: u64) {
    let Some(open) = seeking(step, id, sought) else { return };
    let (activity, input) = (open.arn.clone(), open.parameters.clone());
    let (timeout_seconds, heartbeat_seconds) = (open.timeout_seconds, open.heartbeat_seconds);
    let task = step.record(
        id,
        EventKind::TaskScheduled {
            kind: TaskKind::Activity { arn: activity.clone() },
            parameters: input.clone(),
            timeout_seconds,
            heartbeat_seconds,
        },
    );
    // A full history records nothing.
    if task != 0 {
        step.offer(Offer { task, activity, input });
    }
}

/// The activity does not exist.
pub(crate) fn activity_missing(step: &mut Step<'_>, id: FrameId, sought: u64) {
    let Some(open) = seeking(step, id, sought) else { return };
    let cause = format!("The activity {} does not exist.", open.arn);
    let failure = step.evaluation_failure(id, &EvaluationError::runtime(cause));
    step.fail(id, failure);
}

/// The activity's task in this frame, whoever has it.
fn activity_task<'a>(step: &'a Step<'_>, task: u64) -> Option<(FrameId, &'a OpenTask)> {
    let id = *step.execution.indexes.tasks.get(&task)?;
    match &step.frame(id)?.at {
        At::Task(open) if matches!(open.kind, TaskKind::Activity { .. }) => Some((id, open)),
        _ => None,
    }
}

/// A worker takes the task: its timeout and its heartbeats count from now, as on AWS.
pub(crate) fn activity_started(step: &mut Step<'_>, task: u64, worker: Option<String>, claim: u64) {
    let Some((id, open)) = activity_task(step, task) else { return };
    if open.phase != Phase::Offered {
        step.heard = open.claim == Some(claim);
        return;
    }
    let kind = open.kind.clone();
    let deadline = open.timeout_seconds.map(|seconds| step.now.plus_seconds(seconds));
    step.record(id, EventKind::TaskStarted { kind, deadline, worker, claim: Some(claim) });
    step.withdraw(task);
}

/// The worker was gone before it got the task: another may take it.
pub(crate) fn activity_returned(step: &mut Step<'_>, task: u64, claim: u64) {
    let Some((id, open)) = activity_task(step, task) else { return };
    if open.claim != Some(claim) {
        return;
    }
    let offer = Offer { task, activity: open.kind.resource(), input: open.parameters.clone() };
    step.record(id, EventKind::ActivityReturned);
    step.offer(offer);
}

/// Whether the task's call is awaited; once it was answered, it has nothing more to say.
fn is_calling(step: &Step<'_>, task: u64) -> bool {
    open(step, task).is_some_and(|(_, open)| open.phase == Phase::Calling)
}

/// The call brought the task's result.
pub(crate) fn call_succeeded(step: &mut Step<'_>, task: u64, result: Payload) {
    if is_calling(step, task) {
        succeeded(step, task, result);
    }
}

/// The call failed.
pub(crate) fn call_failed(step: &mut Step<'_>, task: u64, failure: Failure) {
    if is_calling(step, task) {
        failed(step, task, failure);
    }
}

/// The task's result arrived.
fn succeeded(step: &mut Step<'_>, task: u64, result: Payload) {
    let Some((id, open)) = open(step, task) else { return };
    let kind = open.kind.clone();
    if result.size_bytes() > step.limits.payload_bytes {
        let failure = too_large(kind.named(), Made::Result);
        failed(step, task, failure);
        return;
    }
    let Some(state) = step.state_of(id) else { return };
    let program = step.program;
    let StateKind::Task(definition) = &program.state(state).kind else { return };
    step.record(id, EventKind::TaskSucceeded { kind, result: result.clone() });
    let left = Data::of(step, id)
        .and_then(|data| data.left(result))
        .map_err(|error| step.evaluation_failure(id, &error));
    if let Err(failure) = left.and_then(|left| step.leave(id, left, definition.next)) {
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

/// The task's deadline has passed, or its heartbeat was missed. As recorded on AWS, both are
/// shown as `States.Timeout`; a retrier or catcher may name a missed heartbeat by its own name.
pub(crate) fn timed_out(step: &mut Step<'_>, id: FrameId) {
    let Some(At::Task(open)) = step.frame(id).map(|frame| &frame.at) else { return };
    let kind = open.kind.clone();
    let is_over = open.deadline.is_some_and(|deadline| deadline <= step.now);
    let also = (!is_over).then_some("States.HeartbeatTimeout");
    step.abandon(id);
    step.record(id, EventKind::TaskTimedOut { kind });
    step.fail_as(id, Failure { error: Some("States.Timeout".to_owned()), cause: None }, also);
}

/// The call waits and has never been made; its timeout must not run meanwhile.
pub(crate) fn queued(step: &mut Step<'_>, task: u64) {
    let Some((id, open)) = open(step, task) else { return };
    if open.phase == Phase::Calling && !open.queued {
        step.record(id, EventKind::TaskQueued);
    }
}

/// The call waits, and an earlier owner may have made it; its timeout must not run meanwhile.
pub(crate) fn delayed(step: &mut Step<'_>, task: u64) {
    let Some((id, open)) = open(step, task) else { return };
    if open.phase == Phase::Calling && open.deadline.is_some() {
        step.record(id, EventKind::TaskBegan { deadline: None });
    }
}

/// The call begins after it had to wait.
pub(crate) fn began(step: &mut Step<'_>, task: u64) {
    let Some((id, open)) = open(step, task) else { return };
    let runs = open.deadline.is_some() || open.timeout_seconds.is_none();
    if open.phase != Phase::Taken && (open.queued || !runs) {
        let deadline = open.timeout_seconds.map(|seconds| step.now.plus_seconds(seconds));
        step.record(id, EventKind::TaskBegan { deadline });
    }
}
