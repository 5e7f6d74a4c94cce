//! Fail: ends its branch with an error of the author's choosing.

use asl::EvaluationError;
use asl::program::{Fail, Text};
use serde_json::Value;

use crate::data::Data;
use crate::event::FrameId;
use crate::step::Step;
use crate::stimulus::Failure;

pub(crate) fn enter(step: &mut Step<'_>, id: FrameId, fail: &Fail) -> Result<(), Failure> {
    let failure = Data::of(step, id)
        .and_then(|data| {
            let error = text(&data, fail.error.as_ref(), "ErrorPath")?;
            Ok(Failure::of(error, text(&data, fail.cause.as_ref(), "CausePath")?))
        })
        .map_err(|error| step.evaluation_failure(id, &error))?;
    Err(failure)
}

fn text(
    data: &Data<'_>,
    text: Option<&Text>,
    field: &str,
) -> Result<Option<String>, EvaluationError> {
    let (value, written) = match text {
        None => return Ok(None),
        Some(Text::Fixed(text)) => return Ok(Some(text.to_string())),
        Some(Text::Query(query)) => return data.ask(|scope| query.string(scope)).map(Some),
        Some(Text::Call(call)) => (data.ask(|scope| call.evaluate(scope))?, call.text()),
        Some(Text::Path(path)) => match data.find(path, data.input())? {
            Some(value) => (value, path.text()),
            None => {
                return Err(EvaluationError::runtime(format!(
                    "The JSONPath '{}' specified for the field '{field}' could not be found in \
                     the input '{}'",
                    path.text(),
                    data.input().raw()
                )));
            }
        },
    };
    match value {
        Value::String(text) => Ok(Some(text)),
        other => Err(EvaluationError::runtime(format!(
            "The {field} field refers to value {other} which is not a string: {written}"
        ))),
    }
}
