//! What ran and what runs: describe and list.

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use sqlx::Row;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use crate::status::word;
use crate::texts::given;
use crate::{Error, Status, Store, in_time, shard_of};

/// How much earlier an execution may seem to be than its state machine, because nodes' clocks differ.
/// What an earlier life has left behind is not read further back than that.
const CLOCKS_DIFFER: TimeDelta = TimeDelta::days(1);

/// What an owner and a list need to know of an execution.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ExecutionHead {
    /// Names the execution inside the engine.
    pub id: Uuid,
    /// Its shard, 0 to 255.
    pub shard: i16,
    /// Twelve digits.
    pub account: String,
    /// The state machine's name.
    pub state_machine: String,
    /// The state machine's life.
    pub life: Uuid,
    /// The execution's name.
    pub name: String,
    /// The revision it is pinned to.
    pub revision_id: Uuid,
    /// The version it was started by, if any.
    pub version: Option<i64>,
    /// The alias it was started by, if any.
    pub alias: Option<String>,
    /// Where it is in life.
    pub status: Status,
    /// When it started.
    pub started_at: DateTime<Utc>,
    /// When it ended.
    pub ended_at: Option<DateTime<Utc>>,
    /// When to load it again, if it sleeps.
    pub wake_at: Option<DateTime<Utc>>,
    /// What the caller passed to join a trace.
    pub trace_header: Option<String>,
}

/// All that can be said of an execution without opening its log.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ExecutionRow {
    /// What a list shows.
    pub head: ExecutionHead,
    /// JSON text as it came.
    pub input: Bytes,
    /// JSON text; only if it succeeded.
    pub output: Option<Bytes>,
    /// The error's name.
    pub error: Option<String>,
    /// The cause.
    pub cause: Option<String>,
    /// The path of the state that failed.
    pub failed_state: Option<String>,
}

/// Which executions of a state machine to list.
#[derive(Clone, Debug)]
pub struct ExecutionFilter<'a> {
    /// Twelve digits.
    pub account: &'a str,
    /// The state machine's name.
    pub state_machine: &'a str,
    /// Of this life of it.
    pub life: Uuid,
    /// When that began.
    pub since: DateTime<Utc>,
    /// Only these, if any is given.
    pub status: Option<Status>,
    /// Only those started by this version.
    pub version: Option<i64>,
    /// Only those started by this alias; not together with `version`.
    pub alias: Option<&'a str>,
    /// Where the page before ended.
    pub after: Option<ListedAfter>,
    /// Most rows to return.
    pub limit: i64,
}

/// The last row of a page.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ListedAfter {
    /// Its end, or its start while it ran.
    pub at: DateTime<Utc>,
    /// Its id.
    pub id: Uuid,
}

impl From<&ExecutionHead> for ListedAfter {
    fn from(head: &ExecutionHead) -> Self {
        Self { at: head.ended_at.unwrap_or(head.started_at), id: head.id }
    }
}

impl Store {
    /// Whether there is such an execution, running or ended. Served by the primary key.
    pub async fn execution_exists(&self, shard: i16, id: Uuid) -> Result<bool, Error> {
        let row = in_time(
            sqlx::query("SELECT EXISTS (SELECT 1 FROM executions WHERE shard = $1 AND id = $2)")
                .bind(shard)
                .bind(id)
                .fetch_one(&self.pool),
        )
        .await?;
        Ok(row.try_get(0)?)
    }

    /// The execution of this name. Served by `executions_name`.
    pub async fn describe(
        &self,
        account: &str,
        state_machine: &str,
        name: &str,
    ) -> Result<Option<ExecutionRow>, Error> {
        let row = in_time(
            sqlx::query(include_str!("../sql/describe_execution.sql"))
                .bind(shard_of(account, state_machine, name))
                .bind(account)
                .bind(state_machine)
                .bind(name)
                .fetch_optional(&self.pool),
        )
        .await?;
        Ok(row.as_ref().map(execution).transpose()?)
    }

