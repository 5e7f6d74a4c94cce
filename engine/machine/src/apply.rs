//! Event → execution: the only mutation. Nothing is decided here, so that a log written by any
//! release folds to the same execution.

mod below;
mod closing;
mod kept;
mod task;

use std::collections::BTreeMap;
use std::sync::Arc;

use asl::{Payload, Variables};
use serde_json::Value;

use crate::event::{Event, EventKind, FrameId};
use crate::execution::{At, Execution, Frame, Iterations, Memo, Status};
use crate::indexes::Indexes;

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
    let root = below::new_frame(FrameId::ROOT, None, start, (input.clone(), given), 0, event.at);
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
            below::start_branches(execution, event, *first, starts, input);
        }
        EventKind::IterationStarted { index, child, input, .. } => {
            below::start_iteration(execution, event, *index, *child, input);
        }
        EventKind::IterationSucceeded { .. } | EventKind::BranchSucceeded => {
            below::deliver(execution, event, true);
        }
        EventKind::IterationFailed { .. } | EventKind::BranchFailed => {
            below::deliver(execution, event, false);
        }
        EventKind::IterationAborted { .. } => closing::iteration_aborted(execution, event.frame),
        EventKind::ParallelFailed | EventKind::MapFailed => {
            below::drop_children(execution, event.frame);
            change(execution, event, |_| At::Entered);
        }
        EventKind::RetryScheduled { retrier, until } => {
            below::drop_children(execution, event.frame);
            deal_with(execution, event.frame);
            count_retry(execution, event.frame, *retrier);
            change(execution, event, |_| At::Retrying(*until));
        }
        EventKind::MapNarrowed { concurrency } => {
            below::narrow(execution, event.frame, *concurrency);
        }
        EventKind::StateAborted { .. } => closing::state_aborted(execution, event),
        EventKind::ClosingStarted { closing } => closing::start(execution, event.frame, closing),
        EventKind::ActivitySought { .. }
        | EventKind::TaskScheduled { .. }
        | EventKind::TaskStarted { .. }
        | EventKind::TaskSubmitted { .. }
        | EventKind::TaskQueued
        | EventKind::TaskBegan { .. }
        | EventKind::ActivityReturned => task::change_task_state(execution, event),
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

fn count_retry(execution: &mut Execution, frame: FrameId, retrier: u32) {
    let Some(frame) = execution.frames.get_mut(&frame) else { return };
    let retrier = retrier as usize;
    if frame.retries.len() <= retrier {
        frame.retries.resize(retrier + 1, 0);
    }
    frame.retries[retrier] += 1;
    frame.retry_count += 1;
}

/// What failed in this frame has been dealt with.
fn deal_with(execution: &mut Execution, id: FrameId) {
    let Execution { frames, kept, .. } = execution;
    if let Some(frame) = frames.get(&id) {
        kept.forget(frame);
    }
}
