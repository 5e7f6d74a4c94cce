//! How the program is set up: a file, then the environment, then flags; the later wins.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use machine::Limits;
use runtime::EngineOptions;
use serde::Deserialize;

use crate::database_url::DatabaseUrl;
use crate::definition;
use crate::logs::LogFormat;

/// What one source says; what it does not say is left to the next. The field names are the
/// keys of the file; in the environment they are in capitals with `STATEWRIGHT_` in front.
#[derive(Clone, Debug, Default, Deserialize, clap::Args)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Where to serve the API: `ADDRESS:PORT` [default: 127.0.0.1:8083]
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub listen: Option<String>,
    /// The database: `postgres://USER:PASSWORD@HOST/NAME` [environment: `DATABASE_URL`]
    #[arg(long, value_name = "URL")]
    pub database_url: Option<DatabaseUrl>,
    /// How long to wait at the start for a database that does not answer yet [default: 30]
    #[arg(long)]
    pub database_wait_seconds: Option<u64>,
    /// The region in ARNs [default: us-east-1]
    #[arg(long)]
    pub region: Option<String>,
    /// The account of calls that name none: twelve digits [default: 123456789012]
    #[arg(long)]
    pub account: Option<String>,
    /// AWS's quotas, or far beyond them: `strict` or `lifted` [default: strict]
    #[arg(long, value_parser = limits_of_flag)]
    pub limits: Option<LimitsSetting>,
    /// Owner loops, each with a database connection of its own [default: one per core, 4 at most]
    #[arg(long)]
    pub lanes: Option<usize>,
    /// Function calls under way at once [default: 1000]
    #[arg(long)]
    pub concurrency: Option<usize>,
    /// After how long without a sign of life a node's work is taken over [default: 10]
    #[arg(long)]
    pub lease_seconds: Option<u64>,
    /// A Lambda-compatible server for functions that are not registered
    /// [environment: `AWS_ENDPOINT_URL_LAMBDA`]
    #[arg(long, value_name = "URL")]
    pub lambda_endpoint: Option<String>,
    /// How log lines are written [default: text]
    #[arg(long, value_enum)]
    pub log_format: Option<LogFormat>,
    /// What is logged: `error`, `warn`, `info`, `debug`, `trace`, or `CRATE=LEVEL,…`
    /// [default: info]
    #[arg(long)]
    pub log_level: Option<String>,
}

/// `"strict"`, `"lifted"`, or single limits, the others being AWS's.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(
    untagged,
    expecting = "expected `\"strict\"`, `\"lifted\"`, or a table with `payload_bytes`, \
                 `history_events`, `map_concurrency`"
)]
pub enum LimitsSetting {
    /// `"strict"` or `"lifted"`.
    Named(NamedLimits),
    /// A table.
    Single(SingleLimits),
}

/// A whole set of limits.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
pub enum NamedLimits {
    /// AWS's.
    Strict,
    /// 16 MiB payloads and histories without a cap.
    Lifted,
}

/// Single limits.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct SingleLimits {
    /// Longest input, output or result, in bytes.
    pub payload_bytes: Option<usize>,
    /// Most events in a history; 0 is no cap.
    pub history_events: Option<u64>,
    /// Most iterations of a Map at once.
    pub map_concurrency: Option<u32>,
}

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

const PREFIX: &str = "STATEWRIGHT_";

/// The keys, and which of them are whole numbers.
const KEYS: [(&str, bool); 12] = [
    ("listen", false),
    ("database_url", false),
    ("database_wait_seconds", true),
    ("region", false),
    ("account", false),
    ("limits", false),
    ("lanes", true),
    ("concurrency", true),
    ("lease_seconds", true),
    ("lambda_endpoint", false),
    ("log_format", false),
    ("log_level", false),
];

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
        let named = lookup(environment, "STATEWRIGHT_CONFIG").map(PathBuf::from);
        let file = match file.or(named) {
            Some(path) => read_file(&path)?,
            None => Settings::default(),
        };
        let environment = Settings::of_environment(environment)?;
        let settings = flags.over(environment.over(file));
        settings.decide(log_level)
    }
}

impl Settings {
    /// These settings; what they leave open is as `lower` says.
    fn over(self, lower: Self) -> Self {
        Self {
            listen: self.listen.or(lower.listen),
            database_url: self.database_url.or(lower.database_url),
            database_wait_seconds: self.database_wait_seconds.or(lower.database_wait_seconds),
            region: self.region.or(lower.region),
            account: self.account.or(lower.account),
            limits: self.limits.or(lower.limits),
            lanes: self.lanes.or(lower.lanes),
            concurrency: self.concurrency.or(lower.concurrency),
            lease_seconds: self.lease_seconds.or(lower.lease_seconds),
            lambda_endpoint: self.lambda_endpoint.or(lower.lambda_endpoint),
            log_format: self.log_format.or(lower.log_format),
            log_level: self.log_level.or(lower.log_level),
        }
    }

