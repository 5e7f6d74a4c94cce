//! `${Name}` in a definition: a value of that name takes its place, as AWS's templates have it. Within
//! quotes it is text; without, it is a value of its own: `"MaxConcurrency": ${Most}`.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{MAX_BYTES, Position, Syntax, SyntaxError};

/// The values by their names.
pub type Values = BTreeMap<String, Value>;

/// What becomes of the `${Names}`.
#[derive(Clone, Copy, Debug)]
pub enum Fill<'v> {
    /// They stay as they are.
    Leave,
    /// These take their place; others stay.
    With(&'v Values),
    /// These take their place, and something plausible that of the others: what is to be checked need not
    /// run.
    Guess(&'v Values),
}

/// A `${Name}` that there is no value for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Unfilled {
    pub name: String,
    /// What took its place, if anything did.
    pub guess: Option<String>,
    pub position: Position,
}

/// No more of those without a value are told of.
const MAX_UNFILLED: usize = 100;

/// What was put in place of something longer or shorter, so that positions can be told in the text as it was
/// written.
#[derive(Debug, Default)]
pub(super) struct Edits(Vec<Edit>);

/// One of them, within one line of the new text; all in characters.
#[derive(Debug)]
struct Edit {
    line: u64,
    column: u64,
    new: u64,
    old: u64,
}

impl Edits {
    /// A position of the new text in the old.
    pub(super) fn back(&self, position: Position) -> Position {
        let first = self.0.partition_point(|edit| edit.line < position.line);
        let mut column = position.column;
        for edit in self.0[first..].iter().take_while(|edit| edit.line == position.line) {
            if position.column >= edit.column + edit.new {
                column = column + edit.old - edit.new.min(column + edit.old);
            } else if position.column > edit.column {
                column -= position.column - edit.column;
            }
        }
        Position { column: column.max(1), ..position }
    }

    pub(super) fn back_of(&self, error: SyntaxError) -> SyntaxError {
        SyntaxError { position: error.position.map(|it| self.back(it)), ..error }
    }
}

/// The text with its values in place, where they are, and which there were none for.
///
/// # Errors
/// The text is too long, or gets too long by its values; a value of YAML has several lines.
pub(super) fn fill(
    text: String,
    syntax: Syntax,
    fill: Fill<'_>,
) -> Result<(String, Edits, Vec<Unfilled>), SyntaxError> {
    if text.len() > MAX_BYTES {
        return Err(too_long());
    }
    let (Fill::With(values) | Fill::Guess(values)) = fill else {
        return Ok((text, Edits::default(), Vec::new()));
    };
    let guesses = matches!(fill, Fill::Guess(_));
    let mut filler = Filler {
        syntax,
        rest: &text,
        shown: String::new(),
        quote: None,
        edits: Edits::default(),
        unfilled: Vec::new(),
        at: Place { line: 1, new: 1, old: 1 },
    };
    filler.text(values, guesses)?;
    Ok((filler.shown, filler.edits, filler.unfilled))
}

fn too_long() -> SyntaxError {
    let message = format!("a definition is no longer than {MAX_BYTES} bytes");
    SyntaxError { position: None, message }
}

/// Line, column in the new text and in the old.
#[derive(Clone, Copy)]
struct Place {
    line: u64,
    new: u64,
    old: u64,
}

struct Filler<'t> {
    syntax: Syntax,
    rest: &'t str,
    shown: String,
    /// The quote that the place is within.
    quote: Option<char>,
    edits: Edits,
    unfilled: Vec<Unfilled>,
    at: Place,
}

impl<'t> Filler<'t> {
    fn text(&mut self, values: &Values, guesses: bool) -> Result<(), SyntaxError> {
        while let Some(next) = self.rest.chars().next() {
            if let Some(name) = name_at(self.rest) {
                self.name(name, values, guesses)?;
            } else if self.quote == Some('"') && next == '\\' {
                let length = self.rest.chars().take(2).map(char::len_utf8).sum();
                self.keep(length);
            } else {
                match self.quote {
                    Some(quote) if quote == next => self.quote = None,
                    None if self.opens_quote(next) => self.quote = Some(next),
                    Some(_) | None => {}
                }
                self.keep(next.len_utf8());
            }
            if self.shown.len() > MAX_BYTES {
                return Err(too_long());
            }
        }
        Ok(())
    }

