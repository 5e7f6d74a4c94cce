//! Two nodes that speak to each other: directly where they can, through the database where they cannot.

use std::time::Duration;

use runtime::{EngineOptions, Start, StartError, TaskAnswer, TokenError};
use store::Status;
use tests::database::Database;
use tests::relay::{Mode, Relay};
use tokio::net::TcpListener;
use uuid::Uuid;

use super::node::{ACCOUNT, Node, Script, start_of};
use super::tokens::{CALLBACK, success};
use super::{PASS, TASK, stop};

/// What was asked of other nodes so far, directly and otherwise, by all nodes of this process.
async fn asked(node: &Node) -> (u64, u64) {
    let text = node.engine.metrics(ACCOUNT).await;
    let count = |way: &str| {
        let series = format!("statewright_node_messages_total{{way=\"{way}\"}} ");
        let line = text.lines().find_map(|line| line.strip_prefix(&series));
        line.expect("it is shown from the first").parse::<u64>().expect("a count")
    };
    (count("direct"), count("inbox") + count("notification"))
}

/// Two nodes that share the shards; the second listens as said.
async fn two(
    database: &Database,
    script: Script,
    second: impl FnOnce(&mut EngineOptions),
) -> (Node, Node) {
    let one = Node::start(database, script).await;
    let other = Node::start_with(database, script, second).await;
    one.until_shared(&other).await;
    (one, other)
}

/// A name whose execution belongs to this node.
fn name_of(node: &Node, prefix: &str) -> String {
    let is_its = |name: &String| node.engine.owns(store::shard_of(ACCOUNT, "m", name));
    (0..10_000).map(|number| format!("{prefix}{number}")).find(is_its).expect("it owns some shards")
}

