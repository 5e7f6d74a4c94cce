//! Where a node stands, as all of its loops see it; they learn of it by looking, and nobody waits.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

use machine::Timestamp;
use tokio::sync::Mutex;

use super::Tenures;
use super::gates::Gates;
use super::lease::Lease;
use crate::lives::Lives;
use crate::memory::Budget;

/// How long after the store is back those who were refused are given to try again.
const RECOVERY_MS: i64 = 10_000;

/// Where a node stands.
pub(crate) struct Standing {
    /// The shards it works on.
    pub(crate) tenures: Tenures,
    /// For how long it may.
    pub(crate) lease: Lease,
    /// Which shards' calls may begin.
    pub(crate) gates: Gates,
    /// Shards whose owners have died lately, a bit for each.
    watched: [AtomicU64; 4],
    /// Who has it may try something in one of them: if the node dies then, it is of that.
    pub(crate) trial: Arc<Mutex<()>>,
    /// State machines that are deleted.
    pub(crate) lives: Lives,
    /// How much memory its executions may take.
    pub(crate) memory: Budget,
    /// The store did not answer lately: writes are refused at once.
    is_away: AtomicBool,
    /// When the store answered again after it had been away; in milliseconds.
    back_at: AtomicI64,
}

impl Standing {
    /// Of a node that owns nothing yet, whose executions may take so many bytes.
    pub(crate) fn new(memory: usize) -> Self {
        Self {
            tenures: Tenures::default(),
            lease: Lease::default(),
            gates: Gates::default(),
            watched: Default::default(),
            trial: Arc::default(),
            lives: Lives::default(),
            memory: Budget::new(memory),
            is_away: AtomicBool::default(),
            back_at: AtomicI64::default(),
        }
    }

    /// Whether the store is away.
    pub(crate) fn is_away(&self) -> bool {
        self.is_away.load(Ordering::Acquire)
    }

    /// Whether the store is away or was until a moment ago, so that what others send may not
    /// have arrived.
    pub(crate) fn was_away(&self, now: Timestamp) -> bool {
        self.is_away() || now.0 - self.back_at.load(Ordering::Acquire) < RECOVERY_MS
    }

    /// Whether whatever is done in a shard is to be noted before, because its owners have died.
    pub(crate) fn is_watched(&self, shard: i16) -> bool {
        let (word, bit) = place(shard);
        self.watched[word].load(Ordering::Acquire) & bit != 0
    }

    /// Only these shards are watched from now on.
    pub(crate) fn watch(&self, shards: &[i16]) {
        let mut words = [0; 4];
        for (word, bit) in shards.iter().map(|shard| place(*shard)) {
            words[word] |= bit;
        }
        for (watched, word) in self.watched.iter().zip(words) {
            watched.store(word, Ordering::Release);
        }
    }

    /// Notes whether the store answers; whether that is news.
    pub(crate) fn set_away(&self, is_away: bool, now: Timestamp) -> bool {
        let is_news = self.is_away.swap(is_away, Ordering::AcqRel) != is_away;
        if is_news && !is_away {
            self.back_at.store(now.0, Ordering::Release);
        }
        is_news
    }
}

/// Where a shard's bit is.
fn place(shard: i16) -> (usize, u64) {
    let shard = usize::from(shard.unsigned_abs());
    ((shard / 64) % 4, 1 << (shard % 64))
}
