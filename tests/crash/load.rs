//! Clients that start executions as fast as they are answered, and those who do the work.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tests::wire::{Client, serve_function};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::holders::{self, Complaints};

/// Clients at once.
const CLIENTS: usize = 6;
/// Activity workers at once.
const WORKERS: usize = 8;
/// How long a killed part may take to come back.
const PATIENCE: Duration = Duration::from_secs(90);

/// What runs: tasks in a row, side by side and for each item, a retry, a Wait, a function that
/// answers later by its token, and an activity.
const MACHINE: &str = r#"{
  "StartAt": "First", "States": {
    "First": {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:work",
      "ResultPath": "$.first", "Retry": [{"ErrorEquals": ["States.ALL"], "MaxAttempts": 9}], "Next": "Pause"},
    "Pause": {"Type": "Wait", "Seconds": 1, "Next": "Both"},
    "Both": {"Type": "Parallel", "ResultPath": "$.both", "Branches": [
      {"StartAt": "Left", "States": {"Left": {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:work",
        "Retry": [{"ErrorEquals": ["States.ALL"], "MaxAttempts": 9}], "End": true}}},
      {"StartAt": "Right", "States": {"Right": {"Type": "Map", "ItemsPath": "$.items",
        "ItemProcessor": {"StartAt": "Each", "States": {"Each": {"Type": "Task",
          "Resource": "arn:aws:lambda:us-east-1:123456789012:function:work",
          "Retry": [{"ErrorEquals": ["States.ALL"], "MaxAttempts": 9}], "End": true}}}, "End": true}}},
      {"StartAt": "Later", "States": {"Later": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": "later", "Payload.$": "$"}, "HeartbeatSeconds": 60, "TimeoutSeconds": 120,
        "Retry": [{"ErrorEquals": ["States.ALL"], "MaxAttempts": 9}], "OutputPath": "$.Payload", "End": true}}},
      {"StartAt": "Worker", "States": {"Worker": {"Type": "Task", "TimeoutSeconds": 5,
        "Resource": "arn:aws:states:us-east-1:123456789012:activity:crash",
        "Retry": [{"ErrorEquals": ["States.ALL"], "MaxAttempts": 99, "BackoffRate": 1}], "End": true}}}],
      "Next": "Last"},
    "Last": {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:work", "ResultPath": "$.last",
      "Retry": [{"ErrorEquals": ["States.ALL"], "MaxAttempts": 9}], "End": true}}}"#;

/// The load under way.
pub(super) struct Load {
    stop: Arc<AtomicBool>,
    acknowledged: Arc<Mutex<HashMap<String, Value>>>,
    count: Arc<AtomicUsize>,
    more: Arc<Notify>,
    clients: Vec<JoinHandle<()>>,
    /// Go on until the audit is over.
    hands: Hands,
}

/// Those who do the work; they stop when this is dropped.
pub(super) struct Hands {
    all: Vec<JoinHandle<()>>,
    complaints: Complaints,
}

impl Hands {
    pub(super) fn check(&self) {
        self.complaints.assert_none();
    }
}

impl Drop for Hands {
    fn drop(&mut self) {
        for hand in &self.all {
            hand.abort();
        }
    }
}

impl Load {
    /// Registers the function and the machine, and starts the clients.
    pub(super) async fn start(nodes: [Client; 2]) -> Self {
        let (work, serving) = serve_work().await;
        let complaints = Complaints::default();
        let (later, answering) = holders::serve_later(nodes.clone(), complaints.clone()).await;
        nodes[0].register("work", &work).await;
        nodes[0].register("later", &later).await;
        nodes[0].must("CreateActivity", json!({ "name": "crash" })).await;
        let mut hands = vec![serving, answering];
        hands.extend(
            (0..WORKERS).map(|worker| holders::work(worker, nodes.clone(), complaints.clone())),
        );
        let arn = nodes[0].create("crash", MACHINE).await;
        let mut load = Self {
            stop: Arc::default(),
            acknowledged: Arc::default(),
            count: Arc::default(),
            more: Arc::default(),
            clients: Vec::new(),
            hands: Hands { all: hands, complaints },
        };
        for client in 0..CLIENTS {
            let client = load.client(client, nodes.clone(), arn.clone());
            load.clients.push(client);
        }
        load
    }

    fn client(&self, client: usize, nodes: [Client; 2], arn: String) -> JoinHandle<()> {
        let (stop, count, more) = (self.stop.clone(), self.count.clone(), self.more.clone());
        let acknowledged = self.acknowledged.clone();
        tokio::spawn(async move {
            for number in 0.. {
                let input = json!({ "client": client, "number": number, "items": [1, 2, 3] });
                let name = format!("c{client}-{number}");
                // The same start until it is acknowledged, at whichever node answers.
                for attempt in 0.. {
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                    let node = &nodes[(client + attempt) % 2];
                    let start =
                        json!({ "stateMachineArn": arn, "name": name, "input": input.to_string() });
                    match node.call("StartExecution", &start).await {
                        Ok(started) => {
                            let arn = started["executionArn"].as_str().expect("an ARN").to_owned();
                            acknowledged.lock().expect("no client panics").insert(arn, input);
                            count.fetch_add(1, Ordering::Relaxed);
                            more.notify_waiters();
                            break;
                        }
                        // An earlier attempt was heard, though its answer was lost.
                        Err(refused) if refused.code() == "ExecutionAlreadyExists" => break,
                        Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
                    }
                }
            }
        })
    }

    /// Waits until so many more executions have been acknowledged.
    pub(super) async fn wait_for_more(&self, more: usize) {
        let wanted = self.count.load(Ordering::Relaxed) + more;
        let reached = async {
            loop {
                let notified = self.more.notified();
                if self.count.load(Ordering::Relaxed) >= wanted {
                    return;
                }
                let _ = tokio::time::timeout(Duration::from_millis(200), notified).await;
            }
        };
        tokio::time::timeout(PATIENCE, reached).await.expect("executions are being acknowledged");
    }

    /// Ends the load; the work goes on until the audit is over.
    pub(super) async fn stop(self) -> (HashMap<String, Value>, Hands) {
        self.stop.store(true, Ordering::Relaxed);
        for client in self.clients {
            client.await.expect("no client panics");
        }
        (self.acknowledged.lock().expect("no client panics").clone(), self.hands)
    }
}

/// A function whose answer depends on nothing but its call, and which remembers every call:
/// the same idempotency key must always carry the same input.
async fn serve_work() -> (String, JoinHandle<()>) {
    let calls: Mutex<HashMap<String, Value>> = Mutex::default();
    serve_function(move |headers, input| {
        let key = headers["idempotency-key"].to_str().expect("an ASCII key").to_owned();
        let mut calls = calls.lock().expect("no call panics");
        let first = calls.entry(key.clone()).or_insert_with(|| input.clone());
        assert_eq!(*first, input, "one idempotency key, two inputs");
        (200, json!({ "key": key }))
    })
    .await
}
