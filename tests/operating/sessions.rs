//! What a node's sessions with the database leave behind.

use serde_json::{Value, json};
use tests::database::Database;
use tests::psql::{Session, psql};
use tests::wire::{Client, Refused};
use tokio::task::JoinHandle;

use super::{serve, until};

/// Whether a statement waits for a lock.
const WAITING: &str = "SELECT count(*) > 0 FROM pg_stat_activity
     WHERE datname = current_database() AND wait_event_type = 'Lock'";

/// A request whose statement waits for a lock, and who has it.
pub(super) async fn statement_that_waits(
    url: &str,
    client: Client,
) -> (Session, JoinHandle<Result<Value, Refused>>) {
    let mut blocker = Session::start(url);
    blocker.run("BEGIN; LOCK TABLE functions;");
    let asked = tokio::spawn(async move {
        let function = json!({ "url": "http://127.0.0.1:9/f", "protocol": "http" });
        client.rest("PUT", "/v1/functions/f", function).await
    });
    until("a statement waits", async || psql(url, WAITING).unwrap() == "t").await;
    (blocker, asked)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_node_leaves_no_statement_at_work() {
    let database = Database::private().await;
    let (server, client) = serve(&database.url, &[]).await;
    let (_blocker, asked) = statement_that_waits(&database.url, client).await;
    server.kill().unwrap();
    assert!(asked.await.unwrap().is_err());
    // Postgres does not notice who has died, and the lock stays: the statement ends by itself.
    until("it ends", async || psql(&database.url, WAITING).unwrap() == "f").await;
    let held = "SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND granted
         AND relation = 'functions'::regclass";
    assert_eq!(psql(&database.url, held).unwrap(), "1");
}
