//! Event → execution: the only mutation. Nothing is decided here, so that a log written by any
//! release folds to the same execution.

mod closing;
mod kept;

use std::collections::BTreeMap;
use std::sync::Arc;

use asl::{Payload, Variables};
use serde_json::Value;

use crate::event::{Event, EventKind, FrameId};
use crate::execution::{
    At, Branches, Execution, Frame, Iterations, Memo, OpenTask, Phase, Sought, Status,
};
use crate::indexes::Indexes;
use crate::task_kind::TaskKind;
use crate::timestamp::Timestamp;

pub(crate) use kept::Kept;

/// Rebuilds an execution from its log. `None` if the log does not begin with a start.
pub fn fold<'a>(events: impl IntoIterator<Item = &'a Event>) -> Option<Execution> {
    let mut events = events.into_iter();
    let mut execution = begin(events.next()?)?;
    for event in events {
        apply(&mut execution, event);
    }
    Some(execution)
}

/// The execution that its first event makes.
pub(crate) fn begin(event: &Event) -> Option<Execution> {
    let EventKind::ExecutionStarted { identity, input, start, deadline, variables } = &event.kind
    else {
        return None;
    };
    let start: Arc<str> = start.as_str().into();
    let mut given = Variables::default();
    assign(&mut given, variables.as_ref());
    let root = new_frame(FrameId::ROOT, None, start, (input.clone(), given), 0, event.at);
    let mut indexes = Indexes::default();
    indexes.enter(&root);
    Some(Execution {
        identity: Arc::new((**identity).clone()),
        // Kept for as long as it runs: parsed when it is asked for, which few ask.
        input: input.at_rest(),
        started_at: event.at,
        last_at: event.at,
        status: Status::Running,
        ending: None,
        deadline: *deadline,
        frames: BTreeMap::from([(FrameId::ROOT, root)]),
        indexes,
        next_frame: FrameId(1),
        next_event: 1,
        next_id: 2,
        is_orphan: false,
        kept: Kept::default(),
        redrives: 0,
        redriven_at: None,
    })
}

/// Makes the execution what it is after this event.
pub fn apply(execution: &mut Execution, event: &Event) {
    execution.next_event += 1;
    execution.last_at = execution.last_at.max(event.at);
    if event.id != 0 {
        execution.next_id = event.id + 1;
    }
    if execution.status != Status::Running {
        // An end stands; nothing may follow it but this.
        return kept::redriven(execution, event);
    }
    match &event.kind {
        EventKind::ExecutionStarted { .. } | EventKind::ExecutionRedriven { .. } => {}
        EventKind::ExecutionSucceeded { .. }
        | EventKind::ExecutionFailed { .. }
        | EventKind::ExecutionTimedOut
        | EventKind::ExecutionAborted { .. } => kept::ended(execution, event),
        EventKind::ParallelStarted { first, starts, input } => {
            start_branches(execution, event, *first, starts, input);
        }
        EventKind::IterationStarted { index, child, input, .. } => {
            start_iteration(execution, event, *index, *child, input);
        }
        EventKind::IterationSucceeded { .. } | EventKind::BranchSucceeded => {
            deliver(execution, event, true);
        }
        EventKind::IterationFailed { .. } | EventKind::BranchFailed => {
            deliver(execution, event, false);
        }
        EventKind::IterationAborted { .. } => closing::iteration_aborted(execution, event.frame),
        EventKind::ParallelFailed | EventKind::MapFailed => {
            drop_children(execution, event.frame);
            change(execution, event, |_| At::Entered);
        }
        EventKind::RetryScheduled { retrier, until } => {
            drop_children(execution, event.frame);
            deal_with(execution, event.frame);
            count_retry(execution, event.frame, *retrier);
            change(execution, event, |_| At::Retrying(*until));
        }
        EventKind::MapNarrowed { concurrency } => narrow(execution, event.frame, *concurrency),
        EventKind::StateAborted { .. } => closing::state_aborted(execution, event),
        EventKind::ClosingStarted { closing } => closing::start(execution, event.frame, closing),
        EventKind::ActivitySought { .. }
        | EventKind::TaskScheduled { .. }
        | EventKind::TaskStarted { .. }
        | EventKind::TaskSubmitted { .. }
        | EventKind::TaskQueued
        | EventKind::TaskBegan { .. }
        | EventKind::ActivityReturned => change_task_state(execution, event),
        EventKind::StateExited { .. } => {
            deal_with(execution, event.frame);
            change_state(execution, event);
        }
        EventKind::StateEntered { .. }
        | EventKind::TaskSucceeded { .. }
        | EventKind::TaskFailed { .. }
        | EventKind::TaskTimedOut { .. }
        | EventKind::WaitScheduled { .. }
        | EventKind::ParallelSucceeded
        | EventKind::MapStarted { .. }
        | EventKind::MapSucceeded => change_state(execution, event),
        // What follows points back to it; the frame stays where it is.
        EventKind::EvaluationFailed { .. } => change(execution, event, |frame| frame.at.clone()),
    }
}

