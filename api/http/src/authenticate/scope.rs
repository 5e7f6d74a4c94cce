//! What each operation needs: `read` to look, `run` to have something done, `admin` to change
//! what is there. Each includes those before it.

use axum::http::Method;
use store::Scope;

use crate::error::{Kind, OperationError};

/// What a request needs to be admitted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Need {
    /// Nothing at all: a platform asks whether the process is well.
    Health,
    /// No key, as it tells nothing, or because a task's token is the authority.
    Nothing,
    /// A key that allows this.
    Scope(Scope),
}

const READ: Need = Need::Scope(Scope::Read);
const RUN: Need = Need::Scope(Scope::Run);
const ADMIN: Need = Need::Scope(Scope::Admin);

/// The operations of Step Functions that are served.
const STEP_FUNCTIONS: [(&str, Scope); 27] = [
    ("CreateActivity", Scope::Admin),
    ("CreateStateMachine", Scope::Admin),
    ("DeleteActivity", Scope::Admin),
    ("DeleteStateMachine", Scope::Admin),
    ("DeleteStateMachineVersion", Scope::Admin),
    ("DescribeActivity", Scope::Read),
    ("DescribeExecution", Scope::Read),
    ("DescribeStateMachine", Scope::Read),
    ("DescribeStateMachineForExecution", Scope::Read),
    ("GetActivityTask", Scope::Run),
    ("GetExecutionHistory", Scope::Read),
    ("ListActivities", Scope::Read),
    ("ListExecutions", Scope::Read),
    ("ListStateMachineVersions", Scope::Read),
    ("ListStateMachines", Scope::Read),
    ("ListTagsForResource", Scope::Read),
    ("PublishStateMachineVersion", Scope::Admin),
    ("SendTaskFailure", Scope::Run),
    ("SendTaskHeartbeat", Scope::Run),
    ("SendTaskSuccess", Scope::Run),
    ("StartExecution", Scope::Run),
    ("StartSyncExecution", Scope::Run),
    ("StopExecution", Scope::Run),
    ("TagResource", Scope::Admin),
    ("UntagResource", Scope::Admin),
    ("UpdateStateMachine", Scope::Admin),
    ("ValidateStateMachineDefinition", Scope::Read),
];

/// The actions of `EventBridge` Scheduler.
const SCHEDULER: [(&str, Scope); 12] = [
    ("CreateSchedule", Scope::Admin),
    ("CreateScheduleGroup", Scope::Admin),
    ("DeleteSchedule", Scope::Admin),
    ("DeleteScheduleGroup", Scope::Admin),
    ("GetSchedule", Scope::Read),
    ("GetScheduleGroup", Scope::Read),
    ("ListScheduleGroups", Scope::Read),
    ("ListSchedules", Scope::Read),
    ("ListTagsForResource", Scope::Read),
    ("TagResource", Scope::Admin),
    ("UntagResource", Scope::Admin),
    ("UpdateSchedule", Scope::Admin),
];

/// Methods and routes of the REST door, and what is beside it.
const REST: [(&str, &str, Need); 60] = [
    ("GET", "/", Need::Nothing),
    ("GET", "/healthz", Need::Health),
    ("GET", "/metrics", READ),
    ("GET", "/openapi.json", Need::Nothing),
    ("GET", "/readyz", Need::Health),
    ("DELETE", "/v1/activities/{name}", ADMIN),
    ("GET", "/v1/activities", READ),
    ("GET", "/v1/activities/{name}", READ),
    ("POST", "/v1/activities/{name}/poll", RUN),
    ("PUT", "/v1/activities/{name}", ADMIN),
    ("DELETE", "/v1/activities/{name}/tags/{key}", ADMIN),
    ("GET", "/v1/activities/{name}/tags", READ),
    ("PUT", "/v1/activities/{name}/tags/{key}", ADMIN),
    ("GET", "/v1/executions", READ),
    ("POST", "/v1/executions", RUN),
    ("GET", "/v1/executions/{id}", READ),
    ("GET", "/v1/executions/{id}/events", READ),
    ("GET", "/v1/executions/{id}/history", READ),
    ("POST", "/v1/executions/{id}/stop", RUN),
    ("DELETE", "/v1/functions/{name}", ADMIN),
    ("GET", "/v1/functions", READ),
    ("GET", "/v1/functions/{name}", READ),
    ("PUT", "/v1/functions/{name}", ADMIN),
    ("DELETE", "/v1/schedule-groups/{name}", ADMIN),
    ("GET", "/v1/schedule-groups", READ),
    ("GET", "/v1/schedule-groups/{name}", READ),
    ("PUT", "/v1/schedule-groups/{name}", ADMIN),
    ("DELETE", "/v1/schedule-groups/{name}/tags/{key}", ADMIN),
    ("GET", "/v1/schedule-groups/{name}/tags", READ),
    ("PUT", "/v1/schedule-groups/{name}/tags/{key}", ADMIN),
    ("POST", "/v1/schedules:preview", READ),
    ("GET", "/v1/schedules", READ),
    ("DELETE", "/v1/schedules/{name}", ADMIN),
    ("GET", "/v1/schedules/{name}", READ),
    ("PUT", "/v1/schedules/{name}", ADMIN),
    ("GET", "/v1/schedules/{name}/backfills", READ),
    ("POST", "/v1/schedules/{name}/backfills", RUN),
    ("DELETE", "/v1/schedules/{name}/backfills/{id}", RUN),
    ("GET", "/v1/schedules/{name}/firings", READ),
    ("POST", "/v1/schedules/{name}/pause", ADMIN),
    ("GET", "/v1/schedules/{name}/preview", READ),
    ("POST", "/v1/schedules/{name}/resume", ADMIN),
    ("POST", "/v1/schedules/{name}/run", RUN),
    ("GET", "/v1/state-machines", READ),
    ("POST", "/v1/state-machines", ADMIN),
    ("DELETE", "/v1/state-machines/{name}", ADMIN),
    ("GET", "/v1/state-machines/{name}", READ),
    ("PUT", "/v1/state-machines/{name}", ADMIN),
    ("POST", "/v1/state-machines/{name}/executions", RUN),
    ("DELETE", "/v1/state-machines/{name}/tags/{key}", ADMIN),
    ("GET", "/v1/state-machines/{name}/tags", READ),
    ("PUT", "/v1/state-machines/{name}/tags/{key}", ADMIN),
    ("DELETE", "/v1/state-machines/{name}/versions/{version}", ADMIN),
    ("GET", "/v1/state-machines/{name}/versions", READ),
    ("GET", "/v1/state-machines/{name}/versions/{version}", READ),
    ("POST", "/v1/state-machines/{name}/versions", ADMIN),
    ("POST", "/v1/tasks/{token}/failure", Need::Nothing),
    ("POST", "/v1/tasks/{token}/heartbeat", Need::Nothing),
    ("POST", "/v1/tasks/{token}/success", Need::Nothing),
    ("POST", "/v1/validate", READ),
];

