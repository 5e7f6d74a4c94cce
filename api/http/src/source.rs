//! A definition as people write it: JSON, JSON with comments, YAML, with `${Names}` that stand for values.
//! JSON text comes out, and where each of its values is in what was written.
//!
//! ```text
//! JSON ─► comments ─► substitution: ${Names} ─┐
//! YAML ─► yaml ─► scalar: ${Names} ───────────┴► JSON text, and places
//! ```
//!
//! AWS's own protocol takes JSON and nothing else; this is for the command line and the REST API.

mod comments;
mod scalar;
mod substitution;
mod yaml;

use std::collections::HashMap;

pub use substitution::{Fill, Unfilled, Values};

/// A longer text is not read; a definition may have 1 MiB, YAML more for its blanks.
pub const MAX_BYTES: usize = 8 * 1024 * 1024;

/// A line and a column, counted from 1 in characters.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Position {
    pub line: u64,
    pub column: u64,
}

/// Why a text is no definition at all.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SyntaxError {
    pub position: Option<Position>,
    pub message: String,
}

/// How a definition is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Syntax {
    /// JSON, with `//` and `/* */` comments and commas behind the last of a list.
    Json,
    Yaml,
}

impl Syntax {
    /// What begins with `{`, or with a comment of JSON, is JSON.
    pub fn of(text: &str) -> Self {
        let text = text.trim_start();
        let is_json =
            text.is_empty() || ["{", "//", "/*"].iter().any(|start| text.starts_with(start));
        if is_json { Self::Json } else { Self::Yaml }
    }
}

/// A definition as the engine takes it, and where its values are in what was written.
#[derive(Debug)]
pub struct Source {
    json: String,
    /// Of YAML; of JSON the places are looked up in the text itself.
    places: Option<HashMap<String, Position>>,
    edits: substitution::Edits,
    unfilled: Vec<Unfilled>,
}

impl Source {
    /// Reads a text. Plain JSON is taken as it is, right or wrong, so that the engine's own diagnostics
    /// tell.
    ///
    /// # Errors
    /// It is too long; YAML that is not YAML, or that says what JSON cannot say; a comment without an end.
    pub fn read(text: String, syntax: Syntax, fill: Fill<'_>) -> Result<Self, SyntaxError> {
        if text.len() > MAX_BYTES {
            return Err(substitution::too_long());
        }
        match syntax {
            Syntax::Json => {
                // A quotation mark in a comment quotes nothing.
                let text = comments::blanked(text)?;
                let (json, edits, unfilled) = substitution::fill(text, fill)?;
                Ok(Self { json, places: None, edits, unfilled })
            }
            Syntax::Yaml => {
                let (value, places, unfilled) = yaml::parse(&text, fill)?;
                let json = serde_json::to_string(&value).expect("JSON can be written");
                let edits = substitution::Edits::default();
                Ok(Self { json, places: Some(places), edits, unfilled })
            }
        }
    }

    /// The JSON text.
    pub fn json(&self) -> &str {
        &self.json
    }

    /// The JSON text, to keep.
    pub fn into_json(self) -> String {
        self.json
    }

    /// The `${Names}` that no value was given for.
    pub fn unfilled(&self) -> &[Unfilled] {
        &self.unfilled
    }

    /// Where the locations of diagnostics are, such as `/States/Pay/Retry[0]`.
    pub fn locate(&self, locations: &[&str]) -> Vec<Option<Position>> {
        let found: Vec<Option<Position>> = if let Some(places) = &self.places {
            locations.iter().map(|location| nearest(places, location)).collect()
        } else {
            let position = |(line, column)| Position { line: line as u64, column: column as u64 };
            let found = asl::position::locate_all(&self.json, locations).into_iter();
            found.map(|place| place.map(position)).collect()
        };
        found.into_iter().map(|place| place.map(|it| self.edits.back(it))).collect()
    }

