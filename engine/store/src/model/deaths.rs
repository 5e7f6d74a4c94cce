//! Executions over which nodes die, as `deaths` has them.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::{Lease, ModelStore};
use crate::deaths::{DEATHS, Suspicion, Trial};

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

    /// As `Store::try_executions`, of one release for all and of one execution.
    pub fn try_execution(&mut self, node: Uuid, (shard, id): (i16, Uuid), is_load: bool) -> i64 {
        let deaths = (self.trials.iter())
            .filter(|((s, other_id, other), load)| {
                (*s, *other_id) == (shard, id) && *other != node && **load == is_load
            })
            .count();
        let is_known = self.set_aside.contains(&(shard, id));
        let deaths = if is_known { DEATHS } else { i64::try_from(deaths).unwrap() };
        if deaths < DEATHS {
            self.trials.insert((shard, id, node), is_load);
        } else {
            self.trials.retain(|(s, other_id, _), _| (*s, *other_id) != (shard, id));
            self.set_aside.insert((shard, id));
        }
        deaths
    }

    /// As `Store::survived`.
    pub fn survived(&mut self, node: Uuid, trial: &Trial, has_gone_on: bool) {
        for execution in &trial.executions {
            if has_gone_on {
                self.set_aside.remove(execution);
            }
            self.trials.retain(|(shard, id, other), load| {
                (*shard, *id) != *execution
                    || !(*other == node || (*load && trial.is_load) || has_gone_on)
            });
        }
    }

    /// As `Loadable` says it.
    pub fn suspicion(&self, shard: i16, id: Uuid) -> Suspicion {
        if self.set_aside.contains(&(shard, id)) {
            return Suspicion::SetAside;
        }
        let is_suspect = self.trials.keys().any(|(s, other, _)| (*s, *other) == (shard, id));
        if is_suspect { Suspicion::Suspect } else { Suspicion::None }
    }

    /// As `Store::leave` takes back what was noted.
    pub fn take_back(&mut self, node: Uuid) {
        self.trials.retain(|(_, _, other), _| *other != node);
    }

    /// The executions that are set aside, with their shards.
    pub fn all_set_aside(&self) -> &BTreeSet<(i16, Uuid)> {
        &self.set_aside
    }
}
