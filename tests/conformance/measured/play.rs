//! Plays one case: validates its definition, runs it if it is valid, and compares how it ended.

use std::sync::Arc;

use serde_json::{Map, Value, json};
use tests::aws::REGION;

use super::case::{Case, Ended, Function};
use super::pattern::{compare, is_exact, is_in_order};
use crate::recordings::case::Behaviour;
use crate::recordings::scope::ACCOUNT;
use crate::recordings::waiting::wait;
use crate::recordings::wire::Wire;
use crate::stage::Stage;

/// Plays a case against the server; `Err` says where it went another way than on AWS.
pub(super) async fn play(case: Arc<Case>, stage: Stage) -> Result<(), String> {
    if let Some(need) = case.lacks() {
        return Err(format!("needs `{need}`"));
    }
    let definition = case.definition.to_string();
    let params = json!({"definition": definition});
    let validated = call(&stage.wire, "ValidateStateMachineDefinition", &params).await?;
    if let Ended::Invalid { messages } = &case.result {
        return is_refused(messages.as_deref(), &validated);
    }
    if validated["result"] != "OK" {
        return Err(format!("AWS accepts it, the answer is {validated}"));
    }
    let described = run(&case, &definition, &stage).await?;
    is_ended(&case, &described)
}

/// Makes one call, which must be accepted.
async fn call(wire: &Wire, operation: &str, params: &Value) -> Result<Value, String> {
    let answer = wire.call(operation, params, false).await?;
    if answer.accepted { Ok(answer.saved) } else { Err(format!("{operation}: {}", answer.saved)) }
}

fn is_refused(messages: Option<&[String]>, validated: &Value) -> Result<(), String> {
    if validated["result"] == "OK" {
        return Err("AWS refuses it, here it is valid".to_owned());
    }
    let found = validated["diagnostics"].as_array().into_iter().flatten();
    let found: Vec<&str> = found.filter_map(|one| one["message"].as_str()).collect();
    match messages {
        Some(expected) if found != expected => {
            Err(format!("AWS says {expected:?}, here it is {validated}"))
        }
        Some(_) | None => Ok(()),
    }
}

/// The execution after its end, as it is described.
async fn run(case: &Case, definition: &str, stage: &Stage) -> Result<Value, String> {
    let Stage { wire, functions } = stage;
    let function = case.function()?;
    let calls_back = matches!(function, Some(Function::CallsBack));
    if let Some(function) = function {
        let behaviour = match function {
            Function::Behaves(behaviour) => behaviour,
            Function::CallsBack => Behaviour::Echo,
        };
        functions.provide(&case.name, behaviour);
    }
    let role = format!("arn:aws:iam::{ACCOUNT}:role/measured");
    let params = json!({"name": case.name, "definition": definition, "roleArn": role});
    call(wire, "CreateStateMachine", &params).await?;
    let machine = format!("arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:{}", case.name);
    let params = json!({"stateMachineArn": machine, "input": case.input.to_string()});
    let execution = call(wire, "StartExecution", &params).await?["executionArn"].clone();
    if calls_back {
        call_back(wire, &execution).await?;
    }
    let about = Map::from_iter([("execution_arn".to_owned(), execution.clone())]);
    wait(wire, "execution_terminated", &about).await?;
    call(wire, "DescribeExecution", &json!({"executionArn": execution})).await
}

/// What the function does on AWS: its task succeeds with its event, and the payload in it.
async fn call_back(wire: &Wire, execution: &Value) -> Result<(), String> {
    let submitted = json!({"type": "TaskSubmitted"});
    let about = Map::from_iter([
        ("execution_arn".to_owned(), execution.clone()),
        ("where".to_owned(), submitted),
    ]);
    wait(wire, "history_event", &about).await?;
    let params = json!({"executionArn": execution});
    let history = wire.call_for_all("GetExecutionHistory", &params, false).await?.saved;
    let events = history["events"].as_array().into_iter().flatten();
    let mut scheduled = events.filter_map(|event| {
        let parameters = event["taskScheduledEventDetails"]["parameters"].as_str()?;
        serde_json::from_str::<Value>(parameters).ok()
    });
    let event = scheduled.next().ok_or("no task was scheduled")?["Payload"].clone();
    let output = json!({"payload": event["payload"], "event": event});
    let params = json!({"taskToken": event["taskToken"], "output": output.to_string()});
    call(wire, "SendTaskSuccess", &params).await?;
    Ok(())
}

fn is_ended(case: &Case, described: &Value) -> Result<(), String> {
    let status = described["status"].as_str().unwrap_or_default();
    match &case.result {
        Ended::Succeeded { output } if status == "SUCCEEDED" => {
            let text = described["output"].as_str().ok_or("there is no output")?;
            let found: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
            compare(output, &found, "")?;
            let has_order = case.evidence == "recorded" && is_exact(output);
            if has_order && !is_in_order(output, &found) {
                return Err(format!("AWS's order of members is {output}, here it is {found}"));
            }
            Ok(())
        }
        Ended::Failed { error, cause, cause_contains } if status == "FAILED" => {
            let cause_found = &described["cause"];
            for (what, expected) in [("error", error), ("cause", cause)] {
                if let Some(expected) = expected {
                    compare(expected, &described[what], &format!("/{what}"))?;
                }
            }
            let text = cause_found.as_str().unwrap_or_default();
            match cause_contains.iter().find(|part| !text.contains(*part)) {
                Some(part) => Err(format!("the cause lacks `{part}`: {cause_found}")),
                None => Ok(()),
            }
        }
        Ended::Succeeded { .. } | Ended::Failed { .. } | Ended::Invalid { .. } => {
            Err(format!("it ended {described}"))
        }
    }
}
