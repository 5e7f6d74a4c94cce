//! What a node does with schedules that are due.
//!
//! A node takes hold of a schedule for a while ([`Store::claim_schedules`]), so that its firings
//! are decided one after the other, on one node. A hold ends when it is released, or by itself
//! when the node has died. Whoever lost it learns so from the next call, and lets go.
//!
//! That a firing starts one execution does not rest on holds, which run out: due times are
//! decided once because `decided_until` moves in the commit that inserts their firings, and a
//! firing is tried under one name for ever, which can be started once.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::Row;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use crate::status::word;
use crate::{Error, Store, in_time};

use super::firings::{self, firing};
use super::{Firing, FiringKey, FiringKind, FiringState, Schedule, schedule};

/// Most executions of a schedule that are said to run.
const MOST_RUNNING: i64 = 100;

/// A schedule that a node has hold of.
#[derive(Clone, Debug)]
pub struct Claimed {
    /// As it was when the node took hold of it.
    pub schedule: Schedule,
    /// Names this hold.
    pub holder: Uuid,
}

/// What was decided about the due times up to an instant.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Whatever is due up to here is among the firings, or is not to run.
    pub decided_until: DateTime<Utc>,
    /// The first due time after.
    pub next_due_at: Option<DateTime<Utc>>,
    /// What came due, in order.
    pub firings: Vec<NewFiring>,
}

/// A firing to add.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NewFiring {
    /// When it was due.
    pub due_at: DateTime<Utc>,
    /// What brought it about.
    pub kind: FiringKind,
    /// When it may start.
    pub fire_at: DateTime<Utc>,
    /// Why it is not to run at all, if it is not.
    pub skipped: Option<String>,
    /// The first due time, if it stands for several that are skipped.
    pub since: Option<DateTime<Utc>>,
    /// For how many due times it stands.
    pub due_count: i64,
}

/// An attempt at a firing.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Attempt {
    /// Counts from one.
    pub number: i32,
    /// What is to be started: what the first attempt was to start.
    pub target_arn: String,
}

/// What waits in a schedule's log.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Waiting {
    /// Until then nobody knows whether an earlier firing has started, because its attempt got
    /// no answer and is made again only then.
    pub in_doubt_until: Option<DateTime<Utc>>,
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
    /// What brought the firing about.
    pub kind: FiringKind,
    /// The name of its state machine.
    pub state_machine: String,
    /// The execution's name.
    pub execution: String,
}

impl Store {
    /// Takes hold of schedules that have something to do at `now`, for `hold`. Locks only rows
    /// that are free (`SKIP LOCKED`). Served by `schedules_wake`.
    pub async fn claim_schedules(
        &self,
        holder: Uuid,
        now: DateTime<Utc>,
        hold: Duration,
        limit: i64,
    ) -> Result<Vec<Claimed>, Error> {
        let rows = in_time(
            sqlx::query(include_str!("../../sql/claim_schedules.sql"))
                .bind(self.now)
                .bind(holder)
                .bind(now)
                .bind(hold.as_secs_f64())
                .bind(limit)
                .fetch_all(&self.pool),
        )
        .await?;
        let claimed = |row: &PgRow| Ok(Claimed { schedule: schedule(row)?, holder });
        Ok(rows.iter().map(claimed).collect::<Result<_, sqlx::Error>>()?)
    }

    /// Ends holds of which the caller does not know whether it took them. Served by
    /// `schedules_wake`.
    pub async fn drop_holds(&self, holders: &[Uuid], now: DateTime<Utc>) -> Result<(), Error> {
        in_time(
            sqlx::query(
                "UPDATE schedules SET holder = NULL, held_until = NULL
                 WHERE wake_at <= $2 AND holder = ANY($1)",
            )
            .bind(holders)
            .bind(now)
            .execute(&self.pool),
        )
        .await?;
        Ok(())
    }

    /// When the next schedule after `now` has something to do. Served by `schedules_wake`.
    pub async fn next_schedule(&self, now: DateTime<Utc>) -> Result<Option<DateTime<Utc>>, Error> {
        let row = in_time(
            sqlx::query("SELECT min(wake_at) FROM schedules WHERE wake_at > $1")
                .bind(now)
                .fetch_one(&self.pool),
        )
        .await?;
        Ok(row.try_get(0)?)
    }

