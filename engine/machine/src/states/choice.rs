//! Choice: goes where its first true rule says.

use asl::EvaluationError;
use asl::program::{Choice, Next};

use crate::data::Data;
use crate::event::FrameId;
use crate::step::Step;
use crate::stimulus::Failure;

pub(crate) fn enter(step: &mut Step<'_>, id: FrameId, choice: &Choice) -> Result<(), Failure> {
    let (output, next) = Data::of(step, id)
        .and_then(|data| {
            let effective = data.effective_input(&choice.input_path, None)?;
            let mut next = choice.default;
            for rule in &choice.rules {
                if data.holds(&rule.condition, &effective)? {
                    next = Some(rule.next);
                    break;
                }
            }
            let Some(next) = next else {
                // The language calls this `States.NoChoiceMatched`; AWS reports it so.
                return Err(EvaluationError::runtime(
                    "Failed to transition out of the state. The state does not point to a next \
                     state.",
                ));
            };
            Ok((data.filtered(&choice.output_path, &effective)?, next))
        })
        .map_err(|error| step.runtime_failure(id, &error))?;
    step.leave(id, output, Next::State(next))
}
