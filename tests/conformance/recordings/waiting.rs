//! The conditions that a case waits for, asked of the server again and again.

use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::time::{Instant, sleep};

use super::scope::as_text;
use super::wire::Wire;

/// How long a condition may take. It is followed by a comparison that tells.
const PATIENCE: Duration = Duration::from_secs(30);

/// Polls until the condition holds or thirty seconds have passed; `about` is filled in.
pub(crate) async fn wait(
    wire: &Wire,
    condition: &str,
    about: &Map<String, Value>,
) -> Result<(), String> {
    let deadline = Instant::now() + PATIENCE;
    let mut pause = Duration::from_millis(10);
    while Instant::now() < deadline {
        if holds(wire, condition, about).await? {
            return Ok(());
        }
        sleep(pause).await;
        pause = (pause * 3 / 2).min(Duration::from_millis(250));
    }
    Ok(())
}

async fn holds(wire: &Wire, condition: &str, about: &Map<String, Value>) -> Result<bool, String> {
    let text = |name: &str| about.get(name).map(as_text).unwrap_or_default();
    let execution = json!({"executionArn": text("execution_arn")});
    let machine = json!({"stateMachineArn": text("state_machine_arn")});
    match condition {
        "execution_terminated" | "execution_succeeded" => {
            let params = json!({
                "executionArn": text("execution_arn"), "reverseOrder": true, "maxResults": 1,
            });
            let history = wire.call("GetExecutionHistory", &params, false).await?.saved;
            Ok(history["events"][0]["type"].as_str().is_some_and(is_terminal))
        }
        "execution_started" => {
            let history = wire.call("GetExecutionHistory", &execution, false).await?.saved;
            Ok(!history["events"][0].is_null())
        }
        "execution_aborted" => {
            let described = wire.call("DescribeExecution", &execution, false).await?.saved;
            Ok(described["status"] == "ABORTED")
        }
        "history_event" => {
            let history = wire.call_for_all("GetExecutionHistory", &execution, false).await?.saved;
            let wanted = about.get("where").and_then(Value::as_object);
            let fits = |event: &Value| {
                wanted.into_iter().flatten().all(|(path, value)| at(event, path) == value)
            };
            Ok(history["events"].as_array().is_some_and(|events| events.iter().any(fits)))
        }
        "list_execution_status" | "execution_listed_terminated" => {
            let listed = wire.call_for_all("ListExecutions", &machine, false).await?.saved;
            let wanted = text("status");
            let status = |status: &str| match condition {
                "list_execution_status" => status == wanted,
                _ => status != "RUNNING",
            };
            let fits = |item: &Value| {
                item["executionArn"] == text("execution_arn")
                    && item["status"].as_str().is_some_and(status)
            };
            Ok(listed["executions"].as_array().is_some_and(|items| items.iter().any(fits)))
        }
        _ => listed(wire, condition, about, &machine).await,
    }
}

/// `state_machine_listed`, `state_machine_version_not_listed` and their like.
async fn listed(
    wire: &Wire,
    condition: &str,
    about: &Map<String, Value>,
    machine: &Value,
) -> Result<bool, String> {
    let unknown = || format!("the condition `{condition}` is not known");
    let (what, wanted) = match condition.strip_suffix("_not_listed") {
        Some(what) => (what, false),
        None => (condition.strip_suffix("_listed").ok_or_else(unknown)?, true),
    };
    let nothing = json!({});
    let (operation, params, list, key, name) = match what {
        "state_machine" => {
            ("ListStateMachines", &nothing, "stateMachines", "stateMachineArn", "state_machine_arn")
        }
        "state_machine_version" => (
            "ListStateMachineVersions",
            machine,
            "stateMachineVersions",
            "stateMachineVersionArn",
            "state_machine_version_arn",
        ),
        "state_machine_alias" => (
            "ListStateMachineAliases",
            machine,
            "stateMachineAliases",
            "stateMachineAliasArn",
            "state_machine_alias_arn",
        ),
        _ => return Err(unknown()),
    };
    let answer = wire.call_for_all(operation, params, false).await?;
    let arn = about.get(name).ok_or_else(unknown)?;
    let items = answer.saved[list].as_array();
    let is_listed = items.is_some_and(|items| items.iter().any(|item| item[key] == *arn));
    Ok(answer.accepted && is_listed == wanted)
}

fn is_terminal(event: &str) -> bool {
    let ends = ["ExecutionSucceeded", "ExecutionFailed", "ExecutionAborted", "ExecutionTimedOut"];
    ends.contains(&event)
}

/// The member at a path such as `stateEnteredEventDetails.name`.
fn at<'v>(event: &'v Value, path: &str) -> &'v Value {
    path.split('.').fold(event, |value, name| &value[name])
}
