//! How a session with the database begins, and whether a connection has one of its own.
//!
//! What a session is told comes in statements, not with the connection's start: poolers refuse
//! settings there that they do not know.

use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection, PgPool};
use tokio::time::timeout;
use uuid::Uuid;

use crate::CONNECT_TIMEOUT;

/// What every session is told. A statement ends by itself a little after we have given it up
/// ([`crate::STATEMENT_TIMEOUT`]), so that a node that has died leaves nothing at work; and so does a
/// transaction in which nothing happens: a node that stands still in the middle of one must not keep
/// others from its shards and schedules. What is there already, when something is made that may be, is
/// no news.
const SETTINGS: &str = "SET statement_timeout = '7s';
    SET idle_in_transaction_session_timeout = '5s';
    SET client_min_messages = warning";

/// How a transaction begins whose one statement gives rows for as long as there are some.
pub(crate) const LONG_READ: &str = "BEGIN READ ONLY; SET LOCAL statement_timeout = '10min'";

/// For how long, and how often, a notification is waited for that comes at once.
const NOTICE: Duration = Duration::from_secs(1);
const NOTICES: usize = 5;

/// Where the database is and how it is reached, by a URL.
pub(crate) fn options(url: &str) -> Result<PgConnectOptions, sqlx::Error> {
    let options: PgConnectOptions = url.parse()?;
    let options = options
        .application_name("statewright")
        .extra_float_digits(None)
        .log_slow_statements(tracing::log::LevelFilter::Warn, Duration::from_secs(2))
        .log_statements(tracing::log::LevelFilter::Trace);
    Ok(options)
}

/// A pool of sessions.
pub(crate) fn pool(options: &PgConnectOptions, most: u32, patience: Duration) -> PgPool {
    pool_options(most, patience).connect_lazy_with(options.clone())
}

/// A pool for the one session of a listener, which is kept as long as it lives.
pub(crate) fn pool_for_listener(options: &PgConnectOptions, patience: Duration) -> PgPool {
    let pool = pool_options(1, patience).max_lifetime(None).idle_timeout(None);
    pool.connect_lazy_with(options.clone())
}

fn pool_options(most: u32, patience: Duration) -> PgPoolOptions {
    PgPoolOptions::new()
        .max_connections(most)
        .acquire_timeout(patience)
        .after_connect(|connection, _| {
            Box::pin(async { sqlx::raw_sql(SETTINGS).execute(connection).await.map(drop) })
        })
        .after_release(|connection, _| Box::pin(still_answers(connection)))
}

/// A session apart from any pool, which is told `further` settings, too.
pub(crate) async fn open(
    options: &PgConnectOptions,
    further: &'static str,
) -> Result<PgConnection, sqlx::Error> {
    let mut connection = options.connect().await?;
    let settings = format!("{SETTINGS}; {further}");
    sqlx::raw_sql(AssertSqlSafe(settings)).execute(&mut connection).await?;
    Ok(connection)
}

/// One whose statements may take as long as they need.
pub(crate) async fn open_unhurried(
    options: &PgConnectOptions,
) -> Result<PgConnection, sqlx::Error> {
    open(options, "SET statement_timeout = 0").await
}

/// Lets go of a connection whose statement we gave up and that still does not answer: it would
/// keep its place in the pool until the network reports it dead, which may take a quarter of an
/// hour after a failover.
async fn still_answers(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    match timeout(CONNECT_TIMEOUT, connection.ping()).await {
        Ok(answer) => answer.map(|()| true),
        Err(_) => Err(sqlx::Error::PoolTimedOut),
    }
}

/// Whether a connection keeps its session. A pooler that gives a session to each transaction has
/// none left for a connection that only listens: it hears nothing, and whoever is given the session
/// that listened hears what is not for him. Nothing else is told to a session here, and no statement is
/// prepared, for that would be left to others.
pub(crate) async fn is_kept(
    options: &PgConnectOptions,
    patience: Duration,
) -> Result<bool, sqlx::Error> {
    let pool = PgPoolOptions::new()
        .max_connections(2)
        .acquire_timeout(patience)
        .connect_lazy_with(options.clone());
    let mut listener = PgListener::connect_with(&pool).await?;
    let mut notifier = PgListener::connect_with(&pool).await?;
    let channel = format!("statewright_{}", Uuid::new_v4().simple());
    sqlx::raw_sql(AssertSqlSafe(in_bounds(&format!("LISTEN {channel}"))))
        .execute(&mut listener)
        .await?;
    for _ in 0..NOTICES {
        let notify = in_bounds(&format!("NOTIFY {channel}"));
        sqlx::raw_sql(AssertSqlSafe(notify)).execute(&mut notifier).await?;
        if notifier.next_buffered().is_some() {
            return Ok(false);
        }
        if let Ok(heard) = timeout(NOTICE, listener.recv()).await {
            heard?;
            return Ok(true);
        }
    }
    Ok(false)
}

/// A statement that ends by itself, as those of other sessions, and leaves no setting behind.
fn in_bounds(statement: &str) -> String {
    format!("BEGIN; SET LOCAL statement_timeout = '7s'; {statement}; COMMIT")
}

#[cfg(test)]
mod tests {
    use sqlx::Row;

    use super::*;
    use crate::{Cluster, ClusterOptions, Store};

    async fn shown(connection: &mut PgConnection, setting: &str) -> String {
        let show = AssertSqlSafe(format!("SHOW {setting}"));
        sqlx::raw_sql(show).fetch_one(connection).await.unwrap().get(0)
    }

    #[tokio::test]
    async fn every_session_ends_by_itself_what_we_have_given_up() {
        let name = format!("statewright-session-{}", Uuid::new_v4());
        let cluster = ClusterOptions::new(std::env::temp_dir().join(name)).for_tests();
        let cluster = Cluster::start(cluster).await.unwrap();
        let store =
            Store::connect_patiently(&cluster.url(), 1, Duration::from_secs(30)).await.unwrap();
        let mut of_pool = store.pool.acquire().await.unwrap();
        let mut of_lane = open(&store.options, "SET enable_seqscan = off").await.unwrap();
        for connection in [&mut *of_pool, &mut of_lane] {
            assert_eq!(shown(connection, "statement_timeout").await, "7s");
            let idle = "idle_in_transaction_session_timeout";
            assert_eq!(shown(connection, idle).await, "5s");
            assert_eq!(shown(connection, "client_min_messages").await, "warning");
        }
        assert_eq!(shown(&mut of_lane, "enable_seqscan").await, "off");
        let mut of_migration = open_unhurried(&store.options).await.unwrap();
        assert_eq!(shown(&mut of_migration, "statement_timeout").await, "0");
        // A session whose settings are not ours to make.
        let mut of_nobody = store.options.connect().await.unwrap();
        let within = in_bounds("SELECT current_setting('statement_timeout')");
        let within = sqlx::raw_sql(AssertSqlSafe(within)).fetch_one(&mut of_nobody).await.unwrap();
        assert_eq!(within.get::<String, _>(0), "7s");
        assert_eq!(shown(&mut of_nobody, "statement_timeout").await, "0");
        drop(of_pool);
        let mut reading = store.pool.begin_with(LONG_READ).await.unwrap();
        assert_eq!(shown(&mut reading, "statement_timeout").await, "10min");
        reading.commit().await.unwrap();
        let mut of_pool = store.pool.acquire().await.unwrap();
        assert_eq!(shown(&mut of_pool, "statement_timeout").await, "7s");
        cluster.stop().await;
    }
}
