//! Which shards this node owns: signs of life, leases, gaining and giving back.
//!
//! What a node makes of what it is told ([`Membership`]) knows no clock, socket or database; its loop
//! ([`drive`]) beats.

pub(crate) mod drive;
mod shed;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use store::Beat;
use tokio::time::Instant;

use self::shed::Shedding;
use super::standing::Standing;
use crate::post::mail::Gained;
use crate::tenure::Tenure;

/// What this node takes for its own.
pub(crate) struct Membership {
    standing: Arc<Standing>,
    lease: Duration,
    /// What owners were told to be theirs, by shard.
    ours: BTreeMap<i16, Told>,
    /// What is on its way to other nodes.
    shedding: Shedding,
}

/// What an owner was told of a shard.
#[derive(Clone, Copy)]
struct Told {
    epoch: i64,
    tenure: Tenure,
    /// It has said that it knows.
    is_taken_in: bool,
}

/// What owners are to hear after a beat.
pub(crate) struct News {
    /// These tenures begin; then [`Membership::taken_in`].
    pub(crate) gained: Vec<Gained>,
    /// These shards are another node's: they are to be let go of; then [`Membership::let_go`].
    pub(crate) lost: Vec<i16>,
}

impl Membership {
    pub(crate) fn new(standing: Arc<Standing>, lease: Duration) -> Self {
        let (ours, shedding) = (BTreeMap::new(), Shedding::default());
        Self { standing, lease, ours, shedding }
    }

    /// A beat that was asked for then has told this. The database's lease began later, and so ends later.
    pub(crate) fn told(&mut self, beat: &Beat, asked: Instant, is_draining: bool) -> News {
        let owned: BTreeMap<i16, i64> = beat.owned.iter().copied().collect();
        // Before the lease holds again, so that nobody is told what others may have made untrue.
        for (shard, told) in &self.ours {
            if owned.get(shard) != Some(&told.epoch) {
                self.standing.tenures.revoke(*shard);
            }
        }
        self.standing.watch(&beat.watched);
        self.standing.lease.renew(asked + self.lease);
        self.shedding.surplus = beat.surplus.len();
        self.shedding.has_heirs = beat.live_nodes > i64::from(!is_draining);
        let lost: Vec<i16> =
            self.ours.keys().filter(|shard| !owned.contains_key(shard)).copied().collect();
        let news = |(shard, epoch)| self.news_of(shard, epoch, is_draining);
        News { gained: owned.into_iter().filter_map(news).collect(), lost }
    }

    /// What an owner is to hear of a shard that is its own. Told already and not taken in, it hears the
    /// same again: a slow owner must not lose what it is about to begin.
    fn news_of(&mut self, shard: i16, epoch: i64, is_draining: bool) -> Option<Gained> {
        let tenures = &self.standing.tenures;
        let told = self.ours.get_mut(&shard).filter(|told| told.epoch == epoch);
        if let Some(told) = told {
            let has_begun = tenures.of(shard) == Some(told.tenure);
            if told.is_taken_in || has_begun {
                told.is_taken_in = true;
                return None;
            }
            if tenures.awaits(shard, told.tenure) {
                return Some(Gained { shard, epoch, tenure: told.tenure });
            }
        }
        let tenure = tenures.grant(shard);
        self.shedding.forget(shard);
        if !is_draining {
            self.standing.gates.open([shard]);
        }
        // Known from now on, whether the owner says so in time or not.
        self.ours.insert(shard, Told { epoch, tenure, is_taken_in: false });
        Some(Gained { shard, epoch, tenure })
    }

    /// Owners have taken in that these tenures begin.
    pub(crate) fn taken_in(&mut self, gained: &[Gained]) {
        for Gained { shard, tenure, .. } in gained {
            if let Some(told) = self.ours.get_mut(shard)
                && told.tenure == *tenure
            {
                told.is_taken_in = true;
            }
        }
    }

    /// Owners have let go of these shards. What they have not let go of yet is given up again by the next
    /// beat, or, if it is to stay after all, gained anew.
    pub(crate) fn let_go(&mut self, left: &[i16]) {
        for shard in left {
            self.ours.remove(shard);
            self.shedding.forget(*shard);
        }
    }

    /// A fenced tenure is over. The shard may still be ours: a beat that begins from now on tells.
    pub(crate) fn forget(&mut self, fenced: Vec<(i16, Tenure)>) {
        for (shard, tenure) in fenced {
            if self.ours.get(&shard).is_some_and(|told| told.tenure == tenure) {
                self.ours.remove(&shard);
            }
        }
    }

    /// All shards that owners were told of, in their order.
    pub(crate) fn all(&self) -> Vec<i16> {
        self.ours.keys().copied().collect()
    }
}
