//! From a value along the steps of a path. Every node that is looked at is a step of the budget's, and
//! what is gathered is weighed before it is copied.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::condition::Seen;
use super::filter::Operand;
use super::miss::Miss;
use super::{Root, Step, filter};
use crate::budget::Budget;
use crate::context::Part;
use crate::expression::Scope;
use crate::java;

/// What the steps from one root are followed with.
pub(super) struct Walk<'s, 'a, 'v> {
    pub(super) scope: &'s Scope<'a>,
    /// What `$` means in a filter.
    pub(super) root: &'v Value,
}

/// Whether the steps lead to at most one value.
pub(super) fn is_definite(steps: &[Step]) -> bool {
    let definite = |(at, step): (usize, &Step)| match step {
        Step::Name(_) | Step::Index(_) | Step::Call(_) => true,
        Step::Names(_) => at + 1 == steps.len(),
        Step::Indexes(_) | Step::Slice(..) | Step::Every | Step::Filter(_) | Step::Descend(_) => {
            false
        }
    };
    steps.iter().enumerate().all(definite)
        || matches!(steps.last(), Some(Step::Call(_))) && descends(steps)
}

/// Whether there is a `..`.
pub(super) fn descends(steps: &[Step]) -> bool {
    steps.iter().any(|step| matches!(step, Step::Descend(_)))
}

pub(super) fn evaluate<'a>(
    scope: &Scope<'a>,
    root: &Root,
    steps: &[Step],
) -> Result<Cow<'a, Value>, Miss> {
    match root {
        Root::Input => Walk { scope, root: scope.input }.value(scope.input, steps, 0),
        Root::Context => of_context(scope, steps),
        Root::Variable(name) => {
            let value = variable(scope, name)?;
            Walk { scope, root: value }.value(value, steps, 0)
        }
    }
}

fn variable<'a>(scope: &Scope<'a>, name: &str) -> Result<&'a Value, Miss> {
    match scope.variables.get(name) {
        Some(payload) => Ok(payload.value()),
        None => Err(Miss::NoVariable(name.into())),
    }
}

/// The same from the context object, of which only what the steps lead through is looked at. What is
/// found in its data is borrowed from them.
fn of_context<'a>(scope: &Scope<'a>, steps: &[Step]) -> Result<Cow<'a, Value>, Miss> {
    let mut part = (scope.context)();
    let mut from_root = false;
    filter::operands(steps, &mut |it| from_root |= matches!(it, Operand::Root(_)));
    let mut at = 0;
    while !from_root && let (Part::Object(_), Some(Step::Name(name))) = (&part, steps.get(at)) {
        part = part.member(name).ok_or_else(|| missing(steps, at))?;
        at += 1;
    }
    if let (Part::Data(value), false) = (&part, from_root) {
        return Walk { scope, root: value }.value(value, steps, at);
    }
    let whole = part.into_value();
    let walk = Walk { scope, root: &whole };
    match walk.value(&whole, steps, at)? {
        Cow::Owned(value) => Ok(Cow::Owned(value)),
        Cow::Borrowed(value) => Ok(Cow::Owned(scope.budget.copy(value)?)),
    }
}

/// What it is when the step with this number names a member that is not there.
fn missing(steps: &[Step], at: usize) -> Miss {
    if at + 1 == steps.len() { Miss::NoResult } else { Miss::NoProperty(at) }
}

impl<'v> Walk<'_, '_, 'v> {
    pub(super) fn budget(&self) -> &Budget {
        self.scope.budget
    }

    /// What the steps from this number on lead to. What is not borrowed has been weighed.
    fn value(&self, node: &'v Value, steps: &[Step], first: usize) -> Result<Cow<'v, Value>, Miss> {
        match self.see(node, steps, first)? {
            Seen::One(value) => Ok(value),
            Seen::Many(found) => Ok(Cow::Owned(Seen::Many(found).to_value(self.budget())?)),
        }
    }

    pub(super) fn see(
        &self,
        node: &'v Value,
        steps: &[Step],
        first: usize,
    ) -> Result<Seen<'v>, Miss> {
        if let Some((Step::Call(call), before)) = steps.split_last() {
            let on = self.see(node, before, first).map_err(|miss| match (miss, before) {
                // The name is not the last step.
                (Miss::NoResult, [.., Step::Name(_)]) => Miss::NoProperty(before.len() - 1),
                (miss, _) => miss,
            })?;
            return match on {
                Seen::Many(found) if !descends(before) => {
                    let apply = |node: &'v Value| call.apply(&Seen::One(Cow::Borrowed(node)), self);
                    let all = found.into_iter().map(apply).collect::<Result<_, _>>()?;
                    Ok(Seen::One(Cow::Owned(Value::Array(all))))
                }
                on => Ok(Seen::One(Cow::Owned(call.apply(&on, self)?))),
            };
        }
        if is_definite(steps) {
            return self.lead(node, steps, first).map(Seen::One);
        }
        let (names, before) = match steps.split_last() {
            Some((Step::Names(names), before)) => (Some((names, false)), before),
            Some((Step::Descend(step), before)) if let Step::Names(names) = &**step => {
                (Some((names, true)), before)
            }
            _ => (None, steps),
        };
        let mut nodes = vec![node];
        for step in &before[first..] {
            let mut next = Vec::new();
            for node in nodes {
                self.select(step, node, &mut next)?;
            }
            nodes = next;
        }
        let Some((names, deep)) = names else { return Ok(Seen::Many(nodes)) };
        if deep {
            let mut all = Vec::new();
            for node in nodes {
                self.below(node, &mut |node| {
                    let whole = names.iter().all(|name| node.get(&**name).is_some());
                    all.extend(whole.then_some(node));
                    Ok(())
                })?;
            }
            nodes = all;
        }
        let objects = nodes.into_iter().filter(|node| node.is_object());
        let objects = objects.map(|node| self.members(node, names)).collect::<Result<_, _>>()?;
        Ok(Seen::One(Cow::Owned(Value::Array(objects))))
    }

