//! Where calls may go.

use anyhow::Context as _;
use runtime::perform::Allowed;
use serde::{Deserialize, Serialize};

/// The table `outgoing`.
#[derive(Clone, Debug, Default, Deserialize, Serialize, clap::Args)]
#[serde(deny_unknown_fields)]
pub struct OutgoingSettings {
    /// What calls may reach though it is refused otherwise: networks, addresses and hosts
    #[arg(
        id = "outgoing.allow",
        long = "outgoing-allow",
        value_name = "NETWORK|ADDRESS[:PORT]|HOST[:PORT],…",
        value_delimiter = ','
    )]
    pub allow: Option<Vec<String>>,
}

/// What is allowed.
pub(super) fn decide(settings: OutgoingSettings) -> anyhow::Result<Vec<Allowed>> {
    let entries = settings.allow.unwrap_or_default();
    entries.iter().map(|entry| entry.parse().context("`outgoing.allow`")).collect()
}
