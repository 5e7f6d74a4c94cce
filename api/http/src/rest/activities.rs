//! `/v1/activities`: names under which activity workers fetch tasks.

use std::collections::BTreeMap;

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::Door;
use crate::connections::HandedOver;
use crate::error::OperationError;
use crate::operations::activities::{self, Create};
use crate::operations::tags::Tag;

use super::paths::ActivityName;
use super::problem::Problem;
use super::request::gone;
use super::state_machines::PageOf;
use super::{Asker, Json, Params, Refusal};

/// An activity to create.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewActivity {
    /// Values by key, fifty at most; one that is there keeps its own.
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
    /// Shown in the history.
    #[schema(min_length = 1, max_length = 80)]
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
    get, path = "/v1/activities", tag = "activities", operation_id = "listActivities", params(PageOf),
    responses((status = 200, description = "a page of them", body = Activities))
)]
pub(crate) async fn list(
    State(door): State<Door>,
    Asker(caller): Asker,
    Params(page): Params<PageOf>,
) -> Result<Response, Refusal> {
    let token = page.page_token.as_deref();
    let page = activities::list(&door.engine, &caller, page.limit(), token).await?;
    let activities = page.items.into_iter().map(Activity::from).collect();
    Ok(axum::Json(Activities { activities, next_page_token: page.next_token }).into_response())
}

/// Create an activity, unless one of this name is there; that one keeps its tags.
#[utoipa::path(
    put, path = "/v1/activities/{name}", tag = "activities", operation_id = "putActivity",
    params(ActivityName), request_body = Option<NewActivity>,
    responses(
        (status = 200, description = "it was there", body = Activity),
        (status = 201, description = "it was created", body = Activity),
        (status = 400, description = "no activity can have this name: `InvalidName`; there are more \
            than fifty tags: `TooManyTags`", body = Problem),
        (status = 409, description = "it is there and is encrypted otherwise: \
            `ActivityAlreadyExists`", body = Problem),
    )
)]
pub(crate) async fn create(
    State(door): State<Door>,
    Asker(caller): Asker,
    Path(ActivityName { name }): Path<ActivityName>,
    Json(new): Json<NewActivity>,
) -> Result<Response, Refusal> {
    let tags = new.tags.into_iter().map(|(key, value)| Tag { key, value }).collect();
    let request = Create { name, tags, encryption: None };
    let (activity, is_new) = activities::create(&door.engine, &caller, request).await?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, axum::Json(Activity::from(activity))).into_response())
}

/// Describe an activity.
#[utoipa::path(
    get, path = "/v1/activities/{name}", tag = "activities", operation_id = "describeActivity",
    params(ActivityName),
    responses(
        (status = 200, description = "the activity", body = Activity),
        (status = 400, description = "no activity can have this name: `InvalidArn`", body = Problem),
        (status = 404, description = "there is no such activity: `ActivityDoesNotExist`", body = Problem),
    )
)]
pub(crate) async fn describe(
    State(door): State<Door>,
    Asker(caller): Asker,
    Path(ActivityName { name }): Path<ActivityName>,
) -> Result<Response, Refusal> {
    let arn = caller.activity_arn(&name);
    let activity = activities::describe(&door.engine, &caller, &arn).await?;
    Ok(axum::Json(Activity::from(activity)).into_response())
}

/// Delete an activity. Tasks that wait for it go on waiting until they time out.
#[utoipa::path(
    delete, path = "/v1/activities/{name}", tag = "activities", operation_id = "deleteActivity",
    params(ActivityName),
    responses((status = 204, description = "it is deleted, or never was"))
)]
pub(crate) async fn delete(
    State(door): State<Door>,
    Asker(caller): Asker,
    Path(ActivityName { name }): Path<ActivityName>,
) -> Result<StatusCode, Refusal> {
    gone(activities::delete(&door.engine, &caller, &caller.activity_arn(&name)).await)
}

/// Wait for a task of an activity, almost a minute at most. Whoever waits longest is served
/// first; a closed connection loses no task.
#[utoipa::path(
    post, path = "/v1/activities/{name}/poll", tag = "activities",
    operation_id = "pollActivity", params(ActivityName), request_body = Option<Poll>,
    responses(
        (status = 200, description = "a task", body = Task),
        (status = 204, description = "there was no task: poll again"),
        (status = 400, description = "no activity can have this name: `InvalidArn`", body = Problem),
        (status = 404, description = "there is no such activity: `ActivityDoesNotExist`", body = Problem),
        (status = 429, description = "too many wait already: `ActivityWorkerLimitExceeded`, \
            `ThrottlingException`", body = Problem),
    )
)]
pub(crate) async fn poll(
    State(door): State<Door>,
    Asker(caller): Asker,
    Path(ActivityName { name }): Path<ActivityName>,
    handed_over: Option<Extension<HandedOver>>,
    Json(Poll { worker_name }): Json<Poll>,
) -> Result<Response, Refusal> {
    if worker_name.as_ref().is_some_and(|name| !(1..=80).contains(&name.encode_utf16().count())) {
        let message = "`worker_name` is to have 1 to 80 characters";
        return Err(OperationError::validation(message).at("/worker_name").into());
    }
    let arn = caller.activity_arn(&name);
    let handed_over = handed_over.as_ref().map(|Extension(handed_over)| handed_over);
    let polled = activities::poll(&door.engine, &caller, &arn, worker_name, handed_over).await?;
    let Some(task) = polled else {
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
