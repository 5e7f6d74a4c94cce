//! Retriers and catchers: what they may say, and how long a retrier waits.

use crate::definition::Target;
use crate::error_name::ALL;
use crate::flow;
use crate::jsonata::Sees;
use crate::object::{Field, Language, Object};
use crate::program::{Catcher, Caught, Jitter, Retrier};
use crate::states;

const RETRIER_FIELDS: &[Field] = &[
    Field::both("ErrorEquals").required(),
    Field::both("IntervalSeconds"),
    Field::both("MaxAttempts"),
    Field::both("BackoffRate"),
    Field::both("MaxDelaySeconds"),
    Field::both("JitterStrategy"),
    Field::both("Comment"),
];

const CATCHER_FIELDS: &[Field] = &[
    Field::both("ErrorEquals").required(),
    Field::both("Next").required(),
    Field::path("ResultPath"),
    Field::jsonata("Output"),
    Field::both("Assign"),
    Field::both("Comment"),
];

const MAX_DELAY_SECONDS: u64 = 31_622_400;

/// Seconds until the next attempt, before jitter. `done` counts the retries this retrier has already
/// made in this visit of the state: the first retry waits `IntervalSeconds`.
pub fn delay_seconds(retrier: &Retrier, done: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "definitions allow 99,999,999 at most")]
    let (interval, most) = (
        retrier.interval_seconds as f64,
        retrier.max_delay_seconds.unwrap_or(states::MAX_SECONDS) as f64,
    );
    let exponent = i32::try_from(done).unwrap_or(i32::MAX);
    (interval * retrier.backoff_rate.powi(exponent)).min(most)
}

/// `Retry` of a state; empty where there is none.
pub(crate) fn retriers(state: &Object<'_>) -> Option<Box<[Retrier]>> {
    if !state.has("Retry") {
        return Some(Box::default());
    }
    let last = last_index(state, "Retry");
    state.objects("Retry", |retrier, index| {
        // No field of it may be JSONata.
        let retrier = &retrier.in_language(Language::JsonPath);
        retrier.allow(&[RETRIER_FIELDS]);
        retrier.string("Comment");
        let error_equals = error_equals(retrier, index == last);
        let interval = or(retrier, "IntervalSeconds", 1, 1, states::MAX_SECONDS);
        let attempts = or(retrier, "MaxAttempts", 3, 0, states::MAX_SECONDS);
        let backoff = if retrier.has("BackoffRate") {
            retrier.number("BackoffRate", 1.0, f64::INFINITY)
        } else {
            Some(2.0)
        };
        let most = retrier.whole("MaxDelaySeconds", 1, MAX_DELAY_SECONDS);
        let jitter = if retrier.has("JitterStrategy") {
            retrier.word("JitterStrategy", &["FULL", "NONE"])
        } else {
            Some("NONE")
        };
        Some(Retrier {
            error_equals: error_equals?,
            interval_seconds: interval?,
            max_attempts: attempts?,
            backoff_rate: backoff?,
            max_delay_seconds: most,
            jitter: if jitter? == "FULL" { Jitter::Full } else { Jitter::None },
        })
    })
}

/// `Catch` of a state; empty where there is none.
pub(crate) fn catchers(state: &Object<'_>) -> Option<Box<[Catcher<Target>]>> {
    if !state.has("Catch") {
        return Some(Box::default());
    }
    let last = last_index(state, "Catch");
    state.objects("Catch", |catcher, index| {
        catcher.allow(&[CATCHER_FIELDS]);
        catcher.string("Comment");
        let sees = Sees { result: false, error_output: true };
        let error_equals = error_equals(catcher, index == last);
        let output = match catcher.language() {
            Language::JsonPath => catcher.result_path().map(Caught::Path),
            Language::Jsonata => catcher.expression("Output", sees).map(Caught::Query),
        };
        let assign = flow::assign(catcher, sees);
        let next = catcher.target("Next");
        Some(Catcher { error_equals: error_equals?, output: output?, assign: assign?, next: next? })
    })
}

fn last_index(state: &Object<'_>, name: &str) -> usize {
    let elements = state.value(name).and_then(serde_json::Value::as_array);
    elements.map_or(0, |elements| elements.len().saturating_sub(1))
}

fn or(object: &Object<'_>, name: &str, default: u64, least: u64, most: u64) -> Option<u64> {
    if object.has(name) { object.whole(name, least, most) } else { Some(default) }
}

