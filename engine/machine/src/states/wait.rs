//! Wait: hands its input on, later.

use asl::choice_rule::parse_timestamp;
use asl::program::{Until, Wait};
use asl::{EvaluationError, Path, StateKind};
use serde_json::Value;

use crate::data::Data;
use crate::event::{EventKind, FrameId};
use crate::states::map::as_text;
use crate::step::Step;
use crate::stimulus::Failure;
use crate::timestamp::Timestamp;

/// AWS refuses to wait for longer than 2^31 - 1 seconds.
const LONGEST_SECONDS: i64 = 2_147_483_647;

pub(crate) fn enter(step: &mut Step<'_>, id: FrameId, wait: &Wait) -> Result<(), Failure> {
    let now = step.now;
    let until = Data::of(step, id)
        .and_then(|data| due(&data, wait, now))
        .map_err(|error| step.evaluation_failure(id, &error))?;
    if until <= now {
        return leave(step, id, wait);
    }
    step.record(id, EventKind::WaitScheduled { until });
    Ok(())
}

/// The time has come.
pub(crate) fn over(step: &mut Step<'_>, id: FrameId) {
    let Some(state) = step.state_of(id) else { return };
    let program = step.program;
    if let StateKind::Wait(wait) = &program.state(state).kind
        && let Err(failure) = leave(step, id, wait)
    {
        step.fail(id, failure);
    }
}

fn leave(step: &mut Step<'_>, id: FrameId, wait: &Wait) -> Result<(), Failure> {
    let left = Data::of(step, id)
        .and_then(|data| data.passed(&data.effective_input()?))
        .map_err(|error| step.evaluation_failure(id, &error))?;
    step.leave(id, left, wait.next)
}

/// When this Wait is over. The texts are AWS's.
fn due(data: &Data<'_>, wait: &Wait, now: Timestamp) -> Result<Timestamp, EvaluationError> {
    let effective = data.effective_input()?;
    let until = match &wait.until {
        Until::Seconds(seconds) => now.plus_seconds(*seconds),
        Until::SecondsPath(path) => {
            let value = data.find(path, &effective)?;
            now.plus_seconds(seconds(path, value.as_ref())?)
        }
        Until::SecondsQuery(query) => {
            now.plus_seconds(data.ask(|scope| query.integer(scope, 0..=99_999_999))?.unsigned_abs())
        }
        Until::TimestampQuery(query) => {
            let text = data.ask(|scope| query.string(scope))?;
            instant(&text).ok_or_else(|| {
                let cause = format!(
                    "The Timestamp field cannot be parsed as an ISO-8601 extended offset date-time \
                     format string: {text}"
                );
                query.error(cause)
            })?
        }
        Until::Timestamp(until) => Timestamp(*until),
        Until::TimestampPath(path) => {
            let value = data.find(path, &effective)?;
            timestamp(path, value.as_ref())?
        }
    };
    if until.0.saturating_sub(now.0) > LONGEST_SECONDS * 1000 {
        return Err(EvaluationError::runtime("Wait state delay is too long."));
    }
    Ok(until)
}

fn seconds(path: &Path, value: Option<&Value>) -> Result<u64, EvaluationError> {
    let path = path.text();
    let Some(value) = value.filter(|value| !value.is_null()) else {
        return Err(EvaluationError::runtime(format!(
            "The SecondsPath parameter does not reference an input value: {path}"
        )));
    };
    match (value.as_u64(), value.as_i64()) {
        (Some(seconds), _) => Ok(seconds),
        (None, Some(_)) => Err(EvaluationError::runtime(format!(
            "The SecondsPath parameter references a negative value: {path} == {value}"
        ))),
        (None, None) => Err(EvaluationError::runtime(format!(
            "The SecondsPath parameter cannot be parsed as a long value: {path} == {}",
            as_text(value)
        ))),
    }
}

fn timestamp(path: &Path, value: Option<&Value>) -> Result<Timestamp, EvaluationError> {
    let path = path.text();
    let text = match value {
        Some(value) => as_text(value),
        None => {
            return Err(EvaluationError::runtime(format!(
                "The TimestampPath parameter does not reference an input value: {path}"
            )));
        }
    };
    instant(&text).ok_or_else(|| {
        EvaluationError::runtime(format!(
            "The TimestampPath parameter does not reference a valid ISO-8601 extended offset \
             date-time format string: {path} == {text}"
        ))
    })
}

/// Whole seconds: AWS drops the fraction.
fn instant(text: &str) -> Option<Timestamp> {
    parse_timestamp(text).map(|moment| Timestamp(moment.timestamp() * 1000))
}