    /// Whether an execution of this name was started since then, in whichever life of its state machine.
    /// Served by `executions_name`.
    pub async fn has_started(
        &self,
        account: &str,
        state_machine: &str,
        name: &str,
        since: Option<DateTime<Utc>>,
    ) -> Result<bool, Error> {
        let asked = sqlx::query_scalar(
            "SELECT EXISTS (
                 SELECT FROM executions
                 WHERE shard = $1 AND account = $2 AND state_machine = $3 AND name = $4
                     AND started_at >= coalesce($5, '-infinity')
             )",
        )
        .bind(shard_of(account, state_machine, name))
        .bind(account)
        .bind(state_machine)
        .bind(name)
        .bind(since);
        in_time(asked.fetch_one(&self.pool)).await
    }

    /// Executions of one state machine, newest first: those that run by their start, others by
    /// their end, as on AWS. One that ends between two pages moves to the front and may be
    /// missed. Served by `executions_listed` and its two companions.
    pub async fn list(&self, filter: &ExecutionFilter<'_>) -> Result<Vec<ExecutionHead>, Error> {
        let statuses: Vec<&str> = match filter.status {
            Some(status) => vec![status.as_str()],
            None => Status::ALL.map(Status::as_str).to_vec(),
        };
        let statement = match (filter.version, filter.alias) {
            (Some(_), _) => include_str!("../sql/list_by_version.sql"),
            (None, Some(_)) => include_str!("../sql/list_by_alias.sql"),
            (None, None) => include_str!("../sql/list_executions.sql"),
        };
        let statement = sqlx::query(statement)
            .bind(filter.account)
            .bind(filter.state_machine)
            .bind(statuses)
            .bind(filter.after.map(|after| after.at))
            .bind(filter.after.map(|after| after.id))
            .bind(filter.limit);
        let statement = match (filter.version, filter.alias) {
            (Some(version), _) => statement.bind(version),
            (None, Some(alias)) => statement.bind(alias),
            (None, None) => statement,
        };
        let statement = statement.bind(filter.life).bind(filter.since - CLOCKS_DIFFER);
        let rows = in_time(statement.fetch_all(&self.pool)).await?;
        Ok(rows.iter().map(head).collect::<Result<_, _>>()?)
    }

    /// Whether executions of this state machine are running. Served by `executions_listed`.
    pub async fn has_running(&self, account: &str, state_machine: &str) -> Result<bool, Error> {
        let row = in_time(
            sqlx::query(
                "SELECT EXISTS (
                     SELECT 1 FROM executions
                     WHERE account = $1 AND state_machine = $2 AND status = 'RUNNING'
                 )",
            )
            .bind(account)
            .bind(state_machine)
            .fetch_one(&self.pool),
        )
        .await?;
        Ok(row.try_get(0)?)
    }
}

/// Reads the columns of a head.
pub(crate) fn head(row: &PgRow) -> Result<ExecutionHead, sqlx::Error> {
    Ok(ExecutionHead {
        id: row.try_get("id")?,
        shard: row.try_get("shard")?,
        account: row.try_get("account")?,
        state_machine: row.try_get("state_machine")?,
        life: row.try_get("life")?,
        name: row.try_get("name")?,
        revision_id: row.try_get("revision_id")?,
        version: row.try_get("version")?,
        alias: row.try_get("alias")?,
        status: word(row, "status")?,
        started_at: row.try_get("started_at")?,
        ended_at: row.try_get("ended_at")?,
        wake_at: row.try_get("wake_at")?,
        trace_header: row.try_get("trace_header")?,
    })
}

fn execution(row: &PgRow) -> Result<ExecutionRow, sqlx::Error> {
    let text = |column| Ok::<_, sqlx::Error>(row.try_get::<Option<_>, _>(column)?.map(given));
    Ok(ExecutionRow {
        head: head(row)?,
        input: row.try_get::<Vec<u8>, _>("input")?.into(),
        output: row.try_get::<Option<Vec<u8>>, _>("output")?.map(Bytes::from),
        error: text("error")?,
        cause: text("cause")?,
        failed_state: text("failed_state")?,
    })
}
