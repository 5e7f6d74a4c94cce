//! A batch of turns becomes one commit.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap, HashSet};

use sqlx::postgres::PgArguments;
use sqlx::{Connection, PgConnection, Postgres, Row, query::Query};
use uuid::Uuid;

use crate::batch::{Answer, Batch, Ending, NewExecution, NewTurn};
use crate::texts::kept;
use crate::{Status, offers};

/// What a batch could not write.
#[derive(Default)]
pub(crate) struct Unwritten {
    /// Executions that were not started; the rest was written.
    pub(crate) starts: Vec<Uuid>,
    /// Shards that are no longer in the writer's epoch; then nothing was written.
    pub(crate) lost: Vec<i16>,
}

/// Writes the batch, in one statement unless it offers tasks to workers.
pub(crate) async fn write(
    connection: &mut PgConnection,
    node: Uuid,
    batch: &Batch,
) -> Result<Unwritten, sqlx::Error> {
    if !offers::any(batch) {
        return write_turns(connection, node, batch).await;
    }
    let mut transaction = connection.begin().await?;
    let unwritten = write_turns(&mut transaction, node, batch).await?;
    if !unwritten.lost.is_empty() {
        transaction.rollback().await?;
        return Ok(unwritten);
    }
    offers::write(&mut transaction, batch, &unwritten.starts).await?;
    transaction.commit().await?;
    Ok(unwritten)
}

async fn write_turns(
    connection: &mut PgConnection,
    node: Uuid,
    batch: &Batch,
) -> Result<Unwritten, sqlx::Error> {
    let starts: HashSet<Uuid> = started_here(batch).map(|(turn, _)| turn.execution_id).collect();
    let written = batch.turns.iter().filter(|turn| !starts.contains(&turn.execution_id));
    let written: BTreeSet<(i16, i64)> = written.map(|turn| (turn.shard, turn.epoch)).collect();
    let (shards, epochs): (Vec<i16>, Vec<i64>) = written.into_iter().unzip();
    let plain = batch.answers.is_empty()
        && batch.turns.iter().all(|t| t.start.is_none() && t.end.is_none() && !t.wakes);
    if plain {
        let statement = sqlx::query(include_str!("../sql/append_turns.sql"));
        let statement = bind_turns(statement, node, batch.turns.iter()).bind(shards).bind(epochs);
        let rows = statement.fetch_all(connection).await?;
        let lost = rows.iter().map(|row| row.try_get("shard"));
        // A shard is lost once, whatever epochs were thought to be its own.
        let lost: BTreeSet<i16> = lost.collect::<Result<_, _>>()?;
        return Ok(Unwritten { lost: lost.into_iter().collect(), ..Unwritten::default() });
    }
    let statement = sqlx::query(include_str!("../sql/append.sql"));
    let statement = bind_turns(statement, node, batch.turns.iter())
        .bind(batch.turns.iter().map(|t| starts.contains(&t.execution_id)).collect::<Vec<_>>());
    let statement = bind_starts(statement, batch);
    let statement = bind_ends(statement, batch, &starts);
    let statement = bind_wakes_and_answers(statement, batch, &starts)
        .bind(started_here(batch).map(|(turn, _)| turn.epoch).collect::<Vec<_>>())
        .bind(shards)
        .bind(epochs)
        .bind(batch.answers.iter().map(|answer| answer.shard).collect::<Vec<_>>())
        .bind(batch.answers.iter().map(|answer| answer.epoch).collect::<Vec<_>>())
        .bind(started_here(batch).map(|(_, start)| start.life).collect::<Vec<_>>());
    let rows = statement.fetch_all(connection).await?;
    let (mut missing, mut lost) = (starts, BTreeSet::new());
    for row in rows {
        match row.try_get::<Option<Uuid>, _>("id")? {
            Some(started) => _ = missing.remove(&started),
            None => _ = lost.insert(row.try_get("lost")?),
        }
    }
    Ok(Unwritten { starts: missing.into_iter().collect(), lost: lost.into_iter().collect() })
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
        .bind(starts.iter().map(|(_, start)| start.life).collect::<Vec<_>>())
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

/// Whether one of these answers is still to be written, those of lost shards not counted.
pub(crate) async fn unanswered(
    connection: &mut PgConnection,
    answers: &[Answer],
) -> Result<bool, sqlx::Error> {
    if answers.is_empty() {
        return Ok(false);
    }
    let row = sqlx::query(
        "SELECT EXISTS (
             SELECT FROM UNNEST($1::uuid[], $2::smallint[], $3::bigint[]) AS answers (id, shard, epoch)
             JOIN shards ON shards.shard = answers.shard AND shards.epoch = answers.epoch
             JOIN inbox ON inbox.id = answers.id
             WHERE inbox.answer IS NULL
         )",
    )
    .bind(answers.iter().map(|answer| answer.message_id).collect::<Vec<_>>())
    .bind(answers.iter().map(|answer| answer.shard).collect::<Vec<_>>())
    .bind(answers.iter().map(|answer| answer.epoch).collect::<Vec<_>>())
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

fn texts<'t>(texts: impl Iterator<Item = Option<&'t str>>) -> Vec<Option<Cow<'t, str>>> {
    texts.map(|text| text.map(kept)).collect()
}
