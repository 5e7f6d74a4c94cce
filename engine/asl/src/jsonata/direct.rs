//! Expressions that only name a value, `$states.input.order.id` or `$order.id`: most of those that people
//! write. The value is found and copied as it is, so that numbers keep every digit. Where arrays are on
//! the way, or nothing is found, the library decides.

use std::borrow::Cow;

use serde_json::Value;

use crate::context::Part;
use crate::expression::{EvaluationError, Scope};

/// The names that lead to the value.
#[derive(Debug)]
pub(super) struct Direct(Box<[Box<str>]>);

impl Direct {
    /// If this expression is nothing but a variable and names of members.
    pub(super) fn of(text: &str) -> Option<Self> {
        let names: Vec<Box<str>> = text.strip_prefix('$')?.split('.').map(Box::from).collect();
        names.iter().all(|name| is_plain(name)).then(|| Self(names.into()))
    }

    /// The value, if the names lead to one through objects alone.
    pub(super) fn evaluate(&self, scope: &Scope<'_>) -> Option<Result<Value, EvaluationError>> {
        let (first, rest) = self.0.split_first()?;
        let (part, rest) = match (&**first, rest.split_first()) {
            ("states", Some((member, rest))) => (member_of_states(member, scope)?, rest),
            ("states", None) => return None,
            (variable, _) => (Part::Data(scope.variables.get(variable)?.value()), rest),
        };
        let found = lead(part, rest)?;
        let copied = scope.budget.work(1 + rest.len() as u64);
        let copied = copied.and_then(|()| scope.budget.weigh(&found));
        Some(copied.map(|()| found.into_owned()))
    }
}

/// A name that means nothing but itself.
fn is_plain(name: &str) -> bool {
    let mut letters = name.chars();
    letters.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && letters.all(|c| c.is_ascii_alphanumeric() || c == '_')
        && !matches!(name, "and" | "or" | "in" | "true" | "false" | "null")
}

fn member_of_states<'a>(name: &str, scope: &Scope<'a>) -> Option<Part<'a>> {
    match name {
        "input" => Some(Part::Data(scope.input)),
        "result" => scope.result.map(Part::Data),
        "errorOutput" => scope.error_output.map(Part::Data),
        "context" => Some((scope.context)()),
        _ => None,
    }
}

fn lead<'a>(mut part: Part<'a>, names: &[Box<str>]) -> Option<Cow<'a, Value>> {
    for (at, name) in names.iter().enumerate() {
        part = match part {
            Part::Data(value) => {
                let found = names[at..].iter().try_fold(value, |value, name| match value {
                    Value::Object(members) => members.get(&**name),
                    _ => None,
                });
                return found.map(Cow::Borrowed);
            }
            part => part.member(name)?,
        };
    }
    Some(part.into_value())
}
