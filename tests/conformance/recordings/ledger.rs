//! The committed list of cases that do not pass yet, each with its reason. It only ever shrinks.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use super::case::Case;

/// Case id to reason.
pub(super) type NotYet = BTreeMap<String, String>;

/// What a case that cannot pass is about, most telling first; a tag of its `needs` is its reason.
const REASONS: [&str; 22] = [
    "sqs",
    "sns",
    "s3",
    "dynamodb",
    "events",
    "apigateway",
    "api-test-state",
    "map-distributed",
    "api-map-run",
    "cross-account",
    "sync-execution",
    "express",
    "jsonata",
    "variables",
    "intrinsics",
    "activities",
    "task-token",
    "nested-execution",
    "aws-sdk:sfn",
    "api-aliases",
    "api-versions",
    "logs",
];

fn path() -> PathBuf {
    tests::server::workspace().join("tests/conformance/not_yet.json")
}

/// The list as committed.
pub(super) fn read() -> Result<NotYet> {
    let path = path();
    let text = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("parse {}", path.display()))
}

/// Writes the list anew for `UPDATE_NOT_YET=1`: reasons that were given stay.
pub(super) fn write(failed: &BTreeMap<&str, (&Case, &str)>, known: &NotYet) -> Result<()> {
    let reason = |id: &str, case: &Case, difference: &str| {
        let tag = REASONS.iter().find(|tag| case.needs.iter().any(|need| need == *tag));
        match (known.get(id), tag) {
            (Some(reason), _) => reason.clone(),
            (None, Some(tag)) => (*tag).to_owned(),
            (None, None) => difference.chars().take(200).collect(),
        }
    };
    let list: NotYet = failed
        .iter()
        .map(|(id, (case, difference))| ((*id).to_owned(), reason(id, case, difference)))
        .collect();
    fs::write(path(), serde_json::to_string_pretty(&list)? + "\n")?;
    Ok(())
}
