//! Shards whose owner does not answer: while a node is gone and its shards are not taken over, their
//! tasks are left where they are, so that they keep nobody from tasks of other shards.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// The silent shards, as a node has met them. Clones share them.
#[derive(Clone, Default)]
pub(super) struct Silence(Arc<Inner>);

#[derive(Default)]
struct Inner {
    /// By shard, how many deliveries wait for its owner.
    waiting: Mutex<BTreeMap<i16, usize>>,
    spreads: Notify,
}

/// A delivery that waits for the owner of a shard; dropped when it waits no longer.
pub(super) struct Waiting {
    silence: Silence,
    shard: i16,
}

impl Silence {
    /// A delivery has had no answer from the owner of this shard.
    pub(super) fn of(&self, shard: i16) -> Waiting {
        *self.waiting().entry(shard).or_default() += 1;
        self.0.spreads.notify_one();
        Waiting { silence: self.clone(), shard }
    }

    /// Shards with deliveries that wait for their owners.
    pub(super) fn shards(&self) -> Vec<i16> {
        self.waiting().keys().copied().collect()
    }

    /// How many deliveries wait.
    pub(super) fn deliveries(&self) -> usize {
        self.waiting().values().sum()
    }

    /// Waits until one more delivery waits.
    pub(super) async fn spreads(&self) {
        self.0.spreads.notified().await;
    }

    fn waiting(&self) -> MutexGuard<'_, BTreeMap<i16, usize>> {
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let mut waiting = self.silence.waiting();
        if let Some(count) = waiting.get_mut(&self.shard) {
            *count -= 1;
            if *count == 0 {
                waiting.remove(&self.shard);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shard_is_silent_as_long_as_somebody_waits_for_its_owner() {
        let silence = Silence::default();
        let (one, other, third) = (silence.of(7), silence.of(7), silence.of(3));
        assert_eq!((silence.shards(), silence.deliveries()), (vec![3, 7], 3));
        drop(one);
        assert_eq!((silence.shards(), silence.deliveries()), (vec![3, 7], 2));
        drop((other, third));
        assert_eq!((silence.shards(), silence.deliveries()), (vec![], 0));
    }
}
