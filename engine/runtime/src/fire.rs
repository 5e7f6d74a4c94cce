//! Due schedules become starts.
//!
//! A node takes hold of schedules that have something to do, decides what came due
//! ([`plan`]), and works through the firings that wait ([`attempt`]). All that counts is in the
//! store: a due time is decided once, and a firing starts its execution under one name for ever.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use machine::Timestamp;
use machine::schedule::Schedule as Rule;
use store::{Claimed, Overlap};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::clock::moment;
use crate::engine::Engine;
use crate::metrics::METRICS;
use crate::shared::Shared;

mod attempt;
mod backfill;
mod bounds;
mod input;
mod name;
mod overlap;
mod plan;
mod reason;
mod target;
#[cfg(test)]
mod tests;

use attempt::Attempts;

/// How often the store is asked when nothing is known to be due, in case a hint was lost.
const EVERY: Duration = Duration::from_secs(15);
/// After how long it is asked again when it was away.
const AGAIN: Duration = Duration::from_secs(5);
/// For how long a node takes hold of a schedule; longer than a start and a stop may take.
const HOLD: Duration = Duration::from_secs(30);
/// How often, and how many times, a node tries to let go of a schedule while the store is away.
const RELEASE_AGAIN: Duration = Duration::from_millis(500);
const RELEASES: usize = 60;
/// Most schedules a node has hold of at once.
const AT_ONCE: usize = 16;
/// Most firings of a schedule that are tried before the next look at it.
const FIRINGS: i64 = 200;
/// Decided firings of a schedule that are kept.
const KEPT: i64 = 1_000;
/// Starts, or stops, of executions of one schedule at once.
const STARTS: usize = 8;
/// After this, a firing that was never tried was missed.
const GRACE_MS: i64 = 60_000;
/// Clocks differ by less than this.
const CLOCKS_DIFFER_MS: i64 = 300_000;
/// A schedule that nobody looked at for longer than this may have come due thousands of times.
const LONG_MS: i64 = 6 * 3_600_000;
/// How long one that cannot be served is left alone.
const LEFT_ALONE_MS: i64 = 30_000;

/// Fires schedules, again and again.
pub(crate) struct Fire {
    at_work: Arc<AtWork>,
    /// One for each schedule that this node has hold of.
    held: JoinSet<()>,
    /// Holds of which nobody knows whether they were taken, because the answer was lost.
    in_doubt: Vec<Uuid>,
}

/// What it takes to serve a schedule.
struct AtWork {
    engine: Engine,
    shared: Arc<Shared>,
    stop: CancellationToken,
}

impl Fire {
    /// A node that was told to stop takes hold of nothing more.
    pub(crate) fn new(engine: Engine, shared: Arc<Shared>) -> Self {
        let stop = shared.draining.clone();
        let at_work = Arc::new(AtWork { engine, shared, stop });
        Self { at_work, held: JoinSet::new(), in_doubt: Vec::new() }
    }

