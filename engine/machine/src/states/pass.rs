//! Pass: hands its input on, shaped or replaced.

use asl::program::Pass;

use crate::data::Data;
use crate::event::FrameId;
use crate::step::Step;
use crate::stimulus::Failure;

pub(crate) fn enter(step: &mut Step<'_>, id: FrameId, pass: &Pass) -> Result<(), Failure> {
    let left = Data::of(step, id)
        .and_then(|data| {
            let effective = data.effective_input()?;
            let result = match &pass.result {
                Some(result) => result.clone(),
                None => data.arguments(effective)?,
            };
            data.left(result)
        })
        .map_err(|error| step.evaluation_failure(id, &error))?;
    step.leave(id, left, pass.next)
}
