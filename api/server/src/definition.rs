//! Files that a person names: definitions, and what is beside them.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use http_api::source::{Fill, MAX_BYTES, Source, Syntax, SyntaxError};
use serde_json::value::RawValue;

/// What stands for the standard input where a file is wanted.
pub const STDIN: &str = "-";

/// A file that may be a definition.
#[derive(Debug)]
pub struct Candidate {
    pub path: PathBuf,
    /// Whether it was named, by a person or by its ending; or else its text is to tell.
    pub is_certain: bool,
}

/// The files in a folder, at any depth, that may be definitions, in the order of their names. A file, or `-`,
/// is itself.
///
/// # Errors
/// The folder cannot be read.
pub fn candidates(path: &Path) -> anyhow::Result<Vec<Candidate>> {
    if !path.is_dir() {
        return Ok(vec![Candidate { path: path.to_owned(), is_certain: true }]);
    }
    let (mut files, mut open) = (Vec::new(), vec![path.to_owned()]);
    while let Some(folder) = open.pop() {
        let shown = folder.display().to_string();
        let entries = fs::read_dir(&folder).with_context(|| format!("cannot read `{shown}`"))?;
        for entry in entries {
            let entry = entry.with_context(|| format!("cannot read `{shown}`"))?;
            let kind = entry.file_type().with_context(|| format!("cannot read `{shown}`"))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            // What is linked is not followed: a folder may hold itself.
            if kind.is_dir() {
                if !name.starts_with('.') && name != "node_modules" {
                    open.push(entry.path());
                }
            } else if kind.is_file() && ENDINGS.iter().any(|end| name.ends_with(end)) {
                let is_certain = name.split('.').skip(1).any(|part| part == "asl");
                files.push(Candidate { path: entry.path(), is_certain });
            }
        }
    }
    files.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(files)
}

const ENDINGS: [&str; 5] = [".json", ".jsonc", ".yaml", ".yml", ".asl"];

/// Whether a text among others looks like a definition: a template that has one in it is none.
pub fn is_likely(text: &str) -> bool {
    const NAMES: [&str; 2] = ["StartAt", "States"];
    if Syntax::of(text) == Syntax::Yaml {
        let begins = |name: &str| text.lines().any(|line| line.starts_with(&format!("{name}:")));
        return NAMES.into_iter().all(begins);
    }
    match serde_json::from_str::<HashMap<String, &RawValue>>(text) {
        Ok(members) => NAMES.into_iter().all(|name| members.contains_key(name)),
        // Whoever made a mistake in one is to hear of it.
        Err(_) => NAMES.into_iter().all(|name| text.contains(name)),
    }
}

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
        .take(MAX_BYTES as u64 + 1)
        .read_to_end(&mut bytes)
        .with_context(|| format!("cannot read `{shown}`"))?;
    if bytes.len() > MAX_BYTES {
        bail!("`{shown}` is longer than {MAX_BYTES} bytes");
    }
    String::from_utf8(bytes).with_context(|| format!("`{shown}` is not UTF-8"))
}

/// The name of the state machine in a file: its name without `.asl.json` and the like.
pub fn machine_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    for extension in [
        ".asl.json",
        ".asl.jsonc",
        ".asl.yaml",
        ".asl.yml",
        ".json",
        ".jsonc",
        ".yaml",
        ".yml",
        ".asl",
    ] {
        if let Some(stem) = name.strip_suffix(extension).filter(|stem| !stem.is_empty()) {
            return stem.to_owned();
        }
    }
    name.into_owned()
}

/// How the definition in a file is written: its extension tells, or else its first characters.
pub fn syntax(path: &Path, text: &str) -> Syntax {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("yaml" | "yml") => Syntax::Yaml,
        Some("json" | "jsonc") => Syntax::Json,
        Some(_) | None => Syntax::of(text),
    }
}

/// The definition in the text of this file.
///
/// # Errors
/// It is not written in the language that the file's name promises.
pub fn parse(path: &Path, text: String, fill: Fill<'_>) -> Result<Source, SyntaxError> {
    let syntax = syntax(path, &text);
    Source::read(text, syntax, fill)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_without_a_telling_name_is_told_by_its_first_character() {
        let of = |path: &str, text: &str| syntax(Path::new(path), text);
        assert_eq!(of("machine", " {}"), Syntax::Json);
        assert_eq!(of("machine", "StartAt: A"), Syntax::Yaml);
        assert_eq!(of("machine.json", "StartAt: A"), Syntax::Json);
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
