//! `/v1/tasks/{token}`: the answers of whoever holds a task's token. The token is the right to
//! answer; nobody is asked for a key.

use axum::extract::{FromRequestParts, Path, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::Door;
use crate::error::OperationError;
use crate::operations::tasks;

use super::paths::TaskToken;
use super::problem::Problem;
use super::request::short;
use super::{Json, Refusal};

/// The token that the path names, which is one of ours: nothing of a request's body is read before that
/// is certain.
pub(crate) struct Bearer(String);

impl FromRequestParts<Door> for Bearer {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, door: &Door) -> Result<Self, Response> {
        let path = Path::<TaskToken>::from_request_parts(parts, door).await;
        let Path(TaskToken { token }) = path.map_err(IntoResponse::into_response)?;
        if door.engine.is_task_token(None, &token) {
            return Ok(Self(token));
        }
        Err(Refusal(OperationError::invalid_token()).into_response())
    }
}

/// Why a task failed.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Failure {
    /// The name that `Retry` and `Catch` match.
    #[schema(max_length = 256)]
    error: Option<String>,
    /// In prose.
    #[schema(max_length = 32768)]
    cause: Option<String>,
}

/// The task has succeeded. The body is its output: any JSON value; without a body it is `{}`.
#[utoipa::path(
    post, path = "/v1/tasks/{token}/success", tag = "tasks",
    operation_id = "succeedTask",
    params(TaskToken), request_body = Option<serde_json::Value>,
    responses(
        (status = 204, description = "it is recorded"),
        (status = 400, description = "the output is no JSON or too long: `InvalidOutput`; this is no \
            token: `InvalidToken`", body = Problem),
        (status = 404, description = "the execution is not there: `TaskDoesNotExist`", body = Problem),
        (status = 410, description = "the task is over: `TaskTimedOut`", body = Problem),
        (status = 429, description = "too much is queued: `ThrottlingException`", body = Problem),
    )
)]
pub(crate) async fn succeed(
    State(door): State<Door>,
    Bearer(token): Bearer,
    Json(output): Json<Box<RawValue>>,
) -> Result<StatusCode, Refusal> {
    tasks::succeed(&door.engine, None, &token, output.get()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The task has failed.
#[utoipa::path(
    post, path = "/v1/tasks/{token}/failure", tag = "tasks",
    operation_id = "failTask",
    params(TaskToken), request_body = Option<Failure>,
    responses(
        (status = 204, description = "it is recorded"),
        (status = 400, description = "this is no token: `InvalidToken`", body = Problem),
        (status = 404, description = "the execution is not there: `TaskDoesNotExist`", body = Problem),
        (status = 410, description = "the task is over: `TaskTimedOut`", body = Problem),
        (status = 429, description = "too much is queued: `ThrottlingException`", body = Problem),
    )
)]
pub(crate) async fn fail(
    State(door): State<Door>,
    Bearer(token): Bearer,
    Json(Failure { error, cause }): Json<Failure>,
) -> Result<StatusCode, Refusal> {
    short("error", error.as_deref(), 256)?;
    short("cause", cause.as_deref(), 32_768)?;
    tasks::fail(&door.engine, None, &token, error, cause).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Somebody is still at it: the time by which the next heartbeat is expected moves.
#[utoipa::path(
    post, path = "/v1/tasks/{token}/heartbeat", tag = "tasks",
    operation_id = "heartbeatTask",
    params(TaskToken),
    responses(
        (status = 204, description = "it is received"),
        (status = 400, description = "this is no token: `InvalidToken`", body = Problem),
        (status = 404, description = "the execution is not there: `TaskDoesNotExist`", body = Problem),
        (status = 410, description = "the task is over: `TaskTimedOut`", body = Problem),
        (status = 429, description = "too much is queued: `ThrottlingException`", body = Problem),
    )
)]
pub(crate) async fn heartbeat(
    State(door): State<Door>,
    Bearer(token): Bearer,
) -> Result<StatusCode, Refusal> {
    tasks::heartbeat(&door.engine, None, &token).await?;
    Ok(StatusCode::NO_CONTENT)
}