    /// In YAML an apostrophe within a word is none that quotes.
    fn opens_quote(&self, next: char) -> bool {
        let at_start =
            || self.shown.ends_with([' ', '\n', '\t', '[', '{', ',', ':']) || self.shown.is_empty();
        match self.syntax {
            Syntax::Json => next == '"',
            Syntax::Yaml => (next == '"' || next == '\'') && at_start(),
        }
    }

    fn keep(&mut self, length: usize) {
        let (kept, rest) = self.rest.split_at(length);
        for c in kept.chars() {
            if c == '\n' {
                self.at = Place { line: self.at.line + 1, new: 1, old: 1 };
            } else {
                self.at.new += 1;
                self.at.old += 1;
            }
        }
        self.shown.push_str(kept);
        self.rest = rest;
    }

    fn name(&mut self, name: &'t str, values: &Values, guesses: bool) -> Result<(), SyntaxError> {
        let written = name.len() + 3;
        let position = Position { line: self.at.line, column: self.at.old };
        let guess = || guesses.then(|| self.guess(name));
        let (value, is_known) = match values.get(name) {
            Some(value) => (Some(value.clone()), true),
            None => (guess(), false),
        };
        if !is_known && self.unfilled.len() < MAX_UNFILLED {
            let guess = value.as_ref().map(text_of);
            self.unfilled.push(Unfilled { name: name.to_owned(), guess, position });
        }
        let Some(value) = value else {
            self.keep(written);
            return Ok(());
        };
        let new = self.as_written(&value);
        if new.contains('\n') {
            let message = format!("the value of `{name}` has several lines; use JSON for it");
            return Err(SyntaxError { position: Some(position), message });
        }
        let (length, old) =
            (new.chars().count() as u64, self.rest[..written].chars().count() as u64);
        self.edits.0.push(Edit { line: self.at.line, column: self.at.new, new: length, old });
        self.at.new += length;
        self.at.old += old;
        self.shown.push_str(&new);
        self.rest = &self.rest[written..];
        Ok(())
    }

    /// A value as it is to stand here.
    fn as_written(&self, value: &Value) -> String {
        let text = text_of(value);
        match (self.syntax, self.quote) {
            (Syntax::Json, Some(_)) | (Syntax::Yaml, Some('"')) => {
                let quoted = Value::String(text).to_string();
                quoted[1..quoted.len() - 1].to_owned()
            }
            // A text may say a number, an object, …: what is JSON is taken as such.
            (Syntax::Json, None) => match serde_json::from_str::<Value>(&text) {
                Ok(value) => value.to_string(),
                Err(_) => Value::String(text).to_string(),
            },
            (Syntax::Yaml, Some(_)) => text.replace('\'', "''"),
            (Syntax::Yaml, None) => text,
        }
    }

    /// Something that may stand here, by the field it is in.
    fn guess(&self, name: &str) -> Value {
        const NUMBERS: [&str; 6] =
            ["Seconds", "Attempts", "BackoffRate", "Concurrency", "Count", "Percentage"];
        let known = match name {
            "AWS::AccountId" => Some("123456789012"),
            "AWS::Partition" => Some("aws"),
            "AWS::Region" => Some("us-east-1"),
            "AWS::URLSuffix" => Some("amazonaws.com"),
            _ => None,
        };
        if let Some(known) = known {
            return known.into();
        }
        let field = self.field();
        let word: String =
            name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
        match field {
            Some("Resource") => {
                format!("arn:aws:lambda:us-east-1:123456789012:function:{word}").into()
            }
            Some("Timestamp") => "2030-01-01T00:00:00Z".into(),
            Some(field) if NUMBERS.iter().any(|end| field.ends_with(end)) => 1.into(),
            Some(_) | None => word.into(),
        }
    }

    /// The name of the field whose whole value begins here.
    fn field(&self) -> Option<&str> {
        let before = match self.quote {
            Some(quote) => self.shown.strip_suffix(quote)?,
            None => &self.shown,
        };
        let before = before.trim_end().strip_suffix(':')?.trim_end();
        let before = before.strip_suffix(['"', '\'']).unwrap_or(before);
        let start = before.rfind(|c: char| !c.is_ascii_alphanumeric()).map_or(0, |at| at + 1);
        Some(&before[start..]).filter(|name| !name.is_empty())
    }
}

fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The name of the `${Name}` that this text begins with.
fn name_at(text: &str) -> Option<&str> {
    const MAX_CHARS: usize = 255;
    let inside = text.strip_prefix("${")?;
    let is_part = |c: char| c.is_ascii_alphanumeric() || "_.:-".contains(c);
    let end = inside.find(|c| !is_part(c))?;
    let name = &inside[..end];
    (!name.is_empty() && end <= MAX_CHARS && inside[end..].starts_with('}')).then_some(name)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::{Fill, Source, Syntax};
    use super::Values;

    fn values() -> Values {
        [
            ("Name", json!("say \"hi\"")),
            ("Most", json!("5")),
            ("Rate", json!(1.5)),
            ("List", json!(["a", 1])),
            ("Arn", json!("arn:aws:lambda:us-east-1:123456789012:function:f")),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }

    #[track_caller]
    fn check(text: &str, syntax: Syntax, expected: &str) {
        let values = values();
        let source = Source::read(text.to_owned(), syntax, Fill::With(&values)).unwrap();
        let value: serde_json::Value = serde_json::from_str(source.json()).unwrap();
        assert_eq!(value.to_string(), expected, "{text}");
    }

    #[test]
    fn within_quotes_a_value_is_text_and_without_a_value() {
        check(r#"{"a": "${Name}!", "b": ${Most}}"#, Syntax::Json, r#"{"a":"say \"hi\"!","b":5}"#);
        check(r#"{"a": "${Most}", "b": ${List}}"#, Syntax::Json, r#"{"a":"5","b":["a",1]}"#);
        check(r#"{"a": ${Name}, "b": "${Rate}"}"#, Syntax::Json, r#"{"a":"say \"hi\"","b":"1.5"}"#);
        check(
            "a: ${Most}\nb: '${Most}'\nc: \"${Name}\"\nd: ${Arn}\n",
            Syntax::Yaml,
            r#"{"a":5,"b":"5","c":"say \"hi\"","d":"arn:aws:lambda:us-east-1:123456789012:function:f"}"#,
        );
        check("{a: [${Most}, it's ${Rate}]}", Syntax::Yaml, r#"{"a":[5,"it's 1.5"]}"#);
    }

    #[test]
    fn what_is_no_name_or_has_no_value_stays() {
        check(
            r#"{"a": "${Other} ${a b} ${} $ {Name} \\${Most}"}"#,
            Syntax::Json,
            r#"{"a":"${Other} ${a b} ${} $ {Name} \\5"}"#,
        );
        let text = r#"{"a": ${Name}}"#;
        let source = Source::read(text.to_owned(), Syntax::Json, Fill::Leave).unwrap();
        assert_eq!(source.json(), text);
    }

    #[test]
    fn what_has_no_value_is_guessed_by_its_field_where_that_is_asked_for() {
        let none = Values::new();
        let text = r#"{"Resource": "${Function}", "TimeoutSeconds": ${Most}, "Next": "${To.B}",
            "Role": "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/r"}"#;
        let source = Source::read(text.to_owned(), Syntax::Json, Fill::Guess(&none)).unwrap();
        let value: serde_json::Value = serde_json::from_str(source.json()).unwrap();
        assert_eq!(
            value.to_string(),
            r#"{"Resource":"arn:aws:lambda:us-east-1:123456789012:function:Function","TimeoutSeconds":1,"Next":"To_B","Role":"arn:aws:iam::123456789012:role/r"}"#
        );
        let shown: Vec<String> = source
            .unfilled()
            .iter()
            .map(|it| format!("{} {}:{}", it.name, it.position.line, it.position.column))
            .collect();
        assert_eq!(
            shown,
            [
                "Function 1:15",
                "Most 1:47",
                "To.B 1:65",
                "AWS::Partition 2:26",
                "AWS::AccountId 2:49"
            ]
        );
    }

    #[test]
    fn values_do_not_make_a_text_endless() {
        let values = Values::from([("X".to_owned(), "x".repeat(1 << 20).into())]);
        let text = format!("[{}]", "\"${X}\",".repeat(1000));
        let error = Source::read(text, Syntax::Json, Fill::With(&values)).unwrap_err();
        assert_eq!(error.message, "a definition is no longer than 8388608 bytes");
        let values = Values::from([("X".to_owned(), "a\nb".into())]);
        let error =
            Source::read("a: ${X}".to_owned(), Syntax::Yaml, Fill::With(&values)).unwrap_err();
        assert_eq!(error.message, "the value of `X` has several lines; use JSON for it");
    }
}
