//! Rules that need the whole machine: where transitions lead, what is reached, where it ends, and names
//! that may be given once.

use std::collections::HashSet;

use crate::definition::{Definition, Scope, ScopeId, WrittenType};
use crate::diagnostic::{Code, Report};
use crate::position;

/// Reports what is wrong with the machine as a whole.
pub(crate) fn check(definition: &Definition, text: &str, report: &Report) {
    for (id, scope) in definition.scopes() {
        targets_exist(definition, scope, report);
        every_state_is_reachable(definition, scope, report);
        if id == ScopeId(0) {
            something_ends(definition, scope, report);
        }
    }
    no_outer_variable_is_assigned(definition, report);
    names_are_unique(definition, report);
    names_stand_once(definition, text, report);
    labels_are_unique(definition, report);
}

fn targets_exist(definition: &Definition, scope: &Scope, report: &Report) {
    // AWS says 'Next' whatever the field is called.
    let missing = |place: String, name: &str| {
        report.add(Code::MissingTransitionTarget, &place, format!("Missing 'Next' target: {name}"));
    };
    if let Some(name) = scope.start_at.as_deref().filter(|name| scope.find(name).is_none())
        && scope.has_states
    {
        missing(format!("{}/StartAt", scope.place), name);
    }
    for (_, state) in definition.states_of(scope) {
        for to in state.transitions.iter().filter(|to| scope.find(&to.name).is_none()) {
            missing(format!("{}/{}", scope.place_of(state), to.field), &to.name);
        }
    }
}

/// Whether it is known where all its states go. As recorded, AWS says nothing more of a scope whose
/// `StartAt` is missing, or with a state of a type that there is not.
fn is_known(definition: &Definition, scope: &Scope) -> bool {
    scope.start_at.is_some()
        && scope.has_states
        && definition.states_of(scope).all(|(_, it)| it.written_type != WrittenType::Unknown)
}

/// As AWS has it: a state is reachable if it is the first, or any state of its scope goes to it.
fn every_state_is_reachable(definition: &Definition, scope: &Scope, report: &Report) {
    if !is_known(definition, scope) {
        return;
    }
    let transitions = definition.states_of(scope).flat_map(|(_, state)| &state.transitions);
    let names = transitions.map(|to| &*to.name).chain(scope.start_at.as_deref());
    let reached: HashSet<_> = names.filter_map(|name| scope.find(name)).collect();
    for (_, state) in definition.states_of(scope).filter(|(id, _)| !reached.contains(id)) {
        let message = format!("State \"{}\" is not reachable.", state.name);
        report.add(Code::MissingTransitionTarget, &scope.place_of(state), message);
    }
}

/// AWS asks this of the machine only: a branch may loop for ever.
fn something_ends(definition: &Definition, machine: &Scope, report: &Report) {
    let mut states = definition.states_of(machine);
    if is_known(definition, machine) && !states.any(|(_, state)| state.ends) {
        report.add_nowhere(Code::MissingEndState, "Workflow has no terminal state");
    }
}

/// A scope sees the variables of those around it, and does not assign them.
fn no_outer_variable_is_assigned(definition: &Definition, report: &Report) {
    let assigned = |scope: &Scope| -> HashSet<&str> {
        let states = scope.states.start as usize..scope.states.end as usize;
        definition.states[states].iter().flat_map(|it| &it.assigns).map(|it| &**it).collect()
    };
    let assigned: Vec<HashSet<&str>> = definition.scopes.iter().map(assigned).collect();
    for scope in &definition.scopes {
        for (_, state) in definition.states_of(scope) {
            let outer = |name: &str| {
                definition.around(scope).any(|id| assigned[id.0 as usize].contains(name))
            };
            for name in state.assigns.iter().filter(|name| outer(name)) {
                let message =
                    format!("The variable name '{name}' was already defined in a parent scope.");
                report.add(Code::SchemaValidationFailed, &scope.place_of(state), message);
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
                report.add(Code::DuplicateStateName, &scope.place_of(state), message);
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

fn labels_are_unique(definition: &Definition, report: &Report) {
    let mut seen = HashSet::new();
    for scope in &definition.scopes {
        for (_, state) in definition.states_of(scope) {
            let Some(label) = &state.label else { continue };
            if !seen.insert(label) {
                let place = format!("{}/Label", scope.place_of(state));
                let message = format!("Duplicate label name: {label}");
                report.add(Code::DuplicateLabelName, &place, message);
            }
        }
    }
}
