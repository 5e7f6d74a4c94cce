//! `…/tags`: words by which people sort state machines, activities and groups of schedules.

use std::collections::BTreeMap;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Door;
use crate::operations::{schedule_groups, tags};

use super::paths::{ActivityName, GroupName, MachineName, TagKey};
use super::problem::Problem;
use super::request::gone;
use super::{Asker, Json, Refusal};

/// The tags of something.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Tags {
    /// Values by key.
    tags: BTreeMap<String, String>,
}

/// What a tag is to say.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewTag {
    #[schema(max_length = 256)]
    value: String,
}

/// A tag.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Tag {
    key: String,
    value: String,
}

/// List the tags of a state machine.
#[utoipa::path(
    get, path = "/v1/state-machines/{name}/tags", tag = "state machines",
    operation_id = "listStateMachineTags", params(MachineName),
    responses(
        (status = 200, description = "its tags", body = Tags),
        (status = 400, description = "no state machine can have this name: `InvalidArn`", body = Problem),
        (status = 404, description = "there is no such state machine: `ResourceNotFound`", body = Problem),
    )
)]
pub(crate) async fn of_machine(
    State(door): State<Door>,
    Asker(caller): Asker,
    Path(MachineName { name }): Path<MachineName>,
) -> Result<Response, Refusal> {
    let arn = caller.state_machine_arn(&name);
    Ok(listed(tags::list(&door.engine, &caller, &arn).await?))
}

/// Tag a state machine, or give a tag of it another value. Fifty tags are the most.
#[utoipa::path(
    put, path = "/v1/state-machines/{name}/tags/{key}", tag = "state machines",
    operation_id = "putStateMachineTag", params(TagKey), request_body = NewTag,
    responses(
        (status = 200, description = "the tag has this value now", body = Tag),
        (status = 201, description = "the tag is new", body = Tag),
        (status = 400, description = "it would be the fifty-first: `TooManyTags`; no state machine \
            can have this name: `InvalidArn`", body = Problem),
        (status = 404, description = "there is no such state machine: `ResourceNotFound`", body = Problem),
    )
)]
pub(crate) async fn put_of_machine(
    State(door): State<Door>,
    Asker(caller): Asker,
    Path(TagKey { name, key }): Path<TagKey>,
    Json(NewTag { value }): Json<NewTag>,
) -> Result<Response, Refusal> {
    let arn = caller.state_machine_arn(&name);
    let added = tags::add(&door.engine, &caller, &arn, vec![tag(&key, &value)]).await?;
    Ok(put(added, key, value))
}

/// Remove a tag of a state machine.
#[utoipa::path(
    delete, path = "/v1/state-machines/{name}/tags/{key}", tag = "state machines",
    operation_id = "deleteStateMachineTag", params(TagKey),
    responses((status = 204, description = "it is removed, or never was"))
)]
pub(crate) async fn delete_of_machine(
    State(door): State<Door>,
    Asker(caller): Asker,
    Path(TagKey { name, key }): Path<TagKey>,
) -> Result<StatusCode, Refusal> {
    let arn = caller.state_machine_arn(&name);
    gone(tags::remove(&door.engine, &caller, &arn, &[key]).await)
}

/// List the tags of an activity.
#[utoipa::path(
    get, path = "/v1/activities/{name}/tags", tag = "activities",
    operation_id = "listActivityTags", params(ActivityName),
    responses(
        (status = 200, description = "its tags", body = Tags),
        (status = 400, description = "no activity can have this name: `InvalidArn`", body = Problem),
        (status = 404, description = "there is no such activity: `ResourceNotFound`", body = Problem),
    )
)]
pub(crate) async fn of_activity(
    State(door): State<Door>,
    Asker(caller): Asker,
    Path(ActivityName { name }): Path<ActivityName>,
) -> Result<Response, Refusal> {
    let arn = caller.activity_arn(&name);
    Ok(listed(tags::list(&door.engine, &caller, &arn).await?))
}

