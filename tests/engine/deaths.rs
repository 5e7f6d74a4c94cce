//! Processes that end over an execution, really: this program started again as a node, into whose steps an
//! abort is planted.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use machine::Identity;
use runtime::StopRequest;
use store::{DEATHS, Status};
use tests::database::Database;
use tokio::time::Instant;

use super::node::{ACCOUNT, Node, Script};

const WAITS: &str = r#"{"StartAt": "W", "States": {
    "W": {"Type": "Wait", "Seconds": 2, "Next": "V"}, "V": {"Type": "Wait", "Seconds": 2, "End": true}}}"#;

/// Where the node that may die finds its database.
const DATABASE: &str = "STATEWRIGHT_TESTS_MORTAL_NODE";
/// How many nodes may die: two until its shard is watched, three over it.
const MOST_DEATHS: usize = 5;

fn dies(identity: &Identity) {
    if identity.name == "kills" {
        std::process::abort();
    }
}

fn panics(identity: &Identity) {
    assert!(identity.name != "kills", "a step of what is set aside");
}

/// Not a test: the node that may die, in a process of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "started by another test"]
async fn a_node_that_may_die() {
    let Ok(url) = std::env::var(DATABASE) else { return };
    let _node = Node::start_at(&url, Script::Echo, |options| {
        options.before_step = Some(dies);
        options.lease = Duration::from_secs(1);
    })
    .await;
    // Until it is killed.
    std::future::pending::<()>().await;
}

/// A process that is killed when it is not wanted any more.
struct Mortal(Child);

impl Mortal {
    fn start(url: &str) -> Self {
        let program = std::env::current_exe().unwrap();
        let child = Command::new(program)
            .args(["--exact", "engine::deaths::a_node_that_may_die", "--ignored"])
            .env(DATABASE, url)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Self(child.unwrap())
    }

    fn has_died(&mut self) -> bool {
        self.0.try_wait().unwrap().is_some()
    }
}

impl Drop for Mortal {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_execution_over_which_three_nodes_died_is_set_aside_and_can_be_stopped() {
    let database = Database::private().await;
    let lease = Duration::from_secs(1);
    let node = Node::start_with(&database, Script::Echo, |options| options.lease = lease).await;
    let revision = node.create("m", WAITS).await;
    let innocent: Vec<String> = (0..12).map(|number| format!("n{number}")).collect();
    for name in innocent.iter().map(String::as_str).chain(["kills"]) {
        node.begin(revision, Some(name), "{}").await.unwrap();
    }
    let killer = node.row("kills").await.unwrap().head;
    node.engine.shutdown().await;
    let store = &database.store;

    let mut deaths = 0;
    let mut mortal = Mortal::start(&database.url);
    let patience = Instant::now() + Duration::from_mins(2);
    while store.set_aside(killer.shard, killer.id).await.unwrap().is_none() {
        assert!(Instant::now() < patience, "it is not set aside after {deaths} deaths");
        if mortal.has_died() {
            deaths += 1;
            assert!(deaths <= MOST_DEATHS, "nodes go on dying");
            mortal = Mortal::start(&database.url);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let mark = store.set_aside(killer.shard, killer.id).await.unwrap().unwrap();
    assert_eq!(mark.deaths, DEATHS);
    assert_eq!(deaths, MOST_DEATHS);
    for name in &innocent {
        let ended = node.ended(name).await;
        assert_eq!(ended.head.status, Status::Succeeded, "{name}");
    }
    assert!(!mortal.has_died(), "the node lives on");

    // What one node has found out, the next one knows; its end needs no step.
    drop(mortal);
    let next = Node::start_with(&database, Script::Echo, |options| {
        options.before_step = Some(panics);
        options.lease = lease;
    })
    .await;
    let row = next.row("kills").await.unwrap();
    assert_eq!(row.head.status, Status::Running);
    let stop = || StopRequest {
        account: ACCOUNT.to_owned(),
        state_machine: "m".to_owned(),
        name: "kills".to_owned(),
        error: Some("Enough".to_owned()),
        cause: None,
    };
    while next.engine.stop_execution(stop()).await.is_err() {
        assert!(Instant::now() < patience, "it cannot be stopped");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let ended = next.ended("kills").await;
    assert_eq!((ended.head.status, ended.error.as_deref()), (Status::Aborted, Some("Enough")));
    next.engine.stop_execution(stop()).await.unwrap();
    let log: Vec<machine::Event> = store
        .turns(killer.shard, killer.id, 0, 1_000)
        .await
        .unwrap()
        .iter()
        .flat_map(|turn| machine::log::decode(&turn.body).unwrap())
        .collect();
    let folded = machine::fold(&log).unwrap();
    assert_eq!(folded.status(), machine::Status::Aborted);
    assert!(folded.can_be_redriven());
    next.engine.shutdown().await;
}
