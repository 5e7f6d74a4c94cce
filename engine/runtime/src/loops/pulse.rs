//! Whether loops move: each notes when it begins a piece of work and when it is done.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// For how long one piece of work may take until it is told that nothing moves.
const LONG: Duration = Duration::from_secs(10);

/// The pulses of a node's loops.
#[derive(Default)]
pub(crate) struct Pulses(Mutex<Vec<Arc<Pulse>>>);

/// One loop's.
pub(crate) struct Pulse {
    /// What works, and at what: "owner 0 is at one step".
    what: String,
    first: Instant,
    /// When the work began that is not done, in milliseconds after `first` and one; 0 while there is
    /// none.
    since: AtomicU64,
}

impl Pulses {
    pub(crate) fn add(&self, what: String) -> Arc<Pulse> {
        let pulse = Arc::new(Pulse { what, first: Instant::now(), since: AtomicU64::new(0) });
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(pulse.clone());
        pulse
    }

    /// What does not move, in words.
    pub(crate) fn stuck(&self) -> Vec<String> {
        let now = Instant::now();
        let pulses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        pulses.iter().filter_map(|pulse| pulse.stuck(now)).collect()
    }
}

impl Pulse {
    /// A piece of work begins.
    pub(crate) fn begin(&self) {
        let since = u64::try_from(self.first.elapsed().as_millis()).unwrap_or(u64::MAX - 1);
        self.since.store(since + 1, Ordering::Relaxed);
    }

    /// It is done.
    pub(crate) fn done(&self) {
        self.since.store(0, Ordering::Relaxed);
    }

    fn stuck(&self, now: Instant) -> Option<String> {
        let since = self.since.load(Ordering::Relaxed).checked_sub(1)?;
        let took = now.saturating_duration_since(self.first + Duration::from_millis(since));
        (took >= LONG).then(|| format!("{} for {} s", self.what, took.as_secs()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_is_long_at_one_thing_is_told_of() {
        let pulses = Pulses::default();
        let pulse = pulses.add("owner 0 is at one step".to_owned());
        tokio::time::advance(LONG).await;
        assert!(pulses.stuck().is_empty(), "it rests");
        pulse.begin();
        tokio::time::advance(LONG).await;
        assert_eq!(pulses.stuck(), ["owner 0 is at one step for 10 s"]);
        pulse.done();
        assert!(pulses.stuck().is_empty());
    }
}
