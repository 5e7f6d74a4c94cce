//! Choice: goes where its first true rule says.

use asl::program::{Choice, ChoiceRule, Next, When};
use asl::{EvaluationError, Payload};

use crate::data::Data;
use crate::event::FrameId;
use crate::step::Step;
use crate::stimulus::Failure;

pub(crate) fn enter(step: &mut Step<'_>, id: FrameId, choice: &Choice) -> Result<(), Failure> {
    let (left, next) = Data::of(step, id)
        .and_then(|data| {
            let effective = data.effective_input()?;
            for rule in &choice.rules {
                if holds(&data, rule, &effective)? {
                    let left =
                        data.ruled(&effective, rule.assign.as_ref(), rule.output.as_ref())?;
                    return Ok((left, rule.next));
                }
            }
            let Some(next) = choice.default else {
                // The language calls this `States.NoChoiceMatched`; AWS reports it so.
                return Err(EvaluationError::runtime(
                    "Failed to transition out of the state. The state does not point to a next \
                     state.",
                ));
            };
            Ok((data.passed(&effective)?, next))
        })
        .map_err(|error| step.evaluation_failure(id, &error))?;
    step.leave(id, left, Next::State(next))
}

fn holds(data: &Data<'_>, rule: &ChoiceRule, from: &Payload) -> Result<bool, EvaluationError> {
    match &rule.when {
        When::Condition(condition) => data.holds(condition, from),
        When::Query(query) => data.ask(|scope| query.boolean(scope)),
        When::Fixed(holds) => Ok(*holds),
    }
}
