//! A release beside another on one schema: what a later one adds is no reason to refuse it.
//!
//! With `OTHER_RELEASE`, the path of another release's program, the rolling upgrade is that release to
//! this one and back; without, the schema alone is a later one.

use std::path::PathBuf;

use axum::http::HeaderMap;
use serde_json::{Value, json};
use tests::database::Durable;
use tests::psql::psql;
use tests::server::{Server, ServerOptions};
use tests::wire::{Client, serve_function};

use super::{CALLS_ACROSS_A_WAIT, blocking, serve_with, start, until};

/// What the migration of a later release may look like that this one can live with.
const LATER: &str = "
    ALTER TABLE executions ADD COLUMN later text;
    CREATE TABLE later (it text);
    INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
    VALUES (9999, 'later', true, ''::bytea, 0)";

/// A server of this program, of this release's if there is none.
async fn serve_by(program: Option<PathBuf>, url: &str) -> (Server, Client) {
    serve_with(url, ServerOptions { program, ..ServerOptions::default() }).await
}

async fn stop(server: Server) {
    let status = blocking(|| server.stop()).await.unwrap();
    assert!(status.success(), "{status}");
}

#[tokio::test(flavor = "multi_thread")]
async fn executions_go_on_through_an_upgrade_node_by_node_and_back() {
    let other: Option<PathBuf> = std::env::var_os("OTHER_RELEASE").map(PathBuf::from);
    let database = Durable::start().await;
    let (url, function) = serve_function(|_: &HeaderMap, _| (200, json!({ "done": true }))).await;
    let (first, client) = serve_by(other.clone(), database.url()).await;
    client.register("echo", &url).await;
    let machine = client.create("work", CALLS_ACROSS_A_WAIT).await;
    let mut arns = start(&client, &machine, 10).await;
    if other.is_none() {
        psql(database.url(), LATER).unwrap();
    }
    // The upgrade: a node of this release comes, and the other one goes.
    let (second, client) = serve_by(None, database.url()).await;
    arns.extend(start(&client, &machine, 10).await);
    stop(first).await;
    arns.extend(start(&client, &machine, 10).await);
    // And back.
    let (_third, client) = serve_by(other, database.url()).await;
    arns.extend(start(&client, &machine, 10).await);
    stop(second).await;
    arns.extend(start(&client, &machine, 10).await);
    for arn in &arns {
        let ended = client.ended(arn).await;
        assert_eq!(ended["status"], "SUCCEEDED", "{ended:#}");
    }
    function.abort();
}

/// Whether nothing of the state machine is left, asked of this node.
async fn is_gone(client: &Client, machine: &str) -> bool {
    client.call("DescribeStateMachine", &json!({ "stateMachineArn": machine })).await.is_err()
}

/// Starts executions of these names.
async fn start_named(client: &Client, machine: &str, prefix: &str) -> Vec<String> {
    let mut arns = Vec::new();
    for number in 0..20 {
        let name = format!("{prefix}{number}");
        let start = json!({ "stateMachineArn": machine, "name": name, "input": "{}" });
        // What another node has changed is seen within a second.
        let mut started = Value::Null;
        until("it is started", async || {
            let answer = client.call("StartExecution", &start).await;
            started = answer.unwrap_or_default();
            !started.is_null()
        })
        .await;
        arns.push(started["executionArn"].as_str().unwrap().to_owned());
    }
    arns
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_that_is_deleted_and_made_anew_has_all_its_executions_by_whichever_release() {
    const PASS: &str = r#"{"StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}}"#;
    let other: Option<PathBuf> = std::env::var_os("OTHER_RELEASE").map(PathBuf::from);
    let database = Durable::start().await;
    let (first, of_other) = serve_by(other, database.url()).await;
    let (second, client) = serve_by(None, database.url()).await;
    for (life, maker) in [&of_other, &client, &of_other].into_iter().enumerate() {
        let machine = maker.create("work", PASS).await;
        // To this release their names are free in each life; the one before may take them for taken.
        let mut arns = start_named(&client, &machine, "again-").await;
        arns.extend(start_named(&of_other, &machine, &format!("{life}-")).await);
        for arn in &arns {
            let ended = client.ended(arn).await;
            assert_eq!(ended["status"], "SUCCEEDED", "in life {life}: {ended:#}");
        }
        let of = json!({ "stateMachineArn": machine });
        let listed = client.must("ListExecutions", of.clone()).await;
        let count = listed["executions"].as_array().map(Vec::len);
        assert_eq!(count, Some(arns.len()), "in life {life}: {listed:#}");
        maker.must("DeleteStateMachine", of).await;
        until("it is gone", async || is_gone(&client, &machine).await).await;
    }
    stop(first).await;
    stop(second).await;
}
