//! Compares a value with a pattern: whole answers, whole histories, and the first place they differ.

use std::collections::BTreeSet;

use regex::Regex;
use serde_json::{Map, Value};

use super::case::Case;
use super::placeholder::{Placeholders, Text};
use super::scope::{Scope, as_text};

/// Comparisons of single elements that one `$unordered` may take before it gives up.
const PATIENCE: u32 = 200_000;

/// AWS's own HTTP headers, left out where the case names them.
const SDK_METADATA: [&str; 2] = ["SdkHttpMetadata", "SdkResponseMetadata"];

/// The first place at which a value is not what AWS answered.
#[derive(Debug)]
pub(super) struct Difference {
    /// JSON Pointer into the value.
    pub(super) path: String,
    /// What is wrong there.
    pub(super) why: String,
}

/// Compares the values of one run of a case, label after label.
pub(super) struct Matcher<'a> {
    scope: &'a mut Scope,
    placeholders: Placeholders<'a>,
    without_sdk_metadata: bool,
}

type Outcome = Result<(), Difference>;

impl<'a> Matcher<'a> {
    /// `names` are those of the labels compared before; give them back with [`Matcher::names`].
    pub(super) fn new(case: &'a Case, scope: &'a mut Scope, names: Names) -> Self {
        let placeholders = Placeholders {
            patterns: &case.patterns,
            alternatives: &case.alternatives,
            names: names.0,
        };
        Self { scope, placeholders, without_sdk_metadata: case.leaves_out_sdk_metadata() }
    }

    /// What the names stand for by now.
    pub(super) fn names(self) -> Names {
        Names(self.placeholders.names)
    }

    /// `at` is the JSON Pointer of `value`.
    pub(super) fn compare(&mut self, pattern: &Value, value: &Value, at: &str) -> Outcome {
        if let (Value::Object(_) | Value::Array(_), Value::String(text)) = (pattern, value)
            && !is_json_directive(pattern)
        {
            let parsed: Value = serde_json::from_str(text)
                .map_err(|_| different(at, format!("expected JSON text, found {value}")))?;
            return self.compare(pattern, &parsed, at);
        }
        match pattern {
            Value::Object(members) => match directive(members) {
                Some((name, content)) => self.directed(name, content, value, at),
                None => self.object(members, value, at, true),
            },
            Value::Array(items) => {
                let found = array(value, at)?;
                self.run(items, found, at, 0)?;
                same_length(items.len(), found.len(), at)
            }
            Value::String(text) => self.text(text, value, at),
            Value::Number(_) | Value::Bool(_) | Value::Null => exactly(pattern, value, at),
        }
    }

    fn object(
        &mut self,
        members: &Map<String, Value>,
        value: &Value,
        at: &str,
        all: bool,
    ) -> Outcome {
        let Value::Object(found) = value else {
            return Err(different(at, format!("expected an object, found {}", short(value))));
        };
        let left_out = |key: &str| self.without_sdk_metadata && SDK_METADATA.contains(&key);
        let mut expected = BTreeSet::new();
        let mut keyed = Vec::new();
        for (key, member) in members {
            let key = self.scope.fill_text(key).map_err(|why| different(at, why))?;
            let key = as_text(&key);
            if !left_out(&key) {
                expected.insert(key.clone());
                keyed.push((key, member));
            }
        }
        // In the order of the value, so that the first difference is the first one a reader sees.
        let surplus = found.keys().find(|key| all && !left_out(key) && !expected.contains(*key));
        if let Some(key) = surplus {
            let why = format!("not expected, found {}", short(&found[key]));
            return Err(different(&format!("{at}/{key}"), why));
        }
        for (key, member) in keyed {
            let at = format!("{at}/{key}");
            let Some(value) = found.get(&key) else {
                return Err(different(&at, format!("missing, expected {}", short(member))));
            };
            self.compare(member, value, &at)?;
        }
        Ok(())
    }

