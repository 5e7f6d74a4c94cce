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

use super::{CALLS_ACROSS_A_WAIT, blocking, serve_with, start};

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