/// Waits until what is asked of either goes directly.
async fn until_direct(one: &Node, other: &Node, revision: Uuid) {
    for (at, of) in [(one, other), (other, one)] {
        let mut is_direct = false;
        for _ in 0..600 {
            let (before, _) = asked(one).await;
            let name = name_of(of, &format!("direct-{}-", Uuid::new_v4()));
            at.begin(revision, Some(&name), "{}").await.unwrap();
            is_direct = asked(one).await.0 > before;
            if is_direct {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert!(is_direct, "nothing goes directly");
    }
}

async fn shut_down(one: Node, other: Node) {
    one.engine.shutdown().await;
    other.engine.shutdown().await;
}

/// Starts, stops, gives heartbeats and answers at a node that does not own any of it.
async fn everything_works(at: &Node, of: &Node, revision: Uuid, round: &str) {
    for (number, what) in ["stopped", "succeeded", "failed"].into_iter().enumerate() {
        let name = name_of(of, &format!("{what}-{round}-"));
        let begun = at.begin(revision, Some(&name), "{}").await.unwrap();
        let again = of.begin(revision, Some(&name), "{}").await.unwrap();
        assert_eq!(begun, again, "the same start, and the same moment");
        let other_input = at.begin(revision, Some(&name), "[]").await;
        assert!(matches!(other_input, Err(StartError::AlreadyExists { .. })), "{other_input:?}");
        let token = Node::token_of(&[at, of], &name).await;
        let send = async |answer| at.engine.send_task(Some(ACCOUNT), &token, answer).await;
        send(TaskAnswer::Heartbeat).await.unwrap();
        let status = match number {
            0 => {
                at.engine.stop_execution(stop(&name)).await.unwrap();
                Status::Aborted
            }
            1 => {
                send(success("1")).await.unwrap();
                Status::Succeeded
            }
            _ => {
                send(TaskAnswer::Failure { error: None, cause: None }).await.unwrap();
                Status::Failed
            }
        };
        assert_eq!(at.ended(&name).await.head.status, status);
        at.assert_one_history(&name).await;
        for answer in [success("2"), TaskAnswer::Heartbeat] {
            assert_eq!(send(answer).await, Err(TokenError::TimedOut), "its task is over");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_asks_another_without_the_database_between_them() {
    let database = Database::private().await;
    let (one, other) = two(&database, Script::Submit, |_| {}).await;
    let revision = one.create("m", CALLBACK).await;
    until_direct(&one, &other, revision).await;
    let before = asked(&one).await;
    everything_works(&one, &other, revision, "a").await;
    everything_works(&other, &one, revision, "b").await;
    let after = asked(&one).await;
    assert!(after.0 >= before.0 + 30, "{before:?}, {after:?}");
    assert_eq!(after.1, before.1, "nothing went through the database");
    shut_down(one, other).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_do_not_reach_each_other_speak_through_the_database() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let black_hole = silent.local_addr().unwrap().to_string();
    let _accepts = tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((stream, _)) = silent.accept().await {
            held.push(stream);
        }
    });
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().to_string();
    let ways = [
        ("says nothing", Some(black_hole)),
        ("is closed", Some(closed)),
        ("is of a release without lines", None),
    ];
    for (way, address) in ways {
        let second = |options: &mut EngineOptions| {
            options.nodes.are_direct = address.is_some();
            options.nodes.address = address;
        };
        let database = Database::private().await;
        let (one, other) = two(&database, Script::Submit, second).await;
        let revision = one.create("m", CALLBACK).await;
        let before = asked(&one).await;
        everything_works(&one, &other, revision, "a").await;
        let after = asked(&one).await;
        assert_eq!(after.0, before.0, "{way}");
        assert!(after.1 > before.1, "{way}");
        shut_down(one, other).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_cannot_listen_is_asked_through_the_database() {
    let database = Database::private().await;
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let place = taken.local_addr().unwrap().to_string();
    let (one, other) =
        two(&database, Script::Submit, |options| options.nodes.listen = Some(place)).await;
    let revision = one.create("m", CALLBACK).await;
    everything_works(&one, &other, revision, "a").await;
    // The other asks directly all the same.
    let before = asked(&one).await.0;
    everything_works(&other, &one, revision, "b").await;
    assert!(asked(&one).await.0 > before);
    shut_down(one, other).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_done_and_not_answered_is_not_done_again_and_is_answered_as_it_was() {
    let database = Database::private().await;
    let relay = Relay::start().await;
    let (listen, address) = (relay.behind(), relay.address());
    let (one, other) = two(&database, Script::Submit, |options| {
        options.nodes.listen = Some(listen);
        options.nodes.address = Some(address);
    })
    .await;
    let revision = one.create("m", CALLBACK).await;
    for (round, what) in ["started", "stopped", "succeeded", "failed"].into_iter().enumerate() {
        relay.set(Mode::Pass);
        until_direct(&one, &other, revision).await;
        let name = name_of(&other, &format!("{what}-"));
        if round > 0 {
            one.begin(revision, Some(&name), "{}").await.unwrap();
        }
        let before = asked(&one).await;
        relay.set(Mode::CutAnswers);
        let send = async |answer| {
            let token = Node::token_of(&[&one, &other], &name).await;
            one.engine.send_task(Some(ACCOUNT), &token, answer).await
        };
        match round {
            0 => drop(one.begin(revision, Some(&name), "{}").await.unwrap()),
            1 => drop(one.engine.stop_execution(stop(&name)).await.unwrap()),
            // Told what is so, or that nobody knows, but never that its task was over before.
            2 => assert!(matches!(send(success("1")).await, Ok(()) | Err(TokenError::Unavailable))),
            _ => {
                let failed = TaskAnswer::Failure { error: None, cause: None };
                assert!(matches!(send(failed).await, Ok(()) | Err(TokenError::Unavailable)));
            }
        }
        assert!(asked(&one).await.1 > before.1, "`{what}` went through the inbox, too");
        if round > 0 {
            other.ended(&name).await;
            other.assert_one_history(&name).await;
        }
    }
    shut_down(one, other).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_is_cut_comes_back() {
    let database = Database::private().await;
    let relay = Relay::start().await;
    let (listen, address) = (relay.behind(), relay.address());
    let (one, other) = two(&database, Script::Echo, |options| {
        options.nodes.listen = Some(listen);
        options.nodes.address = Some(address);
    })
    .await;
    let revision = one.create("m", TASK).await;
    until_direct(&one, &other, revision).await;
    relay.set(Mode::Refuse);
    for number in 0..20 {
        let name = name_of(&other, &format!("cut-{number}-"));
        one.begin(revision, Some(&name), "{}").await.unwrap();
        one.ended(&name).await;
    }
    relay.set(Mode::Pass);
    until_direct(&one, &other, revision).await;
    shut_down(one, other).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_starts_of_large_inputs_share_a_line() {
    let database = Database::private().await;
    let (one, other) = two(&database, Script::Echo, |_| {}).await;
    let revision = one.create("m", PASS).await;
    until_direct(&one, &other, revision).await;
    let text = format!("\"{}\"", "ü\\n".repeat(60_000));
    let starts = (0..40).map(|number| {
        let name = name_of(&other, &format!("large-{number}-"));
        let start: Start = start_of(revision, Some(&name), &text);
        let engine = one.engine.clone();
        tokio::spawn(async move { engine.start_execution(start).await.map(|started| started.name) })
    });
    for start in starts.collect::<Vec<_>>() {
        let name = match start.await.unwrap() {
            Ok(name) => name,
            Err(refused) => panic!("{refused}"),
        };
        let row = one.ended(&name).await;
        assert_eq!(row.output.as_deref(), Some(text.as_bytes()));
    }
    shut_down(one, other).await;
}
