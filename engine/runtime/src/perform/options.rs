//! How calls are made, and how many descriptors that takes.

use std::time::Duration;

use super::Allowed;

/// How calls are made.
#[derive(Clone, Debug)]
pub struct PerformOptions {
    /// Base URL of a Lambda-compatible server for functions that are not registered.
    pub lambda_endpoint: Option<String>,
    /// Most calls under way at once on this node, each with a connection. Functions and accounts
    /// share them: one function gets at most half.
    pub concurrency: usize,
    /// Most time for one call where neither the state nor the function gives a limit.
    pub call_timeout: Option<Duration>,
    /// What may be called though it is refused otherwise.
    pub allow: Vec<Allowed>,
    /// Ports on which this server listens, which are not called.
    pub own_ports: Vec<u16>,
    /// Hosts and ports of this server's database, which are not called ([`store::Store::addresses`]).
    pub database: Vec<(String, u16)>,
    /// Longest answer that is read.
    pub answer_bytes: usize,
    /// How long a connection may take to come about.
    pub connect_timeout: Duration,
    /// Within what time a connection that was closed while idle shows that it is: a call that breaks
    /// sooner was not carried out, and is made once more.
    pub at_once: Duration,
}

/// How many descriptors so many calls at once take: one each, and those of connections that are kept
/// for later calls.
pub fn descriptors_of(concurrency: usize) -> usize {
    concurrency.saturating_add(kept_of(concurrency))
}

/// How many calls at once so many descriptors allow.
pub fn concurrency_within(descriptors: usize) -> usize {
    (descriptors - descriptors.saturating_add(1) / 3).max(1)
}

/// How many connections are kept for later calls, to all hosts together.
pub(super) fn kept_of(concurrency: usize) -> usize {
    concurrency / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_take_no_more_descriptors_than_there_are() {
        for descriptors in 1..2_000 {
            let concurrency = concurrency_within(descriptors);
            assert!(descriptors_of(concurrency) <= descriptors, "{descriptors}");
            assert!(
                descriptors_of(concurrency + 1) > descriptors || descriptors < 3,
                "{descriptors}"
            );
        }
    }
}
