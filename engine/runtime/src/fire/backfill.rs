//! Backfills make their firings little by little, at their rate.

use machine::schedule::Schedule as Rule;
use store::{Claimed, FiringKind};

use crate::clock::moment;

use super::bounds::{Bounds, timestamp};
use super::plan::pending;
use super::{AtWork, in_order};

/// For how long ahead firings are made.
const AHEAD_MS: i64 = 5_000;
/// Most firings of a backfill that wait at once.
const MOST_WAITING: i64 = 200;
/// The same where they wait for each other.
const MOST_WAITING_IN_ORDER: i64 = 10;

impl AtWork {
    /// Makes the firings of backfills whose time has come.
    pub(super) async fn go_on_with_backfills(
        &self,
        claimed: &Claimed,
        rule: &Rule,
    ) -> Result<(), store::Error> {
        let (store, schedule) = (&self.shared.store, &claimed.schedule);
        let most = if in_order(schedule) { MOST_WAITING_IN_ORDER } else { MOST_WAITING };
        for seen in store.running_backfills(schedule.id).await? {
            let now = self.now();
            let begin = seen.next_at.map_or(now, timestamp).max(now.plus_ms(-AHEAD_MS));
            if begin > now {
                continue;
            }
            let pace_ms = 60_000 / i64::from(seen.per_minute.max(1));
            let waiting = store.waiting_of_backfill(schedule.id, seen.id).await?;
            let room = (most - waiting).max(0).min(1 + AHEAD_MS / pace_ms.max(1));
            if room == 0 {
                let later = Some(moment(now.plus_ms(AHEAD_MS)));
                store
                    .advance_backfill(claimed, &seen, seen.decided_until, later, &[], moment(now))
                    .await?;
                continue;
            }
            let until = timestamp(seen.until).plus_ms(-1);
            let room = usize::try_from(room).unwrap_or(1);
            let bounds = Bounds::of_backfill(schedule, rule, timestamp(seen.from));
            let due = bounds.due(timestamp(seen.decided_until), until, room);
            let is_last = due.len() < room;
            let mut fire_at = begin;
            let mut firings = Vec::new();
            for due in &due {
                firings.push(pending(*due, FiringKind::Backfill, fire_at));
                fire_at = fire_at.plus_ms(pace_ms);
            }
            let reached = due.last().map_or(seen.decided_until, |last| moment(*last));
            let next = (!is_last).then(|| moment(fire_at));
            store.advance_backfill(claimed, &seen, reached, next, &firings, moment(now)).await?;
        }
        Ok(())
    }
}
