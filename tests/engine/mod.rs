//! The engine's loops on a real Postgres, with scripted answers instead of calls.

mod activities;
mod cut;
mod deaths;
mod direct;
mod lives;
mod memory;
mod news;
mod node;
mod panics;
mod proxy;
mod schedules;
mod snapshots;
mod tokens;
mod waiting;

use std::time::Duration;

use runtime::{StartError, StopError, StopRequest};
use store::Status;
use tests::database::Database;

use node::{Node, Script};

const TASK: &str = r#"{"StartAt": "T", "States": {"T": {"Type": "Task",
    "Resource": "arn:aws:lambda:us-east-1:123456789012:function:f", "End": true}}}"#;
const PASS: &str = r#"{"StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}}"#;
const WAIT: &str =
    r#"{"StartAt": "W", "States": {"W": {"Type": "Wait", "SecondsPath": "$.s", "End": true}}}"#;
/// Goes round as often as the input has empty arrays inside each other.
const LOOP: &str = r#"{"StartAt": "C", "States": {
    "C": {"Type": "Choice", "Choices": [{"Variable": "$[0]", "IsPresent": true, "Next": "P"}], "Default": "D"},
    "P": {"Type": "Pass", "InputPath": "$[0]", "Next": "C"},
    "D": {"Type": "Succeed"}}}"#;

