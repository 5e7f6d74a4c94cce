//! A copy of those parts of a scope that an expression reads, for a long evaluation.

use serde_json::{Map, Value};

use super::enclose::{NOTHING, STATES, VARIABLES};
use crate::context::Part;
use crate::expression::Scope;

/// Which parts of the scope an expression reads.
#[derive(Clone, Debug, Default)]
pub(super) struct Reads {
    /// Members of `$states`, each as the names on the way to it: `context`, `Map`, `Item`.
    pub(super) paths: Box<[Box<[Box<str>]>]>,
    /// Names of variables.
    pub(super) variables: Box<[Box<str>]>,
}

/// The members of `$states`.
const EVERYTHING: [&str; 4] = ["input", "context", "result", "errorOutput"];

impl Reads {
    pub(super) fn new(paths: &[Vec<&str>], variables: &[&str]) -> Self {
        let boxed = |names: &[&str]| names.iter().map(|name| (*name).into()).collect();
        Self { paths: paths.iter().map(|path| boxed(path)).collect(), variables: boxed(variables) }
    }

    /// The document to evaluate on, and how many steps it took to make it.
    pub(super) fn copy(&self, scope: &Scope<'_>) -> (Value, u64) {
        let mut copied = 0;
        let mut states = Value::Object(Map::new());
        let all: Vec<Box<[Box<str>]>> = if self.paths.iter().any(|path| path.is_empty()) {
            EVERYTHING.iter().map(|name| [Box::from(*name)].into()).collect()
        } else {
            self.shortest().map(Box::from).collect()
        };
        for path in &all {
            let Some((first, rest)) = path.split_first() else { continue };
            let part = match &**first {
                "input" => Part::Data(scope.input),
                "context" => (scope.context)(),
                "result" => match scope.result {
                    Some(value) => Part::Data(value),
                    None => continue,
                },
                "errorOutput" => match scope.error_output {
                    Some(value) => Part::Data(value),
                    None => continue,
                },
                _ => continue,
            };
            insert(&mut states, first, |place| copy_path(part, rest, place, &mut copied));
        }
        let variables = self.variables.iter().filter_map(|name| {
            let value = scope.variables.get(name)?.value();
            copied += steps_to_copy(value);
            Some((String::from(&**name), value.clone()))
        });
        let variables = Value::Object(variables.collect());
        let members = [(STATES, states), (VARIABLES, variables), (NOTHING, Value::Null)];
        (
            Value::Object(
                members.map(|(name, value)| (name.to_owned(), value)).into_iter().collect(),
            ),
            copied,
        )
    }

    /// The paths without those that lead into another.
    fn shortest(&self) -> impl Iterator<Item = &[Box<str>]> {
        let paths = self.paths.iter().map(|path| &**path);
        paths.filter(|path| {
            !self.paths.iter().any(|other| other.len() < path.len() && path.starts_with(other))
        })
    }
}

fn copy_path(part: Part<'_>, path: &[Box<str>], place: &mut Value, copied: &mut u64) {
    let Some((first, rest)) = path.split_first() else {
        *place = part.into_value().into_owned();
        *copied += steps_to_copy(place);
        return;
    };
    match part {
        Part::Data(Value::Object(members)) => {
            if let Some(value) = members.get(&**first) {
                insert(place, first, |place| copy_path(Part::Data(value), rest, place, copied));
            } else if !place.is_object() {
                *place = Value::Object(Map::new());
            }
        }
        Part::Object(_) => {
            if let Some(part) = part.member(first) {
                insert(place, first, |place| copy_path(part, rest, place, copied));
            } else if !place.is_object() {
                *place = Value::Object(Map::new());
            }
        }
        Part::Data(_) | Part::Text(_) | Part::Number(_) => {
            *place = part.into_value().into_owned();
            *copied += steps_to_copy(place);
        }
    }
}

fn insert(object: &mut Value, name: &str, write: impl FnOnce(&mut Value)) {
    if !object.is_object() {
        *object = Value::Object(Map::new());
    }
    if let Value::Object(members) = object {
        write(members.entry(name).or_insert(Value::Null));
    }
}

fn steps_to_copy(value: &Value) -> u64 {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 1,
        Value::String(text) => 1 + text.len() as u64 / 64,
        Value::Array(items) => 1 + items.iter().map(steps_to_copy).sum::<u64>(),
        Value::Object(members) => {
            1 + members.values().map(|value| 1 + steps_to_copy(value)).sum::<u64>()
        }
    }
}
