//! One thing wrong with a file, and how it is shown to a person.

use std::fmt::Write as _;
use std::path::Path;

use asl::{Code, Diagnostic, MachineKind, Severity};
use http_api::source::{Fill, Position, Source, SyntaxError, Unfilled};
use serde::Serialize;

use crate::definition;

/// What is said of a file whose YAML or comments cannot be read.
pub const NOT_READ: &str = "INVALID_SYNTAX";

/// What is said of a `${Name}` without a value.
pub const NO_SUBSTITUTION: &str = "NO_SUBSTITUTION";

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
    /// AWS's code, one of [`Code::ADVICE`], or one of this module.
    pub code: &'static str,
    pub message: String,
    /// The place as AWS writes it: `/States/Pay/Retry[0]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// The line of the file that it is in, or what is near of it, and how many characters are before the
    /// place.
    #[serde(skip)]
    pub quoted: Option<(String, usize)>,
}

/// Whether a definition is refused because of these findings; warnings are none.
pub fn have_errors(findings: &[Finding]) -> bool {
    findings.iter().any(|finding| finding.severity == Severity::Error.as_str())
}

/// Everything that is wrong with the definition in this file, and what is strange about it.
pub fn check(path: &Path, text: &str, kind: MachineKind, fill: Fill<'_>) -> Vec<Finding> {
    let name = path.display().to_string();
    let lines = Lines::of(text);
    let source = match definition::parse(path, text.to_owned(), fill) {
        Ok(source) => source,
        Err(error) => return vec![lines.quote(not_read(name, error))],
    };
    let mut findings: Vec<Finding> =
        source.unfilled().iter().map(|it| unfilled(name.clone(), it)).collect();
    let diagnostics = asl::review(source.json(), kind);
    let locations: Vec<&str> =
        diagnostics.iter().map(|it| it.location.as_deref().unwrap_or_default()).collect();
    let places = source.locate(&locations);
    findings.extend(
        diagnostics
            .into_iter()
            .zip(places)
            .map(|(it, place)| found(name.clone(), &source, it, place)),
    );
    findings.into_iter().map(|finding| lines.quote(finding)).collect()
}

fn found(
    file: String,
    source: &Source,
    diagnostic: Diagnostic,
    place: Option<Position>,
) -> Finding {
    let position = match diagnostic.code {
        Code::InvalidJsonDescription => source.broken_at(),
        _ => place.filter(|_| diagnostic.location.is_some()),
    };
    let Diagnostic { severity, code, message, location } = diagnostic;
    Finding { message, location, ..new(file, position, severity, code.as_str()) }
}

fn not_read(file: String, error: SyntaxError) -> Finding {
    Finding { message: error.message, ..new(file, error.position, Severity::Error, NOT_READ) }
}

fn unfilled(file: String, unfilled: &Unfilled) -> Finding {
    let Unfilled { name, guess, position } = unfilled;
    let severity = if guess.is_some() { Severity::Warning } else { Severity::Error };
    let stands = guess.as_ref().map_or(String::new(), |guess| format!("; `{guess}` stands for it"));
    let message =
        format!("`${{{name}}}` has no value{stands}: give one with `--substitution {name}=…`");
    Finding { message, ..new(file, Some(*position), severity, NO_SUBSTITUTION) }
}

fn new(
    file: String,
    position: Option<Position>,
    severity: Severity,
    code: &'static str,
) -> Finding {
    Finding {
        file,
        line: position.map(|position| position.line),
        column: position.map(|position| position.column),
        severity: severity.as_str(),
        code,
        message: String::new(),
        location: None,
        quoted: None,
    }
}

/// The lines of a file.
struct Lines<'t>(Vec<&'t str>);

impl<'t> Lines<'t> {
    fn of(text: &'t str) -> Self {
        Self(text.lines().collect())
    }

    /// The finding with its line.
    fn quote(&self, finding: Finding) -> Finding {
        let index = |number: Option<u64>| usize::try_from(number?).ok()?.checked_sub(1);
        let line = index(finding.line).and_then(|line| self.0.get(line));
        let quoted = line.zip(index(finding.column)).map(|(line, column)| near(line, column));
        Finding { quoted, ..finding }
    }
}

/// What of a line is near this column, and how many characters of that are before it.
fn near(line: &str, column: usize) -> (String, usize) {
    const MAX_CHARS: usize = 120;
    let shown = |c: char| if c.is_control() { ' ' } else { c };
    let is_short = line.chars().nth(MAX_CHARS).is_none();
    let first = if is_short { 0 } else { column.saturating_sub(MAX_CHARS / 2) };
    let part: String = line.chars().map(shown).skip(first).take(MAX_CHARS).collect();
    (part.trim_end().to_owned(), column - first)
}

