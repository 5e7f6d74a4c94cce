//! Succeed: ends its branch well.

use asl::program::Next;

use crate::data::Data;
use crate::event::FrameId;
use crate::step::Step;
use crate::stimulus::Failure;

pub(crate) fn enter(step: &mut Step<'_>, id: FrameId) -> Result<(), Failure> {
    let left = Data::of(step, id)
        .and_then(|data| data.passed(&data.effective_input()?))
        .map_err(|error| step.evaluation_failure(id, &error))?;
    step.leave(id, left, Next::End)
}
