//! `States.Array` and the functions of arrays.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::Failure;
use super::arguments::Arguments;
use crate::java;

type Made = Result<Value, Failure>;

/// Of any number of values.
pub(super) fn array(arguments: Arguments<'_>) -> Made {
    let budget = arguments.budget;
    budget.build(arguments.values.len() + 1)?;
    let mut items = Vec::with_capacity(arguments.values.len());
    for value in arguments.values {
        items.push(match value {
            Cow::Borrowed(value) => budget.copy(value)?,
            Cow::Owned(value) => value,
        });
    }
    Ok(Value::Array(items))
}

/// Compares texts: `"1"` is 1.
pub(super) fn contains(arguments: &Arguments<'_>) -> Made {
    let [array, wanted] = arguments.exactly()?;
    let budget = arguments.budget;
    budget.weigh(wanted)?;
    let wanted = java::Text(wanted).to_string();
    for item in arguments.array(array)? {
        budget.work(1)?;
        let found = match item {
            Value::String(text) => *text == wanted,
            Value::Null | Value::Bool(_) | Value::Number(_) => {
                java::Text(item).to_string() == wanted
            }
            Value::Array(_) | Value::Object(_) => {
                budget.weigh(item)?;
                java::Text(item).to_string() == wanted
            }
        };
        if found {
            return Ok(true.into());
        }
    }
    Ok(false.into())
}

/// An element by its number, which counts from 0; of an empty array null.
pub(super) fn get_item(mut arguments: Arguments<'_>) -> Result<Cow<'_, Value>, Failure> {
    let [array, index] = arguments.exactly()?;
    let index = arguments.integer(index)?;
    let count = arguments.array(array)?.len();
    if count == 0 {
        return Ok(Cow::Owned(Value::Null));
    }
    let place = usize::try_from(index).ok().filter(|place| *place < count);
    let place = place.ok_or_else(|| arguments.invalid())?;
    Ok(match arguments.values.swap_remove(0) {
        Cow::Borrowed(array) => Cow::Borrowed(&array[place]),
        Cow::Owned(mut array) => Cow::Owned(array[place].take()),
    })
}

pub(super) fn length(arguments: &Arguments<'_>) -> Made {
    let [array] = arguments.exactly()?;
    Ok(arguments.array(array)?.len().into())
}

/// Chunks of so many elements, the last perhaps of fewer.
pub(super) fn partition(arguments: &Arguments<'_>) -> Made {
    let [array, size] = arguments.exactly()?;
    let size = usize::try_from(arguments.integer(size)?).unwrap_or_default();
    let items = arguments.array(array)?;
    if size == 0 {
        return Err(arguments.invalid());
    }
    let budget = arguments.budget;
    budget.build(1 + 2 * items.len().div_ceil(size))?;
    budget.weigh(array)?;
    Ok(items.chunks(size).map(|chunk| Value::Array(chunk.to_vec())).collect())
}

/// From the first to the last, which it may hit, in steps that may be negative.
pub(super) fn range(arguments: &Arguments<'_>) -> Made {
    const MOST: i64 = 1_000;
    let [first, last, step] = arguments.exactly()?;
    let first = i64::from(arguments.integer(first)?);
    let last = i64::from(arguments.integer(last)?);
    let step = i64::from(arguments.integer(step)?);
    if step == 0 {
        return Err(arguments.invalid());
    }
    let count =
        if (last - first).signum() == -step.signum() { 0 } else { (last - first) / step + 1 };
    if count > MOST {
        return Err(arguments.invalid());
    }
    arguments.budget.build(12 * usize::try_from(count).unwrap_or_default() + 2)?;
    Ok((0..count).map(|index| Value::from(first + index * step)).collect())
}

/// The different elements, in the order of a Java hash set.
pub(super) fn unique(arguments: &Arguments<'_>) -> Made {
    let [array] = arguments.exactly()?;
    let items = arguments.array(array)?;
    let budget = arguments.budget;
    budget.weigh(array)?;
    let unique = java::unique_in_hash_order(items, |item| {
        let texts = item.as_str().map_or(0, str::len);
        let members = item.as_array().map_or(0, Vec::len) + item.as_object().map_or(0, Map::len);
        budget.work((1 + texts / 64 + members) as u64)
    })?;
    Ok(unique.into_iter().cloned().collect())
}
