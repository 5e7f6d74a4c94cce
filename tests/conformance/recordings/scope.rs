//! What `${…}` refers to: the run's own constants and what the steps saved.

use std::collections::BTreeMap;

use chrono::{DateTime, Days, Utc};
use serde_json::{Map, Value};
use tests::aws::REGION;
use uuid::Uuid;

use super::spaced::to_spaced_text;

/// The account of the server under test.
pub(crate) const ACCOUNT: &str = "123456789012";
/// The second account of the cases that need one.
pub(crate) const SECOND_ACCOUNT: &str = "210987654321";
/// The values that references of one run of a case stand for.
pub(super) struct Scope {
    started: DateTime<Utc>,
    unique: BTreeMap<String, String>,
    saves: Map<String, Value>,
}

/// A piece of a text: as it stands, or what is between `${` and `}`.
pub(super) enum Part<'a> {
    Text(String),
    Reference(&'a str),
}

impl Scope {
    pub(super) fn new() -> Self {
        #[expect(clippy::disallowed_methods, reason = "the case asks for the time it started")]
        let started = Utc::now();
        Self { started, unique: BTreeMap::new(), saves: Map::new() }
    }

    /// Remembers what a step saved.
    pub(super) fn save(&mut self, name: &str, value: Value) {
        self.saves.insert(name.to_owned(), value);
    }

    /// The value of what stands between `${` and `}`, filters included.
    pub(super) fn lookup(&mut self, reference: &str) -> Result<Value, String> {
        let mut pieces = reference.split('|');
        let mut value = self.root(pieces.next().expect("split gives one piece"))?;
        for filter in pieces {
            value = filtered(&value, filter).ok_or_else(|| {
                format!("`${{{reference}}}`: `{filter}` does not apply to {value}")
            })?;
        }
        Ok(value)
    }

    fn root(&mut self, name: &str) -> Result<Value, String> {
        let text = match name {
            "region" => REGION.to_owned(),
            "account" => ACCOUNT.to_owned(),
            "account2" => SECOND_ACCOUNT.to_owned(),
            _ if name.starts_with("uid.") => self.unique(name),
            _ if name.starts_with("utcnow") => self.date(name)?,
            _ => return self.saved(name),
        };
        Ok(Value::String(text))
    }

    fn unique(&mut self, name: &str) -> String {
        let new = || Uuid::new_v4().simple().to_string()[..8].to_owned();
        self.unique.entry(name.to_owned()).or_insert_with(new).clone()
    }

    /// `utcnow` or `utcnow+Nd`.
    fn date(&self, name: &str) -> Result<String, String> {
        let rest = &name["utcnow".len()..];
        let days = match rest.strip_prefix('+').and_then(|rest| rest.strip_suffix('d')) {
            Some(days) => days.parse().map_err(|_| format!("`{name}`: not a number of days"))?,
            None if rest.is_empty() => 0,
            None => return Err(format!("`{name}` is not known")),
        };
        let date = self.started.checked_add_days(Days::new(days));
        let date = date.ok_or_else(|| format!("`{name}` is beyond the calendar"))?;
        Ok(date.format("%Y-%m-%dT%H:%M:%S").to_string())
    }

    /// `SAVE.member['any name'][0]`.
    fn saved(&self, path: &str) -> Result<Value, String> {
        let missing = || format!("`{path}` was not saved");
        let end = path.find(['.', '[']).unwrap_or(path.len());
        let mut value = self.saves.get(&path[..end]).ok_or_else(missing)?;
        let mut rest = &path[end..];
        while !rest.is_empty() {
            let (next, after) = child(value, rest).ok_or_else(missing)?;
            value = next;
            rest = after;
        }
        Ok(value.clone())
    }

    /// A text with its references inserted; a lone reference keeps its JSON type.
    pub(super) fn fill_text(&mut self, text: &str) -> Result<Value, String> {
        let parts = parts(text);
        if let [Part::Reference(reference)] = parts[..] {
            return self.lookup(reference);
        }
        let mut filled = String::new();
        for part in parts {
            match part {
                Part::Text(text) => filled += &text,
                Part::Reference(reference) => filled += &as_text(&self.lookup(reference)?),
            }
        }
        Ok(Value::String(filled))
    }