/// Events that concern one frame only.
fn change_state(execution: &mut Execution, event: &Event) {
    change(execution, event, |frame| match &event.kind {
        EventKind::StateEntered { state, input, .. } => {
            frame.state = state.as_str().into();
            share(&mut frame.input, input);
            frame.entered = event.id;
            frame.before = event.previous;
            frame.entered_at = event.at;
            frame.retries.clear();
            frame.retry_count = 0;
            At::Entered
        }
        EventKind::StateExited { output, next, assigned, .. } => {
            assign(&mut frame.variables, assigned.as_ref());
            match next {
                Some(next) => {
                    share(&mut frame.input, output);
                    At::Ready(next.as_str().into())
                }
                None => At::Done(output.clone()),
            }
        }
        EventKind::WaitScheduled { until } => At::Waiting(*until),
        EventKind::MapStarted { items, length, concurrency, start } => At::Iterations(Iterations {
            items: items.clone(),
            results: vec![None; *length as usize],
            open: 0,
            next: 0,
            concurrency: *concurrency,
            start: start.as_str().into(),
            chain: event.id,
            selected_from: Memo::default(),
        }),
        _ => At::Entered,
    });
}

/// Events of a task that is open, or about to be.
fn change_task_state(execution: &mut Execution, event: &Event) {
    // `apply` has counted this event already.
    let place = execution.next_event - 1;
    change(execution, event, |frame| match &event.kind {
        EventKind::ActivitySought { arn, parameters, timeout_seconds, heartbeat_seconds } => {
            At::Seeking(Sought {
                arn: arn.clone(),
                at: place,
                parameters: shared(&frame.input, parameters),
                timeout_seconds: *timeout_seconds,
                heartbeat_seconds: *heartbeat_seconds,
            })
        }
        EventKind::TaskScheduled { kind, parameters, timeout_seconds, heartbeat_seconds } => {
            At::Task(OpenTask {
                id: event.id,
                kind: kind.clone(),
                parameters: shared(&frame.input, parameters),
                timeout_seconds: *timeout_seconds,
                heartbeat_seconds: *heartbeat_seconds,
                phase: match kind {
                    TaskKind::Activity { .. } => Phase::Offered,
                    TaskKind::Lambda { .. } | TaskKind::Integration(_) | TaskKind::Url { .. } => {
                        Phase::Calling
                    }
                },
                queued: false,
                claim: None,
                deadline: None,
                scheduled_at: event.at,
                started_at: None,
                heartbeat_due: None,
            })
        }
        EventKind::TaskStarted { deadline, claim, .. } => change_task(&frame.at, |task| {
            task.deadline = *deadline;
            task.started_at = Some(event.at);
            if task.phase == Phase::Offered {
                task.phase = Phase::Taken;
                task.claim = *claim;
                expect_heartbeats(task, event.at);
            }
        }),
        EventKind::ActivityReturned => change_task(&frame.at, |task| {
            task.phase = Phase::Offered;
            task.claim = None;
            task.deadline = None;
            task.heartbeat_due = None;
        }),
        EventKind::TaskBegan { deadline } => change_task(&frame.at, |task| {
            task.queued = false;
            task.deadline = *deadline;
            task.started_at = Some(event.at);
        }),
        EventKind::TaskSubmitted { .. } => change_task(&frame.at, |task| {
            task.phase = Phase::Submitted;
            expect_heartbeats(task, event.at);
        }),
        EventKind::TaskQueued => change_task(&frame.at, |task| {
            task.queued = true;
            task.deadline = None;
        }),
        _ => At::Entered,
    });
}

