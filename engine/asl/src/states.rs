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

use crate::definition::Target;
use crate::flow::Flow;
use crate::jsonata::Sees;
use crate::object::{Field, Object};
use crate::parse::Parser;
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
pub(crate) fn read(state: &Object<'_>, parser: &mut Parser) -> Option<(Flow, StateKind<Target>)> {
    state.string("Comment");
    let kind = kind(state)?;
    let flow = flow(state, kind);
    let kind = match kind {
        "Task" => task::read(state, parser).map(StateKind::Task),
        "Wait" => wait::read(state).map(StateKind::Wait),
        "Pass" => pass::read(state).map(StateKind::Pass),
        "Succeed" => {
            succeed::read(state);
            Some(StateKind::Succeed)
        }
        "Fail" => fail::read(state).map(StateKind::Fail),
        "Choice" => choice::read(state).map(StateKind::Choice),
        "Parallel" => parallel::read(state, parser).map(StateKind::Parallel),
        _ => map::read(state, parser).map(StateKind::Map),
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

/// The state type of this name.
pub(crate) fn known(name: &str) -> Option<&'static str> {
    TYPES.iter().find(|known| **known == name).copied()
}

fn kind(state: &Object<'_>) -> Option<&'static str> {
    let Some(value) = state.value("Type") else {
        state.wrong("The field 'Type' is required".to_owned());
        return None;
    };
    let known = value.as_str().and_then(known);
    if known.is_none() {
        let message =
            format!("The field 'Type' should have one of these values: [{}]", TYPES.join(", "));
        return state.wrong_at("Type", message);
    }
    known
}
