//! What can be set: the keys of the file, the environment and the flags.

use serde::{Deserialize, Serialize, Serializer};

use super::limits::{LimitsSetting, limits_of_flag};
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
    #[arg(long, value_name = "URL")]
    pub lambda_endpoint: Option<String>,
    /// How log lines are written [default: text]
    #[arg(long, value_enum)]
    pub log_format: Option<LogFormat>,
    /// What is logged: `off`, `error`, `warn`, `info`, `debug`, `trace`, or `CRATE=LEVEL,…`, such as
    /// `info,runtime=debug` [default: info; of `dev` and `migrate`: warn]
    #[arg(long)]
    pub log_level: Option<String>,
}

/// As it is, for the merging of sources; never to be shown.
#[expect(clippy::ref_option, reason = "the signature that serde calls")]
fn revealed<S: Serializer>(url: &Option<DatabaseUrl>, to: S) -> Result<S::Ok, S::Error> {
    url.as_ref().map(DatabaseUrl::reveal).serialize(to)
}
