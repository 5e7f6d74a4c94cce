//! Frames below a frame: branches and iterations begin, and hand up what they came to.

use std::sync::Arc;

use asl::{Payload, Variables};

use super::change;
use crate::event::{Event, FrameId};
use crate::execution::{At, Branches, Execution, Frame};
use crate::timestamp::Timestamp;

pub(super) fn start_branches(
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

pub(super) fn start_iteration(
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
pub(super) fn deliver(execution: &mut Execution, event: &Event, succeeded: bool) {
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

pub(super) fn narrow(execution: &mut Execution, id: FrameId, concurrency: u32) {
    let Execution { frames, indexes, .. } = execution;
    let Some(frame) = frames.get_mut(&id) else { return };
    indexes.remove(frame);
    if let At::Iterations(iterations) = &mut frame.at {
        iterations.concurrency = concurrency;
    }
    indexes.add(frame);
}

pub(super) fn new_frame(
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

/// Removes a frame that has not succeeded, and everything below it; a redrive goes on with them.
pub(super) fn remove(execution: &mut Execution, id: FrameId) {
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

pub(super) fn drop_children(execution: &mut Execution, id: FrameId) {
    let children: Vec<FrameId> = execution.indexes.children_of(id).collect();
    for child in children {
        remove(execution, child);
    }
}
