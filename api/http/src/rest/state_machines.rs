//! `/v1/state-machines`: create, replace, list, describe, delete.

use std::collections::BTreeMap;

use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::Door;
use crate::error::{Kind, OperationError};
use crate::operations::Caller;
use crate::operations::state_machines::{self, Create, Created, Described, MachineType, Update};
use crate::operations::tags::Tag;

use super::problem::Problem;
use super::{Asker, Json, Params, Refusal};

/// A state machine to create.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewStateMachine {
    /// 1 to 80 characters, as AWS takes them; given by the path where that names it.
    name: Option<String>,
    /// The definition in the Amazon States Language: a JSON object, or its text.
    #[schema(value_type = Object)]
    definition: Box<RawValue>,
    #[serde(default)]
    r#type: MachineType,
    /// Kept and echoed; by default a role of this name in the account.
    role_arn: Option<String>,
    #[serde(default)]
    tags: BTreeMap<String, String>,
    /// Whether a version is published.
    #[serde(default)]
    publish: bool,
    /// What the published version is about.
    version_description: Option<String>,
}

/// A state machine.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StateMachine {
    arn: String,
    name: String,
    r#type: MachineType,
    /// `ACTIVE` or `DELETING`.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'static str>,
    /// The definition, with the white space and order of keys it was written with.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    definition: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    role_arn: Option<String>,
    /// Absent until the state machine is updated for the first time.
    #[serde(skip_serializing_if = "Option::is_none")]
    revision_id: Option<Uuid>,
    created_at: DateTime<Utc>,
}

/// A state machine was created or has a new revision.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Deployed {
    arn: String,
    name: String,
    /// When it was created, or updated last.
    changed_at: DateTime<Utc>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version_arn: Option<String>,
}

/// A page of state machines.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StateMachines {
    state_machines: Vec<StateMachine>,
    /// Pass it as `page_token` for the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
}

/// Which page.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct PageOf {
    /// 1 to 1000; 100 by default.
    pub(crate) limit: Option<u32>,
    pub(crate) page_token: Option<String>,
}

/// Create a state machine. Repeating the same request changes nothing.
#[utoipa::path(
    post, path = "/v1/state-machines", tag = "state machines", request_body = NewStateMachine,
    responses(
        (status = 201, body = Deployed),
        (status = 409, description = "one of this name has other content", body = Problem),
        (status = 422, description = "the definition has mistakes", body = Problem),
    )
)]
pub(crate) async fn create(
    State(door): State<Door>,
    Asker(caller): Asker,
    Json(new): Json<NewStateMachine>,
) -> Result<Response, Refusal> {
    let Some(name) = new.name.clone() else {
        return Err(OperationError::validation("`name` is missing").at("/name").into());
    };
    let created =
        state_machines::create(&door.engine, &caller, new.into_create(name.clone(), &caller)?);
    Ok(deployed(name, created.await?))
}

/// Create a state machine of this name, or give it this definition.
#[utoipa::path(
    put, path = "/v1/state-machines/{name}", tag = "state machines",
    request_body = NewStateMachine, params(("name" = String, Path)),
    responses(
        (status = 200, description = "it was updated", body = Deployed),
        (status = 201, description = "it was created", body = Deployed),
        (status = 422, description = "the definition has mistakes", body = Problem),
    )
)]
pub(crate) async fn replace(
    State(door): State<Door>,
    Asker(caller): Asker,
    Path(name): Path<String>,
    Json(new): Json<NewStateMachine>,
) -> Result<Response, Refusal> {
    if new.name.as_ref().is_some_and(|given| *given != name) {
        let message = format!("`name` is to be `{name}`, as in the path, or absent");
        return Err(OperationError::validation(message).at("/name").into());
    }
    let update = Update {
        definition: Some(definition_text(&new.definition)?),
        role_arn: new.role_arn.clone(),
        logging: None,
        tracing: None,
        encryption: None,
        publish: new.publish,
        version_description: new.version_description.clone(),
    };
    let arn = caller.state_machine_arn(&name);
    match state_machines::update(&door.engine, &door.startables, &caller, &arn, update).await {
        Err(refusal) if refusal.kind == Kind::StateMachineDoesNotExist => {
            let new = new.into_create(name.clone(), &caller)?;
            let created = state_machines::create(&door.engine, &caller, new).await?;
            Ok(deployed(name, created))
        }
        Err(refusal) => Err(refusal.into()),
        Ok(updated) => Ok(axum::Json(Deployed {
            arn,
            name,
            changed_at: updated.updated_at,
            version_arn: updated.version_arn,
        })
        .into_response()),
    }
}