    /// Where the JSON breaks off, if it is not JSON.
    pub fn broken_at(&self) -> Option<Position> {
        let error = serde_json::from_str::<serde::de::IgnoredAny>(&self.json).err()?;
        let position = Position { line: error.line() as u64, column: error.column() as u64 };
        (error.line() > 0).then(|| self.edits.back(position))
    }
}

/// Where this location is in YAML. What is not there is shown at the innermost part that is.
fn nearest(places: &HashMap<String, Position>, location: &str) -> Option<Position> {
    let mut location = location.trim_end_matches('/');
    loop {
        if let Some(position) = places.get(location) {
            return Some(*position);
        }
        location = &location[..location.rfind(['/', '['])?];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn yaml(text: &str) -> Source {
        Source::read(text.to_owned(), Syntax::Yaml, Fill::Leave).unwrap()
    }

    #[test]
    fn yaml_says_the_same_as_json_in_the_same_order() {
        let definition = yaml(
            "StartAt: Pause\nStates:\n  Pause:\n    Type: Wait\n    Timestamp: 2026-01-31T00:00:00Z\n    OutputPath: null\n    End: true\n",
        );
        let value: serde_json::Value = serde_json::from_str(definition.json()).unwrap();
        assert_eq!(
            value.to_string(),
            r#"{"StartAt":"Pause","States":{"Pause":{"Type":"Wait","Timestamp":"2026-01-31T00:00:00Z","OutputPath":null,"End":true}}}"#
        );
    }

    #[test]
    fn yaml_says_what_json_can_say() {
        let error = Source::read("a: .inf".to_owned(), Syntax::Yaml, Fill::Leave).unwrap_err();
        assert_eq!(error.message, "non-finite float `.inf` rejected by the configured policy");
    }

    #[test]
    fn what_is_anchored_in_yaml_may_be_said_again() {
        let definition =
            yaml("a: &again\n  - ErrorEquals: [E]\nb: *again\nc:\n  <<: &more {x: 1}\n  z: 2\n");
        let value: serde_json::Value = serde_json::from_str(definition.json()).unwrap();
        assert_eq!(
            value.to_string(),
            r#"{"a":[{"ErrorEquals":["E"]}],"b":[{"ErrorEquals":["E"]}],"c":{"z":2,"x":1}}"#
        );
    }

    #[test]
    fn a_location_is_found_in_yaml_and_what_is_missing_at_its_parent() {
        let definition = yaml("StartAt: A\nStates:\n  A:\n    Retry:\n      - ErrorEquals: []\n");
        let at = |location: &str| {
            let position = definition.locate(&[location])[0].unwrap();
            (position.line, position.column)
        };
        assert_eq!(at("/States/A/Retry[0]/ErrorEquals"), (5, 22));
        assert_eq!(at("/States/A/Type"), at("/States/A"));
        assert_eq!(at("/"), (1, 1));
    }

    #[test]
    fn a_location_is_found_behind_values_that_were_filled_in() {
        let values = Values::from([("Long".to_owned(), "a much longer text".into())]);
        let text = "{\"Comment\": \"${Long}\", \"StartAt\": 1,\n \"States\": {}}";
        let source = Source::read(text.to_owned(), Syntax::Json, Fill::With(&values)).unwrap();
        let at = |location: &str| source.locate(&[location])[0].map(|it| (it.line, it.column));
        assert_eq!(at("/StartAt"), Some((1, 35)));
        assert_eq!(at("/States"), Some((2, 12)));
        assert_eq!(at("/Comment"), Some((1, 13)));
    }

    #[test]
    fn a_text_is_told_by_its_beginning() {
        assert_eq!(Syntax::of(" {}"), Syntax::Json);
        assert_eq!(Syntax::of("// what it does\n{}"), Syntax::Json);
        assert_eq!(Syntax::of("StartAt: A"), Syntax::Yaml);
    }
}