    fn directed(&mut self, name: &str, content: &Value, value: &Value, at: &str) -> Outcome {
        match (name, content) {
            ("$json", _) => {
                let text = value.as_str().and_then(|text| serde_json::from_str(text).ok());
                let parsed: Value = text
                    .ok_or_else(|| different(at, format!("expected JSON text, found {value}")))?;
                self.compare(content, &parsed, at)
            }
            ("$includes", Value::Object(members)) => self.object(members, value, at, false),
            ("$unordered", Value::Array(items)) => {
                let found = array(value, at)?;
                same_length(items.len(), found.len(), at)?;
                self.unordered(items, found, &[], at)
            }
            ("$segments", Value::Array(segments)) => self.segments(segments, array(value, at)?, at),
            _ => Err(different(at, format!("the pattern's `{name}` is malformed"))),
        }
    }

    /// Elements one by one, the first of them at index `start`.
    fn run(&mut self, items: &[Value], found: &[Value], at: &str, start: usize) -> Outcome {
        for (index, (item, value)) in items.iter().zip(found).enumerate() {
            self.compare(item, value, &format!("{at}/{}", start + index))?;
        }
        Ok(())
    }

    fn segments(&mut self, segments: &[Value], found: &[Value], at: &str) -> Outcome {
        let mut start = 0;
        for segment in segments {
            let rest = &found[start..];
            let skip = segment["skip"].as_u64().and_then(|count| usize::try_from(count).ok());
            let run = |name| segment.get(name).and_then(Value::as_array);
            if let Some(items) = run("ordered") {
                self.run(items, rest, at, start)?;
                start += items.len();
            } else if let Some(items) = run("unordered") {
                let ignore: Vec<&str> =
                    run("ignore").into_iter().flatten().filter_map(Value::as_str).collect();
                let count = items.len().min(rest.len());
                let at = format!("{at}/{start}…{}", start + count);
                same_length(items.len(), count, &at)?;
                self.unordered(items, &rest[..count], &ignore, &at)?;
                start += items.len();
            } else if let Some(skip) = skip {
                start += skip;
            } else {
                return Err(different(at, "the pattern has a malformed segment".to_owned()));
            }
            if start > found.len() {
                let why = format!("expected {start} elements or more, found {}", found.len());
                return Err(different(at, why));
            }
        }
        same_length(start, found.len(), at)
    }

    /// Looks for a one-to-one assignment; the slices are of one length.
    fn unordered(
        &mut self,
        items: &[Value],
        found: &[Value],
        ignore: &[&str],
        at: &str,
    ) -> Outcome {
        let items: Vec<Value> = items.iter().map(|item| without(item, ignore)).collect();
        let found: Vec<Value> = found.iter().map(|value| without(value, ignore)).collect();
        let mut search = Search { free: vec![true; found.len()], steps: 0, deepest: None };
        if self.assign(&items, &found, &mut search, at) {
            return Ok(());
        }
        let item = search.deepest.map_or(Value::Null, |index| items[index].clone());
        Err(different(at, format!("no element is left that is {}", short(&item))))
    }

    fn assign(&mut self, items: &[Value], found: &[Value], search: &mut Search, at: &str) -> bool {
        let Some((item, rest)) = items.split_first() else { return true };
        let index = found.len() - items.len();
        for candidate in 0..found.len() {
            if !search.free[candidate] || search.steps > PATIENCE {
                continue;
            }
            search.steps += 1;
            let names = self.placeholders.names.clone();
            if self.compare(item, &found[candidate], at).is_ok() {
                search.free[candidate] = false;
                if self.assign(rest, found, search, at) {
                    return true;
                }
                search.free[candidate] = true;
            }
            self.placeholders.names = names;
        }
        search.deepest = search.deepest.max(Some(index));
        false
    }

