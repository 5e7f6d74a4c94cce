//! `${Name}` in a definition of JSON: a value of that name takes its place, as AWS's templates have it.
//! Within quotes it is text; without, it is a value of its own: `"MaxConcurrency": ${Most}`.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{MAX_BYTES, Position, SyntaxError};

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

/// The values for names, and the names that were asked for and had none.
pub(super) struct Names<'v> {
    values: Option<&'v Values>,
    guesses: bool,
    pub(super) unfilled: Vec<Unfilled>,
}

impl<'v> Names<'v> {
    pub(super) fn new(fill: Fill<'v>) -> Self {
        let (values, guesses) = match fill {
            Fill::Leave => (None, false),
            Fill::With(values) => (Some(values), false),
            Fill::Guess(values) => (Some(values), true),
        };
        Self { values, guesses, unfilled: Vec::new() }
    }

    /// The value of this name, which stands here, as all or the beginning of a field's value.
    pub(super) fn value(
        &mut self,
        name: &str,
        position: Position,
        field: Option<&str>,
    ) -> Option<Value> {
        /// No more of those without a value are told of.
        const MAX_UNFILLED: usize = 100;
        let values = self.values?;
        if let Some(value) = values.get(name) {
            return Some(value.clone());
        }
        let value = self.guesses.then(|| guess(name, field));
        if self.unfilled.len() < MAX_UNFILLED {
            let guess = value.as_ref().map(text_of);
            self.unfilled.push(Unfilled { name: name.to_owned(), guess, position });
        }
        value
    }
}

/// Something that may stand in this field.
fn guess(name: &str, field: Option<&str>) -> Value {
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
    let word: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    match field {
        Some("Resource") => format!("arn:aws:lambda:us-east-1:123456789012:function:{word}").into(),
        Some("Timestamp") => "2030-01-01T00:00:00Z".into(),
        Some(field) if NUMBERS.iter().any(|end| field.ends_with(end)) => 1.into(),
        Some(_) | None => word.into(),
    }
}

/// The value as it is meant where nothing quotes it: a text may say a number, an object, …
pub(super) fn unquoted(value: &Value) -> Value {
    match value {
        Value::String(text) => serde_json::from_str(text).unwrap_or_else(|_| value.clone()),
        other => other.clone(),
    }
}

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
}

/// The text with its values in place, where they are, and which there were none for.
///
/// # Errors
/// The text gets too long by its values.
pub(super) fn fill(
    text: String,
    fill: Fill<'_>,
) -> Result<(String, Edits, Vec<Unfilled>), SyntaxError> {
    if matches!(fill, Fill::Leave) {
        return Ok((text, Edits::default(), Vec::new()));
    }
    let mut filler = Filler {
        rest: &text,
        shown: String::new(),
        is_quoted: false,
        edits: Edits::default(),
        names: Names::new(fill),
        at: Place { line: 1, new: 1, old: 1 },
    };
    filler.text()?;
    Ok((filler.shown, filler.edits, filler.names.unfilled))
}

