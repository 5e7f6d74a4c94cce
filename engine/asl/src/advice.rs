//! What the language allows and its author hardly meant, beyond what AWS warns of: what is never reached,
//! never caught, never found, never over. Each kind has a [`Code`] of its own by which it can be switched off.
//!
//! ```text
//! definition ─► graph: where control goes ──► loops
//!           ├─► shape: what flows in ───────► paths
//!           └─► errors · limits · queries: one state at a time
//! ```

mod errors;
mod graph;
mod limits;
mod loops;
mod parameters;
mod paths;
mod queries;
mod shape;
#[cfg(test)]
mod tests;

use crate::definition::{Definition, Scope, State, Target};
use crate::diagnostic::{Code, Report};
use crate::flow::Flow;
use crate::program::StateKind;
use graph::Graph;

/// One state that could be read, where it is.
#[derive(Clone, Copy)]
struct Site<'d> {
    scope: &'d Scope,
    state: &'d State,
    flow: &'d Flow,
    kind: &'d StateKind<Target>,
}

impl<'d> Site<'d> {
    fn new(scope: &'d Scope, state: &'d State) -> Option<Self> {
        let (flow, kind) = state.says.as_ref()?;
        Some(Self { scope, state, flow, kind })
    }

    fn say(&self, report: &Report, code: Code, message: String) {
        report.add(code, &self.scope.place_of(self.state), message);
    }

    fn say_at(&self, field: &str, report: &Report, code: Code, message: String) {
        let place = format!("{}/{field}", self.scope.place_of(self.state));
        report.add(code, &place, message);
    }
}

/// Reports what is strange about a definition that is not wrong.
pub(crate) fn advise(definition: &Definition, report: &Report) {
    for scope in &definition.scopes {
        let graph = Graph::new(definition, scope);
        every_state_is_reached(&graph, report);
        loops::check(&graph, report);
        for (_, state) in definition.states_of(scope) {
            let Some(site) = Site::new(scope, state) else { continue };
            errors::check(site, report);
            limits::check(site, definition, report);
            queries::check(site, report);
            parameters::check(site, report);
        }
    }
    paths::check(definition, report);
}

/// AWS counts a state as reachable that only unreachable ones lead to.
fn every_state_is_reached(graph: &Graph<'_>, report: &Report) {
    let reached = graph.reached();
    for (index, state) in graph.states().enumerate() {
        if !reached[index] {
            let message = format!(
                "No way leads from `StartAt` to the state \"{}\": only states lead to it that are not \
                 reached themselves",
                state.name
            );
            report.add(Code::UnreachedState, &graph.scope.place_of(state), message);
        }
    }
}
