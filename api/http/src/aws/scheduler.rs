//! `EventBridge` Scheduler's door: REST-JSON, as every SDK of AWS speaks it to that service.
//!
//! The path names the thing, the method the action; members lie in path, query and body. What
//! Statewright does not do is refused by name.

mod answer;
mod groups;
mod schedules;
mod target;

use std::collections::HashMap;

use axum::Router;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{MatchedPath, Path, Query, Request, State};
use axum::http::request::Parts;
use axum::http::{Method, Uri};
use axum::response::Response;
use axum::routing::any;
use serde_json::Value;

use crate::error::OperationError;
use crate::operations::Caller;
use crate::{Door, body};

use super::members::{Members, Pattern, Text};

pub(crate) use answer::{Answer, refuse, status_refusal};

const SCHEDULES: &str = "/schedules";
const SCHEDULE: &str = "/schedules/{name}";
const GROUPS: &str = "/schedule-groups";
const GROUP: &str = "/schedule-groups/{name}";
const TAGS: &str = "/tags/{*name}";

/// The names of schedules and groups, in the model's words.
const NAME: Text = Text::within(1, 64).matching(Pattern {
    spelled: "[0-9a-zA-Z-_.]+",
    matches: |text| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)),
});
const CLIENT_TOKEN: Text = Text::within(1, 64).matching(Pattern {
    spelled: "[a-zA-Z0-9-_]+",
    matches: |text| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)),
});
const NEXT_TOKEN: Text = Text::within(1, 2048);

/// Everything of `EventBridge` Scheduler.
pub(crate) fn routes() -> Router<Door> {
    Router::new()
        .route(SCHEDULES, any(serve))
        .route(SCHEDULE, any(serve))
        .route(GROUPS, any(serve))
        .route(GROUP, any(serve))
        .route(TAGS, any(serve))
}

/// Whether a request for this path is one for this door.
pub(crate) fn is_path(path: &str) -> bool {
    let mut parts = path.splitn(3, '/').skip(1);
    matches!(parts.next(), Some("schedules" | "schedule-groups" | "tags"))
}

/// The action that this method has on this route; `None` if it has none.
pub(crate) fn action(method: &Method, route: &str) -> Option<&'static str> {
    Some(match (method.as_str(), route) {
        ("POST", SCHEDULE) => "CreateSchedule",
        ("GET", SCHEDULE) => "GetSchedule",
        ("PUT", SCHEDULE) => "UpdateSchedule",
        ("DELETE", SCHEDULE) => "DeleteSchedule",
        ("GET", SCHEDULES) => "ListSchedules",
        ("POST", GROUP) => "CreateScheduleGroup",
        ("GET", GROUP) => "GetScheduleGroup",
        ("DELETE", GROUP) => "DeleteScheduleGroup",
        ("GET", GROUPS) => "ListScheduleGroups",
        ("POST", TAGS) => "TagResource",
        ("DELETE", TAGS) => "UntagResource",
        ("GET", TAGS) => "ListTagsForResource",
        _ => return None,
    })
}

async fn serve(
    State(door): State<Door>,
    route: MatchedPath,
    path: Result<Path<HashMap<String, String>>, PathRejection>,
    request: Request,
) -> Response {
    let (mut parts, body) = request.into_parts();
    let Some(action) = action(&parts.method, route.as_str()) else {
        return status_refusal(axum::http::StatusCode::METHOD_NOT_ALLOWED);
    };
    let Some(caller) = parts.extensions.get::<Caller>().cloned() else {
        return refuse(&OperationError::nobody());
    };
    let answer = async {
        let members = members(&door, &mut parts, path, body).await?;
        dispatch(&door, &caller, action, members).await
    };
    match answer.await {
        Ok(answer) => answer.into_response(),
        Err(refusal) => refuse(&refusal),
    }
}

