//! Activity workers: on another node than their tasks, and while connections break.

use std::time::Duration;

use asl::Payload;
use runtime::{Engine, TaskAnswer, TokenError};
use store::{Activity, Status};
use tests::database::Database;
use tokio::task::{JoinHandle, JoinSet};

use super::TASK;
use super::node::{ACCOUNT, Node, Script};
use super::proxy::{Mode, Proxy};

const ACTIVITY: &str = r#"{"StartAt": "T", "States": {"T": {"Type": "Task",
    "Resource": "arn:aws:states:us-east-1:123456789012:activity:a", "End": true}}}"#;

async fn create_activity(node: &Node) {
    create_activity_called(node, "a").await;
}

async fn create_activity_called(node: &Node, name: &str) {
    let activity = Activity {
        account: ACCOUNT.to_owned(),
        name: name.to_owned(),
        encryption: None,
        created_at: chrono::DateTime::UNIX_EPOCH,
    };
    node.engine.store().create_activity(&activity, &[]).await.unwrap();
}

/// An activity worker who gives back what it gets, and says so until it is heard.
fn worker(engine: Engine) -> JoinHandle<()> {
    tokio::spawn(async move {
        while let Ok(task) = engine.poll_activity(ACCOUNT, "a", Some("w".to_owned())).await {
            let Some(task) = task else {
                if !engine.readiness().is_ready {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                continue;
            };
            let output = Payload::from_text(task.input).unwrap();
            while let Err(TokenError::Unavailable | TokenError::Absent(_) | TokenError::Throttled) =
                engine
                    .send_task(Some(ACCOUNT), &task.token, TaskAnswer::Success(output.clone()))
                    .await
            {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_on_one_node_does_the_tasks_of_all() {
    let database = Database::private().await;
    let first = Node::start(&database, Script::Never).await;
    let second = Node::start(&database, Script::Never).await;
    create_activity(&first).await;
    let revision = first.create("m", ACTIVITY).await;
    first.until_shared(&second).await;
    let worker = worker(second.engine.clone());
    for number in 0..16 {
        // The first node owns about half of them; the others are started through it.
        let input = format!(r#"{{"n": {number}}}"#);
        first.begin(revision, Some(&format!("n{number}")), &input).await.unwrap();
    }
    for number in 0..16 {
        let row = first.ended(&format!("n{number}")).await;
        assert_eq!(row.head.status, Status::Succeeded);
        assert_eq!(row.output.unwrap(), format!(r#"{{"n": {number}}}"#));
    }
    worker.abort();
    first.engine.shutdown().await;
    second.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_may_arrive_on_any_node() {
    let database = Database::private().await;
    let first = Node::start(&database, Script::Never).await;
    let second = Node::start(&database, Script::Never).await;
    create_activity(&first).await;
    let revision = first.create("m", ACTIVITY).await;
    first.until_shared(&second).await;
    for number in 0..8 {
        let name = format!("n{number}");
        first.begin(revision, Some(&name), "{}").await.unwrap();
        let (polled, other) = if number % 2 == 0 { (&first, &second) } else { (&second, &first) };
        let task = polled.engine.poll_activity(ACCOUNT, "a", None).await.unwrap().unwrap();
        other.engine.send_task(Some(ACCOUNT), &task.token, TaskAnswer::Heartbeat).await.unwrap();
        let answer = TaskAnswer::Success(Payload::from_text("1").unwrap());
        other.engine.send_task(Some(ACCOUNT), &task.token, answer.clone()).await.unwrap();
        assert_eq!(first.ended(&name).await.head.status, Status::Succeeded);
        let again = polled.engine.send_task(Some(ACCOUNT), &task.token, answer).await;
        assert_eq!(again, Err(TokenError::TimedOut));
    }
    first.engine.shutdown().await;
    second.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_takes_over_knows_the_tasks_that_wait_and_those_that_are_done() {
    let database = Database::private().await;
    let first = Node::start(&database, Script::Never).await;
    create_activity(&first).await;
    let revision = first.create("m", ACTIVITY).await;
    for name in ["taken", "waits"] {
        first.begin(revision, Some(name), r#"{"x": 1}"#).await.unwrap();
        first.until_turns(name, 2).await;
    }
    let taken = first.engine.poll_activity(ACCOUNT, "a", None).await.unwrap().unwrap();
    first.engine.shutdown().await;
    let second = Node::start(&database, Script::Never).await;
    let answer = TaskAnswer::Success(Payload::from_text("1").unwrap());
    second.engine.send_task(Some(ACCOUNT), &taken.token, answer.clone()).await.unwrap();
    let waits = second.engine.poll_activity(ACCOUNT, "a", None).await.unwrap().unwrap();
    assert_ne!(waits.token, taken.token);
    second.engine.send_task(Some(ACCOUNT), &waits.token, answer).await.unwrap();
    for name in ["taken", "waits"] {
        assert_eq!(second.ended(name).await.head.status, Status::Succeeded);
        second.assert_one_history(name).await;
    }
    second.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_late_owner_decides_does_not_come_after_the_new_owners_look() {
    let database = Database::private().await;
    let late = Node::start_with(&database, Script::Never, |options| {
        options.lease = Duration::from_mins(10);
    })
    .await;
    create_activity(&late).await;
    // That the call is made again shows that the execution has been read.
    let call = TASK.replace("\"T\"", "\"Call\"");
    let both = format!(
        r#"{{"StartAt": "P", "States": {{"P": {{"Type": "Parallel", "End": true,
            "Branches": [{ACTIVITY}, {call}]}}}}}}"#
    );
    let revision = late.create("m", &both).await;
    late.begin(revision, Some("n"), "{}").await.unwrap();
    late.until_turns("n", 2).await;
    late.usurp().await;
    let owner = Node::start(&database, Script::Never).await;
    owner.until_repeated(1).await;
    // The new owner has read that the task waits, and the late one begins it.
    let task = late.engine.poll_activity(ACCOUNT, "a", None).await.unwrap().unwrap();
    let answer = TaskAnswer::Success(Payload::from_text("1").unwrap());
    assert_eq!(owner.engine.send_task(Some(ACCOUNT), &task.token, answer).await, Ok(()));
    owner.engine.shutdown().await;
    late.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_task_is_lost_while_connections_break() {
    let database = Database::private().await;
    let proxy = Proxy::before(&database.url).await;
    let node = Node::start_at(proxy.url(), Script::Never, |options| {
        options.long_poll = Duration::from_secs(1);
    })
    .await;
    create_activity(&node).await;
    let revision = node.create("m", ACTIVITY).await;
    let workers: Vec<_> = (0..3).map(|_| worker(node.engine.clone())).collect();
    for round in 0..4 {
        for number in 0..10 {
            node.begin_at_last(revision, &format!("n{round}-{number}"), "{}").await;
        }
        proxy.set(if round % 2 == 0 { Mode::CutAnswers } else { Mode::Refuse });
        tokio::time::sleep(Duration::from_millis(200)).await;
        proxy.set(Mode::Pass);
        node.until_back().await;
    }
    for round in 0..4 {
        for number in 0..10 {
            let name = format!("n{round}-{number}");
            assert_eq!(node.ended(&name).await.head.status, Status::Succeeded);
            node.assert_one_history(&name).await;
        }
    }
    for worker in workers {
        worker.abort();
    }
    node.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn thousands_of_pollers_cost_no_query_each() {
    let database = Database::private().await;
    let proxy = Proxy::before(&database.url).await;
    let node = Node::start_at(proxy.url(), Script::Never, |options| {
        options.long_poll = Duration::from_secs(3);
    })
    .await;
    let names = ["a", "b", "c", "d", "e"];
    for name in names {
        create_activity_called(&node, name).await;
    }
    let before = proxy.requests();
    let mut polls = JoinSet::new();
    for number in 0..4_500 {
        let (engine, name) = (node.engine.clone(), names[number % names.len()]);
        polls.spawn(async move {
            assert!(engine.has_activity(ACCOUNT, name).await.unwrap());
            engine.poll_activity(ACCOUNT, name, None).await.unwrap()
        });
    }
    let served = polls.join_all().await.into_iter().flatten().count();
    let asked = proxy.requests() - before;
    println!("4500 polls asked the database {asked} times");
    assert_eq!(served, 0);
    assert!(asked < 450, "{asked} requests");
    node.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tasks_of_a_node_that_is_gone_keep_no_worker_from_the_others() {
    let database = Database::private().await;
    let node = Node::start(&database, Script::Never).await;
    create_activity(&node).await;
    let revision = node.create("m", ACTIVITY).await;
    let names: Vec<String> = (0..12).map(|number| format!("n{number}")).collect();
    for name in &names {
        node.begin(revision, Some(name), "{}").await.unwrap();
    }
    // Half of the shards go to a node that never says a word.
    let silent = node.until_shared_with_nobody().await;
    let _workers: Vec<_> = (0..2).map(|_| worker(node.engine.clone())).collect();
    let (mut served, mut left) = (0, 0);
    for name in &names {
        let shard = store::shard_of(ACCOUNT, "m", name);
        if silent.contains(&shard) {
            left += 1;
        } else {
            assert_eq!(node.ended(name).await.head.status, Status::Succeeded);
            served += 1;
        }
    }
    assert!(served > 0 && left > 1, "{served} served, {left} left");
    node.engine.shutdown().await;
}
