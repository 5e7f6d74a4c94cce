//! What must be true when everything is over.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use serde_json::{Value, json};

use tests::wire::Client;

/// Looks at a node's executions from outside.
pub(super) struct Audit(Client);

impl Audit {
    pub(super) fn new(node: Client) -> Self {
        Self(node)
    }

    /// Waits until no execution runs any more.
    pub(super) async fn wait_until_all_ended(&self, patience: Duration) {
        let machine = "arn:aws:states:us-east-1:123456789012:stateMachine:crash";
        let list =
            json!({ "stateMachineArn": machine, "statusFilter": "RUNNING", "maxResults": 1 });
        let all_ended = async {
            loop {
                // The node may not have found its database again yet.
                if let Ok(running) = self.0.call("ListExecutions", &list).await
                    && running["executions"].as_array().is_some_and(Vec::is_empty)
                {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        if tokio::time::timeout(patience, all_ended).await.is_err() {
            let running = self.0.must("ListExecutions", list).await;
            let stuck = running["executions"][0]["executionArn"].clone();
            let arn = stuck.as_str().expect("an ARN");
            let trail: Vec<String> = self.0.history(arn).await.iter().map(told_shortly).collect();
            panic!("{arn} does not end:\n{}", trail.join("\n"));
        }
    }

    /// Every acknowledged execution is there, succeeded, with its own input and one history.
    pub(super) async fn check(&self, acknowledged: &HashMap<String, Value>) {
        for (arn, input) in acknowledged {
            let execution = self.0.must("DescribeExecution", json!({ "executionArn": arn })).await;
            assert_eq!(execution["status"], "SUCCEEDED", "{execution:#}");
            let kept: Value = parsed(&execution["input"]);
            assert_eq!(kept, *input, "{arn} has another input");
            let output = parsed(&execution["output"]);
            assert_eq!(output["both"][1].as_array().map(Vec::len), Some(3), "{arn}: {output}");
            assert!(output["both"][2]["key"].is_string(), "{arn}: {output}");
            assert_ne!(output["both"][2]["key"], "another", "{arn}: the first answer counts");
            assert!(output["both"][3]["worker"].is_u64(), "{arn}: {output}");
            self.check_history(arn).await;
        }
    }

    async fn check_history(&self, arn: &str) {
        let events = self.0.history(arn).await;
        let mut ends = 0;
        let mut open: HashSet<u64> = HashSet::new();
        for (place, event) in events.iter().enumerate() {
            let id = event["id"].as_u64().expect("an id");
            assert_eq!(id, place as u64 + 1, "{arn}: ids are not one line");
            let previous = event["previousEventId"].as_u64().expect("a previous id");
            assert!(previous < id, "{arn}: event {id} points to {previous}");
            let kind = event["type"].as_str().expect("a type");
            match kind {
                "LambdaFunctionScheduled" | "TaskScheduled" | "ActivityScheduled" => {
                    open.insert(id);
                }
                // Scheduled, Started, Submitted, outcome: each points to the one before.
                "LambdaFunctionStarted" | "TaskStarted" | "TaskSubmitted" | "ActivityStarted" => {
                    assert!(open.remove(&previous), "{arn}: event {id} starts nothing");
                    open.insert(id);
                }
                "LambdaFunctionSucceeded"
                | "LambdaFunctionFailed"
                | "LambdaFunctionTimedOut"
                | "TaskSucceeded"
                | "TaskFailed"
                | "TaskTimedOut"
                | "ActivitySucceeded"
                | "ActivityFailed"
                | "ActivityTimedOut" => {
                    assert!(open.remove(&previous), "{arn}: event {id} is a second outcome");
                }
                _ if kind.starts_with("Execution") && kind != "ExecutionStarted" => ends += 1,
                _ => {}
            }
        }
        assert_eq!(ends, 1, "{arn} has ended {ends} times");
        assert!(open.is_empty(), "{arn} has open tasks: {open:?}");
    }
}

/// An event on one line: when, what after what, and what it says of itself beside its payloads.
fn told_shortly(event: &Value) -> String {
    let details = event.as_object().expect("an object").iter().filter_map(|(name, details)| {
        let mut details = details.as_object().filter(|_| name.ends_with("Details"))?.clone();
        for payload in ["input", "output", "inputDetails", "outputDetails", "parameters"] {
            details.remove(payload);
        }
        Some(Value::Object(details).to_string())
    });
    let details: String = details.collect();
    let (id, previous) = (&event["id"], &event["previousEventId"]);
    format!("{} {id} after {previous}: {} {details}", event["timestamp"], event["type"])
}

fn parsed(text: &Value) -> Value {
    text.as_str().and_then(|text| serde_json::from_str(text).ok()).unwrap_or(Value::Null)
}
