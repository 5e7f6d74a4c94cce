//! `statewright validate`: what is wrong with definitions, before anything runs.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{bail, ensure};
use asl::{Code, MachineKind};

use crate::definition::{self, Candidate, STDIN};
use crate::exit::Exit;
use crate::finding::{self, Finding, NO_SUBSTITUTION};
use crate::sarif;
use crate::substitutions::Substitutions;

/// How findings are written.
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
pub enum Format {
    /// `file:line:column: error CODE message (location)`, and the line below it.
    Text,
    /// One JSON array of all findings.
    Json,
    /// SARIF 2.1.0, for code hosts and editors.
    Sarif,
}

/// What is to be checked, and how.
#[derive(Debug)]
pub struct Order {
    /// Files and folders; `-` is the standard input.
    pub files: Vec<PathBuf>,
    pub format: Format,
    pub kind: MachineKind,
    /// Codes of warnings that are not to be shown.
    pub allowed: Vec<String>,
    pub substitutions: Substitutions,
}

/// Checks the files, of folders all definitions in them, and writes what is wrong with them to stdout.
///
/// # Errors
/// A file cannot be read; `-` is there twice; what is allowed is no warning; stdout is closed.
pub fn validate(order: &Order) -> anyhow::Result<Exit> {
    let mut unreadable = Vec::new();
    let stdins = order.files.iter().filter(|file| file.as_os_str() == STDIN).count();
    ensure!(stdins <= 1, "`-` is given {stdins} times: stdin can be read once");
    warnings_only(&order.allowed)?;
    let mut findings: Vec<Finding> = Vec::new();
    for file in &order.files {
        let candidates = definition::candidates(file).unwrap_or_else(|error| {
            unreadable.push(error);
            Vec::new()
        });
        for Candidate { path, is_certain } in candidates {
            let name = if path.as_os_str() == STDIN { Path::new("<stdin>") } else { &path };
            let fill = order.substitutions.to_check();
            match definition::read_or_stdin(&path) {
                Ok(text) if !is_certain && !definition::is_likely(&text) => {}
                Ok(text) => findings.extend(finding::check(name, &text, order.kind, fill)),
                Err(error) if is_certain => unreadable.push(error),
                // What merely lies there need not be text.
                Err(_) => {}
            }
        }
    }
    findings.retain(|finding| !order.allowed.iter().any(|code| code == finding.code));
    let text = match order.format {
        Format::Text => finding::as_text(&findings),
        Format::Json => serde_json::to_string_pretty(&findings)? + "\n",
        Format::Sarif => serde_json::to_string_pretty(&sarif::log(&findings))? + "\n",
    };
    std::io::stdout().lock().write_all(text.as_bytes())?;
    for error in &unreadable {
        eprintln!("error: {error:#}");
    }
    if !unreadable.is_empty() {
        return Ok(Exit::Usage);
    }
    Ok(if finding::have_errors(&findings) { Exit::Failed } else { Exit::Done })
}

/// Refuses to allow what is no warning: errors are not switched off.
fn warnings_only(allowed: &[String]) -> anyhow::Result<()> {
    let mut known: Vec<&str> = Code::warnings().map(Code::as_str).collect();
    known.push(NO_SUBSTITUTION);
    if let Some(code) = allowed.iter().find(|code| !known.contains(&code.as_str())) {
        bail!("`{code}` is no warning; these can be allowed: {}", known.join(", "));
    }
    Ok(())
}
