//! `States.StringToJson`, `States.JsonToString` and `States.JsonMerge`.

use std::fmt::Write as _;

use serde_json::{Deserializer, Map, Value};

use super::Failure;
use super::arguments::Arguments;
use crate::java;
use crate::json_text::{Reading, complaint};
use crate::payload::MAX_DEPTH;

/// What Jackson calls a text that it does not show.
const SOURCE: &str = "REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled)";

/// The JSON value that a text begins with; null for an empty one.
pub(super) fn from_string(arguments: &Arguments<'_>) -> Result<Value, Failure> {
    let [text] = arguments.exactly()?;
    let text = arguments.text(text)?;
    arguments.budget.build(text.len())?;
    match Deserializer::from_str(text).into_iter::<Value>().next() {
        None => Ok(Value::Null),
        Some(Ok(value)) => Ok(value),
        Some(Err(error)) => {
            let reading = Reading { source: SOURCE, max_depth: MAX_DEPTH, alone: false };
            let (why, line, column) = match complaint(text, reading) {
                Some(found) => (found.message, found.line, found.column),
                None => (error.to_string(), error.line(), error.column()),
            };
            Err(Failure::Because(format!(
                "Cannot convert String to Json in States.StringToJson, caused by: {why}\n at \
                 [Source: {SOURCE}; line: {line}, column: {column}]"
            )))
        }
    }
}

/// JSON without white space.
pub(super) fn to_string(arguments: &Arguments<'_>) -> Result<Value, Failure> {
    let [value] = arguments.exactly().map_err(|_| {
        let why = "Invalid arguments in States.JsonToString: only a single argument is allowed.";
        Failure::Because(why.to_owned())
    })?;
    arguments.budget.weigh(value)?;
    let mut text = Weighed { text: String::new(), left: arguments.budget.bytes_left() };
    if write!(text, "{}", java::Json(value)).is_err() {
        arguments.budget.build(usize::MAX)?;
    }
    arguments.budget.build(text.text.len())?;
    Ok(text.text.into())
}

/// A text that does not outgrow what is left of the budget.
struct Weighed {
    text: String,
    left: usize,
}

impl std::fmt::Write for Weighed {
    fn write_str(&mut self, part: &str) -> std::fmt::Result {
        if self.text.len() + part.len() > self.left {
            return Err(std::fmt::Error);
        }
        self.text.push_str(part);
        Ok(())
    }
}

/// The members of both, the second's where both have one, in the order of a Java hash map. Only
/// shallow.
pub(super) fn merge(arguments: &Arguments<'_>) -> Result<Value, Failure> {
    let [first, second, deep] = arguments.exactly()?;
    let (Value::Object(first), Value::Object(second)) = (first, second) else {
        return Err(arguments.invalid());
    };
    if *deep == Value::Bool(true) {
        return Err(arguments.invalid());
    }
    let budget = arguments.budget;
    let mut members: Vec<(&String, &Value)> = first
        .iter()
        .map(|(name, value)| (name, second.get(name).unwrap_or(value)))
        .chain(second.iter().filter(|(name, _)| !first.contains_key(*name)))
        .collect();
    budget.work(2 * members.len() as u64)?;
    java::names_in_hash_order(&mut members, |(name, _)| name);
    let mut merged = Map::new();
    for (name, value) in members {
        budget.build(name.len() + 3)?;
        merged.insert(name.clone(), budget.copy(value)?);
    }
    Ok(Value::Object(merged))
}
