//! `/v1/executions`: start, describe, stop, list, history.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::Door;
use crate::error::OperationError;
use crate::operations::executions::{self, Described, Filter, Item, Start, Status};
use crate::operations::{Caller, history};

use super::paths::{ExecutionId, MachineOrVersion};
use super::problem::Problem;
use super::query::Limit;
use super::request::short;
use super::{Asker, Json, Params, Refusal};

const KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Whoever repeats a start says so.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "it stands in the document for what `key` reads")]
pub(crate) struct Keyed {
    /// Any text of the caller's, new for each execution: visible ASCII characters. The same request
    /// with the same key, to the same state machine, gets the same execution, also after its end.
    #[param(rename = "Idempotency-Key", value_type = String, required = false, min_length = 1, max_length = 255, pattern = "^[!-~]+$")]
    key: Option<String>,
}

/// An execution to start.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewExecution {
    /// The state machine: its name, `name:version`, or its ARN. Not where the path names it.
    state_machine: Option<String>,
    /// Starting the same name with the same input again, while it runs, changes nothing. Without
    /// a name it gets one.
    #[schema(
        min_length = 1,
        max_length = 80,
        pattern = r##"^[^\s\u0000-\u001f\u007f-\u009f<>{}\[\]?*"#%\\^|~`$&,;:/]+$"##
    )]
    name: Option<String>,
    /// Any JSON value; `{}` by default.
    #[schema(value_type = Option<Value>)]
    input: Option<Box<RawValue>>,
    /// A trace to join: printable ASCII.
    #[schema(max_length = 256)]
    trace_header: Option<String>,
}

/// An execution that was started.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StartedExecution {
    arn: String,
    name: String,
    #[schema(format = DateTime)]
    started_at: String,
}

/// What a start is answered.
#[derive(utoipa::IntoResponses)]
#[expect(dead_code, reason = "it stands in the document for what `begin` answers")]
pub(crate) enum Started {
    #[response(status = 201, description = "it is started, durably",
        headers(("Location" = String, description = "the path of the execution")))]
    Durably(StartedExecution),
    #[response(
        status = 400,
        description = "the input is no JSON or too long: \
        `InvalidExecutionInput`; no execution can have this name: `InvalidName`; no state machine can \
        have this name: `InvalidArn`; it is an EXPRESS one: `StateMachineTypeNotSupported`"
    )]
    Impossible(Problem),
    #[response(
        status = 404,
        description = "there is no such state machine: \
        `StateMachineDoesNotExist`"
    )]
    OfNothing(Problem),
    #[response(
        status = 409,
        description = "the name is taken by another start, or by an execution \
        that has ended: `ExecutionAlreadyExists`; the state machine is being deleted: \
        `StateMachineDeleting`"
    )]
    Taken(Problem),
    #[response(
        status = 422,
        description = "the key belongs to a request with another body: \
        `IdempotencyKeyReused`"
    )]
    KeyReused(Problem),
    #[response(status = 429, description = "too much is queued: `ThrottlingException`")]
    Throttled(Problem),
}

/// An execution.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Execution {
    arn: String,
    name: String,
    /// The name of its state machine.
    state_machine: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    version_arn: Option<String>,
    #[schema(value_type = ExecutionStatus)]
    status: &'static str,
    started_at: DateTime<Utc>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Value>)]
    input: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Value>)]
    output: Option<Box<RawValue>>,
    /// Name of the error it failed with.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<String>,
    /// No node loads it any more; only where a single execution is described.
    #[serde(skip_serializing_if = "Option::is_none")]
    set_aside: Option<SetAside>,
}

/// Since when no node loads an execution any more, and why.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SetAside {
    since: DateTime<Utc>,
    /// How many nodes died over it, one after the other.
    deaths: i64,
    reason: &'static str,
}

impl From<executions::SetAside> for SetAside {
    fn from(executions::SetAside { since, deaths }: executions::SetAside) -> Self {
        let reason = "nodes ended unexpectedly each time this execution was read or something happened to \
                      it; stop it, or run another release, which tries it again";
        Self { since, deaths, reason }
    }
}

