//! `States.Format` and `States.StringSplit`.

use serde_json::Value;

use super::Failure;
use super::arguments::Arguments;
use crate::java;

/// The template with its `{}` filled in, one after the other.
pub(super) fn format(arguments: &Arguments<'_>) -> Result<Value, Failure> {
    let Some((template, values)) = arguments.values.split_first() else {
        return Err(arguments.invalid());
    };
    let template = match arguments.template {
        Some(written) => written,
        None => arguments.text(template)?,
    };
    let pieces = pieces(template)?;
    if pieces.len() != values.len() + 1 {
        return Err(arguments.invalid());
    }
    let budget = arguments.budget;
    budget.build(template.len() + 2)?;
    let mut text = String::with_capacity(template.len());
    for (index, piece) in pieces.iter().enumerate() {
        if let Some(value) = index.checked_sub(1).and_then(|before| values.get(before)) {
            budget.weigh(value)?;
            let filled = text.len();
            _ = std::fmt::Write::write_fmt(&mut text, format_args!("{}", java::Text(value)));
            // Java's text of a value can be longer than its JSON, by two bytes for each comma.
            budget.work(((text.len() - filled) / 64) as u64)?;
        }
        text.push_str(piece);
    }
    Ok(text.into())
}

/// What is before, between and behind the `{}`, with escapes resolved.
fn pieces(template: &str) -> Result<Vec<String>, Failure> {
    let alone = |other: char, brace: char| {
        Failure::Because(format!(
            "Invalid template in States.Format: matching '{other}' not found for '{brace}'."
        ))
    };
    let mut pieces = vec![String::new()];
    let mut rest = template.chars().peekable();
    while let Some(c) = rest.next() {
        let c = match c {
            '{' if rest.next_if_eq(&'}').is_some() => {
                pieces.push(String::new());
                continue;
            }
            '{' => return Err(alone('}', '{')),
            '}' => return Err(alone('{', '}')),
            '\\' => rest.next_if(|c| matches!(c, '{' | '}' | '\\' | '\'')).unwrap_or('\\'),
            c => c,
        };
        if let Some(piece) = pieces.last_mut() {
            piece.push(c);
        }
    }
    Ok(pieces)
}

/// The parts between any of these characters; empty parts are dropped.
pub(super) fn split(arguments: &Arguments<'_>) -> Result<Value, Failure> {
    let [text, delimiters] = arguments.exactly()?;
    let (text, delimiters) = (arguments.text(text)?, arguments.text(delimiters)?);
    let budget = arguments.budget;
    let mut parts = Vec::new();
    budget.work((text.len() as u64 * (1 + delimiters.len() as u64 / 4)).div_ceil(64))?;
    for part in text.split(|c| delimiters.contains(c)).filter(|part| !part.is_empty()) {
        budget.build(part.len() + 3)?;
        parts.push(Value::from(part));
    }
    Ok(Value::Array(parts))
}
