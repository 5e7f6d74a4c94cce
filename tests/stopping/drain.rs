//! A node that is told to stop lets its calls end, and begins none.

use std::time::{Duration, Instant};

use serde_json::json;
use tests::database::Durable;

use super::*;

/// How long calls take that are to end while a node stops.
const TAKES: Duration = Duration::from_secs(2);

#[tokio::test(flavor = "multi_thread")]
async fn calls_under_way_end_and_what_comes_after_them_is_called_once_on_another_node() {
    let database = Durable::start().await;
    let slow = Slow::serve(TAKES).await;
    let (one, client) = new_node(database.url(), &[]).await;
    let (_other, other) = new_node(database.url(), &[]).await;
    let mut arns = Vec::new();
    for delivery in ["at-least-once", "at-most-once"] {
        slow.register(&client, delivery).await;
        let machine = client.create(delivery, &TWO_TASKS.replace("FUNCTION", delivery)).await;
        // Without names they are all this node's.
        for _ in 0..10 {
            let start = json!({ "stateMachineArn": machine, "input": "{}" });
            let started = client.must("StartExecution", start).await;
            arns.push(started["executionArn"].as_str().unwrap().to_owned());
        }
    }
    slow.until_called(20).await;
    one.terminate().unwrap();
    let (status, body) = until_draining(&client).await;
    assert_eq!((status, &body["draining"]), (503, &json!(true)), "{body}");
    // Clients may not know of another node: this one serves as ever.
    let machine = client.create("passes", PASSES).await;
    for arn in start(&client, &machine, "meanwhile", 5).await {
        assert_eq!(other.ended(&arn).await["status"], "SUCCEEDED");
    }
    let one = tokio::task::spawn_blocking(|| {
        let log = one.log();
        (one.wait().unwrap(), log)
    });
    let (ended, log) = one.await.unwrap();
    assert!(ended.success(), "{ended}");
    assert!(log.contains("waiting for 20 calls under way"), "{log}");
    for arn in arns {
        let execution = other.ended(&arn).await;
        assert_eq!(execution["status"], "SUCCEEDED", "{execution:#}");
    }
    assert_eq!((slow.called(), slow.called_twice()), (40, 0));
}

async fn until_draining(client: &Client) -> (u16, Value) {
    for _ in 0..500 {
        let (status, body) = readiness(client).await;
        if status != 200 {
            return (status, body);
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("it was told to stop, and is ready");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_only_node_holds_back_is_called_once_when_it_is_started_again() {
    let database = Durable::start().await;
    let slow = Slow::serve(TAKES).await;
    let (server, client) = new_node(database.url(), &[]).await;
    let address = server.address();
    slow.register(&client, "at-most-once").await;
    let machine = client.create("m", &TWO_TASKS.replace("FUNCTION", "at-most-once")).await;
    let mut arns = start(&client, &machine, "before", 5).await;
    slow.until_called(5).await;
    server.terminate().unwrap();
    until_draining(&client).await;
    // Taken and not begun.
    arns.extend(start(&client, &machine, "meanwhile", 5).await);
    stop_ends(server).await;
    assert_eq!(slow.called(), 5, "nothing has begun since it was told to stop");
    let (_server, client) = node(database.url(), address, &[]).await;
    for arn in arns {
        let execution = client.ended(&arn).await;
        assert_eq!(execution["status"], "SUCCEEDED", "{execution:#}");
    }
    assert_eq!((slow.called(), slow.called_twice()), (20, 0));
}

async fn stop_ends(server: Server) {
    let status = tokio::task::spawn_blocking(|| server.wait()).await.unwrap().unwrap();
    assert!(status.success(), "{status}");
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_that_do_not_end_in_time_are_cut_and_of_those_made_once_it_is_said() {
    let database = Durable::start().await;
    let endless = Slow::serve(Duration::from_hours(1)).await;
    let (server, client) = new_node(database.url(), &[("STATEWRIGHT_DRAIN_SECONDS", "1")]).await;
    let address = server.address();
    let mut arns = Vec::new();
    for delivery in ["at-least-once", "at-most-once"] {
        endless.register(&client, delivery).await;
        let machine = client.create(delivery, &TWO_TASKS.replace("FUNCTION", delivery)).await;
        arns.extend(start(&client, &machine, "n", 3).await);
    }
    endless.until_called(6).await;
    let began = Instant::now();
    stop(server).await;
    assert!(began.elapsed() >= Duration::from_secs(1), "calls were given their time");
    let (_server, client) = node(database.url(), address, &[]).await;
    for arn in &arns[3..] {
        let execution = client.ended(arn).await;
        assert_eq!(execution["error"], "Statewright.OutcomeUnknown", "{execution:#}");
    }
    for _ in 0..3_000 {
        if endless.called_twice() == 3 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(endless.called_twice(), 3, "those that may be repeated are made again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_ends_it_at_once() {
    let database = Durable::start().await;
    let endless = Slow::serve(Duration::from_hours(1)).await;
    let (server, client) = new_node(database.url(), &[]).await;
    endless.register(&client, "at-least-once").await;
    let machine = client.create("m", &TWO_TASKS.replace("FUNCTION", "at-least-once")).await;
    start(&client, &machine, "n", 1).await;
    endless.until_called(1).await;
    server.terminate().unwrap();
    until_draining(&client).await;
    let began = Instant::now();
    server.terminate().unwrap();
    let status = tokio::task::spawn_blocking(|| server.wait()).await.unwrap().unwrap();
    assert_eq!(status.code(), Some(1));
    assert!(began.elapsed() < Duration::from_secs(20), "before its calls had their time");
}
