//! Sleeping executions are brought back a little before their time.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::clock::moment;
use crate::options::EngineOptions;
use crate::post::Mailboxes;
use crate::post::mail::{Key, Mail};
use crate::shared::Shared;
use crate::tenure::Tenure;

#[cfg(test)]
mod tests;

/// How far ahead the store is asked, at most.
const AHEAD: Duration = Duration::from_secs(40);
/// Most executions woken by one question.
const AT_ONCE: i64 = 5_000;
/// How soon they are looked for again when a mailbox was full.
const SOON: Duration = Duration::from_millis(100);
/// After how many rounds the shards are looked through from the beginning.
const ANEW: u64 = 4;

/// How far ahead this engine looks: less than anything sleeps that goes to sleep.
pub(crate) fn ahead(options: &EngineOptions) -> Duration {
    AHEAD.min(options.sleep_after * 2 / 3)
}

/// Looks for executions to wake, again and again.
pub(crate) struct Sleepers {
    pub(crate) shared: Arc<Shared>,
    pub(crate) owners: Mailboxes,
    /// How far each shard of ours has been looked through, in which tenure.
    pub(crate) seen: HashMap<i16, (Tenure, Place)>,
}

/// A place in the order in which executions want to be woken.
pub(crate) type Place = (DateTime<Utc>, Uuid);

/// When to look for more.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Next {
    Now,
    /// Once there is room in the mailboxes.
    Soon,
    Later,
}

impl Sleepers {
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        let ahead = ahead(&self.shared.options);
        let mut begun = self.shared.begun.subscribe();
        let mut round = 0_u64;
        loop {
            let mut next = Next::Later;
            if !self.shared.is_away() {
                next = self.wake(ahead).await;
            }
            let pause = match next {
                Next::Now => Duration::ZERO,
                Next::Soon => SOON,
                Next::Later => ahead / 2,
            };
            if next == Next::Later {
                round += 1;
                // What went to sleep late, behind the place that had been seen, is found then.
                if round.is_multiple_of(ANEW) {
                    self.seen.clear();
                }
            }
            tokio::select! {
                () = stop.cancelled() => return,
                // What sleeps in a shard that is gained may be due.
                _ = begun.changed() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Wakes the next of those whose time is near. An owner whose mailbox is full keeps no
    /// others waiting: its shards stay where they are.
    async fn wake(&mut self, ahead: Duration) -> Next {
        let shared = self.shared.clone();
        // What was dropped with an earlier tenure is to be woken again.
        self.seen.retain(|shard, (tenure, _)| shared.standing.tenures.of(*shard) == Some(*tenure));
        let mut owned: HashMap<i16, Tenure> = (shared.owned().into_iter())
            .filter_map(|shard| Some((shard, shared.standing.tenures.of(shard)?)))
            .collect();
        let all = owned.len();
        owned.retain(|shard, _| self.owners.has_room(*shard));
        let mut is_crowded = owned.len() < all;
        let beginning = (DateTime::<Utc>::UNIX_EPOCH, Uuid::nil());
        let after = |shard: &i16| self.seen.get(shard).map_or(beginning, |(_, place)| *place);
        // All shards that stand at the same place are asked for at once; usually that is all.
        let Some(place) = owned.keys().map(after).min() else {
            return if is_crowded { Next::Soon } else { Next::Later };
        };
        let shards: Vec<i16> =
            owned.keys().copied().filter(|shard| after(shard) == place).collect();
        let others = shards.len() < owned.len();
        let ahead_ms = i64::try_from(ahead.as_millis()).unwrap_or(i64::MAX);
        let before = moment(shared.now().plus_ms(ahead_ms));
        let due = match shared.store.due_wakes(&shards, place, before, AT_ONCE).await {
            Ok(due) => due,
            Err(error) => {
                shared.set_away(error.is_unavailable(), &error.to_string());
                return Next::Later;
            }
        };
        let is_full = i64::try_from(due.len()).unwrap_or(i64::MAX) >= AT_ONCE;
        let mut reached = match due.last() {
            Some((_, id, at)) if is_full => (*at, *id),
            _ => (before, Uuid::nil()),
        };
        let mut woken = place;
        for (shard, id, at) in due {
            if self.owners.post(shard, Mail::Wake(Key { shard, id })).is_err() {
                (reached, is_crowded) = (woken, true);
                break;
            }
            woken = (at, id);
        }
        for shard in shards {
            self.seen.insert(shard, (owned[&shard], reached.max(place)));
        }
        match (is_crowded, is_full || others) {
            (true, _) => Next::Soon,
            (false, true) => Next::Now,
            (false, false) => Next::Later,
        }
    }
}
