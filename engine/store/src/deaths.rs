//! Executions over which nodes die: what is about to be done with which, and which are set aside.

use chrono::{DateTime, Utc};
use sqlx::Row;
use uuid::Uuid;

use crate::{Error, ExecutionHead, Store, in_time};

/// After how many deaths over the same an execution is set aside.
pub const DEATHS: i64 = 3;

/// What a node is about to do with an execution.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Trial {
    /// The execution's shard.
    pub shard: i16,
    /// The execution.
    pub execution_id: Uuid,
    /// Whether its log is read, or something happens to it.
    pub is_load: bool,
}

/// What a node has lived through.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Survived {
    /// What it was.
    pub trial: Trial,
    /// The execution's log has gone on.
    pub progressed: bool,
}

/// What is known of an execution over which nodes have died.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Suspect {
    /// The execution's shard.
    pub shard: i16,
    /// The execution.
    pub execution_id: Uuid,
    /// Nodes of this release do not load it; others try it, one at a time.
    pub is_set_aside: bool,
}

/// That no node loads an execution any more.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SetAside {
    /// Since when.
    pub since: DateTime<Utc>,
    /// How many nodes have died over it.
    pub deaths: i64,
}

impl Store {
    /// Notes, before it is done, what a node of this release is about to do. Returns over how many nodes'
    /// deaths it was found; from [`DEATHS`] on the execution is set aside, nothing is noted, and nothing is to
    /// be done. Served by the primary keys.
    pub async fn try_execution(
        &self,
        node: Uuid,
        release: &str,
        trial: &Trial,
    ) -> Result<i64, Error> {
        let row = in_time(
            sqlx::query(include_str!("../sql/try_execution.sql"))
                .bind(trial.shard)
                .bind(trial.execution_id)
                .bind(node)
                .bind(trial.is_load)
                .bind(self.now)
                .bind(release)
                .fetch_one(&self.pool),
        );
        Ok(row.await?.try_get(0)?)
    }

    /// Takes back what was noted, and what is refuted by it. Repeating it changes nothing.
    pub async fn survived(&self, node: Uuid, survived: &Survived) -> Result<(), Error> {
        let Survived { trial, progressed } = survived;
        in_time(
            sqlx::query(include_str!("../sql/survived.sql"))
                .bind(trial.shard)
                .bind(trial.execution_id)
                .bind(node)
                .bind(trial.is_load)
                .bind(progressed)
                .execute(&self.pool),
        )
        .await?;
        Ok(())
    }

    /// The executions of these shards that were set aside and run, as nodes of this release see them.
    pub async fn suspects(&self, release: &str, shards: &[i16]) -> Result<Vec<Suspect>, Error> {
        let statement = "SELECT shard, execution_id, $1 = ANY(releases) AS is_set_aside
             FROM set_aside WHERE shard = ANY($2) AND EXISTS (
                 SELECT FROM executions WHERE executions.shard = set_aside.shard
                     AND executions.id = set_aside.execution_id AND status = 'RUNNING')";
        let rows = in_time(sqlx::query(statement).bind(release).bind(shards).fetch_all(&self.pool))
            .await?;
        let suspect = |row: &sqlx::postgres::PgRow| {
            Ok(Suspect {
                shard: row.try_get("shard")?,
                execution_id: row.try_get("execution_id")?,
                is_set_aside: row.try_get("is_set_aside")?,
            })
        };
        Ok(rows.iter().map(suspect).collect::<Result<_, sqlx::Error>>()?)
    }

    /// Whether nodes have set this execution aside.
    pub async fn set_aside(&self, shard: i16, id: Uuid) -> Result<Option<SetAside>, Error> {
        let statement =
            "SELECT since, deaths FROM set_aside WHERE shard = $1 AND execution_id = $2";
        let row =
            in_time(sqlx::query(statement).bind(shard).bind(id).fetch_optional(&self.pool)).await?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some(SetAside { since: row.try_get("since")?, deaths: row.try_get("deaths")? }))
    }

    /// What is outside of an execution's log: its row, and the tasks that workers may take.
    pub async fn outside_of(
        &self,
        shard: i16,
        id: Uuid,
    ) -> Result<Option<(ExecutionHead, Vec<i64>)>, Error> {
        let Some(head) = self.execution_head(shard, id).await? else { return Ok(None) };
        let statement = "SELECT task FROM activity_tasks WHERE shard = $1 AND execution_id = $2";
        let rows =
            in_time(sqlx::query(statement).bind(shard).bind(id).fetch_all(&self.pool)).await?;
        let tasks = rows.iter().map(|row| row.try_get(0)).collect::<Result<_, sqlx::Error>>()?;
        Ok(Some((head, tasks)))
    }
}
