//! A dump that is taken under load is a moment of the whole; what was going on then goes on after it is
//! restored.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use axum::http::HeaderMap;
use serde_json::json;
use tests::database::Durable;
use tests::psql::{dump, restore};
use tests::wire::{Client, serve_function};
use uuid::Uuid;

use super::{CALLS_ACROSS_A_WAIT, blocking, serve, start, until};

const CLIENTS: usize = 3;

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

/// What the clients that load a server go by, and have done.
#[derive(Default)]
struct Load {
    is_over: AtomicBool,
    acknowledged: AtomicUsize,
}

/// Starts executions one after the other until told to stop: those that were acknowledged.
async fn load(client: Client, machine: String, number: usize, load: Arc<Load>) -> Vec<String> {
    let mut arns = Vec::new();
    while !load.is_over.load(Ordering::Relaxed) {
        let name = format!("{number}-{}", arns.len());
        let start = json!({ "stateMachineArn": machine, "name": name, "input": "{\"n\": 1}" });
        let started = client.must("StartExecution", start).await;
        arns.push(started["executionArn"].as_str().unwrap().to_owned());
        load.acknowledged.fetch_add(1, Ordering::Relaxed);
    }
    arns
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dump_under_load_is_restored_with_all_that_was_acknowledged_before_it() {
    let database = Durable::start().await;
    let (url, function) = serve_function(|_: &HeaderMap, _| (200, json!({ "done": true }))).await;
    let (server, client) = serve(database.url(), &[]).await;
    client.register("echo", &url).await;
    let machine = client.create("work", CALLS_ACROSS_A_WAIT).await;
    let before = start(&client, &machine, 20).await;
    let under_way = Arc::new(Load::default());
    let clients: Vec<_> = (0..CLIENTS)
        .map(|number| {
            tokio::spawn(load(client.clone(), machine.clone(), number, under_way.clone()))
        })
        .collect();
    let is_under_way = async || under_way.acknowledged.load(Ordering::Relaxed) >= CLIENTS;
    until("acknowledged starts", is_under_way).await;
    let file = Arc::new(File::new());
    let (from, to) = (database.url().to_owned(), file.clone());
    blocking(move || dump(&from, &to.0)).await.unwrap();
    under_way.is_over.store(true, Ordering::Relaxed);
    let mut during = Vec::new();
    for client in clients {
        during.extend(client.await.unwrap());
    }
    let described =
        client.must("DescribeStateMachine", json!({ "stateMachineArn": machine })).await;
    blocking(|| server.stop()).await.unwrap();

    let restored = database.another("restored").await;
    let to = restored.clone();
    blocking(move || restore(&file.0, &to)).await.unwrap();
    let (_server, client) = serve(&restored, &[]).await;
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
    assert!(
        there >= CLIENTS,
        "these were acknowledged before the dump began, others ran beside them"
    );
    assert!(during.len() > CLIENTS, "nothing was started while it was taken");
    println!("{} before the dump, {there} of {} during it", before.len(), during.len());
    let again = client.must("DescribeStateMachine", json!({ "stateMachineArn": machine })).await;
    assert_eq!(again, described);
    assert!(!start(&client, &machine, 3).await.is_empty(), "new ones are started there");
    function.abort();
}
