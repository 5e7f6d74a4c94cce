//! Fail: ends its scope with an error.

use crate::diagnostic::Code;
use crate::intrinsic::Call;
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
    if !Call::is_meant(text) {
        return state.single_path(name).map(Text::Path);
    }
    let call = match Call::parse(text) {
        Ok(call) => call,
        Err(mistake) if mistake.unsupported => return state.unsupported(name, &mistake.message),
        Err(mistake) => {
            let message =
                format!("'{text}' is not a valid intrinsic function call: {}", mistake.message);
            return state.wrong_at(name, message);
        }
    };
    if TEXT_FUNCTIONS.contains(&call.function()) {
        return Some(Text::Call(call));
    }
    state.wrong_at(
        name,
        format!(
            "'{}' does not give a text; use one of [{}]",
            call.function(),
            TEXT_FUNCTIONS.join(", ")
        ),
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
            "SCHEMA_VALIDATION_FAILED: There should only be one of the following fields: [Error, ErrorPath] at /States/S
             SCHEMA_VALIDATION_FAILED: There should only be one of the following fields: [Cause, CausePath] at /States/S",
        );
    }

    #[test]
    fn a_path_must_name_one_place() {
        check(
            r#""Type": "Fail", "ErrorPath": "$.a[*]""#,
            "SCHEMA_VALIDATION_FAILED: Value is not a Reference Path: only names and indexes are allowed at /States/S/ErrorPath",
        );
    }

    #[test]
    fn an_intrinsic_function_must_give_a_text() {
        check(
            r#""Type": "Fail", "ErrorPath": "States.UUID()", "CausePath": "States.StringToJson($.a)""#,
            "SCHEMA_VALIDATION_FAILED: 'States.StringToJson' does not give a text; use one of [States.Format, States.JsonToString, States.ArrayGetItem, States.Base64Encode, States.Base64Decode, States.Hash, States.UUID] at /States/S/CausePath",
        );
    }

    #[test]
    fn an_intrinsic_function_must_be_a_call() {
        check(
            r#""Type": "Fail", "ErrorPath": "States.UUID(""#,
            "SCHEMA_VALIDATION_FAILED: 'States.UUID(' is not a valid intrinsic function call: expected an argument, found the end at byte 12 of `States.UUID(` at /States/S/ErrorPath",
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
