//! Watches an evaluation and counts the sizes of the values it handles, for a step may copy one.

use jlens_core::audit::{CaptureLimits, Outcome, Tracer, ValueRef};
use jlens_core::{CancelToken, Node, NodeKind};
use serde_json::Value;

/// How many bytes of a string, or items of an array, are handled in a step.
const BYTES_PER_STEP: usize = 256;
const ITEMS_PER_STEP: u64 = 16;

/// Counts steps, and stops the evaluation when it has handled too much.
pub(super) struct Meter {
    /// What may still be handled.
    left: u64,
    given: u64,
    /// Steps as the library counts them.
    steps: u64,
    stop: CancelToken,
}

impl Meter {
    pub(super) fn new(given: u64, stop: CancelToken) -> Self {
        Self { left: given, given, steps: 0, stop }
    }

    /// Steps taken in all.
    pub(super) fn taken(&self) -> u64 {
        self.steps + (self.given - self.left)
    }
}

impl Tracer for Meter {
    fn exit(&mut self, node: &Node, outcome: Outcome<'_>) {
        let Outcome::Value(value) = outcome else { return };
        if !handles(node) {
            return;
        }
        let steps = steps_for(value).saturating_mul(factor(node));
        if steps > self.left {
            self.stop.cancel();
        }
        self.left = self.left.saturating_sub(steps);
    }

    fn steps(&mut self, steps: u64) {
        self.steps = steps;
    }
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
            items(&value.capture(&cut(0, 0)).unwrap_or_default()) / ITEMS_PER_STEP
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
