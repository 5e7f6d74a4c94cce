//! A dump that is taken under load is a moment of the whole; what was going on then goes on after it is
//! restored.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::http::HeaderMap;
use serde_json::json;
use tests::database::Durable;
use tests::psql::{dump, restore};
use tests::server::{Server, ServerOptions};
use tests::wire::{Client, serve_function};
use uuid::Uuid;

const CLIENTS: usize = 3;

/// A call, a wait across the dump, and another call.
const MACHINE: &str = r#"{"StartAt": "A", "States": {
    "A": {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:echo", "Next": "W"},
    "W": {"Type": "Wait", "Seconds": 1, "Next": "B"},
    "B": {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:echo", "End": true}}}"#;

/// A file of this test's own, gone when it is dropped.
struct File(PathBuf);

impl File {
    fn new() -> Self {
        Self(std::env::temp_dir().join(format!("statewright-dump-{}", Uuid::new_v4())))
    }
}

impl Drop for File {
    fn drop(&mut self) {
        // It may never have been made.
        let _ = std::fs::remove_file(&self.0);
    }
}

async fn serve(url: &str) -> (Server, Client) {
    let url = url.to_owned();
    let start = move || Server::start(&url, &ServerOptions::default());
    let server = tokio::task::spawn_blocking(start).await.unwrap().unwrap();
    let client = Client::new(server.url());
    (server, client)
}

/// Starts executions one after the other until told to stop: those that were acknowledged.
async fn load(
    client: Client,
    machine: String,
    number: usize,
    over: Arc<AtomicBool>,
) -> Vec<String> {
    let mut arns = Vec::new();
    while !over.load(Ordering::Relaxed) {
        let name = format!("{number}-{}", arns.len());
        let start = json!({ "stateMachineArn": machine, "name": name, "input": "{\"n\": 1}" });
        let started = client.must("StartExecution", start).await;
        arns.push(started["executionArn"].as_str().unwrap().to_owned());
    }
    arns
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dump_under_load_is_restored_with_all_that_was_acknowledged_before_it() {
    let database = Durable::start().await;
    let (url, function) = serve_function(|_: &HeaderMap, _| (200, json!({ "done": true }))).await;
    let (server, client) = serve(database.url()).await;
    client.register("echo", &url).await;
    let machine = client.create("work", MACHINE).await;
    let over = Arc::new(AtomicBool::new(false));
    let before = load_until(&client, &machine, 20).await;
    let clients: Vec<_> = (0..CLIENTS)
        .map(|number| tokio::spawn(load(client.clone(), machine.clone(), number, over.clone())))
        .collect();
    let file = Arc::new(File::new());
    let (from, to) = (database.url().to_owned(), file.clone());
    tokio::task::spawn_blocking(move || dump(&from, &to.0)).await.unwrap().unwrap();
    over.store(true, Ordering::Relaxed);
    let mut during = Vec::new();
    for client in clients {
        during.extend(client.await.unwrap());
    }
    let described =
        client.must("DescribeStateMachine", json!({ "stateMachineArn": machine })).await;
    tokio::task::spawn_blocking(|| server.stop()).await.unwrap().unwrap();

    let restored = database.another("restored").await;
    let to = restored.clone();
    tokio::task::spawn_blocking(move || restore(&file.0, &to)).await.unwrap().unwrap();
    let (_server, client) = serve(&restored).await;
    for arn in &before {
        assert_eq!(client.ended(arn).await["status"], "SUCCEEDED", "{arn}");
    }
    let mut there = 0;
    for arn in &during {
        let asked = json!({ "executionArn": arn });
        // What began after the dump is not in it; what is in it goes on.
        if client.call("DescribeExecution", &asked).await.is_ok() {
            assert_eq!(client.ended(arn).await["status"], "SUCCEEDED", "{arn}");
            let events = client.history(arn).await;
            let ids: Vec<i64> = events.iter().filter_map(|event| event["id"].as_i64()).collect();
            assert_eq!(ids, (1..=14).collect::<Vec<i64>>(), "{events:#?}");
            there += 1;
        }
    }
    println!("{} before the dump, {there} of {} during it", before.len(), during.len());
    let again = client.must("DescribeStateMachine", json!({ "stateMachineArn": machine })).await;
    assert_eq!(again, described);
    assert!(!load_until(&client, &machine, 3).await.is_empty(), "new ones are started there");
    function.abort();
}

/// Starts so many.
async fn load_until(client: &Client, machine: &str, count: usize) -> Vec<String> {
    let mut arns = Vec::new();
    for _ in 0..count {
        let start = json!({ "stateMachineArn": machine, "input": "{}" });
        let started = client.must("StartExecution", start).await;
        arns.push(started["executionArn"].as_str().unwrap().to_owned());
    }
    arns
}
