//! The only SQL in the house: what is durable, and how it becomes so.
//!
//! # What is promised
//!
//! A [`Batch`] is written whole or not at all, in one commit; but a start that cannot be leaves
//! nothing, and does not hold up the rest. When [`Lane::append`] has returned
//! `Ok`, it survives the death of every process and of the database.
//!
//! Two nodes that both believe they own a shard cannot fork a history: both would append a turn
//! with the same first event, and the key of `turns` refuses the second, whose whole batch
//! aborts ([`AppendError::Fenced`]). Leases ([`Store::beat`]) only make this rare.
//!
//! A commit whose acknowledgement was lost is in doubt. Appending the same batch again is safe:
//! a batch that meets its own rows has succeeded. Which of its starts are not there, and will not
//! be, [`Lane::absent`] tells.
//!
//! What is secret is sealed with keys that the database does not have ([`SealingKeys`]).
//!
//! Time has one spelling, `coalesce($1, now())`: the database's clock, or in tests the one given
//! to [`Store::at`].

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, Connection, PgConnection, PgPool};

mod access_keys;
mod activities;
mod append;
mod batch;
mod chapters;
mod cluster;

mod error;
mod executions;
mod functions;
mod heartbeats;
mod inbox;
mod lane;
mod load;
mod masking;
mod notify;
mod offers;
mod schedules;
mod sealing;
mod secret;
mod secrets;
mod shards;
mod state_machines;
mod status;
mod succession;
mod tags;
mod versions;

pub use access_keys::{AccessKey, ListedAccessKey, NewAccessKey, Scope};
pub use activities::{Activity, CreatedActivity, MostTasks, OfferedTask, WantedTasks};
pub use batch::{Answer, AppendError, Appended, Batch, Ending, NewExecution, NewTurn};
pub use cluster::{Cluster, ClusterError, ClusterOptions};
pub use error::{Error, ErrorKind};
pub use executions::{ExecutionFilter, ExecutionHead, ExecutionRow, ListedAfter};
pub use functions::{Delivery, Function, Protocol};
pub use heartbeats::{Heard, Heartbeat};
pub use inbox::Message;
pub use lane::Lane;
pub use load::{Loaded, Sleeper, TurnRow};
pub use masking::{MASK, masked_url};
pub use notify::{Hint, Hints};
pub use offers::Offer;
pub use schedules::{
    Attempt, Backfill, BackfillAsked, BackfillState, CatchUp, Claimed, DEFAULT_GROUP, Decision,
    Firing, FiringFilter, FiringKey, FiringKind, FiringState, NewBackfill, NewFiring, NewSchedule,
    NewScheduleGroup, NextSchedule, Overlap, Plan, Postponed, RunAsked, RunningFiring, Schedule,
    ScheduleCreated, ScheduleFilter, ScheduleGroup, ScheduleSettings, ScheduleState,
    StartedExecution, Waiting, Wording,
};
pub use sealing::{Resealed, SealingError, SealingKeyError, SealingKeys};
pub use secret::Secret;
pub use shards::{Beat, SHARDS, shard_of};
pub use state_machines::{
    Created, Kind, MachineStatus, NewStateMachine, Publication, Revision, StateMachine, Update,
    Updated,
};
pub use status::Status;
pub use succession::{NameLock, Orphaned};
pub use tags::{Resource, Tagged};
pub use versions::{Published, Version};

use chapters::MIGRATOR;

/// How long a read or a small write may wait for a connection. Short, so that callers hear at
/// once that the database is away.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// How long any statement may take before its connection is given up.
pub(crate) const STATEMENT_TIMEOUT: Duration = Duration::from_secs(5);

/// When the database ends a transaction by itself in which nothing happens: a node that stands still
/// in the middle of one must not keep others from its shards and schedules.
const ABANDONED: [(&str, &str); 1] = [("idle_in_transaction_session_timeout", "5s")];

/// The database. Cheap to clone; all clones share one pool.
#[derive(Clone, Debug)]
pub struct Store {
    pub(crate) pool: PgPool,
    pub(crate) options: PgConnectOptions,
    /// How long to wait for a connection.
    pub(crate) patience: Duration,
    /// The time to take for `now()`; only tests set it.
    pub(crate) now: Option<DateTime<Utc>>,
    /// What secrets are sealed with; without, none can be read or written.
    pub(crate) keys: Option<SealingKeys>,
}

