//! Thousands of executions wait for one place: all but some leave memory, in their order, and none is lost
//! when their node is.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::routing::post;
use serde_json::json;
use tests::database::Database;
use tests::psql::psql;
use tokio::sync::watch;

use super::{blocking, serve, until};

const TASK: &str = r#"{"StartAt": "T", "States": {"T": {"Type": "Task",
    "Resource": "arn:aws:lambda:us-east-1:123456789012:function:slow", "End": true}}}"#;
const EXECUTIONS: usize = 1_500;
/// Calls that wait in memory, and a few that are on their way from there.
const MOST_IN_MEMORY: f64 = 600.0;

/// A function that answers once it is opened, and counts its calls then.
async fn serve_slow(opened: watch::Receiver<bool>, calls: Arc<AtomicUsize>) -> String {
    let answer = move || {
        let (mut opened, calls) = (opened.clone(), calls.clone());
        async move {
            let _ = opened.wait_for(|is_open| *is_open).await;
            calls.fetch_add(1, Ordering::Relaxed);
            "{}"
        }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let router = Router::new().route("/", post(answer));
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_far_behind_for_a_place_leaves_memory_and_has_its_turn() {
    let database = Database::private().await;
    let (open, opened) = watch::channel(false);
    let calls = Arc::new(AtomicUsize::new(0));
    let function = serve_slow(opened, calls.clone()).await;
    let (node, client) = serve(&database.url, &[]).await;
    let registered = json!({"url": function, "protocol": "http", "max_concurrency": 1});
    client.rest("PUT", "/v1/functions/slow", registered).await.unwrap();
    let machine = client.create("m", TASK).await;
    for number in 0..EXECUTIONS {
        let start =
            json!({"stateMachineArn": machine, "name": format!("n{number}"), "input": "{}"});
        client.must("StartExecution", start).await;
    }
    let sleep = "SELECT count(*) FROM executions WHERE waits_for_place AND wake_at IS NOT NULL";
    let asleep = || psql(&database.url, sleep).unwrap().parse::<usize>().unwrap();
    let is_calm = async |client: &tests::wire::Client| {
        let in_memory = client.metric("statewright_executions_in_memory").await;
        in_memory.is_some_and(|count| count < MOST_IN_MEMORY && count > 0.0)
            && asleep() > EXECUTIONS / 2
    };
    until("those far behind sleep", async || is_calm(&client).await).await;

    // Nobody remembers their order any more: whoever comes next has them ask again.
    blocking(move || node.kill().unwrap()).await;
    let (node, client) = serve(&database.url, &[]).await;
    until("they are asked, and sleep again", async || is_calm(&client).await).await;
    assert_eq!(calls.load(Ordering::Relaxed), 0, "the only place is taken");

    // Some of those that sleep are stopped: their turns pass.
    for number in EXECUTIONS - 10..EXECUTIONS {
        let arn = format!("arn:aws:states:us-east-1:123456789012:execution:m:n{number}");
        client.must("StopExecution", json!({"executionArn": arn})).await;
    }
    open.send_replace(true);
    let ended = "SELECT count(*) FROM executions WHERE status = 'SUCCEEDED'";
    let left = EXECUTIONS - 10;
    until("all others have had their turn", async || {
        psql(&database.url, ended).unwrap() == left.to_string()
    })
    .await;
    let made = calls.load(Ordering::Relaxed);
    // The one that the first node had begun may have been made twice.
    assert!((left..=left + 1).contains(&made), "{made} calls for {left} executions");
    node.stop().unwrap();
}
