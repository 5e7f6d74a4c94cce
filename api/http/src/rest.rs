//! The REST door: the same operations in plain JSON under `/v1`.
//!
//! Inputs and outputs are JSON values, times are ISO 8601, errors are problem details
//! (RFC 9457), and `/openapi.json` describes it all.

mod activities;
mod document;
mod executions;
mod functions;
mod paths;
mod problem;
mod query;
mod request;
mod schedule_groups;
mod schedules;
mod security;
mod state_machines;
mod tags;
mod tasks;
mod validate;
mod versions;

use axum::Router;
use axum::middleware;
use axum::routing::{get, post, put};

use crate::{Door, live};

pub(crate) use document::document;
pub(crate) use executions::execution_arn;
pub(crate) use paths::ExecutionId;
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
        .route("/v1/state-machines/{name}/versions", get(versions::list).post(versions::publish))
        .route(
            "/v1/state-machines/{name}/versions/{version}",
            get(versions::describe).delete(versions::delete),
        )
        .route("/v1/state-machines/{name}/tags", get(tags::of_machine))
        .route(
            "/v1/state-machines/{name}/tags/{key}",
            put(tags::put_of_machine).delete(tags::delete_of_machine),
        )
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
        .route("/v1/activities/{name}/tags", get(tags::of_activity))
        .route(
            "/v1/activities/{name}/tags/{key}",
            put(tags::put_of_activity).delete(tags::delete_of_activity),
        )
        .route("/v1/tasks/{token}/success", post(tasks::succeed))
        .route("/v1/tasks/{token}/failure", post(tasks::fail))
        .route("/v1/tasks/{token}/heartbeat", post(tasks::heartbeat))
        .route("/v1/functions", get(functions::list))
        .route(
            "/v1/functions/{name}",
            get(functions::describe).put(functions::register).delete(functions::delete),
        )
        .merge(schedules::routes())
        .merge(schedule_groups::routes())
        .route_layer(middleware::from_fn(query::known_only))
}
