//! `statewright validate`: what is wrong with definitions, before anything runs.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::ensure;
use asl::{Code, Diagnostic, MachineKind, Severity};
use serde::Serialize;

use crate::definition::{self, Definition, Position, STDIN, SyntaxError};
use crate::exit::Exit;

/// How findings are written.
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
pub enum Format {
    /// `file:line:column: error CODE message (location)`, one line each.
    Text,
    /// One JSON array of all findings.
    Json,
}

/// One thing wrong with a file.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Finding {
    pub file: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<u64>,
    /// `ERROR` or `WARNING`, as AWS spells it.
    pub severity: &'static str,
    /// AWS's code, or `INVALID_YAML`.
    pub code: &'static str,
    pub message: String,
    /// The place as AWS writes it: `/States/Pay/Retry[0]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
}

/// Checks the files, of which `-` is the standard input, and writes what is wrong with them to
/// stdout.
///
/// # Errors
/// A file cannot be read; `-` is there twice; stdout is closed.
pub fn validate(files: &[PathBuf], format: Format, kind: MachineKind) -> anyhow::Result<Exit> {
    let mut findings = Vec::new();
    let mut unreadable = Vec::new();
    let stdins = files.iter().filter(|file| file.as_os_str() == STDIN).count();
    ensure!(stdins <= 1, "`-` is given {stdins} times: stdin can be read once");
    for file in files {
        let name = if file.as_os_str() == STDIN { Path::new("<stdin>") } else { file };
        match definition::read_or_stdin(file) {
            Ok(text) => findings.extend(check(name, text, kind)),
            Err(error) => unreadable.push(error),
        }
    }
    let text = match format {
        Format::Text => as_text(&findings),
        Format::Json => serde_json::to_string_pretty(&findings)? + "\n",
    };
    std::io::stdout().lock().write_all(text.as_bytes())?;
    for error in &unreadable {
        eprintln!("error: {error:#}");
    }
    if !unreadable.is_empty() {
        return Ok(Exit::Usage);
    }
    Ok(if have_errors(&findings) { Exit::Failed } else { Exit::Done })
}

/// Whether a definition is refused because of these findings; warnings are none.
pub fn have_errors(findings: &[Finding]) -> bool {
    findings.iter().any(|finding| finding.severity == Severity::Error.as_str())
}

/// Everything that is wrong with the definition in this file.
pub fn check(file: &Path, text: String, kind: MachineKind) -> Vec<Finding> {
    let name = file.display().to_string();
    let definition = match Definition::parse(file, text) {
        Ok(definition) => definition,
        Err(error) => return vec![no_yaml(name, error)],
    };
    let mut diagnostics = asl::check(definition.json(), kind);
    // What the language has and this engine does not run yet is no mistake, but no use either.
    let unserved = asl::compile(definition.json()).err().unwrap_or_default();
    diagnostics.extend(unserved.into_iter().filter(|it| it.code == Code::UnsupportedFeature));
    let found = |diagnostic: Diagnostic| {
        let position = if diagnostic.code == Code::InvalidJsonDescription {
            definition.broken_at()
        } else {
            diagnostic.location.as_deref().and_then(|at| definition.locate(at))
        };
        finding(name.clone(), position, diagnostic)
    };
    diagnostics.into_iter().map(found).collect()
}

fn finding(file: String, position: Option<Position>, diagnostic: Diagnostic) -> Finding {
    Finding {
        file,
        line: position.map(|position| position.line),
        column: position.map(|position| position.column),
        severity: diagnostic.severity.as_str(),
        code: diagnostic.code.as_str(),
        message: diagnostic.message,
        location: diagnostic.location,
    }
}

fn no_yaml(file: String, error: SyntaxError) -> Finding {
    Finding {
        file,
        line: error.position.map(|position| position.line),
        column: error.position.map(|position| position.column),
        severity: Severity::Error.as_str(),
        code: "INVALID_YAML",
        message: error.message,
        location: None,
    }
}

/// One line for each finding.
pub fn as_text(findings: &[Finding]) -> String {
    let mut text = String::new();
    for finding in findings {
        let _ = write!(text, "{}:", finding.file);
        if let (Some(line), Some(column)) = (finding.line, finding.column) {
            let _ = write!(text, "{line}:{column}:");
        }
        let severity = finding.severity.to_ascii_lowercase();
        // A message may quote the definition: a line stays a line.
        let message = finding.message.escape_debug();
        let message = message.to_string().replace("\\\"", "\"").replace("\\'", "'");
        let _ = write!(text, " {severity} {} {message}", finding.code);
        if let Some(location) = &finding.location {
            let _ = write!(text, " ({})", location.escape_debug());
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_text(file: &str, text: &str, expected: &str) {
        let findings = check(Path::new(file), text.to_owned(), MachineKind::Standard);
        assert_eq!(as_text(&findings), expected);
    }

    #[test]
    fn a_mistake_is_shown_where_it_is_in_json() {
        check_text(
            "m.json",
            "{\"StartAt\": \"A\",\n \"States\": {\n  \"A\": {\"Type\": \"Pass\",\n        \"Next\": \"B\"}}}",
            "m.json:4:17: error MISSING_TRANSITION_TARGET Missing 'Next' target: B (/States/A/Next)\n\
             m.json: error MISSING_END_STATE Workflow has no terminal state\n",
        );
    }

    #[test]
    fn a_mistake_is_shown_where_it_is_in_yaml() {
        check_text(
            "m.yml",
            "StartAt: A\nStates:\n  A:\n    Type: Nothing\n    End: true\n",
            "m.yml:4:11: error SCHEMA_VALIDATION_FAILED The field 'Type' should have one of these \
             values: [Task, Wait, Pass, Succeed, Fail, Choice, Parallel, Map] (/States/A/Type)\n",
        );
    }

    #[test]
    fn broken_json_is_shown_where_it_breaks() {
        let findings =
            check(Path::new("m.json"), "{\n  \"StartAt\" 3}".into(), MachineKind::Standard);
        let places: Vec<_> = findings.iter().map(|it| (it.code, it.line, it.column)).collect();
        assert_eq!(places, [("INVALID_JSON_DESCRIPTION", Some(2), Some(13))]);
    }

    #[test]
    fn broken_yaml_is_shown_where_it_breaks() {
        check_text(
            "m.yaml",
            "StartAt: A\nStates: [",
            "m.yaml:2:9: error INVALID_YAML unclosed bracket '['\n",
        );
    }
}
