//! `/v1/schedules`: state machines that start by themselves.

pub(super) mod firings;
pub(super) mod preview;
mod shapes;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete as removing, get, post};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Door;
use crate::operations::schedules::{self, Filter, Key, ScheduleState};

use super::paths::ScheduleName;
use super::problem::Problem;
use super::query::Limit;
use super::request::gone;
use super::{Asker, Json, Params, Refusal};

use shapes::{NewSchedule, Schedule, State as StateWord};

/// Everything under `/v1/schedules`.
pub(crate) fn routes() -> Router<Door> {
    Router::new()
        .route("/v1/schedules", get(list))
        .route("/v1/schedules:preview", post(preview::preview_expression))
        .route("/v1/schedules/{name}", get(describe).put(put).delete(delete))
        .route("/v1/schedules/{name}/pause", post(pause))
        .route("/v1/schedules/{name}/resume", post(resume))
        .route("/v1/schedules/{name}/run", post(firings::run))
        .route("/v1/schedules/{name}/firings", get(firings::firings))
        .route("/v1/schedules/{name}/preview", get(preview::preview))
        .route("/v1/schedules/{name}/backfills", get(firings::backfills).post(firings::backfill))
        .route("/v1/schedules/{name}/backfills/{id}", removing(firings::cancel_backfill))
}

/// In which group a schedule is.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct InGroup {
    /// Its group.
    #[param(default = "default")]
    group: Option<String>,
}

/// Which schedules, and which page of them.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Which {
    /// Only those of this group.
    group: Option<String>,
    /// Only those whose names begin so.
    prefix: Option<String>,
    /// Only those that are enabled, or paused.
    state: Option<StateWord>,
    /// Most items of the page.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 1000, default = 100)]
    limit: Option<Limit>,
    /// Where the page begins: the `next_page_token` of the one before.
    page_token: Option<String>,
}

/// A page of schedules.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Schedules {
    schedules: Vec<Schedule>,
    /// Pass it as `page_token` for the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
}

/// Why a schedule is paused.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Pause {
    /// Shown with the schedule and in its log.
    #[schema(max_length = 512)]
    reason: Option<String>,
}

/// List the schedules, by group and name.
#[utoipa::path(
    get, path = "/v1/schedules", tag = "schedules", operation_id = "listSchedules", params(Which),
    responses(
        (status = 200, description = "a page of them", body = Schedules),
        (status = 404, description = "there is no such group: `ResourceNotFoundException`", body = Problem),
    )
)]
pub(crate) async fn list(
    State(door): State<Door>,
    Asker(caller): Asker,
    Params(which): Params<Which>,
) -> Result<Response, Refusal> {
    let Which { group, prefix, state, limit, page_token } = which;
    let filter = Filter { group, prefix, state: state.map(ScheduleState::from) };
    let token = page_token.as_deref();
    let page =
        schedules::list(&door.engine, &caller, &filter, limit.map(Limit::number), token).await?;
    let shown = page.items.into_iter().map(|it| Schedule::of(&door.engine, &caller, it)).collect();
    let next_page_token = page.next_token;
    Ok(axum::Json(Schedules { schedules: shown, next_page_token }).into_response())
}

/// Describe a schedule.
#[utoipa::path(
    get, path = "/v1/schedules/{name}", tag = "schedules", operation_id = "describeSchedule",
    params(ScheduleName, InGroup),
    responses(
        (status = 200, description = "the schedule", body = Schedule),
        (status = 404, description = "there is no such schedule, or no such group: \
            `ResourceNotFoundException`", body = Problem),
    )
)]
pub(crate) async fn describe(
    State(door): State<Door>,
    Asker(caller): Asker,
    Path(ScheduleName { name }): Path<ScheduleName>,
    Params(InGroup { group }): Params<InGroup>,
) -> Result<Response, Refusal> {
    let schedule = schedules::describe(&door.engine, &caller, &Key::new(group, name)).await?;
    Ok(axum::Json(Schedule::of(&door.engine, &caller, schedule)).into_response())
}