/// A page of executions.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Executions {
    executions: Vec<Execution>,
    /// Pass it as `page_token` for the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
}

/// Which executions.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Which {
    /// The state machine: its name, `name:version`, or its ARN.
    state_machine: String,
    /// Only those that are so.
    #[param(value_type = Option<ExecutionStatus>)]
    status: Option<String>,
    /// Most items of the page.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 1000, default = 100)]
    limit: Option<Limit>,
    /// Where the page begins: the `next_page_token` of the one before.
    page_token: Option<String>,
}

/// Why it is stopped.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WhyStop {
    #[schema(max_length = 256)]
    error: Option<String>,
    #[schema(max_length = 32768)]
    cause: Option<String>,
}

/// An execution was stopped.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StoppedExecution {
    #[schema(format = DateTime)]
    stopped_at: String,
}

/// Which part of a history.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Part {
    /// Newest first.
    #[serde(default)]
    #[param(value_type = Option<bool>, default = false)]
    reverse: bool,
    /// Whether inputs and outputs are shown; they are by default.
    data: Option<bool>,
    /// Most items of the page.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 1000, default = 100)]
    limit: Option<Limit>,
    /// Where the page begins: the `next_page_token` of the one before.
    page_token: Option<String>,
}

/// A page of a history.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct History {
    #[schema(value_type = Vec<HistoryEvent>)]
    events: Vec<Value>,
    /// Pass it as `page_token` for the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
}

/// Where an execution is in life.
#[derive(ToSchema)]
#[schema(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(dead_code, reason = "it stands in the document for what `Status::as_str` says")]
pub(crate) enum ExecutionStatus {
    Running,
    Succeeded,
    Failed,
    TimedOut,
    Aborted,
}

/// An event of a history, with AWS's name and details.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it stands in the document for what `history::plain` writes")]
pub(crate) struct HistoryEvent {
    /// Its place in the history: 1, 2, 3, ….
    #[schema(minimum = 1)]
    id: i64,
    /// The event that led to it; 0 for the first.
    previous_id: i64,
    at: DateTime<Utc>,
    /// AWS's name, such as `TaskStateEntered`.
    r#type: String,
    /// AWS's details; inputs and outputs are values.
    #[schema(value_type = Option<Object>)]
    details: Option<Value>,
}

/// Start an execution of this state machine. The same request with the same `Idempotency-Key` is
/// the same start, whatever has become of the execution.
#[utoipa::path(
    post, path = "/v1/state-machines/{name}/executions", tag = "executions",
    operation_id = "startExecutionOf", params(MachineOrVersion, Keyed),
    request_body = Option<NewExecution>,
    responses(Started)
)]
pub(crate) async fn start_of(
    State(door): State<Door>,
    Asker(caller): Asker,
    Path(MachineOrVersion { name }): Path<MachineOrVersion>,
    headers: HeaderMap,
    Json(new): Json<NewExecution>,
) -> Result<Response, Refusal> {
    if new.state_machine.is_some() {
        let message = "`state_machine` is not allowed: the path names it";
        return Err(OperationError::validation(message).at("/state_machine").into());
    }
    begin(&door, &caller, &machine_arn(&caller, &name), key(&headers)?, new).await
}

/// Start an execution. The same request with the same `Idempotency-Key` is the same start,
/// whatever has become of the execution.
#[utoipa::path(
    post, path = "/v1/executions", tag = "executions", operation_id = "startExecution",
    params(Keyed), request_body = NewExecution,
    responses(Started)
)]
pub(crate) async fn start(
    State(door): State<Door>,
    Asker(caller): Asker,
    headers: HeaderMap,
    Json(new): Json<NewExecution>,
) -> Result<Response, Refusal> {
    let Some(machine) = new.state_machine.clone() else {
        let message = "`state_machine` is missing";
        return Err(OperationError::validation(message).at("/state_machine").into());
    };
    begin(&door, &caller, &machine_arn(&caller, &machine), key(&headers)?, new).await
}