/// List the state machines, by name.
#[utoipa::path(
    get, path = "/v1/state-machines", tag = "state machines", params(PageOf),
    responses((status = 200, body = StateMachines))
)]
pub(crate) async fn list(
    State(door): State<Door>,
    Asker(caller): Asker,
    Params(page): Params<PageOf>,
) -> Result<Response, Refusal> {
    let token = page.page_token.as_deref();
    let page = state_machines::list(&door.engine, &caller, page.limit, token).await?;
    let state_machines = page
        .items
        .into_iter()
        .map(|item| StateMachine {
            arn: item.arn,
            name: item.name,
            r#type: item.kind,
            status: None,
            definition: None,
            role_arn: None,
            revision_id: None,
            created_at: item.created_at,
        })
        .collect();
    let next_page_token = page.next_token;
    Ok(axum::Json(StateMachines { state_machines, next_page_token }).into_response())
}

/// Describe a state machine, with its definition.
#[utoipa::path(
    get, path = "/v1/state-machines/{name}", tag = "state machines",
    params(("name" = String, Path, description = "its name, or `name:version`")),
    responses((status = 200, body = StateMachine), (status = 404, body = Problem))
)]
pub(crate) async fn describe(
    State(door): State<Door>,
    Asker(caller): Asker,
    Path(name): Path<String>,
) -> Result<Response, Refusal> {
    let arn = caller.state_machine_arn(&name);
    let Described { arn, name, kind, status, created_at, pinned, .. } =
        state_machines::describe(&door.engine, &caller, &arn).await?;
    let shown = StateMachine {
        arn,
        name,
        r#type: kind,
        status: Some(status),
        definition: RawValue::from_string(pinned.definition).ok(),
        role_arn: Some(pinned.role_arn),
        revision_id: pinned.revision_id,
        created_at,
    };
    Ok(axum::Json(shown).into_response())
}

/// Delete a state machine. Its executions end at their next transition.
#[utoipa::path(
    delete, path = "/v1/state-machines/{name}", tag = "state machines",
    params(("name" = String, Path)),
    responses((status = 204, description = "it is deleted, or never was"))
)]
pub(crate) async fn delete(
    State(door): State<Door>,
    Asker(caller): Asker,
    Path(name): Path<String>,
) -> Result<StatusCode, Refusal> {
    let arn = caller.state_machine_arn(&name);
    state_machines::delete(&door.engine, &door.startables, &caller, &arn).await?;
    Ok(StatusCode::NO_CONTENT)
}

impl NewStateMachine {
    fn into_create(self, name: String, caller: &Caller) -> Result<Create, OperationError> {
        let role_arn =
            self.role_arn.unwrap_or_else(|| format!("arn:aws:iam::{}:role/{name}", caller.account));
        Ok(Create {
            name,
            definition: definition_text(&self.definition)?,
            role_arn,
            kind: self.r#type,
            logging: None,
            tracing: None,
            encryption: None,
            tags: self.tags.into_iter().map(|(key, value)| Tag { key, value }).collect(),
            publish: self.publish,
            version_description: self.version_description,
        })
    }
}

/// The text of a definition that came as a JSON object, or as text in a JSON string.
pub(super) fn definition_text(definition: &RawValue) -> Result<String, OperationError> {
    let raw = definition.get();
    if !raw.starts_with('"') {
        return Ok(raw.to_owned());
    }
    serde_json::from_str(raw).map_err(|why| {
        let message = format!("`definition` cannot be read: {why}");
        OperationError::new(Kind::SerializationException, message).at("/definition")
    })
}

fn deployed(name: String, created: Created) -> Response {
    let location = HeaderValue::try_from(format!("/v1/state-machines/{name}"));
    let body = Deployed {
        arn: created.arn,
        name,
        changed_at: created.created_at,
        version_arn: created.version_arn,
    };
    let mut response = (StatusCode::CREATED, axum::Json(body)).into_response();
    if let Ok(location) = location {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}
