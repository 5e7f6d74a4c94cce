//! Tasks of activities, offered to workers and withdrawn in the commits that decide it.

use std::collections::HashSet;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::batch::Batch;

/// A task that a worker may take once its turn is committed.
#[derive(Clone, Debug)]
pub struct Offer {
    /// The number of its `ActivityScheduled` event.
    pub task: i64,
    /// The activity's account.
    pub account: String,
    /// The activity's name.
    pub activity: String,
    /// JSON text for the worker.
    pub input: Bytes,
    /// When it was scheduled.
    pub scheduled_at: DateTime<Utc>,
}

/// Whether a batch says anything about offers.
pub(crate) fn any(batch: &Batch) -> bool {
    batch.turns.iter().any(|turn| !turn.offers.is_empty() || !turn.withdrawn.is_empty())
}

/// Writes what a batch offers and withdraws, except for the executions that it did not start;
/// within the transaction that appends its turns.
pub(crate) async fn write(
    connection: &mut PgConnection,
    batch: &Batch,
    missing: &[Uuid],
) -> Result<(), sqlx::Error> {
    let written = || batch.turns.iter().filter(|turn| !missing.contains(&turn.execution_id));
    let withdrawn: Vec<(i16, Uuid, i64)> = written()
        .flat_map(|turn| turn.withdrawn.iter().map(|task| (turn.shard, turn.execution_id, *task)))
        .collect();
    // What is offered and withdrawn in one batch never comes to be.
    let gone: HashSet<(Uuid, i64)> = withdrawn.iter().map(|(_, id, task)| (*id, *task)).collect();
    let offers: Vec<(i16, Uuid, &Offer)> = written()
        .flat_map(|turn| turn.offers.iter().map(|offer| (turn.shard, turn.execution_id, offer)))
        .filter(|(_, id, offer)| !gone.contains(&(*id, offer.task)))
        .collect();
    sqlx::query(include_str!("../sql/offers.sql"))
        .bind(offers.iter().map(|(shard, ..)| *shard).collect::<Vec<_>>())
        .bind(offers.iter().map(|(_, id, _)| *id).collect::<Vec<_>>())
        .bind(offers.iter().map(|(.., offer)| offer.task).collect::<Vec<_>>())
        .bind(offers.iter().map(|(.., offer)| offer.account.as_str()).collect::<Vec<_>>())
        .bind(offers.iter().map(|(.., offer)| offer.activity.as_str()).collect::<Vec<_>>())
        .bind(offers.iter().map(|(.., offer)| offer.input.as_ref()).collect::<Vec<_>>())
        .bind(offers.iter().map(|(.., offer)| offer.scheduled_at).collect::<Vec<_>>())
        .bind(withdrawn.iter().map(|(shard, ..)| *shard).collect::<Vec<_>>())
        .bind(withdrawn.iter().map(|(_, id, _)| *id).collect::<Vec<_>>())
        .bind(withdrawn.iter().map(|(.., task)| *task).collect::<Vec<_>>())
        .execute(connection)
        .await?;
    Ok(())
}