    pub(crate) async fn run(mut self) {
        let stop = self.at_work.stop.clone();
        let shared = self.at_work.shared.clone();
        loop {
            while self.held.try_join_next().is_some() {}
            let rests = shared.is_away() || shared.skew.is_wrong();
            let pause = if rests { AGAIN } else { self.look().await };
            tokio::select! {
                () = stop.cancelled() => break,
                () = shared.schedules.notified() => {}
                // What was just served may be due again before anything else.
                Some(_) = self.held.join_next(), if !self.held.is_empty() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
        // Each ends within the patience of a start, and lets go of its schedule.
        while self.held.join_next().await.is_some() {}
        if let Err(error) = self.drop_in_doubt(moment(shared.now())).await {
            tracing::warn!(%error, "some schedules are held for {} s more", HOLD.as_secs());
        }
    }

    /// Takes hold of what has something to do; how long nothing more has.
    async fn look(&mut self) -> Duration {
        let shared = self.at_work.shared.clone();
        let now = shared.now();
        match self.claim(now).await {
            Ok(next) => {
                let due = next.map(|next| next.timestamp_millis() - now.0);
                let due = due.and_then(|ms| u64::try_from(ms).ok()).map(Duration::from_millis);
                due.map_or(EVERY, |due| due.min(EVERY))
            }
            Err(error) => {
                shared.set_away(error.is_unavailable(), &error.to_string());
                if !error.is_unavailable() {
                    tracing::error!(%error, "schedules cannot be read; tried again later");
                }
                AGAIN
            }
        }
    }

    /// Takes hold of what has something to do now; when others have.
    async fn claim(&mut self, now: Timestamp) -> Result<Option<DateTime<Utc>>, store::Error> {
        let now = moment(now);
        self.drop_in_doubt(now).await?;
        let store = &self.at_work.shared.store;
        let free = AT_ONCE.saturating_sub(self.held.len());
        if free > 0 {
            let holder = Uuid::new_v4();
            let limit = i64::try_from(free).unwrap_or(i64::MAX);
            let claimed = store.claim_schedules(holder, now, HOLD, limit).await;
            for claimed in claimed.inspect_err(|_| self.in_doubt.push(holder))? {
                let at_work = self.at_work.clone();
                self.held.spawn(async move { at_work.serve(claimed).await });
            }
        }
        let next = store.next_schedule(now).await?;
        if next.groups_go && self.at_work.remove_deleted_groups().await {
            return Ok(Some(now));
        }
        Ok(next.at)
    }

    /// Lets go of what this node may have taken hold of.
    async fn drop_in_doubt(&mut self, now: DateTime<Utc>) -> Result<(), store::Error> {
        if !self.in_doubt.is_empty() {
            self.at_work.shared.store.drop_holds(&self.in_doubt, now).await?;
            self.in_doubt.clear();
        }
        Ok(())
    }
}

impl AtWork {
    /// Does what a schedule has to do now, and lets go of it.
    async fn serve(&self, claimed: Claimed) {
        let shared = &self.shared;
        let Err(error) = self.work(&claimed).await else { return };
        // One slow statement does not mean that the store is away.
        let again_at = if error.is_unavailable() {
            None
        } else {
            let name = &claimed.schedule.name;
            tracing::error!(schedule = name, %error, "schedule `{name}` cannot be served: {error}");
            Some(moment(shared.now().plus_ms(LEFT_ALONE_MS)))
        };
        self.let_go(&claimed, again_at).await;
    }

    /// Lets go of a schedule that could not be served, as soon as the store answers again; a node that
    /// stops asks once more. After that the hold has run out anyway.
    async fn let_go(&self, claimed: &Claimed, again_at: Option<DateTime<Utc>>) {
        for _ in 0..RELEASES {
            let is_last = self.stop.is_cancelled();
            let given_back = self.shared.store.give_back_schedule(claimed, again_at).await;
            if given_back.is_ok() || is_last {
                return;
            }
            tokio::select! {
                () = self.stop.cancelled() => {}
                () = tokio::time::sleep(RELEASE_AGAIN) => {}
            }
        }
    }

    async fn work(&self, claimed: &Claimed) -> Result<(), store::Error> {
        let (store, schedule) = (&self.shared.store, &claimed.schedule);
        let settings = &schedule.settings;
        let rule = match Rule::parse_kept(&settings.expression, &settings.timezone) {
            Ok(rule) => Some(rule),
            Err(why) => {
                let name = &schedule.name;
                tracing::error!(schedule = name, "schedule `{name}` is never due: {why}");
                None
            }
        };
        let mut next_due_at = schedule.next_due_at;
        if let Some(rule) = &rule {
            let now = self.now();
            warn_of_clocks(schedule, now);
            let plan = planned(schedule, rule, now).await;
            next_due_at = plan.next_due_at;
            // A pause, or its end, has been looked at only when that is written down.
            let is_news = !plan.firings.is_empty()
                || plan.next_due_at != schedule.next_due_at
                || schedule.state_since > schedule.decided_until;
            if is_news && !store.advance_schedule(claimed, &plan, moment(now)).await? {
                return store.release_schedule(claimed).await;
            }
            let skipped = plan.firings.iter().filter(|firing| firing.skipped.is_some());
            count("skipped", skipped.map(|firing| firing.due_count).sum());
            self.go_on_with_backfills(claimed, rule).await?;
        }
        let decided = Attempts::new(self, claimed).work_through().await?;
        if decided > 0 {
            store.prune_firings(schedule.id, KEPT).await?;
        }
        let is_last = settings.delete_after_completion && next_due_at.is_none();
        if is_last && store.finish_schedule(claimed).await? {
            let name = &schedule.name;
            tracing::info!(schedule = name, "schedule `{name}` has fired for the last time");
            return Ok(());
        }
        if rule.is_none() {
            let later = moment(self.now().plus_ms(LEFT_ALONE_MS));
            return store.give_back_schedule(claimed, Some(later)).await;
        }
        store.release_schedule(claimed).await
    }

    /// Removes some of what belongs to groups that go; whether there may be more.
    async fn remove_deleted_groups(&self) -> bool {
        let removed = self.shared.store.remove_deleted_groups().await;
        removed.unwrap_or_else(|error| {
            tracing::warn!(%error, "deleted groups of schedules are not removed yet: {error}");
            false
        })
    }

    fn now(&self) -> Timestamp {
        self.shared.now()
    }
}

/// What a clock that is far ahead has decided stays decided: somebody has to know.
fn warn_of_clocks(schedule: &store::Schedule, now: Timestamp) {
    let ahead_ms = schedule.decided_until.timestamp_millis().saturating_sub(now.0);
    if ahead_ms > CLOCKS_DIFFER_MS {
        let (name, until) = (&schedule.name, name::shown(schedule.decided_until));
        tracing::error!(
            schedule = name,
            "schedule `{name}` was looked at under a clock that is {} s ahead of this one; what \
             is due up to {until} is decided already. Delete it and create it anew to have it fire \
             earlier",
            ahead_ms / 1_000
        );
    }
}

/// What came due. Looking through what nobody looked at for long takes a while, which the
/// other work of this thread is spared.
async fn planned(schedule: &store::Schedule, rule: &Rule, now: Timestamp) -> store::Plan {
    let behind_ms = now.0.saturating_sub(schedule.decided_until.timestamp_millis());
    if behind_ms > LONG_MS {
        let (schedule, rule) = (schedule.clone(), rule.clone());
        let planned = tokio::task::spawn_blocking(move || plan::plan(&schedule, &rule, now));
        if let Ok(plan) = planned.await {
            return plan;
        }
    }
    plan::plan(schedule, rule, now)
}

/// Whether firings of a schedule have to heed each other.
fn in_order(schedule: &store::Schedule) -> bool {
    match schedule.settings.overlap {
        Overlap::Allow => false,
        Overlap::Skip | Overlap::QueueOne | Overlap::CancelPrevious => true,
    }
}

/// Counts firings by what became of them.
fn count(outcome: &'static str, firings: i64) {
    let firings = u64::try_from(firings).unwrap_or(0);
    METRICS.loops.firings.with_label_values(&[outcome]).inc_by(firings);
}
