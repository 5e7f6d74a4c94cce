//! Definition → program, once nothing is wrong with the definition.

use std::collections::HashMap;

use crate::definition::Definition;
use crate::program::{Program, State, StateId};

/// The program, unless something in the definition could not be read.
pub(crate) fn compile(definition: Definition) -> Option<Program> {
    let start = definition.scopes.first()?.start?;
    let mut states = Vec::with_capacity(definition.states.len());
    let mut by_name = HashMap::with_capacity(definition.states.len());
    for (id, state) in (0..).map(StateId).zip(definition.states) {
        by_name.insert(state.name.clone(), id);
        let (flow, kind) = state.does?;
        states.push(State { name: state.name, flow, kind });
    }
    Some(Program {
        states: states.into_boxed_slice(),
        by_name,
        start,
        timeout_seconds: definition.timeout_seconds,
    })
}
