//! What the language allows and its author hardly meant: paths where nothing evaluates them.

use serde_json::Value;

use crate::diagnostic::{Code, Place, Report};

/// Whether the author of this text seems to expect it to be evaluated.
pub(crate) fn looks_evaluated(text: &str) -> bool {
    let call = || text.starts_with("States.") && text.ends_with(')') && text.contains('(');
    ["$.", "$[", "$$."].iter().any(|start| text.starts_with(start)) || call()
}

/// Whether this value contains a text or a key that seems to ask for evaluation.
pub(crate) fn holds_path(value: &Value) -> bool {
    match value {
        Value::String(text) => looks_evaluated(text),
        Value::Array(elements) => elements.iter().any(holds_path),
        Value::Object(fields) => {
            fields.iter().any(|(name, value)| name.ends_with(".$") || holds_path(value))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Fields of a payload template that hold a path and lack the `.$` that makes it one.
pub(crate) fn no_dollar(template: &Value, place: &Place<'_>, report: &Report) {
    match template {
        Value::Array(elements) => {
            for (index, element) in elements.iter().enumerate() {
                no_dollar(element, &Place::Element(place, index), report);
            }
        }
        Value::Object(fields) => {
            for (name, value) in fields.iter().filter(|(name, _)| !name.ends_with(".$")) {
                let place = Place::Field(place, name);
                match value.as_str().filter(|text| looks_evaluated(text)) {
                    Some(text) => {
                        let message = format!(
                            "The value of '{name}' is taken as it is; to evaluate '{text}', name \
                             the field '{name}.$'"
                        );
                        report.add(Code::NoDollar, &place, message);
                    }
                    None => no_dollar(value, &place, report),
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