    fn text(&mut self, pattern: &str, value: &Value, at: &str) -> Outcome {
        let text = self.placeholders.read(pattern, self.scope).map_err(|why| different(at, why))?;
        match text {
            Text::Exactly(expected) => exactly(&expected, value, at),
            Text::Whole { kind, name } => {
                if !self.is_of_kind(&kind, value) {
                    let why = format!("expected {pattern}, found {}", short(value));
                    return Err(different(at, why));
                }
                match name {
                    Some(name) if !self.placeholders.agree(&name, value) => {
                        let known = short(&self.placeholders.names[&name]);
                        let why = format!("`{name}` was {known} before, found {}", short(value));
                        Err(different(at, why))
                    }
                    _ => Ok(()),
                }
            }
            Text::Fits { regex, groups } => {
                let captures = value.as_str().and_then(|text| regex.captures(text));
                let captures = captures.ok_or_else(|| {
                    different(at, format!("expected {pattern:?}, found {}", short(value)))
                })?;
                for (number, name) in groups.iter().enumerate() {
                    let text = &captures[format!("g{number}").as_str()];
                    if !self.placeholders.agree(name, &Value::String(text.to_owned())) {
                        return Err(different(at, format!("`{name}` was not {text:?} before")));
                    }
                }
                Ok(())
            }
        }
    }

    /// Whether a value may stand where the whole pattern is one placeholder.
    fn is_of_kind(&self, kind: &str, value: &Value) -> bool {
        match (kind, value) {
            ("value", _) | ("json", Value::Object(_)) | ("timestamp", Value::Number(_)) => true,
            ("text", value) => !value.is_null(),
            (_, Value::String(text)) => {
                let source = self.placeholders.regex(kind);
                let whole = source.map(|source| Regex::new(&format!(r"(?s)\A(?:{source})\z")));
                matches!(whole, Ok(Ok(regex)) if regex.is_match(text))
            }
            (_, _) => false,
        }
    }
}

/// What the names of placeholders stand for, from one label to the next.
#[derive(Default)]
pub(super) struct Names(std::collections::BTreeMap<String, Value>);

struct Search {
    free: Vec<bool>,
    steps: u32,
    deepest: Option<usize>,
}

fn directive(members: &Map<String, Value>) -> Option<(&str, &Value)> {
    let (name, content) = members.iter().next()?;
    let known = ["$unordered", "$json", "$includes", "$segments"].contains(&name.as_str());
    (known && members.len() == 1).then_some((name.as_str(), content))
}

fn is_json_directive(pattern: &Value) -> bool {
    matches!(pattern, Value::Object(members) if members.len() == 1 && members.contains_key("$json"))
}

/// Equal, and numbers of the same kind: `1` is not `1.0`.
fn exactly(expected: &Value, value: &Value, at: &str) -> Outcome {
    let same = match (expected, value) {
        (Value::Object(_) | Value::Array(_), Value::String(text)) => {
            serde_json::from_str::<Value>(text).is_ok_and(|parsed| parsed == *expected)
        }
        _ => expected == value,
    };
    let why = || format!("expected {}, found {}", short(expected), short(value));
    if same { Ok(()) } else { Err(different(at, why())) }
}

fn array<'v>(value: &'v Value, at: &str) -> Result<&'v [Value], Difference> {
    value
        .as_array()
        .map(Vec::as_slice)
        .ok_or_else(|| different(at, format!("expected an array, found {}", short(value))))
}

fn same_length(expected: usize, found: usize, at: &str) -> Outcome {
    if expected == found {
        return Ok(());
    }
    Err(different(at, format!("expected {expected} elements, found {found}")))
}

fn without(value: &Value, ignore: &[&str]) -> Value {
    let mut value = value.clone();
    if let Value::Object(members) = &mut value {
        members.retain(|name, _| !ignore.contains(&name.as_str()));
    }
    value
}

fn different(at: &str, why: String) -> Difference {
    Difference { path: if at.is_empty() { "/".to_owned() } else { at.to_owned() }, why }
}

/// The beginning of a value's JSON text.
fn short(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(600) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}
