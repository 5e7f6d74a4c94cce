//! When which execution wants to be woken.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use machine::Timestamp;
use uuid::Uuid;

/// A heap of due times. An entry that no longer holds is recognised when it comes up.
#[derive(Default)]
pub(crate) struct Timers(BinaryHeap<Reverse<(Timestamp, Uuid)>>);

impl Timers {
    pub(crate) fn set(&mut self, due: Timestamp, execution: Uuid) {
        self.0.push(Reverse((due, execution)));
    }

    /// How many entries there are, those that no longer hold included.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Forgets all entries and takes these.
    pub(crate) fn rebuild(&mut self, entries: impl Iterator<Item = (Timestamp, Uuid)>) {
        self.0 = entries.map(Reverse).collect();
    }

    pub(crate) fn next(&self) -> Option<Timestamp> {
        self.0.peek().map(|Reverse((due, _))| *due)
    }

    /// The next execution whose time has come.
    pub(crate) fn pop_due(&mut self, now: Timestamp) -> Option<(Timestamp, Uuid)> {
        if self.next()? > now {
            return None;
        }
        self.0.pop().map(|Reverse(entry)| entry)
    }
}
