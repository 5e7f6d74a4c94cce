//! Pass: hands its input on, perhaps with a fixed result.

use crate::diagnostic::Code;
use crate::object::{Field, Object};
use crate::parse::Transitions;
use crate::payload::Payload;
use crate::program::Pass;
use crate::warnings;

// AWS's documents give `Result` to JSONPath only; its validators take it in JSONata states too.
const FIELDS: &[Field] =
    &[Field::path("Parameters"), Field::both("Result"), Field::path("ResultPath")];

pub(super) fn read(state: &Object<'_>, transitions: &Transitions<'_>) -> Option<Pass> {
    state.allow(&[super::COMMON, super::FLOW, super::DATA, FIELDS]);
    let input_path = state.filter("InputPath");
    let parameters = state.template("Parameters");
    let result = state.value("Result");
    let result_path = state.result_path();
    let output_path = state.filter("OutputPath");
    let next = transitions.next(state);
    if result.is_some_and(warnings::holds_path) {
        let message = "The value of 'Result' is static: the path in it is not evaluated";
        state.report().add(Code::PassResultIsStatic, &state.at("Result"), message);
    }
    Some(Pass {
        input_path: input_path?,
        parameters: parameters?,
        result: result.cloned().map(Payload::from_value),
        result_path: result_path?,
        output_path: output_path?,
        next: next?,
    })
}