fn stop(name: &str) -> StopRequest {
    StopRequest {
        account: node::ACCOUNT.to_owned(),
        state_machine: "m".to_owned(),
        name: name.to_owned(),
        error: Some("Enough".to_owned()),
        cause: None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_execution_runs_to_its_end() {
    let database = Database::private().await;
    let node = Node::start(&database, Script::Echo).await;
    let revision = node.create("m", TASK).await;
    node.begin(revision, Some("a"), r#"{"n": 1}"#).await.unwrap();
    let row = node.ended("a").await;
    assert_eq!(row.head.status, Status::Succeeded);
    assert_eq!(row.output.as_deref(), Some(br#"{"n": 1}"#.as_slice()));
    node.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_start_is_one_execution_and_another_input_is_refused() {
    let database = Database::private().await;
    let node = Node::start(&database, Script::Never).await;
    let revision = node.create("m", TASK).await;
    let first = node.begin(revision, Some("a"), "{}").await.unwrap();
    let again = node.begin(revision, Some("a"), "{}").await.unwrap();
    assert_eq!(first, again);
    let other = node.begin(revision, Some("a"), r#"{"x": 1}"#).await.unwrap_err();
    assert!(matches!(other, StartError::AlreadyExists { .. }), "{other}");
    node.engine.stop_execution(stop("a")).await.unwrap();
    let closed = node.begin(revision, Some("a"), "{}").await.unwrap_err();
    assert!(matches!(closed, StartError::AlreadyExists { .. }), "{closed}");
    node.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_is_idempotent_and_finds_only_what_exists() {
    let database = Database::private().await;
    let node = Node::start(&database, Script::Never).await;
    let revision = node.create("m", TASK).await;
    node.begin(revision, Some("a"), "{}").await.unwrap();
    let first = node.engine.stop_execution(stop("a")).await.unwrap();
    assert_eq!(node.engine.stop_execution(stop("a")).await.unwrap(), first);
    let row = node.ended("a").await;
    assert_eq!((row.head.status, row.error.as_deref()), (Status::Aborted, Some("Enough")));
    let unknown = node.engine.stop_execution(stop("b")).await.unwrap_err();
    assert!(matches!(unknown, StopError::NotFound), "{unknown}");
    node.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_only_waits_leaves_memory_and_comes_back() {
    let database = Database::private().await;
    let node = Node::start_with(&database, Script::Echo, |options| {
        options.sleep_after = Duration::from_secs(1);
    })
    .await;
    let revision = node.create("m", WAIT).await;
    node.begin(revision, Some("soon"), r#"{"s": 8}"#).await.unwrap();
    node.begin(revision, Some("later"), r#"{"s": 3600}"#).await.unwrap();
    node.until(|row| row.head.wake_at.is_some(), "soon").await;
    node.until(|row| row.head.wake_at.is_some(), "later").await;
    assert_eq!(node.ended("soon").await.head.status, Status::Succeeded);
    // One that sleeps can still be stopped.
    node.engine.stop_execution(stop("later")).await.unwrap();
    assert_eq!(node.ended("later").await.head.status, Status::Aborted);
    node.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_node_takes_over_what_the_last_left() {
    let database = Database::private().await;
    let first = Node::start(&database, Script::Never).await;
    let revision = first.create("m", TASK).await;
    for name in ["a", "b", "c"] {
        first.begin(revision, Some(name), r#"{"n": 2}"#).await.unwrap();
        Node::token_of(&[&first], name).await;
    }
    first.engine.shutdown().await;
    let second = Node::start(&database, Script::Echo).await;
    for name in ["a", "b", "c"] {
        assert_eq!(second.ended(name).await.head.status, Status::Succeeded);
    }
    assert!(second.repeated() >= 3, "open tasks are called again, and known to be repeated");
    second.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_share_and_serve_each_others_executions() {
    let database = Database::private().await;
    let first = Node::start(&database, Script::Never).await;
    let second = Node::start(&database, Script::Never).await;
    let revision = first.create("m", TASK).await;
    first.until_shared(&second).await;
    for number in 0..16 {
        let name = format!("n{number}");
        first.begin(revision, Some(&name), "{}").await.unwrap();
        second.engine.stop_execution(stop(&name)).await.unwrap();
        assert_eq!(first.ended(&name).await.head.status, Status::Aborted);
    }
    first.engine.shutdown().await;
    second.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_lost_its_shards_cannot_write_and_drops_what_it_held() {
    let database = Database::private().await;
    let first = Node::start(&database, Script::Echo).await;
    let revision = first.create("m", WAIT).await;
    for number in 0..8 {
        first.begin(revision, Some(&format!("n{number}")), r#"{"s": 2}"#).await.unwrap();
    }
    // All its leases are taken from it behind its back.
    first.usurp().await;
    let second = Node::start(&database, Script::Echo).await;
    for number in 0..8 {
        let name = format!("n{number}");
        assert_eq!(second.ended(&name).await.head.status, Status::Succeeded);
        second.assert_one_history(&name).await;
    }
    first.engine.shutdown().await;
    second.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_loop_is_cut_into_turns_and_ends() {
    let database = Database::private().await;
    let node = Node::start(&database, Script::Echo).await;
    let revision = node.create("m", LOOP).await;
    let depth = 60;
    let input = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    for _ in 0..3 {
        node.begin(revision, None, &input).await.unwrap();
    }
    node.begin(revision, Some("a"), &input).await.unwrap();
    assert_eq!(node.ended("a").await.head.status, Status::Succeeded);
    node.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn thousands_of_starts_at_once_are_all_kept_or_refused() {
    let database = Database::private().await;
    let node = Node::start_with(&database, Script::Echo, |options| {
        (options.mailbox, options.lease) = (64, Duration::from_secs(10));
    })
    .await;
    let revision = node.create("m", PASS).await;
    let mut starts = tokio::task::JoinSet::new();
    for _ in 0..3_000 {
        let (engine, start) = (node.engine.clone(), node::start_of(revision, None, "{}"));
        starts.spawn(async move { engine.start_execution(start).await });
    }
    let (mut kept, mut refused) = (Vec::new(), 0);
    while let Some(start) = starts.join_next().await {
        match start.unwrap() {
            Ok(started) => kept.push(started.name),
            Err(StartError::Throttled) => refused += 1,
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!(kept.len() + refused, 3_000);
    assert!(!kept.is_empty(), "some are taken in");
    for name in kept.iter().take(50) {
        assert_eq!(node.ended(name).await.head.status, Status::Succeeded);
    }
    node.engine.shutdown().await;
}
