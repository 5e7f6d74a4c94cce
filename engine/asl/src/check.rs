//! Rules that need the whole machine: reachability, terminal states, unique names.

use std::collections::HashSet;

use crate::definition::{Definition, Scope, State};
use crate::diagnostic::{Code, Report};
use crate::position;

/// Reports what is wrong with the machine as a whole.
pub(crate) fn check(definition: &Definition, text: &str, report: &Report) {
    every_state_is_reachable(definition, report);
    names_are_unique(definition, report);
    names_stand_once(definition, text, report);
    something_ends(definition, report);
}

/// As AWS has it: a state is reachable if it is the first, or any state of its scope goes to it.
/// Where some transitions are unknown, for which there is a diagnostic already, nothing is said.
fn every_state_is_reachable(definition: &Definition, report: &Report) {
    let mut reached: HashSet<_> =
        definition.states.iter().flat_map(|state| &state.targets).collect();
    reached.extend(definition.scopes.iter().filter_map(|scope| scope.start.as_ref()));
    for scope in definition.scopes.iter().filter(|scope| scope.complete) {
        for (id, state) in definition.states_of(scope) {
            if !reached.contains(&id) {
                let message = format!("State \"{}\" is not reachable.", state.name);
                report.add(Code::MissingTransitionTarget, &place(scope, state), message);
            }
        }
    }
}

fn names_are_unique(definition: &Definition, report: &Report) {
    let mut seen = HashSet::new();
    for scope in &definition.scopes {
        for (_, state) in definition.states_of(scope) {
            if !seen.insert(&state.name) {
                let message = format!("Duplicate State name: {}", state.name);
                report.add(Code::DuplicateStateName, &place(scope, state), message);
            }
        }
    }
}

/// A name that stands twice in one `States` is lost by then: only the text still has both.
fn names_stand_once(definition: &Definition, text: &str, report: &Report) {
    let objects = definition.scopes.iter().map(|scope| format!("{}/States", scope.place)).collect();
    for (location, name) in position::repeated(text, objects) {
        let message = format!("Duplicate State name: {name}");
        report.add(Code::DuplicateStateName, &location, message);
    }
}

/// AWS asks this of the machine only: a branch may loop for ever.
fn something_ends(definition: &Definition, report: &Report) {
    let Some(machine) = definition.scopes.first().filter(|scope| scope.complete) else { return };
    let mut states = definition.states_of(machine).peekable();
    if states.peek().is_some() && !states.any(|(_, state)| state.ends) {
        report.add_nowhere(Code::MissingEndState, "Workflow has no terminal state");
    }
}

fn place(scope: &Scope, state: &State) -> String {
    format!("{}/States/{}", scope.place, state.name)
}
