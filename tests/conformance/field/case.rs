//! A case as it is written.

use std::fs;

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::data;

/// Kinds of steps that take a server, and a database, of their own: they end them, or keep the one
/// from the other.
const ALONE: [&str; 4] = ["outage", "kill", "sql", "suspend"];

#[derive(Debug, Deserialize)]
pub(crate) struct Case {
    pub(crate) id: String,
    pub(crate) steps: Vec<Map<String, Value>>,
}

impl Case {
    /// The kind of a step of this case that is not played here.
    pub(super) fn lacks(&self) -> Option<&'static str> {
        ALONE.into_iter().find(|kind| self.steps.iter().any(|step| step.contains_key(*kind)))
    }
}

/// All cases, by id.
pub(super) fn load_all() -> Result<Vec<Case>> {
    let mut cases = Vec::new();
    for entry in fs::read_dir(data::find("field")?)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            let text = fs::read_to_string(&path)?;
            let case: Case =
                serde_json::from_str(&text).with_context(|| path.display().to_string())?;
            cases.push(case);
        }
    }
    cases.sort_by(|one, other| one.id.cmp(&other.id));
    Ok(cases)
}
