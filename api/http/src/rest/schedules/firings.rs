//! The decision log of a schedule: why it did, or did not, run. And runs at a user's wish.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::Door;
use crate::operations::Caller;
use crate::operations::schedules::{
    self, AskedBackfill, BackfillState, FiringKind, FiringState, FiringsAsked, Key,
};
use crate::rest::paths::{BackfillId, ScheduleName};
use crate::rest::problem::Problem;
use crate::rest::query::Limit;
use crate::rest::request::gone;
use crate::rest::{Asker, Json, Params, Refusal};

use super::InGroup;

/// Which firings, and which page of them.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct WhichFirings {
    /// The group of the schedule.
    #[param(default = "default")]
    group: Option<String>,
    /// Only those due at or after.
    from: Option<DateTime<Utc>>,
    /// Only those due before.
    until: Option<DateTime<Utc>>,
    /// Only those that are so far.
    state: Option<StateWord>,
    /// Most items of the page.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 1000, default = 100)]
    limit: Option<Limit>,
    /// Where the page begins: the `next_page_token` of the one before.
    page_token: Option<String>,
}

/// How far a firing is.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = FiringState)]
pub(crate) enum StateWord {
    /// It will be tried.
    Pending,
    /// It waits for an earlier execution to end.
    Queued,
    /// Its execution was started.
    Started,
    /// It was decided that it does not run.
    Skipped,
    /// Its execution could not be started.
    Failed,
}

/// What brings a firing about.
#[derive(ToSchema)]
#[schema(as = FiringKind, rename_all = "snake_case")]
#[expect(dead_code, reason = "it stands in the document for what `FiringKind::as_str` says")]
pub(crate) enum KindWord {
    Scheduled,
    CatchUp,
    RunNow,
    Backfill,
}

/// How far a backfill is.
#[derive(ToSchema)]
#[schema(as = BackfillState, rename_all = "snake_case")]
#[expect(dead_code, reason = "it stands in the document for what `BackfillState::as_str` says")]
pub(crate) enum BackfillWord {
    Running,
    Done,
    Cancelled,
}

/// A time that a schedule came due, and what became of it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Firing {
    /// When it was due, before jitter.
    due_at: DateTime<Utc>,
    /// What brought it about.
    #[schema(value_type = KindWord)]
    kind: &'static str,
    state: StateWord,
    /// Why it did or did not run; of one that waits, why it waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// The execution that was started.
    #[serde(skip_serializing_if = "Option::is_none")]
    execution_arn: Option<String>,
    /// When it might start: when it was due, and jitter.
    fire_at: DateTime<Utc>,
    /// How many times it was tried.
    attempts: i32,
    /// When it is tried next; absent once it is decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_try_at: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    decided_at: Option<DateTime<Utc>>,
    /// Where this stands for several due times that were decided alike: the first of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<DateTime<Utc>>,
    /// For how many due times this stands.
    due_count: i64,
    /// The request that asked for it: what `run` was asked with, or the id of a backfill.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = "uuid")]
    request: Option<Uuid>,
}

/// A page of firings.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Firings {
    firings: Vec<Firing>,
    /// Pass it as `page_token` for the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
}

/// A run at a user's wish.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Run {
    /// Asking twice with the same makes one firing; a new one by default.
    #[schema(value_type = Option<String>, format = "uuid")]
    request: Option<Uuid>,
}

/// A range to run a schedule for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewBackfill {
    /// The first instant of the range.
    from: DateTime<Utc>,
    /// The first instant after the range; not in the future.
    until: DateTime<Utc>,
    /// Most firings in a minute.
    #[schema(minimum = 1, maximum = 6000, default = 60)]
    per_minute: Option<i32>,
    /// Asking twice with the same makes one backfill; a new one by default.
    #[schema(value_type = Option<String>, format = "uuid")]
    id: Option<Uuid>,
}

/// A backfill.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Backfill {
    #[schema(value_type = String, format = "uuid")]
    id: Uuid,
    from: DateTime<Utc>,
    until: DateTime<Utc>,
    per_minute: i32,
    #[schema(value_type = BackfillWord)]
    state: &'static str,
    /// How many firings it has made.
    firings: i64,
    created_at: DateTime<Utc>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<DateTime<Utc>>,
}

/// The newest backfills of a schedule.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Backfills {
    backfills: Vec<Backfill>,
}

/// List the firings of a schedule, the latest due time first. The last thousand are kept.
#[utoipa::path(
    get, path = "/v1/schedules/{name}/firings", tag = "schedules",
    operation_id = "listFirings", params(ScheduleName, WhichFirings),
    responses(
        (status = 200, description = "a page of them", body = Firings),
        (status = 404, description = "there is no such schedule, or no such group: \
            `ResourceNotFoundException`", body = Problem),
    )
)]
pub(crate) async fn firings(
    State(door): State<Door>,
    Asker(caller): Asker,
    Path(ScheduleName { name }): Path<ScheduleName>,
    Params(which): Params<WhichFirings>,
) -> Result<Response, Refusal> {
    let WhichFirings { group, from, until, state, limit, page_token } = which;
    let asked = FiringsAsked { from, until, state: state.map(FiringState::from) };
    let (key, token) = (Key::new(group, name), page_token.as_deref());
    let page =
        schedules::firings(&door.engine, &caller, &key, asked, limit.map(Limit::number), token)
            .await?;
    let firings = page.items.into_iter().map(|it| Firing::of(&caller, it)).collect();
    Ok(axum::Json(Firings { firings, next_page_token: page.next_token }).into_response())
}

