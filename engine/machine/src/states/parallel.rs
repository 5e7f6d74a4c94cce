//! Parallel: runs its branches side by side and gathers their outputs.

use asl::payload::TooDeep;
use asl::program::Parallel;
use asl::{Made, Payload, StateKind};

use crate::data::Data;
use crate::event::{EventKind, FrameId};
use crate::execution::At;
use crate::step::Step;
use crate::stimulus::Failure;

/// Starts all branches, each with a copy of the effective input.
pub(crate) fn begin(step: &mut Step<'_>, id: FrameId, parallel: &Parallel) -> Result<(), Failure> {
    let input = Data::of(step, id)
        .and_then(|data| data.arguments(data.effective_input()?))
        .map_err(|error| step.evaluation_failure(id, &error))?;
    let input = step.limited_input(id, input)?;
    let first = step.execution.next_frame;
    let program = step.program;
    let starts =
        parallel.branches.iter().map(|start| program.state(*start).name.to_string()).collect();
    step.record(id, EventKind::ParallelStarted { first, starts, input });
    Ok(())
}

/// A branch ended well: if it was the last, the state is done.
pub(crate) fn branch_ended(step: &mut Step<'_>, id: FrameId) {
    if let Err(failure) = step.within_memory(id, Made::Result) {
        step.fail(id, failure);
        return;
    }
    let Some(At::Branches(branches)) = step.frame(id).map(|frame| &frame.at) else { return };
    if branches.open > 0 {
        return;
    }
    let result = Payload::array(branches.results.iter().flatten());
    step.record(id, EventKind::ParallelSucceeded);
    let Some(state) = step.state_of(id) else { return };
    let program = step.program;
    if let StateKind::Parallel(parallel) = &program.state(state).kind
        && let Err(failure) = leave(step, id, parallel, result)
    {
        step.fail(id, failure);
    }
}

fn leave(
    step: &mut Step<'_>,
    id: FrameId,
    parallel: &Parallel,
    result: Result<Payload, TooDeep>,
) -> Result<(), Failure> {
    let left = Data::of(step, id)
        .and_then(|data| data.left(result?))
        .map_err(|error| step.evaluation_failure(id, &error))?;
    step.leave(id, left, parallel.next)
}
