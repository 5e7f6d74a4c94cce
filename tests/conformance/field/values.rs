//! What steps save, how texts name it, and what a check asks of it.

use regex::Regex;
use serde_json::{Map, Value, json};

/// What the steps of a case have saved, by name.
#[derive(Debug, Default)]
pub(super) struct Values(pub(super) Map<String, Value>);

impl Values {
    pub(super) fn save(&mut self, name: &str, value: Value) {
        self.0.insert(name.to_owned(), value);
    }

    /// What a path such as `e.event.TaskFailed.error` leads to; `Err` names what is not there.
    pub(super) fn look(&self, path: &str) -> Result<Value, String> {
        let mut parts = path.split('.');
        let first = parts.next().unwrap_or_default();
        let mut found = self.0.get(first);
        for part in parts {
            found = match found {
                // As in Python, -1 is the last one.
                Some(Value::Array(items)) => match part.strip_prefix('-') {
                    Some(last) => {
                        index(last).and_then(|at| items.iter().rev().nth(at.checked_sub(1)?))
                    }
                    None => index(part).and_then(|at| items.get(at)),
                },
                Some(other) => other.get(part),
                None => None,
            };
        }
        found.cloned().ok_or_else(|| format!("{path} is not there"))
    }

    /// A value with each `${path}` in it replaced by what that leads to.
    pub(super) fn fill(&self, value: &Value) -> Result<Value, String> {
        match value {
            Value::Object(members) => {
                let filled = members.iter().map(|(name, value)| {
                    Ok::<_, String>((self.fill_text(name)?, self.fill(value)?))
                });
                Ok(Value::Object(filled.collect::<Result<_, _>>()?))
            }
            Value::Array(items) => {
                let filled = items.iter().map(|item| self.fill(item));
                Ok(Value::Array(filled.collect::<Result<_, _>>()?))
            }
            Value::String(text) => {
                let alone = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
                match alone.filter(|path| !path.contains('}')) {
                    Some(path) => self.look(path),
                    None => Ok(Value::String(self.fill_text(text)?)),
                }
            }
            other => Ok(other.clone()),
        }
    }

    pub(super) fn fill_text(&self, text: &str) -> Result<String, String> {
        let (mut filled, mut rest) = (String::new(), text);
        while let Some((before, after)) = rest.split_once("${") {
            let (path, after) = after.split_once('}').ok_or("`${` has no end")?;
            filled.push_str(before);
            match self.look(path)? {
                Value::String(text) => filled.push_str(&text),
                other => filled.push_str(&other.to_string()),
            }
            rest = after;
        }
        filled.push_str(rest);
        Ok(filled)
    }

    /// Whether what a check looks at is as it says.
    pub(super) fn check(&self, check: &Map<String, Value>) -> Result<(), String> {
        let subject = &check["check"];
        let got = match self.fill(subject) {
            Ok(got) => got,
            Err(_) if check.contains_key("absent") => return Ok(()),
            Err(why) => return Err(why),
        };
        for (kind, wanted) in check.iter().filter(|(kind, _)| *kind != "check") {
            let wanted = self.fill(wanted)?;
            if !is_so(kind, &got, &wanted).unwrap_or(false) {
                let got: String = got.to_string().chars().take(700).collect();
                return Err(format!("{subject} is {got}, to be: {kind} {wanted}"));
            }
        }
        Ok(())
    }
}

/// Whether a value is as wanted; nothing if that cannot be asked of it.
fn is_so(kind: &str, got: &Value, wanted: &Value) -> Option<bool> {
    Some(match kind {
        "is" => got == wanted,
        "json" => serde_json::from_str::<Value>(got.as_str()?).ok()? == *wanted,
        "has" => match got {
            Value::String(text) => text.contains(wanted.as_str()?),
            Value::Array(items) => items.contains(wanted),
            other => other.to_string().contains(wanted.as_str()?),
        },
        "among" => wanted.as_array()?.contains(got),
        "matches" => Regex::new(wanted.as_str()?).ok()?.is_match(got.as_str()?),
        "count" => got.as_array()?.len() == usize::try_from(wanted.as_u64()?).ok()?,
        "range" => {
            let got = number(got)?;
            number(&wanted[0])? <= got && got <= number(&wanted[1])?
        }
        "after" => {
            let later = number(got)? - number(&wanted[0])?;
            number(&wanted[1])? <= later && later <= number(&wanted[2])?
        }
        _ => false,
    })
}

fn index(text: &str) -> Option<usize> {
    text.parse().ok()
}

fn number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.parse().ok())
}

#[test]
fn a_check_that_does_not_hold_says_what_there_is() {
    let values =
        Values(Map::from_iter([("e".to_owned(), json!({"n": [1, "a"], "t": "{\"x\":1}"}))]));
    let check = |check: Value| values.check(check.as_object().unwrap());
    for right in [
        json!({"check": "${e.n.0}", "is": 1}),
        json!({"check": "<${e.n.1}>", "is": "<a>"}),
        json!({"check": "${e.t}", "json": {"x": 1}}),
        json!({"check": "${e.n}", "has": "a", "count": 2}),
        json!({"check": "${e.missing}", "absent": true}),
        json!({"check": "${e.n.0}", "range": [1, 2], "after": ["${e.n.0}", 0, 1]}),
    ] {
        assert_eq!(check(right.clone()), Ok(()), "{right}");
    }
    for wrong in [
        json!({"check": "${e.n.0}", "is": "1"}),
        json!({"check": "${e.n}", "absent": true}),
        json!({"check": "${e.missing}", "is": null}),
        json!({"check": "${e.n.0}", "matches": "1"}),
        json!({"check": "${e.n.0}", "something": "newer"}),
    ] {
        assert!(check(wrong.clone()).is_err(), "{wrong}");
    }
}