    /// A value of `params` or `value` with its references and directives replaced.
    pub(super) fn fill(&mut self, value: &Value) -> Result<Value, String> {
        match value {
            Value::String(text) => self.fill_text(text),
            Value::Array(items) => items.iter().map(|item| self.fill(item)).collect(),
            Value::Object(members) => {
                if let Some((name, content)) = directive(members) {
                    return self.direct(name, content, members);
                }
                let mut filled = Map::new();
                for (key, member) in members {
                    filled.insert(as_text(&self.fill_text(key)?), self.fill(member)?);
                }
                Ok(Value::Object(filled))
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => Ok(value.clone()),
        }
    }

    fn direct(
        &mut self,
        name: &str,
        content: &Value,
        members: &Map<String, Value>,
    ) -> Result<Value, String> {
        let wrong = || format!("`{name}` is not written as the format says");
        match name {
            "$json" => Ok(Value::String(to_spaced_text(&self.fill(content)?))),
            "$select" => {
                let content = self.fill(content)?;
                let key = content["key"].as_str().ok_or_else(wrong)?;
                let wanted = content["in"].as_array().ok_or_else(wrong)?;
                let all = content["from"].as_array().ok_or_else(wrong)?;
                let kept = all.iter().filter(|item| wanted.contains(&item[key]));
                Ok(Value::Array(kept.cloned().collect()))
            }
            "$with" => {
                let content = self.fill(content)?;
                let mut base = content["base"].as_object().cloned().ok_or_else(wrong)?;
                for (key, member) in content["set"].as_object().into_iter().flatten() {
                    base.insert(key.clone(), member.clone());
                }
                for key in content["drop"].as_array().into_iter().flatten() {
                    base.shift_remove(key.as_str().ok_or_else(wrong)?);
                }
                Ok(Value::Object(base))
            }
            "$bodies" => {
                let received = self.fill(content)?;
                let messages = received["Messages"].as_array().ok_or_else(wrong)?;
                let bodies = messages.iter().map(|message| parsed(&message["Body"]));
                bodies.collect::<Option<_>>().ok_or_else(wrong)
            }
            "$log_messages" => {
                let read = self.fill(content)?;
                let events = read["events"].as_array().ok_or_else(wrong)?;
                let mut messages = events.iter().map(|event| parsed(&event["message"]));
                match members.get("index").and_then(Value::as_u64) {
                    Some(index) => {
                        let index = usize::try_from(index).map_err(|_| wrong())?;
                        messages.nth(index).flatten().ok_or_else(wrong)
                    }
                    None => messages.collect::<Option<_>>().ok_or_else(wrong),
                }
            }
            // Only calls of other services carry bytes.
            other => Err(format!("`{other}` cannot be sent to Step Functions")),
        }
    }
}

/// The directive of an object that is one: its name and its content.
fn directive(members: &Map<String, Value>) -> Option<(&str, &Value)> {
    let names = ["$json", "$bytes", "$select", "$with", "$bodies", "$log_messages"];
    let (name, content) = members.iter().next()?;
    names.contains(&name.as_str()).then_some((name.as_str(), content))
}

/// Cuts a text at its references; `$${` stands for `${`.
pub(super) fn parts(text: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut plain = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        if rest[..at].ends_with('$') {
            plain += &rest[..at - 1];
            plain += "${";
            rest = &rest[at + 2..];
            continue;
        }
        let Some(length) = rest[at..].find('}') else { break };
        plain += &rest[..at];
        if !plain.is_empty() {
            parts.push(Part::Text(std::mem::take(&mut plain)));
        }
        parts.push(Part::Reference(&rest[at + 2..at + length]));
        rest = &rest[at + length + 1..];
    }
    plain += rest;
    if !plain.is_empty() || parts.is_empty() {
        parts.push(Part::Text(plain));
    }
    parts
}

/// What a value is inside of a longer text.
pub(super) fn as_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// One step down a path: the child and the rest of the path.
fn child<'v, 'p>(value: &'v Value, path: &'p str) -> Option<(&'v Value, &'p str)> {
    if let Some(path) = path.strip_prefix("['") {
        let (name, rest) = path.split_once("']")?;
        return Some((value.get(name)?, rest));
    }
    if let Some(path) = path.strip_prefix('[') {
        let (index, rest) = path.split_once(']')?;
        let items = value.as_array()?;
        return Some((&items[position(index, items.len())?], rest));
    }
    let path = path.strip_prefix('.')?;
    let end = path.find(['.', '[']).unwrap_or(path.len());
    Some((value.get(&path[..end])?, &path[end..]))
}

/// An index from the start, or, negative, from the end.
fn position(index: &str, length: usize) -> Option<usize> {
    let index: i64 = index.parse().ok()?;
    let length_signed = i64::try_from(length).ok()?;
    let index = if index < 0 { length_signed + index } else { index };
    usize::try_from(index).ok().filter(|index| *index < length)
}

fn parsed(text: &Value) -> Option<Value> {
    serde_json::from_str(text.as_str()?).ok()
}

fn filtered(value: &Value, filter: &str) -> Option<Value> {
    let (name, argument) = filter.split_once(':')?;
    let text = value.as_str()?;
    let result = match name {
        "part" => {
            let parts: Vec<&str> = text.split(':').collect();
            parts[position(argument, parts.len())?]
        }
        "drop" => {
            let kept = text.chars().count().checked_sub(argument.parse().ok()?)?;
            let end = text.char_indices().nth(kept).map_or(text.len(), |(at, _)| at);
            &text[..end]
        }
        "after" => &text[text.rfind(argument)? + argument.len()..],
        "json" => return parsed(value)?.get(argument).cloned(),
        _ => return None,
    };
    Some(Value::String(result.to_owned()))
}
