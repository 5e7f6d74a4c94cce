//! Which connections are kept for later calls: so many in all, to however many hosts.
//!
//! A pool bounds what it keeps for each host, and there may be any number of hosts. So it is counted
//! how many calls were under way at once to each host of late: a pool has about as many connections to
//! it. Once these are as many as may be kept, a call that would add one closes its connection.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Counts the connections that are kept. Clones count the same.
#[derive(Clone)]
pub(super) struct Kept {
    counts: Arc<Mutex<Counts>>,
}

struct Counts {
    most: usize,
    /// After how long without use the pool closes a connection.
    idle: Duration,
    since: Instant,
    /// The connections to all hosts.
    total: usize,
    hosts: HashMap<String, Host>,
}

#[derive(Default)]
struct Host {
    under_way: usize,
    /// Most at once since the last look, and between the two before.
    most: usize,
    most_before: usize,
}

impl Host {
    fn connections(&self) -> usize {
        self.most.max(self.most_before)
    }
}

/// A call whose connection is kept.
pub(super) struct Keeping {
    kept: Kept,
    host: String,
}

impl Drop for Keeping {
    fn drop(&mut self) {
        let mut counts = self.kept.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.look(Instant::now());
        if let Some(host) = counts.hosts.get_mut(&self.host) {
            host.under_way -= 1;
        }
    }
}

impl Kept {
    pub(super) fn new(most: usize, idle: Duration) -> Self {
        let counts = Counts { most, idle, since: Instant::now(), total: 0, hosts: HashMap::new() };
        Self { counts: Arc::new(Mutex::new(counts)) }
    }

    /// Begins a call to this host; `None`: its connection is to be closed afterwards.
    pub(super) fn begin(&self, host: &str) -> Option<Keeping> {
        self.begin_at(host, Instant::now())
    }

    fn begin_at(&self, host: &str, now: Instant) -> Option<Keeping> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.look(now);
        let (most, total) = (counts.most, counts.total);
        let known = counts.hosts.get(host);
        let is_more = known.is_none_or(|known| known.under_way == known.connections());
        if is_more && total >= most {
            return None;
        }
        counts.total += usize::from(is_more);
        let known = counts.hosts.entry(host.to_owned()).or_default();
        known.under_way += 1;
        known.most = known.most.max(known.under_way);
        Some(Keeping { kept: self.clone(), host: host.to_owned() })
    }
}

impl Counts {
    /// What was not used for as long as the pool keeps it is gone.
    fn look(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.since);
        if passed < self.idle {
            return;
        }
        let is_long = passed >= self.idle * 2;
        self.since = now;
        self.hosts.retain(|_, host| {
            host.most_before = if is_long { 0 } else { host.most };
            host.most = host.under_way;
            host.connections() > 0
        });
        self.total = self.hosts.values().map(Host::connections).sum();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDLE: Duration = Duration::from_secs(30);

    #[test]
    fn so_many_connections_are_kept_to_however_many_hosts() {
        let kept = Kept::new(10, IDLE);
        let begun = (0..1_000).filter(|n| kept.begin(&format!("host-{n}")).is_some()).count();
        assert_eq!(begun, 10);
        assert!(kept.begin("host-3").is_some(), "its connection is there");
        let first = kept.begin("host-3");
        assert!(first.is_some() && kept.begin("host-3").is_none(), "a second one is not");
        drop(first);
        assert!(kept.begin("host-3").is_some());
        assert_eq!(kept.counts.lock().unwrap().hosts.len(), 10);
    }

    #[test]
    fn what_was_not_used_for_long_makes_room() {
        let (kept, start) = (Kept::new(2, IDLE), Instant::now());
        let long = kept.begin_at("long", start);
        drop(kept.begin_at("short", start));
        assert!(kept.begin_at("next", start).is_none());
        let once = start + IDLE + Duration::from_secs(1);
        assert!(kept.begin_at("next", once).is_none(), "it may have been used a moment before");
        let twice = once + IDLE;
        assert!(kept.begin_at("next", twice).is_some());
        assert!(kept.begin_at("another", twice).is_none(), "a call under way has its connection");
        drop(long);
        assert!(kept.begin_at("another", twice + IDLE * 2).is_some());
        assert_eq!(kept.counts.lock().unwrap().hosts.len(), 1, "the others are forgotten");
    }
}
