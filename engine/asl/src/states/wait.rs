//! Wait: goes on after some seconds, or at a point in time.

use chrono::DateTime;

use crate::object::{Field, Object};
use crate::parse::Transitions;
use crate::program::{Until, Wait};

const FIELDS: &[Field] = &[
    Field::both("Seconds"),
    Field::path("SecondsPath"),
    Field::both("Timestamp"),
    Field::path("TimestampPath"),
];

pub(super) fn read(state: &Object<'_>, transitions: &Transitions<'_>) -> Option<Wait> {
    state.allow(&[super::COMMON, super::FLOW, super::DATA, FIELDS]);
    state.exactly_one(&["Seconds", "SecondsPath", "Timestamp", "TimestampPath"]);
    let input_path = state.filter("InputPath");
    let output_path = state.filter("OutputPath");
    let next = transitions.next(state);
    let seconds = state.whole("Seconds", 0, super::MAX_SECONDS).map(Until::Seconds);
    let seconds_path = state.single_path("SecondsPath").map(Until::SecondsPath);
    let timestamp = timestamp(state).map(Until::Timestamp);
    let timestamp_path = state.single_path("TimestampPath").map(Until::TimestampPath);
    Some(Wait {
        input_path: input_path?,
        until: seconds.or(seconds_path).or(timestamp).or(timestamp_path)?,
        output_path: output_path?,
        next: next?,
    })
}

/// Milliseconds since 1970; AWS drops fractions of a second.
fn timestamp(state: &Object<'_>) -> Option<i64> {
    if state.value("Timestamp").is_some_and(|value| state.is_expression(value)) {
        return None;
    }
    let text = state.string("Timestamp")?;
    // RFC 3339 allows lower case; the language does not.
    let upper = !text.contains(|c: char| c.is_ascii_lowercase() || c == ' ');
    match DateTime::parse_from_rfc3339(text) {
        Ok(time) if upper => Some(time.timestamp() * 1_000),
        Ok(_) | Err(_) => {
            state.wrong_at("Timestamp", "String does not match RFC3339 timestamp".to_owned())
        }
    }
}
