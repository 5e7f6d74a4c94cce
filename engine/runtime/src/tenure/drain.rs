//! How a node stops: it lets its calls end and hands its shards over as they become quiet; then it
//! hands over the rest.

use std::time::Duration;

use tokio::time::Instant;

use crate::engine::{Engine, PATIENCE};

/// How often it is said what is waited for.
const SAID_EVERY: Duration = Duration::from_secs(5);
/// Most functions and states that are named then.
const NAMED: usize = 5;

impl Engine {
    /// Takes no new work: no call begins on this node any more, and what asks for one is recorded as
    /// not begun. Hands shards over, each when the last of its calls has ended; where no other node
    /// lives, keeps them. Returns when nothing is under way any more, or after so long.
    pub async fn drain(&self, patience: Duration) {
        let shared = &self.shared;
        shared.standing.gates.close_all();
        shared.draining.cancel();
        shared.beat.notify_one();
        let deadline = Instant::now() + patience;
        let mut say_at = Instant::now();
        loop {
            if say_at <= Instant::now() {
                self.say_what_is_waited_for(deadline);
                say_at = Instant::now() + SAID_EVERY;
            }
            let next = say_at.min(deadline);
            tokio::select! {
                () = shared.drained.cancelled() => {
                    tracing::info!("no call is under way any more");
                    return;
                }
                () = tokio::time::sleep_until(next) => {}
            }
            if deadline <= Instant::now() {
                let calls = shared.standing.gates.all_busy();
                tracing::warn!(calls, "{calls} calls have not ended in time and are cut");
                return;
            }
        }
    }

    fn say_what_is_waited_for(&self, deadline: Instant) {
        let begun = self.shared.calls.begun();
        let calls: usize = begun.iter().map(|(_, count)| count).sum();
        let seconds = deadline.saturating_duration_since(Instant::now()).as_secs();
        if calls == 0 {
            tracing::info!("stopping: no call is under way; shards are handed over");
            return;
        }
        let named = begun.iter().take(NAMED).map(|(what, count)| format!("{count} of {what}"));
        let mut named: Vec<String> = named.collect();
        if begun.len() > NAMED {
            named.push(format!("{} others", begun.len() - NAMED));
        }
        let named = named.join(", ");
        tracing::info!(
            calls,
            "stopping: waiting for {calls} calls under way, {seconds} s at most: {named}"
        );
    }

    /// Whether it was told to stop.
    pub fn is_draining(&self) -> bool {
        self.shared.draining.is_cancelled()
    }

    /// Hands all shards over and ends the loops. What is decided is written first; calls that are still
    /// under way are dropped here and made again by the next owner, with the same idempotency key.
    pub async fn shutdown(&self) {
        self.shared.draining.cancel();
        self.stop.cancel();
        self.owners.close();
        self.loops.ended(PATIENCE).await;
    }
}
