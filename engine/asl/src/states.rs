//! What each state may say: one file per state type, each opening with its table of fields.
//! The folder of the same name in `machine` has what each state does.

mod choice;
mod fail;
mod map;
mod parallel;
mod pass;
mod succeed;
mod task;
mod wait;

use serde_json::Value;

use crate::flow::Flow;
use crate::jsonata::Sees;
use crate::object::{Field, Object};
use crate::parse::{Parser, Transitions};
use crate::program::StateKind;

/// The longest time a definition can name, in seconds.
pub(crate) const MAX_SECONDS: u64 = 99_999_999;

/// Fields of every state.
const COMMON: &[Field] =
    &[Field::both("Type").required(), Field::both("Comment"), Field::both("QueryLanguage")];

/// Fields of every state that has a successor of its own.
const FLOW: &[Field] = &[Field::both("Next"), Field::both("End"), Field::both("Assign")];

/// Fields of every state that has an output.
const DATA: &[Field] =
    &[Field::path("InputPath"), Field::path("OutputPath"), Field::jsonata("Output")];

/// Fields of the states that have a result.
const RESULT: &[Field] =
    &[Field::path("Parameters"), Field::path("ResultSelector"), Field::path("ResultPath")];

/// Fields of the states that can fail and go on.
const ERRORS: &[Field] = &[Field::both("Retry"), Field::both("Catch")];

const TYPES: &[&str] = &["Task", "Wait", "Pass", "Succeed", "Fail", "Choice", "Parallel", "Map"];

/// What a state says, as far as it can be read; the rest is reported.
pub(crate) fn read(
    state: &Object<'_>,
    transitions: &Transitions<'_>,
    parser: &mut Parser,
) -> Option<(Flow, StateKind)> {
    state.string("Comment");
    let kind = kind(state)?;
    let flow = flow(state, kind);
    let kind = match kind {
        "Task" => task::read(state, transitions, parser).map(StateKind::Task),
        "Wait" => wait::read(state, transitions).map(StateKind::Wait),
        "Pass" => pass::read(state, transitions).map(StateKind::Pass),
        "Succeed" => {
            succeed::read(state);
            Some(StateKind::Succeed)
        }
        "Fail" => fail::read(state).map(StateKind::Fail),
        "Choice" => choice::read(state, transitions).map(StateKind::Choice),
        "Parallel" => parallel::read(state, transitions, parser).map(StateKind::Parallel),
        _ => map::read(state, transitions, parser).map(StateKind::Map),
    };
    flow.zip(kind)
}

/// How data go through a state of this type.
fn flow(state: &Object<'_>, kind: &str) -> Option<Flow> {
    let sees = Sees { result: matches!(kind, "Task" | "Parallel" | "Map"), error_output: false };
    // A Map's `Parameters` are another name of its `ItemSelector`.
    let parameters = if kind == "Map" { "" } else { "Parameters" };
    Flow::read(state, parameters, sees)
}

/// Whether a machine can end in this state.
pub(crate) fn ends(state: &Object<'_>) -> bool {
    let kind = state.value("Type").and_then(|kind| kind.as_str());
    let end = state.value("End").and_then(Value::as_bool);
    matches!(kind, Some("Succeed" | "Fail")) || end == Some(true)
}

/// Whether it is known where this state goes: it has one of the eight types, or is no object and
/// goes nowhere.
pub(crate) fn has_known_transitions(state: &Value) -> bool {
    let known = |kind: &str| TYPES.contains(&kind);
    !state.is_object() || state["Type"].as_str().is_some_and(known)
}

fn kind(state: &Object<'_>) -> Option<&'static str> {
    let Some(value) = state.value("Type") else {
        state.wrong("These fields are required: [Type]".to_owned());
        return None;
    };
    let known = TYPES.iter().find(|name| value == **name);
    if known.is_none() {
        let message =
            format!("The field 'Type' should have one of these values: [{}]", TYPES.join(", "));
        return state.wrong_at("Type", message);
    }
    known.copied()
}

/// What to do instead of calling an intrinsic function.
pub(crate) const NO_INTRINSICS: &str = "intrinsic functions are not served yet; use a path";
