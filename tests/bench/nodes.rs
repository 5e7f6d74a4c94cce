//! What a second node on the same database costs: starts by name, stops, and answers to tasks by their
//! tokens, at one node and at two that share this machine. Half of what arrives at either of two is the
//! other's.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, ensure};
use axum::Router;
use axum::extract::State;
use axum::routing::post;
use serde_json::{Value, json};
use store::Cluster;
use tests::aws::Aws;
use tests::server::{Server, ServerOptions};
use tests::wire::Client;
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use crate::call;
use crate::report::quantile;

/// Clients at once.
const CLIENTS: usize = 32;
/// How long two nodes may take to share the work.
const PATIENCE: Duration = Duration::from_mins(1);

const PASS: &str = r#"{"StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}}"#;
const WAIT: &str = r#"{"StartAt": "W", "States": {
    "W": {"Type": "Wait", "Seconds": 3600, "End": true}}}"#;
const TOKEN: &str = r#"{"StartAt": "T", "States": {"T": {"Type": "Task",
    "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
    "Parameters": {"FunctionName": "tokens", "Payload": {"token.$": "$$.Task.Token"}}, "End": true}}}"#;

/// What is done at the nodes.
#[derive(Clone, Copy)]
enum Load {
    Starts,
    /// A start and a stop.
    Stops,
    /// A start, a call of a function, and the answer by the token that it got.
    Tokens,
}

/// The tokens that the function got.
pub(crate) type Tokens = Arc<Mutex<mpsc::Receiver<String>>>;

/// Measures, prints the figures, and gives them.
pub(crate) async fn measure(cluster: &Cluster, length: Duration) -> Result<Value> {
    let url = cluster.database("nodes").await?;
    let env = vec![("RUST_LOG".to_owned(), "warn".to_owned())];
    let options = ServerOptions { env, ..ServerOptions::default() };
    let first = Server::start(&url, &options)?;
    let one = Aws::new(&first.url());
    let (function, tokens) = serve_tokens().await?;
    Client::new(first.url()).register("tokens", &function).await;
    let loads = [
        ("starts", Load::Starts, PASS),
        ("stops", Load::Stops, WAIT),
        ("tokens", Load::Tokens, TOKEN),
    ];
    for (name, _, definition) in loads {
        let role = "arn:aws:iam::123456789012:role/bench";
        let machine = json!({"name": name, "definition": definition, "roleArn": role});
        call(&one, "CreateStateMachine", machine).await?;
    }
    println!("nodes: {CLIENTS} clients, at one node and at two");
    let mut alone = Vec::new();
    let only = std::slice::from_ref(&one);
    for (name, load, _) in loads {
        run(load, name, only, &tokens, length / 5).await?;
        alone.push(run(load, name, only, &tokens, length).await?);
    }
    let second = Server::start(&url, &options)?;
    until_shared(&[&first, &second]).await?;
    let nodes = [one, Aws::new(&second.url())];
    let mut figures = Vec::new();
    for ((name, load, _), alone) in loads.into_iter().zip(alone) {
        run(load, name, &nodes, &tokens, length / 5).await?;
        let both = run(load, name, &nodes, &tokens, length).await?;
        let (rate, p99) = (both.0 / alone.0, both.1 / alone.1);
        println!(
            "    {name:<8} {:>8.0}/s p99 {:>7.1} ms alone, {:>8.0}/s p99 {:>7.1} ms together: {rate:.2}, \
             p99 {p99:.1} times",
            alone.0, alone.1, both.0, both.1
        );
        figures.push(json!({"load": name, "alone": alone.0, "together": both.0, "ratio": rate}));
    }
    let ways = first_direct(&first).await;
    println!("    asked directly: {ways:?}");
    first.stop()?;
    second.stop()?;
    Ok(json!({"nodes": figures}))
}

/// How much the first node asked of the other, directly and by the inbox.
async fn first_direct(server: &Server) -> Vec<Option<f64>> {
    let client = Client::new(server.url());
    let mut ways = Vec::new();
    for way in ["direct", "inbox"] {
        ways.push(
            client.metric(&format!("statewright_node_messages_total{{way=\"{way}\"}}")).await,
        );
    }
    ways
}

async fn until_shared(servers: &[&Server]) -> Result<()> {
    let begin = Instant::now();
    while begin.elapsed() < PATIENCE {
        let mut owned = Vec::new();
        for server in servers {
            owned.push(Client::new(server.url()).metric("statewright_shards_owned").await);
        }
        if owned.iter().all(|owned| *owned == Some(128.0)) {
            return Ok(());
        }
        sleep(Duration::from_millis(100)).await;
    }
    anyhow::bail!("two nodes do not share the work")
}

/// How many were done in a second, and below how many milliseconds 99 of 100 stayed.
async fn run(
    load: Load,
    machine: &str,
    nodes: &[Aws],
    tokens: &Tokens,
    length: Duration,
) -> Result<(f64, f64)> {
    let begin = Instant::now();
    let mut clients = JoinSet::new();
    for client in 0..CLIENTS {
        let aws = nodes[client % nodes.len()].clone();
        let (machine, tokens) = (machine.to_owned(), tokens.clone());
        clients.spawn(async move {
            let mut times = Vec::new();
            while begin.elapsed() < length {
                times.push(one(load, &machine, &aws, &tokens).await?);
            }
            Ok::<_, anyhow::Error>(times)
        });
    }
    let mut times = Vec::new();
    while let Some(client) = clients.join_next().await {
        times.extend(client??);
    }
    times.sort_unstable();
    ensure!(!times.is_empty(), "nothing was done");
    let count = f64::from(u32::try_from(times.len())?);
    let p99 = quantile(&times, 0.99).as_secs_f64() * 1_000.0;
    Ok((count / begin.elapsed().as_secs_f64(), p99))
}

async fn one(load: Load, machine: &str, aws: &Aws, tokens: &Tokens) -> Result<Duration> {
    let machine = format!("arn:aws:states:us-east-1:123456789012:stateMachine:{machine}");
    let name = Uuid::new_v4().to_string();
    let begin = Instant::now();
    let start = json!({"stateMachineArn": machine, "name": name, "input": "{}"});
    let started = call(aws, "StartExecution", start).await?;
    match load {
        Load::Starts => {}
        Load::Stops => {
            let arn = &started["executionArn"];
            call(aws, "StopExecution", json!({"executionArn": arn})).await?;
        }
        Load::Tokens => {
            // Whosever it is: as many are answered as are started.
            let token = tokens.lock().await.recv().await;
            let answer = json!({"taskToken": token, "output": "{}"});
            call(aws, "SendTaskSuccess", answer).await?;
        }
    }
    Ok(begin.elapsed())
}

/// A function that passes on the tokens it gets.
pub(crate) async fn serve_tokens() -> Result<(String, Tokens)> {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    let (got, tokens) = mpsc::channel::<String>(100_000);
    let router = Router::new().route("/", post(take)).with_state(got);
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok((format!("http://{address}/"), Arc::new(Mutex::new(tokens))))
}

async fn take(State(got): State<mpsc::Sender<String>>, body: axum::body::Bytes) -> &'static str {
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    if let Some(token) = body["token"].as_str() {
        let _ = got.send(token.to_owned()).await;
    }
    "{}"
}
