//! How a node stops and comes back: calls end, nothing is called twice, and clients notice nothing.

mod again;
mod drain;
mod rolling;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::http::HeaderMap;
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};
use tests::server::{Server, ServerOptions, free_address};
use tests::wire::Client;
use tokio::task::JoinHandle;

/// Longer than any of these tests waits: what comes about sooner is not due to a lease that ran out.
const LEASE_SECONDS: u32 = 120;

/// One task, and after it another.
const TWO_TASKS: &str = r#"{"StartAt": "A", "States": {
    "A": {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:FUNCTION",
          "Next": "B"},
    "B": {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:FUNCTION",
          "TimeoutSeconds": 60, "End": true}}}"#;

const PASSES: &str = r#"{"StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}}"#;

fn options(more: &[(&str, &str)]) -> ServerOptions {
    let lease = LEASE_SECONDS.to_string();
    let all =
        [("STATEWRIGHT_LEASE_SECONDS", lease.as_str())].into_iter().chain(more.iter().copied());
    let env = all.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    ServerOptions { env, ..ServerOptions::default() }
}

/// Starts a node on a thread that may wait, until it is ready.
async fn node(url: &str, address: SocketAddr, more: &[(&str, &str)]) -> (Server, Client) {
    let (url, options) = (url.to_owned(), options(more));
    let start = move || Server::start_at(&url, address, &options);
    let started = tokio::task::spawn_blocking(start).await.unwrap();
    let server = started.unwrap().expect("the port stays free");
    let client = Client::new(server.url());
    (server, client)
}

async fn new_node(url: &str, more: &[(&str, &str)]) -> (Server, Client) {
    node(url, free_address().unwrap(), more).await
}

/// Asks a node to stop and waits for its end.
async fn stop(server: Server) {
    let status = tokio::task::spawn_blocking(|| server.stop()).await.unwrap().unwrap();
    assert!(status.success(), "{status}");
}

/// A function that takes its time, and counts what it was asked by idempotency key.
struct Slow {
    url: String,
    calls: Arc<Mutex<HashMap<String, usize>>>,
    served: JoinHandle<()>,
}

impl Slow {
    async fn serve(takes: Duration) -> Self {
        let calls: Arc<Mutex<HashMap<String, usize>>> = Arc::default();
        let counted = calls.clone();
        let handler = move |headers: HeaderMap| {
            let key = headers["idempotency-key"].to_str().unwrap().to_owned();
            *counted.lock().unwrap().entry(key).or_default() += 1;
            async move {
                tokio::time::sleep(takes).await;
                Json(json!({ "done": true }))
            }
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/function", listener.local_addr().unwrap());
        let router = Router::new().route("/function", post(handler));
        let served = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, calls, served }
    }

    fn called(&self) -> usize {
        self.calls.lock().unwrap().len()
    }

    fn called_twice(&self) -> usize {
        self.calls.lock().unwrap().values().filter(|count| **count > 1).count()
    }

    async fn until_called(&self, count: usize) {
        for _ in 0..3_000 {
            if self.called() >= count {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{} calls", self.called());
    }

    /// Registers it under this name, which is its kind of delivery.
    async fn register(&self, client: &Client, delivery: &str) {
        let function = json!({ "url": self.url, "protocol": "http", "delivery": delivery });
        client.rest("PUT", &format!("/v1/functions/{delivery}"), function).await.unwrap();
    }
}

impl Drop for Slow {
    fn drop(&mut self) {
        self.served.abort();
    }
}

/// Starts so many executions of this machine, one after the other.
async fn start(client: &Client, machine: &str, prefix: &str, count: usize) -> Vec<String> {
    let mut arns = Vec::new();
    for number in 0..count {
        let name = format!("{prefix}-{number}");
        let start = json!({ "stateMachineArn": machine, "name": name, "input": "{}" });
        let started = client.must("StartExecution", start).await;
        arns.push(started["executionArn"].as_str().unwrap().to_owned());
    }
    arns
}

/// What `/readyz` says: the status and the body.
async fn readiness(client: &Client) -> (u16, Value) {
    let answer = client.get("/readyz").await.expect("it is served");
    let status = answer.status().as_u16();
    (status, answer.json().await.unwrap())
}
