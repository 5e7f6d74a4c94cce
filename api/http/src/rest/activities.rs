//! `/v1/activities`: names under which activity workers fetch tasks.

use std::collections::BTreeMap;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::Door;
use crate::error::OperationError;
use crate::operations::activities::{self, Create};
use crate::operations::tags::Tag;

use super::problem::Problem;
use super::state_machines::PageOf;
use super::{Asker, Json, Params, Refusal};

/// An activity to create.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewActivity {
    #[serde(default)]
    tags: BTreeMap<String, String>,
}

/// An activity.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Activity {
    /// What a Task names as its `Resource`.
    arn: String,
    name: String,
    created_at: DateTime<Utc>,
}

/// A page of activities.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Activities {
    activities: Vec<Activity>,
    /// Pass it as `page_token` for the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
}

/// Who polls.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Poll {
    /// Shown in the history; 1 to 80 characters.
    worker_name: Option<String>,
}

/// A task to be done.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Task {
    /// Answer with it at `/v1/tasks/{token}`.
    token: String,
    /// With the white space and order of keys it came with.
    #[schema(value_type = serde_json::Value)]
    input: Box<RawValue>,
}

/// List the activities, by name.
#[utoipa::path(
    get, path = "/v1/activities", tag = "activities", params(PageOf),
    responses((status = 200, body = Activities))
)]
pub(crate) async fn list(
    State(door): State<Door>,
    Asker(caller): Asker,
    Params(page): Params<PageOf>,
) -> Result<Response, Refusal> {
    let token = page.page_token.as_deref();
    let page = activities::list(&door.engine, &caller, page.limit, token).await?;
    let activities = page.items.into_iter().map(Activity::from).collect();
    Ok(axum::Json(Activities { activities, next_page_token: page.next_token }).into_response())
}

/// Create an activity, unless one of this name is there; that one keeps its tags.
#[utoipa::path(
    put, path = "/v1/activities/{name}", tag = "activities", request_body = NewActivity,
    params(("name" = String, Path, description = "1 to 80 characters, as AWS takes them")),
    responses((status = 200, body = Activity), (status = 400, body = Problem))
)]
pub(crate) async fn create(
    State(door): State<Door>,
    Asker(caller): Asker,
    Path(name): Path<String>,
    Json(new): Json<NewActivity>,
) -> Result<Response, Refusal> {
    let tags = new.tags.into_iter().map(|(key, value)| Tag { key, value }).collect();
    let request = Create { name, tags, encryption: None };
    let activity = activities::create(&door.engine, &caller, request).await?;
    Ok(axum::Json(Activity::from(activity)).into_response())
}

/// Describe an activity.
#[utoipa::path(
    get, path = "/v1/activities/{name}", tag = "activities", params(("name" = String, Path)),
    responses((status = 200, body = Activity), (status = 404, body = Problem))
)]
pub(crate) async fn describe(
    State(door): State<Door>,
    Asker(caller): Asker,
    Path(name): Path<String>,
) -> Result<Response, Refusal> {
    let arn = caller.activity_arn(&name);
    let activity = activities::describe(&door.engine, &caller, &arn).await?;
    Ok(axum::Json(Activity::from(activity)).into_response())
}

/// Delete an activity. Tasks that wait for it go on waiting until they time out.
#[utoipa::path(
    delete, path = "/v1/activities/{name}", tag = "activities", params(("name" = String, Path)),
    responses((status = 204, description = "it is deleted, or never was"))
)]
pub(crate) async fn delete(
    State(door): State<Door>,
    Asker(caller): Asker,
    Path(name): Path<String>,
) -> Result<StatusCode, Refusal> {
    activities::delete(&door.engine, &caller, &caller.activity_arn(&name)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Wait for a task of an activity, almost a minute at most. Whoever waits longest is served
/// first; a closed connection loses no task.
#[utoipa::path(
    post, path = "/v1/activities/{name}/poll", tag = "activities", request_body = Poll,
    params(("name" = String, Path)),
    responses(
        (status = 200, body = Task),
        (status = 204, description = "there was no task: poll again"),
        (status = 404, body = Problem),
        (status = 429, description = "too many wait already", body = Problem),
    )
)]
pub(crate) async fn poll(
    State(door): State<Door>,
    Asker(caller): Asker,
    Path(name): Path<String>,
    Json(Poll { worker_name }): Json<Poll>,
) -> Result<Response, Refusal> {
    if worker_name.as_ref().is_some_and(|name| !(1..=80).contains(&name.encode_utf16().count())) {
        let message = "`worker_name` is to have 1 to 80 characters";
        return Err(OperationError::validation(message).at("/worker_name").into());
    }
    let arn = caller.activity_arn(&name);
    let Some(task) = activities::poll(&door.engine, &caller, &arn, worker_name).await? else {
        return Ok(StatusCode::NO_CONTENT.into_response());
    };
    let Ok(input) = RawValue::from_string(task.input) else {
        tracing::error!(activity = name, "the input of a task is no JSON");
        return Err(OperationError::internal().into());
    };
    Ok(axum::Json(Task { token: task.token, input }).into_response())
}

impl From<activities::Activity> for Activity {
    fn from(activity: activities::Activity) -> Self {
        let activities::Activity { arn, name, created_at, .. } = activity;
        Self { arn, name, created_at }
    }
}
