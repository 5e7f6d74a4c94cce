//! Executions over which nodes die: what is being touched, what is suspected, what is set aside.
//!
//! A shard is watched once two of its owners in a row have left it without a word. What is touched there is
//! on trial meanwhile: a row that its node writes before and removes after. A row that outlives its node
//! is a death over that execution, if that was alone, and a suspicion, if it was not; three deaths at the same
//! place of its history have it set aside.

use std::collections::HashSet;
use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::Row;
use uuid::Uuid;

use crate::{Error, ExecutionHead, Store, in_time};

/// An execution that is about to be touched.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Trial {
    /// Its shard.
    pub shard: i16,
    /// The execution.
    pub execution_id: Uuid,
    /// The epoch under which the node owns the shard.
    pub epoch: i64,
    /// AWS's id of the event that its history would go on with; `None` while it is loaded.
    pub next_id: Option<i64>,
}

/// What is to be heeded in a shard.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Caution {
    /// For how long it is still watched; zero if it is not.
    pub watched_for: Duration,
    /// To be touched alone.
    pub suspects: HashSet<Uuid>,
    /// Not to be touched at all.
    pub set_aside: HashSet<Uuid>,
}

/// An execution that no node loads any more.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SetAside {
    /// Since when.
    pub since: DateTime<Utc>,
    /// How many nodes died over it.
    pub deaths: i32,
}

/// An execution that has just been set aside.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Named {
    /// Twelve digits.
    pub account: String,
    /// The state machine's name.
    pub state_machine: String,
    /// The execution's name.
    pub name: String,
}

impl Store {
    /// Notes that this node is about to touch these executions, each named once, and nothing else that is
    /// watched; gives those that are noted: not those of shards that are in another epoch. Locks
    /// nothing but the rows.
    pub async fn begin_trials(&self, node: Uuid, trials: &[Trial]) -> Result<HashSet<Uuid>, Error> {
        let rows = in_time(
            sqlx::query(include_str!("../sql/begin_trials.sql"))
                .bind(node)
                .bind(trials.len() == 1)
                .bind(trials.iter().map(|trial| trial.shard).collect::<Vec<_>>())
                .bind(trials.iter().map(|trial| trial.execution_id).collect::<Vec<_>>())
                .bind(trials.iter().map(|trial| trial.epoch).collect::<Vec<_>>())
                .bind(trials.iter().map(|trial| trial.next_id).collect::<Vec<_>>())
                .fetch_all(&self.pool),
        )
        .await?;
        Ok(rows.iter().map(|row| row.try_get(0)).collect::<Result<_, sqlx::Error>>()?)
    }

    /// Notes that this node has touched these executions and lives; those that went on are suspected no more,
    /// nor those that were loaded, if that was what was suspected.
    pub async fn end_trials(
        &self,
        node: Uuid,
        trials: &[Trial],
        went_on: &[Uuid],
    ) -> Result<(), Error> {
        in_time(
            sqlx::query(include_str!("../sql/end_trials.sql"))
                .bind(node)
                .bind(trials.iter().map(|trial| trial.shard).collect::<Vec<_>>())
                .bind(trials.iter().map(|trial| trial.execution_id).collect::<Vec<_>>())
                .bind(went_on)
                .execute(&self.pool),
        )
        .await?;
        Ok(())
    }

    /// Counts what earlier owners of these shards, now owned in these epochs, were touching when they died,
    /// and forgets what is suspected no more. Gives what is to be heeded in each, and the names of
    /// executions that are set aside by this. In one commit, so that a death counts once.
    pub async fn judge(
        &self,
        owned: &[(i16, i64)],
    ) -> Result<(Vec<(i16, Caution)>, Vec<Named>), Error> {
        let (shards, epochs): (Vec<i16>, Vec<i64>) = owned.iter().copied().unzip();
        let (rows, named) = in_time(async {
            let mut transaction = self.pool.begin().await?;
            sqlx::query(include_str!("../sql/judge_trials.sql"))
                .bind(self.now)
                .bind(&shards)
                .bind(&epochs)
                .execute(&mut *transaction)
                .await?;
            sqlx::query(include_str!("../sql/clear_suspects.sql"))
                .bind(self.now)
                .bind(&shards)
                .execute(&mut *transaction)
                .await?;
            let named = sqlx::query(include_str!("../sql/set_aside.sql"))
                .bind(self.now)
                .bind(&shards)
                .fetch_all(&mut *transaction)
                .await?;
            let rows = sqlx::query(include_str!("../sql/cautions.sql"))
                .bind(self.now)
                .bind(&shards)
                .fetch_all(&mut *transaction)
                .await?;
            transaction.commit().await?;
            Ok((rows, named))
        })
        .await?;
        let name = |row: &sqlx::postgres::PgRow| {
            Ok(Named {
                account: row.try_get("account")?,
                state_machine: row.try_get("state_machine")?,
                name: row.try_get("name")?,
            })
        };
        Ok((cautions(&rows)?, named.iter().map(name).collect::<Result<_, sqlx::Error>>()?))
    }

