//! The log of one execution, or of all that run in some shards, and those that sleep.

use std::collections::HashSet;
use std::ops::ControlFlow;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures_util::TryStreamExt;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};
use uuid::Uuid;

use crate::deaths::Suspicion;
use crate::executions::head;
use crate::session::LONG_READ;
use crate::{Error, ExecutionHead, Store, in_time};

/// How many executions a takeover reads at a time.
const PAGE: i64 = 64;

/// A part of a log ends with the turn that brings it to this many bytes.
const PAGE_BYTES: i64 = 4 * 1024 * 1024;

/// One turn of a log.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TurnRow {
    /// The number of its first event.
    pub first_event: i64,
    /// How many events it holds.
    pub event_count: i32,
    /// The events, encoded.
    pub body: Bytes,
}

/// What is known of an execution before it is loaded.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Loadable {
    /// Its row.
    pub head: ExecutionHead,
    /// Whether nodes have died over it.
    pub suspicion: Suspicion,
    /// The event up to which there is a snapshot of this release, if there is one.
    pub snapshot_at: Option<i64>,
}

/// An execution to put to sleep.
#[derive(Clone, Debug)]
pub struct Sleeper {
    /// Its shard.
    pub shard: i16,
    /// The execution.
    pub execution_id: Uuid,
    /// When to load it again.
    pub wake_at: DateTime<Utc>,
    /// The epoch under which the caller owns the shard.
    pub epoch: i64,
    /// The number of the event that its log would go on with. What has gone on stays awake.
    pub next_event: i64,
    /// The execution as it is there, as [`Store::snapshot`] is to give it back.
    pub snapshot: Option<Bytes>,
    /// It waits for a place for its calls: [`Store::waiting_executions`] tells of it.
    pub waits_for_place: bool,
}

impl Store {
    /// The row of an execution, as a node of this release sees it. Its log is read after it, and is the
    /// truth.
    pub async fn loadable(
        &self,
        release: &str,
        shard: i16,
        execution_id: Uuid,
    ) -> Result<Option<Loadable>, Error> {
        let row = in_time(
            sqlx::query(concat!(
                include_str!("../sql/loadable.sql"),
                include_str!("../sql/load_execution.sql")
            ))
            .bind(release)
            .bind(shard)
            .bind(execution_id)
            .fetch_optional(&self.pool),
        )
        .await?;
        Ok(row.as_ref().map(loadable).transpose()?)
    }

    /// The next page of the executions of these shards that run and do not sleep, in the order of shard
    /// and id: what a new owner takes into memory. The first comes after (-1, nil); an empty page is the
    /// last. One that starts or wakes meanwhile may be missing. Served by `executions_active`.
    pub async fn active_executions(
        &self,
        release: &str,
        shards: &[i16],
        after: (i16, Uuid),
    ) -> Result<Vec<Loadable>, Error> {
        let statement = concat!(
            include_str!("../sql/loadable.sql"),
            include_str!("../sql/active_executions.sql")
        );
        self.loadables(statement, release, shards, after).await
    }

    /// The same of those that sleep until there is a place for their calls. Served by `executions_waiting`.
    pub async fn waiting_executions(
        &self,
        release: &str,
        shards: &[i16],
        after: (i16, Uuid),
    ) -> Result<Vec<Loadable>, Error> {
        let statement = concat!(
            include_str!("../sql/loadable.sql"),
            include_str!("../sql/waiting_executions.sql")
        );
        self.loadables(statement, release, shards, after).await
    }

    async fn loadables(
        &self,
        statement: &'static str,
        release: &str,
        shards: &[i16],
        (shard, id): (i16, Uuid),
    ) -> Result<Vec<Loadable>, Error> {
        let rows = in_time(
            sqlx::query(statement)
                .bind(release)
                .bind(shards)
                .bind(shard)
                .bind(id)
                .bind(PAGE)
                .fetch_all(&self.pool),
        )
        .await?;
        Ok(rows.iter().map(loadable).collect::<Result<_, _>>()?)
    }

    /// Reads the logs of these executions, which are in the order of shard and id, from this event on, at
    /// which a turn begins: `each` gets every turn as it arrives, one execution's after the other's, and may break off. However long the logs are,
    /// no more than a turn is in memory at a time. Served by the key of `turns`.
    pub async fn read_logs(
        &self,
        heads: &[ExecutionHead],
        from_event: i64,
        mut each: impl FnMut(Uuid, Bytes) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        let mut transaction = in_time(self.pool.begin_with(LONG_READ)).await?;
        let mut rows = sqlx::query(include_str!("../sql/turns_of.sql"))
            .bind(heads.iter().map(|head| head.shard).collect::<Vec<_>>())
            .bind(heads.iter().map(|head| head.id).collect::<Vec<_>>())
            .bind(from_event)
            .fetch(&mut *transaction);
        // A log may be long, so each row has its time, not all of them together.
        while let Some(row) = in_time(rows.try_next()).await? {
            let body: Vec<u8> = row.try_get("body")?;
            if each(row.try_get("execution_id")?, body.into()).is_break() {
                // What the database would still send is not waited for.
                drop(rows);
                return Ok(());
            }
        }
        drop(rows);
        in_time(transaction.commit()).await?;
        Ok(())
    }

