//! A definition in a file: JSON or YAML in, JSON text and the places of its values out.
//!
//! The engine reads JSON only, so YAML ends here. What a diagnostic says of a location is
//! found again in the file the person wrote.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{Context as _, bail};

use crate::yaml;

/// A file longer than this is not read; a definition may have 1 MiB, YAML more for its blanks.
const FILE_BYTES: u64 = 8 * 1024 * 1024;

/// A line and a column, counted from 1 in characters.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Position {
    pub line: u64,
    pub column: u64,
}

/// Why a file's text is no definition at all.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SyntaxError {
    pub position: Option<Position>,
    pub message: String,
}

/// A definition as the engine takes it, and where its values are in the file.
#[derive(Debug)]
pub struct Definition {
    json: String,
    /// Of a YAML file; of JSON the places are looked up in the text itself.
    places: Option<HashMap<String, Position>>,
}

impl Definition {
    /// The definition in this text; `path` decides the language by its extension, and without
    /// a telling one the text does: what begins with `{` is JSON.
    ///
    /// JSON is taken as it is, right or wrong, so that the engine's own diagnostics tell.
    ///
    /// # Errors
    /// YAML that is not YAML, or that says what JSON cannot say.
    pub fn parse(path: &Path, text: String) -> Result<Self, SyntaxError> {
        if !is_yaml(path, &text) {
            return Ok(Self { json: text, places: None });
        }
        let (value, places) = yaml::parse(&text)?;
        let json = serde_json::to_string_pretty(&value).expect("a JSON value can be written");
        Ok(Self { json, places: Some(places) })
    }

    /// Its JSON text.
    pub fn json(&self) -> &str {
        &self.json
    }

    /// Where in the file a diagnostic's location is, such as `/States/Pay/Retry[0]`. What is
    /// not there is shown at the innermost part that is.
    pub fn locate(&self, location: &str) -> Option<Position> {
        let Some(places) = &self.places else {
            let (line, column) = asl::position::locate(&self.json, location)?;
            return Some(Position { line: line as u64, column: column as u64 });
        };
        let mut location = location.trim_end_matches('/');
        loop {
            if let Some(position) = places.get(location) {
                return Some(*position);
            }
            location = &location[..location.rfind(['/', '['])?];
        }
    }

    /// Where the JSON breaks off, if it is not JSON.
    pub fn broken_at(&self) -> Option<Position> {
        let error = serde_json::from_str::<serde::de::IgnoredAny>(&self.json).err()?;
        (error.line() > 0)
            .then(|| Position { line: error.line() as u64, column: error.column() as u64 })
    }
}

/// What stands for the standard input where a file is wanted.
pub const STDIN: &str = "-";

/// Reads a file that a person named, or the standard input if it is named `-`.
///
/// # Errors
/// It cannot be read, is not UTF-8, or is longer than any definition may be.
pub fn read_or_stdin(path: &Path) -> anyhow::Result<String> {
    if path.as_os_str() == STDIN { text_of(std::io::stdin().lock(), "stdin") } else { read(path) }
}

/// Reads a file that a person named.
///
/// # Errors
/// It cannot be read, is not UTF-8, or is longer than any definition may be.
pub fn read(path: &Path) -> anyhow::Result<String> {
    let shown = path.display().to_string();
    let file = File::open(path).with_context(|| format!("cannot read `{shown}`"))?;
    text_of(file, &shown)
}

fn text_of(source: impl Read, shown: &str) -> anyhow::Result<String> {
    let mut bytes = Vec::new();
    source
        .take(FILE_BYTES + 1)
        .read_to_end(&mut bytes)
        .with_context(|| format!("cannot read `{shown}`"))?;
    if bytes.len() as u64 > FILE_BYTES {
        bail!("`{shown}` is longer than {FILE_BYTES} bytes");
    }
    String::from_utf8(bytes).with_context(|| format!("`{shown}` is not UTF-8"))
}

/// The name of the state machine in a file: its name without `.asl.json` and the like.
pub fn machine_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    for extension in [".asl.json", ".asl.yaml", ".asl.yml", ".json", ".yaml", ".yml", ".asl"] {
        if let Some(stem) = name.strip_suffix(extension).filter(|stem| !stem.is_empty()) {
            return stem.to_owned();
        }
    }
    name.into_owned()
}

fn is_yaml(path: &Path, text: &str) -> bool {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("yaml" | "yml") => true,
        Some("json") => false,
        Some(_) | None => !text.trim_start().starts_with('{'),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn yaml(text: &str) -> Definition {
        Definition::parse(Path::new("x.yaml"), text.to_owned()).unwrap()
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
    fn a_location_is_found_in_yaml_and_what_is_missing_at_its_parent() {
        let definition = yaml("StartAt: A\nStates:\n  A:\n    Retry:\n      - ErrorEquals: []\n");
        let at = |location: &str| {
            let position = definition.locate(location).unwrap();
            (position.line, position.column)
        };
        assert_eq!(at("/States/A/Retry[0]/ErrorEquals"), (5, 22));
        assert_eq!(at("/States/A/Type"), at("/States/A"));
        assert_eq!(at("/"), (1, 1));
    }

    #[test]
    fn a_text_without_a_telling_name_is_told_by_its_first_character() {
        assert!(!is_yaml(Path::new("machine"), " {}"));
        assert!(is_yaml(Path::new("machine"), "StartAt: A"));
        assert!(!is_yaml(Path::new("machine.json"), "StartAt: A"));
    }

    #[test]
    fn a_machine_is_named_after_its_file() {
        let name = |path: &str| machine_name(Path::new(path));
        assert_eq!(name("definitions/trip_saga.asl.json"), "trip_saga");
        assert_eq!(name("a.b.yaml"), "a.b");
        assert_eq!(name("plain"), "plain");
        assert_eq!(name(".json"), ".json");
    }
}
