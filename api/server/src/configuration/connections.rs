//! How connections of clients are treated: their number, their time, their encryption.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, bail};
use http_api::StreamCaps;
use http_api::connections::{Patience, Tls};
use serde::{Deserialize, Serialize};

use super::within;

/// The table `connections`.
#[derive(Clone, Debug, Default, Deserialize, Serialize, clap::Args)]
#[serde(deny_unknown_fields)]
pub struct ConnectionSettings {
    /// Connections of clients at once [default: 10000, or what `ulimit -n` leaves]
    #[arg(id = "connections.most", long = "connections-most", value_name = "COUNT")]
    pub most: Option<usize>,
    /// Connections from one address [default: half of them]
    #[arg(
        id = "connections.most_per_address",
        long = "connections-most-per-address",
        value_name = "COUNT"
    )]
    pub most_per_address: Option<usize>,
    /// How long the head of a request may take, or a TLS handshake [default: 10]
    #[arg(
        id = "connections.header_seconds",
        long = "connections-header-seconds",
        value_name = "SECONDS"
    )]
    pub header_seconds: Option<u64>,
    /// How long a request body may take, and a second more for every 64 KiB [default: 20]
    #[arg(
        id = "connections.body_seconds",
        long = "connections-body-seconds",
        value_name = "SECONDS"
    )]
    pub body_seconds: Option<u64>,
    /// How long a connection may have no request under way [default: 30]
    #[arg(
        id = "connections.idle_seconds",
        long = "connections-idle-seconds",
        value_name = "SECONDS"
    )]
    pub idle_seconds: Option<u64>,
    /// How long an answer may wait for a client that does not read it [default: 30]
    #[arg(
        id = "connections.reader_seconds",
        long = "connections-reader-seconds",
        value_name = "SECONDS"
    )]
    pub reader_seconds: Option<u64>,
    /// Streams of events at once [default: 2000]
    #[arg(id = "connections.streams", long = "connections-streams", value_name = "COUNT")]
    pub streams: Option<usize>,
    /// Streams of the events of one execution [default: half of them]
    #[arg(
        id = "connections.streams_per_execution",
        long = "connections-streams-per-execution",
        value_name = "COUNT"
    )]
    pub streams_per_execution: Option<usize>,
}

/// The table `tls`.
#[derive(Clone, Debug, Default, Deserialize, Serialize, clap::Args)]
#[serde(deny_unknown_fields)]
pub struct TlsSettings {
    /// A file with the certificate of this server and those above it, in PEM: the port speaks TLS
    #[arg(id = "tls.certificate", long = "tls-certificate", value_name = "FILE")]
    pub certificate: Option<PathBuf>,
    /// A file with the certificate's private key, in PEM
    #[arg(id = "tls.key", long = "tls-key", value_name = "FILE")]
    pub key: Option<PathBuf>,
}

/// How connections are treated.
#[derive(Clone, Debug)]
pub struct Connections {
    /// Most of them, if the system gives so many descriptors.
    pub most: usize,
    /// Most from one address; half of all if nothing is said.
    pub most_per_address: Option<usize>,
    pub patience: Patience,
    pub body_patience: Duration,
    pub streams: StreamCaps,
    /// The files of a certificate and its key.
    pub tls: Option<(PathBuf, PathBuf)>,
}

impl Connections {
    /// What makes the port speak TLS, if it should.
    ///
    /// # Errors
    /// The files cannot be read or do not belong together.
    pub fn load_tls(&self) -> anyhow::Result<Option<Tls>> {
        let Some((certificate, key)) = self.tls.clone() else { return Ok(None) };
        Tls::load(certificate, key).map(Some).context("`tls` cannot be used")
    }
}

/// What these settings mean.
pub(super) fn decide(
    connections: &ConnectionSettings,
    tls: TlsSettings,
) -> anyhow::Result<Connections> {
    const MOST: usize = 1_000_000;
    let count = |key: &str, said: Option<usize>, default| {
        within(&format!("connections.{key}"), said.unwrap_or(default), 1, MOST)
    };
    let seconds = |key: &str, said: Option<u64>, default: Duration| {
        let said = said.unwrap_or(default.as_secs());
        within(&format!("connections.{key}"), said, 1, 3600).map(Duration::from_secs)
    };
    let said = connections;
    let defaults = Patience::default();
    let streams = count("streams", said.streams, StreamCaps::default().most)?;
    let half = streams.div_ceil(2);
    Ok(Connections {
        most: count("most", said.most, 10_000)?,
        most_per_address: match said.most_per_address {
            Some(most) => Some(count("most_per_address", Some(most), most)?),
            None => None,
        },
        patience: Patience {
            header: seconds("header_seconds", said.header_seconds, defaults.header)?,
            idle: seconds("idle_seconds", said.idle_seconds, defaults.idle)?,
            reader: seconds("reader_seconds", said.reader_seconds, defaults.reader)?,
        },
        body_patience: seconds("body_seconds", said.body_seconds, Duration::from_secs(20))?,
        streams: StreamCaps {
            most: streams,
            most_per_execution: count("streams_per_execution", said.streams_per_execution, half)?,
        },
        tls: match (tls.certificate, tls.key) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            (Some(_), None) => bail!("`tls.certificate` is given without `tls.key`"),
            (None, Some(_)) => bail!("`tls.key` is given without `tls.certificate`"),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_and_its_key_are_given_together() {
        let tls = |certificate: Option<&str>, key: Option<&str>| {
            let settings =
                TlsSettings { certificate: certificate.map(Into::into), key: key.map(Into::into) };
            let decided = decide(&ConnectionSettings::default(), settings);
            decided.map(|decided| decided.tls.is_some()).map_err(|error| error.to_string())
        };
        assert_eq!((tls(None, None), tls(Some("c"), Some("k"))), (Ok(false), Ok(true)));
        let error = "`tls.certificate` is given without `tls.key`".to_owned();
        assert_eq!(tls(Some("c"), None), Err(error));
        assert!(tls(None, Some("k")).is_err());
    }

    #[test]
    fn a_limit_that_would_let_nobody_in_is_refused() {
        let none = ConnectionSettings { most: Some(0), ..ConnectionSettings::default() };
        let error = decide(&none, TlsSettings::default()).unwrap_err().to_string();
        assert_eq!(error, "`connections.most` is 0, expected 1 to 1000000");
    }
}
