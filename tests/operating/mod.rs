//! What whoever operates a node does and stumbles over: what its log says, clocks that differ, poolers,
//! databases that are not as they should be; dump and restore, an upgrade and back. Everything here is
//! the real program.

mod backup;
mod clocks;
mod crowds;
mod databases;
mod logs;
mod poolers;
mod sessions;
mod takeover;
mod upgrade;

use std::time::Duration;

use serde_json::{Value, json};
use tests::server::{Server, ServerOptions};
use tests::wire::Client;

/// A call, a wait in which the system changes, and another call.
const CALLS_ACROSS_A_WAIT: &str = r#"{"StartAt": "A", "States": {
    "A": {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:echo", "Next": "W"},
    "W": {"Type": "Wait", "Seconds": 2, "Next": "B"},
    "B": {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:echo", "End": true}}}"#;

/// How long anything may take that has to come about.
const PATIENCE: Duration = Duration::from_mins(1);

fn options(flags: &[&str]) -> ServerOptions {
    let args = flags.iter().map(|flag| (*flag).to_owned()).collect();
    ServerOptions { args, ..ServerOptions::default() }
}

/// A server on this database with these flags, and a client of it.
async fn serve(url: &str, flags: &[&str]) -> (Server, Client) {
    serve_with(url, options(flags)).await
}

async fn serve_with(url: &str, options: ServerOptions) -> (Server, Client) {
    let url = url.to_owned();
    let server = blocking(move || Server::start(&url, &options).unwrap()).await;
    let client = Client::new(server.url());
    (server, client)
}

/// Starts so many executions, one after the other.
async fn start(client: &Client, machine: &str, count: usize) -> Vec<String> {
    let mut arns = Vec::new();
    for _ in 0..count {
        let start = json!({ "stateMachineArn": machine, "input": "{}" });
        let started = client.must("StartExecution", start).await;
        arns.push(started["executionArn"].as_str().unwrap().to_owned());
    }
    arns
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap()
}

/// Asks again and again until it is so.
async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let asked = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, asked).await.unwrap_or_else(|_| panic!("never: {what}"));
}

/// What `/readyz` says.
async fn readyz(client: &Client) -> Value {
    serde_json::from_str(&client.rest_text("/readyz").await).unwrap()
}

/// What `/readyz` warns of.
async fn warnings(client: &Client) -> Vec<String> {
    serde_json::from_value(readyz(client).await["warnings"].clone()).unwrap()
}

/// How many lines of the log have this.
fn lines(server: &Server, text: &str) -> usize {
    server.log().lines().filter(|line| line.contains(text)).count()
}
