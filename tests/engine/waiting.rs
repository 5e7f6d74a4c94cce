//! A hundred thousand executions that wait for tokens and timers, and what that costs.
//!
//! `WAITING=1000000 cargo nextest run -p tests a_hundred_thousand --no-capture` prints the
//! figures for another number.

use std::time::Duration;

use futures_util::StreamExt as _;
use runtime::{EngineOptions, StartError, TaskAnswer};
use store::Status;
use tests::database::Database;
use tests::psql::psql;
use tokio::time::Instant;

use super::WAIT;
use super::node::{ACCOUNT, Node, Script};
use super::proxy::Proxy;
use super::tokens::{CALLBACK, success};

/// Starts under way at the same time.
const AT_ONCE: usize = 64;
/// How long an idle node is watched.
const IDLE: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_thousand_waiting_executions_cost_next_to_nothing() {
    let count: usize =
        std::env::var("WAITING").ok().and_then(|text| text.parse().ok()).unwrap_or(100_000);
    let soon = |options: &mut EngineOptions| options.sleep_after = Duration::from_secs(1);
    let database = Database::private().await;
    let node = Node::start_with(&database, Script::Submit, soon).await;
    let callback = node.create("m", CALLBACK).await;
    let timer = node.create("n", WAIT).await;
    let empty = resident_mib();

    let began = Instant::now();
    futures_util::stream::iter(0..count)
        .for_each_concurrent(AT_ONCE, async |number| {
            let (revision, input) =
                if number % 2 == 0 { (callback, "{}") } else { (timer, r#"{"s": 86400}"#) };
            let name = format!("n{number}");
            // On a busy machine it may be told to try again; the same start is one execution.
            while let Err(error) = node.begin(revision, Some(&name), input).await {
                assert!(
                    !matches!(error, StartError::AlreadyExists { .. } | StartError::Program(_)),
                    "{error}"
                );
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        })
        .await;
    println!("{count} executions started in {:.1?}", began.elapsed());
    let asleep = || {
        let text = "SELECT count(*) FROM executions WHERE wake_at IS NOT NULL";
        psql(&database.url, text).unwrap().parse::<usize>().unwrap()
    };
    while asleep() < count {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    println!("all asleep {:.1?} after the first start", began.elapsed());
    println!("memory: {empty} MiB before, {} MiB while they sleep", resident_mib());
    node.engine.shutdown().await;

    let began = Instant::now();
    let proxy = Proxy::before(&database.url).await;
    let usual = |options: &mut EngineOptions| *options = EngineOptions::default();
    let next = Node::start_at(proxy.url(), Script::Never, usual).await;
    println!("restart: {:.0?} until the next node serves all of them", began.elapsed());
    let token = Node::token_of(&[&node], "n0").await;
    next.engine.send_task(Some(ACCOUNT), &token, success("1")).await.unwrap();
    let row = next.ended("n0").await;
    println!("the first answer: {:.0?} after the start", began.elapsed());
    assert_eq!(row.head.status, Status::Succeeded);
    let token = Node::token_of(&[&node], "n2").await;
    next.engine.send_task(Some(ACCOUNT), &token, TaskAnswer::Heartbeat).await.unwrap();
    let before = proxy.requests();
    tokio::time::sleep(IDLE).await;
    let (asked, seconds) = (proxy.requests() - before, IDLE.as_secs());
    println!("idle: {asked} requests to the database in {seconds} s");
    // Beats, the inbox, schedules and sleepers.
    assert!(asked < 2 * seconds, "an idle node asks {asked} times in {seconds} s");
    next.engine.shutdown().await;
}

/// What this process has in memory.
fn resident_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
}
