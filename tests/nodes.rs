//! Several nodes on one database: they share the work, and survive each other and the
//! database's absence.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tests::database::Durable;
use tests::server::{Server, ServerOptions};
use tests::wire::{Client, Refused, serve_function};

const WAITS_LONG: &str = r#"{"StartAt": "W", "States": {
    "W": {"Type": "Wait", "Seconds": 3600, "End": true}}}"#;
const WAITS_SHORT: &str = r#"{"StartAt": "W", "States": {
    "W": {"Type": "Wait", "Seconds": 3, "End": true}}}"#;
const WORKS: &str = r#"{"StartAt": "T", "States": {
    "T": {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:work",
          "End": true}}}"#;

/// Seconds of a lease that no busy machine misses.
const LONG: u32 = 6;

fn node(url: &str) -> (Server, Client) {
    node_with_lease(url, 2)
}

fn node_with_lease(url: &str, seconds: u32) -> (Server, Client) {
    let lease = ("STATEWRIGHT_LEASE_SECONDS".to_owned(), seconds.to_string());
    let options = ServerOptions { env: vec![lease], ..ServerOptions::default() };
    let server = Server::start(url, &options).expect("a node");
    let client = Client::new(server.url());
    (server, client)
}

/// Starts so many executions and gives their ARNs.
async fn start(client: &Client, machine: &str, prefix: &str, count: usize) -> Vec<String> {
    let mut arns = Vec::new();
    for number in 0..count {
        let name = format!("{prefix}{number}");
        let start = json!({ "stateMachineArn": machine, "name": name, "input": "{}" });
        let started = client.must("StartExecution", start).await;
        arns.push(started["executionArn"].as_str().expect("an ARN").to_owned());
    }
    arns
}

