//! Executions over which nodes die: what is about to be done with which, and which are set aside.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sqlx::Row;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use crate::load::Loadable;
use crate::{Error, ExecutionHead, Store, in_time};

/// After how many deaths over the same an execution is set aside.
pub const DEATHS: i64 = 3;

/// What a node is about to do with some executions.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Trial {
    /// The executions, each with its shard.
    pub executions: Vec<(i16, Uuid)>,
    /// Whether their logs are read, or something happens to them.
    pub is_load: bool,
}

/// Whether nodes have died over an execution.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Suspicion {
    /// None have, as far as is known.
    None,
    /// Some may have, or those of another release do not load it any more.
    Suspect,
    /// Nodes of this release do not load it any more.
    SetAside,
}

/// That no node loads an execution any more.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SetAside {
    /// Since when.
    pub since: DateTime<Utc>,
    /// How many nodes have died over it.
    pub deaths: i64,
}

impl Trial {
    /// Of one execution.
    pub fn of(shard: i16, execution_id: Uuid, is_load: bool) -> Self {
        Self { executions: vec![(shard, execution_id)], is_load }
    }

    fn columns(&self) -> (Vec<i16>, Vec<Uuid>) {
        self.executions.iter().copied().unzip()
    }
}

impl Store {
    /// Notes, before it is done, what a node of this release is about to do. Returns over how many nodes'
    /// deaths each execution was found; from [`DEATHS`] on it is set aside, nothing is noted of it, and
    /// nothing is to be done. Served by the primary keys.
    pub async fn try_executions(
        &self,
        node: Uuid,
        release: &str,
        trial: &Trial,
    ) -> Result<HashMap<Uuid, i64>, Error> {
        let (shards, ids) = trial.columns();
        let rows = in_time(
            sqlx::query(include_str!("../sql/try_executions.sql"))
                .bind(shards)
                .bind(ids)
                .bind(node)
                .bind(trial.is_load)
                .bind(self.now)
                .bind(release)
                .fetch_all(&self.pool),
        );
        let deaths = |row: &PgRow| Ok((row.try_get("execution_id")?, row.try_get("deaths")?));
        Ok(rows.await?.iter().map(deaths).collect::<Result<_, sqlx::Error>>()?)
    }

    /// Takes back what was noted, and what is refuted by it: `has_gone_on` says whether the executions' logs
    /// have. Repeating it changes nothing.
    pub async fn survived(
        &self,
        node: Uuid,
        trial: &Trial,
        has_gone_on: bool,
    ) -> Result<(), Error> {
        let (shards, ids) = trial.columns();
        in_time(
            sqlx::query(include_str!("../sql/survived.sql"))
                .bind(shards)
                .bind(ids)
                .bind(node)
                .bind(trial.is_load)
                .bind(has_gone_on)
                .execute(&self.pool),
        )
        .await?;
        Ok(())
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

    /// How many executions that run in these shards are set aside. Reads the few that are.
    pub async fn count_set_aside(&self, shards: &[i16]) -> Result<i64, Error> {
        let statement = "SELECT count(*) FROM set_aside WHERE shard = ANY($1) AND EXISTS (
                 SELECT FROM executions WHERE executions.shard = set_aside.shard
                     AND executions.id = set_aside.execution_id AND status = 'RUNNING')";
        let row = in_time(sqlx::query(statement).bind(shards).fetch_one(&self.pool)).await?;
        Ok(row.try_get(0)?)
    }

    /// What is outside of an execution's log: its row, and the tasks that workers may take.
    pub async fn outside_of(
        &self,
        shard: i16,
        id: Uuid,
    ) -> Result<Option<(ExecutionHead, Vec<i64>)>, Error> {
        let Some(Loadable { head, .. }) = self.loadable("", shard, id).await? else {
            return Ok(None);
        };
        let statement = "SELECT task FROM activity_tasks WHERE shard = $1 AND execution_id = $2";
        let rows =
            in_time(sqlx::query(statement).bind(shard).bind(id).fetch_all(&self.pool)).await?;
        let tasks = rows.iter().map(|row| row.try_get(0)).collect::<Result<_, sqlx::Error>>()?;
        Ok(Some((head, tasks)))
    }
}
