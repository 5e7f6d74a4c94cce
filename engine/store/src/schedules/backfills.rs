//! Backfills: a schedule run for the times it was due in a range, at a bounded rate.

use chrono::{DateTime, Utc};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};
use uuid::Uuid;

use crate::status::word;
use crate::{Error, Store, in_time};

use super::claims::insert;
use super::{BackfillState, Claimed, NewFiring};

/// Most backfills of a schedule that may run at once.
const MOST_RUNNING: i64 = 10;
/// How many ended ones are remembered.
const MOST_ENDED: i64 = 50;

/// A backfill to begin.
#[derive(Clone, Copy, Debug)]
pub struct NewBackfill {
    /// Made by who asks, for this schedule; asking twice makes one.
    pub id: Uuid,
    /// The first instant of the range.
    pub from: DateTime<Utc>,
    /// The first instant after the range; later than `from`.
    pub until: DateTime<Utc>,
    /// Most firings in a minute; above zero.
    pub per_minute: i32,
    /// When it is asked for.
    pub created_at: DateTime<Utc>,
}

/// A backfill.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Backfill {
    /// What its firings have as `request`.
    pub id: Uuid,
    /// The schedule.
    pub schedule_id: Uuid,
    /// The first instant of the range.
    pub from: DateTime<Utc>,
    /// The first instant after the range.
    pub until: DateTime<Utc>,
    /// Most firings in a minute.
    pub per_minute: i32,
    /// How far it is.
    pub state: BackfillState,
    /// What is due up to here has become a firing.
    pub decided_until: DateTime<Utc>,
    /// When the next firing may be made.
    pub next_at: Option<DateTime<Utc>>,
    /// How many firings it has made.
    pub firings: i64,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
    /// When it was done or cancelled.
    pub ended_at: Option<DateTime<Utc>>,
}

/// What became of the wish for a backfill.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum BackfillAsked {
    /// It is there, perhaps since it was asked for before.
    Asked(Box<Backfill>),
    /// There is no such schedule.
    NotFound,
    /// Ten backfills of this schedule run already.
    TooMany,
}

impl Store {
    /// Has a schedule, even a paused one, run for the times it was due in a range. Hint
    /// afterwards.
    pub async fn backfill_schedule(
        &self,
        (account, group, name): (&str, &str, &str),
        new: &NewBackfill,
    ) -> Result<BackfillAsked, Error> {
        in_time(async {
            let mut transaction = self.pool.begin().await?;
            let told = sqlx::query(
                "UPDATE schedules SET changes = changes + 1, wake_at = to_timestamp(0)
                 WHERE account = $1 AND group_name = $2 AND name = $3
                 RETURNING id",
            )
            .bind(account)
            .bind(group)
            .bind(name)
            .fetch_optional(&mut *transaction)
            .await?;
            let Some(told) = told else { return Ok(BackfillAsked::NotFound) };
            let schedule_id: Uuid = told.try_get("id")?;
            let (asked, is_new) = add(&mut transaction, schedule_id, new).await?;
            if is_new {
                transaction.commit().await?;
            } else {
                // Dropped, it would hold the schedule's row for a while yet, and a node that looks
                // for work would pass it over.
                transaction.rollback().await?;
            }
            Ok(asked)
        })
        .await
    }

    /// The newest backfills of a schedule, those that run and the last fifty that ended.
    pub async fn backfills(&self, schedule_id: Uuid) -> Result<Vec<Backfill>, Error> {
        let rows = in_time(
            sqlx::query(
                "SELECT id, schedule_id, from_at, until_at, per_minute, state, decided_until,
                     next_at, firings, created_at, ended_at
                 FROM schedule_backfills WHERE schedule_id = $1
                 ORDER BY created_at DESC, id DESC
                 LIMIT $2",
            )
            .bind(schedule_id)
            .bind(MOST_RUNNING + MOST_ENDED)
            .fetch_all(&self.pool),
        )
        .await?;
        Ok(rows.iter().map(backfill).collect::<Result<_, _>>()?)
    }

    /// The backfills of a schedule that run, oldest first.
    pub async fn running_backfills(&self, schedule_id: Uuid) -> Result<Vec<Backfill>, Error> {
        let rows = in_time(
            sqlx::query(
                "SELECT id, schedule_id, from_at, until_at, per_minute, state, decided_until,
                     next_at, firings, created_at, ended_at
                 FROM schedule_backfills WHERE schedule_id = $1 AND state = 'running'
                 ORDER BY created_at, id",
            )
            .bind(schedule_id)
            .fetch_all(&self.pool),
        )
        .await?;
        Ok(rows.iter().map(backfill).collect::<Result<_, _>>()?)
    }

    /// Adds firings of a backfill, in one commit with how far it is; without `next_at` it is
    /// done. Nothing happens, and `false` is returned, if the hold is lost, the schedule was
    /// changed, or the backfill was cancelled or is further already.
    pub async fn advance_backfill(
        &self,
        claimed: &Claimed,
        seen: &Backfill,
        decided_until: DateTime<Utc>,
        next_at: Option<DateTime<Utc>>,
        firings: &[NewFiring],
        at: DateTime<Utc>,
    ) -> Result<bool, Error> {
        let made = i64::try_from(firings.len()).unwrap_or(i64::MAX);
        let moved = sqlx::query(
            "UPDATE schedule_backfills SET decided_until = $3, next_at = $4,
                 firings = firings + $5,
                 state = CASE WHEN $4::timestamptz IS NULL THEN 'done' ELSE 'running' END,
                 ended_at = CASE WHEN $4::timestamptz IS NULL THEN $6 END
             WHERE id = $1 AND schedule_id = $7 AND state = 'running' AND decided_until = $2",
        )
        .bind(seen.id)
        .bind(seen.decided_until)
        .bind(decided_until)
        .bind(next_at)
        .bind(made)
        .bind(at)
        .bind(seen.schedule_id);
        in_time(async {
            let mut transaction = self.pool.begin().await?;
            let held = sqlx::query(
                "SELECT FROM schedules WHERE id = $1 AND holder = $2 AND changes = $3
                 FOR NO KEY UPDATE",
            )
            .bind(claimed.schedule.id)
            .bind(claimed.holder)
            .bind(claimed.schedule.changes);
            if held.fetch_optional(&mut *transaction).await?.is_none() {
                return Ok(false);
            }
            if moved.execute(&mut *transaction).await?.rows_affected() == 0 {
                transaction.rollback().await?;
                return Ok(false);
            }
            insert(&mut transaction, seen.schedule_id, seen.id, firings, at).await?;
            transaction.commit().await?;
            Ok(true)
        })
        .await
    }

