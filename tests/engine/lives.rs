//! A state machine is deleted while executions of it run, wherever they are.

use std::time::Duration;

use runtime::EngineOptions;
use serde_json::json;
use store::Status;
use tests::database::Database;
use tests::psql::psql;
use uuid::Uuid;

use super::PASS;
use super::node::{ACCOUNT, Node, Script};
use super::tokens::success;

/// Waits, and would go on then.
const WAITS: &str = r#"{"StartAt": "W", "States": {
    "W": {"Type": "Wait", "SecondsPath": "$.s", "Next": "P"},
    "P": {"Type": "Pass", "Next": "Q"},
    "Q": {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:f", "End": true}}}"#;

/// Waits for a token, in a Map, and would go on then.
const MAPS: &str = r#"{"StartAt": "M", "States": {"M": {"Type": "Map", "ItemsPath": "$.items",
    "ItemProcessor": {"StartAt": "T", "States": {
        "T": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
              "Parameters": {"FunctionName": "f", "Payload": {"token.$": "$$.Task.Token"}}, "Next": "P"},
        "P": {"Type": "Pass", "End": true}}},
    "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Z"}], "Next": "Z"},
    "Z": {"Type": "Pass", "End": true}}}"#;

async fn delete(node: &Node) {
    let life = node.engine.store().delete(ACCOUNT, "m").await.unwrap().unwrap();
    node.engine.end_life(life).await;
}

async fn assert_deleted(node: &Node, name: &str) {
    let row = node.ended(name).await;
    let (error, cause) = (row.error.as_deref(), row.cause.as_deref());
    assert_eq!((row.head.status, error), (Status::Failed, Some("States.Runtime")), "{name}");
    assert_eq!(cause, Some("State machine m has been deleted."), "{name}");
    node.assert_one_history(name).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn executions_of_a_deleted_machine_end_at_their_next_transition_on_all_nodes() {
    let database = Database::private().await;
    let soon = |options: &mut EngineOptions| options.sleep_after = Duration::from_secs(1);
    let first = Node::start_with(&database, Script::Echo, soon).await;
    let second = Node::start_with(&database, Script::Echo, soon).await;
    let revision = first.create("m", WAITS).await;
    first.until_shared(&second).await;
    for number in 0..12 {
        // Of those that wait longer some sleep when the machine is deleted.
        let input = if number % 2 == 0 { r#"{"s": 1}"# } else { r#"{"s": 6}"# };
        first.begin(revision, Some(&format!("n{number}")), input).await.unwrap();
    }
    let asleep = || {
        let text = "SELECT count(*) FROM executions WHERE wake_at IS NOT NULL AND name <> 'late'";
        psql(&database.url, text).unwrap().parse::<usize>().unwrap()
    };
    while asleep() == 0 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    first.begin(revision, Some("late"), r#"{"s": 3}"#).await.unwrap();
    delete(&first).await;
    assert_deleted(&first, "late").await;
    for number in (1..12).step_by(2) {
        assert_deleted(&first, &format!("n{number}")).await;
    }
    first.engine.store().remove_deleted().await.unwrap();
    assert_eq!(first.engine.store().state_machine(ACCOUNT, "m").await.unwrap(), None);
    first.engine.shutdown().await;
    second.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_a_token_ends_when_it_is_answered_and_nothing_catches_that() {
    let database = Database::private().await;
    let node = Node::start(&database, Script::Submit).await;
    let revision = node.create("m", MAPS).await;
    node.begin(revision, Some("a"), r#"{"items": [1]}"#).await.unwrap();
    let token = Node::token_of(&[&node], "a").await;
    delete(&node).await;
    node.engine.shutdown().await;
    // Whoever comes after knows of it from the beginning.
    let next = Node::start(&database, Script::Submit).await;
    next.engine.send_task(Some(ACCOUNT), &token, success("1")).await.unwrap();
    assert_deleted(&next, "a").await;
    next.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_earlier_release_asks_to_start_belongs_to_the_life_that_is() {
    let database = Database::private().await;
    let node = Node::start(&database, Script::Echo).await;
    let first = node.create("m", PASS).await;
    node.begin(first, Some("a"), "{}").await.unwrap();
    node.ended("a").await;
    delete(&node).await;
    let store = &database.store;
    store.remove_deleted().await.unwrap();
    let revision = node.create("m", PASS).await;
    psql(&database.url, "UPDATE state_machines SET life = gen_random_uuid()").unwrap();
    let arn = |kind: &str| format!("arn:aws:states:us-east-1:{ACCOUNT}:{kind}");
    let identity = json!({ "arn": arn("execution:m:a"), "name": "a", "region": "us-east-1",
        "state_machine_arn": arn("stateMachine:m"), "state_machine_name": "m", "role_arn": "role" });
    // It says nothing of a life.
    let start = json!({ "Start": { "revision": revision, "identity": identity, "version": null,
        "alias": null, "trace_header": null, "account": ACCOUNT, "input": "{}" } });
    let (execution_id, shard) = (Uuid::now_v7(), store::shard_of(ACCOUNT, "m", "a"));
    let stimulus = start.to_string().into_bytes().into();
    let message = store::Message { id: Uuid::new_v4(), shard, execution_id, stimulus };
    assert!(store.post(&message, &[]).await.unwrap());
    store.hint(&[shard]).await.unwrap();
    let row = node.ended("a").await;
    assert_eq!((row.head.id, row.head.status), (execution_id, Status::Succeeded));
    node.engine.shutdown().await;
}
