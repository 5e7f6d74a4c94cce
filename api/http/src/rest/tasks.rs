//! `/v1/tasks/{token}`: the answers of whoever holds a task's token. The token is the right to
//! answer; there is no account in it to be asked for.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::Door;
use crate::error::OperationError;
use crate::operations::tasks;

use super::problem::Problem;
use super::{Json, Refusal};

/// Why a task failed.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Failure {
    /// The name that `Retry` and `Catch` match; at most 256 characters.
    error: Option<String>,
    /// In prose; at most 32,768 characters.
    cause: Option<String>,
}

/// The task has succeeded. The body is its output: any JSON value; without a body it is `{}`.
#[utoipa::path(
    post, path = "/v1/tasks/{token}/success", tag = "tasks",
    params(("token" = String, Path)), request_body = serde_json::Value,
    responses(
        (status = 204, description = "it is recorded"),
        (status = 400, description = "no such token, or the output is no JSON or too long", body = Problem),
        (status = 410, description = "the task is over", body = Problem),
    )
)]
pub(crate) async fn succeed(
    State(door): State<Door>,
    Path(token): Path<String>,
    Json(output): Json<Box<RawValue>>,
) -> Result<StatusCode, Refusal> {
    tasks::succeed(&door.engine, None, &token, output.get()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The task has failed.
#[utoipa::path(
    post, path = "/v1/tasks/{token}/failure", tag = "tasks",
    params(("token" = String, Path)), request_body = Failure,
    responses(
        (status = 204, description = "it is recorded"),
        (status = 400, description = "no such token", body = Problem),
        (status = 410, description = "the task is over", body = Problem),
    )
)]
pub(crate) async fn fail(
    State(door): State<Door>,
    Path(token): Path<String>,
    Json(Failure { error, cause }): Json<Failure>,
) -> Result<StatusCode, Refusal> {
    within("error", error.as_deref(), 256)?;
    within("cause", cause.as_deref(), 32_768)?;
    tasks::fail(&door.engine, None, &token, error, cause).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Somebody is still at it: the time by which the next heartbeat is expected moves.
#[utoipa::path(
    post, path = "/v1/tasks/{token}/heartbeat", tag = "tasks",
    params(("token" = String, Path)),
    responses(
        (status = 204, description = "it is received"),
        (status = 400, description = "no such token", body = Problem),
        (status = 410, description = "the task is over", body = Problem),
    )
)]
pub(crate) async fn heartbeat(
    State(door): State<Door>,
    Path(token): Path<String>,
) -> Result<StatusCode, Refusal> {
    tasks::heartbeat(&door.engine, None, &token).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn within(member: &str, text: Option<&str>, most: usize) -> Result<(), OperationError> {
    if text.is_some_and(|text| text.encode_utf16().count() > most) {
        let message = format!("`{member}` is to have at most {most} characters");
        return Err(OperationError::validation(message).at(format!("/{member}")));
    }
    Ok(())
}
