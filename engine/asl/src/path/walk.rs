//! From a value along the steps of a path, and what Jayway says when there is no way.

use std::borrow::Cow;
use std::fmt::Write as _;

use serde_json::{Map, Value};

use super::select::{below, descendants, nth, passing, selected};
use super::{Step, canonical, fragments};
use crate::context::Part;

/// How many nodes one step may lead to. `$..*..*` leads to the same nodes again and again.
pub(super) const MAX_NODES: usize = 200_000;

/// How much one path may gather, in bytes, roughly; the same nodes again and again add up.
const MAX_BYTES: usize = 32 * 1024 * 1024;

/// Why a path has no value.
#[derive(Debug)]
pub(super) enum Miss {
    /// The last name, or any index, is not there.
    NoResult,
    /// The step with this number names a member that is not there.
    NoProperty(usize),
    /// The step with this number asks a member of what is not an object.
    NotAnObject(usize, &'static str),
    /// The step with this number indexes what is not an array; the text is what it is.
    NotAnArray(usize, String),
    /// The step with this number indexes null.
    Null(usize),
    TooMany,
}

/// Whether the steps lead to at most one node.
pub(super) fn is_definite(steps: &[Step]) -> bool {
    steps.iter().all(|step| match step {
        Step::Name(_) | Step::Index(_) | Step::Names(_) | Step::Length => true,
        Step::Select(_)
        | Step::DescendantSelect(_)
        | Step::Filter(_)
        | Step::DescendantFilter(_) => false,
    })
}

pub(super) fn evaluate<'v>(root: &'v Value, steps: &[Step]) -> Result<Cow<'v, Value>, Miss> {
    if is_definite(steps) { lead(root, steps, 0) } else { all(root, steps).map(Cow::Owned) }
}

/// The same from the context object, of which only what the steps lead through is looked at. What is
/// found in its data is borrowed from them.
pub(super) fn evaluate_context<'v>(
    mut part: Part<'v>,
    steps: &[Step],
) -> Result<Cow<'v, Value>, Miss> {
    if !is_definite(steps) {
        return all(&part.into_value(), steps).map(Cow::Owned);
    }
    for (at, step) in steps.iter().enumerate() {
        part = match (part, step) {
            (Part::Data(value), _) => return lead(value, steps, at),
            (part @ Part::Object(_), Step::Name(name)) => {
                part.member(name).ok_or_else(|| missing(steps, at))?
            }
            (part, _) => {
                let value = part.into_value();
                return lead(&value, steps, at).map(|found| Cow::Owned(found.into_owned()));
            }
        };
    }
    Ok(part.into_value())
}

/// Where definite steps lead from this value, from the step with this number on.
fn lead<'v>(root: &'v Value, steps: &[Step], first: usize) -> Result<Cow<'v, Value>, Miss> {
    let mut node = root;
    for (at, step) in steps.iter().enumerate().skip(first) {
        node = match step {
            Step::Name(name) => member(node, name, at, steps)?,
            Step::Index(index) => element(node, *index, at)?,
            Step::Names(names) => return members(node, names, at).map(Cow::Owned),
            Step::Length => return Ok(Cow::Owned(length(node))),
            Step::Select(_)
            | Step::DescendantSelect(_)
            | Step::Filter(_)
            | Step::DescendantFilter(_) => {
                unreachable!("a definite path has none of these")
            }
        };
    }
    Ok(Cow::Borrowed(node))
}

/// What it is when the step with this number names a member that is not there.
fn missing(steps: &[Step], at: usize) -> Miss {
    if at + 1 == steps.len() { Miss::NoResult } else { Miss::NoProperty(at) }
}

fn member<'v>(node: &'v Value, name: &str, at: usize, steps: &[Step]) -> Result<&'v Value, Miss> {
    match node {
        Value::Object(members) => members.get(name).ok_or_else(|| missing(steps, at)),
        _ => Err(Miss::NotAnObject(at, java_class(node))),
    }
}

fn element(node: &Value, index: i64, at: usize) -> Result<&Value, Miss> {
    match node {
        Value::Array(items) => nth(items, index).ok_or(Miss::NoResult),
        Value::Null => Err(Miss::Null(at)),
        _ => Err(Miss::NotAnArray(at, java_text(node))),
    }
}

fn members(node: &Value, names: &[Box<str>], at: usize) -> Result<Value, Miss> {
    let Value::Object(all) = node else { return Err(Miss::NotAnObject(at, java_class(node))) };
    let found =
        names.iter().filter_map(|name| all.get(&**name).map(|v| (name.to_string(), v.clone())));
    Ok(Value::Object(found.collect::<Map<_, _>>()))
}

