//! Task tokens on a real Postgres: answers and heartbeats, wherever they arrive.

use std::time::Duration;

use asl::Payload;
use runtime::{TaskAnswer, TokenError};
use store::Status;
use tests::database::Database;

use super::node::{ACCOUNT, Node, Script};
use super::stop;

pub(super) const CALLBACK: &str = r#"{"StartAt": "T", "States": {"T": {"Type": "Task",
    "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
    "Parameters": {"FunctionName": "f", "Payload": {"token.$": "$$.Task.Token"}}, "End": true}}}"#;

pub(super) fn success(text: &str) -> TaskAnswer {
    TaskAnswer::Success(Payload::from_text(text).unwrap())
}

/// The same machine with heartbeats.
fn beating(seconds: u32) -> String {
    CALLBACK.replace(r#""End""#, &format!(r#""HeartbeatSeconds": {seconds}, "End""#))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_finds_its_task_on_whichever_node_it_arrives() {
    let database = Database::private().await;
    let first = Node::start(&database, Script::Submit).await;
    let second = Node::start(&database, Script::Submit).await;
    let revision = first.create("m", CALLBACK).await;
    first.until_shared(&second).await;
    for number in 0..12 {
        let name = format!("n{number}");
        first.begin(revision, Some(&name), "{}").await.unwrap();
        let token = Node::token_of(&[&first, &second], &name).await;
        let engine = if number % 2 == 0 { &first.engine } else { &second.engine };
        engine.send_task(Some(ACCOUNT), &token, TaskAnswer::Heartbeat).await.unwrap();
        let answer = match number % 3 {
            0 => TaskAnswer::Failure { error: Some("No".to_owned()), cause: Some("so".to_owned()) },
            _ => success(r#"{"yes":1}"#),
        };
        engine.send_task(Some(ACCOUNT), &token, answer).await.unwrap();
        let row = first.ended(&name).await;
        if number % 3 == 0 {
            assert_eq!((row.head.status, row.error.as_deref()), (Status::Failed, Some("No")));
        } else {
            assert_eq!(row.output.as_deref(), Some(br#"{"yes":1}"#.as_slice()));
        }
        for answer in [success("2"), TaskAnswer::Heartbeat] {
            let late = second.engine.send_task(Some(ACCOUNT), &token, answer).await;
            assert_eq!(late, Err(TokenError::TimedOut), "a token is used once");
        }
    }
    first.engine.shutdown().await;
    second.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_may_be_used_while_its_call_is_still_under_way() {
    let database = Database::private().await;
    let node = Node::start(&database, Script::Never).await;
    let revision = node.create("m", CALLBACK).await;
    node.begin(revision, Some("a"), "{}").await.unwrap();
    let token = Node::token_of(&[&node], "a").await;
    node.engine.send_task(Some(ACCOUNT), &token, success("7")).await.unwrap();
    assert_eq!(node.ended("a").await.output.as_deref(), Some(b"7".as_slice()));
    node.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_a_token_leaves_memory_and_its_token_wakes_it() {
    let database = Database::private().await;
    let node = Node::start_with(&database, Script::Submit, |options| {
        options.sleep_after = Duration::from_secs(1);
    })
    .await;
    let revision = node.create("m", CALLBACK).await;
    for name in ["answered", "stopped", "asked"] {
        node.begin(revision, Some(name), "{}").await.unwrap();
        node.until(|row| row.head.wake_at.is_some(), name).await;
    }
    let token = Node::token_of(&[&node], "answered").await;
    node.engine.send_task(Some(ACCOUNT), &token, success("1")).await.unwrap();
    assert_eq!(node.ended("answered").await.head.status, Status::Succeeded);
    node.engine.stop_execution(stop("stopped")).await.unwrap();
    assert_eq!(node.ended("stopped").await.head.status, Status::Aborted);
    let token = Node::token_of(&[&node], "stopped").await;
    let late = node.engine.send_task(Some(ACCOUNT), &token, success("1")).await;
    assert_eq!(late, Err(TokenError::TimedOut));
    // A heartbeat that nobody asked for is received, and the next node answers as this one.
    let token = Node::token_of(&[&node], "asked").await;
    node.engine.send_task(Some(ACCOUNT), &token, TaskAnswer::Heartbeat).await.unwrap();
    node.engine.shutdown().await;
    let next = Node::start(&database, Script::Never).await;
    next.engine.send_task(Some(ACCOUNT), &token, success("2")).await.unwrap();
    assert_eq!(next.ended("asked").await.head.status, Status::Succeeded);
    next.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_made_up_is_none() {
    let database = Database::private().await;
    let node = Node::start(&database, Script::Submit).await;
    let revision = node.create("m", CALLBACK).await;
    node.begin(revision, Some("a"), "{}").await.unwrap();
    let token = Node::token_of(&[&node], "a").await;
    let mut forged = token.clone();
    forged.replace_range(10..11, if &token[10..11] == "A" { "B" } else { "A" });
    for made_up in [forged.as_str(), "", "x", "AAAAKgAAAAIAAAAAAAAAAQ"] {
        let refused = node.engine.send_task(Some(ACCOUNT), made_up, success("1")).await;
        assert_eq!(refused, Err(TokenError::Invalid), "{made_up}");
    }
    // Nor is one of another database, which has a secret of its own.
    let elsewhere = Database::private().await;
    let stranger = Node::start(&elsewhere, Script::Submit).await;
    let refused = stranger.engine.send_task(Some(ACCOUNT), &token, success("1")).await;
    assert_eq!(refused, Err(TokenError::Invalid));
    stranger.engine.shutdown().await;
    node.engine.send_task(Some(ACCOUNT), &token, success("1")).await.unwrap();
    assert_eq!(node.ended("a").await.head.status, Status::Succeeded);
    node.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_gives_heartbeats_has_all_the_time_and_who_does_not_times_out() {
    let database = Database::private().await;
    let node = Node::start(&database, Script::Submit).await;
    let revision = node.create("m", &beating(4)).await;
    node.begin(revision, Some("alive"), "{}").await.unwrap();
    node.begin(revision, Some("silent"), "{}").await.unwrap();
    let token = Node::token_of(&[&node], "alive").await;
    // As long as it takes the other to be given up, and then as long again.
    let mut silent = node.beat_until_ended(&token, "silent").await;
    assert_eq!(
        (silent.head.status, silent.error.as_deref()),
        (Status::Failed, Some("States.Timeout"))
    );
    node.begin(revision, Some("silent too"), "{}").await.unwrap();
    silent = node.beat_until_ended(&token, "silent too").await;
    assert_eq!(silent.head.status, Status::Failed);
    node.engine.send_task(Some(ACCOUNT), &token, success("1")).await.unwrap();
    assert_eq!(node.ended("alive").await.head.status, Status::Succeeded);
    node.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn heartbeats_write_nothing() {
    let database = Database::private().await;
    let node = Node::start(&database, Script::Submit).await;
    let revision = node.create("m", &beating(60)).await;
    node.begin(revision, Some("a"), "{}").await.unwrap();
    let token = Node::token_of(&[&node], "a").await;
    // The start, and that the call was answered.
    node.until_turns("a", 2).await;
    for _ in 0..200 {
        node.engine.send_task(Some(ACCOUNT), &token, TaskAnswer::Heartbeat).await.unwrap();
    }
    node.engine.send_task(Some(ACCOUNT), &token, success("1")).await.unwrap();
    node.ended("a").await;
    node.until_turns("a", 3).await;
    node.engine.shutdown().await;
}
