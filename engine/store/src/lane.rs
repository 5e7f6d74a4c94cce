//! One connection that appends batches, and what it does about a commit in doubt.

use std::collections::HashSet;
use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::{Connection as _, PgConnection, Row};
use tokio::time::{Instant, timeout};
use uuid::Uuid;

use crate::batch::{AppendError, Appended, Batch, NewTurn};
use crate::{Error, STATEMENT_TIMEOUT, Store, append, in_time, session};

/// A connection unused for this long may be dead without our knowing: it is tried before a statement
/// is sent over it.
const IDLE: Duration = Duration::from_secs(1);
/// How long that may take before another connection is opened.
const TRIAL: Duration = Duration::from_millis(500);

/// How the database plans a lane's few statements: once, and by index. It cannot know how many
/// rows a batch has, and of a table that grows under it, it would otherwise come to read all.
const PLANNING: &str = "SET plan_cache_mode = force_generic_plan;
    SET enable_seqscan = off;
    SET enable_hashjoin = off;
    SET enable_mergejoin = off";

/// Appends batches one after the other over a connection of its own, which is opened when first
/// needed, and again after an error or when it has died.
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
    used_at: Instant,
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

    /// Writes the batch in one commit and one round trip, or two after an idle second: all of it,
    /// except that a start that cannot be leaves nothing, neither row nor turns ([`Appended`]); or
    /// none of it.
    ///
    /// After [`AppendError::Unavailable`], append the same batch again, unchanged: what is there
    /// already counts as success; or ask first which of its starts are [absent](Self::absent),
    /// and leave those out. After [`AppendError::Fenced`], drop what memory holds of these shards
    /// and load it again; after [`AppendError::Lost`], of the lost ones, and append the rest.
    ///
    /// Waits for a connection as long as the store does (two seconds, if it was not told otherwise)
    /// and five seconds for the commit. Locks: the shards' rows (shared) in their order, the rows of
    /// executions that end or wake, then inbox rows; nothing of another lane's if every execution
    /// keeps to one lane.
    pub async fn append(&mut self, batch: &Batch) -> Result<Appended, AppendError> {
        if batch.turns.is_empty() && batch.answers.is_empty() {
            return Ok(Appended::default());
        }
        let mut open = self.take().await.map_err(AppendError::Unavailable)?;
        // Until we know better, and also if this future is dropped half-way.
        self.doubtful = Some(open.session);
        let lost = match in_time(append::write(&mut open.connection, self.node, batch)).await {
            Ok(unwritten) if unwritten.starts.is_empty() && unwritten.lost.is_empty() => {
                self.doubtful = None;
                self.keep(open);
                return Ok(Appended::default());
            }
            // Some starts were not, now or in an earlier attempt; or there is a new owner, and an
            // earlier attempt was before it.
            Ok(unwritten) => unwritten.lost,
            // Another writer's turn is there, or this very batch.
            Err(error) if error.violates_turns_key() => Vec::new(),
            Err(error) => {
                if !error.leaves_doubt() {
                    self.doubtful = None;
                    if !error.is_unavailable() {
                        self.keep(open);
                    }
                }
                let refused = error.is_final();
                return Err(if refused { AppendError::Refused } else { AppendError::Unavailable }(
                    error,
                ));
            }
        };
        self.doubtful = None;
        let verdict = self.verdict(open, batch).await.map_err(AppendError::Unavailable)?;
        let not_there =
            || if lost.is_empty() { AppendError::Fenced } else { AppendError::Lost(lost) };
        verdict.ok_or_else(not_there)
    }

    /// The executions that this batch starts and that are not there, whatever else of it is. The
    /// answer is final: a statement that was still at work on a lost connection has been ended
    /// first, so that they stay absent until the batch is appended again.
    pub async fn absent(&mut self, batch: &Batch) -> Result<HashSet<Uuid>, Error> {
        let mut open = self.take().await?;
        let holders = in_time(append::holders(&mut open.connection, batch)).await?;
        self.keep(open);
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
            self.keep(open);
        }
        found
    }

    /// The open connection if it still works, or a new one; whatever was in doubt is over when it
    /// returns.
    async fn take(&mut self) -> Result<Open, Error> {
        let kept = self.open.take();
        let working = async {
            if let Some(open) = kept
                && let Some(open) = open.if_it_works().await
            {
                return Ok(open);
            }
            self.connect().await
        };
        let patience = self.store.patience;
        let mut open = timeout(patience, working).await.map_err(|_| Error::too_slow())??;
        if let Some(session) = self.doubtful {
            timeout(STATEMENT_TIMEOUT, end_session(&mut open.connection, session))
                .await
                .map_err(|_| Error::too_slow())??;
            self.doubtful = None;
        }
        Ok(open)
    }

    fn keep(&mut self, open: Open) {
        self.open = Some(Open { used_at: Instant::now(), ..open });
    }

    async fn connect(&self) -> Result<Open, sqlx::Error> {
        let mut connection = session::open(&self.store.options, PLANNING).await?;
        let row = sqlx::query(
            "SELECT pid, backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()",
        )
        .fetch_one(&mut connection)
        .await?;
        let session = Session { pid: row.try_get("pid")?, began: row.try_get("backend_start")? };
        Ok(Open { connection, session, used_at: Instant::now() })
    }
}

impl Open {
    /// Itself, if somebody is still there at the other end or was a moment ago.
    async fn if_it_works(mut self) -> Option<Self> {
        let works = self.used_at.elapsed() < IDLE
            || timeout(TRIAL, self.connection.ping()).await.is_ok_and(|pong| pong.is_ok());
        works.then_some(self)
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
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn sorted(ids: HashSet<Uuid>) -> Vec<Uuid> {
    let mut ids: Vec<Uuid> = ids.into_iter().collect();
    ids.sort_unstable();
    ids
}

#[cfg(test)]
mod tests;