    /// Turns of one execution that hold events from `from_event` on, at most `limit` of them, and
    /// not many more than 4 MiB: one at least, if there is one. Served by the key of `turns`.
    pub async fn turns(
        &self,
        shard: i16,
        execution_id: Uuid,
        from_event: i64,
        limit: i64,
    ) -> Result<Vec<TurnRow>, Error> {
        let statement = include_str!("../sql/turns_from.sql");
        self.turn_rows(statement, shard, execution_id, from_event, limit, PAGE_BYTES).await
    }

    /// The same for who has room for no more than about so many bytes; one turn at least.
    pub async fn turns_within(
        &self,
        shard: i16,
        execution_id: Uuid,
        from_event: i64,
        limit: i64,
        bytes: i64,
    ) -> Result<Vec<TurnRow>, Error> {
        let statement = include_str!("../sql/turns_from.sql");
        self.turn_rows(statement, shard, execution_id, from_event, limit, bytes).await
    }

    /// Of each of these executions, given with its shard, the number of the event that its log
    /// would go on with; those without a log are left out. Served by the key of `turns`, whose
    /// last entry of each is looked up.
    pub async fn log_ends(&self, executions: &[(i16, Uuid)]) -> Result<Vec<(Uuid, i64)>, Error> {
        let rows = in_time(
            sqlx::query(include_str!("../sql/log_ends.sql"))
                .bind(executions.iter().map(|(shard, _)| *shard).collect::<Vec<_>>())
                .bind(executions.iter().map(|(_, id)| *id).collect::<Vec<_>>())
                .fetch_all(&self.pool),
        )
        .await?;
        let end = |row: &PgRow| Ok((row.try_get("id")?, row.try_get("log_end")?));
        Ok(rows.iter().map(end).collect::<Result<_, sqlx::Error>>()?)
    }

    /// Turns of one execution that begin before event `before`, the last first, at most `limit`
    /// of them and not many more than 4 MiB, as above. Served by the key of `turns`.
    pub async fn turns_before(
        &self,
        shard: i16,
        execution_id: Uuid,
        before: i64,
        limit: i64,
    ) -> Result<Vec<TurnRow>, Error> {
        let statement = include_str!("../sql/turns_before.sql");
        self.turn_rows(statement, shard, execution_id, before, limit, PAGE_BYTES).await
    }

    async fn turn_rows(
        &self,
        statement: &'static str,
        shard: i16,
        execution_id: Uuid,
        event: i64,
        limit: i64,
        bytes: i64,
    ) -> Result<Vec<TurnRow>, Error> {
        let rows = in_time(
            sqlx::query(statement)
                .bind(shard)
                .bind(execution_id)
                .bind(event)
                .bind(limit)
                .bind(bytes)
                .fetch_all(&self.pool),
        )
        .await?;
        let turn = |row: &PgRow| {
            Ok(TurnRow {
                first_event: row.try_get("first_event")?,
                event_count: row.try_get("event_count")?,
                body: row.try_get::<Vec<u8>, _>("body")?.into(),
            })
        };
        Ok(rows.iter().map(turn).collect::<Result<_, sqlx::Error>>()?)
    }

    /// Sleeping executions of these shards that are to wake at `before` or earlier, ordered by
    /// time and id, those strictly behind `after` only, at most `limit`. They stay asleep until
    /// a turn that wakes them is appended. Served by `executions_asleep`.
    pub async fn due_wakes(
        &self,
        shards: &[i16],
        after: (DateTime<Utc>, Uuid),
        before: DateTime<Utc>,
        limit: i64,
    ) -> Result<Vec<(i16, Uuid, DateTime<Utc>)>, Error> {
        let rows = in_time(
            sqlx::query(
                "SELECT shard, id, wake_at FROM executions
                 WHERE shard = ANY($1) AND status = 'RUNNING' AND wake_at <= $2
                   AND (wake_at > $4 OR (wake_at = $4 AND id > $5))
                 ORDER BY wake_at, id
                 LIMIT $3",
            )
            .bind(shards)
            .bind(before)
            .bind(limit)
            .bind(after.0)
            .bind(after.1)
            .fetch_all(&self.pool),
        )
        .await?;
        let due =
            |row: &PgRow| Ok((row.try_get("shard")?, row.try_get("id")?, row.try_get("wake_at")?));
        Ok(rows.iter().map(due).collect::<Result<_, sqlx::Error>>()?)
    }

