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

use super::problem::Problem;
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
    /// Its group; `default` by default.
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
    /// 1 to 1000; 100 by default.
    limit: Option<u32>,
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
    /// At most 512 characters.
    reason: Option<String>,
}

/// List the schedules, by group and name.
#[utoipa::path(
    get, path = "/v1/schedules", tag = "schedules", params(Which),
    responses(
        (status = 200, body = Schedules),
        (status = 404, description = "there is no such group", body = Problem),
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
    let page = schedules::list(&door.engine, &caller, &filter, limit, token).await?;
    let shown = page.items.into_iter().map(|it| Schedule::of(&door.engine, &caller, it)).collect();
    let next_page_token = page.next_token;
    Ok(axum::Json(Schedules { schedules: shown, next_page_token }).into_response())
}

/// Describe a schedule.
#[utoipa::path(
    get, path = "/v1/schedules/{name}", tag = "schedules",
    params(("name" = String, Path), InGroup),
    responses((status = 200, body = Schedule), (status = 404, body = Problem))
)]
pub(crate) async fn describe(
    State(door): State<Door>,
    Asker(caller): Asker,
    Path(name): Path<String>,
    Params(InGroup { group }): Params<InGroup>,
) -> Result<Response, Refusal> {
    let schedule = schedules::describe(&door.engine, &caller, &Key::new(group, name)).await?;
    Ok(axum::Json(Schedule::of(&door.engine, &caller, schedule)).into_response())
}

/// Create a schedule, or set it up anew as a whole. Its group is made if it is not there.
#[utoipa::path(
    put, path = "/v1/schedules/{name}", tag = "schedules", request_body = NewSchedule,
    params(
        ("name" = String, Path,
         description = "1 to 64 letters, digits, hyphens, underscores and dots"),
        InGroup,
    ),
    responses(
        (status = 200, description = "it was set up anew", body = Schedule),
        (status = 201, description = "it was created", body = Schedule),
        (status = 400, body = Problem),
    )
)]
pub(crate) async fn put(
    State(door): State<Door>,
    Asker(caller): Asker,
    Path(name): Path<String>,
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
    delete, path = "/v1/schedules/{name}", tag = "schedules",
    params(("name" = String, Path), InGroup),
    responses((status = 204, description = "it is deleted"), (status = 404, body = Problem))
)]
pub(crate) async fn delete(
    State(door): State<Door>,
    Asker(caller): Asker,
    Path(name): Path<String>,
    Params(InGroup { group }): Params<InGroup>,
) -> Result<StatusCode, Refusal> {
    schedules::delete(&door.engine, &caller, &Key::new(group, name)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Pause a schedule: what comes due does not run, then or later. Pausing a paused one changes
/// its reason.
#[utoipa::path(
    post, path = "/v1/schedules/{name}/pause", tag = "schedules", request_body = Pause,
    params(("name" = String, Path), InGroup),
    responses((status = 200, body = Schedule), (status = 404, body = Problem))
)]
pub(crate) async fn pause(
    State(door): State<Door>,
    Asker(caller): Asker,
    Path(name): Path<String>,
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
    params(("name" = String, Path), InGroup),
    responses((status = 200, body = Schedule), (status = 404, body = Problem))
)]
pub(crate) async fn resume(
    State(door): State<Door>,
    Asker(caller): Asker,
    Path(name): Path<String>,
    Params(InGroup { group }): Params<InGroup>,
) -> Result<Response, Refusal> {
    let (key, state) = (Key::new(group, name), ScheduleState::Enabled);
    let schedule = schedules::set_state(&door.engine, &caller, &key, state, None).await?;
    Ok(axum::Json(Schedule::of(&door.engine, &caller, schedule)).into_response())
}
