//! Pass: hands its input on, shaped or replaced.

use asl::program::Pass;

use crate::data::Data;
use crate::event::FrameId;
use crate::step::Step;
use crate::stimulus::Failure;

pub(crate) fn enter(step: &mut Step<'_>, id: FrameId, pass: &Pass) -> Result<(), Failure> {
    let output = Data::of(step, id)
        .and_then(|data| {
            let effective = data.effective_input(&pass.input_path, pass.parameters.as_ref())?;
            let result = pass.result.clone().unwrap_or(effective);
            data.output(result, &pass.result_path, &pass.output_path)
        })
        .map_err(|error| step.runtime_failure(id, &error))?;
    step.leave(id, output, pass.next)
}