/// Two or three lines for each finding: what it is, the line it is in, and a mark below the place.
pub fn as_text(findings: &[Finding]) -> String {
    let mut text = String::new();
    for finding in findings {
        let _ = write!(text, "{}:", finding.file);
        if let (Some(line), Some(column)) = (finding.line, finding.column) {
            let _ = write!(text, "{line}:{column}:");
        }
        let severity = finding.severity.to_ascii_lowercase();
        let _ = write!(text, " {severity} {} {}", finding.code, on_one_line(&finding.message));
        if let Some(location) = &finding.location {
            let _ = write!(text, " ({})", on_one_line(location));
        }
        text.push('\n');
        text.push_str(&pointed_at(finding).unwrap_or_default());
    }
    text
}

/// A message may quote the definition: a line stays a line.
fn on_one_line(text: &str) -> String {
    text.escape_debug().to_string().replace("\\\"", "\"").replace("\\'", "'")
}

/// The line that a finding is in, with a mark below the place.
fn pointed_at(finding: &Finding) -> Option<String> {
    let (line, (part, before)) = (finding.line?, finding.quoted.as_ref()?);
    let margin = line.to_string().len();
    let mark = " ".repeat(*before);
    Some(format!("  {line} | {part}\n  {:margin$} | {mark}^\n", ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_text(file: &str, text: &str, expected: &str) {
        let values = http_api::source::Values::new();
        let findings = check(Path::new(file), text, MachineKind::Standard, Fill::Guess(&values));
        assert_eq!(as_text(&findings), expected);
    }

    #[test]
    fn a_mistake_is_shown_where_it_is_in_json() {
        check_text(
            "m.json",
            "{\"StartAt\": \"A\",\n \"States\": {\n  \"A\": {\"Type\": \"Pass\",\n        \"Next\": \"B\"}}}",
            "m.json:4:17: error MISSING_TRANSITION_TARGET Missing 'Next' target: B (/States/A/Next)\n\
            \x20 4 |         \"Next\": \"B\"}}}\n\
            \x20   |                 ^\n\
             m.json: error MISSING_END_STATE Workflow has no terminal state\n",
        );
    }

    #[test]
    fn a_mistake_is_shown_where_it_is_in_yaml() {
        check_text(
            "m.yml",
            "StartAt: A\nStates:\n  A:\n    Type: Nothing\n    End: true\n",
            "m.yml:4:11: error SCHEMA_VALIDATION_FAILED The field 'Type' should have one of these \
             values: [Task, Wait, Pass, Succeed, Fail, Choice, Parallel, Map] (/States/A/Type)\n\
            \x20 4 |     Type: Nothing\n\
            \x20   |           ^\n",
        );
    }

    #[test]
    fn a_mistake_in_a_long_line_is_shown_with_what_is_near() {
        let text = format!(
            r#"{{"Comment": "{}", "StartAt": "B", "States": {{"A": {{"Type": "Succeed"}}}}}}"#,
            "x".repeat(1000)
        );
        let values = http_api::source::Values::new();
        let findings =
            check(Path::new("m.json"), &text, MachineKind::Standard, Fill::Guess(&values));
        let shown = as_text(&findings);
        let lines: Vec<&str> = shown.lines().collect();
        assert!(lines[0].starts_with("m.json:1:1028: error MISSING_TRANSITION_TARGET"), "{shown}");
        assert!(lines[1].len() < 140 && lines[1].contains(r#""StartAt": "B""#), "{shown}");
        let mark = lines[2].find('^').unwrap();
        assert_eq!(&lines[1][mark..mark + 3], r#""B""#);
    }

    #[test]
    fn broken_json_is_shown_where_it_breaks() {
        let values = http_api::source::Values::new();
        let text = "{\n  \"StartAt\" 3}".to_owned();
        let findings =
            check(Path::new("m.json"), &text, MachineKind::Standard, Fill::Guess(&values));
        let places: Vec<_> = findings.iter().map(|it| (it.code, it.line, it.column)).collect();
        assert_eq!(places, [("INVALID_JSON_DESCRIPTION", Some(2), Some(13))]);
    }

    #[test]
    fn broken_yaml_is_shown_where_it_breaks() {
        check_text(
            "m.yaml",
            "StartAt: A\nStates: [",
            "m.yaml:2:9: error INVALID_SYNTAX unclosed bracket '['\n\
            \x20 2 | States: [\n\
            \x20   |         ^\n",
        );
    }

    #[test]
    fn what_has_no_value_is_said_and_the_rest_checked() {
        check_text(
            "m.json",
            r#"{"StartAt": "A", "States": {"A": {"Type": "Wait", "Seconds": ${Pause}, "End": true}}}"#,
            "m.json:1:62: warning NO_SUBSTITUTION `${Pause}` has no value; `1` stands for it: give one \
             with `--substitution Pause=…`\n\
            \x20 1 | {\"StartAt\": \"A\", \"States\": {\"A\": {\"Type\": \"Wait\", \"Seconds\": ${Pause}, \"End\": true}}}\n\
            \x20   |                                                              ^\n",
        );
    }

    #[test]
    fn a_warning_is_no_error() {
        let with = |severity| Finding {
            message: String::new(),
            ..new(String::new(), None, severity, "CODE")
        };
        assert!(!have_errors(&[with(Severity::Warning)]) && have_errors(&[with(Severity::Error)]));
    }
}
