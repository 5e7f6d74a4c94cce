//! Whether a failed state is tried again, and after how long.

use asl::program::{Jitter, Retrier};

use crate::random::Random;

/// The next attempt.
pub(crate) struct Again {
    /// Index of the retrier that asks for it.
    pub(crate) retrier: u32,
    pub(crate) delay_ms: i64,
}

/// Asks the first retrier that matches the error by one of its names. Each retrier counts for itself; one that is
/// used up does not pass the error on to the next.
pub(crate) fn decide(
    retriers: &[Retrier],
    used: &[u32],
    names: &[&str],
    random: &Random,
) -> Option<Again> {
    let (index, retrier) = retriers.iter().enumerate().find(|(_, retrier)| {
        names.iter().any(|name| asl::error_name::matches(&retrier.error_equals, name))
    })?;
    let attempts = used.get(index).copied().unwrap_or(0);
    if u64::from(attempts) >= retrier.max_attempts {
        return None;
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a delay is between zero and 99,999,999 seconds"
    )]
    let delay_ms = (asl::retry::delay_seconds(retrier, u64::from(attempts)) * 1000.0) as u64;
    let delay_ms = match retrier.jitter {
        Jitter::None => delay_ms,
        Jitter::Full => random.up_to(delay_ms),
    };
    Some(Again {
        retrier: u32::try_from(index).ok()?,
        delay_ms: i64::try_from(delay_ms).unwrap_or(i64::MAX),
    })
}
