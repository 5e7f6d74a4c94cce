//! Snapshots of executions that leave memory, so that they come back without their whole log.

use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::Bytes;
use uuid::Uuid;

use super::Owner;
use crate::memory::Held;

/// What holds more has no snapshot: a step that writes it would hold up others.
const MOST_BYTES: usize = 16 * 1024 * 1024;

impl Owner {
    /// A snapshot of an execution that is being put to sleep, with the room that it takes: if its log has grown
    /// by so much that writing one costs less than reading that.
    pub(super) fn snapshot(&mut self, id: Uuid) -> Option<(Bytes, Held)> {
        let running = self.running.get_mut(&id)?;
        let held = running.execution.held_bytes();
        if running.tail < self.rules.snapshot_after.max(held.saturating_mul(2))
            || held > MOST_BYTES
            || self.standing.memory.is_tight()
        {
            return None;
        }
        // It can be read from its log as well.
        let snapshot =
            catch_unwind(AssertUnwindSafe(|| machine::snapshot::encode(&running.execution)));
        let snapshot = Bytes::from(snapshot.ok()??);
        running.has_snapshot = true;
        running.has_fresh_snapshot = true;
        let room = self.standing.memory.hold(snapshot.len());
        Some((snapshot, room))
    }
}
