//! What executions that never rest cost their neighbours: starts one at a time, alone and beside loops of
//! Pass states that go on and on, with a small payload and with a large one.

use anyhow::Result;
use serde_json::{Value, json};
use std::time::Duration;
use store::Cluster;
use tests::aws::Aws;
use tests::server::{Server, ServerOptions};

use crate::call;
use crate::functions::Functions;
use crate::load::Load;
use crate::report::quantile;

/// Loops beside the neighbours.
const LOOPS: usize = 3;

/// Measures, prints the figures, and gives them.
pub(crate) async fn measure(
    cluster: &Cluster,
    functions: &Functions,
    length: Duration,
) -> Result<Value> {
    let url = cluster.database("neighbours").await?;
    let env = [("RUST_LOG", "warn"), ("STATEWRIGHT_LIMITS", "lifted")];
    let env = env.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let server = Server::start(&url, &ServerOptions { env, ..ServerOptions::default() })?;
    let aws = Aws::new(&server.url());
    let load = Load::all().into_iter().find(|load| load.name == "pass").expect("it is one of them");
    let load = Load { at_once: 1, ..load };
    let machine = load.create(&aws).await?;
    let looping = create_loop(&aws).await?;
    println!("neighbours: executions one at a time, beside {LOOPS} loops that never rest");
    let mut figures = Vec::new();
    for (beside, bytes) in
        [("nothing", None), ("loops", Some(10)), ("loops of 250 KB", Some(250_000))]
    {
        let mut loops = Vec::new();
        for _ in 0..bytes.map_or(0, |_| LOOPS) {
            let input = json!({"text": "x".repeat(bytes.unwrap_or(0))}).to_string();
            let params = json!({"stateMachineArn": looping, "input": input});
            loops.push(call(&aws, "StartExecution", params).await?["executionArn"].clone());
        }
        load.run(&aws, functions, &machine, length / 5).await?;
        let run = load.run(&aws, functions, &machine, length).await?;
        let ms = |share| (quantile(&run.latencies, share).as_secs_f64() * 10_000.0).round() / 10.0;
        let (p50, p99) = (ms(0.5), ms(0.99));
        println!(
            "    beside {beside:<20} p50 {p50:>9} ms, p99 {p99:>9} ms, {} runs",
            run.latencies.len()
        );
        figures.push(json!({"beside": beside, "p50_ms": p50, "p99_ms": p99}));
        for arn in loops {
            call(&aws, "StopExecution", json!({"executionArn": arn})).await?;
        }
    }
    server.stop()?;
    Ok(json!({"neighbours": figures}))
}

async fn create_loop(aws: &Aws) -> Result<Value> {
    let definition = json!({"StartAt": "A", "States": {
        "A": {"Type": "Pass", "Next": "B"},
        "B": {"Type": "Choice", "Default": "A",
              "Choices": [{"Variable": "$.text", "IsNumeric": true, "Next": "C"}]},
        "C": {"Type": "Succeed"},
    }});
    let params = json!({
        "name": "loop",
        "definition": definition.to_string(),
        "roleArn": "arn:aws:iam::123456789012:role/bench",
    });
    Ok(call(aws, "CreateStateMachine", params).await?["stateMachineArn"].clone())
}
