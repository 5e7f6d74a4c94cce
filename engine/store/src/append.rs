//! One batch of turns, one commit.

use std::collections::{HashMap, HashSet};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use sqlx::postgres::PgArguments;
use sqlx::{Connection, PgConnection, Postgres, Row, query::Query};
use uuid::Uuid;

use crate::offers::{self, Offer};
use crate::{Error, Status};

/// What is written in one commit: all of it, or nothing but the refusal of starts.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// In the order they were decided; turns of one execution follow each other.
    pub turns: Vec<NewTurn>,
    /// Answers to inbox messages that these turns have applied.
    pub answers: Vec<Answer>,
}

/// One turn to append to the log of its execution.
#[derive(Clone, Debug)]
pub struct NewTurn {
    /// The execution's shard.
    pub shard: i16,
    /// The execution.
    pub execution_id: Uuid,
    /// The number of its first event.
    pub first_event: i64,
    /// How many events it holds; at least one.
    pub event_count: i32,
    /// The epoch under which the writer owns the shard.
    pub epoch: i64,
    /// The events, encoded.
    pub body: Bytes,
    /// Present on the first turn of an execution.
    pub start: Option<Box<NewExecution>>,
    /// Present on the turn that ends it.
    pub end: Option<Box<Ending>>,
    /// Whether the execution was asleep and is in memory from now on.
    pub wakes: bool,
    /// Tasks that workers may take from now on.
    pub offers: Vec<Offer>,
    /// Tasks that were offered and are not any more.
    pub withdrawn: Vec<i64>,
}

/// The row of an execution that starts.
#[derive(Clone, Debug)]
pub struct NewExecution {
    /// Twelve digits.
    pub account: String,
    /// The state machine's name.
    pub state_machine: String,
    /// The execution's name.
    pub name: String,
    /// The revision it is pinned to.
    pub revision_id: Uuid,
    /// The version it is started by, if any.
    pub version: Option<i64>,
    /// The alias it is started by, if any.
    pub alias: Option<String>,
    /// JSON text as it came.
    pub input: Bytes,
    /// When.
    pub started_at: DateTime<Utc>,
    /// What the caller passed to join a trace.
    pub trace_header: Option<String>,
}

/// How an execution ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Ending {
    /// Any but RUNNING.
    pub status: Status,
    /// When.
    pub ended_at: DateTime<Utc>,
    /// JSON text; only with SUCCEEDED.
    pub output: Option<Bytes>,
    /// The error's name. U+0000, which Postgres cannot hold in a text, becomes U+FFFD in the row.
    pub error: Option<String>,
    /// The cause; U+0000 as in `error`.
    pub cause: Option<String>,
    /// The path of the state that failed.
    pub failed_state: Option<String>,
}

/// The answer to an inbox message.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The message.
    pub message_id: Uuid,
    /// What its poster gets.
    pub answer: Bytes,
}

/// What became of a batch: all of it was written, except that of the executions named here
/// neither their row nor any of their turns was.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Appended {
    /// Not started because another execution has their name, or because they were started
    /// before, in another batch, and have ended.
    pub refused: Vec<Uuid>,
    /// Not started because their shard was no longer in the writer's epoch.
    pub unowned: Vec<Uuid>,
}

/// Why a batch was not acknowledged.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// Somebody else has appended to one of these executions: what memory holds of it is wrong.
    /// Nothing of the batch was written, unless it is a start that was written before.
    #[error("another writer has appended to an execution of this batch")]
    Fenced,
    /// Something in the batch cannot be written, now or later; nothing of it was.
    #[error("the batch was refused: {0}")]
    Refused(Error),
    /// The database is away; the batch may have been written all the same.
    #[error("the batch was not acknowledged: {0}")]
    Unavailable(Error),
}

/// Writes the batch, in one statement unless it offers tasks to workers. `Ok` is the executions
/// that were not started by it, which a batch without starts cannot have.
pub(crate) async fn write(
    connection: &mut PgConnection,
    node: Uuid,
    batch: &Batch,
) -> Result<Vec<Uuid>, sqlx::Error> {
    if !offers::any(batch) {
        return write_turns(connection, node, batch).await;
    }
    let mut transaction = connection.begin().await?;
    let missing = write_turns(&mut transaction, node, batch).await?;
    offers::write(&mut transaction, batch, &missing).await?;
    transaction.commit().await?;
    Ok(missing)
}

