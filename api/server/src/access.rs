//! Who is let in: decided at the start, from where the server listens and whether there is a key.

use std::net::IpAddr;

use anyhow::{Context as _, bail};
use http_api::{Access, Reach};
use store::{AccessKey, Store};

use crate::configuration::Configuration;

/// How the program was started, as far as it matters here.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Start {
    /// `statewright dev`: on loopback it needs no key.
    Dev,
    /// `statewright serve`.
    Serve,
}

/// What decides.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Facts {
    start: Start,
    reach: Reach,
    /// There is a key that is good.
    has_key: bool,
    /// There is one, or was.
    ever_had_one: bool,
    /// `--insecure-no-auth`.
    is_insecure: bool,
}

/// What is said of access keys where a server is started.
#[derive(Clone, Debug)]
pub struct Doors {
    /// How it is started.
    pub start: Start,
    /// `--insecure-no-auth`: no key is looked at.
    pub is_insecure: bool,
    /// Access keys beside those of the database; they do not expire.
    pub access_keys: Vec<AccessKey>,
}

impl Doors {
    /// As the configuration says.
    pub fn new(start: Start, configuration: &Configuration) -> Self {
        let is_insecure = configuration.insecure_no_auth;
        Self { start, is_insecure, access_keys: configuration.access_keys.clone() }
    }

    /// Who is let in by a server at this address.
    ///
    /// # Errors
    /// Everybody would be, from elsewhere; or the database is away.
    pub async fn access(&self, address: IpAddr, store: &Store) -> anyhow::Result<Access> {
        let there = store.access_keys_there().await.context("cannot look for access keys")?;
        let has_key = there.good || !self.access_keys.is_empty();
        let ever_had_one = there.ever || has_key;
        let Self { start, is_insecure, .. } = *self;
        let facts = Facts { start, reach: reach(address), has_key, ever_had_one, is_insecure };
        let Some(access) = access(facts) else {
            bail!(
                "there is no access key, and {address} can be reached from elsewhere: anybody \
                 could do anything. `statewright keys create` makes a key (or listen on \
                 127.0.0.1); `--insecure-no-auth` is for those who know that nobody else reaches \
                 the port"
            );
        };
        tell(access, address, is_insecure);
        Ok(access)
    }
}

/// Says in the log what a reader should know of it.
fn tell(access: Access, address: IpAddr, is_insecure: bool) {
    match access {
        Access::Open(Reach::Network) => tracing::warn!(
            "`insecure_no_auth`: whoever reaches {address} may do anything; no access key is \
             looked at"
        ),
        Access::Open(Reach::Loopback) if is_insecure => {
            tracing::warn!("`insecure_no_auth`: no access key is looked at");
        }
        Access::OpenUntilKey(_) => tracing::info!(
            "there is no access key: whoever is on this machine may do anything, until there is \
             one"
        ),
        Access::Open(Reach::Loopback) | Access::Closed => {}
    }
}

/// `None`: it would be open to the world.
fn access(facts: Facts) -> Option<Access> {
    let Facts { start, reach, has_key, ever_had_one, is_insecure } = facts;
    match (start, reach) {
        _ if is_insecure => Some(Access::Open(reach)),
        (Start::Dev, Reach::Loopback) => Some(Access::Open(reach)),
        _ if has_key => Some(Access::Closed),
        // Keys that have run out or were revoked are no invitation to everybody.
        (Start::Serve, Reach::Loopback) if ever_had_one => Some(Access::Closed),
        (Start::Serve, Reach::Loopback) => Some(Access::OpenUntilKey(reach)),
        (Start::Dev | Start::Serve, Reach::Network) => None,
    }
}

/// From where this address can be reached.
fn reach(address: IpAddr) -> Reach {
    if address.to_canonical().is_loopback() { Reach::Loopback } else { Reach::Network }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FACTS: Facts = Facts {
        start: Start::Serve,
        reach: Reach::Loopback,
        has_key: false,
        ever_had_one: false,
        is_insecure: false,
    };

    #[test]
    fn without_a_key_only_loopback_is_open() {
        assert_eq!(access(FACTS), Some(Access::OpenUntilKey(Reach::Loopback)));
        for start in [Start::Serve, Start::Dev] {
            assert_eq!(access(Facts { start, reach: Reach::Network, ..FACTS }), None);
        }
    }

    #[test]
    fn with_a_key_doors_are_closed_but_those_of_dev_on_loopback() {
        let facts = Facts { has_key: true, ..FACTS };
        assert_eq!(access(facts), Some(Access::Closed));
        assert_eq!(access(Facts { reach: Reach::Network, ..facts }), Some(Access::Closed));
        let dev = Facts { start: Start::Dev, ..facts };
        assert_eq!(access(dev), Some(Access::Open(Reach::Loopback)));
        assert_eq!(access(Facts { reach: Reach::Network, ..dev }), Some(Access::Closed));
    }

    #[test]
    fn whoever_says_so_has_open_doors() {
        for has_key in [false, true] {
            for reach in [Reach::Loopback, Reach::Network] {
                let facts = Facts { has_key, reach, is_insecure: true, ..FACTS };
                assert_eq!(access(facts), Some(Access::Open(reach)));
            }
        }
    }

    #[test]
    fn loopback_is_known_in_every_spelling() {
        for address in ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"] {
            assert_eq!(reach(address.parse().unwrap()), Reach::Loopback, "{address}");
        }
        for address in ["0.0.0.0", "::", "10.0.0.1", "::ffff:10.0.0.1", "fe80::1"] {
            assert_eq!(reach(address.parse().unwrap()), Reach::Network, "{address}");
        }
    }
}