pub(super) fn too_long() -> SyntaxError {
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

struct Filler<'t, 'v> {
    rest: &'t str,
    shown: String,
    /// Whether the place is within quotation marks.
    is_quoted: bool,
    edits: Edits,
    names: Names<'v>,
    at: Place,
}

impl<'t> Filler<'t, '_> {
    fn text(&mut self) -> Result<(), SyntaxError> {
        while let Some(next) = self.rest.chars().next() {
            if let Some(name) = name_at(self.rest) {
                self.name(name);
            } else if self.is_quoted && next == '\\' {
                let length = self.rest.chars().take(2).map(char::len_utf8).sum();
                self.keep(length);
            } else {
                self.is_quoted ^= next == '"';
                self.keep(next.len_utf8());
            }
            if self.shown.len() > MAX_BYTES {
                return Err(too_long());
            }
        }
        Ok(())
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

    fn name(&mut self, name: &'t str) {
        let written = name.len() + 3;
        let position = Position { line: self.at.line, column: self.at.old };
        let field = self.field().map(str::to_owned);
        let Some(value) = self.names.value(name, position, field.as_deref()) else {
            self.keep(written);
            return;
        };
        let new = if self.is_quoted {
            let quoted = Value::String(text_of(&value)).to_string();
            quoted[1..quoted.len() - 1].to_owned()
        } else {
            unquoted(&value).to_string()
        };
        let (length, old) =
            (new.chars().count() as u64, self.rest[..written].chars().count() as u64);
        self.edits.0.push(Edit { line: self.at.line, column: self.at.new, new: length, old });
        self.at.new += length;
        self.at.old += old;
        self.shown.push_str(&new);
        self.rest = &self.rest[written..];
    }

    /// The name of the field whose whole value begins here.
    fn field(&self) -> Option<&str> {
        let before = if self.is_quoted { self.shown.strip_suffix('"')? } else { &self.shown };
        let before = before.trim_end().strip_suffix(':')?.trim_end();
        let before = before.strip_suffix('"').unwrap_or(before);
        let start = before.rfind(|c: char| !c.is_ascii_alphanumeric()).map_or(0, |at| at + 1);
        Some(&before[start..]).filter(|name| !name.is_empty())
    }
}

pub(super) fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The name of the `${Name}` that this text begins with.
pub(super) fn name_at(text: &str) -> Option<&str> {
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
    fn what_a_value_says_is_no_yaml() {
        let values = Values::from([
            ("Colon".to_owned(), "a: b".into()),
            ("Hash".to_owned(), "a # b".into()),
            ("Lines".to_owned(), "a\nb: c".into()),
            ("Key".to_owned(), "Pay".into()),
            ("Object".to_owned(), json!({"a": [1]})),
            ("One".to_owned(), "1".into()),
        ]);
        let check = |text: &str, expected: &str| {
            let source = Source::read(text.to_owned(), Syntax::Yaml, Fill::With(&values)).unwrap();
            assert_eq!(source.json(), expected, "{text}");
        };
        check(
            "a: ${Colon}\nb: ${Hash} ${Hash}\nc: ${Lines}",
            r#"{"a":"a: b","b":"a # b a # b","c":"a\nb: c"}"#,
        );
        check("# it's \"${One}\na: ${One}", r#"{"a":1}"#);
        check(
            "a: ${Object}\nb: [${One}, {c: ${Object}}]",
            r#"{"a":{"a":[1]},"b":[1,{"c":{"a":[1]}}]}"#,
        );
        check("${Key}: {${Key}: 'it''s ${One}'}", r#"{"Pay":{"Pay":"it's 1"}}"#);
        check(
            "a: |\n  ${One}\nb: >-\n  ${One}\nc: ${One}${One}",
            r#"{"a":"1\n","b":"1","c":"11"}"#,
        );
        check(
            "a: &x ${One}\nb: *x\nc: &y '${One}'\nd: !!str ${One}",
            r#"{"a":1,"b":1,"c":"1","d":"1"}"#,
        );
        check("a: \"\\\\${One}\"", r#"{"a":"\\1"}"#);
        check("a: ${None}\nb: [${None}]", r#"{"a":"${None}","b":["${None}"]}"#);
    }

    #[test]
    fn a_name_of_yaml_is_told_of_where_it_stands() {
        let none = Values::new();
        let text = "# ${Nobody}\nStates:\n  A: {TimeoutSeconds: ${T}, Resource: 'x${R} ${R}'}\n  B:\n    Resource: ${F}\n";
        let source = Source::read(text.to_owned(), Syntax::Yaml, Fill::Guess(&none)).unwrap();
        assert_eq!(
            source.json(),
            r#"{"States":{"A":{"TimeoutSeconds":1,"Resource":"xR R"},"B":{"Resource":"arn:aws:lambda:us-east-1:123456789012:function:F"}}}"#
        );
        let shown: Vec<String> = source
            .unfilled()
            .iter()
            .map(|it| format!("{} {}:{}", it.name, it.position.line, it.position.column))
            .collect();
        assert_eq!(shown, ["T 3:23", "R 3:41", "R 3:46", "F 5:15"]);
        let source = Source::read(text.to_owned(), Syntax::Yaml, Fill::Leave).unwrap();
        assert!(source.json().contains(r#""TimeoutSeconds":"${T}","Resource":"x${R} ${R}""#));
    }

    #[test]
    fn two_keys_of_yaml_that_a_value_makes_the_same_are_refused() {
        let values = Values::from([("Key".to_owned(), "a".into())]);
        let text = "a: 1\n${Key}: 2".to_owned();
        let error = Source::read(text, Syntax::Yaml, Fill::With(&values)).unwrap_err();
        assert_eq!(error.message, "duplicate mapping key: a");
        assert_eq!(error.position.map(|it| (it.line, it.column)), Some((2, 1)));
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
        let text = format!("a: [{}]", "'${X}',".repeat(1000));
        let error = Source::read(text, Syntax::Yaml, Fill::With(&values)).unwrap_err();
        assert_eq!(error.message, "a definition is no longer than 8388608 bytes");
    }
}
