//! A definition as it was written: every state in one table, as far as it could be read, with the names it
//! gives to others. What is right about it, `check` says; a program is made of it by `compile`.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use serde_json::Value;

use crate::flow::Flow;
use crate::program::{StateId, StateKind};
use crate::states;

/// A definition, as complete as its text allows.
pub(crate) struct Definition {
    pub(crate) states: Vec<State>,
    /// The machine itself comes first, then the branches of Parallels and processors of Maps, each after the
    /// one that it is in.
    pub(crate) scopes: Vec<Scope>,
    pub(crate) timeout_seconds: Option<u64>,
}

/// One `States` object with its `StartAt`; transitions stay inside it.
pub(crate) struct Scope {
    /// Where it is, in front of `/States/…`; empty for the machine itself.
    pub(crate) place: String,
    /// The scope around it; none for the machine itself.
    pub(crate) parent: Option<ScopeId>,
    pub(crate) start_at: Option<Box<str>>,
    /// Its states have consecutive numbers.
    pub(crate) states: Range<u32>,
    /// Whether it has a `States`, even an empty one.
    pub(crate) has_states: bool,
    /// By their names; of two states with one name, the last.
    pub(crate) names: HashMap<Arc<str>, StateId>,
}

/// A scope of one definition.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct ScopeId(pub(crate) u32);

/// One state.
pub(crate) struct State {
    pub(crate) name: Arc<str>,
    /// What `Type` is, whether there is such a type or not.
    pub(crate) written_type: WrittenType,
    /// Whether the scope may end here.
    pub(crate) ends: bool,
    /// Wherever it names another state, in the order of the text.
    pub(crate) transitions: Vec<Transition>,
    /// The variables that it assigns, those of its rules included.
    pub(crate) assigns: Vec<Box<str>>,
    /// `Label`, of a distributed Map.
    pub(crate) label: Option<Box<str>>,
    /// Absent if something in it is wrong; the report says what.
    pub(crate) says: Option<(Flow, StateKind<Target>)>,
}

/// What a state has for a `Type`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum WrittenType {
    Known,
    Unknown,
    /// None, or the state is no object at all.
    Missing,
}

/// A field that names a state.
pub(crate) struct Transition {
    /// From the state on: `Catch[0]/Next`.
    pub(crate) field: String,
    pub(crate) name: Box<str>,
}

impl Transition {
    /// Whether a catcher goes there.
    pub(crate) fn is_of_catcher(&self) -> bool {
        self.field.starts_with("Catch[")
    }
}

/// Where control is to go.
#[derive(Debug)]
pub(crate) enum Target {
    /// To the state of this name, in the same scope.
    Named(Box<str>),
    /// To the first state of an inner scope.
    StartOf(ScopeId),
}

impl Definition {
    /// The machine and its inner scopes, with their numbers.
    pub(crate) fn scopes(&self) -> impl Iterator<Item = (ScopeId, &Scope)> {
        (0..).map(ScopeId).zip(&self.scopes)
    }

    pub(crate) fn scope(&self, id: ScopeId) -> &Scope {
        &self.scopes[id.0 as usize]
    }

    /// The states of one scope.
    pub(crate) fn states_of(&self, scope: &Scope) -> impl Iterator<Item = (StateId, &State)> {
        scope.states.clone().map(|id| (StateId(id), &self.states[id as usize]))
    }

    /// The scopes around this one, the nearest first.
    pub(crate) fn around(&self, scope: &Scope) -> impl Iterator<Item = ScopeId> {
        std::iter::successors(scope.parent, |id| self.scope(*id).parent)
    }
}

impl State {
    /// A state of which no more is known than that it is there, and which others it names.
    pub(crate) fn unread(name: &str, written: &Value) -> Self {
        let written_type = match written.get("Type") {
            None => WrittenType::Missing,
            Some(kind) => kind
                .as_str()
                .and_then(states::known)
                .map_or(WrittenType::Unknown, |_| WrittenType::Known),
        };
        let ends = match written["Type"].as_str() {
            Some("Succeed" | "Fail") => true,
            Some(_) => written["End"] == true,
            None => false,
        };
        Self {
            name: name.into(),
            written_type,
            ends,
            transitions: transitions(written),
            assigns: assigned(written),
            label: written["Label"].as_str().map(Box::from),
            says: None,
        }
    }
}

fn transitions(state: &Value) -> Vec<Transition> {
    let own = ["Next", "Default"].map(|field| (field.to_owned(), &state[field]));
    let listed = |list: &'static str| {
        let entries = state[list].as_array().into_iter().flatten().enumerate();
        entries.map(move |(index, entry)| (format!("{list}[{index}]/Next"), &entry["Next"]))
    };
    let all = own.into_iter().chain(listed("Choices")).chain(listed("Catch"));
    all.filter_map(|(field, name)| Some(Transition { field, name: name.as_str()?.into() }))
        .collect()
}

/// The names that a state and its rules assign. As recorded, AWS does not count those of catchers.
fn assigned(state: &Value) -> Vec<Box<str>> {
    let rules = state["Choices"].as_array().into_iter().flatten();
    let mut names: Vec<Box<str>> = std::iter::once(state)
        .chain(rules)
        .filter_map(|object| object["Assign"].as_object())
        .flat_map(|variables| variables.keys())
        .map(|field| field.strip_suffix(".$").unwrap_or(field).into())
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

impl Scope {
    /// Its state of this name.
    pub(crate) fn find(&self, name: &str) -> Option<StateId> {
        self.names.get(name).copied()
    }

    /// The place of one of its states.
    pub(crate) fn place_of(&self, state: &State) -> String {
        format!("{}/States/{}", self.place, state.name)
    }
}
