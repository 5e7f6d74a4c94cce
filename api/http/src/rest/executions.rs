//! `/v1/executions`: start, describe, stop, list, history.

use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode, header};
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

use super::problem::Problem;
use super::{Asker, Json, Params, Refusal};

/// An execution to start.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewExecution {
    /// The state machine: its name, `name:version`, or its ARN. Not where the path names it.
    state_machine: Option<String>,
    /// Starting the same name with the same input again, while it runs, changes nothing. Without
    /// a name it gets one.
    name: Option<String>,
    /// Any JSON value; `{}` by default.
    #[schema(value_type = Option<Value>)]
    input: Option<Box<RawValue>>,
    trace_header: Option<String>,
}

/// An execution that was started.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StartedExecution {
    arn: String,
    name: String,
    started_at: String,
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
    /// `RUNNING`, `SUCCEEDED`, `FAILED`, `TIMED_OUT` or `ABORTED`.
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
    /// `RUNNING`, `SUCCEEDED`, `FAILED`, `TIMED_OUT` or `ABORTED`.
    status: Option<String>,
    /// 1 to 1000; 100 by default.
    limit: Option<u32>,
    page_token: Option<String>,
}

/// Why it is stopped.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WhyStop {
    error: Option<String>,
    cause: Option<String>,
}

/// An execution was stopped.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StoppedExecution {
    stopped_at: String,
}

/// Which part of a history.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Part {
    /// Newest first.
    #[serde(default)]
    reverse: bool,
    /// Whether inputs and outputs are shown; they are by default.
    data: Option<bool>,
    /// 1 to 1000; 100 by default.
    limit: Option<u32>,
    page_token: Option<String>,
}

/// A page of a history.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct History {
    #[schema(value_type = Vec<Object>)]
    events: Vec<Value>,
    /// Pass it as `page_token` for the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
}

/// Start an execution of this state machine.
#[utoipa::path(
    post, path = "/v1/state-machines/{name}/executions", tag = "executions",
    request_body = NewExecution,
    params(("name" = String, Path, description = "its name, or `name:version`")),
    responses(
        (status = 201, body = StartedExecution),
        (status = 404, body = Problem),
        (status = 409, description = "the name is taken", body = Problem),
        (status = 429, description = "too much is queued", body = Problem),
    )
)]
pub(crate) async fn start_of(
    State(door): State<Door>,
    Asker(caller): Asker,
    Path(name): Path<String>,
    Json(new): Json<NewExecution>,
) -> Result<Response, Refusal> {
    if new.state_machine.is_some() {
        let message = "`state_machine` is not allowed: the path names it";
        return Err(OperationError::validation(message).at("/state_machine").into());
    }
    begin(&door, &caller, &machine_arn(&caller, &name), new).await
}

/// Start an execution.
#[utoipa::path(
    post, path = "/v1/executions", tag = "executions", request_body = NewExecution,
    responses(
        (status = 201, body = StartedExecution),
        (status = 404, body = Problem),
        (status = 409, description = "the name is taken", body = Problem),
        (status = 429, description = "too much is queued", body = Problem),
    )
)]
pub(crate) async fn start(
    State(door): State<Door>,
    Asker(caller): Asker,
    Json(new): Json<NewExecution>,
) -> Result<Response, Refusal> {
    let Some(machine) = new.state_machine.clone() else {
        let message = "`state_machine` is missing";
        return Err(OperationError::validation(message).at("/state_machine").into());
    };
    begin(&door, &caller, &machine_arn(&caller, &machine), new).await
}

async fn begin(
    door: &Door,
    caller: &Caller,
    machine_arn: &str,
    new: NewExecution,
) -> Result<Response, Refusal> {
    let NewExecution { name, input, trace_header, .. } = new;
    let input = input.map(|input| input.get().to_owned());
    let request = Start { name, input, trace_header };
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

/// List the executions of a state machine, newest first.
#[utoipa::path(
    get, path = "/v1/executions", tag = "executions", params(Which),
    responses((status = 200, body = Executions), (status = 404, body = Problem))
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
    let page = executions::list(&door.engine, &caller, &filter, which.limit, token).await?;
    let executions = page.items.into_iter().map(of_item).collect();
    let next_page_token = page.next_token;
    Ok(axum::Json(Executions { executions, next_page_token }).into_response())
}

/// Describe an execution, with its input and output.
#[utoipa::path(
    get, path = "/v1/executions/{id}", tag = "executions",
    params(("id" = String, Path, description = "its ARN, or `state-machine:name`")),
    responses((status = 200, body = Execution), (status = 404, body = Problem))
)]
pub(crate) async fn describe(
    State(door): State<Door>,
    Asker(caller): Asker,
    Path(id): Path<String>,
) -> Result<Response, Refusal> {
    let arn = execution_arn(&caller, &id)?;
    let Described { item, input, output, error, cause, .. } =
        executions::describe(&door.engine, &caller, &arn).await?;
    let shown = Execution {
        input: RawValue::from_string(input).ok(),
        output: output.and_then(|output| RawValue::from_string(output).ok()),
        error,
        cause,
        ..of_item(item)
    };
    Ok(axum::Json(shown).into_response())
}

/// Stop an execution. One that has ended stays as it is.
#[utoipa::path(
    post, path = "/v1/executions/{id}/stop", tag = "executions", request_body = WhyStop,
    params(("id" = String, Path, description = "its ARN, or `state-machine:name`")),
    responses((status = 200, body = StoppedExecution), (status = 404, body = Problem))
)]
pub(crate) async fn stop(
    State(door): State<Door>,
    Asker(caller): Asker,
    Path(id): Path<String>,
    Json(WhyStop { error, cause }): Json<WhyStop>,
) -> Result<Response, Refusal> {
    let arn = execution_arn(&caller, &id)?;
    let stopped_at = executions::stop(&door.engine, &caller, &arn, error, cause).await?;
    Ok(axum::Json(StoppedExecution { stopped_at: stopped_at.iso() }).into_response())
}

/// Read the history of an execution.
#[utoipa::path(
    get, path = "/v1/executions/{id}/history", tag = "executions",
    params(("id" = String, Path, description = "its ARN, or `state-machine:name`"), Part),
    responses((status = 200, body = History), (status = 404, body = Problem))
)]
pub(crate) async fn history(
    State(door): State<Door>,
    Asker(caller): Asker,
    Path(id): Path<String>,
    Params(Part { reverse, data, limit, page_token }): Params<Part>,
) -> Result<Response, Refusal> {
    let arn = execution_arn(&caller, &id)?;
    let with_data = data.unwrap_or(true);
    let request = history::Request { reverse, with_data, max_results: limit, token: page_token };
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
    }
}