async fn write_turns(
    connection: &mut PgConnection,
    node: Uuid,
    batch: &Batch,
) -> Result<Vec<Uuid>, sqlx::Error> {
    let plain = batch.answers.is_empty()
        && batch.turns.iter().all(|t| t.start.is_none() && t.end.is_none() && !t.wakes);
    if plain {
        let statement = sqlx::query(include_str!("../sql/append_turns.sql"));
        bind_turns(statement, node, batch.turns.iter()).execute(connection).await?;
        return Ok(Vec::new());
    }
    let starts: HashSet<Uuid> = started_here(batch).map(|(turn, _)| turn.execution_id).collect();
    let statement = sqlx::query(include_str!("../sql/append.sql"));
    let statement = bind_turns(statement, node, batch.turns.iter())
        .bind(batch.turns.iter().map(|t| starts.contains(&t.execution_id)).collect::<Vec<_>>());
    let statement = bind_starts(statement, batch);
    let statement = bind_ends(statement, batch, &starts);
    let statement = bind_wakes_and_answers(statement, batch, &starts)
        .bind(started_here(batch).map(|(turn, _)| turn.epoch).collect::<Vec<_>>());
    let rows = statement.fetch_all(connection).await?;
    let mut missing = starts;
    for row in rows {
        missing.remove(&row.try_get("id")?);
    }
    Ok(missing.into_iter().collect())
}

/// Which of a batch's starts do not hold their names.
#[derive(Default)]
pub(crate) struct Holders {
    /// Another execution does.
    pub(crate) refused: HashSet<Uuid>,
    /// Nobody does.
    pub(crate) absent: HashSet<Uuid>,
    /// They do, and have ended.
    pub(crate) ended: HashSet<Uuid>,
}

pub(crate) async fn holders(
    connection: &mut PgConnection,
    batch: &Batch,
) -> Result<Holders, sqlx::Error> {
    let starts: Vec<_> = started_here(batch).collect();
    let mut holders = Holders::default();
    if starts.is_empty() {
        return Ok(holders);
    }
    let rows = sqlx::query(include_str!("../sql/name_holders.sql"))
        .bind(starts.iter().map(|(turn, _)| turn.shard).collect::<Vec<_>>())
        .bind(starts.iter().map(|(turn, _)| turn.execution_id).collect::<Vec<_>>())
        .bind(starts.iter().map(|(_, start)| start.account.as_str()).collect::<Vec<_>>())
        .bind(starts.iter().map(|(_, start)| start.state_machine.as_str()).collect::<Vec<_>>())
        .bind(starts.iter().map(|(_, start)| start.name.as_str()).collect::<Vec<_>>())
        .fetch_all(connection)
        .await?;
    for row in rows {
        let id: Uuid = row.try_get("id")?;
        match row.try_get::<Option<Uuid>, _>("holder")? {
            Some(holder) if holder != id => holders.refused.insert(id),
            Some(_) => row.try_get("has_ended")? && holders.ended.insert(id),
            None => holders.absent.insert(id),
        };
    }
    Ok(holders)
}

/// Which of these turns are in the log, exactly as given and by this node: by execution and
/// first event.
pub(crate) async fn recorded(
    connection: &mut PgConnection,
    node: Uuid,
    turns: &[&NewTurn],
) -> Result<HashSet<(Uuid, i64)>, sqlx::Error> {
    if turns.is_empty() {
        return Ok(HashSet::new());
    }
    let statement = sqlx::query(include_str!("../sql/recorded_turns.sql"));
    let statement = bind_turns(statement, node, turns.iter().copied());
    let rows = statement.fetch_all(connection).await?;
    rows.iter().map(|row| Ok((row.try_get("execution_id")?, row.try_get("first_event")?))).collect()
}

/// Whether one of these answers is still to be written.
pub(crate) async fn unanswered(
    connection: &mut PgConnection,
    answers: &[Answer],
) -> Result<bool, sqlx::Error> {
    if answers.is_empty() {
        return Ok(false);
    }
    let ids: Vec<Uuid> = answers.iter().map(|answer| answer.message_id).collect();
    let row =
        sqlx::query("SELECT EXISTS (SELECT 1 FROM inbox WHERE id = ANY($1) AND answer IS NULL)")
            .bind(ids)
            .fetch_one(connection)
            .await?;
    row.try_get(0)
}

type Statement<'q> = Query<'q, Postgres, PgArguments>;

fn started_here(batch: &Batch) -> impl Iterator<Item = (&NewTurn, &NewExecution)> {
    batch.turns.iter().filter_map(|turn| Some((turn, turn.start.as_deref()?)))
}

fn bind_turns<'q, 't>(
    statement: Statement<'q>,
    node: Uuid,
    turns: impl Iterator<Item = &'t NewTurn> + Clone,
) -> Statement<'q> {
    statement
        .bind(node)
        .bind(turns.clone().map(|turn| turn.shard).collect::<Vec<_>>())
        .bind(turns.clone().map(|turn| turn.execution_id).collect::<Vec<_>>())
        .bind(turns.clone().map(|turn| turn.first_event).collect::<Vec<_>>())
        .bind(turns.clone().map(|turn| turn.event_count).collect::<Vec<_>>())
        .bind(turns.clone().map(|turn| turn.epoch).collect::<Vec<_>>())
        .bind(turns.map(|turn| turn.body.as_ref()).collect::<Vec<_>>())
}