/// Create a schedule, or set it up anew as a whole. Its group is made if it is not there.
#[utoipa::path(
    put, path = "/v1/schedules/{name}", tag = "schedules", operation_id = "putSchedule",
    params(ScheduleName, InGroup), request_body = NewSchedule,
    responses(
        (status = 200, description = "it was set up anew", body = Schedule),
        (status = 201, description = "it was created", body = Schedule,
         headers(("Location" = String, description = "the path of the schedule"))),
        (status = 400, description = "this is no ARN of a role: `InvalidArn`", body = Problem),
        (status = 409, description = "its group is being deleted: `ConflictException`", body = Problem),
    )
)]
pub(crate) async fn put(
    State(door): State<Door>,
    Asker(caller): Asker,
    Path(ScheduleName { name }): Path<ScheduleName>,
    Params(InGroup { group }): Params<InGroup>,
    Json(new): Json<NewSchedule>,
) -> Result<Response, Refusal> {
    let engine = &door.engine;
    let settings = new.into_settings(&caller, &name)?;
    let (schedule, is_new) =
        schedules::put(engine, &caller, &Key::new(group, name), settings).await?;
    let warnings = schedules::warnings(engine, &caller, &schedule).await?;
    let location = format!("/v1/schedules/{}?group={}", schedule.name, schedule.group);
    let shown = Schedule::of(engine, &caller, schedule).warning(warnings);
    if !is_new {
        return Ok(axum::Json(shown).into_response());
    }
    let mut response = (StatusCode::CREATED, axum::Json(shown)).into_response();
    if let Ok(location) = HeaderValue::try_from(location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

/// Delete a schedule with its log. Executions it started go on.
#[utoipa::path(
    delete, path = "/v1/schedules/{name}", tag = "schedules", operation_id = "deleteSchedule",
    params(ScheduleName, InGroup),
    responses((status = 204, description = "it is deleted, or never was"))
)]
pub(crate) async fn delete(
    State(door): State<Door>,
    Asker(caller): Asker,
    Path(ScheduleName { name }): Path<ScheduleName>,
    Params(InGroup { group }): Params<InGroup>,
) -> Result<StatusCode, Refusal> {
    gone(schedules::delete(&door.engine, &caller, &Key::new(group, name)).await)
}

/// Pause a schedule: what comes due does not run, then or later. Pausing a paused one changes
/// its reason.
#[utoipa::path(
    post, path = "/v1/schedules/{name}/pause", tag = "schedules",
    operation_id = "pauseSchedule", params(ScheduleName, InGroup), request_body = Option<Pause>,
    responses(
        (status = 200, description = "the schedule", body = Schedule),
        (status = 404, description = "there is no such schedule, or no such group: \
            `ResourceNotFoundException`", body = Problem),
    )
)]
pub(crate) async fn pause(
    State(door): State<Door>,
    Asker(caller): Asker,
    Path(ScheduleName { name }): Path<ScheduleName>,
    Params(InGroup { group }): Params<InGroup>,
    Json(Pause { reason }): Json<Pause>,
) -> Result<Response, Refusal> {
    let (key, state) = (Key::new(group, name), ScheduleState::Paused);
    let schedule =
        schedules::set_state(&door.engine, &caller, &key, state, reason.as_deref()).await?;
    Ok(axum::Json(Schedule::of(&door.engine, &caller, schedule)).into_response())
}

/// Let a schedule fire again, from its next due time on.
#[utoipa::path(
    post, path = "/v1/schedules/{name}/resume", tag = "schedules",
    operation_id = "resumeSchedule", params(ScheduleName, InGroup),
    responses(
        (status = 200, description = "the schedule", body = Schedule),
        (status = 404, description = "there is no such schedule, or no such group: \
            `ResourceNotFoundException`", body = Problem),
    )
)]
pub(crate) async fn resume(
    State(door): State<Door>,
    Asker(caller): Asker,
    Path(ScheduleName { name }): Path<ScheduleName>,
    Params(InGroup { group }): Params<InGroup>,
) -> Result<Response, Refusal> {
    let (key, state) = (Key::new(group, name), ScheduleState::Enabled);
    let schedule = schedules::set_state(&door.engine, &caller, &key, state, None).await?;
    Ok(axum::Json(Schedule::of(&door.engine, &caller, schedule)).into_response())
}