    /// What the environment says. Other `STATEWRIGHT_…` variables are left alone: container
    /// platforms set some of their own for a service of that name.
    fn of_environment(environment: &[(String, String)]) -> anyhow::Result<Self> {
        let mut table = toml::Table::new();
        for (key, is_number) in KEYS {
            let name = format!("{PREFIX}{}", key.to_ascii_uppercase());
            let Some(text) = lookup(environment, &name).or_else(|| by_other_name(environment, key))
            else {
                continue;
            };
            let value = if is_number {
                let number = text.trim().parse::<i64>();
                number
                    .map(toml::Value::Integer)
                    .with_context(|| format!("`{name}` is `{text}`, expected a whole number"))?
            } else {
                toml::Value::String(text.to_owned())
            };
            let mut one = toml::Table::new();
            one.insert(key.to_owned(), value.clone());
            if let Err(error) = one.try_into::<Self>() {
                bail!("`{name}`: {}", error.message());
            }
            table.insert(key.to_owned(), value);
        }
        table.try_into().context("the environment")
    }

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
        let limits = decide_limits(self.limits)?;
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

fn decide_limits(setting: Option<LimitsSetting>) -> anyhow::Result<Limits> {
    let single = match setting {
        None | Some(LimitsSetting::Named(NamedLimits::Strict)) => return Ok(Limits::strict()),
        Some(LimitsSetting::Named(NamedLimits::Lifted)) => return Ok(Limits::lifted()),
        Some(LimitsSetting::Single(single)) => single,
    };
    let mut limits = Limits::strict();
    if let Some(bytes) = single.payload_bytes {
        limits.payload_bytes = within("limits.payload_bytes", bytes, 1024, 256 * 1024 * 1024)?;
    }
    if let Some(events) = single.history_events {
        limits.history_events = (events > 0).then_some(events);
    }
    if let Some(iterations) = single.map_concurrency {
        limits.map_concurrency = within("limits.map_concurrency", iterations, 1, 100_000)?;
    }
    Ok(limits)
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

fn read_file(path: &std::path::Path) -> anyhow::Result<Settings> {
    let text = definition::read(path)?;
    toml::from_str(&text).map_err(|error| {
        let line = error.span().map_or(0, |span| text[..span.start].matches('\n').count() + 1);
        anyhow::anyhow!("`{}`, line {line}: {}", path.display(), error.message())
    })
}

fn lookup<'a>(environment: &'a [(String, String)], name: &str) -> Option<&'a str> {
    // An empty variable says nothing, as is the custom.
    environment.iter().find(|(known, value)| known == name && !value.is_empty()).map(|it| &*it.1)
}

/// Names that everyone knows a setting by.
fn by_other_name<'a>(environment: &'a [(String, String)], key: &str) -> Option<&'a str> {
    match key {
        "database_url" => lookup(environment, "DATABASE_URL"),
        "lambda_endpoint" => lookup(environment, "AWS_ENDPOINT_URL_LAMBDA"),
        _ => None,
    }
}

pub(crate) fn limits_of_flag(text: &str) -> Result<LimitsSetting, String> {
    match text {
        "strict" => Ok(LimitsSetting::Named(NamedLimits::Strict)),
        "lifted" => Ok(LimitsSetting::Named(NamedLimits::Lifted)),
        _ => Err("expected `strict` or `lifted`".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(variables: &[(&str, &str)]) -> Vec<(String, String)> {
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn file(text: &str) -> anyhow::Result<Settings> {
        let settings: Result<Settings, _> = toml::from_str(text);
        Ok(settings?)
    }

    #[test]
    fn flags_win_over_the_environment_and_that_over_the_file() {
        let file = file("listen = 'a:1'\nregion = 'b-1'\nlanes = 1").unwrap();
        let environment = Settings::of_environment(&environment(&[
            ("STATEWRIGHT_REGION", "c-1"),
            ("STATEWRIGHT_LANES", "2"),
        ]));
        let flags = Settings { lanes: Some(3), ..Settings::default() };
        let decided = flags.over(environment.unwrap().over(file)).decide("info").unwrap();
        assert_eq!(decided.listen, "a:1");
        assert_eq!(decided.engine.region, "c-1");
        assert_eq!(decided.engine.lanes, 3);
    }

    #[test]
    fn the_names_everyone_knows_are_heard_and_ours_win() {
        let settings = |variables: &[(&str, &str)]| {
            let settings = Settings::of_environment(&environment(variables)).unwrap();
            (settings.database_url.map(|url| url.reveal().to_owned()), settings.lambda_endpoint)
        };
        let known = ("DATABASE_URL", "postgres://known");
        assert_eq!(settings(&[known]).0.as_deref(), Some("postgres://known"));
        let ours = ("STATEWRIGHT_DATABASE_URL", "postgres://ours");
        assert_eq!(settings(&[known, ours]).0.as_deref(), Some("postgres://ours"));
        let lambda = ("AWS_ENDPOINT_URL_LAMBDA", "http://l");
        assert_eq!(settings(&[lambda]).1.as_deref(), Some("http://l"));
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
        let wrong = Settings::of_environment(&environment(&[("STATEWRIGHT_LANES", "many")]));
        assert_eq!(
            wrong.unwrap_err().to_string(),
            "`STATEWRIGHT_LANES` is `many`, expected a whole number"
        );
    }

    #[test]
    fn every_key_can_be_set_everywhere() {
        let known = file("nothing = 1").unwrap_err().to_string();
        for (key, _) in KEYS {
            assert!(known.contains(&format!("`{key}`")), "{key} is no key of the file");
        }
    }

    #[test]
    fn a_password_is_not_shown() {
        let settings = file("database_url = 'postgres://me:hush@db/x?password=hush'").unwrap();
        assert!(!format!("{settings:?}").contains("hush"), "{settings:?}");
    }
}