/// Run a schedule now, even a paused one.
#[utoipa::path(
    post, path = "/v1/schedules/{name}/run", tag = "schedules",
    operation_id = "runSchedule", params(ScheduleName, InGroup), request_body = Option<Run>,
    responses(
        (status = 202, description = "it will be tried at once", body = Firing),
        (status = 404, description = "there is no such schedule, or no such group: \
            `ResourceNotFoundException`", body = Problem),
        (status = 429, description = "a thousand firings wait already: `ThrottlingException`", body = Problem),
    )
)]
pub(crate) async fn run(
    State(door): State<Door>,
    Asker(caller): Asker,
    Path(ScheduleName { name }): Path<ScheduleName>,
    Params(InGroup { group }): Params<InGroup>,
    Json(Run { request }): Json<Run>,
) -> Result<Response, Refusal> {
    let firing = schedules::run_now(&door.engine, &caller, &Key::new(group, name), request).await?;
    Ok((StatusCode::ACCEPTED, axum::Json(Firing::of(&caller, firing))).into_response())
}

/// Run a schedule, even a paused one, for the times it was due in a range.
#[utoipa::path(
    post, path = "/v1/schedules/{name}/backfills", tag = "schedules",
    operation_id = "startBackfill", params(ScheduleName, InGroup), request_body = NewBackfill,
    responses(
        (status = 202, description = "it runs", body = Backfill),
        (status = 404, description = "there is no such schedule, or no such group: \
            `ResourceNotFoundException`", body = Problem),
        (status = 409, description = "one of this id is for another range: `ConflictException`", body = Problem),
        (status = 429, description = "ten backfills run already: `ThrottlingException`", body = Problem),
    )
)]
pub(crate) async fn backfill(
    State(door): State<Door>,
    Asker(caller): Asker,
    Path(ScheduleName { name }): Path<ScheduleName>,
    Params(InGroup { group }): Params<InGroup>,
    Json(new): Json<NewBackfill>,
) -> Result<Response, Refusal> {
    let NewBackfill { from, until, per_minute, id } = new;
    let asked = AskedBackfill { id, from, until, per_minute };
    let key = Key::new(group, name);
    let backfill = schedules::backfill(&door.engine, &caller, &key, asked).await?;
    Ok((StatusCode::ACCEPTED, axum::Json(Backfill::from(backfill))).into_response())
}

/// List the backfills of a schedule: those that run, and the last fifty that ended.
#[utoipa::path(
    get, path = "/v1/schedules/{name}/backfills", tag = "schedules",
    operation_id = "listBackfills", params(ScheduleName, InGroup),
    responses(
        (status = 200, description = "all of them", body = Backfills),
        (status = 404, description = "there is no such schedule, or no such group: \
            `ResourceNotFoundException`", body = Problem),
    )
)]
pub(crate) async fn backfills(
    State(door): State<Door>,
    Asker(caller): Asker,
    Path(ScheduleName { name }): Path<ScheduleName>,
    Params(InGroup { group }): Params<InGroup>,
) -> Result<Response, Refusal> {
    let found = schedules::backfills(&door.engine, &caller, &Key::new(group, name)).await?;
    let backfills = found.into_iter().map(Backfill::from).collect();
    Ok(axum::Json(Backfills { backfills }).into_response())
}

/// Cancel a backfill. What it has started goes on; what waits is skipped.
#[utoipa::path(
    delete, path = "/v1/schedules/{name}/backfills/{id}", tag = "schedules",
    operation_id = "cancelBackfill", params(BackfillId, InGroup),
    responses((status = 204, description = "it is cancelled, was over, or never was"))
)]
pub(crate) async fn cancel_backfill(
    State(door): State<Door>,
    Asker(caller): Asker,
    Path(BackfillId { name, id }): Path<BackfillId>,
    Params(InGroup { group }): Params<InGroup>,
) -> Result<StatusCode, Refusal> {
    let key = Key::new(group, name);
    let Ok(id) = id.parse() else { return Ok(StatusCode::NO_CONTENT) };
    gone(schedules::cancel_backfill(&door.engine, &caller, &key, id).await)
}

impl Firing {
    fn of(caller: &Caller, firing: store::Firing) -> Self {
        let execution_arn = firing
            .started
            .map(|started| caller.execution_arn(&started.state_machine, &started.name));
        Self {
            due_at: firing.key.due_at,
            kind: FiringKind::as_str(firing.kind),
            state: firing.state.into(),
            reason: firing.reason,
            execution_arn,
            fire_at: firing.fire_at,
            attempts: firing.attempts,
            next_try_at: firing.next_try_at,
            decided_at: firing.decided_at,
            since: firing.since,
            due_count: firing.due_count,
            request: Some(firing.key.request).filter(|request| !request.is_nil()),
        }
    }
}

impl From<store::Backfill> for Backfill {
    fn from(backfill: store::Backfill) -> Self {
        let store::Backfill { id, from, until, per_minute, state, firings, .. } = backfill;
        let state = BackfillState::as_str(state);
        let store::Backfill { created_at, ended_at, .. } = backfill;
        Self { id, from, until, per_minute, state, firings, created_at, ended_at }
    }
}

impl From<StateWord> for FiringState {
    fn from(state: StateWord) -> Self {
        match state {
            StateWord::Pending => Self::Pending,
            StateWord::Queued => Self::Queued,
            StateWord::Started => Self::Started,
            StateWord::Skipped => Self::Skipped,
            StateWord::Failed => Self::Failed,
        }
    }
}

impl From<FiringState> for StateWord {
    fn from(state: FiringState) -> Self {
        match state {
            FiringState::Pending => Self::Pending,
            FiringState::Queued => Self::Queued,
            FiringState::Started => Self::Started,
            FiringState::Skipped => Self::Skipped,
            FiringState::Failed => Self::Failed,
        }
    }
}
