//! Who holds tokens: a function that answers later, and activity workers. They do what such
//! programs do: heartbeats, answers again until one is heard, now and then too early, twice, or
//! with a token that they made up.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tests::wire::{Client, serve_function};
use tokio::task::JoinHandle;

/// Tries of one answer: far longer than anything stays away.
const TRIES: usize = 600;

/// What they were told and must not be.
#[derive(Clone, Default)]
pub(super) struct Complaints(Arc<Mutex<Vec<&'static str>>>);

impl Complaints {
    fn add(&self, complaint: &'static str) {
        self.0.lock().expect("nobody panics with it").push(complaint);
    }

    pub(super) fn assert_none(&self) {
        let complaints = self.0.lock().expect("nobody panics with it");
        assert!(complaints.is_empty(), "{complaints:?}");
    }
}

/// A function that takes every call on and answers by its token.
pub(super) async fn serve_later(
    nodes: [Client; 2],
    complaints: Complaints,
) -> (String, JoinHandle<()>) {
    serve_function(move |headers, input| {
        let token = headers["statewright-task-token"].to_str().expect("ASCII").to_owned();
        let key = headers["idempotency-key"].to_str().expect("ASCII").to_owned();
        let (nodes, complaints) = (nodes.clone(), complaints.clone());
        let number = input["number"].as_u64().unwrap_or_default();
        tokio::spawn(async move {
            // Every fourth answer comes before the call has returned.
            if !number.is_multiple_of(4) {
                tokio::time::sleep(Duration::from_millis(300)).await;
                let _ = nodes[0].call("SendTaskHeartbeat", &json!({ "taskToken": token })).await;
            }
            answer(&nodes, &token, &json!({ "key": key }), &complaints).await;
            if number.is_multiple_of(3) {
                answer(&nodes, &token, &json!({ "key": "another" }), &complaints).await;
            }
        });
        (202, Value::Null)
    })
    .await
}

/// Answers until that is heard, or the task is over.
async fn answer(nodes: &[Client; 2], token: &str, output: &Value, complaints: &Complaints) {
    let success = json!({ "taskToken": token, "output": output.to_string() });
    for attempt in 0..TRIES {
        match nodes[attempt % 2].call("SendTaskSuccess", &success).await {
            Ok(_) => return,
            Err(refused) if refused.code() == "TaskTimedOut" => return,
            Err(refused) => {
                if refused.code() == "InvalidToken" {
                    complaints.add("a node does not know a token");
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// An activity worker, asking one node and then the other.
pub(super) fn work(worker: usize, nodes: [Client; 2], complaints: Complaints) -> JoinHandle<()> {
    let poll = json!({
        "activityArn": "arn:aws:states:us-east-1:123456789012:activity:crash",
        "workerName": format!("worker {worker}"),
    });
    tokio::spawn(async move {
        for attempt in worker.. {
            match nodes[attempt % 2].call("GetActivityTask", &poll).await {
                Ok(task) => {
                    let Some(token) = task["taskToken"].as_str() else { continue };
                    let forged: String = token.chars().rev().collect();
                    let forged = json!({ "taskToken": forged, "output": "1" });
                    let refused = nodes[0].call("SendTaskSuccess", &forged).await.err();
                    if refused.is_none_or(|refused| refused.code() == "TaskTimedOut") {
                        complaints.add("a made-up token is taken for one");
                    }
                    answer(&nodes, token, &json!({ "worker": worker }), &complaints).await;
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        }
    })
}
