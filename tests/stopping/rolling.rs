//! Two nodes are restarted in turn under load: clients that try again as SDKs do notice nothing, and
//! no call is made twice. `ROLLING_RESTARTS` asks for more rounds.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::json;
use tests::database::Durable;

use super::*;

const RESTARTS: usize = 4;
const CLIENTS: usize = 3;
/// Pauses between the attempts of a call: as boto3 makes them unless told otherwise, five attempts in
/// all, without the chance of shorter ones.
const PAUSES: [u64; 4] = [500, 1_000, 2_000, 4_000];

/// A call as an SDK makes it behind a balancer: again when it is refused with 503, or not answered, and
/// by the other node.
async fn retried(nodes: &[Client; 2], operation: &str, parameters: &Value) -> Value {
    let mut last = None;
    for (node, pause) in nodes.iter().cycle().zip(PAUSES.into_iter().chain([0])) {
        match node.call(operation, parameters).await {
            Ok(answer) => return answer,
            Err(refused) => last = Some(refused),
        }
        tokio::time::sleep(Duration::from_millis(pause)).await;
    }
    panic!("{operation} {parameters}: {last:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_restart_goes_unnoticed() {
    let restarts = std::env::var("ROLLING_RESTARTS").ok().and_then(|n| n.parse().ok());
    let restarts = restarts.unwrap_or(RESTARTS);
    let database = Durable::start().await;
    let slow = Slow::serve(Duration::from_millis(150)).await;
    let mut nodes = vec![new_node(database.url(), &[]).await, new_node(database.url(), &[]).await];
    for delivery in ["at-least-once", "at-most-once"] {
        slow.register(&nodes[0].1, delivery).await;
        nodes[0].1.create(delivery, &TWO_TASKS.replace("FUNCTION", delivery)).await;
    }
    let over = Arc::new(AtomicBool::new(false));
    let clients: Vec<JoinHandle<Vec<String>>> = (0..CLIENTS)
        .map(|number| {
            let clients = [number, number + 1].map(|node| nodes[node % 2].1.clone());
            let over = over.clone();
            tokio::spawn(async move { load(&clients, number, &over).await })
        })
        .collect();
    for round in 0..restarts {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let (server, _) = nodes.remove(round % 2);
        let address = server.address();
        stop(server).await;
        nodes.insert(round % 2, node(database.url(), address, &[]).await);
    }
    over.store(true, Ordering::Relaxed);
    let mut arns = Vec::new();
    for client in clients {
        arns.extend(client.await.expect("no call failed in spite of its retries"));
    }
    for arn in &arns {
        let execution = nodes[0].1.ended(arn).await;
        assert_eq!(execution["status"], "SUCCEEDED", "{execution:#}");
    }
    assert_eq!((slow.called(), slow.called_twice()), (2 * arns.len(), 0));
    println!("{restarts} restarts, {} executions", arns.len());
}

/// Starts executions one after the other, and looks at each.
async fn load(nodes: &[Client; 2], number: usize, over: &AtomicBool) -> Vec<String> {
    let delivery = ["at-least-once", "at-most-once"][number % 2];
    let machine = format!("arn:aws:states:us-east-1:123456789012:stateMachine:{delivery}");
    let mut arns = Vec::new();
    while !over.load(Ordering::Relaxed) {
        let name = format!("{number}-{}", arns.len());
        let start = json!({ "stateMachineArn": machine, "name": name, "input": "{}" });
        let started = retried(nodes, "StartExecution", &start).await;
        let arn = started["executionArn"].as_str().unwrap().to_owned();
        retried(nodes, "DescribeExecution", &json!({ "executionArn": arn })).await;
        arns.push(arn);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    arns
}
