//! One connection that appends batches, and what it does about a commit in doubt.

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

    /// Writes the batch in one commit and one round trip. All of it is written, except that a
    /// start whose name another execution has leaves nothing, neither row nor turns
    /// ([`Appended::refused`]); or none of it is.
    ///
    /// After an error in doubt, append the same batch again, unchanged: what is there already
    /// counts as success. After [`AppendError::Fenced`], drop what memory holds of these shards
    /// and load it again.
    ///
    /// Waits at most two seconds for a connection and five for the commit. Locks: the rows of
    /// executions that end or wake, then inbox rows; nothing of another lane's if every
    /// execution keeps to one lane.
    pub async fn append(&mut self, batch: &Batch) -> Result<Appended, AppendError> {
        if batch.turns.is_empty() && batch.answers.is_empty() {
            return Ok(Appended::default());
        }
        let mut open = self.take().await.map_err(not_sent)?;
        // Until we know better, and also if this future is dropped half-way.
        self.doubtful = Some(open.session);
        match in_time(append::write(&mut open.connection, self.node, batch)).await {
            Ok(missing) => {
                self.doubtful = None;
                if missing.is_empty() {
                    self.open = Some(open);
                    return Ok(Appended::default());
                }
                self.after_refusals(open, batch).await
            }
            Err(error) if error.violates_turns_key() => {
                self.doubtful = None;
                match self.verdict(open, batch).await {
                    Ok(Some(appended)) => Ok(appended),
                    Ok(None) => Err(AppendError::Fenced),
                    // The statement itself was rolled back; only its reason is unknown.
                    Err(error) => Err(not_sent(error)),
                }
            }
            Err(error) => {
                let in_doubt = error.leaves_doubt();
                if !in_doubt {
                    self.doubtful = None;
                    self.open = (!error.is_unavailable()).then_some(open);
                }
                Err(AppendError::Unavailable { in_doubt, source: error })
            }
        }
    }

    /// Whether the batch is in the database. The answer is final: a statement that was still at
    /// work on a lost connection has been ended first, so that `false` stays false until the
    /// batch is appended again.
    pub async fn landed(&mut self, batch: &Batch) -> Result<bool, Error> {
        let open = self.take().await?;
        Ok(self.verdict(open, batch).await?.is_some())
    }

    /// Some names were taken: by others, or by this very batch in an earlier attempt.
    async fn after_refusals(&mut self, open: Open, batch: &Batch) -> Result<Appended, AppendError> {
        // The batch is written by now, and only the answer is missing: hence in doubt.
        let unsure = |source| AppendError::Unavailable { in_doubt: true, source };
        match self.verdict(open, batch).await.map_err(unsure)? {
            Some(appended) => Ok(appended),
            None => Err(AppendError::Fenced),
        }
    }

    /// What became of the batch if it is there.
    async fn verdict(&mut self, mut open: Open, batch: &Batch) -> Result<Option<Appended>, Error> {
        let node = self.node;
        let found = in_time(async {
            let connection = &mut open.connection;
            let holders = append::holders(connection, batch).await?;
            if !holders.absent.is_empty() {
                return Ok(None);
            }
            let turns: Vec<&NewTurn> = batch
                .turns
                .iter()
                .filter(|turn| !holders.refused.contains(&turn.execution_id))
                .collect();
            if !append::recorded(connection, node, &turns).await? {
                return Ok(None);
            }
            if append::unanswered(connection, &batch.answers).await? {
                return Ok(None);
            }
            let mut refused: Vec<Uuid> = holders.refused.into_iter().collect();
            refused.sort_unstable();
            Ok(Some(Appended { refused }))
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

#[cfg(test)]
mod tests;

/// An error before anything of the batch was sent, or after it was rolled back.
fn not_sent(source: Error) -> AppendError {
    AppendError::Unavailable { in_doubt: false, source }
}
