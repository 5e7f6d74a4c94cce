//! Damage to a text: to its JSON, or to its characters.

use serde_json::{Map, Value};

use super::dice::Dice;
use super::grammar::any_value;
use super::pools::VALUES;

/// How deep a value is nested at the most.
const DEEP: usize = 3_000;

/// Fields that a state, a rule or a processor of some kind may have.
const FIELDS: [&str; 24] = [
    "Type",
    "Next",
    "End",
    "StartAt",
    "States",
    "Resource",
    "Parameters",
    "Arguments",
    "Assign",
    "Output",
    "ResultPath",
    "ItemsPath",
    "Items",
    "ItemProcessor",
    "Iterator",
    "Branches",
    "Choices",
    "Default",
    "Retry",
    "Catch",
    "QueryLanguage",
    "ItemReader",
    "Condition",
    "Seconds",
];

/// The text, damaged in one to three places.
pub(super) fn mutated(dice: &mut Dice, text: &str) -> String {
    let mut text = text.to_owned();
    for _ in 0..=dice.below(3) {
        text = match serde_json::from_str::<Value>(&text) {
            Ok(mut value) if !dice.one_in(3) => {
                let mut place = dice.below(count(&value));
                change(dice, &mut value, &mut place);
                value.to_string()
            }
            Ok(_) | Err(_) => scratched(dice, &text),
        };
    }
    text
}

/// How many values there are in this one, itself included.
fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(count).sum(),
        Value::Object(members) => members.values().map(count).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

/// Changes the value at this place, counted in the order of the text; whether it was in here.
fn change(dice: &mut Dice, value: &mut Value, place: &mut usize) -> bool {
    if *place == 0 {
        changed(dice, value);
        return true;
    }
    *place -= 1;
    match value {
        Value::Array(items) => items.iter_mut().any(|item| change(dice, item, place)),
        Value::Object(members) => members.values_mut().any(|member| change(dice, member, place)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

fn changed(dice: &mut Dice, value: &mut Value) {
    match value {
        Value::Object(members) if !members.is_empty() && !dice.one_in(6) => rework(dice, members),
        Value::Array(items) if !items.is_empty() && !dice.one_in(6) => {
            let index = dice.below(items.len());
            if dice.one_in(2) {
                items.remove(index);
            } else {
                items.push(items[index].clone());
            }
        }
        _ => *value = any_value(dice),
    }
}

/// Takes a member out, gives it another name, or puts another in.
fn rework(dice: &mut Dice, members: &mut Map<String, Value>) {
    let keys: Vec<String> = members.keys().cloned().collect();
    let key = dice.pick(&keys);
    let field = *dice.pick(&FIELDS);
    match dice.below(3) {
        0 => {
            members.shift_remove(key);
        }
        1 => {
            let member = members.shift_remove(key).unwrap_or_default();
            members.insert(field.to_owned(), member);
        }
        _ => {
            let member = any_value(dice);
            members.insert(field.to_owned(), member);
        }
    }
}

/// Cuts, doubles or replaces some characters.
fn scratched(dice: &mut Dice, text: &str) -> String {
    let place = |dice: &mut Dice| text.floor_char_boundary(dice.below(text.len() + 1));
    let (from, to) = (place(dice), place(dice));
    let (from, to) = (from.min(to), from.max(to));
    let (before, within, after) = (&text[..from], &text[from..to], &text[to..]);
    match dice.below(7) {
        0 => before.to_owned(),
        1 => format!("{before}{after}"),
        2 => format!("{before}{within}{within}{after}"),
        3 => format!("{before}{}{within}{after}", dice.pick(&VALUES)),
        4 => {
            let odd =
                ["\"", "\\", "{", "]", ",", ":", "\u{0}", "\u{feff}", "𝄞", "\\ud800", "$", "("];
            format!("{before}{}{within}{after}", dice.pick(&odd))
        }
        5 => {
            let depth = dice.below(DEEP);
            let (open, close) = *dice.pick(&[("[", "]"), (r#"{"States":"#, "}")]);
            format!("{before}{}{}{within}{after}", open.repeat(depth), close.repeat(depth))
        }
        _ => text.replace(
            "\"$",
            dice.pick::<&str>(&["\"$[?(@.", "\"$$.", "\"{% $", "\"$x.", "\"$..['"]),
        ),
    }
}