async fn begin(
    door: &Door,
    caller: &Caller,
    machine_arn: &str,
    idempotency_key: Option<String>,
    new: NewExecution,
) -> Result<Response, Refusal> {
    let NewExecution { name, input, trace_header, .. } = new;
    let input = input.map(|input| input.get().to_owned());
    let request = Start { name, input, trace_header, idempotency_key };
    let started =
        executions::start(&door.engine, &door.startables, caller, machine_arn, request).await?;
    let location = HeaderValue::try_from(format!("/v1/executions/{}", started.arn));
    let body = StartedExecution {
        arn: started.arn,
        name: started.name,
        started_at: started.started_at.iso(),
    };
    let mut response = (StatusCode::CREATED, axum::Json(body)).into_response();
    if let Ok(location) = location {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

/// The key of an idempotent start, if the request has one.
fn key(headers: &HeaderMap) -> Result<Option<String>, OperationError> {
    let mut keys = headers.get_all(KEY).iter();
    let (first, second) = (keys.next(), keys.next());
    if second.is_some() {
        let message = "the header `Idempotency-Key` is there more than once";
        return Err(OperationError::validation(message));
    }
    Ok(first.map(|key| String::from_utf8_lossy(key.as_bytes()).into_owned()))
}

/// List the executions of a state machine, newest first.
#[utoipa::path(
    get, path = "/v1/executions", tag = "executions", operation_id = "listExecutions",
    params(Which),
    responses(
        (status = 200, description = "a page of them", body = Executions),
        (status = 400, description = "no state machine can have this name: `InvalidArn`; it is an \
            EXPRESS one: `StateMachineTypeNotSupported`", body = Problem),
        (status = 404, description = "there is no such state machine: `StateMachineDoesNotExist`", body = Problem),
    )
)]
pub(crate) async fn list(
    State(door): State<Door>,
    Asker(caller): Asker,
    Params(which): Params<Which>,
) -> Result<Response, Refusal> {
    let status = match which.status.as_deref() {
        None => None,
        Some(text) => Some(text.parse::<Status>().map_err(|_| {
            OperationError::validation(format!(
                "`status` is to be RUNNING, SUCCEEDED, FAILED, TIMED_OUT or ABORTED, not `{text}`"
            ))
        })?),
    };
    let filter = Filter { arn: machine_arn(&caller, &which.state_machine), status };
    let token = which.page_token.as_deref();
    let page =
        executions::list(&door.engine, &caller, &filter, which.limit.map(Limit::number), token)
            .await?;
    let executions = page.items.into_iter().map(of_item).collect();
    let next_page_token = page.next_token;
    Ok(axum::Json(Executions { executions, next_page_token }).into_response())
}

/// Describe an execution, with its input and output.
#[utoipa::path(
    get, path = "/v1/executions/{id}", tag = "executions", operation_id = "describeExecution",
    params(ExecutionId),
    responses(
        (status = 200, description = "the execution", body = Execution),
        (status = 400, description = "this is no ARN: `InvalidArn`", body = Problem),
        (status = 404, description = "there is no such execution: `ExecutionDoesNotExist`", body = Problem),
    )
)]
pub(crate) async fn describe(
    State(door): State<Door>,
    Asker(caller): Asker,
    Path(ExecutionId { id }): Path<ExecutionId>,
) -> Result<Response, Refusal> {
    let arn = execution_arn(&caller, &id)?;
    let Described { item, input, output, error, cause, .. } =
        executions::describe(&door.engine, &caller, &arn).await?;
    let set_aside = match item.status {
        Status::Running => executions::set_aside(&door.engine, &caller, &arn).await?,
        _ => None,
    };
    let shown = Execution {
        input: RawValue::from_string(input).ok(),
        output: output.and_then(|output| RawValue::from_string(output).ok()),
        error,
        cause,
        set_aside: set_aside.map(SetAside::from),
        ..of_item(item)
    };
    Ok(axum::Json(shown).into_response())
}

