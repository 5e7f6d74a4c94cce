//! What guarded functions do where JSONata's own would take too long, and how it is counted.

use std::collections::HashSet;

use jlens_core::Error;
use serde_json::Value;

use super::functions::out_of_memory;

type Answer = Result<Option<Value>, Error>;

/// How long a string may be that `$replace` makes, in bytes.
const MOST_BYTES: usize = 1 << 24;

/// From so many names on, [`names`] gives them.
const MANY: usize = 1000;

/// The array without repeated values: the first of each.
pub(super) fn unique(array: Option<&Value>, take: impl Fn(usize) -> Result<(), Error>) -> Answer {
    let Some(Value::Array(items)) = array else { return Ok(array.cloned()) };
    let mut seen = HashSet::with_capacity(items.len());
    let mut unique = Vec::new();
    for item in items {
        let text = text_in_order(item);
        take(2 * text.len() + size_of::<Value>())?;
        if seen.insert(text) {
            unique.push(item.clone());
        }
    }
    Ok(Some(Value::Array(unique)))
}

/// The names of the members of an object, or of all objects of an array, if they are many.
pub(super) fn names(value: Option<&Value>, take: impl Fn(usize) -> Result<(), Error>) -> Answer {
    fn collect<'v>(value: &'v Value, names: &mut Vec<&'v str>) {
        match value {
            Value::Object(members) => names.extend(members.keys().map(String::as_str)),
            Value::Array(items) => items.iter().for_each(|item| collect(item, names)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    let mut all = Vec::new();
    if let Some(value) = value {
        collect(value, &mut all);
    }
    take(all.len() * size_of::<Value>())?;
    if all.len() < MANY {
        return Ok(None);
    }
    let mut seen = HashSet::with_capacity(all.len());
    all.retain(|name| seen.insert(*name));
    Ok((all.len() >= MANY).then(|| all.into_iter().map(Value::from).collect()))
}

/// Fails if `$replace` of this text in a string may make too long a one. Without a text to
/// look for, a regular expression is, which may repeat what it finds.
pub(super) fn replaced(string: Option<&str>, pattern: Option<&str>, by: Option<&str>) -> Answer {
    let (Some(string), Some(by)) = (string, by) else { return Ok(None) };
    let found = match pattern {
        _ if string.len().saturating_mul(by.len()) <= MOST_BYTES => 0,
        Some("") => 0,
        Some(pattern) => string.matches(pattern).count(),
        None => string.len(),
    };
    if found.saturating_mul(by.len()) > MOST_BYTES { Err(out_of_memory()) } else { Ok(None) }
}

/// Before strings or numbers are sorted: each is compared with some.
pub(super) fn sorting(array: Option<&Value>, take: impl Fn(usize) -> Result<(), Error>) -> Answer {
    let Some(Value::Array(items)) = array else { return Ok(None) };
    let rounds = items.len().max(1).ilog2() as usize + 1;
    let each = size_of::<Value>() * items.len();
    let texts: usize = items.iter().filter_map(|item| Some(item.as_str()?.len())).sum();
    take((each + texts).saturating_mul(rounds))?;
    Ok(None)
}

/// The same text for values that are equal, whatever the order of their members.
fn text_in_order(value: &Value) -> String {
    let mut value = value.clone();
    value.sort_all_objects();
    value.to_string()
}
