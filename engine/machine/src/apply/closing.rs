//! What is below a Parallel or Map that fails ends.

use super::below::remove;
use super::change;
use crate::event::{Closing, Event, FrameId};
use crate::execution::{At, Execution};

/// An iteration is cut off; what is under way in it ends next.
pub(super) fn iteration_aborted(execution: &mut Execution, id: FrameId) {
    if execution.indexes.children_of(id).next().is_none() {
        remove(execution, id);
    } else if let Some(frame) = execution.frames.get_mut(&id) {
        frame.is_over = true;
    }
}

/// A state was under way where nothing is waited for any more. A branch that only waited for its end
/// is over with that, and so is an iteration of which its end was said.
pub(super) fn state_aborted(execution: &mut Execution, event: &Event) {
    change(execution, event, |_| At::Entered);
    let Some(frame) = execution.frame(event.frame) else { return };
    let parent = frame.parent.and_then(|(parent, _)| execution.frame(parent));
    let is_branch = parent.is_some_and(|parent| matches!(parent.at, At::Branches(_)));
    if frame.is_over || (frame.is_doomed && is_branch) {
        remove(execution, event.frame);
    }
}

/// From now on nothing happens below this frame but its end.
pub(super) fn start(execution: &mut Execution, id: FrameId, closing: &Closing) {
    let Execution { frames, indexes, .. } = execution;
    let below: Vec<FrameId> = indexes.below(id).collect();
    for id in below {
        let Some(frame) = frames.get_mut(&id) else { continue };
        indexes.remove(frame);
        frame.is_doomed = true;
        indexes.add(frame);
    }
    let Some(frame) = frames.get_mut(&id) else { return };
    indexes.remove(frame);
    frame.closing = Some(Box::new(closing.clone()));
    indexes.add(frame);
}