/// Starts an execution on a node that may not have found all its shards yet, and gives its ARN.
async fn start_at_last(client: &Client, machine: &str, name: &str) -> String {
    let start = json!({ "stateMachineArn": machine, "name": name, "input": "{}" });
    for _ in 0..300 {
        match client.call("StartExecution", &start).await {
            Ok(started) => return started["executionArn"].as_str().expect("an ARN").to_owned(),
            Err(refused) => assert_eq!(refused.code(), "ServiceUnavailable", "{refused:?}"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("`{name}` does not begin");
}

/// Waits until each of two nodes owns a share of the shards: then an execution started by name
/// is as likely the other's as one's own.
async fn until_both_own_shards(one: &Client, other: &Client) {
    for _ in 0..600 {
        let owned = [one, other].map(|node| node.metric("statewright_shards_owned"));
        let [owned, others] = owned;
        if (owned.await, others.await) == (Some(128.0), Some(128.0)) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("two nodes do not share the shards");
}

#[tokio::test(flavor = "multi_thread")]
async fn any_node_starts_and_stops_any_execution() {
    let database = Durable::start().await;
    let (_first, one) = node_with_lease(database.url(), LONG);
    let (_second, other) = node_with_lease(database.url(), LONG);
    until_both_own_shards(&one, &other).await;
    let machine = one.create("waits", WAITS_LONG).await;
    for arn in start(&one, &machine, "n", 12).await {
        let stop = json!({ "executionArn": arn, "error": "Enough", "cause": "of this" });
        let stopped = other.must("StopExecution", stop.clone()).await;
        assert!(stopped["stopDate"].is_number(), "{stopped}");
        let again = one.must("StopExecution", stop).await;
        assert_eq!(again["stopDate"], stopped["stopDate"], "it has ended once");
        let execution = other.must("DescribeExecution", json!({ "executionArn": arn })).await;
        assert_eq!(execution["status"], "ABORTED");
        assert_eq!(execution["error"], "Enough");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_nodes_executions_go_on_elsewhere() {
    let database = Durable::start().await;
    let (first, one) = node(database.url());
    let machine = one.create("waits", WAITS_SHORT).await;
    let arns = start(&one, &machine, "n", 20).await;
    let (_second, other) = node(database.url());
    first.kill().expect("a process of ours can be killed");
    for arn in arns {
        assert_eq!(other.ended(&arn).await["status"], "SUCCEEDED");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_stops_hands_its_work_over() {
    let database = Durable::start().await;
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = calls.clone();
    let (url, _function) = serve_function(move |_, _| {
        counted.fetch_add(1, Ordering::Relaxed);
        (200, json!({}))
    })
    .await;
    let (first, one) = node_with_lease(database.url(), LONG);
    let (_second, other) = node_with_lease(database.url(), LONG);
    until_both_own_shards(&one, &other).await;
    one.register("work", &url).await;
    let waiting = one.create("waits", WAITS_SHORT).await;
    let working = one.create("works", WORKS).await;
    let mut arns = start(&one, &waiting, "n", 10).await;
    arns.extend(start(&one, &working, "n", 10).await);
    let status = first.stop().expect("it stops when asked");
    assert!(status.success(), "{status}");
    for arn in arns {
        assert_eq!(other.ended(&arn).await["status"], "SUCCEEDED");
    }
    assert!(calls.load(Ordering::Relaxed) >= 10, "every task was called");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_database_a_node_refuses_and_goes_on_when_it_is_back() {
    let mut database = Durable::start().await;
    let (_node, client) = node(database.url());
    let machine = client.create("waits", WAITS_SHORT).await;
    let before = start(&client, &machine, "before", 5).await;
    database.kill().await;
    let start_now = json!({ "stateMachineArn": machine, "name": "during", "input": "{}" });
    let stop_now = json!({ "executionArn": before[0] });
    for (operation, parameters) in [("StartExecution", start_now), ("StopExecution", stop_now)] {
        let refused = client.call(operation, &parameters).await.expect_err("nothing is written");
        assert_eq!(refused.code(), "ServiceUnavailable", "{refused:?}");
    }
    database.start_again().await;
    for arn in before {
        assert_eq!(client.ended(&arn).await["status"], "SUCCEEDED");
    }
    let gone = json!({
        "executionArn": machine.replace(":stateMachine:", ":execution:") + ":during",
    });
    let refused = client.call("DescribeExecution", &gone).await.expect_err("it was never started");
    assert_eq!(refused.code(), "ExecutionDoesNotExist");
    let after = start_at_last(&client, &machine, "after").await;
    assert_eq!(client.ended(&after).await["status"], "SUCCEEDED");
}

/// Starts an execution by a key, again while the node refuses for lack of a shard; its answer.
async fn start_by_key(client: &Client, key: &str, input: u32) -> Result<Value, Refused> {
    let path = "/v1/state-machines/quick/executions";
    for _ in 0..300 {
        let headers = [("Idempotency-Key", key)];
        let started = client.rest_with("POST", path, &headers, json!({ "input": input })).await;
        match started {
            Err(Refused::Error(503, ..) | Refused::NoAnswer) => {}
            answer => return answer,
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("`{key}` does not begin");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_starts_once_on_whichever_node_and_through_a_kill() {
    const KEYS: u32 = 20;
    let database = Durable::start().await;
    let (first, one) = node(database.url());
    let (_second, other) = node(database.url());
    until_both_own_shards(&one, &other).await;
    one.create("quick", r#"{"StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}}"#)
        .await;
    // Half of the names that keys make are of the other node's shards.
    let mut before = Vec::new();
    for number in 0..KEYS {
        let key = format!("key-{number}");
        let (here, there) =
            tokio::join!(start_by_key(&one, &key, number), start_by_key(&other, &key, number));
        let started = here.expect("it starts");
        assert_eq!(started, there.expect("it starts"), "the same start on both nodes");
        before.push(started);
    }
    // Some are asked for while their node is killed; whoever hears nothing asks the other.
    let asked = (KEYS..2 * KEYS).map(|number| {
        let (one, other) = (one.clone(), other.clone());
        tokio::spawn(async move {
            let (key, path) = (format!("key-{number}"), "/v1/state-machines/quick/executions");
            let headers = [("Idempotency-Key", key.as_str())];
            let body = json!({ "input": number });
            let first = one.rest_with("POST", path, &headers, body).await.ok();
            (first, start_by_key(&other, &key, number).await.expect("it starts"))
        })
    });
    let asked: Vec<_> = asked.collect();
    first.kill().expect("a process of ours can be killed");
    for asked in asked {
        let (first, second) = asked.await.expect("it is asked");
        assert!(first.is_none_or(|first| first == second), "one start, whoever answered");
    }
    for (number, started) in (0..KEYS).zip(before) {
        let key = format!("key-{number}");
        other.ended(started["arn"].as_str().expect("an ARN")).await;
        assert_eq!(start_by_key(&other, &key, number).await.expect("it is there"), started);
        let refused = start_by_key(&other, &key, number + 1).await.expect_err("another body");
        assert!(matches!(refused, Refused::Error(422, ..)), "{refused:?}");
    }
    let list = "/v1/executions?state_machine=quick&limit=1000";
    let listed = other.rest("GET", list, Value::Null).await.expect("it lists");
    let count = listed["executions"].as_array().map(Vec::len);
    assert_eq!(count, usize::try_from(2 * KEYS).ok(), "one execution for each key");
}
