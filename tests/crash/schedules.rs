//! Schedules under fire: users who run one now, again and again, and a backfill. Each firing
//! has started exactly one execution.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tests::wire::{Client, Refused};
use tokio::task::JoinHandle;
use uuid::Uuid;

/// Due times in the range that is made up for.
const BACKFILLED: usize = 240;
/// Most wishes: all firings of a schedule are to be in its log at the end.
const MOST_WISHES: usize = 600;
/// How long everything may take to be decided.
const PATIENCE: Duration = Duration::from_mins(2);

const MACHINE: &str = r#"{"StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}}"#;

/// The wishes under way.
pub(super) struct Wishes {
    stop: Arc<AtomicBool>,
    asking: JoinHandle<Vec<String>>,
}

impl Wishes {
    /// Two schedules that are never due by themselves, a backfill of the one, and a user who
    /// wishes for the other.
    pub(super) async fn start(nodes: [Client; 2]) -> Self {
        nodes[0].create("fired", MACHINE).await;
        for name in ["wished", "history"] {
            let schedule = json!({
                "expression": "cron(0 * * * ? *)", "state_machine": "fired", "state": "paused",
                "input": { "due": "<aws.scheduler.scheduled-time>" },
            });
            nodes[0].rest("PUT", &format!("/v1/schedules/{name}"), schedule).await.expect("put");
        }
        let range = json!({
            "from": "2026-01-01T00:00:00Z", "until": "2026-01-11T00:00:00Z", "per_minute": 240,
        });
        nodes[0].rest("POST", "/v1/schedules/history/backfills", range).await.expect("asked");
        let stop = Arc::new(AtomicBool::new(false));
        let asking = tokio::spawn(ask(nodes, stop.clone()));
        Self { stop, asking }
    }

    /// Ends the wishes and looks whether each has come true once.
    pub(super) async fn check(self, client: &Client) {
        self.stop.store(true, Ordering::Relaxed);
        let asked = self.asking.await.expect("the user does not panic");
        let wished = decided(client, "wished").await;
        let requests: HashSet<&str> =
            wished.iter().filter_map(|it| it["request"].as_str()).collect();
        for request in &asked {
            assert!(requests.contains(request.as_str()), "wish {request} is lost");
        }
        let history = decided(client, "history").await;
        assert_eq!(history.len(), BACKFILLED);
        let mut started: HashSet<&str> = HashSet::new();
        for firing in wished.iter().chain(&history) {
            assert_eq!(firing["state"], "started", "{firing}");
            let arn = firing["execution_arn"].as_str().expect("an ARN");
            assert!(started.insert(arn), "two firings of one execution: {arn}");
        }
        let executions = executions(client).await;
        let there: HashSet<&str> = executions.iter().map(String::as_str).collect();
        assert_eq!(started, there, "each firing has started one execution, and nothing else has");
        println!("{} wishes and {BACKFILLED} backfilled firings, each once", asked.len());
    }
}

/// Wishes until told to stop, each until a node has acknowledged it.
async fn ask(nodes: [Client; 2], stop: Arc<AtomicBool>) -> Vec<String> {
    let mut asked = Vec::new();
    while asked.len() < MOST_WISHES {
        let request = Uuid::new_v4().to_string();
        for attempt in 0.. {
            if stop.load(Ordering::Relaxed) {
                return asked;
            }
            let wish = json!({ "request": request });
            let node = &nodes[(asked.len() + attempt) % 2];
            if node.rest("POST", "/v1/schedules/wished/run", wish).await.is_ok() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        asked.push(request);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    asked
}

/// The firings at users' wishes, once nothing waits any more.
async fn decided(client: &Client, name: &str) -> Vec<Value> {
    let all_decided = async {
        loop {
            if let Ok(Some(firings)) = decided_by_now(client, name).await {
                return firings;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    tokio::time::timeout(PATIENCE, all_decided).await.expect("all firings are decided")
}

/// The same, or `None` while something waits.
async fn decided_by_now(client: &Client, name: &str) -> Result<Option<Vec<Value>>, Refused> {
    let path = format!("/v1/schedules/{name}/backfills");
    let backfills = client.rest("GET", &path, Value::Null).await?;
    let path = format!("/v1/schedules/{name}/firings?limit=1000");
    let mut log = client.rest("GET", &path, Value::Null).await?;
    let Value::Array(mut firings) = log["firings"].take() else { panic!("{log}") };
    firings.retain(|firing| !firing["request"].is_null());
    let waits = |it: &Value| it["state"] == "pending" || it["state"] == "queued";
    let runs = |it: &Value| it["state"] == "running";
    let backfills = backfills["backfills"].as_array().expect("backfills");
    let is_over = !backfills.iter().any(runs) && !firings.iter().any(waits);
    Ok(is_over.then_some(firings))
}

/// The ARNs of all executions that schedules have started.
async fn executions(client: &Client) -> Vec<String> {
    let machine = "arn:aws:states:us-east-1:123456789012:stateMachine:fired";
    let mut page = json!({ "stateMachineArn": machine, "maxResults": 1000 });
    let mut found = Vec::new();
    loop {
        let mut answer = client.must("ListExecutions", page.clone()).await;
        let executions = answer["executions"].as_array().expect("executions");
        let arn = |it: &Value| it["executionArn"].as_str().expect("an ARN").to_owned();
        found.extend(executions.iter().map(arn));
        match answer["nextToken"].take() {
            Value::Null => return found,
            token => page["nextToken"] = token,
        }
    }
}
