//! The only place that asks what time it is.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use chrono::{DateTime, Utc};
use machine::Timestamp;
use tokio::time::Instant;

/// The same moment as the store writes it.
pub(crate) fn moment(at: Timestamp) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(at.0).unwrap_or_default()
}

/// One moment, by the wall's clock, which may be set, and by one that only goes forward.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Now {
    pub(crate) wall: Timestamp,
    pub(crate) steady: Instant,
}

/// The node's wall clock. Execution time is wall-clock time, as on AWS: deadlines survive
/// restarts and hand-overs. Clones are one clock.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    ahead_ms: Arc<AtomicI64>,
}

impl Clock {
    /// Now, in whole milliseconds.
    pub fn now(&self) -> Timestamp {
        Self::of_system().plus_ms(self.ahead_ms.load(Ordering::Relaxed))
    }

    /// The present moment by both clocks.
    pub(crate) fn moment(&self) -> Now {
        Now { wall: self.now(), steady: Instant::now() }
    }

    /// What the system's clock says, whatever this one was set to: other clocks are compared with it.
    #[expect(clippy::disallowed_methods, reason = "this is the clock the others ask")]
    pub(crate) fn of_system() -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    /// Sets the clock so far ahead of the system's, or behind it: for trials of what comes due
    /// later, and of clocks that jump.
    pub fn set_ahead(&self, ms: i64) {
        self.ahead_ms.store(ms, Ordering::Relaxed);
    }
}
