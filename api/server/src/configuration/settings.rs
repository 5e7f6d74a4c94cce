//! What can be set: the keys of the file, the environment and the flags.

use std::path::PathBuf;

use serde::{Deserialize, Serialize, Serializer};

use super::connections::{ConnectionSettings, TlsSettings};
use super::limits::{LimitsSetting, limits_of_flag};
use super::nodes::NodeSettings;
use super::outgoing::OutgoingSettings;
use super::secrets::{AccessKeySetting, SecretText};
use crate::database_url::DatabaseUrl;
use crate::logs::LogFormat;

/// What one source says; what it does not say is left to the next. The field names are the
/// keys of the file, and the ids of the flags; in the environment they are in capitals with
/// `STATEWRIGHT_` in front. A table of its own is a field of its own, flattened, whose flags have
/// their path in the file as id: `tls.key` is `--tls-key` and `STATEWRIGHT_TLS_KEY`.
#[derive(Clone, Debug, Default, Deserialize, Serialize, clap::Args)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Where to serve the API: `ADDRESS:PORT` [default: 127.0.0.1:8083]
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub listen: Option<String>,
    /// The database: `postgres://USER:PASSWORD@HOST/NAME`
    #[arg(long, value_name = "URL")]
    #[serde(serialize_with = "revealed")]
    pub database_url: Option<DatabaseUrl>,
    /// How long to wait at the start for a database that does not answer yet [default: 30]
    #[arg(long)]
    pub database_wait_seconds: Option<u64>,
    /// A file with the keys that secrets are sealed with, one a line; the first seals, all open
    /// [else environment: `STATEWRIGHT_SEALING_KEY`]
    #[arg(long, value_name = "FILE")]
    pub sealing_key_file: Option<PathBuf>,
    /// The same keys themselves, separated by commas or line ends.
    #[arg(skip)]
    pub sealing_key: Option<SecretText>,
    /// Access keys beside those of the database.
    #[arg(skip)]
    pub access_keys: Option<Vec<AccessKeySetting>>,
    /// Let in whoever reaches the port, without an access key, wherever it listens
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub insecure_no_auth: Option<bool>,
    /// The region in ARNs [default: us-east-1]
    #[arg(long)]
    pub region: Option<String>,
    /// The account of calls while no access key is needed: twelve digits [default: 123456789012]
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
    /// About how much memory executions may take, in MiB; when it is full, starts are refused
    /// [default: half of what there is]
    #[arg(long)]
    pub memory_mib: Option<usize>,
    /// Most time for one call where neither state nor function gives a limit, 0 is none
    /// [default: 3600]
    #[arg(long)]
    pub call_timeout_seconds: Option<u64>,
    /// Where calls may go.
    #[command(flatten)]
    #[serde(default)]
    pub outgoing: OutgoingSettings,
    /// After how long without a sign of life a node's work is taken over [default: 10]
    #[arg(long)]
    pub lease_seconds: Option<u64>,
    /// How long calls may go on when the node is told to stop; 0: not at all [default: 30]
    #[arg(long)]
    pub drain_seconds: Option<u64>,
    /// What this node is called, each time it is started; no other may be called so
    /// [default: host and listening address]
    #[arg(long, value_name = "NAME")]
    pub node_name: Option<String>,
    /// How other nodes reach this one.
    #[command(flatten)]
    #[serde(default)]
    pub nodes: NodeSettings,
    /// A Lambda-compatible server for functions that are not registered
    #[arg(long, value_name = "URL")]
    pub lambda_endpoint: Option<String>,
    /// How log lines are written [default: text]
    #[arg(long, value_enum)]
    pub log_format: Option<LogFormat>,
    /// What is logged: `off`, `error`, `warn`, `info`, `debug`, `trace`, or `CRATE=LEVEL,…`, such as
    /// `info,runtime=debug` [default: info; of `dev` and `migrate`: warn]
    #[arg(long)]
    pub log_level: Option<String>,
    /// Log every request, at `info`: method, route, status, duration and request id
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub log_requests: Option<bool>,
    /// How connections of clients are treated.
    #[command(flatten)]
    #[serde(default)]
    pub connections: ConnectionSettings,
    /// What makes the port speak TLS.
    #[command(flatten)]
    #[serde(default)]
    pub tls: TlsSettings,
}

/// As it is, for the merging of sources; never to be shown.
#[expect(clippy::ref_option, reason = "the signature that serde calls")]
fn revealed<S: Serializer>(url: &Option<DatabaseUrl>, to: S) -> Result<S::Ok, S::Error> {
    url.as_ref().map(DatabaseUrl::reveal).serialize(to)
}
