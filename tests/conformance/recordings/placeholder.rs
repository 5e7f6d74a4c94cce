//! String patterns: literal text, references, and placeholders such as `${any:uuid:token}`.

use std::collections::BTreeMap;

use regex::Regex;
use serde_json::Value;

use super::scope::{Part, Scope, as_text, parts};

/// What placeholders of one case may draw on, and what its names stand for so far.
pub(super) struct Placeholders<'a> {
    pub(super) patterns: &'a BTreeMap<String, String>,
    pub(super) alternatives: &'a BTreeMap<String, Vec<String>>,
    /// The first occurrence of a name decides what the others must be.
    pub(super) names: BTreeMap<String, Value>,
}

/// How a string pattern is to be compared.
pub(super) enum Text {
    /// With a value that is already known, of any JSON type.
    Exactly(Value),
    /// The whole pattern is one placeholder of this kind.
    Whole { kind: String, name: Option<String> },
    /// With a regular expression, whose groups are these names.
    Fits { regex: Regex, groups: Vec<String> },
}

impl Placeholders<'_> {
    /// Reads a string pattern.
    pub(super) fn read(&self, pattern: &str, scope: &mut Scope) -> Result<Text, String> {
        let parts = parts(pattern);
        if let [Part::Reference(reference)] = parts[..] {
            match placeholder(reference) {
                Some(("one", _)) => {}
                Some((_, kind)) => {
                    let (kind, name) = named(kind);
                    return Ok(Text::Whole { kind, name });
                }
                None => return scope.lookup(reference).map(Text::Exactly),
            }
        }
        let mut source = String::from(r"(?s)\A");
        let mut groups = Vec::new();
        let mut literal = true;
        for part in parts {
            match part {
                Part::Text(text) => source += &regex::escape(&text),
                Part::Reference(reference) => match placeholder(reference) {
                    None => source += &regex::escape(&as_text(&scope.lookup(reference)?)),
                    Some(("one", list)) => {
                        literal = false;
                        source += &self.one_of(list, scope)?;
                    }
                    Some((_, kind)) => {
                        literal = false;
                        source += &self.any_of(kind, &mut groups)?;
                    }
                },
            }
        }
        if literal {
            return scope.fill_text(pattern).map(Text::Exactly);
        }
        let regex = Regex::new(&(source + r"\z")).map_err(|error| error.to_string())?;
        Ok(Text::Fits { regex, groups })
    }

    fn any_of(&self, kind: &str, groups: &mut Vec<String>) -> Result<String, String> {
        let (kind, name) = named(kind);
        if let Some(known) = name.as_ref().and_then(|name| self.names.get(name)) {
            return Ok(regex::escape(&as_text(known)));
        }
        let source = self.regex(&kind)?;
        Ok(match name {
            Some(name) => {
                groups.push(name);
                // Numbered by position: names may hold what a group's name may not.
                format!("(?P<g{}>{source})", groups.len() - 1)
            }
            None => format!("(?:{source})"),
        })
    }

    fn one_of(&self, list: &str, scope: &mut Scope) -> Result<String, String> {
        let texts =
            self.alternatives.get(list).ok_or_else(|| format!("no alternatives `{list}`"))?;
        // An alternative may refer to what this run has not saved; then it is none.
        let known = texts.iter().filter_map(|text| scope.fill_text(text).ok());
        let choices: Vec<String> = known.map(|text| regex::escape(&as_text(&text))).collect();
        Ok(format!("(?:{})", choices.join("|")))
    }

    /// The regular expression of a kind of text.
    pub(super) fn regex(&self, kind: &str) -> Result<String, String> {
        let source = match kind {
            "value" | "text" | "timestamp" => ".+",
            "uuid" => "[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}",
            "segment" => r#"[^:/"'\s]+"#,
            "json" => r"\{.*\}",
            "date" => {
                r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z|[+-]\d\d:?\d\d)?|date"
            }
            _ => {
                let name = kind.strip_prefix("re:").unwrap_or_default();
                let own = self.patterns.get(name);
                return own.cloned().ok_or_else(|| format!("no placeholder of kind `{kind}`"));
            }
        };
        Ok(source.to_owned())
    }

    /// Remembers what a name stands for, or says whether it stands for this.
    pub(super) fn agree(&mut self, name: &str, value: &Value) -> bool {
        self.names.entry(name.to_owned()).or_insert_with(|| value.clone()) == value
    }
}

/// `any` or `one`, and what follows the colon.
fn placeholder(reference: &str) -> Option<(&str, &str)> {
    reference.split_once(':').filter(|(word, _)| matches!(*word, "any" | "one"))
}

/// `KIND` or `KIND:NAME`; the kind `re:P` has a colon of its own.
fn named(kind: &str) -> (String, Option<String>) {
    let mut pieces = kind.splitn(if kind.starts_with("re:") { 3 } else { 2 }, ':');
    let mut kind = pieces.next().unwrap_or_default().to_owned();
    if kind == "re" {
        kind = format!("re:{}", pieces.next().unwrap_or_default());
    }
    (kind, pieces.next().map(str::to_owned))
}
