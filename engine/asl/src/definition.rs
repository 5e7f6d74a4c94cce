//! A definition as it was read: every state in one table, what could be read of each, and where
//! its transitions lead.

use std::sync::Arc;

use crate::flow::Flow;
use crate::program::{StateId, StateKind};

/// A definition, as complete as its text allows.
pub(crate) struct Definition {
    pub(crate) states: Vec<State>,
    /// The machine itself comes first, then the branches of Parallels and processors of Maps.
    pub(crate) scopes: Vec<Scope>,
    pub(crate) timeout_seconds: Option<u64>,
}

/// One `States` object; transitions stay inside it.
pub(crate) struct Scope {
    /// Where it is, in front of `/States/…`; empty for the machine itself.
    pub(crate) place: String,
    pub(crate) start: Option<StateId>,
    /// Its states have consecutive numbers.
    pub(crate) states: std::ops::Range<u32>,
    /// Whether all its transitions are known.
    pub(crate) complete: bool,
}

/// One state.
pub(crate) struct State {
    pub(crate) name: Arc<str>,
    /// Whether the scope may end here.
    pub(crate) ends: bool,
    pub(crate) targets: Vec<StateId>,
    /// Absent if something in it is wrong or not supported; the report says what.
    pub(crate) does: Option<(Flow, StateKind)>,
}

impl Definition {
    /// The states of one scope.
    pub(crate) fn states_of(&self, scope: &Scope) -> impl Iterator<Item = (StateId, &State)> {
        scope.states.clone().map(|id| (StateId(id), &self.states[id as usize]))
    }
}