/// A payload takes the place of this one. What only comes again stays the text that is shared already,
/// also where a log is read, each row of which has its own.
fn share(known: &mut Payload, payload: &Payload) {
    if known != payload {
        *known = payload.clone();
    }
}

/// A payload that waits for long; the text of this one if it is the same.
fn shared(known: &Payload, payload: &Payload) -> Payload {
    let same = if known == payload { known } else { payload };
    same.at_rest()
}

/// The members of this object become variables.
fn assign(variables: &mut Variables, assigned: Option<&Payload>) {
    let Some(Value::Object(members)) = assigned.map(Payload::value) else { return };
    variables.assign(members.iter().filter_map(|(name, value)| {
        Some((name.as_str(), Payload::from_text(value.to_string()).ok()?))
    }));
}

/// The names of the variables that this event assigns.
fn assigned(kind: &EventKind) -> impl Iterator<Item = &str> + Clone {
    let members = kind.assigned().and_then(|assigned| assigned.value().as_object());
    members.into_iter().flat_map(|members| members.keys().map(String::as_str))
}

fn change_task(at: &At, change: impl FnOnce(&mut OpenTask)) -> At {
    let mut at = at.clone();
    if let At::Task(task) = &mut at {
        change(task);
    }
    at
}

/// Whoever has the task now owes heartbeats, if the state asks for them.
fn expect_heartbeats(task: &mut OpenTask, now: Timestamp) {
    task.heartbeat_due = task.heartbeat_seconds.map(|seconds| now.plus_seconds(seconds));
}

/// Changes one frame and keeps the indexes over frames (ready, timers, tasks) true.
fn change(execution: &mut Execution, event: &Event, f: impl FnOnce(&mut Frame) -> At) {
    let Execution { frames, indexes, kept, .. } = execution;
    let Some(frame) = frames.get_mut(&event.frame) else { return };
    // A success that closes its branches does not lengthen the chain: AWS lets the
    // `…StateExited` that follows point past it.
    let closes = matches!(event.kind, EventKind::ParallelSucceeded | EventKind::MapSucceeded);
    let aborts = matches!(event.kind, EventKind::StateAborted { .. });
    if event.id != 0 && !closes && !aborts {
        frame.last = event.id;
    }
    indexes.remove(frame);
    let assigned = assigned(&event.kind);
    for name in assigned.clone() {
        frame.variables.own(name).into_iter().for_each(|value| indexes.held.release(value));
    }
    let now = f(frame);
    for name in assigned {
        frame.variables.own(name).into_iter().for_each(|value| indexes.held.hold(value));
    }
    let before = std::mem::replace(&mut frame.at, now);
    if frame.at.results().is_empty() {
        indexes.forget(before.results());
    }
    if kept::is_lost_by(&event.kind) {
        kept.keep(Frame { at: before, closing: None, ..frame.clone() });
    }
    if !frame.is_ready() && !matches!(frame.at, At::Entered) {
        frame.input = frame.input.at_rest();
    }
    frame.closing = None;
    indexes.add(frame);
}

fn new_frame(
    id: FrameId,
    parent: Option<(FrameId, u32)>,
    start: Arc<str>,
    (input, variables): (Payload, Variables),
    last: u64,
    at: Timestamp,
) -> Frame {
    Frame {
        id,
        parent,
        state: start.clone(),
        input,
        variables,
        entered: 0,
        before: 0,
        entered_at: at,
        last,
        retries: Vec::new(),
        retry_count: 0,
        at: At::Ready(start),
        closing: None,
        is_doomed: false,
        is_over: false,
    }
}

fn insert(execution: &mut Execution, frame: Frame) {
    execution.next_frame = execution.next_frame.max(FrameId(frame.id.0 + 1));
    execution.indexes.enter(&frame);
    execution.frames.insert(frame.id, frame);
}

fn start_branches(
    execution: &mut Execution,
    event: &Event,
    first: FrameId,
    starts: &[String],
    input: &Payload,
) {
    let open = u32::try_from(starts.len()).unwrap_or(u32::MAX);
    let Some(outer) = execution.frame(event.frame).map(|frame| frame.variables.inside()) else {
        return;
    };
    change(execution, event, |_| {
        At::Branches(Branches { results: vec![None; starts.len()], open })
    });
    for (index, start) in (0u32..).zip(starts) {
        let id = FrameId(first.0 + index);
        let parent = Some((event.frame, index));
        let start = start.as_str().into();
        let data = (input.clone(), outer.clone());
        insert(execution, new_frame(id, parent, start, data, event.id, event.at));
    }
}

