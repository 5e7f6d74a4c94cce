//! What is looked up only when somebody asks for the figures: queues, connections, the lease.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::{METRICS, whole};
use crate::engine::Engine;

/// How long a reading waits for a connection of the pool, or for a count.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long the count of sleeping executions is good for, in milliseconds: it reads as many rows of
/// an index as there are.
const COUNT_MS: i64 = 60_000;
/// Sleeping executions that are counted at most.
const MOST_COUNTED: i64 = 1_000_000;

impl Engine {
    /// All figures in Prometheus' text format, as those of one account may see them. Takes two seconds
    /// at most, if the database does not answer.
    pub async fn metrics(&self, account: &str) -> String {
        self.read_queues();
        let readiness = self.readiness();
        METRICS.place.shards_owned.set(whole(readiness.owned));
        METRICS.place.shards_due.set(whole(readiness.due));
        METRICS.place.lease.set(self.shared.standing.lease.seconds_left());
        METRICS.place.clock_ahead.set(self.clock().ahead_seconds());
        self.read_database().await;
        METRICS.text(account)
    }

    fn read_queues(&self) {
        METRICS.loops.mailboxes.set(whole(self.owners.waiting()));
    }

    async fn read_database(&self) {
        let store = &self.shared.store;
        let began = Instant::now();
        // However that ends, it is how long somebody waits.
        let _ = timeout(PATIENCE, store.ping()).await;
        METRICS.place.connection_wait.set(began.elapsed().as_secs_f64());
        let pool = store.connections();
        METRICS.place.most_connections.set(whole(pool.most));
        METRICS.place.connections.with_label_values(&["in_use"]).set(whole(pool.in_use));
        METRICS.place.connections.with_label_values(&["idle"]).set(whole(pool.idle));
        let now = self.now().0;
        let last = self.shared.asleep_counted_at.load(Ordering::Relaxed);
        if self.shared.is_away() || now.saturating_sub(last) < COUNT_MS {
            return;
        }
        self.shared.asleep_counted_at.store(now, Ordering::Relaxed);
        let shards = self.shared.owned();
        let counting = store.count_asleep(&shards, MOST_COUNTED);
        if let Ok(Ok(count)) = timeout(PATIENCE, counting).await {
            METRICS.executions.asleep.set(count);
        }
        if let Ok(Ok(count)) = timeout(PATIENCE, store.count_set_aside(&shards)).await {
            METRICS.executions.set_aside.set(count);
        }
    }
}
