//! How fast the real server is on a durable Postgres of its own: `make bench`.
//!
//! Four loads, one after the other on one server: a chain of ten HTTP tasks and ten states without
//! I/O, both with 64 executions at once; a Map of 100 tasks; and one-task executions one at a time.
//! The functions that are called live in this program. Beside each load's figures stands a
//! yardstick, taken in the same run: how fast a bare loop appends the same rows in the same batches.
//! Then, on a server without AWS's quotas, what executions that never rest cost their neighbours; and what
//! starts, stops and answers cost at two nodes beside one; and what it costs to wake an execution that has
//! done much. What a crowd behind one place costs is told with `--only crowd`.
//!
//! Arguments: `--seconds N` for each load (10 by default), `--only NAME`.

mod crowd;
mod functions;
mod load;
mod meter;
mod neighbours;
mod nodes;
mod report;
mod wakes;
mod yardstick;

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::json;
use store::{Cluster, ClusterOptions};
use tests::aws::Aws;
use tests::server::{Server, ServerOptions};
use uuid::Uuid;

use functions::Functions;
use load::Load;
use meter::Meter;
use report::Report;

/// What to measure, from the command line.
struct Arguments {
    length: Duration,
    only: Option<String>,
}

impl Arguments {
    fn read() -> Result<Self> {
        let mut read = Self { length: Duration::from_secs(10), only: None };
        let mut words = std::env::args().skip(1);
        while let Some(word) = words.next() {
            match word.as_str() {
                "--seconds" => {
                    let seconds = words.next().context("--seconds needs a number")?;
                    read.length = Duration::from_secs(seconds.parse()?);
                }
                "--only" => read.only = Some(words.next().context("--only needs a name")?),
                // cargo adds this one itself.
                "--bench" => {}
                other => anyhow::bail!("`{other}` is not an argument: --seconds N, --only NAME"),
            }
        }
        Ok(read)
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::read()?;
    let folder = std::env::temp_dir().join(format!("statewright-bench-{}", Uuid::new_v4()));
    let options = ClusterOptions { temporary: true, ..ClusterOptions::new(folder) };
    let postmaster = options.data_dir.join("data/postmaster.pid");
    let cluster = Cluster::start(options).await?;
    let url = cluster.database("bench").await?;

    let functions = Functions::default();
    let address = functions.serve().await?;
    let options = ServerOptions {
        env: vec![("RUST_LOG".to_owned(), "warn".to_owned())],
        ..ServerOptions::default()
    };
    let server = Server::start(&url, &options)?;
    let aws = Aws::new(&server.url());
    register(&server, &format!("http://{address}/task")).await?;

    let meter = Meter::new(&url, server.pid(), &postmaster)?;
    let mut report = Report::default();
    let wanted = |load: &Load| arguments.only.as_deref().is_none_or(|name| name == load.name);
    for load in Load::all().into_iter().filter(wanted) {
        let machine = load.create(&aws).await?;
        // The first seconds fill connection pools and caches and are not counted.
        load.run(&aws, &functions, &machine, arguments.length / 5).await?;
        let before = meter.begin()?;
        let run = load.run(&aws, &functions, &machine, arguments.length).await?;
        let used = meter.since(&before)?;
        let bare = yardstick::rows_per_second(&url, &used, arguments.length / 3)?;
        report.add(&load, &run, &used, bare);
    }
    println!("{}", report.json());
    server.stop()?;
    if arguments.only.as_deref().is_none_or(|name| name == "neighbours") {
        println!("{}", neighbours::measure(&cluster, &functions, arguments.length).await?);
    }
    if arguments.only.as_deref().is_none_or(|name| name == "nodes") {
        println!("{}", nodes::measure(&cluster, arguments.length).await?);
    }
    if arguments.only.as_deref().is_none_or(|name| name == "wakes") {
        println!("{}", wakes::measure(&cluster).await?);
    }
    // It takes minutes, so it has to be asked for.
    if arguments.only.as_deref() == Some("crowd") {
        println!("{}", crowd::measure(&cluster).await?);
    }
    cluster.stop().await;
    Ok(())
}

/// Registers the one function that all loads call.
async fn register(server: &Server, url: &str) -> Result<()> {
    let response = tests::client::client()
        .put(format!("{}/v1/functions/task", server.url()))
        .json(&json!({"url": url, "protocol": "http", "max_concurrency": 1_000}))
        .send()
        .await?;
    let status = response.status();
    anyhow::ensure!(status.is_success(), "PUT /v1/functions/task: {}", response.text().await?);
    Ok(())
}

/// Calls an operation that has to succeed.
async fn call(aws: &Aws, operation: &str, params: serde_json::Value) -> Result<serde_json::Value> {
    let (status, body) = aws.call(operation, &params, None).await?;
    anyhow::ensure!(status == 200, "{operation}: status {status}, {body:?}");
    Ok(body.into())
}