fn start_iteration(
    execution: &mut Execution,
    event: &Event,
    index_of_item: u32,
    child: FrameId,
    input: &Payload,
) {
    let Execution { frames, indexes, .. } = execution;
    let Some(frame) = frames.get_mut(&event.frame) else { return };
    indexes.remove(frame);
    let mut start = None;
    if let At::Iterations(iterations) = &mut frame.at {
        iterations.open += 1;
        iterations.next = index_of_item + 1;
        start = Some(iterations.start.clone());
    }
    indexes.add(frame);
    let data = (input.at_rest(), frame.variables.inside());
    let Some(start) = start else { return };
    let parent = Some((event.frame, index_of_item));
    insert(execution, new_frame(child, parent, start, data, event.id, event.at));
}

/// A branch or an iteration ended: its parent goes on where the child's chain of events ended,
/// and keeps the result if there is one. As recorded on AWS, what closes a Map points back to
/// the last `MapIterationSucceeded`, and the next iteration to the last event before it.
fn deliver(execution: &mut Execution, event: &Event, succeeded: bool) {
    let child = event.frame;
    let Some(frame) = execution.frames.get(&child) else { return };
    let (last, parent) = (frame.last, frame.parent);
    let output = match &frame.at {
        At::Done(output) if succeeded => Some(output.clone()),
        _ => None,
    };
    if succeeded {
        take_out(execution, child);
    } else {
        remove(execution, child);
    }
    let Some((parent, place)) = parent else { return };
    let Execution { frames, indexes, .. } = execution;
    let Some(frame) = frames.get_mut(&parent) else { return };
    indexes.remove(frame);
    frame.last = if succeeded && event.id != 0 { event.id } else { last };
    let (results, open) = match &mut frame.at {
        At::Branches(branches) => (&mut branches.results, &mut branches.open),
        At::Iterations(iterations) => {
            iterations.chain = last;
            (&mut iterations.results, &mut iterations.open)
        }
        _ => {
            indexes.add(frame);
            return;
        }
    };
    *open = open.saturating_sub(1);
    if let Some(result) = results.get_mut(place as usize) {
        if let Some(output) = &output {
            indexes.held.hold(output);
        }
        *result = output.map(|output| output.at_rest());
    }
    indexes.add(frame);
}

fn narrow(execution: &mut Execution, id: FrameId, concurrency: u32) {
    let Execution { frames, indexes, .. } = execution;
    let Some(frame) = frames.get_mut(&id) else { return };
    indexes.remove(frame);
    if let At::Iterations(iterations) = &mut frame.at {
        iterations.concurrency = concurrency;
    }
    indexes.add(frame);
}

fn count_retry(execution: &mut Execution, frame: FrameId, retrier: u32) {
    let Some(frame) = execution.frames.get_mut(&frame) else { return };
    let retrier = retrier as usize;
    if frame.retries.len() <= retrier {
        frame.retries.resize(retrier + 1, 0);
    }
    frame.retries[retrier] += 1;
    frame.retry_count += 1;
}

/// Removes a frame that has not succeeded, and everything below it; a redrive goes on with them.
fn remove(execution: &mut Execution, id: FrameId) {
    drop_children(execution, id);
    if let Some(frame) = take_out(execution, id) {
        execution.kept.keep(frame);
    }
}

fn take_out(execution: &mut Execution, id: FrameId) -> Option<Frame> {
    let frame = execution.frames.remove(&id)?;
    execution.indexes.leave(&frame);
    Some(frame)
}

/// What failed in this frame has been dealt with.
fn deal_with(execution: &mut Execution, id: FrameId) {
    let Execution { frames, kept, .. } = execution;
    if let Some(frame) = frames.get(&id) {
        kept.forget(frame);
    }
}

fn drop_children(execution: &mut Execution, id: FrameId) {
    let children: Vec<FrameId> = execution.indexes.children_of(id).collect();
    for child in children {
        remove(execution, child);
    }
}
