//! Text → definition. Does not stop at the first mistake: what cannot be read is reported and
//! left out, and reading goes on.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use serde_json::Value;

use crate::MachineKind;
use crate::definition::{Definition, Scope, State};
use crate::diagnostic::{Code, Place, Report, bounded};
use crate::object::{Field, Language, Object};
use crate::position;
use crate::program::{Next, StateId};
use crate::references::assigned_by;
use crate::states;

/// AWS's quota for the text of a definition, in bytes.
pub const MAX_DEFINITION_BYTES: usize = 1_048_576;

/// Arrays and objects inside one another; JSON beyond it is not read.
pub(crate) const MAX_DEPTH: usize = 120;

/// Regular expressions of paths in one definition: each may be large once it is compiled.
const MAX_PATTERNS: usize = 500;

/// A state's name may have as many characters.
const MAX_NAME_CHARS: usize = 80;

const MACHINE_FIELDS: &[Field] = &[
    Field::both("StartAt").required(),
    Field::both("States").required(),
    Field::both("Comment"),
    Field::both("QueryLanguage"),
    Field::both("TimeoutSeconds"),
    Field::both("Version"),
];

/// What can be read of this text; the rest is in the report.
pub(crate) fn parse(text: &str, kind: MachineKind, report: &Report) -> Option<Definition> {
    let value = json(text, report)?;
    let machine = Object::new(&value, Place::Root, report, Language::JsonPath)?;
    machine.allow(&[MACHINE_FIELDS]);
    machine.string("Comment");
    if machine.string("Version").is_some_and(|version| version != "1.0") {
        machine.wrong_at::<()>("Version", "Value should be one of the following: [1.0]".to_owned());
    }
    let timeout_seconds = machine.whole("TimeoutSeconds", 0, states::MAX_SECONDS);
    let language = language(&machine).unwrap_or(Language::JsonPath);
    let mut parser = Parser {
        kind,
        language,
        labels: HashSet::new(),
        assigned: Vec::new(),
        definition: Definition { states: Vec::new(), scopes: Vec::new(), timeout_seconds },
    };
    parser.scope(&machine.in_language(language));
    Some(parser.definition)
}

fn json(text: &str, report: &Report) -> Option<Value> {
    if text.trim().is_empty() {
        report.add(Code::MissingDescription, &Place::Root, "The definition is empty");
        return None;
    }
    if text.len() > MAX_DEFINITION_BYTES {
        let message = format!(
            "The definition has {} bytes; at most {MAX_DEFINITION_BYTES} are allowed",
            text.len()
        );
        report.add(Code::SchemaValidationFailed, &Place::Root, message);
        return None;
    }
    if position::depth(text) > MAX_DEPTH {
        let message = format!("The definition is nested deeper than {MAX_DEPTH} levels");
        report.add(Code::TooDeeplyNested, &Place::Root, message);
        return None;
    }
    match serde_json::from_str(text) {
        Ok(value) if patterns(&value) > MAX_PATTERNS => {
            let message = format!(
                "The definition has {} regular expressions (`=~`); at most {MAX_PATTERNS} are read",
                patterns(&value)
            );
            report.add(Code::SchemaValidationFailed, &Place::Root, message);
            None
        }
        Ok(value) => Some(value),
        Err(mistake) => {
            report.add(Code::InvalidJsonDescription, &Place::Root, mistake.to_string());
            None
        }
    }
}

/// How many regular expressions the texts of this value may hold.
fn patterns(value: &Value) -> usize {
    match value {
        Value::String(text) => text.matches("=~").count(),
        Value::Array(elements) => elements.iter().map(patterns).sum(),
        Value::Object(fields) => fields.values().map(patterns).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    }
}

/// The language an object asks for. As on AWS, anything but `JSONPath` counts as JSONata.
fn language(object: &Object<'_>) -> Option<Language> {
    object.value("QueryLanguage")?;
    match object.word("QueryLanguage", &["JSONPath", "JSONata"]) {
        Some("JSONPath") => Some(Language::JsonPath),
        Some(_) | None => Some(Language::Jsonata),
    }
}

/// What is known while a definition is read.
pub(crate) struct Parser {
    pub(crate) kind: MachineKind,
    /// The language of the machine, which every state without its own is written in.
    language: Language,
    /// Labels of distributed Maps seen so far.
    pub(crate) labels: HashSet<String>,
    /// The variables that each of the scopes around a state assigns, the machine's first.
    assigned: Vec<HashSet<String>>,
    definition: Definition,
}

