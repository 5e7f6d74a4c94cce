//! Which shards this node works on, and since when.

use std::sync::atomic::{AtomicU64, Ordering};

/// How many shards there are.
const SHARDS: usize = 256;

/// One stretch of time for which an owner holds a shard in memory: it ends when the shard is
/// given up or what is in memory turns out to be outdated. Loads and notices of an earlier one
/// are recognised by its number, and change nothing.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd)]
pub(crate) struct Tenure(u64);

/// The present tenures of a node.
pub(crate) struct Tenures {
    last: AtomicU64,
    /// By shard; 0 while the node does not work on it.
    present: Vec<AtomicU64>,
}

impl Default for Tenures {
    fn default() -> Self {
        Self { last: AtomicU64::new(0), present: (0..SHARDS).map(|_| AtomicU64::new(0)).collect() }
    }
}

impl Tenures {
    /// A tenure that is later than all before.
    pub(crate) fn next(&self) -> Tenure {
        Tenure(self.last.fetch_add(1, Ordering::AcqRel) + 1)
    }

    pub(crate) fn begin(&self, shard: i16, tenure: Tenure) {
        if let Some(present) = self.at(shard) {
            present.store(tenure.0, Ordering::Release);
        }
    }

    /// Ends a shard's tenure, whichever it is.
    pub(crate) fn end(&self, shard: i16) {
        if let Some(present) = self.at(shard) {
            present.store(0, Ordering::Release);
        }
    }

    pub(crate) fn of(&self, shard: i16) -> Option<Tenure> {
        let tenure = self.at(shard)?.load(Ordering::Acquire);
        (tenure != 0).then_some(Tenure(tenure))
    }

    /// The shards this node works on.
    pub(crate) fn shards(&self) -> Vec<i16> {
        (0..).take(SHARDS).filter(|shard| self.of(*shard).is_some()).collect()
    }

    fn at(&self, shard: i16) -> Option<&AtomicU64> {
        self.present.get(usize::try_from(shard).ok()?)
    }
}
