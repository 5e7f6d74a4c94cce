//! Executions on the AWS wire: start, describe, stop, list, history.

use axum::http::HeaderMap;
use machine::history::HistoryEvent;
use runtime::Engine;
use serde_json::{Value, json};

use crate::Door;
use crate::error::OperationError;
use crate::operations::executions::{self, Described, Filter, Item, Start, Status};
use crate::operations::{Caller, history};

use super::answer::{moment, object};
use super::members::{Members, Text};
use super::state_machines::{ARN, TOKEN, metadata_only};

/// In the order in which AWS's message lists them.
const STATUSES: [&str; 6] =
    ["SUCCEEDED", "TIMED_OUT", "PENDING_REDRIVE", "ABORTED", "FAILED", "RUNNING"];

pub(super) async fn start(
    door: &Door,
    caller: &Caller,
    body: &[u8],
    trace: Option<String>,
) -> Result<Value, OperationError> {
    let (arn, mut request) = start_request(&door.engine, body)?;
    request.trace_header = trace.or(request.trace_header);
    let started = executions::start(&door.engine, &door.startables, caller, &arn, request).await?;
    Ok(json!({ "executionArn": started.arn, "startDate": started.started_at.epoch_seconds() }))
}

/// The trace that the HTTP request itself names. It wins over the member `traceHeader`; one that
/// AWS would not take as such a member is ignored.
pub(super) fn trace(headers: &HeaderMap) -> Option<String> {
    let value = headers.get("x-amzn-trace-id")?.to_str().ok()?;
    (value.len() <= 256).then(|| value.to_owned())
}

pub(super) async fn start_sync(
    engine: &Engine,
    caller: &Caller,
    body: &[u8],
) -> Result<Value, OperationError> {
    let (arn, _) = start_request(engine, body)?;
    Err(executions::start_sync(engine, caller, &arn).await)
}

fn start_request(engine: &Engine, body: &[u8]) -> Result<(String, Start), OperationError> {
    let longest = engine.limits().payload_bytes;
    let mut members = Members::of(body)?;
    let arn = members.required("stateMachineArn", ARN)?;
    let request = Start {
        name: members.text("name", Text::within(1, 80))?,
        input: members.text("input", Text::within(0, longest).sensitive())?,
        trace_header: members.text("traceHeader", Text::within(0, 256).ascii())?,
        idempotency_key: None,
    };
    members.check()?;
    Ok((arn, request))
}

pub(super) async fn describe(
    engine: &Engine,
    caller: &Caller,
    body: &[u8],
) -> Result<Value, OperationError> {
    let mut members = Members::of(body)?;
    let arn = members.required("executionArn", ARN)?;
    let metadata_only = metadata_only(&mut members)?;
    members.check()?;
    Ok(described(executions::describe(engine, caller, &arn).await?, !metadata_only))
}

fn described(execution: Described, with_data: bool) -> Value {
    let details = || json!({ "included": with_data });
    let redrive = execution.redrive();
    let Described { item, input, output, error, cause, trace_header } = execution;
    object([
        ("executionArn", Some(json!(item.arn))),
        ("stateMachineArn", Some(json!(item.state_machine_arn))),
        ("name", Some(json!(item.name))),
        ("status", Some(json!(item.status.as_str()))),
        ("startDate", Some(moment(item.started_at))),
        ("stopDate", item.ended_at.map(moment)),
        ("input", with_data.then(|| json!(input))),
        ("inputDetails", Some(details())),
        ("outputDetails", output.as_ref().map(|_| details())),
        ("output", output.filter(|_| with_data).map(Value::from)),
        ("traceHeader", trace_header.map(Value::from)),
        ("error", error.map(Value::from)),
        ("cause", cause.map(Value::from)),
        ("stateMachineVersionArn", item.version_arn.map(Value::from)),
        ("stateMachineAliasArn", item.alias_arn.map(Value::from)),
        ("redriveCount", Some(json!(0))),
        ("redriveStatus", Some(json!(redrive.status))),
        ("redriveStatusReason", redrive.reason.map(Value::from)),
    ])
}

pub(super) async fn stop(
    engine: &Engine,
    caller: &Caller,
    body: &[u8],
) -> Result<Value, OperationError> {
    let mut members = Members::of(body)?;
    let arn = members.required("executionArn", ARN)?;
    let error = members.text("error", Text::within(0, 256).sensitive())?;
    let cause = members.text("cause", Text::within(0, 32_768).sensitive())?;
    members.check()?;
    let stopped_at = executions::stop(engine, caller, &arn, error, cause).await?;
    Ok(json!({ "stopDate": stopped_at.epoch_seconds() }))
}

pub(super) async fn list(
    engine: &Engine,
    caller: &Caller,
    body: &[u8],
) -> Result<Value, OperationError> {
    let mut members = Members::of(body)?;
    let arn = members.text("stateMachineArn", ARN)?;
    let status = members.one_of("statusFilter", &STATUSES)?;
    let max_results = members.number("maxResults", 0, 1000)?;
    let token = members.text("nextToken", Text::within(1, 3096))?;
    let map_run = members.text("mapRunArn", Text::within(1, 2000))?;
    members.one_of("redriveFilter", &["REDRIVEN", "NOT_REDRIVEN"])?;
    members.check()?;
    let Some(arn) = arn else {
        return Err(OperationError::validation(match map_run {
            Some(_) => "executions of Map Runs are not served yet",
            None => "Must specify either the stateMachineArn or the mapRunArn",
        }));
    };
    if map_run.is_some() {
        let message = "Must specify only one of stateMachineArn and mapRunArn";
        return Err(OperationError::validation(message));
    }
    let filter =
        Filter { arn, status: status.as_deref().and_then(|text| text.parse::<Status>().ok()) };
    let page = executions::list(engine, caller, &filter, max_results, token.as_deref()).await?;
    Ok(object([
        ("executions", Some(page.items.into_iter().map(listed).collect())),
        ("nextToken", page.next_token.map(Value::from)),
    ]))
}

fn listed(item: Item) -> Value {
    object([
        ("executionArn", Some(json!(item.arn))),
        ("stateMachineArn", Some(json!(item.state_machine_arn))),
        ("name", Some(json!(item.name))),
        ("status", Some(json!(item.status.as_str()))),
        ("startDate", Some(moment(item.started_at))),
        ("stopDate", item.ended_at.map(moment)),
        ("stateMachineVersionArn", item.version_arn.map(Value::from)),
        ("stateMachineAliasArn", item.alias_arn.map(Value::from)),
        ("redriveCount", Some(json!(0))),
    ])
}

pub(super) async fn history(
    engine: &Engine,
    caller: &Caller,
    body: &[u8],
) -> Result<Value, OperationError> {
    let mut members = Members::of(body)?;
    let arn = members.required("executionArn", ARN)?;
    let max_results = members.number("maxResults", 0, 1000)?;
    let reverse = members.flag("reverseOrder")?.unwrap_or(false);
    let token = members.text("nextToken", TOKEN)?;
    let with_data = members.flag("includeExecutionData")?.unwrap_or(true);
    members.check()?;
    let request = history::Request { reverse, with_data, max_results, token };
    let page = history::page(engine, caller, &arn, request).await?;
    Ok(object([
        ("events", Some(page.items.iter().map(HistoryEvent::to_aws).collect())),
        ("nextToken", page.next_token.map(Value::from)),
    ]))
}