impl Parser {
    /// Reads `StartAt` and `States` of the machine, of a branch or of a processor, and gives
    /// the state it starts with.
    pub(crate) fn scope(&mut self, object: &Object<'_>) -> Option<StateId> {
        let states = object.object("States");
        let first = u32::try_from(self.definition.states.len()).ok()?;
        let names: HashMap<&str, StateId> = states
            .iter()
            .flat_map(Object::entries)
            .zip(first..)
            .map(|((name, _), id)| (name.as_str(), StateId(id)))
            .collect();
        let count = u32::try_from(names.len()).ok()?;
        self.reserve(states.as_ref(), first);
        let transitions = Transitions { names, taken: RefCell::default() };
        // Without states there is nothing that a name could miss.
        let start = match count {
            0 => object.string("StartAt").and(None),
            _ => transitions.follow(object, "StartAt"),
        };
        let place = match object.place() {
            Place::Root => String::new(),
            place => bounded(place),
        };
        let complete = object.value("StartAt").is_some_and(Value::is_string)
            && states
                .iter()
                .flat_map(Object::entries)
                .all(|(_, state)| states::has_known_transitions(state));
        self.definition.scopes.push(Scope { place, start, states: first..first + count, complete });
        if let Some(states) = states {
            if count == 0 {
                object.wrong_at::<()>("States", "Value cannot be empty".to_owned());
            }
            let assigned = states.entries().flat_map(|(_, state)| assigned_by(state));
            let assigned = assigned.map(str::to_owned).collect();
            self.assigned.push(assigned);
            for ((name, value), id) in states.entries().zip(first..) {
                self.state(&states, name, value, id as usize, &transitions);
            }
            self.assigned.pop();
        }
        start
    }

    /// Gives every state of a scope its number before any is read: transitions may lead forward.
    fn reserve(&mut self, states: Option<&Object<'_>>, first: u32) {
        debug_assert_eq!(self.definition.states.len(), first as usize);
        for (name, _) in states.into_iter().flat_map(Object::entries) {
            let name = Arc::from(name.as_str());
            self.definition.states.push(State {
                name,
                ends: false,
                targets: Vec::new(),
                does: None,
            });
        }
    }

    fn state(
        &mut self,
        states: &Object<'_>,
        name: &str,
        value: &Value,
        index: usize,
        transitions: &Transitions<'_>,
    ) {
        let place = states.at(name);
        check_name(name, &place, states.report());
        let Some(object) = Object::new(value, place, states.report(), self.language) else {
            return;
        };
        let language = self.state_language(&object);
        let object = object.in_language(language);
        transitions.taken.borrow_mut().clear();
        let does = states::read(&object, transitions, self);
        let state = &mut self.definition.states[index];
        state.ends = states::ends(&object);
        state.targets = transitions.taken.take();
        state.does = does;
        self.check_variables(&object, value);
    }

    /// A scope sees the variables of those around it, and does not assign them.
    fn check_variables(&self, state: &Object<'_>, value: &Value) {
        let Some((_, outer)) = self.assigned.split_last() else { return };
        let mut taken: Vec<&str> = assigned_by(value).into_iter().collect();
        taken.retain(|name| outer.iter().any(|scope| scope.contains(*name)));
        taken.sort_unstable();
        for name in taken {
            state.wrong(format!(
                "The variable name '{name}' was already defined in a parent scope."
            ));
        }
    }

    fn state_language(&self, state: &Object<'_>) -> Language {
        let Some(own) = language(state) else { return self.language };
        if self.language == Language::Jsonata {
            if own == Language::JsonPath {
                state.wrong(
                    "'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine"
                        .to_owned(),
                );
            }
            return Language::Jsonata;
        }
        own
    }
}

fn check_name(name: &str, place: &Place<'_>, report: &Report) {
    if name.is_empty() {
        report.add(Code::InvalidStateName, place, "A state's name cannot be empty");
    } else if name.chars().count() > MAX_NAME_CHARS {
        let message = format!("A state's name cannot be longer than {MAX_NAME_CHARS} characters");
        report.add(Code::InvalidStateName, place, message);
    }
}

/// Where the states of one scope may go, and where the one being read does go.
pub(crate) struct Transitions<'a> {
    names: HashMap<&'a str, StateId>,
    taken: RefCell<Vec<StateId>>,
}

impl Transitions<'_> {
    /// The state that this field names.
    pub(crate) fn follow(&self, object: &Object<'_>, field: &str) -> Option<StateId> {
        let name = object.string(field)?;
        let target = self.names.get(name).copied();
        match target {
            Some(target) => self.taken.borrow_mut().push(target),
            // AWS says 'Next' whatever the field is called.
            None => object.report().add(
                Code::MissingTransitionTarget,
                &object.at(field),
                format!("Missing 'Next' target: {name}"),
            ),
        }
        target
    }

    /// Where a state with `Next` or `End` goes.
    pub(crate) fn next(&self, state: &Object<'_>) -> Option<Next> {
        state.exactly_one(&["Next", "End"]);
        let target = self.follow(state, "Next");
        match state.boolean("End") {
            Some(true) if !state.has("Next") => Some(Next::End),
            Some(true) | None => target.map(Next::State),
            Some(false) => {
                if !state.has("Next") {
                    state.wrong_at::<()>("End", "Expected true, but got false".to_owned());
                }
                target.map(Next::State)
            }
        }
    }
}