async fn dispatch(
    door: &Door,
    caller: &Caller,
    action: &str,
    members: Members,
) -> Result<Answer, OperationError> {
    let engine = &door.engine;
    match action {
        "CreateSchedule" => schedules::create(engine, caller, members).await,
        "GetSchedule" => schedules::get(engine, caller, members).await,
        "UpdateSchedule" => schedules::update(engine, caller, members).await,
        "DeleteSchedule" => schedules::delete(engine, caller, members).await,
        "ListSchedules" => schedules::list(engine, caller, members).await,
        "CreateScheduleGroup" => groups::create(engine, caller, members).await,
        "GetScheduleGroup" => groups::get(engine, caller, members).await,
        "DeleteScheduleGroup" => groups::delete(engine, caller, members).await,
        "ListScheduleGroups" => groups::list(engine, caller, members).await,
        "TagResource" => groups::tag(engine, caller, members).await,
        "UntagResource" => groups::untag(engine, caller, members).await,
        "ListTagsForResource" => groups::list_tags(engine, caller, members).await,
        other => Err(OperationError::validation(format!("`{other}` is not an action"))),
    }
}

/// The members of a request, wherever they lie, under their names in the model.
async fn members(
    door: &Door,
    parts: &mut Parts,
    path: Result<Path<HashMap<String, String>>, PathRejection>,
    body: Body,
) -> Result<Members, OperationError> {
    let bytes = body::read_once(parts, body, &door.bodies).await?;
    let has_body = matches!(parts.method, Method::POST | Method::PUT);
    let mut members = Members::of(if has_body { &bytes } else { b"" })?;
    let unreadable = |_| OperationError::validation("the path is not UTF-8 when decoded");
    let Path(labels) = path.map_err(unreadable)?;
    if let Some(label) = labels.get("name") {
        let name = if parts.uri.path().starts_with("/tags/") { "ResourceArn" } else { "Name" };
        members.add(name, Value::from(label.as_str()));
    }
    if !has_body {
        in_query(&mut members, &parts.uri)?;
    }
    Ok(members)
}

/// The members that lie in the query.
fn in_query(members: &mut Members, uri: &Uri) -> Result<(), OperationError> {
    let Query(given) = Query::<Vec<(String, String)>>::try_from_uri(uri).map_err(|why| {
        OperationError::validation(format!("the query cannot be read: {}", why.body_text()))
    })?;
    let mut keys = Vec::new();
    for (name, value) in given {
        match name.as_str() {
            "TagKeys" => keys.push(Value::from(value)),
            "MaxResults" => {
                members.add(&name, value.parse::<i64>().map_or(Value::from(value), Value::from));
            }
            "groupName" | "ScheduleGroup" => members.add("GroupName", Value::from(value)),
            "clientToken" => members.add("ClientToken", Value::from(value)),
            "NamePrefix" | "State" | "NextToken" => members.add(&name, Value::from(value)),
            _ => {}
        }
    }
    if !keys.is_empty() {
        members.add("TagKeys", Value::Array(keys));
    }
    Ok(())
}

/// All actions, wherever they are.
#[cfg(test)]
pub(crate) fn actions() -> impl Iterator<Item = &'static str> {
    const METHODS: [Method; 5] =
        [Method::GET, Method::POST, Method::PUT, Method::DELETE, Method::PATCH];
    let routes = [SCHEDULES, SCHEDULE, GROUPS, GROUP, TAGS];
    routes.into_iter().flat_map(|route| METHODS.map(|method| action(&method, route))).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_12_actions_are_served() {
        assert_eq!(actions().count(), 12);
    }

    #[test]
    fn paths_of_this_door_are_told_from_others() {
        for path in ["/schedules", "/schedules/a", "/schedule-groups/a/b", "/tags/arn%3Aaws"] {
            assert!(is_path(path), "{path}");
        }
        for path in ["/", "/v1/schedules", "/schedulesque", "/tagsy", ""] {
            assert!(!is_path(path), "{path}");
        }
    }
}
