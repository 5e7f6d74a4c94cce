//! Which shards this node works on, since when, and for how long it may.

pub(crate) mod drain;
pub(crate) mod gates;
pub(crate) mod lease;
pub(crate) mod membership;
pub(crate) mod name;
pub(crate) mod share;
pub(crate) mod skew;
pub(crate) mod standing;

use std::sync::atomic::{AtomicU64, Ordering};

/// How many shards there are.
const SHARDS: usize = 256;

/// One stretch of time for which an owner holds a shard in memory: it ends when the shard is
/// given up or what is in memory turns out to be outdated. Loads and notices of an earlier one
/// are recognised by its number, and change nothing.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd)]
pub(crate) struct Tenure(u64);

/// The present tenures of a node. The membership grants one, the shard's owner begins it, and either
/// ends it: one that was revoked before it began never does.
pub(crate) struct Tenures {
    last: AtomicU64,
    /// By shard: twice the number of the tenure that is granted, and one more once it has begun; 0
    /// for none.
    granted: Vec<AtomicU64>,
    /// By shard: the last tenure in which all its executions were in memory.
    complete: Vec<AtomicU64>,
}

impl Default for Tenures {
    fn default() -> Self {
        let zeros = || (0..SHARDS).map(|_| AtomicU64::new(0)).collect();
        Self { last: AtomicU64::new(0), granted: zeros(), complete: zeros() }
    }
}

impl Tenures {
    /// Lets a tenure of this shard begin, later than all before; whichever was there is over.
    pub(crate) fn grant(&self, shard: i16) -> Tenure {
        let tenure = Tenure(self.last.fetch_add(1, Ordering::AcqRel) + 1);
        if let Some(granted) = self.at(shard) {
            granted.store(tenure.0 << 1, Ordering::Release);
        }
        tenure
    }

    /// Whether this tenure may still begin.
    pub(crate) fn awaits(&self, shard: i16, tenure: Tenure) -> bool {
        self.at(shard).is_some_and(|word| word.load(Ordering::Acquire) == tenure.0 << 1)
    }

    /// Begins a tenure; `false` if it has been revoked.
    pub(crate) fn begin(&self, shard: i16, tenure: Tenure) -> bool {
        let (granted, begun) = (tenure.0 << 1, tenure.0 << 1 | 1);
        self.at(shard).is_some_and(|word| {
            word.compare_exchange(granted, begun, Ordering::AcqRel, Ordering::Acquire).is_ok()
        })
    }

    /// Ends this tenure of a shard, if it is the present one.
    pub(crate) fn end(&self, shard: i16, tenure: Tenure) {
        if let Some(word) = self.at(shard) {
            let begun = tenure.0 << 1 | 1;
            let _ = word.compare_exchange(begun, 0, Ordering::AcqRel, Ordering::Acquire);
        }
    }

    /// Ends a shard's tenure, whichever it is, begun or not.
    pub(crate) fn revoke(&self, shard: i16) {
        if let Some(granted) = self.at(shard) {
            granted.store(0, Ordering::Release);
        }
    }

    pub(crate) fn of(&self, shard: i16) -> Option<Tenure> {
        let word = self.at(shard)?.load(Ordering::Acquire);
        (word & 1 == 1).then_some(Tenure(word >> 1))
    }

    /// All executions of this shard are in memory.
    pub(crate) fn complete(&self, shard: i16, tenure: Tenure) {
        let complete = usize::try_from(shard).ok().and_then(|shard| self.complete.get(shard));
        if let Some(word) = complete {
            word.fetch_max(tenure.0, Ordering::AcqRel);
        }
    }

    /// How many shards this node works on with all their executions in memory.
    pub(crate) fn taken_over(&self) -> usize {
        let is_there = |(shard, word): (i16, &AtomicU64)| {
            self.of(shard) == Some(Tenure(word.load(Ordering::Acquire)))
        };
        (0..).zip(&self.complete).filter(|place| is_there(*place)).count()
    }

    /// The shards this node works on.
    pub(crate) fn shards(&self) -> Vec<i16> {
        (0..).take(SHARDS).filter(|shard| self.of(*shard).is_some()).collect()
    }

    fn at(&self, shard: i16) -> Option<&AtomicU64> {
        self.granted.get(usize::try_from(shard).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenure_that_was_revoked_never_begins() {
        let tenures = Tenures::default();
        let first = tenures.grant(7);
        assert_eq!(tenures.of(7), None);
        tenures.revoke(7);
        assert!(!tenures.begin(7, first));
        let (second, third) = (tenures.grant(7), tenures.grant(7));
        assert!(!tenures.begin(7, second), "another was granted since");
        assert!(!tenures.awaits(7, second) && tenures.awaits(7, third));
        tenures.end(7, second);
        assert!(tenures.begin(7, third));
        assert_eq!((tenures.of(7), tenures.shards()), (Some(third), vec![7]));
        tenures.end(7, second);
        assert_eq!(tenures.of(7), Some(third), "what ended was another");
        tenures.complete(7, second);
        assert_eq!(tenures.taken_over(), 0, "what was loaded was another's");
        tenures.complete(7, third);
        assert_eq!(tenures.taken_over(), 1);
        tenures.end(7, third);
        assert_eq!((tenures.of(7), tenures.taken_over()), (None, 0));
    }
}
