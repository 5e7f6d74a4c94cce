//! Where log lines go: stderr, as text for a person or as JSON for a machine.

use std::io::IsTerminal as _;

use anyhow::{Context as _, ensure};
use serde::{Deserialize, Serialize};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// The names of levels, from nothing to everything.
const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// What is not said unless it is asked for by name: how the pool fares with connections that have
/// ended. That the database is away is said once, by us.
const QUIET: &str = "sqlx_core::pool=off";

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
    let wanted = filter(level)?;
    let lines = tracing_subscriber::fmt()
        .with_max_level(LevelFilter::TRACE)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    let started = match format {
        LogFormat::Text => lines.with_target(false).finish().with(wanted).try_init(),
        LogFormat::Json => lines.json().flatten_event(true).finish().with(wanted).try_init(),
    };
    started.map_err(|error| anyhow::anyhow!("logging cannot be started: {error}"))
}

fn filter(level: &str) -> anyhow::Result<Targets> {
    let wrong = || {
        let names = LEVELS.map(|name| format!("`{name}`")).join(", ");
        format!("`log_level` is `{level}`, expected {names}, or `CRATE=LEVEL,…`")
    };
    ensure!(level.split(',').all(is_directive), wrong());
    let heard = if level.contains("sqlx") { level } else { &format!("{level},{QUIET}") };
    heard.parse().with_context(wrong)
}

/// Whether this is a level, or one for a crate or module. The filter itself takes a level that it
/// does not know for the name of a crate, and then nothing at all is logged.
fn is_directive(text: &str) -> bool {
    let (target, level) =
        text.split_once('=').map_or((None, text), |(it, level)| (Some(it), level));
    let is_path = |it: &str| {
        !it.is_empty() && it.chars().all(|c| c.is_ascii_alphanumeric() || "_:-".contains(c))
    };
    target.is_none_or(is_path) && LEVELS.iter().any(|name| name.eq_ignore_ascii_case(level))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_known_by_their_names_alone_and_for_crates() {
        for level in LEVELS {
            assert!(check_level(level).is_ok(), "{level}");
            assert!(check_level(&format!("warn,runtime={level}")).is_ok(), "{level}");
        }
        assert!(check_level("INFO,http_api::watch=Debug").is_ok());
        for level in
            ["", "warning", "verbose", "info,", "info;debug", "runtime=", "=info", "a b=info"]
        {
            let refusal = check_level(level).unwrap_err().to_string();
            let expected = format!(
                "`log_level` is `{level}`, expected `off`, `error`, `warn`, `info`, `debug`, \
                 `trace`, or `CRATE=LEVEL,…`"
            );
            assert_eq!(refusal, expected);
        }
    }
}
