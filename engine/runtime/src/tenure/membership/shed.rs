//! Giving shards to other nodes without cutting calls: the gate of a shard is closed, so that nothing
//! begins any more; when nothing of it is under way, its owner loop lets go of it and another node has
//! it at once.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use tokio::time::Instant;

use super::Membership;
use crate::post::mail::Mail;

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
    /// Whether something is to go that has not gone yet.
    pub(super) fn is_under_way(&self) -> bool {
        !self.closed.is_empty()
    }

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
    /// Gives away what is to go and is quiet. Where the node stops, that is everything.
    pub(super) async fn shed(&mut self) -> Result<(), store::Error> {
        let is_draining = self.shared.draining.is_cancelled();
        let chosen = if is_draining { self.all() } else { self.surplus() };
        self.reopen_all_but(&chosen);
        self.close(&chosen).await;
        let gates = &self.shared.standing.gates;
        let is_settled = |shard: &i16| self.shedding.closed.get(shard).is_some_and(|(_, out)| *out);
        let is_quiet = |shard: &i16| is_settled(shard) && gates.busy(*shard) == 0;
        let quiet: Vec<i16> = chosen.iter().copied().filter(is_quiet).collect();
        if is_draining && !self.shedding.has_heirs {
            // Nobody is there to go on with them: they are kept until nothing is under way at all.
            if quiet.len() == chosen.len() {
                self.shared.drained.cancel();
            }
            return Ok(());
        }
        self.give_away(&quiet).await?;
        if is_draining && self.ours.is_empty() {
            self.shared.drained.cancel();
        }
        Ok(())
    }

    /// Has owners let go of these shards, and others have them.
    async fn give_away(&mut self, quiet: &[i16]) -> Result<(), store::Error> {
        if quiet.is_empty() {
            return Ok(());
        }
        let left = self.give_up(quiet).await;
        // What an owner has not let go of yet is given up again by the next look, or, if it is to stay
        // after all, gained anew.
        for shard in quiet {
            if let Some(told) = self.ours.get_mut(shard) {
                told.is_taken_in = false;
            }
        }
        for shard in &left {
            self.ours.remove(shard);
            self.shedding.forget(*shard);
        }
        self.shedding.surplus = self.shedding.surplus.saturating_sub(left.len());
        if left.is_empty() {
            return Ok(());
        }
        let given = self.store.hand_over(self.shared.options.node, &left).await?;
        tracing::info!(count = left.len(), given, "shards handed over");
        // Whoever has them now need not wait for its next beat.
        let _ = self.store.hint_nodes().await;
        Ok(())
    }

    pub(super) fn all(&self) -> Vec<i16> {
        let mut all: Vec<i16> = self.ours.keys().copied().collect();
        all.sort_unstable();
        all
    }

    /// What is too much: those that are on their way already, then those with the fewest calls.
    pub(super) fn surplus(&mut self) -> Vec<i16> {
        if self.shedding.surplus == 0 {
            return Vec::new();
        }
        let (now, gates) = (Instant::now(), self.shared.standing.gates.clone());
        self.shedding.spared.retain(|_, until| *until > now);
        for (shard, (since, _)) in &self.shedding.closed {
            if now.duration_since(*since) > WAITS && gates.busy(*shard) > 0 {
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
        self.shared.standing.gates.open(stays);
    }

    /// Closes the gates of these shards, and waits until all commands from before that are out.
    async fn close(&mut self, chosen: &[i16]) {
        self.shared.standing.gates.close(chosen.iter().copied());
        for shard in chosen {
            self.shedding.closed.entry(*shard).or_insert((Instant::now(), false));
        }
        let is_open = |shard: &&i16| self.shedding.closed.get(*shard).is_some_and(|(_, out)| !out);
        let unsettled: Vec<i16> = chosen.iter().filter(is_open).copied().collect();
        if unsettled.is_empty() {
            return;
        }
        let patience = self.patience() / 4;
        for shard in self.tell(unsettled, |shard| *shard, Mail::Close, patience).await {
            if let Some((_, out)) = self.shedding.closed.get_mut(&shard) {
                *out = true;
            }
        }
    }
}
