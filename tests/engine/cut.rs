//! Connections that are cut in the middle of commits.

use std::time::Duration;

use runtime::StartError;
use store::Status;
use tests::database::Database;

use super::node::{Node, Script};
use super::proxy::{Mode, Proxy};
use super::{TASK, WAIT};

/// Lets the connections be cut while a start is being committed, and then the database be out
/// of reach for a moment.
async fn start_in_doubt(node: &Node, proxy: &Proxy, revision: uuid::Uuid, name: &str) -> bool {
    proxy.set(Mode::CutAnswers);
    let refused = node.begin(revision, Some(name), r#"{"s": 1}"#).await;
    proxy.set(Mode::Refuse);
    tokio::time::sleep(Duration::from_millis(150)).await;
    proxy.set(Mode::Pass);
    assert!(matches!(refused, Ok(_) | Err(StartError::Unavailable)), "{refused:?}");
    refused.is_ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_in_doubt_has_happened_whole_or_not_at_all() {
    let database = Database::private().await;
    let proxy = Proxy::before(&database.url).await;
    let node = Node::start_at(proxy.url(), Script::Echo, |_| {}).await;
    for (number, machine) in [WAIT, TASK].into_iter().cycle().take(8).enumerate() {
        let revision = node.create(&format!("m{number}"), machine).await;
        let name = format!("n{number}");
        let acknowledged = start_in_doubt(&node, &proxy, revision, &name).await;
        node.until_back().await;
        if acknowledged {
            node.until(|_| true, &name).await;
        }
        // The same start again: it is the first one, or a new one. Either way it runs.
        node.begin_at_last(revision, &name, r#"{"s": 1}"#).await;
        assert_eq!(node.ended(&name).await.head.status, Status::Succeeded);
        node.assert_one_history(&name).await;
    }
    node.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_runs_goes_on_after_its_connections_were_cut() {
    let database = Database::private().await;
    let proxy = Proxy::before(&database.url).await;
    let node = Node::start_at(proxy.url(), Script::Echo, |options| {
        options.sleep_after = Duration::from_secs(1);
    })
    .await;
    let revision = node.create("m", WAIT).await;
    for number in 0..20 {
        let input = format!(r#"{{"s": {}}}"#, 1 + number % 4);
        node.begin(revision, Some(&format!("n{number}")), &input).await.unwrap();
    }
    for mode in [Mode::CutAnswers, Mode::Refuse, Mode::CutAnswers, Mode::Refuse] {
        proxy.set(mode);
        tokio::time::sleep(Duration::from_millis(300)).await;
        proxy.set(Mode::Pass);
        node.until_back().await;
    }
    for number in 0..20 {
        let name = format!("n{number}");
        assert_eq!(node.ended(&name).await.head.status, Status::Succeeded);
        node.assert_one_history(&name).await;
    }
    node.engine.shutdown().await;
}