/// The rows of executions that start; one that also ends in this batch is inserted as ended.
fn bind_starts<'q>(statement: Statement<'q>, batch: &Batch) -> Statement<'q> {
    let ends: HashMap<Uuid, &Ending> = batch
        .turns
        .iter()
        .filter_map(|turn| Some((turn.execution_id, turn.end.as_deref()?)))
        .collect();
    let starts: Vec<_> = started_here(batch)
        .map(|(turn, start)| (turn, start, ends.get(&turn.execution_id).copied()))
        .collect();
    statement
        .bind(starts.iter().map(|(turn, ..)| turn.shard).collect::<Vec<_>>())
        .bind(starts.iter().map(|(turn, ..)| turn.execution_id).collect::<Vec<_>>())
        .bind(starts.iter().map(|(_, start, _)| start.account.as_str()).collect::<Vec<_>>())
        .bind(starts.iter().map(|(_, start, _)| start.state_machine.as_str()).collect::<Vec<_>>())
        .bind(starts.iter().map(|(_, start, _)| start.name.as_str()).collect::<Vec<_>>())
        .bind(starts.iter().map(|(_, start, _)| start.revision_id).collect::<Vec<_>>())
        .bind(starts.iter().map(|(_, start, _)| start.version).collect::<Vec<_>>())
        .bind(starts.iter().map(|(_, start, _)| start.alias.as_deref()).collect::<Vec<_>>())
        .bind(starts.iter().map(|(_, start, _)| start.input.as_ref()).collect::<Vec<_>>())
        .bind(starts.iter().map(|(_, start, _)| start.started_at).collect::<Vec<_>>())
        .bind(texts(starts.iter().map(|(_, start, _)| start.trace_header.as_deref())))
        .bind(
            starts
                .iter()
                .map(|(.., end)| end.map_or(Status::Running, |end| end.status).as_str())
                .collect::<Vec<_>>(),
        )
        .bind(starts.iter().map(|(.., end)| end.map(|end| end.ended_at)).collect::<Vec<_>>())
        .bind(starts.iter().map(|(.., end)| end.and_then(output)).collect::<Vec<_>>())
        .bind(texts(starts.iter().map(|(.., end)| end.and_then(|end| end.error.as_deref()))))
        .bind(texts(starts.iter().map(|(.., end)| end.and_then(|end| end.cause.as_deref()))))
        .bind(texts(starts.iter().map(|(.., end)| end.and_then(|end| end.failed_state.as_deref()))))
}

/// The ends of executions that started in an earlier batch.
fn bind_ends<'q>(statement: Statement<'q>, batch: &Batch, starts: &HashSet<Uuid>) -> Statement<'q> {
    let ends: Vec<(&NewTurn, &Ending)> = batch
        .turns
        .iter()
        .filter(|turn| !starts.contains(&turn.execution_id))
        .filter_map(|turn| Some((turn, turn.end.as_deref()?)))
        .collect();
    statement
        .bind(ends.iter().map(|(turn, _)| turn.shard).collect::<Vec<_>>())
        .bind(ends.iter().map(|(turn, _)| turn.execution_id).collect::<Vec<_>>())
        .bind(ends.iter().map(|(_, end)| end.status.as_str()).collect::<Vec<_>>())
        .bind(ends.iter().map(|(_, end)| end.ended_at).collect::<Vec<_>>())
        .bind(ends.iter().map(|(_, end)| output(end)).collect::<Vec<_>>())
        .bind(texts(ends.iter().map(|(_, end)| end.error.as_deref())))
        .bind(texts(ends.iter().map(|(_, end)| end.cause.as_deref())))
        .bind(texts(ends.iter().map(|(_, end)| end.failed_state.as_deref())))
}

fn bind_wakes_and_answers<'q>(
    statement: Statement<'q>,
    batch: &Batch,
    starts: &HashSet<Uuid>,
) -> Statement<'q> {
    // One statement must not update a row twice: an end clears `wake_at` by itself, and a row
    // that is inserted has none.
    let mut settled = starts.clone();
    settled.extend(batch.turns.iter().filter(|t| t.end.is_some()).map(|t| t.execution_id));
    let wakes: Vec<&NewTurn> = batch
        .turns
        .iter()
        .filter(|turn| turn.wakes && !settled.contains(&turn.execution_id))
        .collect();
    statement
        .bind(wakes.iter().map(|turn| turn.shard).collect::<Vec<_>>())
        .bind(wakes.iter().map(|turn| turn.execution_id).collect::<Vec<_>>())
        .bind(batch.answers.iter().map(|answer| answer.message_id).collect::<Vec<_>>())
        .bind(batch.answers.iter().map(|answer| answer.answer.as_ref()).collect::<Vec<_>>())
}

fn output(end: &Ending) -> Option<&[u8]> {
    end.output.as_deref()
}

/// Texts that Postgres can hold: a NUL in somebody's error must not stop a whole batch.
fn texts<'t>(texts: impl Iterator<Item = Option<&'t str>>) -> Vec<Option<String>> {
    texts.map(|text| text.map(|text| text.replace('\0', "\u{FFFD}"))).collect()
}
