//! What waking an execution costs that has done much before, beside one that has done little: both wait for a
//! token out of memory, and the answer to it is timed until it is durable.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use store::Cluster;
use tests::aws::Aws;
use tests::psql::psql;
use tests::server::{Server, ServerOptions};
use tests::wire::Client;
use tokio::time::{Instant, sleep};

use crate::call;
use crate::nodes::serve_tokens;
use crate::report::quantile;

/// Executions of each kind, and the rounds that each has gone: of seven events each.
const EXECUTIONS: usize = 40;
const ROUNDS: [(&str, u32); 2] = [("short", 1), ("long", 3_550)];
/// How long they may take to have gone their rounds and fallen asleep.
const PATIENCE: Duration = Duration::from_mins(3);

/// Measures, prints the figures, and gives them.
pub(crate) async fn measure(cluster: &Cluster) -> Result<Value> {
    let url = cluster.database("wakes").await?;
    let env = vec![("RUST_LOG".to_owned(), "warn".to_owned())];
    let server = Server::start(&url, &ServerOptions { env, ..ServerOptions::default() })?;
    let aws = Aws::new(&server.url());
    let (function, tokens) = serve_tokens().await?;
    Client::new(server.url()).register("tokens", &function).await;
    let definition = json!({"StartAt": "Counts", "States": {
        "Counts": {"Type": "Pass", "Next": "Enough", "Parameters": {
            "left.$": "States.MathAdd($.left, -1)", "text.$": "$.text"}},
        "Enough": {"Type": "Choice", "Default": "Again",
            "Choices": [{"Variable": "$.left", "NumericEquals": 0, "Next": "Asks"}]},
        "Again": {"Type": "Pass", "Next": "Counts"},
        "Asks": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken", "End": true,
            "Parameters": {"FunctionName": "tokens", "Payload": {"token.$": "$$.Task.Token"}}},
    }});
    let role = "arn:aws:iam::123456789012:role/bench";
    let machine = json!({"name": "wakes", "definition": definition.to_string(), "roleArn": role});
    let arn = call(&aws, "CreateStateMachine", machine).await?["stateMachineArn"].clone();
    println!("wakes: executions that wait for a token, out of memory");
    let mut figures = BTreeMap::new();
    for (name, rounds) in ROUNDS {
        let input = json!({"left": rounds, "text": "x".repeat(100)}).to_string();
        for _ in 0..EXECUTIONS {
            let start = json!({"stateMachineArn": arn, "input": input});
            call(&aws, "StartExecution", start).await?;
        }
        until_asleep(&url).await?;
        let events = psql(&url, "SELECT max(first_event + event_count) FROM turns")?;
        let mut times = Vec::new();
        for _ in 0..EXECUTIONS {
            let token = tokens.lock().await.recv().await.context("no token")?;
            let begin = Instant::now();
            let answer = json!({"taskToken": token, "output": "{}"});
            call(&aws, "SendTaskSuccess", answer).await?;
            times.push(begin.elapsed());
        }
        times.sort_unstable();
        let ms = |share| (quantile(&times, share).as_secs_f64() * 10_000.0).round() / 10.0;
        let (p50, p99) = (ms(0.5), ms(0.99));
        println!("    after {events:>6} events  p50 {p50:>6} ms, p99 {p99:>6} ms");
        figures.insert(name, json!({"events": events, "p50_ms": p50, "p99_ms": p99}));
    }
    server.stop()?;
    Ok(json!({"wakes": figures}))
}

async fn until_asleep(url: &str) -> Result<()> {
    let begin = Instant::now();
    let awake = "SELECT count(*) FROM executions WHERE status = 'RUNNING' AND wake_at IS NULL";
    while psql(url, awake)? != "0" {
        ensure!(begin.elapsed() < PATIENCE, "they do not fall asleep");
        sleep(Duration::from_millis(200)).await;
    }
    Ok(())
}
