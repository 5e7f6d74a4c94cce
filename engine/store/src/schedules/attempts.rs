//! The firings of a schedule that wait, how they are tried, and what becomes of them.
//!
//! Whatever is written here is written under the hold: its row is locked first, and nothing
//! happens if somebody else has hold of the schedule by now.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::Row;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use crate::{Error, Store, in_time};

use super::firings::{self, firing};
use super::{Claimed, Firing, FiringKey, FiringState};

/// Most executions of a schedule that are looked at together.
const LOOKED_AT: i64 = 100;
/// How often as many are looked at before those that run are told.
const LOOKS: usize = 200;
/// Most firings that are kept because their executions run.
const MOST_RUNNING: i64 = 10_000;

/// An attempt at a firing.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Attempt {
    /// Counts from one.
    pub number: i32,
    /// What is to be started, as the first attempt had it.
    pub target_arn: String,
    /// With which input, as the first attempt had it, placeholders and all; `None` for a
    /// notification.
    pub input: Option<String>,
}

/// Why and until when a firing is not tried.
#[derive(Clone, Copy, Debug)]
pub struct Postponed<'a> {
    /// Pending or queued.
    pub state: FiringState,
    /// When it is tried next.
    pub until: DateTime<Utc>,
    /// Why; `None`: for the reason it was postponed before.
    pub reason: Option<&'a str>,
    /// Whether the engine refused it; else nobody knows whether it has started, or it was not
    /// tried.
    pub refused: bool,
}

/// What waits in a schedule's log.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Waiting {
    /// Until then an earlier firing is not tried again that was refused, or got no answer, so that
    /// nobody knows whether it has started.
    pub held_up_until: Option<DateTime<Utc>>,
    /// When the firing was due that waits for an earlier execution to end.
    pub queued: Option<DateTime<Utc>>,
}

/// What becomes of a firing.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Decision {
    /// Its execution runs, or ran.
    Started {
        /// The name of the state machine.
        state_machine: String,
        /// The execution's name.
        execution: String,
        /// The execution's shard.
        shard: i16,
    },
    /// It does not run.
    Skipped,
    /// Its execution cannot be started.
    Failed,
}

/// An execution of a schedule that runs.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RunningFiring {
    /// Which firing started it.
    pub key: FiringKey,
    /// The name of its state machine.
    pub state_machine: String,
    /// The execution's name.
    pub execution: String,
}

impl Store {
    /// Firings of a schedule that are to be tried at `now`, and those that wait for an earlier
    /// execution whenever one is looked at, so that nothing overtakes them. Those come first of
    /// which nobody knows whether they have started, then by the time they were to start. Served
    /// by `schedule_firings_open`.
    pub async fn open_firings(
        &self,
        schedule_id: Uuid,
        now: DateTime<Utc>,
        limit: i64,
    ) -> Result<Vec<Firing>, Error> {
        let rows = in_time(
            sqlx::query(concat!(
                "SELECT ",
                firings::columns!(),
                " FROM schedule_firings
                 WHERE schedule_id = $1 AND decided_at IS NULL
                     AND (next_try_at <= $2 OR state = 'queued')
                 ORDER BY (state = 'pending' AND attempts > 0) DESC,
                     CASE WHEN kind = 'catch_up' THEN due_at ELSE fire_at END, due_at, request
                 LIMIT $3"
            ))
            .bind(schedule_id)
            .bind(now)
            .bind(limit)
            .fetch_all(&self.pool),
        )
        .await?;
        Ok(rows.iter().map(firing).collect::<Result<_, _>>()?)
    }

