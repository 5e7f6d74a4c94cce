//! Text → definition. Does not stop at the first mistake: what cannot be read is reported and
//! left out, and reading goes on.

use serde_json::Value;

use crate::MachineKind;
use crate::definition::{Definition, Scope, ScopeId, State};
use crate::diagnostic::{Code, Place, Report, bounded};
use crate::json_text::{self, Complaint, Reading, complaint};
use crate::object::{Field, Language, Object};
use crate::position;
use crate::program::StateId;
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
pub(crate) fn parse(text: &str, kind: Option<MachineKind>, report: &Report) -> Option<Definition> {
    let value = json(text, report)?;
    let machine = Object::new(&value, Place::Root, report, Language::JsonPath)?;
    machine.allow(&[MACHINE_FIELDS]);
    machine.string("Comment");
    if machine.string("Version").is_some_and(|version| version != "1.0") {
        machine.wrong_at::<()>("Version", "Value should be one of the following: [1.0]".to_owned());
    }
    let timeout_seconds = machine.whole("TimeoutSeconds", 0, states::MAX_SECONDS);
    let language = language(&machine).unwrap_or(Language::JsonPath);
    let definition = Definition { states: Vec::new(), scopes: Vec::new(), timeout_seconds };
    let mut parser = Parser { kind, language, around: None, definition };
    parser.scope(&machine.in_language(language));
    Some(parser.definition)
}

fn json(text: &str, report: &Report) -> Option<Value> {
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
        Ok(value @ Value::Object(_)) => Some(value),
        Err(mistake) if !text.trim().is_empty() => {
            no_json(text, &mistake, report);
            None
        }
        Ok(_) | Err(_) => {
            let message = "Definition must be a valid JSON object";
            report.add(Code::SchemaValidationFailed, &Place::Root, message);
            None
        }
    }
}

/// Says it in the words of AWS's parser, which also gives the place.
fn no_json(text: &str, mistake: &serde_json::Error, report: &Report) {
    let source = json_text::source(text);
    let reading = Reading { source: &source, max_depth: MAX_DEPTH, alone: true };
    let found = complaint(text, reading).unwrap_or_else(|| Complaint {
        message: mistake.to_string(),
        line: mistake.line(),
        column: mistake.column(),
    });
    let Complaint { message, line, column } = found;
    let place = format!("[Source: {source}; line: {line}, column: {column}]");
    let message = format!("{message}\n at {place}");
    report.add(Code::InvalidJsonDescription, &place, message);
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
    /// Of a machine to be made; none of one that is there already.
    pub(crate) kind: Option<MachineKind>,
    /// The language of the machine, which every state without its own is written in.
    language: Language,
    /// The scope being read.
    around: Option<ScopeId>,
    definition: Definition,
}

impl Parser {
    /// Reads `StartAt` and `States` of the machine, of a branch or of a processor.
    pub(crate) fn scope(&mut self, object: &Object<'_>) -> Option<ScopeId> {
        let id = ScopeId(u32::try_from(self.definition.scopes.len()).ok()?);
        let first = u32::try_from(self.definition.states.len()).ok()?;
        let states = object.object("States");
        let written: Vec<(&str, &Value)> =
            states.iter().flat_map(Object::entries).map(|(name, it)| (&**name, it)).collect();
        // Every state has its number before any is read: inner states follow those of their scope.
        self.definition.states.extend(written.iter().map(|(name, it)| State::unread(name, it)));
        let names = (first..).map(StateId).zip(&self.definition.states[first as usize..]);
        let names = names.map(|(id, state)| (state.name.clone(), id)).collect();
        self.definition.scopes.push(Scope {
            place: match object.place() {
                Place::Root => String::new(),
                place => bounded(place),
            },
            parent: self.around.replace(id),
            start_at: object.string("StartAt").map(Box::from),
            states: first..first + u32::try_from(written.len()).ok()?,
            has_states: states.is_some(),
            names,
        });
        if let Some(states) = states {
            if written.is_empty() {
                object.wrong_at::<()>("States", "Value cannot be empty".to_owned());
            }
            for ((name, value), index) in written.into_iter().zip(first as usize..) {
                self.state(&states, name, value, index);
            }
        }
        self.around = self.definition.scope(id).parent;
        Some(id)
    }

    fn state(&mut self, states: &Object<'_>, name: &str, value: &Value, index: usize) {
        let place = states.at(name);
        check_name(name, &place, states.report());
        let Some(object) = Object::new(value, place, states.report(), self.language) else {
            return;
        };
        let language = self.state_language(&object);
        self.definition.states[index].says = states::read(&object.in_language(language), self);
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
