//! What a failure leaves behind: where control stood before the failing began.
//!
//! The events of a failure close one frame after the other, so that at the last of them only the root is
//! left. What they close is kept here as it was, until somebody deals with the failure (a retrier, a
//! catcher) or the execution has ended: then this is what a redrive goes on from. All of it follows from
//! the log, and no event carries any of it.

use std::collections::BTreeMap;

use crate::event::{Event, EventKind, FrameId};
use crate::execution::{At, Ending, Execution, Frame, Status};
use crate::indexes::Indexes;
use crate::stimulus::Failure;

/// Frames that are over though they have not succeeded, each as it was before it was closed; by what is
/// around them.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Kept(BTreeMap<(Option<FrameId>, FrameId), Frame>);

impl Kept {
    /// Keeps a frame, unless it has been kept: what it was first counts.
    pub(super) fn keep(&mut self, mut frame: Frame) {
        // When it was last heard of is in no event, and nobody waits for it any more.
        if let At::Task(task) = &mut frame.at {
            task.heartbeat_due = None;
        }
        let parent = frame.parent.map(|(parent, _)| parent);
        self.0.entry((parent, frame.id)).or_insert(frame);
    }

    /// Whatever failed in this frame has been dealt with.
    pub(super) fn forget(&mut self, frame: &Frame) {
        if self.0.is_empty() {
            return;
        }
        self.0.remove(&(frame.parent.map(|(parent, _)| parent), frame.id));
        self.forget_below(frame.id);
    }

    fn forget_below(&mut self, id: FrameId) {
        let mut open = vec![id];
        while let Some(id) = open.pop() {
            let all = (Some(id), FrameId::ROOT)..=(Some(id), FrameId(u32::MAX));
            open.extend(self.0.extract_if(all, |_, _| true).map(|((_, child), _)| child));
        }
    }

    /// All that is kept.
    pub(crate) fn frames(&self) -> impl Iterator<Item = &Frame> {
        self.0.values()
    }

    /// These, and no others.
    pub(crate) fn of(frames: impl IntoIterator<Item = Frame>) -> Self {
        let mut kept = Self::default();
        frames.into_iter().for_each(|frame| kept.keep(frame));
        kept
    }

    /// How many frames of branches or iterations are kept right below this one.
    fn count_below(&self, id: FrameId) -> u32 {
        let all = (Some(id), FrameId::ROOT)..=(Some(id), FrameId(u32::MAX));
        u32::try_from(self.0.range(all).count()).unwrap_or(u32::MAX)
    }
}

/// Whether this event takes from its frame what a redrive needs: the task that is open, the results of
/// branches and iterations.
pub(super) fn is_lost_by(kind: &EventKind) -> bool {
    matches!(
        kind,
        EventKind::ParallelSucceeded
            | EventKind::MapSucceeded
            | EventKind::ParallelFailed
            | EventKind::MapFailed
            | EventKind::StateAborted { .. }
    )
}

/// The execution has ended; what had not succeeded is kept.
pub(super) fn ended(execution: &mut Execution, event: &Event) {
    let plain = Ending {
        at: event.at,
        output: None,
        failure: Failure::default(),
        state: None,
        place: None,
    };
    let (status, ending) = match &event.kind {
        EventKind::ExecutionSucceeded { output } => {
            (Status::Succeeded, Ending { output: Some(output.clone()), ..plain })
        }
        EventKind::ExecutionFailed { failure, state, place } => {
            let (failure, state) = (failure.clone(), state.clone());
            (Status::Failed, Ending { failure, state, place: *place, ..plain })
        }
        EventKind::ExecutionAborted { failure } => {
            (Status::Aborted, Ending { failure: failure.clone(), ..plain })
        }
        _ => (Status::TimedOut, plain),
    };
    execution.status = status;
    execution.ending = Some(ending);
    execution.indexes = Indexes::default();
    let frames = std::mem::take(&mut execution.frames);
    if status == Status::Succeeded {
        execution.kept = Kept::default();
        return;
    }
    for frame in frames.into_values() {
        execution.kept.keep(frame);
    }
}

/// An execution that had failed goes on where it stood.
pub(super) fn redriven(execution: &mut Execution, event: &Event) {
    let EventKind::ExecutionRedriven { count, deadline, anew } = &event.kind else { return };
    if !execution.can_be_redriven() {
        return;
    }
    execution.status = Status::Running;
    execution.ending = None;
    execution.deadline = *deadline;
    execution.redrives = *count;
    execution.redriven_at = Some(event.at);
    let mut kept = std::mem::take(&mut execution.kept);
    if let Some(anew) = anew {
        kept.forget_below(*anew);
    }
    let open: Vec<u32> = kept.0.values().map(|frame| kept.count_below(frame.id)).collect();
    for (frame, open) in kept.0.into_values().zip(open) {
        let is_anew = *anew == Some(frame.id);
        let frame = revived(frame, event, open, is_anew);
        execution.indexes.enter(&frame);
        execution.frames.insert(frame.id, frame);
    }
}

/// A frame that goes on: branches and iterations that have succeeded stay so, the others are under way
/// again, and any other state does again what it does. Its retriers count from the beginning.
fn revived(frame: Frame, event: &Event, now_open: u32, is_anew: bool) -> Frame {
    let at = match frame.at {
        At::Ready(state) => At::Ready(state),
        At::Branches(mut branches) if !is_anew => {
            branches.open = now_open;
            At::Branches(branches)
        }
        At::Iterations(mut iterations) if !is_anew => {
            iterations.open = now_open;
            iterations.chain = event.id;
            At::Iterations(iterations)
        }
        At::Entered
        | At::Seeking(_)
        | At::Task(_)
        | At::Waiting(_)
        | At::Retrying(_)
        | At::Branches(_)
        | At::Iterations(_)
        | At::Done(_) => At::Retrying(event.at),
    };
    Frame {
        at,
        last: event.id,
        retries: Vec::new(),
        retry_count: 0,
        closing: None,
        is_doomed: false,
        is_over: false,
        ..frame
    }
}
