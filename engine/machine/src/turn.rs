//! What one step decided, and what may be said in it afterwards.

use crate::apply::apply;
use crate::command::{Command, Offer};
use crate::event::{Event, EventKind};
use crate::execution::Execution;
use crate::milestone::Milestone;

/// What one step decided: the unit of commit.
#[derive(Clone, Debug, PartialEq)]
pub struct Turn {
    /// Place in the log of the first event.
    pub first_event: u64,
    /// Empty if the stimulus was stale.
    pub events: Vec<Event>,
    /// To be carried out once the events are committed.
    pub commands: Vec<Command>,
    /// Tasks of activities that workers may take once the events are committed.
    pub offers: Vec<Offer>,
    /// Tasks that were offered and are not any more.
    pub withdrawn: Vec<u64>,
    /// What was asked for is so, though no event tells of it: a heartbeat was received by a task
    /// that is open, or a task is already whose it is to be.
    pub heard: bool,
    /// What became of tasks, in the order of the events.
    pub milestones: Vec<Milestone>,
}

/// Records in this turn that the calls it asks for have not begun: whoever decides it will not let them
/// begin for now, and whoever comes after must know that they were never made.
pub fn hold_back(execution: &mut Execution, turn: &mut Turn) {
    let Some(at) = turn.events.last().map(|event| event.at) else { return };
    for command in &mut turn.commands {
        let Command::Invoke(call) = command else { continue };
        // One that the same turn has given up is open no more.
        let Some(frame) = execution.indexes.tasks.get(&call.task) else { continue };
        let event = Event { id: 0, previous: 0, at, frame: *frame, kind: EventKind::TaskQueued };
        apply(execution, &event);
        turn.events.push(event);
        call.queued = true;
    }
}
