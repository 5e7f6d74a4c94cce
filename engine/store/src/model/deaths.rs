//! Executions over which nodes die, as `deaths` has them.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::{Lease, ModelStore};
use crate::deaths::{DEATHS, Survived, Suspect, Trial};

/// What was noted of an execution by a node: whether its log is read.
pub(super) type Noted = std::collections::BTreeMap<(i16, Uuid, Uuid), bool>;

impl Lease {
    /// The owner has gone without a word.
    pub(super) fn has_died(&mut self, now: DateTime<Utc>) {
        let hour = TimeDelta::hours(1);
        if self.died_at.is_some_and(|before| before > now - hour) {
            self.watched_until = Some(now + hour);
        }
        self.died_at = Some(now);
    }

    pub(super) fn is_watched(&self, now: DateTime<Utc>) -> bool {
        self.watched_until.is_some_and(|until| until > now)
    }
}

impl ModelStore {
    /// Those of these shards that are watched.
    pub(super) fn watched(&self, owned: &[(i16, i64)], now: DateTime<Utc>) -> Vec<i16> {
        let shards = owned.iter().map(|(shard, _)| *shard);
        shards.filter(|shard| self.lease(*shard).is_watched(now)).collect()
    }

    /// As `Store::try_execution`, of one release for all.
    pub fn try_execution(&mut self, node: Uuid, trial: &Trial) -> i64 {
        let Trial { shard, execution_id, is_load } = *trial;
        let deaths = (self.trials.iter())
            .filter(|((s, id, other), load)| {
                (*s, *id) == (shard, execution_id) && *other != node && **load == is_load
            })
            .count();
        let is_known = self.set_aside.contains(&(shard, execution_id));
        let deaths = if is_known { DEATHS } else { i64::try_from(deaths).unwrap() };
        if deaths < DEATHS {
            self.trials.insert((shard, execution_id, node), is_load);
        } else {
            self.trials.retain(|(s, id, _), _| (*s, *id) != (shard, execution_id));
            self.set_aside.insert((shard, execution_id));
        }
        deaths
    }

    /// As `Store::survived`.
    pub fn survived(&mut self, node: Uuid, survived: &Survived) {
        let Survived { trial: Trial { shard, execution_id, is_load }, progressed } = *survived;
        if progressed {
            self.set_aside.remove(&(shard, execution_id));
        }
        self.trials.retain(|(s, id, other), load| {
            (*s, *id) != (shard, execution_id)
                || !(*other == node || (*load && is_load) || progressed)
        });
    }

    /// As `Store::suspects`.
    pub fn suspects(&self, shards: &[i16]) -> Vec<Suspect> {
        let of = |(shard, execution_id): &(i16, Uuid)| Suspect {
            shard: *shard,
            execution_id: *execution_id,
            is_set_aside: true,
        };
        self.set_aside.iter().filter(|(shard, _)| shards.contains(shard)).map(of).collect()
    }

    /// The executions that are set aside, with their shards.
    pub fn all_set_aside(&self) -> &BTreeSet<(i16, Uuid)> {
        &self.set_aside
    }
}
