//! Which shards' calls may begin, and how many of each are under way: what a node must know to hand a
//! shard over without cutting a call.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::sync::{Notify, watch};

/// How many shards there are.
const SHARDS: usize = 256;

/// A gate for each shard. Clones share them.
#[derive(Clone)]
pub(crate) struct Gates(Arc<Inner>);

struct Inner {
    gates: Vec<Gate>,
    /// Changes whenever a gate is opened or closed.
    moved: watch::Sender<()>,
    /// Rings when the last call of a closed shard has ended.
    quiet: Notify,
}

#[derive(Default)]
struct Gate {
    /// Nothing that has not begun begins.
    is_closed: AtomicBool,
    busy: AtomicUsize,
}

/// A call under way, until its outcome is in the hands of the lane, or nobody wants it.
pub(crate) struct Busy {
    gates: Gates,
    shard: i16,
}

impl Default for Gates {
    fn default() -> Self {
        let gates = (0..SHARDS).map(|_| Gate::default()).collect();
        let (moved, _) = watch::channel(());
        Self(Arc::new(Inner { gates, moved, quiet: Notify::new() }))
    }
}

impl Gates {
    /// Counts one more call. Whoever is about to begin one counts it first and asks then whether the
    /// gate is closed; whoever hands a shard over closes first and counts then: one of them sees the
    /// other.
    pub(crate) fn enter(&self, shard: i16) -> Busy {
        if let Some(gate) = self.at(shard) {
            gate.busy.fetch_add(1, Ordering::SeqCst);
        }
        Busy { gates: self.clone(), shard }
    }

    pub(crate) fn is_closed(&self, shard: i16) -> bool {
        self.at(shard).is_some_and(|gate| gate.is_closed.load(Ordering::SeqCst))
    }

    /// How many calls of this shard are under way.
    pub(crate) fn busy(&self, shard: i16) -> usize {
        self.at(shard).map_or(0, |gate| gate.busy.load(Ordering::SeqCst))
    }

    /// How many calls are under way in all.
    pub(crate) fn all_busy(&self) -> usize {
        self.0.gates.iter().map(|gate| gate.busy.load(Ordering::SeqCst)).sum()
    }

    pub(crate) fn close(&self, shards: impl IntoIterator<Item = i16>) {
        self.set(shards, true);
    }

    pub(crate) fn open(&self, shards: impl IntoIterator<Item = i16>) {
        self.set(shards, false);
    }

    fn set(&self, shards: impl IntoIterator<Item = i16>, is_closed: bool) {
        let mut has_moved = false;
        for shard in shards {
            if let Some(gate) = self.at(shard) {
                has_moved |= gate.is_closed.swap(is_closed, Ordering::SeqCst) != is_closed;
            }
        }
        if has_moved {
            self.0.moved.send_replace(());
        }
    }

    /// Closes all gates.
    pub(crate) fn close_all(&self) {
        self.close((0..).take(SHARDS));
    }

    /// Waits until this gate is closed, or until it is open.
    pub(crate) async fn until(&self, shard: i16, is_closed: bool) {
        let mut moves = self.0.moved.subscribe();
        while self.is_closed(shard) != is_closed {
            // The sender lives as long as `self`.
            let _ = moves.changed().await;
        }
    }

    /// Waits until the last call of a closed shard ends.
    pub(crate) async fn quiet(&self) {
        self.0.quiet.notified().await;
    }

    fn at(&self, shard: i16) -> Option<&Gate> {
        self.0.gates.get(usize::try_from(shard).ok()?)
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let Some(gate) = self.gates.at(self.shard) else { return };
        let is_last = gate.busy.fetch_sub(1, Ordering::SeqCst) == 1;
        if is_last && gate.is_closed.load(Ordering::SeqCst) {
            self.gates.0.quiet.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn a_closed_shard_is_quiet_when_its_last_call_has_ended() {
        let gates = Gates::default();
        let (one, other, elsewhere) = (gates.enter(7), gates.enter(7), gates.enter(8));
        drop(elsewhere);
        gates.close([7]);
        assert!(gates.is_closed(7) && !gates.is_closed(8));
        drop(one);
        assert!(gates.quiet().now_or_never().is_none(), "the gate of 8 is open; 7 is busy");
        assert_eq!((gates.busy(7), gates.all_busy()), (1, 1));
        drop(other);
        assert!(gates.quiet().now_or_never().is_some());
        assert_eq!(gates.busy(7), 0);
    }

    #[tokio::test]
    async fn who_waits_at_a_gate_goes_on_when_it_moves() {
        let gates = Gates::default();
        assert!(gates.until(7, false).now_or_never().is_some());
        let mut closed = Box::pin(gates.until(7, true));
        assert!(closed.as_mut().now_or_never().is_none());
        gates.close([8]);
        assert!(closed.as_mut().now_or_never().is_none(), "it was another's");
        gates.close_all();
        closed.await;
        gates.open([7]);
        gates.until(7, false).await;
        assert!(gates.is_closed(8));
    }
}
