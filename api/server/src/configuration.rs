//! How the program is set up: a file, then the environment, then flags; the later wins.

mod connections;
mod limits;
mod memory;
mod nodes;
mod outgoing;
mod secrets;
mod settings;
mod sources;

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::ensure;
use runtime::EngineOptions;
use store::{AccessKey, SealingKeys, masked_url};

use crate::database_url::DatabaseUrl;
use crate::logs::LogFormat;

pub use connections::{ConnectionSettings, Connections, TlsSettings};
pub use limits::{LimitsSetting, NamedLimits, SingleLimits};
pub use nodes::NodeSettings;
pub use outgoing::OutgoingSettings;
pub use secrets::{AccessKeySetting, AccessKeyTable, SecretText};
pub use settings::Settings;

pub(crate) use limits::limits_of_flag;
pub(crate) use secrets::{check_account, read_sealing_keys, scope};

/// For a call that nothing else ends: long enough for work that is meant to be waited for.
const CALL_TIMEOUT_SECONDS: u64 = 3_600;
pub(crate) use sources::with_variables;

/// Everything decided.
#[derive(Clone, Debug)]
pub struct Configuration {
    pub listen: String,
    /// Absent where none is given; only `dev` and `run` can do without.
    pub database_url: Option<DatabaseUrl>,
    /// How long to wait for it at the start.
    pub database_wait: Duration,
    /// What secrets are sealed with; only an embedded or a temporary database can do without.
    pub sealing_keys: Option<SealingKeys>,
    /// Access keys beside those of the database.
    pub access_keys: Vec<AccessKey>,
    /// Whether everybody is let in, wherever it listens.
    pub insecure_no_auth: bool,
    pub log_format: LogFormat,
    pub log_level: String,
    /// Whether every request is logged, too.
    pub log_requests: bool,
    pub connections: Connections,
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
        check_account(&account)?;
        let access_keys = secrets::access_keys(self.access_keys, &account)?;
        let region = self.region.unwrap_or(defaults.region);
        ensure!(
            !region.is_empty()
                && region.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'),
            "`region` is `{region}`, expected letters, digits and hyphens"
        );
        if let Some(url) = &self.lambda_endpoint {
            ensure!(
                url.starts_with("http://") || url.starts_with("https://"),
                "`lambda_endpoint` is `{}`, expected an http:// or https:// URL",
                masked_url(url)
            );
        }
        self.database_url.as_ref().map_or(Ok(()), DatabaseUrl::check)?;
        let lease = self.lease_seconds.unwrap_or(defaults.lease.as_secs());
        let drain = self.drain_seconds.unwrap_or(defaults.drain.as_secs());
        // Absent: where it runs is known once its port is open.
        let name = self.node_name.unwrap_or_default();
        ensure!(
            name.len() <= 255 && !name.contains('\0'),
            "`node_name` has {} bytes or a NUL, expected 255 bytes at most",
            name.len()
        );
        let call_timeout = self.call_timeout_seconds.unwrap_or(CALL_TIMEOUT_SECONDS);
        let call_timeout = within("call_timeout_seconds", call_timeout, 0, 99_999_999)?;
        let engine = EngineOptions {
            account,
            region,
            limits: limits::decide(self.limits)?,
            lanes: within("lanes", self.lanes.unwrap_or(defaults.lanes), 1, 64)?,
            concurrency: within(
                "concurrency",
                self.concurrency.unwrap_or(defaults.concurrency),
                1,
                100_000,
            )?,
            memory: memory::decide(self.memory_mib)?,
            call_timeout: (call_timeout > 0).then(|| Duration::from_secs(call_timeout)),
            outgoing_allow: outgoing::decide(self.outgoing)?,
            lease: Duration::from_secs(within("lease_seconds", lease, 2, 3600)?),
            drain: Duration::from_secs(within("drain_seconds", drain, 0, 86_400)?),
            name,
            nodes: nodes::decide(self.nodes)?,
            lambda_endpoint: self.lambda_endpoint,
            ..EngineOptions::default()
        };
        let log_level = self.log_level.unwrap_or_else(|| log_level.to_owned());
        crate::logs::check_level(&log_level)?;
        let connections = connections::decide(&self.connections, self.tls)?;
        Ok(Configuration {
            connections,
            listen: self.listen.unwrap_or_else(|| "127.0.0.1:8083".to_owned()),
            database_url: self.database_url,
            database_wait: Duration::from_secs(within(
                "database_wait_seconds",
                self.database_wait_seconds.unwrap_or(30),
                0,
                3600,
            )?),
            sealing_keys: secrets::sealing_keys(self.sealing_key, self.sealing_key_file)?,
            access_keys,
            insecure_no_auth: self.insecure_no_auth.unwrap_or(false),
            log_format: self.log_format.unwrap_or(LogFormat::Text),
            log_level,
            log_requests: self.log_requests.unwrap_or(false),
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
    fn a_call_has_an_hour_another_time_or_all_the_time_there_is() {
        let timeout = |text: &str| file(text).unwrap().decide("info").unwrap().engine.call_timeout;
        assert_eq!(timeout(""), Some(Duration::from_hours(1)));
        assert_eq!(timeout("call_timeout_seconds = 7"), Some(Duration::from_secs(7)));
        assert_eq!(timeout("call_timeout_seconds = 0"), None);
    }

    #[test]
    fn what_calls_may_reach_is_a_list_whose_entries_are_named_when_wrong() {
        let decide = |text: &str| file(text).unwrap().decide("info");
        let allowed = decide("outgoing.allow = ['169.254.10.0/24', 'a.internal']").unwrap();
        let expected = ["169.254.10.0/24", "a.internal"].map(|entry| entry.parse().unwrap());
        assert_eq!(allowed.engine.outgoing_allow, expected);
        let error = decide("outgoing.allow = ['10.0.0.0/33']").unwrap_err();
        let said = format!("{error:#}");
        assert!(said.starts_with("`outgoing.allow`: `10.0.0.0/33` is to be a network"), "{said}");
    }

    #[test]
    fn a_wrong_value_is_named_with_what_was_expected() {
        let refused = |text: &str| file(text).unwrap().decide("info").unwrap_err().to_string();
        assert_eq!(refused("account = '12'"), "`account` is `12`, expected twelve digits");
        assert_eq!(
            refused("drain_seconds = 86401"),
            "`drain_seconds` is 86401, expected 0 to 86400"
        );
        assert_eq!(refused("lanes = 0"), "`lanes` is 0, expected 1 to 64");
    }

    #[test]
    fn access_keys_are_tables_of_the_file() {
        let keys = |text: &str| file(text)?.decide("info").map(|decided| decided.access_keys);
        let text = "account = '210987654321'\n[[access_keys]]\nid = 'ci-1'\nscope = 'run'\n\
                    secret = 'hush-hush-hush-hush'";
        let key = &keys(text).unwrap()[0];
        assert_eq!((key.id.as_str(), key.account.as_str()), ("ci-1", "210987654321"));
        assert!(!format!("{:?}", file(text).unwrap()).contains("hush"));
        let refused = keys("[[access_keys]]\nid = 'ci-1'\nsecrets = 'hush'").unwrap_err();
        assert!(refused.to_string().contains("expected tables with `id`"), "{refused}");
    }

    #[test]
    fn a_sealing_key_is_said_once() {
        let key = "00".repeat(32);
        let decided = file(&format!("sealing_key = '{key}'")).unwrap();
        assert!(!format!("{decided:?}").contains(&key));
        assert!(decided.decide("info").unwrap().sealing_keys.is_some());
        let both = file(&format!("sealing_key = '{key}'\nsealing_key_file = 'x'")).unwrap();
        let refused = both.decide("info").unwrap_err().to_string();
        assert!(refused.starts_with("both `sealing_key`"), "{refused}");
        let wrong = file("sealing_key = 'hush'").unwrap().decide("info").unwrap_err();
        assert!(!format!("{wrong:#}").contains("hush"), "{wrong:#}");
        assert!(file("").unwrap().decide("info").unwrap().sealing_keys.is_none());
    }

    #[test]
    fn a_password_is_not_shown() {
        let settings = file("database_url = 'postgres://me:hush@db/x?password=hush'").unwrap();
        assert!(!format!("{settings:?}").contains("hush"), "{settings:?}");
    }
}
