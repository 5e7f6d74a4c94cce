//! What a node does with schedules that are due.
//!
//! A node takes hold of a schedule for a while ([`Store::claim_schedules`]), so that its firings
//! are decided one after the other, on one node. A hold ends when it is released, or by itself
//! when the node has died. Whoever lost it learns so from the next call, and lets go.
//!
//! That a firing starts one execution does not rest on holds, which run out: due times are
//! decided once because `decided_until` moves in the commit that inserts their firings, and a
//! firing is tried under one name for ever, which can be started once (`attempts`).

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::Row;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use crate::{Error, Store, in_time};

use super::{FiringKind, Schedule, schedule};

/// A schedule that a node has hold of.
#[derive(Clone, Debug)]
pub struct Claimed {
    /// As it was when the node took hold of it.
    pub schedule: Schedule,
    /// Names this hold.
    pub holder: Uuid,
}

/// What the nodes have to do next.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct NextSchedule {
    /// When the next schedule has something to do.
    pub at: Option<DateTime<Utc>>,
    /// Whether groups are being deleted.
    pub groups_go: bool,
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
            sqlx::query(returning!("../../sql/claim_schedules.sql"))
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

    /// Ends holds of which the caller does not know whether it took them. Locks them in the order of
    /// their ids, as who removes them does. Served by `schedules_wake`.
    pub async fn drop_holds(&self, holders: &[Uuid], now: DateTime<Utc>) -> Result<(), Error> {
        in_time(
            sqlx::query(
                "WITH held AS (
                     SELECT id FROM schedules
                     WHERE wake_at <= $2 AND holder = ANY($1)
                     ORDER BY id
                     FOR UPDATE
                 )
                 UPDATE schedules SET holder = NULL, held_until = NULL
                 FROM held WHERE schedules.id = held.id",
            )
            .bind(holders)
            .bind(now)
            .execute(&self.pool),
        )
        .await?;
        Ok(())
    }

    /// What there is to do after `now`. Served by `schedules_wake` and
    /// `schedule_groups_deleting`.
    pub async fn next_schedule(&self, now: DateTime<Utc>) -> Result<NextSchedule, Error> {
        let row = in_time(
            sqlx::query(
                "SELECT (SELECT min(wake_at) FROM schedules WHERE wake_at > $1) AS at,
                     EXISTS (SELECT FROM schedule_groups WHERE is_deleting) AS groups_go",
            )
            .bind(now)
            .fetch_one(&self.pool),
        )
        .await?;
        Ok(NextSchedule { at: row.try_get("at")?, groups_go: row.try_get("groups_go")? })
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

    /// Lets go of a schedule that could not be served; it is looked at again from `again_at` on,
    /// or at once, whatever the clock says by then, without one or if it was changed meanwhile.
    pub async fn give_back_schedule(
        &self,
        claimed: &Claimed,
        again_at: Option<DateTime<Utc>>,
    ) -> Result<(), Error> {
        in_time(
            sqlx::query(
                "UPDATE schedules SET holder = NULL, held_until = NULL,
                     wake_at = coalesce(
                         CASE WHEN changes = $3 THEN $4::timestamptz END, to_timestamp(0)
                     )
                 WHERE id = $1 AND holder = $2",
            )
            .bind(claimed.schedule.id)
            .bind(claimed.holder)
            .bind(claimed.schedule.changes)
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
