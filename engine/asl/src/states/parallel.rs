//! Parallel: runs several branches at once, each on a copy of the input.

use crate::object::{Field, Object};
use crate::parse::{Parser, Transitions};
use crate::program::Parallel;
use crate::retry;

const FIELDS: &[Field] = &[Field::both("Branches").required(), Field::jsonata("Arguments")];

const BRANCH_FIELDS: &[Field] =
    &[Field::both("StartAt").required(), Field::both("States").required(), Field::both("Comment")];

pub(super) fn read(
    state: &Object<'_>,
    transitions: &Transitions<'_>,
    parser: &mut Parser,
) -> Option<Parallel> {
    state.allow(&[super::COMMON, super::FLOW, super::DATA, super::RESULT, super::ERRORS, FIELDS]);
    let input_path = state.filter("InputPath");
    let parameters = state.template("Parameters");
    let branches = state.objects("Branches", |branch, _| {
        branch.allow(&[BRANCH_FIELDS]);
        branch.string("Comment");
        parser.scope(branch)
    });
    let result_selector = state.template("ResultSelector");
    let result_path = state.result_path();
    let output_path = state.filter("OutputPath");
    let retry = retry::retriers(state);
    let catch = retry::catchers(state, transitions);
    let next = transitions.next(state);
    Some(Parallel {
        input_path: input_path?,
        parameters: parameters?,
        branches: branches?,
        result_selector: result_selector?,
        result_path: result_path?,
        output_path: output_path?,
        retry: retry?,
        catch: catch?,
        next: next?,
    })
}
