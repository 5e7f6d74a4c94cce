//! What sleeps comes back from its snapshot and what comes after it, and from its log without one.

use std::time::Duration;

use store::{ExecutionRow, Status};
use tests::database::Database;
use tests::psql::psql;

use super::node::{ACCOUNT, Node, Script};
use super::tokens::success;

/// Waits for a token again and again, for as long as it is told to.
const POLLS: &str = r#"{"StartAt": "T", "States": {
    "T": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
        "Parameters": {"FunctionName": "f", "Payload": {"token.$": "$$.Task.Token"}}, "Next": "C"},
    "C": {"Type": "Choice", "Choices": [{"Variable": "$.again", "BooleanEquals": true, "Next": "T"}],
        "Default": "D"},
    "D": {"Type": "Succeed"}}}"#;
const AGAIN: &str = r#"{"again": true}"#;
const ENOUGH: &str = r#"{"again": false}"#;

async fn polls(database: &Database) -> Node {
    let node = Node::start_with(database, Script::Submit, |options| {
        options.sleep_after = Duration::from_millis(100);
        options.snapshot_after = 1;
    })
    .await;
    let revision = node.create("m", POLLS).await;
    node.begin(revision, Some("a"), "{}").await.unwrap();
    node
}

/// The token of this lap, once the execution is asleep in it with a snapshot up to here.
async fn asleep(node: &Node, database: &Database, laps: usize) -> String {
    node.until_calls("a", laps).await;
    node.until(|row| row.head.wake_at.is_some(), "a").await;
    let behind = "SELECT count(*) FROM turns JOIN snapshots USING (shard, execution_id)
        WHERE first_event >= next_event";
    assert_eq!(psql(&database.url, behind).unwrap(), "0", "the snapshot is of all");
    Node::token_of(&[node], "a").await
}

async fn answer(node: &Node, token: &str, text: &str) {
    node.engine.send_task(Some(ACCOUNT), token, success(text)).await.unwrap();
}

async fn is_over(node: &Node, database: &Database) -> ExecutionRow {
    let row = node.ended("a").await;
    for _ in 0..3_000 {
        if psql(&database.url, "SELECT count(*) FROM snapshots").unwrap() == "0" {
            return row;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the snapshot of what has ended is left");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_wakes_reads_its_snapshot_and_what_comes_after_it() {
    let database = Database::private().await;
    let node = polls(&database).await;
    for laps in 1..4 {
        let token = asleep(&node, &database, laps).await;
        // What comes before the snapshot is not read, so it need not be there.
        let before = "DELETE FROM turns USING snapshots WHERE turns.shard = snapshots.shard
            AND turns.execution_id = snapshots.execution_id AND first_event < next_event - 1";
        psql(&database.url, before).unwrap();
        answer(&node, &token, AGAIN).await;
    }
    let token = asleep(&node, &database, 4).await;
    answer(&node, &token, ENOUGH).await;
    assert_eq!(is_over(&node, &database).await.head.status, Status::Succeeded);
    node.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_that_cannot_be_read_costs_nothing_but_time() {
    let database = Database::private().await;
    let node = polls(&database).await;
    let wrong = [
        "SET body = '{\"v\": 999, \"anything\": 1}'",
        "SET body = 'not even JSON'",
        "SET next_event = next_event - 1",
        "SET release = 'another'",
    ];
    for (lap, set) in wrong.into_iter().enumerate() {
        let token = asleep(&node, &database, lap + 1).await;
        psql(&database.url, &format!("UPDATE snapshots {set}")).unwrap();
        answer(&node, &token, AGAIN).await;
    }
    let token = asleep(&node, &database, wrong.len() + 1).await;
    answer(&node, &token, ENOUGH).await;
    assert_eq!(is_over(&node, &database).await.head.status, Status::Succeeded);
    node.engine.shutdown().await;
}
