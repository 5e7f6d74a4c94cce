//! `States.MathAdd`, `States.MathRandom` and `States.UUID`.

use serde_json::Value;

use super::Failure;
use super::arguments::Arguments;
use crate::java;
use crate::uuid;

/// Of two numbers of 32 bits, which are rounded, as is their sum.
pub(super) fn add(arguments: &Arguments<'_>) -> Result<Value, Failure> {
    let [left, right] = arguments.exactly()?;
    let (left, right) = (rounded(arguments, left)?, rounded(arguments, right)?);
    Ok(left.checked_add(right).ok_or_else(|| arguments.invalid())?.into())
}

/// The nearest integer, of two the greater one.
#[expect(clippy::cast_possible_truncation, reason = "doubles are cut off, as Java does")]
fn rounded(arguments: &Arguments<'_>, value: &Value) -> Result<i32, Failure> {
    let long = match (value.as_i64(), value.as_f64()) {
        (Some(long), _) => long,
        (None, Some(double)) => match (double + 0.5).floor() as i64 {
            // AWS takes `1e309`; this is what Java makes of it on the way to 32 bits.
            i64::MAX => -1,
            long => long,
        },
        (None, None) => return Err(arguments.invalid()),
    };
    i32::try_from(long).map_err(|_| arguments.invalid())
}

/// From the start to below the end; with a seed always the same one.
pub(super) fn random(arguments: &Arguments<'_>) -> Result<Value, Failure> {
    let (start, end, seed) = match arguments.values.as_slice() {
        [start, end] => (start, end, (arguments.chance)().cast_signed()),
        [start, end, seed] => (start, end, arguments.long(seed)?),
        _ => return Err(arguments.invalid()),
    };
    let (start, end) = (arguments.integer(start)?, arguments.integer(end)?);
    let width = end.checked_sub(start).filter(|width| *width > 0);
    let width = width.ok_or_else(|| arguments.invalid())?;
    Ok((start + java::Random::seeded(seed).below(width)).into())
}

/// Of version 4; arguments are ignored.
pub(super) fn uuid(arguments: &Arguments<'_>) -> Result<Value, Failure> {
    arguments.budget.build(38)?;
    let [upper, lower] = [(arguments.chance)(), (arguments.chance)()];
    Ok(uuid::of(upper, lower).into())
}