/// Tag an activity, or give a tag of it another value. Fifty tags are the most.
#[utoipa::path(
    put, path = "/v1/activities/{name}/tags/{key}", tag = "activities",
    operation_id = "putActivityTag", params(TagKey), request_body = NewTag,
    responses(
        (status = 200, description = "the tag has this value now", body = Tag),
        (status = 201, description = "the tag is new", body = Tag),
        (status = 400, description = "it would be the fifty-first: `TooManyTags`; no activity can \
            have this name: `InvalidArn`", body = Problem),
        (status = 404, description = "there is no such activity: `ResourceNotFound`", body = Problem),
    )
)]
pub(crate) async fn put_of_activity(
    State(door): State<Door>,
    Asker(caller): Asker,
    Path(TagKey { name, key }): Path<TagKey>,
    Json(NewTag { value }): Json<NewTag>,
) -> Result<Response, Refusal> {
    let arn = caller.activity_arn(&name);
    let added = tags::add(&door.engine, &caller, &arn, vec![tag(&key, &value)]).await?;
    Ok(put(added, key, value))
}

/// Remove a tag of an activity.
#[utoipa::path(
    delete, path = "/v1/activities/{name}/tags/{key}", tag = "activities",
    operation_id = "deleteActivityTag", params(TagKey),
    responses((status = 204, description = "it is removed, or never was"))
)]
pub(crate) async fn delete_of_activity(
    State(door): State<Door>,
    Asker(caller): Asker,
    Path(TagKey { name, key }): Path<TagKey>,
) -> Result<StatusCode, Refusal> {
    gone(tags::remove(&door.engine, &caller, &caller.activity_arn(&name), &[key]).await)
}

/// List the tags of a group of schedules.
#[utoipa::path(
    get, path = "/v1/schedule-groups/{name}/tags", tag = "schedule groups",
    operation_id = "listScheduleGroupTags", params(GroupName),
    responses(
        (status = 200, description = "its tags", body = Tags),
        (status = 404, description = "there is no such group: `ResourceNotFoundException`", body = Problem),
    )
)]
pub(crate) async fn of_group(
    State(door): State<Door>,
    Asker(caller): Asker,
    Path(GroupName { name }): Path<GroupName>,
) -> Result<Response, Refusal> {
    let arn = caller.schedule_group_arn(&name);
    Ok(listed(schedule_groups::tags(&door.engine, &caller, &arn).await?))
}

/// Tag a group of schedules, or give a tag of it another value. Fifty tags are the most.
#[utoipa::path(
    put, path = "/v1/schedule-groups/{name}/tags/{key}", tag = "schedule groups",
    operation_id = "putScheduleGroupTag", params(TagKey), request_body = NewTag,
    responses(
        (status = 200, description = "the tag has this value now", body = Tag),
        (status = 201, description = "the tag is new", body = Tag),
        (status = 400, description = "it would be the fifty-first: `TooManyTags`", body = Problem),
        (status = 404, description = "there is no such group: `ResourceNotFoundException`", body = Problem),
    )
)]
pub(crate) async fn put_of_group(
    State(door): State<Door>,
    Asker(caller): Asker,
    Path(TagKey { name, key }): Path<TagKey>,
    Json(NewTag { value }): Json<NewTag>,
) -> Result<Response, Refusal> {
    let arn = caller.schedule_group_arn(&name);
    let added = schedule_groups::tag(&door.engine, &caller, &arn, vec![tag(&key, &value)]).await?;
    Ok(put(added, key, value))
}

/// Remove a tag of a group of schedules.
#[utoipa::path(
    delete, path = "/v1/schedule-groups/{name}/tags/{key}", tag = "schedule groups",
    operation_id = "deleteScheduleGroupTag", params(TagKey),
    responses((status = 204, description = "it is removed, or never was"))
)]
pub(crate) async fn delete_of_group(
    State(door): State<Door>,
    Asker(caller): Asker,
    Path(TagKey { name, key }): Path<TagKey>,
) -> Result<StatusCode, Refusal> {
    let arn = caller.schedule_group_arn(&name);
    gone(schedule_groups::untag(&door.engine, &caller, &arn, &[key]).await)
}

fn tag(key: &str, value: &str) -> tags::Tag {
    tags::Tag { key: key.to_owned(), value: value.to_owned() }
}

fn listed(tags: Vec<tags::Tag>) -> Response {
    let tags = tags.into_iter().map(|tag| (tag.key, tag.value)).collect();
    axum::Json(Tags { tags }).into_response()
}

fn put(added: u64, key: String, value: String) -> Response {
    let status = if added > 0 { StatusCode::CREATED } else { StatusCode::OK };
    (status, axum::Json(Tag { key, value })).into_response()
}
