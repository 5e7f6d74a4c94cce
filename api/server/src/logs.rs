//! Where log lines go: stderr, as text for a person or as JSON for a machine.

use std::io::IsTerminal as _;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use tracing_subscriber::EnvFilter;

/// How log lines are written.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, Eq, PartialEq, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    Text,
    Json,
}

/// Whether this says what is logged.
///
/// # Errors
/// It does not.
pub fn check_level(level: &str) -> anyhow::Result<()> {
    filter(level).map(drop)
}

/// Starts logging; once in a process.
///
/// # Errors
/// The level says nothing; logging has been started already.
pub fn start(format: LogFormat, level: &str) -> anyhow::Result<()> {
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter(level)?)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    let started = match format {
        LogFormat::Text => lines.with_target(false).try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    };
    started.map_err(|error| anyhow::anyhow!("logging cannot be started: {error}"))
}

fn filter(level: &str) -> anyhow::Result<EnvFilter> {
    EnvFilter::builder().parse(level).with_context(|| {
        format!(
            "`log_level` is `{level}`, expected `error`, `warn`, `info`, `debug`, `trace`, \
             or `CRATE=LEVEL,…`"
        )
    })
}
