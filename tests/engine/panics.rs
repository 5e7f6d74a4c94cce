//! A panic costs one execution, wherever it comes up; what stands still holds up nothing else.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use machine::Identity;
use store::{ExecutionRow, Status};
use tests::database::Database;
use tokio::time::Instant;

use super::node::{ACCOUNT, Node, Script, start_of};

const TWO_TASKS: &str = r#"{"StartAt": "A", "States": {
    "A": {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:f", "Next": "B"},
    "B": {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:f", "End": true}}}"#;

/// Steps of `breaks-later` so far.
static STEPS: AtomicUsize = AtomicUsize::new(0);

fn panics(identity: &Identity) {
    let is_due = match identity.name.as_str() {
        "breaks-at-once" => true,
        "breaks-later" => STEPS.fetch_add(1, Ordering::Relaxed) > 0,
        _ => false,
    };
    assert!(!is_due, "a planted panic");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_or_a_call_that_panics_ends_its_execution_and_no_other() {
    let database = Database::private().await;
    let plant = |options: &mut runtime::EngineOptions| options.before_step = Some(panics);
    let node = Node::start_with(&database, Script::PanicFor("breaks-in-a-call"), plant).await;
    let revision = node.create("m", TWO_TASKS).await;
    let broken = ["breaks-at-once", "breaks-later", "breaks-in-a-call"];
    let names: Vec<String> =
        broken.into_iter().map(str::to_owned).chain((0..20).map(|n| format!("n{n}"))).collect();
    for name in &names {
        node.begin(revision, Some(name), "{}").await.unwrap();
    }
    for name in &names {
        let ExecutionRow { head, error, cause, .. } = node.ended(name).await;
        if broken.contains(&name.as_str()) {
            assert_eq!((head.status, error.as_deref()), (Status::Failed, Some("States.Runtime")));
            assert!(cause.unwrap().contains("a planted panic"), "{name}");
        } else {
            assert_eq!(head.status, Status::Succeeded, "{name}");
        }
    }
    assert!(node.engine.readiness().is_ready);
    // What was written of them is a log like any other.
    node.engine.shutdown().await;
    let next = Node::start(&database, Script::Echo).await;
    assert_eq!(next.ended("breaks-later").await.head.status, Status::Failed);
    next.engine.shutdown().await;
}

/// Whether steps of `stands-still` do.
static STANDS_STILL: AtomicBool = AtomicBool::new(true);

fn stands_still(identity: &Identity) {
    while identity.name == "stands-still" && STANDS_STILL.load(Ordering::Relaxed) {
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[tokio::test]
async fn a_node_whose_owner_stands_still_lives_and_serves_on() {
    let database = Database::private().await;
    let lease = Duration::from_secs(1);
    let node = Node::start_with(&database, Script::Echo, |options| {
        options.before_step = Some(stands_still);
        options.lanes = 2;
        options.lease = lease;
    })
    .await;
    let revision = node.create("m", TWO_TASKS).await;
    let engine = node.engine.clone();
    let waits = tokio::spawn(async move {
        engine.start_execution(start_of(revision, Some("stands-still"), "{}")).await
    });
    let owner_of = |name: &str| store::shard_of(ACCOUNT, "m", name) % 2;
    let others = (0..).map(|number| format!("n{number}"));
    let mut others = others.filter(|name| owner_of(name) != owner_of("stands-still"));
    // All that is not the owner's runs on this one thread: for longer than a lease.
    let began = Instant::now();
    while began.elapsed() < 2 * lease {
        let name = others.next().unwrap();
        node.begin(revision, Some(&name), "{}").await.unwrap();
        assert_eq!(node.ended(&name).await.head.status, Status::Succeeded);
    }
    for shard in 0..store::SHARDS {
        let orphaned = node.engine.store().orphaned(shard).await.unwrap();
        assert!(orphaned.is_none(), "the lease of shard {shard} has run out");
    }
    assert!(!waits.is_finished());
    STANDS_STILL.store(false, Ordering::Relaxed);
    waits.await.unwrap().unwrap();
    assert_eq!(node.ended("stands-still").await.head.status, Status::Succeeded);
    node.engine.shutdown().await;
}
