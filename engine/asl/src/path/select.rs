//! From one node to several: what a step selects of its members and elements, or of all below it.

use serde_json::Value;

use super::Selector;
use super::filter::Filter;
use super::walk::{MAX_NODES, Miss};

/// The members or elements that are selected.
pub(super) fn selected<'v>(selector: &Selector, node: &'v Value, found: &mut Vec<&'v Value>) {
    match (selector, node) {
        (Selector::All, Value::Array(items)) => found.extend(items),
        (Selector::All, Value::Object(members)) => found.extend(members.values()),
        (Selector::Names(names), Value::Object(members)) => {
            found.extend(names.iter().filter_map(|name| members.get(&**name)));
        }
        (Selector::Indexes(indexes), Value::Array(items)) => {
            found.extend(indexes.iter().filter_map(|index| nth(items, *index)));
        }
        (Selector::Slice(from, to), Value::Array(items)) => {
            let bound = |index: i64| {
                let counted = usize::try_from(index.unsigned_abs()).unwrap_or(usize::MAX);
                let left = items.len().saturating_sub(counted);
                if index < 0 { left } else { items.len() - left }
            };
            let (from, to) = (from.map_or(0, bound), to.map_or(items.len(), bound));
            found.extend(items.get(from..to).unwrap_or_default());
        }
        (Selector::All | Selector::Names(_) | Selector::Indexes(_) | Selector::Slice(..), _) => {}
    }
}

/// The same of the node and of everything below it, outer before inner.
pub(super) fn below<'v>(
    selector: &Selector,
    node: &'v Value,
    found: &mut Vec<&'v Value>,
) -> Result<(), Miss> {
    selected(selector, node, found);
    if found.len() > MAX_NODES {
        return Err(Miss::TooMany);
    }
    match node {
        Value::Object(members) => {
            members.values().try_for_each(|value| below(selector, value, found))
        }
        Value::Array(items) => items.iter().try_for_each(|item| below(selector, item, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
    }
}

/// Elements of an array that pass, or the object itself.
pub(super) fn passing<'v>(
    filter: &Filter,
    node: &'v Value,
    root: &Value,
    found: &mut Vec<&'v Value>,
) {
    match node {
        Value::Array(items) => found.extend(items.iter().filter(|item| filter.accepts(item, root))),
        Value::Object(_) if filter.accepts(node, root) => found.push(node),
        Value::Object(_) | Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Every object at or below the node that passes, outer before inner.
pub(super) fn descendants<'v>(
    filter: &Filter,
    node: &'v Value,
    root: &Value,
    found: &mut Vec<&'v Value>,
) -> Result<(), Miss> {
    if found.len() > MAX_NODES {
        return Err(Miss::TooMany);
    }
    match node {
        Value::Object(members) => {
            passing(filter, node, root, found);
            members.values().try_for_each(|value| descendants(filter, value, root, found))
        }
        Value::Array(items) => {
            items.iter().try_for_each(|item| descendants(filter, item, root, found))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
    }
}

/// One element; a negative index counts from the end.
pub(super) fn nth(items: &[Value], index: i64) -> Option<&Value> {
    let index = if index < 0 { i64::try_from(items.len()).ok()? + index } else { index };
    items.get(usize::try_from(index).ok()?)
}
