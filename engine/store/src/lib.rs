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
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, PgPool, Row};

mod access_keys;
mod activities;
mod append;
mod batch;
mod chapters;
mod cluster;
mod deaths;

mod error;
mod executions;
mod functions;
mod heartbeats;
mod inbox;
mod lane;
mod lives;
mod load;
mod masking;
pub mod model;
mod neighbours;
mod notify;
mod offers;
mod schedules;
mod schema;
mod sealing;
mod secret;
mod secrets;
mod session;
mod shards;
mod state_machines;
mod status;
mod succession;
mod tags;
mod texts;
mod unfit;
mod versions;

pub use access_keys::{AccessKey, KeysThere, ListedAccessKey, NewAccessKey, Scope};
pub use activities::{Activity, CreatedActivity, MostTasks, OfferedTask, WantedTasks};
pub use batch::{Answer, AppendError, Appended, Batch, Ending, NewExecution, NewTurn};
pub use cluster::{Cluster, ClusterError, ClusterOptions};
pub use deaths::{DEATHS, SetAside, Suspicion, Trial};
pub use error::{Error, ErrorKind};
pub use executions::{ExecutionFilter, ExecutionHead, ExecutionRow, ListedAfter};
pub use functions::{Delivery, Function, Protocol};
pub use heartbeats::{Heard, Heartbeat};
pub use inbox::Message;
pub use lane::Lane;
pub use lives::Life;
pub use load::{Loadable, Sleeper, TurnRow};
pub use masking::{MASK, masked_url};
pub use neighbours::Neighbour;
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

/// How long a read or a small write may wait for a connection. Short, so that callers hear at
/// once that the database is away.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// How long any statement may take before its connection is given up.
pub(crate) const STATEMENT_TIMEOUT: Duration = Duration::from_secs(5);

/// Settings of Postgres without which what was committed may be lost, or torn.
const DURABLE: [&str; 3] = ["fsync", "full_page_writes", "synchronous_commit"];

/// Where a database listens that is reached by a socket of this machine.
const LOOPBACK: &str = "127.0.0.1";

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
    /// Connects to a `postgres://` URL, once to see that it works and that connections keep their
    /// sessions; at most `max_connections` are kept for everything but lanes and hints,
    /// which have their own.
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
        let options = session::options(url)?;
        // Once without the pool, which would say no more than that it waited in vain.
        let first = tokio::time::timeout(patience, options.connect()).await;
        match first.map_err(|_| Error::too_slow())? {
            Ok(first) => first.close().await?,
            Err(error) => return Err(Error::of_connecting(error, &options).await),
        }
        if !session::is_kept(&options, patience).await? {
            return Err(unfit::Unfit::Pooled.into());
        }
        let pool = session::pool(&options, max_connections, patience);
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
        Self { pool: session::pool(&self.options, 1, self.patience), ..self.clone() }
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<(), Error> {
        in_time(async { sqlx::query("SELECT 1").execute(&self.pool).await }).await?;
        Ok(())
    }

    /// The settings of the database that are off though what is committed may be lost without them
    /// when its machine, or Postgres, crashes; none, as it should be.
    pub async fn careless_settings(&self) -> Result<Vec<String>, Error> {
        let statement = "SELECT name FROM unnest($1::text[]) AS name
             WHERE current_setting(name) = 'off' ORDER BY name";
        let rows = sqlx::query(statement).bind(&DURABLE[..]).fetch_all(&self.pool);
        let rows = in_time(rows).await?;
        Ok(rows.iter().map(|row| row.try_get(0)).collect::<Result<_, sqlx::Error>>()?)
    }

    /// Hosts and ports at which the database is reached over a network. One that is reached by a socket
    /// of this machine is asked where else it listens, and may listen nowhere; a pooler before it may
    /// have a port of its own, by which its socket is named.
    pub async fn addresses(&self) -> Result<Vec<(String, u16)>, Error> {
        let (host, port) = (self.options.get_host(), self.options.get_port());
        if self.options.get_socket().is_none() && !host.starts_with('/') {
            return Ok(vec![(host.to_owned(), port)]);
        }
        let row = in_time(
            sqlx::query(
                "SELECT current_setting('listen_addresses') <> '' AS listens,
                     current_setting('port')::integer AS port",
            )
            .fetch_one(&self.pool),
        )
        .await?;
        let mut ports = vec![port];
        if row.try_get("listens")? {
            ports.extend(u16::try_from(row.try_get::<i32, _>("port")?));
            ports.dedup();
        } else {
            ports.clear();
        }
        Ok(ports.into_iter().map(|port| (LOOPBACK.to_owned(), port)).collect())
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

/// Runs a statement for as long as we are willing to wait.
pub(crate) async fn in_time<T>(
    statement: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, Error> {
    match tokio::time::timeout(STATEMENT_TIMEOUT, statement).await {
        Ok(result) => result.map_err(Error::from),
        Err(_) => Err(Error::too_slow()),
    }
}
