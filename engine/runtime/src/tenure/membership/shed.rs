//! Giving shards to other nodes without cutting calls: the gate of a shard is closed, so that nothing
//! begins any more; when nothing of it is under way, its owner loop lets go of it and another node has
//! it at once.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use tokio::time::Instant;

use super::Membership;

/// How long a shard that is given away for balance alone may keep its calls waiting for the last one
/// that is under way. After that they go on, and others are given away.
const WAITS: Duration = Duration::from_secs(5);
/// How long such a shard is left alone then, unless nothing is under way in it.
const SPARED: Duration = Duration::from_secs(30);
/// How often shards that are to go are looked at, besides when the last call of one ends.
pub(super) const LOOK: Duration = Duration::from_millis(100);

/// Shards that are to go to other nodes.
#[derive(Default)]
pub(super) struct Shedding {
    /// Since when their gates are closed, and whether all commands from before that are out.
    closed: HashMap<i16, (Instant, bool)>,
    /// Until when they are not chosen again.
    spared: HashMap<i16, Instant>,
    /// How many are to go, as the last beat told.
    pub(super) surplus: usize,
    /// There are other nodes that go on.
    pub(super) has_heirs: bool,
}

impl Shedding {
    /// Lets all that was closed have been so for too long.
    #[cfg(test)]
    pub(super) fn be_late(&mut self) {
        for (since, _) in self.closed.values_mut() {
            *since = since.checked_sub(2 * WAITS).unwrap();
        }
    }

    /// Shards that are no longer this node's, or are anew.
    pub(super) fn forget(&mut self, shard: i16) {
        self.closed.remove(&shard);
    }
}

impl Membership {
    /// Whether something is to go that has not gone yet.
    pub(crate) fn is_shedding(&self) -> bool {
        !self.shedding.closed.is_empty()
    }

    /// Chooses what is to go now, and closes the gates of that; where the node stops, that is
    /// everything. What was to go and is to stay after all goes on.
    pub(crate) fn choose(&mut self, is_draining: bool, now: Instant) -> Vec<i16> {
        let chosen = if is_draining { self.all() } else { self.surplus(now) };
        self.reopen_all_but(&chosen);
        self.standing.gates.close(chosen.iter().copied());
        for shard in &chosen {
            self.shedding.closed.entry(*shard).or_insert((now, false));
        }
        chosen
    }

    /// Those of which owners are to say when all commands from before the gates were closed are out; then
    /// [`Membership::settled`].
    pub(crate) fn unsettled(&self, chosen: &[i16]) -> Vec<i16> {
        let is_open = |shard: &&i16| self.shedding.closed.get(*shard).is_some_and(|(_, out)| !out);
        chosen.iter().filter(is_open).copied().collect()
    }

    /// Owners have said so of these.
    pub(crate) fn settled(&mut self, shards: &[i16]) {
        for shard in shards {
            if let Some((_, out)) = self.shedding.closed.get_mut(shard) {
                *out = true;
            }
        }
    }

    /// Those of which no call is under way, and none can begin.
    pub(crate) fn quiet(&self, chosen: &[i16]) -> Vec<i16> {
        let gates = &self.standing.gates;
        let is_settled = |shard: &i16| self.shedding.closed.get(shard).is_some_and(|(_, out)| *out);
        let is_quiet = |shard: &i16| is_settled(shard) && gates.busy(*shard) == 0;
        chosen.iter().copied().filter(is_quiet).collect()
    }

    /// Whether this node stops and nobody is there to go on with what it has.
    pub(crate) fn keeps_all(&self, is_draining: bool) -> bool {
        is_draining && !self.shedding.has_heirs
    }

    /// These are about to be given away: nobody is told any more that they are this node's. What an owner
    /// does not let go of in time is given up again by the next look, or, if it is to stay after all,
    /// gained anew.
    pub(crate) fn giving_away(&mut self, shards: &[i16]) {
        for shard in shards {
            self.standing.tenures.revoke(*shard);
            if let Some(told) = self.ours.get_mut(shard) {
                told.is_taken_in = false;
            }
        }
    }

    /// Owners have let go of these.
    pub(crate) fn given_away(&mut self, left: &[i16]) {
        self.let_go(left);
        self.shedding.surplus = self.shedding.surplus.saturating_sub(left.len());
    }

    /// What is too much: those that are on their way already, then those with the fewest calls.
    pub(super) fn surplus(&mut self, now: Instant) -> Vec<i16> {
        if self.shedding.surplus == 0 {
            return Vec::new();
        }
        let gates = self.standing.gates.clone();
        self.shedding.spared.retain(|_, until| *until > now);
        for (shard, (since, _)) in &self.shedding.closed {
            if now.saturating_duration_since(*since) > WAITS && gates.busy(*shard) > 0 {
                self.shedding.spared.insert(*shard, now + SPARED);
            }
        }
        let spared = &self.shedding.spared;
        let mut all = self.all();
        all.retain(|shard| !spared.contains_key(shard) || gates.busy(*shard) == 0);
        let is_new = |shard: &i16| !self.shedding.closed.contains_key(shard);
        // Calls begin and end meanwhile: each shard is looked at once.
        let key = |shard: &i16| (is_new(shard), gates.busy(*shard), std::cmp::Reverse(*shard));
        all.sort_by_cached_key(key);
        all.truncate(self.shedding.surplus);
        all
    }

    /// Lets go on what was to go and is to stay after all.
    fn reopen_all_but(&mut self, chosen: &[i16]) {
        let chosen: HashSet<i16> = chosen.iter().copied().collect();
        let closed = &mut self.shedding.closed;
        let stays: Vec<i16> =
            closed.extract_if(|shard, _| !chosen.contains(shard)).map(|(shard, _)| shard).collect();
        self.standing.gates.open(stays);
    }
}
