//! How the program is set up: a file, then the environment, then flags; the later wins.

mod limits;
mod settings;
mod sources;

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::ensure;
use runtime::EngineOptions;

use crate::database_url::DatabaseUrl;
use crate::logs::LogFormat;

pub use limits::{LimitsSetting, NamedLimits, SingleLimits};
pub use settings::Settings;

pub(crate) use limits::limits_of_flag;
pub(crate) use sources::with_variables;

/// Everything decided.
#[derive(Clone, Debug)]
pub struct Configuration {
    pub listen: String,
    /// Absent where none is given; only `dev` and `run` can do without.
    pub database_url: Option<DatabaseUrl>,
    /// How long to wait for it at the start.
    pub database_wait: Duration,
    pub log_format: LogFormat,
    pub log_level: String,
    pub engine: EngineOptions,
}

impl Configuration {
    /// Decides from the flags, this environment, and the file that one of them names; `log_level`
    /// is what is logged if none of them says.
    ///
    /// # Errors
    /// The file cannot be read; a key is unknown; a value is not of its key's kind or range.
    pub fn decide(
        flags: Settings,
        file: Option<PathBuf>,
        environment: &[(String, String)],
        log_level: &str,
    ) -> anyhow::Result<Self> {
        sources::settings(flags, file, environment)?.decide(log_level)
    }
}

impl Settings {
    fn decide(self, log_level: &str) -> anyhow::Result<Configuration> {
        let defaults = EngineOptions::default();
        let account = self.account.unwrap_or(defaults.account);
        ensure!(
            account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit()),
            "`account` is `{account}`, expected twelve digits"
        );
        let region = self.region.unwrap_or(defaults.region);
        ensure!(
            !region.is_empty()
                && region.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'),
            "`region` is `{region}`, expected letters, digits and hyphens"
        );
        if let Some(url) = &self.lambda_endpoint {
            ensure!(
                url.starts_with("http://") || url.starts_with("https://"),
                "`lambda_endpoint` is `{url}`, expected an http:// or https:// URL"
            );
        }
        let lease = self.lease_seconds.unwrap_or(defaults.lease.as_secs());
        let limits = limits::decide(self.limits)?;
        let engine = EngineOptions {
            account,
            region,
            limits,
            lanes: within("lanes", self.lanes.unwrap_or(defaults.lanes), 1, 64)?,
            concurrency: within(
                "concurrency",
                self.concurrency.unwrap_or(defaults.concurrency),
                1,
                100_000,
            )?,
            lease: Duration::from_secs(within("lease_seconds", lease, 2, 3600)?),
            lambda_endpoint: self.lambda_endpoint,
            ..EngineOptions::default()
        };
        let log_level = self.log_level.unwrap_or_else(|| log_level.to_owned());
        crate::logs::check_level(&log_level)?;
        Ok(Configuration {
            listen: self.listen.unwrap_or_else(|| "127.0.0.1:8083".to_owned()),
            database_url: self.database_url,
            database_wait: Duration::from_secs(within(
                "database_wait_seconds",
                self.database_wait_seconds.unwrap_or(30),
                0,
                3600,
            )?),
            log_format: self.log_format.unwrap_or(LogFormat::Text),
            log_level,
            engine,
        })
    }
}

fn within<T: Copy + PartialOrd + fmt::Display>(
    key: &str,
    value: T,
    least: T,
    most: T,
) -> anyhow::Result<T> {
    ensure!(value >= least && value <= most, "`{key}` is {value}, expected {least} to {most}");
    Ok(value)
}

#[cfg(test)]
mod tests {
    use machine::Limits;

    use super::*;

    fn file(text: &str) -> anyhow::Result<Settings> {
        let settings: Result<Settings, _> = toml::from_str(text);
        Ok(settings?)
    }

    #[test]
    fn an_unknown_key_is_refused_with_the_known_ones() {
        let error = file("lane = 3").unwrap_err().to_string();
        assert!(error.contains("unknown field `lane`, expected one of `listen`"), "{error}");
    }

    #[test]
    fn limits_are_a_name_or_single_ones() {
        let limits = |text: &str| file(text).unwrap().decide("info").unwrap().engine.limits;
        assert_eq!(limits(""), Limits::strict());
        assert_eq!(limits("limits = 'lifted'"), Limits::lifted());
        let single = limits("[limits]\npayload_bytes = 2048\nhistory_events = 0");
        assert_eq!((single.payload_bytes, single.history_events), (2048, None));
        assert_eq!(single.map_concurrency, Limits::strict().map_concurrency);
    }

    #[test]
    fn a_wrong_value_is_named_with_what_was_expected() {
        let refused = |text: &str| file(text).unwrap().decide("info").unwrap_err().to_string();
        assert_eq!(refused("account = '12'"), "`account` is `12`, expected twelve digits");
        assert_eq!(refused("lanes = 0"), "`lanes` is 0, expected 1 to 64");
    }

    #[test]
    fn a_password_is_not_shown() {
        let settings = file("database_url = 'postgres://me:hush@db/x?password=hush'").unwrap();
        assert!(!format!("{settings:?}").contains("hush"), "{settings:?}");
    }
}