/// How many connections the pool has, and may have.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Connections {
    pub in_use: usize,
    pub idle: usize,
    pub most: usize,
}

impl Store {
    /// Connects to a `postgres://` URL, once to see that it works; at most `max_connections` are
    /// kept for everything but lanes and hints, which have their own.
    pub async fn connect(url: &str, max_connections: u32) -> Result<Self, Error> {
        Self::connect_patiently(url, max_connections, CONNECT_TIMEOUT).await
    }

    /// The same for who would rather wait so long for a connection than hear that the database is
    /// away.
    pub async fn connect_patiently(
        url: &str,
        max_connections: u32,
        patience: Duration,
    ) -> Result<Self, Error> {
        let options: PgConnectOptions = url.parse().map_err(Error::from)?;
        let options = options
            .application_name("statewright")
            .options(ABANDONED)
            .log_slow_statements(tracing::log::LevelFilter::Warn, Duration::from_secs(2))
            .log_statements(tracing::log::LevelFilter::Trace);
        // Once without the pool, which would say no more than that it waited in vain.
        let first = tokio::time::timeout(patience, options.connect()).await;
        let first = first.map_err(|_| Error::too_slow())?.map_err(Error::from)?;
        first.close().await.map_err(Error::from)?;
        let pool = pool(&options, max_connections, patience);
        Ok(Self { pool, options, patience, now: None, keys: None })
    }

    /// The same database, at a time of the caller's choosing.
    #[must_use]
    pub fn at(&self, now: DateTime<Utc>) -> Self {
        Self { now: Some(now), ..self.clone() }
    }

    /// The same database over one connection of its own, for what must not wait behind others.
    #[must_use]
    pub fn apart(&self) -> Self {
        Self { pool: pool(&self.options, 1, self.patience), ..self.clone() }
    }

    /// Brings the schema up to this release and seals what an earlier one stored plain; before
    /// anything is changed, sees that the keys are those of this database. Safe to call from several
    /// nodes at once: they take turns by a lock.
    pub async fn migrate(&self) -> Result<(), Error> {
        self.check_keys().await?;
        MIGRATOR.run(&self.pool).await?;
        self.know_first_key().await?;
        self.seal_plain().await?;
        self.unlock().await
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<(), Error> {
        in_time(async { sqlx::query("SELECT 1").execute(&self.pool).await }).await?;
        Ok(())
    }

    /// Host and port of the database; `None` if it is reached by a socket of this machine.
    pub fn address(&self) -> Option<(String, u16)> {
        let host = self.options.get_host();
        let is_socket = self.options.get_socket().is_some() || host.starts_with('/');
        (!is_socket).then(|| (host.to_owned(), self.options.get_port()))
    }

    /// The connections of the pool at this moment.
    pub fn connections(&self) -> Connections {
        let open = usize::try_from(self.pool.size()).unwrap_or(usize::MAX);
        let idle = self.pool.num_idle().min(open);
        let most = self.pool.options().get_max_connections();
        Connections { in_use: open - idle, idle, most: usize::try_from(most).unwrap_or(usize::MAX) }
    }

    /// Closes the pool; statements in flight end first.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

fn pool(options: &PgConnectOptions, max_connections: u32, patience: Duration) -> PgPool {
    PgPoolOptions::new()
        .max_connections(max_connections)
        .acquire_timeout(patience)
        .after_release(|connection, _| Box::pin(still_answers(connection)))
        .connect_lazy_with(options.clone())
}

/// Lets go of a connection whose statement we gave up and that still does not answer: it would
/// keep its place in the pool until the network reports it dead, which may take a quarter of an
/// hour after a failover.
async fn still_answers(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    match tokio::time::timeout(CONNECT_TIMEOUT, connection.ping()).await {
        Ok(answer) => answer.map(|()| true),
        Err(_) => Err(sqlx::Error::PoolTimedOut),
    }
}

/// Runs a statement for as long as we are willing to wait.
pub(crate) async fn in_time<T>(
    statement: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, Error> {
    match tokio::time::timeout(STATEMENT_TIMEOUT, statement).await {
        Ok(result) => result.map_err(Error::from),
        Err(_) => Err(Error::too_slow()),
    }
}