fn length(node: &Value) -> Value {
    match node {
        Value::Array(items) => items.len().into(),
        Value::Object(members) => members.len().into(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Value::Null,
    }
}

/// The array of all nodes the steps lead to; a step that does not fit a node drops it.
fn all(root: &Value, steps: &[Step]) -> Result<Value, Miss> {
    let mut nodes = vec![root];
    for step in steps {
        let mut next = Vec::new();
        for node in nodes {
            match step {
                Step::Name(name) => next.extend(node.get(&**name)),
                Step::Index(index) => {
                    next.extend(node.as_array().and_then(|items| nth(items, *index)));
                }
                Step::Select(selector) => selected(selector, node, &mut next),
                Step::DescendantSelect(selector) => below(selector, node, &mut next)?,
                Step::Filter(filter) => passing(filter, node, root, &mut next),
                Step::DescendantFilter(filter) => descendants(filter, node, root, &mut next)?,
                // Both are the last step of their path.
                Step::Names(_) | Step::Length => next.push(node),
            }
            if next.len() > MAX_NODES {
                return Err(Miss::TooMany);
            }
        }
        nodes = next;
    }
    let mut left = MAX_BYTES;
    for node in &nodes {
        weigh(node, &mut left).ok_or(Miss::TooMany)?;
    }
    let names = match steps.last() {
        Some(Step::Names(names)) => Some(names),
        _ => None,
    };
    let values = nodes.into_iter().filter_map(|node| match names {
        Some(names) => members(node, names, 0).ok(),
        None => Some(node.clone()),
    });
    Ok(Value::Array(values.collect()))
}

/// Takes the size of a value off what is left; `None` if that is not enough.
fn weigh(value: &Value, left: &mut usize) -> Option<()> {
    let own = match value {
        Value::String(text) => text.len() + 8,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => 8,
    };
    *left = left.checked_sub(own)?;
    match value {
        Value::Array(items) => items.iter().try_for_each(|item| weigh(item, left)),
        Value::Object(members) => members.values().try_for_each(|value| weigh(value, left)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Some(()),
    }
}

impl Miss {
    /// Jayway's text for it.
    pub(super) fn explain(&self, steps: &[Step]) -> String {
        let fragment = |at: usize| {
            let mut text = String::new();
            fragments(&steps[at..], &mut text);
            text
        };
        match self {
            Self::NoResult => format!("No results for path: {}", canonical(steps)),
            Self::NoProperty(at) => {
                format!("Missing property in path {}", canonical(&steps[..=*at]))
            }
            Self::NotAnObject(at, class) => {
                let mut property = String::new();
                fragments(&steps[*at..=*at], &mut property);
                format!(
                    "Expected to find an object with property {property} in path {} but found \
                     '{class}'. This is not a json object according to the JsonProvider: \
                     'com.jayway.jsonpath.spi.json.JacksonJsonProvider'.",
                    canonical(&steps[..*at])
                )
            }
            Self::NotAnArray(at, found) => format!(
                "Filter: {} can only be applied to arrays. Current context is: {found}",
                fragment(*at)
            ),
            Self::Null(at) => format!("The path {} is null", canonical(&steps[..*at])),
            Self::TooMany => format!("more than {MAX_NODES} nodes match"),
        }
    }
}

/// The Java class in which AWS holds such a value.
fn java_class(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "java.lang.Boolean",
        Value::Number(number) => match number.as_i64() {
            Some(integer) if i32::try_from(integer).is_ok() => "java.lang.Integer",
            Some(_) => "java.lang.Long",
            None if number.is_u64() => "java.math.BigInteger",
            None => "java.lang.Double",
        },
        Value::String(_) => "java.lang.String",
        Value::Array(_) => "java.util.ArrayList",
        Value::Object(_) => "java.util.LinkedHashMap",
    }
}

/// A value as Java prints its maps and lists: `{a=1, b=[x, y]}`.
fn java_text(value: &Value) -> String {
    let mut text = String::new();
    write_java(value, &mut text);
    text
}

fn write_java(value: &Value, text: &mut String) {
    match value {
        Value::String(string) => text.push_str(string),
        Value::Null | Value::Bool(_) | Value::Number(_) => _ = write!(text, "{value}"),
        Value::Array(items) => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                text.push_str(if index > 0 { ", " } else { "" });
                write_java(item, text);
            }
            text.push(']');
        }
        Value::Object(members) => {
            text.push('{');
            for (index, (name, member)) in members.iter().enumerate() {
                text.push_str(if index > 0 { ", " } else { "" });
                _ = write!(text, "{name}=");
                write_java(member, text);
            }
            text.push('}');
        }
    }
}
