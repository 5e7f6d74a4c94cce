//! Executions that sleep, and their snapshots.

use bytes::Bytes;
use uuid::Uuid;

use super::ModelStore;
use crate::{Sleeper, Status};

impl ModelStore {
    /// As `Store::put_to_sleep` of one execution; whether it sleeps now.
    pub fn put_to_sleep(&mut self, sleeper: &Sleeper) -> bool {
        if self.epoch(sleeper.shard) != sleeper.epoch {
            return false;
        }
        let (shard, id) = (sleeper.shard, sleeper.execution_id);
        let later = (shard, id, sleeper.next_event)..=(shard, id, i64::MAX);
        if self.turns.range(later).next().is_some() {
            return false;
        }
        match self.executions.get_mut(&(shard, id)) {
            Some(row) if row.head.status == Status::Running => {
                row.head.wake_at = Some(sleeper.wake_at);
                if let Some(snapshot) = &sleeper.snapshot {
                    self.snapshots.insert((shard, id), (sleeper.next_event, snapshot.clone()));
                }
                true
            }
            Some(_) | None => false,
        }
    }

    /// As `Store::snapshot`, of one release for all.
    pub fn snapshot(&self, shard: i16, id: Uuid) -> Option<(i64, Bytes)> {
        self.snapshots.get(&(shard, id)).cloned()
    }

    /// As `Store::forget_snapshot`.
    pub fn forget_snapshot(&mut self, shard: i16, id: Uuid) {
        self.snapshots.remove(&(shard, id));
    }
}