    /// How many firings of a backfill wait.
    pub async fn waiting_of_backfill(&self, schedule_id: Uuid, id: Uuid) -> Result<i64, Error> {
        let row = in_time(
            sqlx::query(
                "SELECT count(*) FROM schedule_firings
                 WHERE schedule_id = $1 AND request = $2 AND decided_at IS NULL",
            )
            .bind(schedule_id)
            .bind(id)
            .fetch_one(&self.pool),
        )
        .await?;
        Ok(row.try_get(0)?)
    }

    /// Cancels a backfill of a schedule: it makes no more firings, and those that
    /// wait and were never tried are skipped. Whether it was running.
    pub async fn cancel_backfill(
        &self,
        schedule_id: Uuid,
        id: Uuid,
        at: DateTime<Utc>,
    ) -> Result<bool, Error> {
        in_time(async {
            let mut transaction = self.pool.begin().await?;
            lock(&mut transaction, schedule_id).await?;
            let done = sqlx::query(
                "UPDATE schedule_backfills SET state = 'cancelled', next_at = NULL, ended_at = $3
                 WHERE schedule_id = $1 AND id = $2 AND state = 'running'",
            )
            .bind(schedule_id)
            .bind(id)
            .bind(at)
            .execute(&mut *transaction)
            .await?;
            sqlx::query(
                "UPDATE schedule_firings SET state = 'skipped', decided_at = $3,
                     next_try_at = NULL, input = NULL, reason = 'the backfill was cancelled'
                 WHERE schedule_id = $1 AND request = $2 AND decided_at IS NULL
                     AND attempts = 0",
            )
            .bind(schedule_id)
            .bind(id)
            .bind(at)
            .execute(&mut *transaction)
            .await?;
            transaction.commit().await?;
            Ok(done.rows_affected() == 1)
        })
        .await
    }
}

/// Keeps a schedule from being deleted until the end of a transaction. Whoever deletes it locks
/// its row first, then what belongs to it: so does everyone, or two would wait for each other.
async fn lock(connection: &mut PgConnection, schedule_id: Uuid) -> Result<(), sqlx::Error> {
    sqlx::query("SELECT FROM schedules WHERE id = $1 FOR KEY SHARE")
        .bind(schedule_id)
        .fetch_optional(connection)
        .await?;
    Ok(())
}

/// Adds a backfill to a schedule whose row is locked, and forgets old ones; whether it is new.
async fn add(
    connection: &mut PgConnection,
    schedule_id: Uuid,
    new: &NewBackfill,
) -> Result<(BackfillAsked, bool), sqlx::Error> {
    let row = sqlx::query(include_str!("../../sql/add_backfill.sql"))
        .bind(new.id)
        .bind(schedule_id)
        .bind(new.from)
        .bind(new.until)
        .bind(new.per_minute)
        .bind(new.created_at)
        .bind(MOST_RUNNING)
        .fetch_optional(&mut *connection)
        .await?;
    sqlx::query(
        "DELETE FROM schedule_backfills WHERE schedule_id = $1 AND id IN (
             SELECT id FROM schedule_backfills
             WHERE schedule_id = $1 AND state <> 'running'
             ORDER BY created_at DESC, id DESC
             OFFSET $2
         )",
    )
    .bind(schedule_id)
    .bind(MOST_ENDED)
    .execute(&mut *connection)
    .await?;
    if let Some(row) = row {
        return Ok((BackfillAsked::Asked(Box::new(backfill(&row)?)), true));
    }
    let row = sqlx::query(
        "SELECT id, schedule_id, from_at, until_at, per_minute, state, decided_until, next_at,
             firings, created_at, ended_at
         FROM schedule_backfills WHERE id = $1 AND schedule_id = $2",
    )
    .bind(new.id)
    .bind(schedule_id)
    .fetch_optional(connection)
    .await?;
    let asked = match row {
        Some(row) => BackfillAsked::Asked(Box::new(backfill(&row)?)),
        None => BackfillAsked::TooMany,
    };
    Ok((asked, false))
}

/// Reads the columns of a backfill.
pub(super) fn backfill(row: &PgRow) -> Result<Backfill, sqlx::Error> {
    Ok(Backfill {
        id: row.try_get("id")?,
        schedule_id: row.try_get("schedule_id")?,
        from: row.try_get("from_at")?,
        until: row.try_get("until_at")?,
        per_minute: row.try_get("per_minute")?,
        state: word(row, "state")?,
        decided_until: row.try_get("decided_until")?,
        next_at: row.try_get("next_at")?,
        firings: row.try_get("firings")?,
        created_at: row.try_get("created_at")?,
        ended_at: row.try_get("ended_at")?,
    })
}