    /// Running executions of a shard that are not asleep nor set aside, behind this one in the order of
    /// their ids, at most `limit`. Served by `executions_active`.
    pub async fn active(&self, shard: i16, after: Uuid, limit: i64) -> Result<Vec<Uuid>, Error> {
        let rows = in_time(
            sqlx::query(include_str!("../sql/active_executions.sql"))
                .bind(vec![shard])
                .bind(shard)
                .bind(after)
                .bind(limit)
                .fetch_all(&self.pool),
        )
        .await?;
        Ok(rows.iter().map(|row| row.try_get("id")).collect::<Result<_, sqlx::Error>>()?)
    }

    /// Whether this execution is set aside. Served by the key.
    pub async fn set_aside(&self, shard: i16, id: Uuid) -> Result<Option<SetAside>, Error> {
        let statement = "SELECT set_aside_at, deaths FROM suspects
             WHERE shard = $1 AND execution_id = $2 AND set_aside_at IS NOT NULL";
        let row = in_time(sqlx::query(statement).bind(shard).bind(id).fetch_optional(&self.pool));
        let Some(row) = row.await? else { return Ok(None) };
        Ok(Some(SetAside { since: row.try_get(0)?, deaths: row.try_get(1)? }))
    }

    /// Lets nodes load this execution again; whether it was set aside.
    pub async fn resume(&self, shard: i16, id: Uuid) -> Result<bool, Error> {
        let statement = "DELETE FROM suspects
             WHERE shard = $1 AND execution_id = $2 AND set_aside_at IS NOT NULL";
        let done = in_time(sqlx::query(statement).bind(shard).bind(id).execute(&self.pool)).await?;
        Ok(done.rows_affected() > 0)
    }

    /// What can be known of an execution without its log: its row, and which of its tasks wait for workers.
    pub async fn outside_of(
        &self,
        shard: i16,
        id: Uuid,
    ) -> Result<Option<(ExecutionHead, Vec<i64>)>, Error> {
        let head = in_time(
            sqlx::query(include_str!("../sql/load_execution.sql"))
                .bind(shard)
                .bind(id)
                .fetch_optional(&self.pool),
        );
        let Some(head) = head.await? else { return Ok(None) };
        let head = crate::executions::head(&head)?;
        let statement = "SELECT task FROM activity_tasks WHERE shard = $1 AND execution_id = $2";
        let tasks = in_time(sqlx::query(statement).bind(shard).bind(id).fetch_all(&self.pool));
        let rows = tasks.await?;
        let tasks = rows.iter().map(|row| row.try_get(0)).collect::<Result<_, sqlx::Error>>()?;
        Ok(Some((head, tasks)))
    }
}

/// What is to be heeded in each shard of these rows.
fn cautions(rows: &[sqlx::postgres::PgRow]) -> Result<Vec<(i16, Caution)>, sqlx::Error> {
    let mut cautions: Vec<(i16, Caution)> = Vec::new();
    for row in rows {
        let shard = row.try_get("shard")?;
        let known = cautions.iter().position(|(known, _)| *known == shard);
        let place = known.unwrap_or_else(|| {
            cautions.push((shard, Caution::default()));
            cautions.len() - 1
        });
        let caution = &mut cautions[place].1;
        let ms: i64 = row.try_get("watched_ms")?;
        caution.watched_for = Duration::from_millis(ms.unsigned_abs());
        let Some(id) = row.try_get::<Option<Uuid>, _>("execution_id")? else { continue };
        let is_set_aside: bool = row.try_get("is_set_aside")?;
        if is_set_aside {
            caution.set_aside.insert(id)
        } else {
            caution.suspects.insert(id)
        };
    }
    Ok(cautions)
}