/// What an operation of one of AWS's services needs. One that is not served is refused for what
/// it is to whoever has a key.
pub(super) fn of_operation(service: &str, operation: &str) -> Scope {
    let table: &[(&str, Scope)] = if service == "states" { &STEP_FUNCTIONS } else { &SCHEDULER };
    let found = table.iter().find(|(name, _)| *name == operation);
    found.map_or(Scope::Read, |(_, scope)| *scope)
}

/// What a request for this route needs; to hear that there is none takes a key, too.
pub(super) fn of_rest(method: &Method, route: &str) -> Need {
    // Whoever serves `GET` serves `HEAD`.
    let method = if method == Method::HEAD { &Method::GET } else { method };
    let found = REST.iter().find(|(known, path, _)| *known == method.as_str() && *path == route);
    found.map_or(READ, |(_, _, need)| *need)
}

/// The key is good, and not for this.
pub(super) fn insufficient(has: Scope, needed: Scope) -> OperationError {
    let (has, needed) = (has.as_str(), needed.as_str());
    let message =
        format!("the scope `{needed}` is needed here; the access key has the scope `{has}`");
    OperationError::new(Kind::AccessDenied, message)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::aws;

    #[test]
    fn every_operation_of_step_functions_needs_something() {
        let known: Vec<&str> = STEP_FUNCTIONS.iter().map(|(name, _)| *name).collect();
        assert_eq!(known, aws::SERVED);
    }

    #[test]
    fn every_action_of_scheduler_needs_something() {
        let served: BTreeSet<&str> = aws::scheduler::actions().collect();
        let known: BTreeSet<&str> = SCHEDULER.iter().map(|(name, _)| *name).collect();
        assert_eq!(known, served);
    }

    #[test]
    fn every_route_needs_something() {
        let document: serde_json::Value = serde_json::from_str(crate::openapi_json()).unwrap();
        let mut served: BTreeSet<(String, String)> = BTreeSet::new();
        for (path, methods) in document["paths"].as_object().unwrap() {
            for method in methods.as_object().unwrap().keys() {
                served.insert((method.to_uppercase(), path.clone()));
            }
        }
        for path in ["/", "/healthz", "/metrics", "/openapi.json", "/readyz"] {
            served.insert(("GET".to_owned(), path.to_owned()));
        }
        let known: BTreeSet<(String, String)> =
            REST.iter().map(|(method, path, _)| ((*method).into(), (*path).into())).collect();
        assert_eq!(known, served);
        assert_eq!(REST.len(), known.len(), "no route is there twice");
    }

    #[test]
    fn only_what_tells_nothing_and_holders_of_tokens_need_no_key() {
        let open: Vec<&str> = REST
            .iter()
            .filter(|(_, _, need)| !matches!(need, Need::Scope(_)))
            .map(|(_, path, _)| *path)
            .collect();
        assert_eq!(
            open,
            [
                "/",
                "/healthz",
                "/openapi.json",
                "/readyz",
                "/v1/tasks/{token}/failure",
                "/v1/tasks/{token}/heartbeat",
                "/v1/tasks/{token}/success",
            ]
        );
        assert_eq!(of_rest(&Method::HEAD, "/healthz"), Need::Health);
        assert_eq!(of_rest(&Method::POST, "/healthz"), READ);
        assert_eq!(of_rest(&Method::GET, "/nothing"), READ);
    }

    #[test]
    fn what_changes_something_does_not_come_with_a_key_to_look() {
        for (method, path, need) in REST {
            let looks = method == "GET"
                || ["/v1/validate", "/v1/schedules:preview"].contains(&path)
                || path.starts_with("/v1/tasks/");
            assert!(looks || matches!(need, RUN | ADMIN), "{method} {path}");
        }
        for (operation, scope) in STEP_FUNCTIONS.iter().chain(&SCHEDULER) {
            let looks = ["Describe", "List", "Get", "Validate"];
            let looks = looks.iter().any(|verb| operation.starts_with(verb));
            let is_poll = *operation == "GetActivityTask";
            assert_eq!(*scope == Scope::Read, looks && !is_poll, "{operation}");
        }
    }
}
