//! Fail: ends its scope with an error.

use crate::diagnostic::Code;
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
