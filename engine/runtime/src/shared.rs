//! What all loops of a node share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use machine::Timestamp;
use store::Store;
use tokio::sync::{Semaphore, broadcast};
use uuid::Uuid;

use crate::calls::Calls;
use crate::clock::Clock;
use crate::options::EngineOptions;
use crate::programs::Programs;

/// How many shards there are.
pub(crate) const SHARDS: usize = 256;

/// Most executions loaded one by one at the same time.
const LOADS: usize = 6;

/// What all loops of a node share.
pub(crate) struct Shared {
    pub(crate) store: Store,
    pub(crate) options: EngineOptions,
    pub(crate) clock: Clock,
    pub(crate) programs: Programs,
    pub(crate) calls: Calls,
    /// Executions that may be loaded one by one at the same time.
    pub(crate) loads: Semaphore,
    /// Executions that got new turns; live views listen.
    pub(crate) appended: broadcast::Sender<Uuid>,
    /// The epoch at which this node owns each shard; 0 if it does not.
    epochs: Vec<AtomicI64>,
    /// The store did not answer lately: writes are refused at once.
    away: AtomicBool,
}

impl Shared {
    pub(crate) fn new(store: Store, options: EngineOptions, calls: Calls) -> Arc<Self> {
        let (appended, _) = broadcast::channel(1_024);
        Arc::new(Self {
            programs: Programs::new(store.clone()),
            store,
            options,
            clock: Clock,
            calls,
            loads: Semaphore::new(LOADS),
            appended,
            epochs: (0..SHARDS).map(|_| AtomicI64::new(0)).collect(),
            away: AtomicBool::new(false),
        })
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The epoch at which this node owns a shard.
    pub(crate) fn epoch(&self, shard: i16) -> Option<i64> {
        let epoch = self.epochs.get(usize::try_from(shard).ok()?)?.load(Ordering::Acquire);
        (epoch != 0).then_some(epoch)
    }

    pub(crate) fn owns(&self, shard: i16) -> bool {
        self.epoch(shard).is_some()
    }

    pub(crate) fn set_epoch(&self, shard: i16, epoch: Option<i64>) {
        if let Some(known) = usize::try_from(shard).ok().and_then(|shard| self.epochs.get(shard)) {
            known.store(epoch.unwrap_or(0), Ordering::Release);
        }
    }

    /// The shards this node owns.
    pub(crate) fn owned(&self) -> Vec<i16> {
        (0..).take(SHARDS).filter(|shard| self.owns(*shard)).collect()
    }

    pub(crate) fn is_away(&self) -> bool {
        self.away.load(Ordering::Acquire)
    }

    /// Notes whether the store answers; says so once when that changes.
    pub(crate) fn set_away(&self, away: bool, why: &str) {
        if self.away.swap(away, Ordering::AcqRel) == away {
            return;
        }
        if away {
            tracing::warn!(error = why, "the database is away; writes are refused meanwhile");
        } else {
            tracing::info!("the database is back");
        }
    }
}
