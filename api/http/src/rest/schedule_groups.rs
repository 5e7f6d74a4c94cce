//! `/v1/schedule-groups`: schedules that are kept, and deleted, together.

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, put as putting};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Door;
use crate::operations::{Caller, schedule_groups};

use super::paths::GroupName;
use super::problem::Problem;
use super::query::Limit;
use super::request::gone;
use super::{Asker, Params, Refusal, tags};

/// Everything under `/v1/schedule-groups`.
pub(crate) fn routes() -> Router<Door> {
    Router::new()
        .route("/v1/schedule-groups", get(list))
        .route("/v1/schedule-groups/{name}", get(describe).put(put).delete(delete))
        .route("/v1/schedule-groups/{name}/tags", get(tags::of_group))
        .route(
            "/v1/schedule-groups/{name}/tags/{key}",
            putting(tags::put_of_group).delete(tags::delete_of_group),
        )
}

/// Which groups, and which page of them.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Which {
    /// Only those whose names begin so.
    prefix: Option<String>,
    /// Most items of the page.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 1000, default = 100)]
    limit: Option<Limit>,
    /// Where the page begins: the `next_page_token` of the one before.
    page_token: Option<String>,
}

/// A group of schedules.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ScheduleGroup {
    arn: String,
    name: String,
    state: GroupState,
    created_at: DateTime<Utc>,
    modified_at: DateTime<Utc>,
}

/// Where a group is in life.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ScheduleGroupState)]
pub(crate) enum GroupState {
    Active,
    /// Until the last of its schedules is gone.
    Deleting,
}

/// A page of groups.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ScheduleGroups {
    groups: Vec<ScheduleGroup>,
    /// Pass it as `page_token` for the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
}

/// List the groups of schedules, by name.
#[utoipa::path(
    get, path = "/v1/schedule-groups", tag = "schedule groups",
    operation_id = "listScheduleGroups", params(Which),
    responses((status = 200, description = "a page of them", body = ScheduleGroups))
)]
pub(crate) async fn list(
    State(door): State<Door>,
    Asker(caller): Asker,
    Params(Which { prefix, limit, page_token }): Params<Which>,
) -> Result<Response, Refusal> {
    let (prefix, token) = (prefix.as_deref(), page_token.as_deref());
    let limit = limit.map(Limit::number);
    let page = schedule_groups::list(&door.engine, &caller, prefix, limit, token).await?;
    let groups = page.items.into_iter().map(|group| ScheduleGroup::of(&caller, group)).collect();
    Ok(axum::Json(ScheduleGroups { groups, next_page_token: page.next_token }).into_response())
}

/// Describe a group of schedules.
#[utoipa::path(
    get, path = "/v1/schedule-groups/{name}", tag = "schedule groups",
    operation_id = "describeScheduleGroup", params(GroupName),
    responses(
        (status = 200, description = "the group", body = ScheduleGroup),
        (status = 404, description = "there is no such group: `ResourceNotFoundException`", body = Problem),
    )
)]
pub(crate) async fn describe(
    State(door): State<Door>,
    Asker(caller): Asker,
    Path(GroupName { name }): Path<GroupName>,
) -> Result<Response, Refusal> {
    let group = schedule_groups::describe(&door.engine, &caller, &name).await?;
    Ok(axum::Json(ScheduleGroup::of(&caller, group)).into_response())
}

/// Create a group of schedules, unless one of this name is there.
#[utoipa::path(
    put, path = "/v1/schedule-groups/{name}", tag = "schedule groups",
    operation_id = "putScheduleGroup", params(GroupName),
    responses(
        (status = 200, description = "it was there", body = ScheduleGroup),
        (status = 201, description = "it was created", body = ScheduleGroup),
        (status = 409, description = "it is being deleted: `ConflictException`", body = Problem),
    )
)]
pub(crate) async fn put(
    State(door): State<Door>,
    Asker(caller): Asker,
    Path(GroupName { name }): Path<GroupName>,
) -> Result<Response, Refusal> {
    let (group, is_new) = schedule_groups::put(&door.engine, &caller, &name).await?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, axum::Json(ScheduleGroup::of(&caller, group))).into_response())
}

/// Delete a group with its schedules. Executions they started go on. The group `default` is always
/// there.
#[utoipa::path(
    delete, path = "/v1/schedule-groups/{name}", tag = "schedule groups",
    operation_id = "deleteScheduleGroup", params(GroupName),
    responses((status = 204, description = "it is deleted or being deleted, or never was"))
)]
pub(crate) async fn delete(
    State(door): State<Door>,
    Asker(caller): Asker,
    Path(GroupName { name }): Path<GroupName>,
) -> Result<StatusCode, Refusal> {
    gone(schedule_groups::delete(&door.engine, &caller, &name).await)
}

impl ScheduleGroup {
    fn of(caller: &Caller, group: store::ScheduleGroup) -> Self {
        let state = if group.is_deleting { GroupState::Deleting } else { GroupState::Active };
        Self {
            arn: caller.schedule_group_arn(&group.name),
            name: group.name,
            state,
            created_at: group.created_at,
            modified_at: group.modified_at,
        }
    }
}
