//! How far this node's clock is from the database's.
//!
//! Deadlines and schedules go by the clock of whichever node works on them. Nodes cannot compare their
//! clocks with each other, but each can with the database's, at every beat.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use machine::Timestamp;

/// Beyond this difference the node warns.
const DIFFERS_MS: i64 = 1_000;
/// Beyond this one it fires no schedules: what a clock that is far ahead decides stays decided.
const WRONG_MS: i64 = 10_000;

/// What the last comparison showed.
#[derive(Default)]
pub(crate) struct Skew(Mutex<Comparison>);

/// This node's clock beside the database's.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Comparison {
    /// How far it is ahead; behind, if that is less than zero.
    pub ahead_ms: i64,
    /// By how much that may be mistaken, since the answer took its time.
    pub uncertainty_ms: i64,
    pub verdict: Verdict,
}

/// What is to be thought of the difference.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub enum Verdict {
    /// A second at most.
    #[default]
    Agrees,
    /// More than that.
    Differs,
    /// More than ten seconds: this node fires no schedules.
    Wrong,
}

impl Verdict {
    fn of(difference_ms: i64) -> Self {
        if difference_ms > WRONG_MS {
            Self::Wrong
        } else if difference_ms > DIFFERS_MS {
            Self::Differs
        } else {
            Self::Agrees
        }
    }
}

impl Skew {
    /// Takes in what the database's clock said, which has just been told, in an answer that took so
    /// long, where ours says `now`. Says so once if that changes what is to be thought of it. Whether
    /// schedules may fire again.
    pub(crate) fn compare(&self, theirs: Timestamp, took: Duration, now: Timestamp) -> bool {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = *last;
        *last = compared(before.verdict, theirs, took, now);
        if last.verdict != before.verdict {
            last.tell();
        }
        before.verdict == Verdict::Wrong && last.verdict != Verdict::Wrong
    }

    /// What the last comparison showed; that all is well before the first one.
    pub(crate) fn last(&self) -> Comparison {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether schedules must not fire by this clock.
    pub(crate) fn is_wrong(&self) -> bool {
        self.last().verdict == Verdict::Wrong
    }
}

impl Comparison {
    /// How far this node's clock is ahead; behind, if that is less than zero.
    #[expect(clippy::cast_precision_loss, reason = "a few years of milliseconds")]
    pub(crate) fn ahead_seconds(&self) -> f64 {
        self.ahead_ms as f64 / 1_000.0
    }

    /// What is wrong, in words; nothing if the clocks agree.
    pub fn complaint(&self) -> Option<String> {
        let side = if self.ahead_ms < 0 { "behind" } else { "ahead of" };
        let (seconds, tenths) = (self.ahead_ms.abs() / 1_000, self.ahead_ms.abs() % 1_000 / 100);
        let difference = format!("this node's clock is {seconds}.{tenths} s {side} the database's");
        match self.verdict {
            Verdict::Agrees => None,
            Verdict::Differs => Some(format!(
                "{difference}, and deadlines and schedules go by it: have both set by NTP"
            )),
            Verdict::Wrong => Some(format!(
                "{difference}, and it fires no schedules until they agree: have both set by NTP"
            )),
        }
    }

    fn tell(&self) {
        let Self { ahead_ms, uncertainty_ms, verdict } = *self;
        let complaint = self.complaint().unwrap_or_default();
        match verdict {
            Verdict::Agrees => {
                tracing::info!(ahead_ms, "this node's clock agrees with the database's again");
            }
            Verdict::Differs => tracing::warn!(ahead_ms, uncertainty_ms, "{complaint}"),
            Verdict::Wrong => tracing::error!(ahead_ms, uncertainty_ms, "{complaint}"),
        }
    }
}

/// Their time was told while we waited for it, most likely half-way. What was thought before is still
/// thought where the difference may be that much.
fn compared(before: Verdict, theirs: Timestamp, took: Duration, now: Timestamp) -> Comparison {
    let half_ms = i64::try_from(took.as_millis() / 2).unwrap_or(i64::MAX);
    let ahead_ms = now.0.saturating_sub(half_ms).saturating_sub(theirs.0);
    // What is less than a millisecond is cut off.
    let uncertainty_ms = half_ms.saturating_add(1);
    let difference = ahead_ms.saturating_abs();
    let least = Verdict::of(difference.saturating_sub(uncertainty_ms));
    let most = Verdict::of(difference.saturating_add(uncertainty_ms));
    Comparison { ahead_ms, uncertainty_ms, verdict: before.clamp(least, most) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is thought of a clock that is so far ahead, when the answer took so long.
    fn seen(before: Verdict, ahead_ms: i64, took_ms: u64) -> (i64, Verdict) {
        let (theirs, took) = (Timestamp(1_000_000), Duration::from_millis(took_ms));
        let now = theirs.plus_ms(ahead_ms + i64::try_from(took_ms / 2).unwrap());
        let seen = compared(before, theirs, took, now);
        (seen.ahead_ms, seen.verdict)
    }

    #[test]
    fn a_difference_is_judged_by_what_it_is_at_least() {
        use Verdict::{Agrees, Differs, Wrong};
        assert_eq!(seen(Agrees, 0, 10), (0, Agrees));
        assert_eq!(seen(Agrees, 900, 10), (900, Agrees));
        assert_eq!(seen(Agrees, -1_100, 10), (-1_100, Differs));
        assert_eq!(seen(Agrees, 10_100, 10), (10_100, Wrong));
        assert_eq!(seen(Agrees, 1_900, 2_000), (1_900, Agrees), "the answer took too long to tell");
        assert_eq!(seen(Wrong, 9_500, 2_000), (9_500, Wrong), "nor does it tell that all is well");
        assert_eq!(seen(Wrong, 5_000, 10), (5_000, Differs));
        assert_eq!(seen(Wrong, 10, 10), (10, Agrees));
    }

    #[test]
    fn a_complaint_says_by_how_much_and_what_comes_of_it() {
        let complaint = |ahead_ms, verdict| {
            Comparison { ahead_ms, uncertainty_ms: 1, verdict }.complaint().unwrap_or_default()
        };
        assert_eq!(complaint(20, Verdict::Agrees), "");
        assert_eq!(
            complaint(-1_250, Verdict::Differs),
            "this node's clock is 1.2 s behind the database's, and deadlines and schedules go by \
             it: have both set by NTP"
        );
        assert_eq!(
            complaint(61_900, Verdict::Wrong),
            "this node's clock is 61.9 s ahead of the database's, and it fires no schedules until \
             they agree: have both set by NTP"
        );
    }
}