    /// What waits in a schedule's log beside the firings that are to be tried now.
    pub async fn waiting_firings(
        &self,
        schedule_id: Uuid,
        now: DateTime<Utc>,
    ) -> Result<Waiting, Error> {
        let row = in_time(
            sqlx::query(
                "SELECT max(next_try_at) FILTER (
                         WHERE state = 'pending' AND attempts > 0 AND next_try_at > $2
                     ) AS held_up_until,
                     max(due_at) FILTER (
                         WHERE state = 'queued' AND kind <> 'backfill'
                     ) AS queued
                 FROM schedule_firings WHERE schedule_id = $1 AND decided_at IS NULL",
            )
            .bind(schedule_id)
            .bind(now)
            .fetch_one(&self.pool),
        )
        .await?;
        Ok(Waiting { held_up_until: row.try_get("held_up_until")?, queued: row.try_get("queued")? })
    }

    /// Renews the hold; `false`: it is lost, or the schedule was changed.
    pub async fn renew_hold(&self, claimed: &Claimed, hold: Duration) -> Result<bool, Error> {
        let done = in_time(
            sqlx::query(
                "UPDATE schedules SET held_until = coalesce($1, now()) + make_interval(secs => $5)
                 WHERE id = $2 AND holder = $3 AND changes = $4",
            )
            .bind(self.now)
            .bind(claimed.schedule.id)
            .bind(claimed.holder)
            .bind(claimed.schedule.changes)
            .bind(hold.as_secs_f64())
            .execute(&self.pool),
        )
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Renews the hold and counts an attempt at a firing, in one commit, before it is made.
    /// `None`: the hold is lost, the schedule was changed, or the firing is decided.
    pub async fn try_firing(
        &self,
        claimed: &Claimed,
        key: FiringKey,
        hold: Duration,
        at: DateTime<Utc>,
    ) -> Result<Option<Attempt>, Error> {
        let row = in_time(
            sqlx::query(include_str!("../../sql/try_firing.sql"))
                .bind(self.now)
                .bind(claimed.schedule.id)
                .bind(claimed.holder)
                .bind(claimed.schedule.changes)
                .bind(hold.as_secs_f64())
                .bind(key.due_at)
                .bind(key.request)
                .bind(at)
                .fetch_optional(&self.pool),
        )
        .await?;
        let attempt = |row: PgRow| {
            Ok::<_, sqlx::Error>(Attempt {
                number: row.try_get("attempts")?,
                target_arn: row.try_get("target_arn")?,
                input: row.try_get("input")?,
            })
        };
        Ok(row.map(attempt).transpose()?)
    }

    /// The executions of a schedule that run, oldest due time first; some of them, if there are
    /// many. Notes which others have ended. Served by `schedule_firings_running` and
    /// `executions_name`.
    pub async fn running_firings(&self, schedule_id: Uuid) -> Result<Vec<RunningFiring>, Error> {
        for _ in 0..LOOKS {
            let (running, ended) = self.look_at_running(schedule_id, false).await?;
            if !running.is_empty() || ended < LOOKED_AT {
                return Ok(running);
            }
        }
        Ok(Vec::new())
    }

    /// Of some executions that are not known to have ended, the oldest or any, those that run,
    /// and how many have ended.
    async fn look_at_running(
        &self,
        schedule_id: Uuid,
        any: bool,
    ) -> Result<(Vec<RunningFiring>, i64), Error> {
        let rows = in_time(
            sqlx::query(include_str!("../../sql/running_firings.sql"))
                .bind(schedule_id)
                .bind(LOOKED_AT)
                .bind(any)
                .fetch_all(&self.pool),
        )
        .await?;
        let mut running = Vec::new();
        let mut ended = 0;
        for row in &rows {
            if !row.try_get::<bool, _>("runs")? {
                ended += 1;
                continue;
            }
            running.push(RunningFiring {
                key: FiringKey { due_at: row.try_get("due_at")?, request: row.try_get("request")? },
                state_machine: row.try_get("state_machine")?,
                execution: row.try_get("execution")?,
            });
        }
        Ok((running, ended))
    }

    /// Decides a firing, once; `false`: the hold is lost, or it is decided.
    pub async fn decide_firing(
        &self,
        claimed: &Claimed,
        key: FiringKey,
        decision: &Decision,
        reason: Option<&str>,
        at: DateTime<Utc>,
    ) -> Result<bool, Error> {
        let (state, execution) = match decision {
            Decision::Started { state_machine, execution, shard } => {
                (FiringState::Started, Some((state_machine, execution, shard)))
            }
            Decision::Skipped => (FiringState::Skipped, None),
            Decision::Failed => (FiringState::Failed, None),
        };
        let done = in_time(
            sqlx::query(include_str!("../../sql/decide_firing.sql"))
                .bind(claimed.schedule.id)
                .bind(claimed.holder)
                .bind(key.due_at)
                .bind(key.request)
                .bind(state.as_str())
                .bind(at)
                .bind(reason)
                .bind(execution.map(|(state_machine, _, _)| state_machine))
                .bind(execution.map(|(_, execution, _)| execution))
                .bind(execution.map(|(_, _, shard)| *shard))
                .execute(&self.pool),
        )
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Has an undecided firing tried later; `false`: the hold is lost, or it is decided.
    pub async fn postpone_firing(
        &self,
        claimed: &Claimed,
        key: FiringKey,
        postponed: Postponed<'_>,
    ) -> Result<bool, Error> {
        let done = in_time(
            sqlx::query(include_str!("../../sql/postpone_firing.sql"))
                .bind(claimed.schedule.id)
                .bind(claimed.holder)
                .bind(key.due_at)
                .bind(key.request)
                .bind(postponed.state.as_str())
                .bind(postponed.until)
                .bind(postponed.reason)
                .bind(i32::from(postponed.refused))
                .execute(&self.pool),
        )
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Passes over firings that the expression brought about, that should have started before
    /// an instant and were never tried, if the catch-up policy does not make up for them; how
    /// many. Of those that it makes up for and those that are known to be missed, `one` leaves
    /// the latest.
    pub async fn skip_late_firings(
        &self,
        claimed: &Claimed,
        before: DateTime<Utc>,
        reason: &str,
        at: DateTime<Utc>,
    ) -> Result<u64, Error> {
        let done = in_time(
            sqlx::query(include_str!("../../sql/skip_late_firings.sql"))
                .bind(claimed.schedule.id)
                .bind(claimed.holder)
                .bind(before)
                .bind(at)
                .bind(reason)
                .bind(claimed.schedule.changes)
                .execute(&self.pool),
        )
        .await?;
        Ok(done.rows_affected())
    }

    /// Keeps the newest `keep` decided firings of a schedule, and the newest ten thousand whose
    /// executions run. So that none of many hides the others, any hundred are looked at.
    pub async fn prune_firings(&self, schedule_id: Uuid, keep: i64) -> Result<u64, Error> {
        self.look_at_running(schedule_id, true).await?;
        let done = in_time(
            sqlx::query(include_str!("../../sql/prune_firings.sql"))
                .bind(schedule_id)
                .bind(keep)
                .bind(MOST_RUNNING)
                .execute(&self.pool),
        )
        .await?;
        Ok(done.rows_affected())
    }
}
