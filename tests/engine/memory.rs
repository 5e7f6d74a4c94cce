//! A node's memory is a budget: what only waits leaves it, and what would not fit is not begun.

use std::time::Duration;

use runtime::{EngineOptions, StartError, TaskAnswer};
use store::Status;
use tests::database::Database;
use tests::psql::psql;

use super::TASK;
use super::node::{ACCOUNT, Node, Script};
use super::tokens::{CALLBACK, success};

const MIB: usize = 1024 * 1024;
/// Length of an input.
const LONG: usize = 200_000;

fn input() -> String {
    format!("\"{}\"", "x".repeat(LONG))
}

fn within(mib: usize) -> impl Fn(&mut EngineOptions) {
    move |options| options.memory = mib * MIB
}

/// Begins an execution as soon as there is room for it; how often there was none.
async fn begin_when_there_is_room(node: &Node, revision: uuid::Uuid, name: &str) -> usize {
    for refused in 0..3_000 {
        match node.begin(revision, Some(name), &input()).await {
            Ok(_) => return refused,
            Err(StartError::Throttled) => tokio::time::sleep(Duration::from_millis(20)).await,
            Err(other) => panic!("{other}"),
        }
    }
    panic!("there is never room for `{name}`");
}

/// The tokens of so many executions, once all their calls have been made.
async fn tokens(node: &Node, count: usize) -> Vec<String> {
    let mut tokens = Vec::new();
    for number in 0..count {
        tokens.push(Node::token_of(&[node], &format!("n{number}")).await);
    }
    tokens
}

#[tokio::test(flavor = "multi_thread")]
async fn starts_are_refused_while_memory_is_full_of_what_runs() {
    let database = Database::private().await;
    let node = Node::start_with(&database, Script::Never, within(4)).await;
    let revision = node.create("m", TASK).await;
    let mut begun = Vec::new();
    let refused = loop {
        let name = format!("n{}", begun.len());
        match node.begin(revision, Some(&name), &input()).await {
            Ok(_) => begun.push(name),
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, StartError::Throttled), "{refused}");
    let most = 4 * MIB / LONG;
    assert!((most / 2..=most).contains(&begun.len()), "{} of at most {most}", begun.len());
    let count = psql(&database.url, "SELECT count(*) FROM executions").unwrap();
    assert_eq!(count, begun.len().to_string(), "what is refused is not begun");
    // What has ended makes room for another.
    node.engine.stop_execution(super::stop(&begun[0])).await.unwrap();
    node.ended(&begun[0]).await;
    begin_when_there_is_room(&node, revision, "later").await;
    node.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_only_waits_leaves_memory_before_it_is_full() {
    const COUNT: usize = 100;
    let database = Database::private().await;
    let node = Node::start_with(&database, Script::Submit, within(4)).await;
    let revision = node.create("m", CALLBACK).await;
    for number in 0..COUNT {
        begin_when_there_is_room(&node, revision, &format!("n{number}")).await;
    }
    let tokens = tokens(&node, COUNT).await;
    node.engine.shutdown().await;
    let next = Node::start_with(&database, Script::Never, within(4)).await;
    for (number, token) in tokens.iter().enumerate() {
        next.engine.send_task(Some(ACCOUNT), token, success("1")).await.unwrap();
        assert_eq!(next.ended(&format!("n{number}")).await.head.status, Status::Succeeded);
    }
    next.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_takes_over_more_than_it_would_begin() {
    const COUNT: usize = 60;
    let database = Database::private().await;
    let node = Node::start_with(&database, Script::Submit, |_| {}).await;
    let revision = node.create("m", CALLBACK).await;
    for number in 0..COUNT {
        node.begin(revision, Some(&format!("n{number}")), &input()).await.unwrap();
    }
    let tokens = tokens(&node, COUNT).await;
    node.engine.shutdown().await;
    let next = Node::start_with(&database, Script::Submit, within(4)).await;
    for (number, token) in tokens.iter().enumerate() {
        let given = next.engine.send_task(Some(ACCOUNT), token, TaskAnswer::Heartbeat).await;
        assert!(given.is_ok(), "n{number}: {given:?}");
        next.engine.send_task(Some(ACCOUNT), token, success("1")).await.unwrap();
        assert_eq!(next.ended(&format!("n{number}")).await.head.status, Status::Succeeded);
    }
    next.engine.shutdown().await;
}
