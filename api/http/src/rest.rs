//! The REST door: the same operations in plain JSON under `/v1`.
//!
//! Inputs and outputs are JSON values, times are ISO 8601, errors are problem details
//! (RFC 9457), and `/openapi.json` describes it all.

mod activities;
mod executions;
mod functions;
mod problem;
mod request;
mod schedules;
mod security;
mod state_machines;
mod tasks;
mod validate;

use axum::Router;
use axum::routing::{get, post};
use utoipa::OpenApi;

use crate::{Door, live};

use security::Keys;

pub(crate) use executions::execution_arn;
pub(crate) use problem::{Problem, Refusal, problem, shown, status_problem};
pub(crate) use request::{Asker, Json, Params};

/// Everything under `/v1`.
pub(crate) fn routes() -> Router<Door> {
    Router::new()
        .route("/v1/state-machines", get(state_machines::list).post(state_machines::create))
        .route(
            "/v1/state-machines/{name}",
            get(state_machines::describe)
                .put(state_machines::replace)
                .delete(state_machines::delete),
        )
        .route("/v1/state-machines/{name}/executions", post(executions::start_of))
        .route("/v1/executions", get(executions::list).post(executions::start))
        .route("/v1/executions/{id}", get(executions::describe))
        .route("/v1/executions/{id}/stop", post(executions::stop))
        .route("/v1/executions/{id}/history", get(executions::history))
        .route("/v1/executions/{id}/events", get(live::events))
        .route("/v1/validate", post(validate::validate))
        .route("/v1/activities", get(activities::list))
        .route(
            "/v1/activities/{name}",
            get(activities::describe).put(activities::create).delete(activities::delete),
        )
        .route("/v1/activities/{name}/poll", post(activities::poll))
        .route("/v1/tasks/{token}/success", post(tasks::succeed))
        .route("/v1/tasks/{token}/failure", post(tasks::fail))
        .route("/v1/tasks/{token}/heartbeat", post(tasks::heartbeat))
        .route("/v1/functions", get(functions::list))
        .route(
            "/v1/functions/{name}",
            get(functions::describe).put(functions::register).delete(functions::delete),
        )
        .merge(schedules::routes())
}

/// The `OpenAPI` document of the REST door.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Statewright",
        description = "Runs state machines written in the Amazon States Language. The AWS API \
                       of Step Functions is served beside this one, at `POST /`."
    ),
    paths(
        state_machines::list,
        state_machines::create,
        state_machines::describe,
        state_machines::replace,
        state_machines::delete,
        executions::start_of,
        executions::start,
        executions::list,
        executions::describe,
        executions::stop,
        executions::history,
        crate::live::events,
        validate::validate,
        activities::list,
        activities::create,
        activities::describe,
        activities::delete,
        activities::poll,
        tasks::succeed,
        tasks::fail,
        tasks::heartbeat,
        functions::list,
        functions::describe,
        functions::register,
        functions::delete,
        schedules::list,
        schedules::put,
        schedules::describe,
        schedules::delete,
        schedules::pause,
        schedules::resume,
        schedules::preview::preview,
        schedules::preview::preview_expression,
        schedules::firings::firings,
        schedules::firings::run,
        schedules::firings::backfill,
        schedules::firings::backfills,
        schedules::firings::cancel_backfill,
    ),
    components(schemas(Problem)),
    modifiers(&Keys),
    tags(
        (name = "state machines", description = "Definitions that can be run"),
        (name = "executions", description = "Runs of state machines"),
        (name = "activities", description = "Names under which activity workers fetch tasks"),
        (name = "tasks", description = "Answers of whoever holds a task's token"),
        (name = "functions", description = "What tasks call over HTTP, by name"),
        (name = "schedules", description = "State machines that start by themselves"),
    )
)]
pub(crate) struct Document;
