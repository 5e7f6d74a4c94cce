//! What executions that take all they can get cost their neighbours: starts one at a time, and `/healthz`, alone,
//! beside loops of Pass states that go on and on, with a small payload and with a large one, and beside the
//! largest Maps that AWS's quotas allow, and that are allowed without them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use store::Cluster;
use tests::aws::Aws;
use tests::server::{Server, ServerOptions};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use crate::call;
use crate::functions::Functions;
use crate::load::Load;
use crate::report::quantile;

/// Loops beside the neighbours.
const LOOPS: usize = 3;
/// Maps beside the neighbours, begun again as they end.
const MAPS: usize = 2;
/// Items of a Map: what AWS's history has room for, and what a payload has.
const STRICT_ITEMS: usize = 6_000;
const LIFTED_ITEMS: usize = 40_000;

/// What runs beside the neighbours.
#[derive(Clone, Copy)]
enum Beside {
    Nothing,
    /// With a text of this length.
    Loops(usize),
    /// Of so many items.
    Maps(usize),
}

/// Measures, prints the figures, and gives them.
pub(crate) async fn measure(
    cluster: &Cluster,
    functions: &Functions,
    length: Duration,
) -> Result<Value> {
    println!("neighbours: executions one at a time, and /healthz");
    let mut figures = Vec::new();
    for (limits, all) in [
        (
            "lifted",
            &[
                ("nothing", Beside::Nothing),
                ("3 loops", Beside::Loops(10)),
                ("3 loops of 250 KB", Beside::Loops(250_000)),
                ("2 Maps of 40,000 items", Beside::Maps(LIFTED_ITEMS)),
            ][..],
        ),
        ("strict", &[("2 Maps of 6,000 items", Beside::Maps(STRICT_ITEMS))][..]),
    ] {
        let url = cluster.database(&format!("neighbours_{limits}")).await?;
        let env = [("RUST_LOG", "warn"), ("STATEWRIGHT_LIMITS", limits)];
        let env = env.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let server = Server::start(&url, &ServerOptions { env, ..ServerOptions::default() })?;
        let aws = Aws::new(&server.url());
        let load = Load::all().into_iter().find(|load| load.name == "pass").context("no `pass`")?;
        let load = Load { at_once: 1, ..load };
        let machine = load.create(&aws).await?;
        let crowd = Crowd::create(&aws).await?;
        for (name, beside) in all {
            let stop = Arc::new(AtomicBool::new(false));
            let others = crowd.begin(&aws, *beside, &stop).await?;
            load.run(&aws, functions, &machine, length / 5).await?;
            let health = tokio::spawn(ask_health(server.url(), stop.clone()));
            let run = load.run(&aws, functions, &machine, length).await?;
            stop.store(true, Ordering::Relaxed);
            let mut health = health.await??;
            health.sort_unstable();
            let done = others.end(&aws).await?;
            let ms = |times: &[Duration], share| {
                (quantile(times, share).as_secs_f64() * 10_000.0).round() / 10.0
            };
            let (p50, p99) = (ms(&run.latencies, 0.5), ms(&run.latencies, 0.99));
            let health = ms(&health, 0.99);
            println!(
                "    {limits}, beside {name:<24} p50 {p50:>7} ms, p99 {p99:>7} ms, {} runs; /healthz p99 \
                 {health} ms; {done} of the others ended",
                run.latencies.len()
            );
            figures.push(json!({
                "limits": limits, "beside": name, "p50_ms": p50, "p99_ms": p99, "health_p99_ms": health,
            }));
        }
        server.stop()?;
    }
    Ok(json!({"neighbours": figures}))
}

/// How long `/healthz` takes, again and again.
async fn ask_health(url: String, stop: Arc<AtomicBool>) -> Result<Vec<Duration>> {
    let client = reqwest::Client::new();
    let mut times = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let begin = Instant::now();
        client.get(format!("{url}/healthz")).send().await?.error_for_status()?;
        times.push(begin.elapsed());
        sleep(Duration::from_millis(10)).await;
    }
    Ok(times)
}

