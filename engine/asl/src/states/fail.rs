//! Fail: ends its scope with an error.

use crate::diagnostic::Code;
use crate::jsonata::Sees;
use crate::object::{Field, Object};
use crate::program::{Fail, Text};
use crate::warnings;

const FIELDS: &[Field] = &[
    Field::both("Error"),
    Field::path("ErrorPath"),
    Field::both("Cause"),
    Field::path("CausePath"),
];

/// Intrinsic functions that give a text, which `ErrorPath` and `CausePath` may call.
const TEXT_FUNCTIONS: &[&str] = &[
    "States.Format",
    "States.JsonToString",
    "States.ArrayGetItem",
    "States.Base64Encode",
    "States.Base64Decode",
    "States.Hash",
    "States.UUID",
];

pub(super) fn read(state: &Object<'_>) -> Option<Fail> {
    state.allow(&[super::COMMON, FIELDS]);
    let error = text(state, "Error", "ErrorPath");
    let cause = text(state, "Cause", "CausePath");
    Some(Fail { error: error?, cause: cause? })
}

/// A text that is written down or looked up; `Some(None)` if neither.
#[expect(clippy::option_option, reason = "absent is fine, unreadable is not")]
fn text(state: &Object<'_>, name: &str, path: &str) -> Option<Option<Text>> {
    state.at_most_one(&[name, path]);
    if state.has(path) {
        return looked_up(state, path).map(Some);
    }
    if !state.has(name) {
        return Some(None);
    }
    if state.value(name).is_some_and(|value| state.is_expression(value)) {
        return state.query(name, Sees::default()).map(|query| Some(Text::Query(query)));
    }
    let text = state.string(name)?;
    if warnings::looks_evaluated(text) {
        let message = format!("The value of '{name}' looks like a path; use '{path}'");
        state.report().add(Code::NoPath, &state.at(name), message);
    }
    Some(Some(Text::Fixed(text.into())))
}

fn looked_up(state: &Object<'_>, name: &str) -> Option<Text> {
    let text = state.string(name)?;
    let Some((function, _)) = text.split_once('(').filter(|_| text.starts_with("States.")) else {
        return state.single_path(name).map(Text::Path);
    };
    if TEXT_FUNCTIONS.contains(&function) {
        return state.unsupported(name, super::NO_INTRINSICS);
    }
    state.wrong_at(
        name,
        format!("'{function}' does not give a text; use one of [{}]", TEXT_FUNCTIONS.join(", ")),
    )
}

#[cfg(test)]
mod tests {
    use crate::tests::check_state as check;

    #[test]
    fn error_and_cause_are_written_or_looked_up() {
        check(r#""Type": "Fail", "Error": "E", "CausePath": "$.a""#, "");
        check(
            r#""Type": "Fail", "Error": "E", "ErrorPath": "$.e", "Cause": "c", "CausePath": "$.c""#,
            "SCHEMA_VALIDATION_FAILED: Only one of these fields is allowed: [Error, ErrorPath] at /States/S
             SCHEMA_VALIDATION_FAILED: Only one of these fields is allowed: [Cause, CausePath] at /States/S",
        );
    }

    #[test]
    fn a_path_must_name_one_place() {
        check(
            r#""Type": "Fail", "ErrorPath": "$.a[*]""#,
            "SCHEMA_VALIDATION_FAILED: '$.a[*]' is not a Reference Path at /States/S/ErrorPath",
        );
    }

    #[test]
    fn an_intrinsic_function_must_give_a_text() {
        check(
            r#""Type": "Fail", "ErrorPath": "States.UUID()", "CausePath": "States.StringToJson($.a)""#,
            "UNSUPPORTED_FEATURE: `ErrorPath`: intrinsic functions are not served yet; use a path at /States/S/ErrorPath
             SCHEMA_VALIDATION_FAILED: 'States.StringToJson' does not give a text; use one of [States.Format, States.JsonToString, States.ArrayGetItem, States.Base64Encode, States.Base64Decode, States.Hash, States.UUID] at /States/S/CausePath",
        );
    }

    #[test]
    fn a_path_without_path_in_its_name_is_warned_of() {
        check(
            r#""Type": "Fail", "Cause": "$.a""#,
            "NO_PATH: The value of 'Cause' looks like a path; use 'CausePath' at /States/S/Cause",
        );
    }

    #[test]
    fn fail_has_no_data_and_no_variables() {
        check(
            r#""Type": "Fail", "InputPath": "$", "End": true"#,
            "SCHEMA_VALIDATION_FAILED: Field 'InputPath' is not supported at /States/S
             SCHEMA_VALIDATION_FAILED: Field 'End' is not supported at /States/S",
        );
    }
}
