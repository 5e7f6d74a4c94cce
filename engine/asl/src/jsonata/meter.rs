//! Watches an evaluation and counts the sizes of the values it handles, for a step may copy one.

use std::sync::PoisonError;

use jlens_core::ast::BinaryOp;
use jlens_core::audit::{CaptureLimits, Outcome, Tracer, ValueRef};
use jlens_core::{CancelToken, Node, NodeKind};
use serde_json::Value;

use super::functions::Shared;

/// How many bytes of a string, or items of an array, are handled in a step.
pub(super) const BYTES_PER_STEP: usize = 32;
pub(super) const ITEMS_PER_STEP: usize = 16;

/// Stops the evaluation when it has handled too much.
pub(super) struct Meter {
    /// What may still be handled: functions draw on the same.
    supply: Shared,
    stop: CancelToken,
    /// Steps as the library counts them.
    pub(super) steps: u64,
    /// The keys of the orders that are being made, by where they are in memory.
    keys: Vec<usize>,
}

/// What it takes to order or group by a short key; how much longer than to copy it, to compare a text that is
/// equal to the other; and how often each is compared, as a rule.
const KEY: u64 = 8;
const COMPARISON: u64 = 2;
const COMPARISONS: u64 = 8;
/// How much longer than to copy a list it takes to search it.
const SEARCHED: u64 = 3;

impl Meter {
    pub(super) fn new(supply: Shared, stop: CancelToken) -> Self {
        Self { supply, stop, steps: 0, keys: Vec::new() }
    }

    fn take(&self, steps: u64) {
        let mut supply = self.supply.lock().unwrap_or_else(PoisonError::into_inner);
        if steps > supply.steps {
            self.stop.cancel();
        }
        supply.steps = supply.steps.saturating_sub(steps);
    }
}

impl Tracer for Meter {
    fn enter(&mut self, node: &Node, _: ValueRef<'_>) {
        self.keys.extend(keys(node));
    }

    fn operands(&mut self, node: &Node, lhs: ValueRef<'_>, rhs: ValueRef<'_>) {
        if let NodeKind::Binary { op: BinaryOp::In, .. } = node.kind {
            return self.take(steps_for(rhs).saturating_mul(SEARCHED));
        }
        let NodeKind::Binary {
            op: BinaryOp::Lt | BinaryOp::Le | BinaryOp::Gt | BinaryOp::Ge, ..
        } = node.kind
        else {
            return;
        };
        if lhs.type_name() == "string" && rhs.type_name() == "string" {
            self.take(steps_for(lhs).min(steps_for(rhs)).saturating_mul(COMPARISON));
        }
    }

    fn exit(&mut self, node: &Node, outcome: Outcome<'_>) {
        let inner = keys(node).count();
        self.keys.truncate(self.keys.len().saturating_sub(inner));
        let Outcome::Value(value) = outcome else { return };
        if self.keys.contains(&place(node)) {
            self.take(KEY + steps_for(value).saturating_mul(COMPARISON * COMPARISONS));
        } else if handles(node) {
            self.take(steps_for(value).saturating_mul(factor(node)));
        }
    }

    fn steps(&mut self, steps: u64) {
        self.steps = steps;
    }
}

/// The keys by which a path is ordered or grouped.
fn keys(path: &Node) -> impl Iterator<Item = usize> {
    let steps = if let NodeKind::Path { steps, .. } = &path.kind { &**steps } else { &[] };
    let terms = steps.iter().flat_map(|step| match &step.kind {
        NodeKind::Sort { terms } => terms.iter().map(|term| place(&term.expr)).collect(),
        _ => Vec::new(),
    });
    let groups = path.attrs.group.iter().flat_map(|group| &group.pairs);
    terms.chain(groups.map(|(key, _)| place(key)))
}

fn place(node: &Node) -> usize {
    std::ptr::from_ref(node).addr()
}

/// Whether a value comes about here, or is looked up to be handled; elsewhere it is passed on.
fn handles(node: &Node) -> bool {
    match &node.kind {
        NodeKind::Binary { .. }
        | NodeKind::Array { .. }
        | NodeKind::Object { .. }
        | NodeKind::Name { .. }
        | NodeKind::Variable { .. }
        | NodeKind::Wildcard
        | NodeKind::Descendant
        | NodeKind::Apply { .. }
        | NodeKind::Function { .. }
        | NodeKind::Sort { .. } => true,
        NodeKind::Path { .. }
        | NodeKind::Negate { .. }
        | NodeKind::String { .. }
        | NodeKind::Number { .. }
        | NodeKind::Bool { .. }
        | NodeKind::Null
        | NodeKind::Regex { .. }
        | NodeKind::Parent { .. }
        | NodeKind::Condition { .. }
        | NodeKind::Fallback { .. }
        | NodeKind::Block { .. }
        | NodeKind::Bind { .. }
        | NodeKind::Partial { .. }
        | NodeKind::Placeholder
        | NodeKind::Lambda(_)
        | NodeKind::Transform(_)
        | NodeKind::Error { .. } => false,
    }
}

/// How much more than copying a value it takes to make it.
fn factor(node: &Node) -> u64 {
    let NodeKind::Function { procedure, .. } = &node.kind else { return 1 };
    match &procedure.kind {
        NodeKind::Variable { name } => match name.as_str() {
            "sort" => 16,
            "zip" | "shuffle" | "string" | "split" | "keys" | "spread" | "merge" => 4,
            _ => 1,
        },
        _ => 1,
    }
}

/// The library tells no sizes, but shows a value cut to size, and whether it was cut.
fn steps_for(value: ValueRef<'_>) -> u64 {
    match value.type_name() {
        "string" => {
            let is_longer = |characters: &usize| {
                let shown = value.capture(&cut(*characters, 0));
                matches!(shown, Some(Value::String(text)) if text.chars().count() > *characters)
            };
            let lengths = (3..12).map(|power| 1 << (2 * power));
            lengths
                .take_while(is_longer)
                .last()
                .map_or(0, |bytes: usize| (4 * bytes / BYTES_PER_STEP) as u64)
        }
        "array" | "object" => {
            let Some(Value::Array(_) | Value::Object(_)) = value.capture(&cut(0, 0)) else {
                return 0;
            };
            items(&value.capture(&cut(0, 0)).unwrap_or_default()) / ITEMS_PER_STEP as u64
        }
        _ => 0,
    }
}

/// How many members an array or an object has of which none is shown.
fn items(shown: &Value) -> u64 {
    let note = match shown {
        Value::Array(items) => items.last(),
        Value::Object(members) => members.values().next_back(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    };
    let digits = note.and_then(Value::as_str).unwrap_or_default();
    digits.split(' ').find_map(|word| word.parse().ok()).unwrap_or(0)
}

fn cut(characters: usize, items: usize) -> CaptureLimits {
    CaptureLimits {
        max_items: items,
        max_string: characters,
        max_depth: 1,
        ..CaptureLimits::default()
    }
}
