//! What executions cost that wait behind one place: so many are started, whose calls hang, and the most memory that
//! the node has had is told, over that of an idle one. `CROWD=N` says how many; a million by default.

use std::time::Duration;

use anyhow::{Context, Result};
use axum::Router;
use axum::routing::post;
use serde_json::{Value, json};
use store::Cluster;
use tests::aws::Aws;
use tests::psql::psql;
use tests::server::{Server, ServerOptions};
use tests::wire::Client;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::call;

const CLIENTS: usize = 32;
const TASK: &str = r#"{"StartAt": "T", "States": {"T": {"Type": "Task",
    "Resource": "arn:aws:lambda:us-east-1:123456789012:function:hangs", "End": true}}}"#;

/// Measures, prints the figures, and gives them.
pub(crate) async fn measure(cluster: &Cluster) -> Result<Value> {
    let count = std::env::var("CROWD").ok().and_then(|text| text.parse().ok()).unwrap_or(1_000_000);
    let url = cluster.database("crowd").await?;
    let env = vec![("RUST_LOG".to_owned(), "warn".to_owned())];
    let server = Server::start(&url, &ServerOptions { env, ..ServerOptions::default() })?;
    let client = Client::new(server.url());
    let registered = json!({"url": hangs().await?, "protocol": "http", "max_concurrency": 1});
    let answer = client.rest("PUT", "/v1/functions/hangs", registered).await;
    anyhow::ensure!(answer.is_ok(), "the function is not registered");
    let machine = client.create("crowd", TASK).await;
    // What every node needs that has begun to work.
    let aws = Aws::new(&server.url());
    start(&aws, &machine, CLIENTS).await?;
    let idle = resident(server.pid(), "VmRSS:")?;
    println!("crowd: {count} executions behind one place");
    let begin = Instant::now();
    start(&aws, &machine, count).await?;
    let started = begin.elapsed().as_secs_f64();
    let asleep = "SELECT count(*) FROM executions WHERE waits_for_place AND wake_at IS NOT NULL";
    let mut known = 0;
    loop {
        let now: usize = psql(&url, asleep)?.parse()?;
        // All but those that wait near.
        if now + 1_000 > count || now == known && now > 0 {
            known = now;
            break;
        }
        known = now;
        sleep(Duration::from_secs(5)).await;
    }
    let calm = resident(server.pid(), "VmRSS:")?;
    let most = resident(server.pid(), "VmHWM:")?;
    let rate = f64::from(u32::try_from(count)?) / started;
    println!(
        "    started {rate:.0}/s; {known} asleep; memory {idle} MiB before, {most} MiB at most, {calm} MiB after"
    );
    server.stop()?;
    Ok(json!({"crowd": {
        "executions": count, "per_second": rate, "idle_mib": idle, "most_mib": most, "after_mib": calm,
    }}))
}

/// Starts so many; who is throttled comes again.
async fn start(aws: &Aws, machine: &str, count: usize) -> Result<()> {
    let mut clients = JoinSet::new();
    for client in 0..CLIENTS {
        let (aws, machine) = (aws.clone(), machine.to_owned());
        clients.spawn(async move {
            for _ in (client..count).step_by(CLIENTS) {
                let params = json!({"stateMachineArn": machine, "input": "{}"});
                while call(&aws, "StartExecution", params.clone()).await.is_err() {
                    sleep(Duration::from_millis(100)).await;
                }
            }
            Ok::<_, anyhow::Error>(())
        });
    }
    while let Some(client) = clients.join_next().await {
        client??;
    }
    Ok(())
}

/// What a process has in memory, in MiB.
fn resident(pid: u32, which: &str) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(which)).context("no such line")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? / 1_024)
}

/// A function that never answers.
async fn hangs() -> Result<String> {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
    let url = format!("http://{}/", listener.local_addr()?);
    let router = Router::new().route("/", post(std::future::pending::<&'static str>));
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(url)
}