/// Stop an execution. One that has ended stays as it is.
#[utoipa::path(
    post, path = "/v1/executions/{id}/stop", tag = "executions", operation_id = "stopExecution",
    params(ExecutionId), request_body = Option<WhyStop>,
    responses(
        (status = 200, description = "it has ended", body = StoppedExecution),
        (status = 400, description = "this is no ARN: `InvalidArn`", body = Problem),
        (status = 404, description = "there is no such execution: `ExecutionDoesNotExist`", body = Problem),
        (status = 429, description = "too much is queued: `ThrottlingException`", body = Problem),
    )
)]
pub(crate) async fn stop(
    State(door): State<Door>,
    Asker(caller): Asker,
    Path(ExecutionId { id }): Path<ExecutionId>,
    Json(WhyStop { error, cause }): Json<WhyStop>,
) -> Result<Response, Refusal> {
    short("error", error.as_deref(), 256)?;
    short("cause", cause.as_deref(), 32_768)?;
    let arn = execution_arn(&caller, &id)?;
    let stopped_at = executions::stop(&door.engine, &caller, &arn, error, cause).await?;
    Ok(axum::Json(StoppedExecution { stopped_at: stopped_at.iso() }).into_response())
}

/// Read the history of an execution.
#[utoipa::path(
    get, path = "/v1/executions/{id}/history", tag = "executions",
    operation_id = "getExecutionHistory", params(ExecutionId, Part),
    responses(
        (status = 200, description = "a page of it", body = History),
        (status = 400, description = "this is no ARN: `InvalidArn`", body = Problem),
        (status = 404, description = "there is no such execution: `ExecutionDoesNotExist`", body = Problem),
    )
)]
pub(crate) async fn history(
    State(door): State<Door>,
    Asker(caller): Asker,
    Path(ExecutionId { id }): Path<ExecutionId>,
    Params(Part { reverse, data, limit, page_token }): Params<Part>,
) -> Result<Response, Refusal> {
    let arn = execution_arn(&caller, &id)?;
    let (with_data, max_results) = (data.unwrap_or(true), limit.map(Limit::number));
    let request = history::Request { reverse, with_data, max_results, token: page_token };
    let page = history::page(&door.engine, &caller, &arn, request).await?;
    let events = page.items.iter().map(history::plain).collect();
    Ok(axum::Json(History { events, next_page_token: page.next_token }).into_response())
}

/// The ARN that an id in a path means: an ARN as it is, or `state-machine:name`.
pub(crate) fn execution_arn(caller: &Caller, id: &str) -> Result<String, OperationError> {
    if id.starts_with("arn:") {
        return Ok(id.to_owned());
    }
    match id.split_once(':') {
        Some((machine, name)) => Ok(caller.execution_arn(machine, name)),
        None => Err(OperationError::execution_does_not_exist(id)),
    }
}

fn machine_arn(caller: &Caller, name: &str) -> String {
    if name.starts_with("arn:") { name.to_owned() } else { caller.state_machine_arn(name) }
}

fn of_item(item: Item) -> Execution {
    Execution {
        arn: item.arn,
        name: item.name,
        state_machine: item.state_machine,
        version_arn: item.version_arn,
        status: item.status.as_str(),
        started_at: item.started_at,
        ended_at: item.ended_at,
        input: None,
        output: None,
        error: None,
        cause: None,
        set_aside: None,
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn why_an_execution_is_set_aside_says_what_can_be_done() {
        let mark = super::executions::SetAside { since: super::DateTime::UNIX_EPOCH, deaths: 3 };
        let shown = serde_json::to_value(super::SetAside::from(mark)).unwrap();
        assert_eq!(
            shown["reason"],
            "nodes ended unexpectedly each time this execution was read or something happened to it; stop \
             it, or run another release, which tries it again"
        );
        assert_eq!(shown["since"], "1970-01-01T00:00:00Z");
    }
}