/// The names in `ErrorEquals`. `States.ALL` stands alone, in the last entry.
fn error_equals(entry: &Object<'_>, last: bool) -> Option<Box<[Box<str>]>> {
    const NAME: &str = "ErrorEquals";
    let elements = entry.some_elements(NAME)?;
    let names: Option<Box<[Box<str>]>> =
        elements.iter().map(|element| element.as_str().map(Box::from)).collect();
    let Some(names) = names else {
        return entry.wrong_at(NAME, "Expected an array of strings".to_owned());
    };
    if names.iter().any(|name| **name == *ALL) && (names.len() > 1 || !last) {
        return entry.wrong_at(NAME, format!("{ALL} must appear alone and at end of list"));
    }
    Some(names)
}

#[cfg(test)]
mod tests {
    use super::delay_seconds;
    use crate::program::{Jitter, Retrier};
    use crate::tests::check_state;

    #[track_caller]
    fn check(fields: &str, expected: &str) {
        let task = r#""Type": "Task", "End": true, "Resource": "arn:aws:states:::lambda:invoke""#;
        check_state(&format!("{task}, {fields}"), expected);
    }

    #[test]
    fn a_retrier_keeps_to_its_ranges() {
        check(
            r#""Retry": [{"ErrorEquals": ["E"], "IntervalSeconds": 1, "MaxAttempts": 0, "BackoffRate": 1,
                "MaxDelaySeconds": 31622400, "JitterStrategy": "FULL", "Comment": "c"}]"#,
            "",
        );
        check(
            r#""Retry": [{"ErrorEquals": [], "IntervalSeconds": 0, "MaxAttempts": -1, "BackoffRate": 0.5,
                "MaxDelaySeconds": 31622401, "JitterStrategy": "HALF"}]"#,
            "SCHEMA_VALIDATION_FAILED: Value cannot be empty at /States/S/Retry[0]/ErrorEquals
             SCHEMA_VALIDATION_FAILED: Minimum value is 1 at /States/S/Retry[0]/IntervalSeconds
             SCHEMA_VALIDATION_FAILED: Minimum value is 0 at /States/S/Retry[0]/MaxAttempts
             SCHEMA_VALIDATION_FAILED: Minimum value is 1 at /States/S/Retry[0]/BackoffRate
             SCHEMA_VALIDATION_FAILED: Maximum value is 31622400 at /States/S/Retry[0]/MaxDelaySeconds
             SCHEMA_VALIDATION_FAILED: Value should be one of the following: [FULL, NONE] at /States/S/Retry[0]/JitterStrategy",
        );
    }

    #[test]
    fn errors_have_names() {
        check(
            r#""Retry": [{"ErrorEquals": ["E", 5]}]"#,
            "SCHEMA_VALIDATION_FAILED: Expected an array of strings at /States/S/Retry[0]/ErrorEquals",
        );
    }

    #[test]
    fn all_stands_alone_and_last() {
        check(
            r#""Retry": [{"ErrorEquals": ["States.ALL"]}, {"ErrorEquals": ["E"]}]"#,
            "SCHEMA_VALIDATION_FAILED: States.ALL must appear alone and at end of list at /States/S/Retry[0]/ErrorEquals",
        );
        check(
            r#""Catch": [{"ErrorEquals": ["E", "States.ALL"], "Next": "F"}]"#,
            "SCHEMA_VALIDATION_FAILED: States.ALL must appear alone and at end of list at /States/S/Catch[0]/ErrorEquals",
        );
    }

    #[test]
    fn a_catcher_goes_somewhere_in_its_scope() {
        check(
            r#""Catch": [{"ErrorEquals": ["E"], "Next": "Gone", "ResultPath": null},
                {"ErrorEquals": ["States.ALL"], "ResultPath": 5}]"#,
            "SCHEMA_VALIDATION_FAILED: These fields are required: [Next] at /States/S/Catch[1]
             SCHEMA_VALIDATION_FAILED: Expected value of type String at /States/S/Catch[1]/ResultPath
             MISSING_TRANSITION_TARGET: Missing 'Next' target: Gone at /States/S/Catch[0]/Next",
        );
    }

    fn retrier(backoff_rate: f64, max_delay_seconds: Option<u64>) -> Retrier {
        Retrier {
            error_equals: Box::default(),
            interval_seconds: 3,
            max_attempts: 3,
            backoff_rate,
            max_delay_seconds,
            jitter: Jitter::None,
        }
    }

    #[test]
    fn delays_grow_up_to_their_limit() {
        let delays = |retrier: Retrier| {
            [0, 1, 2, u64::MAX].map(|done| format!("{}", delay_seconds(&retrier, done))).join(" ")
        };
        assert_eq!(delays(retrier(2.0, Some(10))), "3 6 10 10");
        assert_eq!(delays(retrier(1.5, None)), "3 4.5 6.75 99999999");
        assert_eq!(delays(retrier(1.0, Some(2))), "2 2 2 2");
    }
}
