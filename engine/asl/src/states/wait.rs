//! Wait: goes on after some seconds, or at a point in time.

use chrono::DateTime;

use crate::choice_rule::NO_TIMESTAMP;
use crate::definition::Target;
use crate::jsonata::Sees;
use crate::object::{Field, Object};
use crate::program::{Until, Wait};

const FIELDS: &[Field] = &[
    Field::both("Seconds"),
    Field::path("SecondsPath"),
    Field::both("Timestamp"),
    Field::path("TimestampPath"),
];

pub(super) fn read(state: &Object<'_>) -> Option<Wait<Target>> {
    state.allow(&[super::COMMON, super::FLOW, super::DATA, FIELDS]);
    state.exactly_one(&["Seconds", "SecondsPath", "Timestamp", "TimestampPath"]);
    let next = state.next();
    let seconds = state.whole("Seconds", 0, super::MAX_SECONDS).map(Until::Seconds);
    let seconds_path = state.single_path("SecondsPath").map(Until::SecondsPath);
    let timestamp = timestamp(state).map(Until::Timestamp);
    let queried = (state.query("Seconds", Sees::default()).map(Until::SecondsQuery))
        .or_else(|| state.query("Timestamp", Sees::default()).map(Until::TimestampQuery));
    let timestamp_path = state.single_path("TimestampPath").map(Until::TimestampPath);
    Some(Wait {
        until: seconds.or(seconds_path).or(timestamp).or(timestamp_path).or(queried)?,
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
        Ok(_) | Err(_) => state.wrong_at("Timestamp", NO_TIMESTAMP.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use crate::program::{StateKind, Until};
    use crate::tests::{check_state as check, program_of};

    #[test]
    fn a_wait_has_exactly_one_form() {
        for form in [
            r#""Seconds": 0"#,
            r#""SecondsPath": "$.a""#,
            r#""Timestamp": "2030-01-01T00:00:00Z""#,
            r#""TimestampPath": "$.a[0]""#,
        ] {
            check(&format!(r#""Type": "Wait", "Next": "T", {form}"#), "");
        }
        let fields = "[SecondsPath, Seconds, TimestampPath, Timestamp] at /States/S";
        check(
            r#""Type": "Wait", "Next": "T""#,
            &format!(
                "SCHEMA_VALIDATION_FAILED: This object should have only one of the following fields: {fields}"
            ),
        );
        check(
            r#""Type": "Wait", "Next": "T", "Seconds": 1, "SecondsPath": "$.a""#,
            &format!(
                "SCHEMA_VALIDATION_FAILED: There should only be one of the following fields: {fields}"
            ),
        );
    }

    #[test]
    fn seconds_are_whole_and_few_enough() {
        for (seconds, message) in [
            ("-1", "Minimum value is 0"),
            ("-99999999999999999999999", "Minimum value is 0"),
            ("100000000", "Maximum value is 99999999"),
            ("99999999999999999999999", "Maximum value is 99999999"),
            ("1.5", "Expected value of type Integer"),
            ("\"1\"", "Expected value of type Integer"),
            ("null", "Expected value of type Integer"),
        ] {
            check(
                &format!(r#""Type": "Wait", "Next": "T", "Seconds": {seconds}"#),
                &format!("SCHEMA_VALIDATION_FAILED: {message} at /States/S/Seconds"),
            );
        }
    }

    #[test]
    fn a_timestamp_is_upper_case_rfc_3339() {
        for timestamp in [
            "2030-01-01",
            "2030-01-01t00:00:00z",
            "2030-01-01T00:00:00",
            "2030-13-01T00:00:00Z",
            "2030-01-01 00:00:00Z",
        ] {
            check(
                &format!(r#""Type": "Wait", "Next": "T", "Timestamp": "{timestamp}""#),
                "SCHEMA_VALIDATION_FAILED: String does not match RFC3339 timestamp at /States/S/Timestamp",
            );
        }
    }

    #[test]
    fn a_timestamp_drops_fractions_of_a_second() {
        let program = program_of(
            r#""Type": "Wait", "Next": "T", "Timestamp": "1970-01-01T01:00:01.999+01:00""#,
        );
        let StateKind::Wait(wait) = &program.state(program.find("S").unwrap()).kind else {
            panic!("a wait");
        };
        assert!(matches!(wait.until, Until::Timestamp(1_000)), "{wait:?}");
    }
}
