//! One connection that appends batches, and what it does about a commit in doubt.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use sqlx::{ConnectOptions, PgConnection, Row};
use tokio::time::timeout;
use uuid::Uuid;

use crate::append::{self, AppendError, Appended, Batch, NewTurn};
use crate::{CONNECT_TIMEOUT, Error, STATEMENT_TIMEOUT, Store, in_time};

/// How the database plans a lane's few statements: once, and by index. It cannot know how many
/// rows a batch has, and of a table that grows under it, it would otherwise come to read all.
const PLANNING: [(&str, &str); 4] = [
    ("plan_cache_mode", "force_generic_plan"),
    ("enable_seqscan", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
];

/// Appends batches one after the other over a connection of its own, which is opened when first
/// needed and again after an error.
#[derive(Debug)]
pub struct Lane {
    store: Store,
    node: Uuid,
    open: Option<Open>,
    /// The session of a statement whose end we have not seen; it may still be at work.
    doubtful: Option<Session>,
}

#[derive(Debug)]
struct Open {
    connection: PgConnection,
    session: Session,
}

/// One server process, told apart from a later one with the same number.
#[derive(Clone, Copy, Debug)]
struct Session {
    pid: i32,
    began: DateTime<Utc>,
}

impl Lane {
    /// A lane of this node. Nothing is opened yet.
    pub fn new(store: &Store, node: Uuid) -> Self {
        Self { store: store.clone(), node, open: None, doubtful: None }
    }

    /// Writes the batch in one commit and one round trip: all of it, except that a start that
    /// cannot be leaves nothing, neither row nor turns ([`Appended`]); or none of it.
    ///
    /// After [`AppendError::Unavailable`], append the same batch again, unchanged: what is there
    /// already counts as success; or ask first which of its starts are [absent](Self::absent),
    /// and leave those out. After [`AppendError::Fenced`], drop what memory holds of these shards
    /// and load it again.
    ///
    /// Waits at most two seconds for a connection and five for the commit. Locks: the rows of
    /// executions that end or wake, then inbox rows; nothing of another lane's if every
    /// execution keeps to one lane.
    pub async fn append(&mut self, batch: &Batch) -> Result<Appended, AppendError> {
        if batch.turns.is_empty() && batch.answers.is_empty() {
            return Ok(Appended::default());
        }
        let mut open = self.take().await.map_err(AppendError::Unavailable)?;
        // Until we know better, and also if this future is dropped half-way.
        self.doubtful = Some(open.session);
        match in_time(append::write(&mut open.connection, self.node, batch)).await {
            Ok(missing) if missing.is_empty() => {
                self.doubtful = None;
                self.open = Some(open);
                return Ok(Appended::default());
            }
            // Some starts were not, now or in an earlier attempt.
            Ok(_) => {}
            // Another writer's turn is there, or this very batch.
            Err(error) if error.violates_turns_key() => {}
            Err(error) => {
                if !error.leaves_doubt() {
                    self.doubtful = None;
                    self.open = (!error.is_unavailable()).then_some(open);
                }
                let refused = error.is_final();
                return Err(if refused { AppendError::Refused } else { AppendError::Unavailable }(
                    error,
                ));
            }
        }
        self.doubtful = None;
        let verdict = self.verdict(open, batch).await.map_err(AppendError::Unavailable)?;
        verdict.ok_or(AppendError::Fenced)
    }

    /// The executions that this batch starts and that are not there, whatever else of it is. The
    /// answer is final: a statement that was still at work on a lost connection has been ended
    /// first, so that they stay absent until the batch is appended again.
    pub async fn absent(&mut self, batch: &Batch) -> Result<HashSet<Uuid>, Error> {
        let mut open = self.take().await?;
        let holders = in_time(append::holders(&mut open.connection, batch)).await?;
        self.open = Some(open);
        Ok(holders.absent)
    }

    /// What became of the batch if it is there.
    async fn verdict(&mut self, mut open: Open, batch: &Batch) -> Result<Option<Appended>, Error> {
        let node = self.node;
        let found = in_time(async {
            let connection = &mut open.connection;
            let mut holders = append::holders(connection, batch).await?;
            let absent = &holders.absent;
            let mut turns: Vec<&NewTurn> = batch.turns.iter().collect();
            turns.retain(|turn| {
                let id = &turn.execution_id;
                !holders.refused.contains(id) && !absent.contains(id)
            });
            let recorded = append::recorded(connection, node, &turns).await?;
            let is_recorded =
                |turn: &NewTurn| recorded.contains(&(turn.execution_id, turn.first_event));
            for turn in turns.iter().filter(|turn| turn.start.is_some()) {
                // Its start is there, but by another batch: it has been asked for twice.
                if holders.ended.contains(&turn.execution_id) && !is_recorded(turn) {
                    holders.refused.insert(turn.execution_id);
                }
            }
            turns.retain(|turn| !holders.refused.contains(&turn.execution_id));
            let is_there = turns.into_iter().all(is_recorded)
                && !append::unanswered(connection, &batch.answers).await?;
            let (refused, unowned) = (sorted(holders.refused), sorted(holders.absent));
            Ok(is_there.then_some(Appended { refused, unowned }))
        })
        .await;
        if found.is_ok() {
            self.open = Some(open);
        }
        found
    }

    /// The open connection, or a new one; whatever was in doubt is over when it returns.
    async fn take(&mut self) -> Result<Open, Error> {
        let mut open = match self.open.take() {
            Some(open) => open,
            None => self.connect().await?,
        };
        if let Some(session) = self.doubtful {
            timeout(STATEMENT_TIMEOUT, end_session(&mut open.connection, session))
                .await
                .map_err(|_| Error::too_slow())??;
            self.doubtful = None;
        }
        Ok(open)
    }

    async fn connect(&self) -> Result<Open, Error> {
        let connecting = async {
            let mut connection = self.store.options.clone().options(PLANNING).connect().await?;
            let row = sqlx::query(
                "SELECT pid, backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()",
            )
            .fetch_one(&mut connection)
            .await?;
            let session =
                Session { pid: row.try_get("pid")?, began: row.try_get("backend_start")? };
            Ok::<_, sqlx::Error>(Open { connection, session })
        };
        match timeout(CONNECT_TIMEOUT, connecting).await {
            Ok(opened) => Ok(opened?),
            Err(_) => Err(Error::too_slow()),
        }
    }
}

/// Ends a server process and waits until it is gone; its transaction is decided then.
async fn end_session(connection: &mut PgConnection, session: Session) -> Result<(), sqlx::Error> {
    loop {
        let rows = sqlx::query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE pid = $1 AND backend_start = $2",
        )
        .bind(session.pid)
        .bind(session.began)
        .fetch_all(&mut *connection)
        .await?;
        if rows.is_empty() {
            return Ok(());
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}

fn sorted(ids: HashSet<Uuid>) -> Vec<Uuid> {
    let mut ids: Vec<Uuid> = ids.into_iter().collect();
    ids.sort_unstable();
    ids
}

#[cfg(test)]
mod tests;