/// The state machines of those beside.
struct Crowd {
    looping: Value,
    mapping: Value,
}

/// Those that run beside.
struct Others {
    loops: Vec<Value>,
    maps: Vec<JoinHandle<Result<usize>>>,
}

impl Crowd {
    async fn create(aws: &Aws) -> Result<Self> {
        let looping = json!({"StartAt": "A", "States": {
            "A": {"Type": "Pass", "Next": "B"},
            "B": {"Type": "Choice", "Default": "A",
                  "Choices": [{"Variable": "$.text", "IsNumeric": true, "Next": "C"}]},
            "C": {"Type": "Succeed"},
        }});
        let mapping = json!({"StartAt": "M", "States": {"M": {
            "Type": "Map", "ItemsPath": "$.items", "End": true, "ResultPath": null,
            "ItemSelector": {"value.$": "$$.Map.Item.Value", "index.$": "$$.Map.Item.Index"},
            "ItemProcessor": {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}},
        }}});
        let mut machines = Vec::new();
        for (name, definition) in [("loop", looping), ("map", mapping)] {
            let role = "arn:aws:iam::123456789012:role/bench";
            let text = definition.to_string();
            let params = json!({"name": name, "definition": text, "roleArn": role});
            machines
                .push(call(aws, "CreateStateMachine", params).await?["stateMachineArn"].clone());
        }
        let mapping = machines.pop().context("two were made")?;
        Ok(Self { mapping, looping: machines.pop().context("two were made")? })
    }

    async fn begin(&self, aws: &Aws, beside: Beside, stop: &Arc<AtomicBool>) -> Result<Others> {
        let mut others = Others { loops: Vec::new(), maps: Vec::new() };
        match beside {
            Beside::Nothing => {}
            Beside::Loops(bytes) => {
                let input = json!({"text": "x".repeat(bytes)}).to_string();
                for _ in 0..LOOPS {
                    let params = json!({"stateMachineArn": self.looping, "input": input});
                    let arn = call(aws, "StartExecution", params).await?["executionArn"].clone();
                    others.loops.push(arn);
                }
            }
            Beside::Maps(items) => {
                let input = json!({"items": vec![1; items]}).to_string();
                let params = json!({"stateMachineArn": self.mapping, "input": input});
                for _ in 0..MAPS {
                    let again = map_again(aws.clone(), params.clone(), stop.clone());
                    others.maps.push(tokio::spawn(again));
                }
            }
        }
        Ok(others)
    }
}

/// One Map after the other; how many have ended.
async fn map_again(aws: Aws, params: Value, stop: Arc<AtomicBool>) -> Result<usize> {
    let mut ended = 0;
    while !stop.load(Ordering::Relaxed) {
        let arn = call(&aws, "StartExecution", params.clone()).await?["executionArn"].clone();
        loop {
            let shown = call(&aws, "DescribeExecution", json!({"executionArn": arn})).await?;
            match shown["status"].as_str() {
                Some("RUNNING") if !stop.load(Ordering::Relaxed) => {}
                Some("RUNNING") => {
                    call(&aws, "StopExecution", json!({"executionArn": arn})).await?;
                    break;
                }
                Some("SUCCEEDED") => {
                    ended += 1;
                    break;
                }
                _ => anyhow::bail!("a Map did not succeed: {shown}"),
            }
            sleep(Duration::from_millis(50)).await;
        }
    }
    Ok(ended)
}

impl Others {
    /// Stops them; how many have ended before.
    async fn end(self, aws: &Aws) -> Result<usize> {
        for arn in self.loops {
            call(aws, "StopExecution", json!({"executionArn": arn})).await?;
        }
        let mut ended = 0;
        for map in self.maps {
            ended += map.await??;
        }
        Ok(ended)
    }
}
