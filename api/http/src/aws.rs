//! The AWS door: AWS JSON 1.0, as every SDK of AWS speaks it to Step Functions.
//!
//! `POST /` with `X-Amz-Target: AWSStepFunctions.<Operation>`; the body is a JSON object, and so
//! is every answer, errors included. Neither the host nor the path decides anything, because
//! clients put `sync-` before the one and prefixes before the other.

mod activities;
mod answer;
mod executions;
mod members;
pub(crate) mod scheduler;
mod state_machines;
mod tags;
mod tasks;
mod versions;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, Request};
use axum::response::Response;
use serde_json::Value;

use crate::Door;
use crate::body;
use crate::connections::HandedOver;
use crate::error::{Kind, OperationError};
use crate::operations::Caller;

pub(crate) use answer::{refuse, status};

pub(crate) const TARGET: HeaderName = HeaderName::from_static("x-amz-target");

/// Answers one call of the AWS API.
pub(crate) async fn serve(door: &Door, request: Request<Body>) -> Response {
    let (mut parts, body) = request.into_parts();
    let operation = match operation(&parts.headers) {
        Ok(operation) => operation,
        Err(refusal) => return refuse(&refusal),
    };
    let Some(caller) = parts.extensions.get::<Caller>().cloned() else {
        return refuse(&OperationError::nobody());
    };
    let trace = executions::trace(&parts.headers);
    let handed_over = parts.extensions.get::<HandedOver>().cloned();
    let answer = match body::read_once(&mut parts, body, &door.bodies).await {
        Ok(body) => dispatch(door, &caller, &operation, &body, trace, handed_over.as_ref()).await,
        Err(too_large) => Err(too_large),
    };
    match answer {
        Ok(answer) => answer::ok(&answer),
        Err(refusal) => refuse(&refusal),
    }
}

/// The operation that the target header names.
pub(crate) fn operation(headers: &HeaderMap) -> Result<String, OperationError> {
    let unknown = |message: String| OperationError::new(Kind::UnknownOperationException, message);
    let Some(target) = headers.get(TARGET) else {
        return Err(unknown(
            "the header `X-Amz-Target` is missing: it names the operation, as in \
             `AWSStepFunctions.ListStateMachines`"
                .to_owned(),
        ));
    };
    let target = String::from_utf8_lossy(target.as_bytes());
    match target.strip_prefix("AWSStepFunctions.") {
        Some(operation) => Ok(operation.to_owned()),
        None => {
            Err(unknown(format!("`{}` is not an operation of AWSStepFunctions", short(&target))))
        }
    }
}

pub(crate) async fn dispatch(
    door: &Door,
    caller: &Caller,
    operation: &str,
    body: &[u8],
    trace: Option<String>,
    handed_over: Option<&HandedOver>,
) -> Result<Value, OperationError> {
    let engine = &door.engine;
    match operation {
        "CreateStateMachine" => state_machines::create(door, caller, body).await,
        "UpdateStateMachine" => state_machines::update(door, caller, body).await,
        "DescribeStateMachine" => state_machines::describe(engine, caller, body).await,
        "DescribeStateMachineForExecution" => {
            state_machines::describe_for_execution(engine, caller, body).await
        }
        "ListStateMachines" => state_machines::list(engine, caller, body).await,
        "DeleteStateMachine" => state_machines::delete(door, caller, body).await,
        "ValidateStateMachineDefinition" => state_machines::validate(body),
        "PublishStateMachineVersion" => versions::publish(engine, caller, body).await,
        "ListStateMachineVersions" => versions::list(engine, caller, body).await,
        "DeleteStateMachineVersion" => versions::delete(door, caller, body).await,
        "StartExecution" => executions::start(door, caller, body, trace).await,
        "StartSyncExecution" => executions::start_sync(engine, caller, body).await,
        "DescribeExecution" => executions::describe(engine, caller, body).await,
        "StopExecution" => executions::stop(engine, caller, body).await,
        "ListExecutions" => executions::list(engine, caller, body).await,
        "GetExecutionHistory" => executions::history(engine, caller, body).await,
        "CreateActivity" => activities::create(engine, caller, body).await,
        "DescribeActivity" => activities::describe(engine, caller, body).await,
        "ListActivities" => activities::list(engine, caller, body).await,
        "DeleteActivity" => activities::delete(engine, caller, body).await,
        "GetActivityTask" => activities::poll(engine, caller, body, handed_over).await,
        "SendTaskSuccess" => tasks::succeed(engine, caller, body).await,
        "SendTaskFailure" => tasks::fail(engine, caller, body).await,
        "SendTaskHeartbeat" => tasks::heartbeat(engine, caller, body).await,
        "TagResource" => tags::tag(engine, caller, body).await,
        "UntagResource" => tags::untag(engine, caller, body).await,
        "ListTagsForResource" => tags::list(engine, caller, body).await,
        other => Err(not_served(other)),
    }
}

/// Operations that [`dispatch`] knows.
pub(crate) const SERVED: [&str; 27] = [
    "CreateActivity",
    "CreateStateMachine",
    "DeleteActivity",
    "DeleteStateMachine",
    "DeleteStateMachineVersion",
    "DescribeActivity",
    "DescribeExecution",
    "DescribeStateMachine",
    "DescribeStateMachineForExecution",
    "GetActivityTask",
    "GetExecutionHistory",
    "ListActivities",
    "ListExecutions",
    "ListStateMachineVersions",
    "ListStateMachines",
    "ListTagsForResource",
    "PublishStateMachineVersion",
    "SendTaskFailure",
    "SendTaskHeartbeat",
    "SendTaskSuccess",
    "StartExecution",
    "StartSyncExecution",
    "StopExecution",
    "TagResource",
    "UntagResource",
    "UpdateStateMachine",
    "ValidateStateMachineDefinition",
];

/// Operations of Step Functions (API version 2016-11-23) that are not served yet.
const NOT_SERVED: [&str; 10] = [
    "CreateStateMachineAlias",
    "DeleteStateMachineAlias",
    "DescribeMapRun",
    "DescribeStateMachineAlias",
    "ListMapRuns",
    "ListStateMachineAliases",
    "RedriveExecution",
    "TestState",
    "UpdateMapRun",
    "UpdateStateMachineAlias",
];

/// Whether Step Functions has this operation, served or not.
pub(crate) fn is_operation(name: &str) -> bool {
    SERVED.contains(&name) || NOT_SERVED.contains(&name)
}

fn not_served(operation: &str) -> OperationError {
    let message = if NOT_SERVED.contains(&operation) {
        format!("the operation `{operation}` of Step Functions is not served yet")
    } else {
        format!("`{}` is not an operation of AWSStepFunctions", short(operation))
    };
    OperationError::new(Kind::UnknownOperationException, message)
}

/// Enough of a text to recognise it in a message.
fn short(text: &str) -> String {
    text.chars().take(100).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_37_operations_of_step_functions_are_known() {
        assert_eq!(SERVED.len() + NOT_SERVED.len(), 37);
        assert!(SERVED.iter().all(|name| !NOT_SERVED.contains(name)));
    }

    #[test]
    fn an_operation_that_is_not_served_is_told_from_none() {
        assert_eq!(
            not_served("RedriveExecution").message,
            "the operation `RedriveExecution` of Step Functions is not served yet"
        );
        assert_eq!(not_served("Nope").message, "`Nope` is not an operation of AWSStepFunctions");
    }
}
