//! Going on with an execution that has failed, timed out or been stopped, where it stood.

use asl::Program;

use crate::event::{EventKind, FrameId};
use crate::execution::{Execution, Status};
use crate::limits::Limits;
use crate::random::Random;
use crate::step::{Step, Tokens};
use crate::timestamp::Timestamp;
use crate::turn::Turn;

impl Execution {
    /// Whether it has ended without success: what it had not done can be tried again.
    pub fn can_be_redriven(&self) -> bool {
        match self.status {
            Status::Failed | Status::TimedOut | Status::Aborted => true,
            Status::Running | Status::Succeeded => false,
        }
    }

    /// How often it has been redriven.
    pub fn redrives(&self) -> u32 {
        self.redrives
    }

    /// When it was last redriven, if ever.
    pub fn redriven_at(&self) -> Option<Timestamp> {
        self.redriven_at
    }
}

/// Goes on with an execution that has ended without success. As on AWS, the states that failed or were cut
/// off do again what they do, with the input they had; branches and iterations that had succeeded keep
/// their results, unless the state around them failed because these were too long; retriers and timeouts
/// count from the beginning.
///
/// The turn is empty if there is nothing to go on with ([`Execution::can_be_redriven`]), or no room for
/// it in the history.
pub fn redrive(
    program: &Program,
    execution: &mut Execution,
    now: Timestamp,
    random: &Random,
    limits: &Limits,
    tokens: &dyn Tokens,
) -> Turn {
    let first_event = execution.next_event;
    // One event more must fit: that the history is full.
    let has_room = limits.history_events.is_none_or(|most| execution.next_id < most);
    let is_possible = execution.can_be_redriven() && has_room;
    let kind = EventKind::ExecutionRedriven {
        count: execution.redrives + 1,
        deadline: program.timeout_seconds().map(|seconds| now.plus_seconds(seconds)),
        anew: too_much_in(execution),
    };
    let mut step = Step::new(program, execution, now, random, limits, tokens);
    if is_possible {
        step.record(FrameId::ROOT, kind);
        step.time_passes();
        step.run();
    }
    step.into_turn(first_event)
}

/// The frame of the state that failed because what it held was too long, if that is why. To keep the
/// results of its branches or iterations would be to fail again.
fn too_much_in(execution: &Execution) -> Option<FrameId> {
    let ending = execution.ending.as_ref()?;
    if ending.failure.name() != asl::error_name::DATA_LIMIT_EXCEEDED {
        return None;
    }
    ending.place
}
