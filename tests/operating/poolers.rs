//! `PgBouncer`: each client a session of its own, or the node says why it does not start.

use serde_json::json;
use tests::database::Database;
use tests::pooler::Pooler;
use tests::server::{Server, free_address};

use super::{blocking, lines, options, serve, until};

const REMEDY: &str = "a pooler gives each transaction another session, as PgBouncer does with \
                      `pool_mode = transaction`, so that notifications and locks of a session are \
                      lost: set `pool_mode = session` for this database, or name Postgres itself in \
                      the URL";

#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_that_keeps_no_sessions_is_refused_however_many_it_has() {
    let database = Database::private().await;
    for (mode, sessions) in [("transaction", 1), ("transaction", 20), ("statement", 20)] {
        let pooler = Pooler::start(&database.url, mode, sessions).unwrap();
        let url = pooler.url();
        let refused = blocking(move || {
            let server = Server::spawn(&url, free_address().unwrap(), &options(&[])).unwrap();
            let mut server = server;
            let refused = server.wait_until_ready();
            (server.log(), refused.is_err())
        })
        .await;
        assert!(refused.1 && refused.0.contains(REMEDY), "{mode} {sessions}: {}", refused.0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_a_pooler_that_keeps_sessions_nodes_work_and_hear_each_other() {
    let database = Database::private().await;
    let pooler = Pooler::start(&database.url, "session", 60).unwrap();
    let (one, first) = serve(&pooler.url(), &[]).await;
    let (_other, second) = serve(&pooler.url(), &[]).await;
    until("the shards are shared", async || {
        first.metric("statewright_shards_owned").await == Some(128.0)
            && second.metric("statewright_shards_owned").await == Some(128.0)
    })
    .await;
    let machine = first
        .create(
            "wait",
            r#"{"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 3600, "End": true}}}"#,
        )
        .await;
    // Of so many names some are each node's.
    for number in 0..8 {
        let start =
            json!({ "stateMachineArn": machine, "name": format!("n{number}"), "input": "{}" });
        let started = first.must("StartExecution", start).await;
        let arn = started["executionArn"].as_str().unwrap();
        second.must("StopExecution", json!({ "executionArn": arn })).await;
        assert_eq!(first.ended(arn).await["status"], "ABORTED");
    }
    assert_eq!(lines(&one, "pooler"), 0);
}