    /// Adds the firings of a plan and moves `decided_until`, in one commit. Nothing happens, and
    /// `false` is returned, if the hold is lost or the schedule was changed meanwhile.
    pub async fn advance_schedule(
        &self,
        claimed: &Claimed,
        plan: &Plan,
        at: DateTime<Utc>,
    ) -> Result<bool, Error> {
        let moved = sqlx::query(
            "UPDATE schedules
             SET decided_until = greatest(decided_until, $4), next_due_at = $5
             WHERE id = $1 AND holder = $2 AND changes = $3",
        )
        .bind(claimed.schedule.id)
        .bind(claimed.holder)
        .bind(claimed.schedule.changes)
        .bind(plan.decided_until)
        .bind(plan.next_due_at);
        in_time(async {
            let mut transaction = self.pool.begin().await?;
            if moved.execute(&mut *transaction).await?.rows_affected() == 0 {
                return Ok(false);
            }
            let id = claimed.schedule.id;
            insert(&mut transaction, id, Uuid::nil(), &plan.firings, at).await?;
            transaction.commit().await?;
            Ok(true)
        })
        .await
    }

    /// Firings of a schedule that are to be tried at `now`, those first of which nobody
    /// knows whether they have started, then by the time they were to start. Served by
    /// `schedule_firings_open`.
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
                 WHERE schedule_id = $1 AND decided_at IS NULL AND next_try_at <= $2
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
                     ) AS in_doubt_until,
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
        Ok(Waiting {
            in_doubt_until: row.try_get("in_doubt_until")?,
            queued: row.try_get("queued")?,
        })
    }

    /// Renews the hold and counts an attempt at a firing, in one commit, before it is made.
    /// `None`: the hold is lost, or the firing is decided.
    pub async fn try_firing(
        &self,
        claimed: &Claimed,
        key: FiringKey,
        hold: Duration,
    ) -> Result<Option<Attempt>, Error> {
        let row = in_time(
            sqlx::query(include_str!("../../sql/try_firing.sql"))
                .bind(self.now)
                .bind(claimed.schedule.id)
                .bind(claimed.holder)
                .bind(hold.as_secs_f64())
                .bind(key.due_at)
                .bind(key.request)
                .fetch_optional(&self.pool),
        )
        .await?;
        let attempt = |row: PgRow| {
            Ok::<_, sqlx::Error>(Attempt {
                number: row.try_get("attempts")?,
                target_arn: row.try_get("target_arn")?,
            })
        };
        Ok(row.map(attempt).transpose()?)
    }

    /// The executions of a schedule that run, oldest due time first; a hundred at most. Notes
    /// which others have ended. Served by `schedule_firings_running` and `executions_name`.
    pub async fn running_firings(&self, schedule_id: Uuid) -> Result<Vec<RunningFiring>, Error> {
        let rows = in_time(
            sqlx::query(include_str!("../../sql/running_firings.sql"))
                .bind(schedule_id)
                .bind(MOST_RUNNING)
                .fetch_all(&self.pool),
        )
        .await?;
        let running = |row: &PgRow| {
            Ok(RunningFiring {
                key: FiringKey { due_at: row.try_get("due_at")?, request: row.try_get("request")? },
                kind: word(row, "kind")?,
                state_machine: row.try_get("state_machine")?,
                execution: row.try_get("execution")?,
            })
        };
        Ok(rows.iter().map(running).collect::<Result<_, sqlx::Error>>()?)
    }

    /// Decides a firing, once; whether it was undecided.
    pub async fn decide_firing(
        &self,
        schedule_id: Uuid,
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
            sqlx::query(
                "UPDATE schedule_firings SET state = $4, decided_at = $5, next_try_at = NULL,
                     reason = $6, state_machine = $7, execution = $8, shard = $9
                 WHERE schedule_id = $1 AND due_at = $2 AND request = $3 AND decided_at IS NULL",
            )
            .bind(schedule_id)
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

    /// Has undecided firings tried later, and says why.
    pub async fn postpone_firing(
        &self,
        schedule_id: Uuid,
        key: FiringKey,
        state: FiringState,
        next_try_at: DateTime<Utc>,
        reason: Option<&str>,
    ) -> Result<(), Error> {
        in_time(
            sqlx::query(
                "UPDATE schedule_firings
                 SET state = $4, next_try_at = $5, reason = coalesce($6, reason)
                 WHERE schedule_id = $1 AND due_at = $2 AND request = $3 AND decided_at IS NULL",
            )
            .bind(schedule_id)
            .bind(key.due_at)
            .bind(key.request)
            .bind(state.as_str())
            .bind(next_try_at)
            .bind(reason)
            .execute(&self.pool),
        )
        .await?;
        Ok(())
    }

    /// Lets go of a schedule that has been served, and says when it has something to do next: at
    /// once, if it was changed meanwhile.
    pub async fn release_schedule(&self, claimed: &Claimed) -> Result<(), Error> {
        in_time(
            sqlx::query(include_str!("../../sql/release_schedule.sql"))
                .bind(claimed.schedule.id)
                .bind(claimed.holder)
                .bind(claimed.schedule.changes)
                .execute(&self.pool),
        )
        .await?;
        Ok(())
    }

    /// Lets go of a schedule that could not be served; it is looked at again from `again_at` on.
    pub async fn give_back_schedule(
        &self,
        claimed: &Claimed,
        again_at: DateTime<Utc>,
    ) -> Result<(), Error> {
        in_time(
            sqlx::query(
                "UPDATE schedules SET holder = NULL, held_until = NULL, wake_at = $3
                 WHERE id = $1 AND holder = $2",
            )
            .bind(claimed.schedule.id)
            .bind(claimed.holder)
            .bind(again_at)
            .execute(&self.pool),
        )
        .await?;
        Ok(())
    }

    /// Removes a schedule that is to go when it has fired for the last time, if it has; whether
    /// it did. One that is paused, was changed meanwhile or has never been due stays.
    pub async fn finish_schedule(&self, claimed: &Claimed) -> Result<bool, Error> {
        let done = in_time(
            sqlx::query(include_str!("../../sql/finish_schedule.sql"))
                .bind(claimed.schedule.id)
                .bind(claimed.holder)
                .bind(claimed.schedule.changes)
                .execute(&self.pool),
        )
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Keeps the newest `keep` decided firings of a schedule, and those whose executions run.
    pub async fn prune_firings(&self, schedule_id: Uuid, keep: i64) -> Result<u64, Error> {
        // Notes which executions have ended.
        self.running_firings(schedule_id).await?;
        let done = in_time(
            sqlx::query(include_str!("../../sql/prune_firings.sql"))
                .bind(schedule_id)
                .bind(keep)
                .execute(&self.pool),
        )
        .await?;
        Ok(done.rows_affected())
    }
}

/// Inserts firings. One that is skipped takes in the one before it, if that was skipped for the
/// same reason: a log of a schedule that is paused for years is one row.
pub(super) async fn insert(
    connection: &mut sqlx::PgConnection,
    schedule_id: Uuid,
    request: Uuid,
    new: &[NewFiring],
    at: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    if new.is_empty() {
        return Ok(());
    }
    for skipped in new.iter().filter(|new| new.skipped.is_some()) {
        sqlx::query(include_str!("../../sql/add_skipped.sql"))
            .bind(schedule_id)
            .bind(skipped.due_at)
            .bind(request)
            .bind(skipped.kind.as_str())
            .bind(skipped.fire_at)
            .bind(at)
            .bind(skipped.skipped.as_deref())
            .bind(skipped.since)
            .bind(skipped.due_count)
            .execute(&mut *connection)
            .await?;
    }
    let pending: Vec<&NewFiring> = new.iter().filter(|new| new.skipped.is_none()).collect();
    sqlx::query(
        "INSERT INTO schedule_firings (
             schedule_id, due_at, request, kind, state, fire_at, next_try_at
         )
         SELECT $1, due_at, $2, kind, 'pending', fire_at, fire_at
         FROM unnest($3::timestamptz[], $4::text[], $5::timestamptz[])
             AS new (due_at, kind, fire_at)
         ON CONFLICT DO NOTHING",
    )
    .bind(schedule_id)
    .bind(request)
    .bind(pending.iter().map(|new| new.due_at).collect::<Vec<_>>())
    .bind(pending.iter().map(|new| new.kind.as_str()).collect::<Vec<_>>())
    .bind(pending.iter().map(|new| new.fire_at).collect::<Vec<_>>())
    .execute(connection)
    .await?;
    Ok(())
}
