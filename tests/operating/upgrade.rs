//! A release beside another on one schema: what a later one adds is no reason to refuse it.
//!
//! With `OTHER_RELEASE`, the path of another release's program, the rolling upgrade is that release to
//! this one and back; without, the schema alone is a later one.

use std::path::PathBuf;

use axum::http::HeaderMap;
use serde_json::json;
use tests::database::Durable;
use tests::psql::psql;
use tests::server::{Server, ServerOptions};
use tests::wire::{Client, serve_function};

/// What the migration of a later release may look like that this one can live with.
const LATER: &str = "
    ALTER TABLE executions ADD COLUMN later text;
    CREATE TABLE later (it text);
    INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
    VALUES (9999, 'later', true, ''::bytea, 0)";

const MACHINE: &str = r#"{"StartAt": "A", "States": {
    "A": {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:echo", "Next": "W"},
    "W": {"Type": "Wait", "Seconds": 2, "Next": "B"},
    "B": {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:echo", "End": true}}}"#;

async fn serve(url: &str, program: Option<PathBuf>) -> (Server, Client) {
    let (url, options) = (url.to_owned(), ServerOptions { program, ..ServerOptions::default() });
    let start = move || Server::start(&url, &options);
    let server = tokio::task::spawn_blocking(start).await.unwrap().unwrap();
    let client = Client::new(server.url());
    (server, client)
}

async fn stop(server: Server) {
    let status = tokio::task::spawn_blocking(|| server.stop()).await.unwrap().unwrap();
    assert!(status.success(), "{status}");
}

async fn start(client: &Client, machine: &str, count: usize) -> Vec<String> {
    let mut arns = Vec::new();
    for _ in 0..count {
        let start = json!({ "stateMachineArn": machine, "input": "{}" });
        let started = client.must("StartExecution", start).await;
        arns.push(started["executionArn"].as_str().unwrap().to_owned());
    }
    arns
}

#[tokio::test(flavor = "multi_thread")]
async fn executions_go_on_through_an_upgrade_node_by_node_and_back() {
    let other: Option<PathBuf> = std::env::var_os("OTHER_RELEASE").map(PathBuf::from);
    let database = Durable::start().await;
    let (url, function) = serve_function(|_: &HeaderMap, _| (200, json!({ "done": true }))).await;
    let (first, client) = serve(database.url(), other.clone()).await;
    client.register("echo", &url).await;
    let machine = client.create("work", MACHINE).await;
    let mut arns = start(&client, &machine, 10).await;
    if other.is_none() {
        psql(database.url(), LATER).unwrap();
    }
    // The upgrade: a node of this release comes, and the other one goes.
    let (second, client) = serve(database.url(), None).await;
    arns.extend(start(&client, &machine, 10).await);
    stop(first).await;
    arns.extend(start(&client, &machine, 10).await);
    // And back.
    let (_third, client) = serve(database.url(), other).await;
    arns.extend(start(&client, &machine, 10).await);
    stop(second).await;
    arns.extend(start(&client, &machine, 10).await);
    for arn in &arns {
        let ended = client.ended(arn).await;
        assert_eq!(ended["status"], "SUCCEEDED", "{ended:#}");
    }
    function.abort();
}
