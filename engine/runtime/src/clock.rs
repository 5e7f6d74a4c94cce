//! The only place that asks what time it is.

use std::time::{SystemTime, UNIX_EPOCH};

use machine::Timestamp;

/// The node's wall clock. Execution time is wall-clock time, as on AWS: deadlines survive
/// restarts and hand-overs.
#[derive(Clone, Copy, Debug, Default)]
pub struct Clock;

impl Clock {
    /// Now, in whole milliseconds.
    #[expect(clippy::disallowed_methods, reason = "this is the clock the others ask")]
    pub fn now(self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}