    /// Where definite steps lead.
    fn lead(&self, root: &'v Value, steps: &[Step], first: usize) -> Result<Cow<'v, Value>, Miss> {
        let mut node = root;
        for (at, step) in steps.iter().enumerate().skip(first) {
            // A member is looked up by a hash.
            self.budget().work(4)?;
            node = match (step, node) {
                (Step::Name(name), Value::Object(members)) => {
                    members.get(&**name).ok_or_else(|| missing(steps, at))?
                }
                (Step::Names(names), Value::Object(_)) => {
                    return self.members(node, names).map(Cow::Owned);
                }
                (Step::Name(_) | Step::Names(_), _) => {
                    return Err(Miss::NotAnObject(at, java::class(node)));
                }
                (Step::Index(index), Value::Array(items)) => {
                    nth(items, *index).ok_or(Miss::NoResult)?
                }
                (Step::Index(_), Value::Null) => return Err(Miss::Null(at)),
                (Step::Index(_), _) => {
                    self.budget().weigh(node)?;
                    return Err(Miss::NotAnArray(at, java::Text(node).to_string()));
                }
                (
                    Step::Indexes(_)
                    | Step::Slice(..)
                    | Step::Every
                    | Step::Filter(_)
                    | Step::Descend(_)
                    | Step::Call(_),
                    _,
                ) => unreachable!("a definite path has none of these"),
            };
        }
        Ok(Cow::Borrowed(node))
    }

    /// One object of these members, as far as they are there.
    fn members(&self, node: &Value, names: &[Box<str>]) -> Result<Value, Miss> {
        let mut found = Map::new();
        for name in names {
            self.budget().work(1)?;
            if let Some(value) = node.get(&**name) {
                self.budget().build(name.len() + 3)?;
                found.insert(name.to_string(), self.budget().copy(value)?);
            }
        }
        Ok(Value::Object(found))
    }

    /// The nodes one step leads to from this one; a step that does not fit it drops it.
    fn select(&self, step: &Step, node: &'v Value, found: &mut Vec<&'v Value>) -> Result<(), Miss> {
        self.budget().work(1)?;
        let before = found.len();
        match step {
            Step::Name(name) => found.extend(node.get(&**name)),
            Step::Index(index) => found.extend(node.as_array().and_then(|it| nth(it, *index))),
            Step::Names(names) => found.extend(names.iter().filter_map(|name| node.get(&**name))),
            Step::Indexes(indexes) => {
                if let Value::Array(items) = node {
                    found.extend(indexes.iter().filter_map(|index| nth(items, *index)));
                }
            }
            Step::Slice(from, to) => {
                if let Value::Array(items) = node {
                    found.extend(slice(items, *from, *to));
                }
            }
            Step::Every => match node {
                Value::Array(items) => found.extend(items),
                Value::Object(members) => found.extend(members.values()),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
            },
            Step::Filter(filter) => match node {
                Value::Array(items) => {
                    for item in items {
                        if self.accepts(filter, item)? {
                            found.push(item);
                        }
                    }
                }
                Value::Object(_) => {
                    if self.accepts(filter, node)? {
                        found.push(node);
                    }
                }
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
            },
            Step::Descend(step) => self.below(node, &mut |node| {
                // Jayway's `..[?(…)]` tests objects alone; those in an array come by themselves.
                let tested = !matches!(**step, Step::Filter(_)) || node.is_object();
                if tested { self.select(step, node, found) } else { Ok(()) }
            })?,
            Step::Call(_) => unreachable!("a function is the last step, and was split off"),
        }
        Ok(self.budget().work((found.len() - before) as u64)?)
    }

    /// The node and all below it that can have something below them, outer before inner.
    fn below(
        &self,
        node: &'v Value,
        visit: &mut dyn FnMut(&'v Value) -> Result<(), Miss>,
    ) -> Result<(), Miss> {
        self.budget().work(1)?;
        match node {
            Value::Array(items) => {
                visit(node)?;
                items.iter().try_for_each(|item| self.below(item, visit))
            }
            Value::Object(members) => {
                visit(node)?;
                members.values().try_for_each(|value| self.below(value, visit))
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
        }
    }
}

fn nth(items: &[Value], index: i64) -> Option<&Value> {
    let index = if index < 0 { i64::try_from(items.len()).ok()? + index } else { index };
    items.get(usize::try_from(index).ok()?)
}

/// From the first bound to before the second; negative ones count from the end.
fn slice(items: &[Value], from: Option<i64>, to: Option<i64>) -> &[Value] {
    let place = |bound: i64| {
        let bound = usize::try_from(bound.unsigned_abs()).unwrap_or(usize::MAX);
        bound.min(items.len())
    };
    let from_start = |bound: i64| if bound < 0 { items.len() - place(bound) } else { place(bound) };
    let from = from.map_or(0, from_start);
    let to = to.map_or(items.len(), from_start);
    items.get(from..to).unwrap_or_default()
}
