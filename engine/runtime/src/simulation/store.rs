//! The store's model on the simulation's time, and what messages in its inbox say.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use store::model::{Loaded, ModelStore};
use store::{AppendError, Appended, Batch, Beat, ExecutionRow, Sleeper, TurnRow};
use uuid::Uuid;

use super::world::Said;
use crate::post::mail::Key;

/// How long a lease is.
pub(super) const LEASE_MS: i64 = 3_000;
pub(super) const LEASE: Duration = Duration::from_millis(LEASE_MS.unsigned_abs());
/// More than there is of anything.
const ALL: usize = 1_000;

#[derive(Default)]
pub(super) struct Store {
    model: ModelStore,
    /// What messages say, which the model keeps no more of than that they are there.
    said: BTreeMap<Uuid, (Key, Said)>,
}

/// The same moment as the store has it.
fn at(now: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(now).unwrap()
}

impl Store {
    /// A sign of life: renews, and claims what is free up to the fair share.
    pub(super) fn beat(&mut self, node: Uuid, is_draining: bool, now: i64) -> Beat {
        if is_draining {
            self.model.beat_draining(node, LEASE, at(now))
        } else {
            self.model.beat(node, LEASE, at(now))
        }
    }

    pub(super) fn hand_over(&mut self, node: Uuid, shards: &[i16], now: i64) {
        self.model.hand_over(node, shards, at(now));
    }

    pub(super) fn append(&mut self, writer: Uuid, batch: &Batch) -> Result<Appended, AppendError> {
        self.model.append(writer, batch)
    }

    /// The executions that a batch starts and that are not there.
    pub(super) fn absent(&self, batch: &Batch) -> HashSet<Uuid> {
        self.model.absent(batch).into_iter().collect()
    }

    /// Puts an execution to sleep to which nothing has happened; whether it sleeps.
    pub(super) fn put_to_sleep(&mut self, sleeper: &Sleeper) -> bool {
        self.model.put_to_sleep(sleeper)
    }

    pub(super) fn load(&self, key: Key) -> Option<Loaded> {
        self.model.load(key.shard, key.id)
    }

    /// The executions that must be in their owners' memory.
    pub(super) fn active(&self, shards: &[i16]) -> Vec<Key> {
        let key = |loaded: Loaded| Key { shard: loaded.head.shard, id: loaded.head.id };
        self.model.active(shards).into_iter().map(key).collect()
    }

    /// Those of these shards that sleep and want to be woken before that.
    pub(super) fn due(&self, shards: &[i16], before: i64) -> Vec<Key> {
        let first = (DateTime::<Utc>::UNIX_EPOCH, Uuid::nil());
        let due = self.model.due_wakes(shards, first, at(before), ALL);
        due.into_iter().map(|(shard, id, _)| Key { shard, id }).collect()
    }

    pub(super) fn snapshot(&self, key: Key) -> Option<(i64, Bytes)> {
        self.model.snapshot(key.shard, key.id)
    }

    pub(super) fn forget_snapshot(&mut self, key: Key) {
        self.model.forget_snapshot(key.shard, key.id);
    }

    /// Whether nodes have died over an execution.
    pub(super) fn suspicion(&self, key: Key) -> store::Suspicion {
        self.model.suspicion(key.shard, key.id)
    }

    pub(super) fn all_set_aside(&self) -> Vec<Uuid> {
        self.model.all_set_aside().iter().map(|(_, id)| *id).collect()
    }

    /// Notes what a node is about to do; how many have died over it.
    pub(super) fn try_execution(&mut self, node: Uuid, key: Key, is_load: bool) -> i64 {
        self.model.try_execution(node, (key.shard, key.id), is_load)
    }

    /// Takes that back, and all others' notes of it if its log has gone on.
    pub(super) fn survived(&mut self, node: Uuid, key: Key, is_load: bool, has_gone_on: bool) {
        let trial = store::Trial::of(key.shard, key.id, is_load);
        self.model.survived(node, &trial, has_gone_on);
    }

    /// All executions.
    pub(super) fn rows(&self) -> impl Iterator<Item = &ExecutionRow> {
        self.model.rows()
    }

    pub(super) fn turns(&self, key: Key) -> Vec<TurnRow> {
        self.model.turns(key.shard, key.id, 0, ALL)
    }

    /// The execution of this name.
    pub(super) fn holder(&self, name: &str) -> Option<Uuid> {
        self.model.describe("123456789012", "m", name).map(|row| row.head.id)
    }

    /// Leaves a message for whichever node owns the shard; `false` if none does.
    pub(super) fn post(&mut self, id: Uuid, key: Key, said: Said, now: i64) -> bool {
        let message = store::Message {
            id,
            shard: key.shard,
            execution_id: key.id,
            stimulus: Bytes::from_static(b"{}"),
        };
        self.said.insert(id, (key, said));
        self.model.post(&message, at(now))
    }

    /// The messages for these shards that are not answered.
    pub(super) fn inbox(&self, shards: &[i16]) -> Vec<(Uuid, Key, Said)> {
        let said = |message: store::Message| {
            let (key, said) = self.said.get(&message.id)?;
            Some((message.id, *key, said.clone()))
        };
        self.model.inbox(shards, ALL).into_iter().filter_map(said).collect()
    }

    pub(super) fn answer(&self, id: Uuid) -> Option<Bytes> {
        self.model.answer(id)
    }

    pub(super) fn answer_alone(&mut self, id: Uuid, answer: &Bytes) {
        self.model.answer_alone(id, answer);
    }

    pub(super) fn forget(&mut self, id: Uuid) {
        self.said.remove(&id);
        self.model.forget(id);
    }
}