    /// How many executions of these shards sleep, up to `most`. Reads so many entries of
    /// `executions_asleep`.
    pub async fn count_asleep(&self, shards: &[i16], most: i64) -> Result<i64, Error> {
        let row = in_time(
            sqlx::query(
                "SELECT count(*) FROM (
                     SELECT FROM executions
                     WHERE shard = ANY($1) AND status = 'RUNNING' AND wake_at IS NOT NULL
                     LIMIT $2
                 ) AS asleep",
            )
            .bind(shards)
            .bind(most)
            .fetch_one(&self.pool),
        )
        .await?;
        Ok(row.try_get(0)?)
    }

    /// The snapshot of an execution that this release wrote last, with the number of the event that its log
    /// goes on with. Served by the primary key.
    pub async fn snapshot(
        &self,
        release: &str,
        shard: i16,
        execution_id: Uuid,
    ) -> Result<Option<(i64, Bytes)>, Error> {
        let statement = "SELECT next_event, body FROM snapshots
             WHERE shard = $1 AND execution_id = $2 AND release = $3";
        let row = in_time(
            sqlx::query(statement)
                .bind(shard)
                .bind(execution_id)
                .bind(release)
                .fetch_optional(&self.pool),
        )
        .await?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some((row.try_get("next_event")?, row.try_get::<Vec<u8>, _>("body")?.into())))
    }

    /// Forgets the snapshot of an execution, which has ended.
    pub async fn forget_snapshot(&self, shard: i16, execution_id: Uuid) -> Result<(), Error> {
        let statement = "DELETE FROM snapshots WHERE shard = $1 AND execution_id = $2";
        in_time(sqlx::query(statement).bind(shard).bind(execution_id).execute(&self.pool)).await?;
        Ok(())
    }

    /// Puts running executions to sleep in one commit, where the shard is still in the caller's
    /// epoch and the log has not gone on, and keeps what this release gives of them as a snapshot; gives
    /// the ids of those that sleep now. Locks the shards'
    /// rows in their order, then the executions', so that a late owner cannot put to sleep what the
    /// new one runs, and no turn comes in between.
    pub async fn put_to_sleep(
        &self,
        release: &str,
        sleepers: &[Sleeper],
    ) -> Result<HashSet<Uuid>, Error> {
        if sleepers.is_empty() {
            return Ok(HashSet::new());
        }
        // Committed by a word of its own: what waits for a lock longer than we wait for it must not
        // come to be when nobody expects it any more.
        in_time(async {
            let mut transaction = self.pool.begin().await?;
            let shards: Vec<i16> = sleepers.iter().map(|sleeper| sleeper.shard).collect();
            let epochs: Vec<i64> = sleepers.iter().map(|sleeper| sleeper.epoch).collect();
            // A statement of its own: the next one must see the turns that this one waits for.
            let lock = "SELECT FROM shards
                 WHERE (shard, epoch) IN (SELECT * FROM UNNEST($1::smallint[], $2::bigint[]))
                 ORDER BY shard
                 FOR UPDATE";
            sqlx::query(lock).bind(&shards).bind(&epochs).execute(&mut *transaction).await?;
            let rows = sqlx::query(include_str!("../sql/put_to_sleep.sql"))
                .bind(&shards)
                .bind(sleepers.iter().map(|sleeper| sleeper.execution_id).collect::<Vec<_>>())
                .bind(sleepers.iter().map(|sleeper| sleeper.wake_at).collect::<Vec<_>>())
                .bind(&epochs)
                .bind(sleepers.iter().map(|sleeper| sleeper.next_event).collect::<Vec<_>>())
                .bind(sleepers.iter().map(|sleeper| sleeper.waits_for_place).collect::<Vec<_>>())
                .fetch_all(&mut *transaction)
                .await?;
            let ids = rows.iter().map(|row| row.try_get("id"));
            let ids: HashSet<Uuid> = ids.collect::<Result<_, sqlx::Error>>()?;
            let asleep = sleepers.iter().filter(|sleeper| ids.contains(&sleeper.execution_id));
            put_snapshots(&mut transaction, release, asleep).await?;
            transaction.commit().await?;
            Ok(ids)
        })
        .await
    }
}

/// Keeps the snapshots that these have.
async fn put_snapshots(
    connection: &mut PgConnection,
    release: &str,
    sleepers: impl Iterator<Item = &Sleeper>,
) -> Result<(), sqlx::Error> {
    let these: Vec<(&Sleeper, &[u8])> =
        sleepers.filter_map(|sleeper| Some((sleeper, &**sleeper.snapshot.as_ref()?))).collect();
    if these.is_empty() {
        return Ok(());
    }
    sqlx::query(include_str!("../sql/put_snapshots.sql"))
        .bind(these.iter().map(|(sleeper, _)| sleeper.shard).collect::<Vec<_>>())
        .bind(these.iter().map(|(sleeper, _)| sleeper.execution_id).collect::<Vec<_>>())
        .bind(these.iter().map(|(sleeper, _)| sleeper.next_event).collect::<Vec<_>>())
        .bind(these.iter().map(|(_, body)| *body).collect::<Vec<_>>())
        .bind(release)
        .execute(connection)
        .await?;
    Ok(())
}

fn loadable(row: &PgRow) -> Result<Loadable, sqlx::Error> {
    let suspicion = match (row.try_get("is_set_aside")?, row.try_get("is_suspect")?) {
        (true, _) => Suspicion::SetAside,
        (false, true) => Suspicion::Suspect,
        (false, false) => Suspicion::None,
    };
    Ok(Loadable { head: head(row)?, suspicion, snapshot_at: row.try_get("snapshot_at")? })
}
