//! What must be true when everything is over.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use tests::psql::psql;
use tests::wire::Client;

const MACHINE: &str = "arn:aws:states:us-east-1:123456789012:stateMachine:crash";

/// How many executions run.
const RUNNING: &str = "SELECT count(*) FROM executions WHERE status = 'RUNNING'";

/// What the database knows of those who should be at work, and of tasks that nobody has taken.
const STATE: &str = "
    SELECT 'shards of', owner::text, concat(count(*), ' until ', min(expires_at))
        FROM shards GROUP BY owner
    UNION ALL SELECT 'node', concat(id, ' ', name), concat('until ', expires_at) FROM nodes
    UNION ALL SELECT 'messages in', shard::text, count(*)::text
        FROM inbox WHERE answer IS NULL GROUP BY shard
    UNION ALL SELECT 'offered', concat(count(*), ', of them claimed ', count(claimed_until)),
        concat(min(scheduled_at), ' to ', max(scheduled_at), ', now ', now()) FROM activity_tasks";

/// Looks at a node's executions from outside.
pub(super) struct Audit {
    node: Client,
    database_url: String,
}

impl Audit {
    pub(super) fn new(node: Client, database_url: &str) -> Self {
        Self { node, database_url: database_url.to_owned() }
    }

    /// Whoever kills nodes from outside has no execution set aside.
    pub(super) fn check_nothing_is_set_aside(&self) {
        let count = psql(&self.database_url, "SELECT count(*) FROM set_aside").expect("psql");
        assert_eq!(count.trim(), "0", "executions are set aside");
    }

    /// Waits until no execution runs any more, for as long as one ends now and then: how long all
    /// take is a matter of how much has piled up, and of the machine.
    pub(super) async fn wait_until_all_ended(&self, patience: Duration) {
        let (mut before, mut since) = (usize::MAX, Instant::now());
        while since.elapsed() < patience {
            let running = self.running();
            if running == 0 {
                return;
            }
            if running < before {
                (before, since) = (running, Instant::now());
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        panic!("{before} executions do not end:\n{}", self.told().await);
    }

    /// How many executions run. The database may not have been found again yet.
    fn running(&self) -> usize {
        let count = psql(&self.database_url, RUNNING).ok();
        count.and_then(|count| count.parse().ok()).unwrap_or(usize::MAX)
    }

    /// The latest of those that run, and what goes on around it.
    async fn told(&self) -> String {
        let list =
            json!({ "stateMachineArn": MACHINE, "statusFilter": "RUNNING", "maxResults": 1 });
        let running = self.node.must("ListExecutions", list).await;
        let arn = running["executions"][0]["executionArn"].as_str().expect("an ARN").to_owned();
        let trail: Vec<String> = self.node.history(&arn).await.iter().map(told_shortly).collect();
        let state = psql(&self.database_url, STATE).expect("the database answers");
        format!("{state}\n{arn}:\n{}", trail.join("\n"))
    }

    /// Every acknowledged execution is there, succeeded, with its own input and one history.
    pub(super) async fn check(&self, acknowledged: &HashMap<String, Value>) {
        for (arn, input) in acknowledged {
            let execution =
                self.node.must("DescribeExecution", json!({ "executionArn": arn })).await;
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
        let events = self.node.history(arn).await;
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
