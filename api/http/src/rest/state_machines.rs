//! `/v1/state-machines`: create, replace, list, describe, delete.

use std::collections::BTreeMap;
use std::fmt::Display;

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
use crate::operations::state_machines::{
    self, Create, Created, Described, MachineType, Update, Updated,
};
use crate::operations::tags::Tag;
use crate::source::{Fill, Position, Source, Syntax, Values};

use super::paths::{MachineName, MachineOrVersion};
use super::problem::Problem;
use super::query::Limit;
use super::request::{gone, short};
use super::{Asker, Json, Params, Refusal};

/// A state machine to create.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewStateMachine {
    /// Given by the path where that names it.
    #[schema(
        min_length = 1,
        max_length = 80,
        pattern = r##"^[^\s\u0000-\u001f\u007f-\u009f<>{}\[\]?*"#%\\^|~`$&,;:/]+$"##
    )]
    name: Option<String>,
    /// The definition in the Amazon States Language: a JSON object, or its text.
    #[schema(value_type = DefinitionOrText)]
    definition: Box<RawValue>,
    /// Values for the `${Names}` in the definition's text; without quotes around a name, numbers and other JSON.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    substitutions: Option<Values>,
    /// Fixed at the creation.
    #[serde(default)]
    r#type: MachineType,
    /// Kept and echoed; by default a role of this name in the account.
    role_arn: Option<String>,
    /// Values by key, fifty at most; a state machine that is there keeps its own.
    #[serde(default)]
    tags: BTreeMap<String, String>,
    /// Whether a version is published.
    #[serde(default)]
    publish: bool,
    /// What the published version is about; only with `publish`.
    #[schema(max_length = 256)]
    version_description: Option<String>,
}

/// A state machine.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StateMachine {
    arn: String,
    name: String,
    r#type: MachineType,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<StateMachineStatus>)]
    status: Option<&'static str>,
    /// The definition, with the white space and order of keys it was written with.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    definition: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    role_arn: Option<String>,
    /// Absent until the state machine is updated for the first time.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = "uuid")]
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
    /// Most items of the page.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 1000, default = 100)]
    limit: Option<Limit>,
    /// Where the page begins: the `next_page_token` of the one before.
    pub(crate) page_token: Option<String>,
}

impl PageOf {
    /// How many items are asked for.
    pub(crate) fn limit(&self) -> Option<u32> {
        self.limit.map(Limit::number)
    }
}

/// Where a state machine is in life.
#[derive(ToSchema)]
#[schema(rename_all = "UPPERCASE")]
#[expect(dead_code, reason = "it stands in the document for what `MachineStatus::as_str` says")]
pub(crate) enum StateMachineStatus {
    Active,
    /// Until the last of its executions has ended.
    Deleting,
}

/// A definition in the Amazon States Language: a JSON object, or its text.
#[derive(ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "it stands in the document for what `definition_text` reads")]
pub(crate) enum DefinitionOrText {
    #[schema(value_type = Object)]
    Object(Box<RawValue>),
    Text(String),
}

/// Create a state machine. Repeating the same request changes nothing.
#[utoipa::path(
    post, path = "/v1/state-machines", tag = "state machines",
    operation_id = "createStateMachine", request_body = NewStateMachine,
    responses(
        (status = 201, description = "it is there", body = Deployed,
         headers(("Location" = String, description = "the path of the state machine"))),
        (status = 400, description = "no state machine can have this name: `InvalidName`; this is no \
            ARN of a role: `InvalidArn`; there are more than fifty tags: `TooManyTags`", body = Problem),
        (status = 409, description = "one of this name has other content: \
            `StateMachineAlreadyExists`; one is being deleted: `StateMachineDeleting`", body = Problem),
        (status = 422, description = "the definition has mistakes: `InvalidDefinition`", body = Problem),
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
    short("version_description", new.version_description.as_deref(), 256)?;
    let create = new.as_create(name.clone(), &caller)?;
    let created = state_machines::create(&door.engine, &door.startables, &caller, create).await?;
    Ok(deployed(StatusCode::CREATED, name, created))
}

/// Create a state machine of this name, or give it this definition.
#[utoipa::path(
    put, path = "/v1/state-machines/{name}", tag = "state machines",
    operation_id = "putStateMachine", params(MachineName), request_body = NewStateMachine,
    responses(
        (status = 200, description = "it was updated, or was so already", body = Deployed),
        (status = 201, description = "it was created", body = Deployed,
         headers(("Location" = String, description = "the path of the state machine"))),
        (status = 400, description = "no state machine can have this name: `InvalidName`, \
            `InvalidArn`; this is no ARN of a role: `InvalidArn`; there are more than fifty tags: \
            `TooManyTags`", body = Problem),
        (status = 409, description = "one of this name is being deleted: `StateMachineDeleting`; others \
            create and delete it at the same time: `StateMachineAlreadyExists`", body = Problem),
        (status = 422, description = "the definition has mistakes: `InvalidDefinition`", body = Problem),
    )
)]
pub(crate) async fn replace(
    State(door): State<Door>,
    Asker(caller): Asker,
    Path(MachineName { name }): Path<MachineName>,
    Json(new): Json<NewStateMachine>,
) -> Result<Response, Refusal> {
    if new.name.as_ref().is_some_and(|given| *given != name) {
        let message = format!("`name` is to be `{name}`, as in the path, or absent");
        return Err(OperationError::validation(message).at("/name").into());
    }
    short("version_description", new.version_description.as_deref(), 256)?;
    let arn = caller.state_machine_arn(&name);
    // Who finds that another request was faster looks once more.
    for _ in 0..2 {
        match replaced(&door, &caller, &arn, &new).await {
            Err(refusal) if refusal.kind == Kind::StateMachineDoesNotExist => {}
            Err(refusal) => return Err(refusal.into()),
            Ok(updated) => {
                let (changed_at, version_arn) = (updated.updated_at, updated.version_arn);
                let deployed = Deployed { arn, name, changed_at, version_arn };
                return Ok(axum::Json(deployed).into_response());
            }
        }
        let create = new.as_create(name.clone(), &caller)?;
        match state_machines::create(&door.engine, &door.startables, &caller, create).await {
            Err(refusal) if refusal.kind == Kind::StateMachineAlreadyExists => {}
            Err(refusal) => return Err(refusal.into()),
            Ok(created) => {
                let status = if created.is_new { StatusCode::CREATED } else { StatusCode::OK };
                return Ok(deployed(status, name, created));
            }
        }
    }
    Err(OperationError::state_machine_already_exists(&arn).into())
}

/// Gives the state machine that is there this definition.
async fn replaced(
    door: &Door,
    caller: &Caller,
    arn: &str,
    new: &NewStateMachine,
) -> Result<Updated, OperationError> {
    let update = Update {
        definition: Some(new.definition_text()?),
        role_arn: new.role_arn.clone(),
        logging: None,
        tracing: None,
        encryption: None,
        publish: new.publish,
        version_description: new.version_description.clone(),
    };
    state_machines::update(&door.engine, &door.startables, caller, arn, update).await
}

/// List the state machines, by name.
#[utoipa::path(
    get, path = "/v1/state-machines", tag = "state machines",
    operation_id = "listStateMachines", params(PageOf),
    responses((status = 200, description = "a page of them", body = StateMachines))
)]
pub(crate) async fn list(
    State(door): State<Door>,
    Asker(caller): Asker,
    Params(page): Params<PageOf>,
) -> Result<Response, Refusal> {
    let token = page.page_token.as_deref();
    let page = state_machines::list(&door.engine, &caller, page.limit(), token).await?;
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
    operation_id = "describeStateMachine", params(MachineOrVersion),
    responses(
        (status = 200, description = "the state machine", body = StateMachine),
        (status = 400, description = "no state machine can have this name: `InvalidArn`", body = Problem),
        (status = 404, description = "there is no such state machine: `StateMachineDoesNotExist`", body = Problem),
    )
)]
pub(crate) async fn describe(
    State(door): State<Door>,
    Asker(caller): Asker,
    Path(MachineOrVersion { name }): Path<MachineOrVersion>,
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
    operation_id = "deleteStateMachine", params(MachineName),
    responses((status = 204, description = "it is deleted, or never was"))
)]
pub(crate) async fn delete(
    State(door): State<Door>,
    Asker(caller): Asker,
    Path(MachineName { name }): Path<MachineName>,
) -> Result<StatusCode, Refusal> {
    let arn = caller.state_machine_arn(&name);
    gone(state_machines::delete(&door.engine, &door.startables, &caller, &arn).await)
}

impl NewStateMachine {
    /// The definition with the values of its substitutions; if there are none, nothing is looked for.
    fn definition_text(&self) -> Result<String, OperationError> {
        let fill = self.substitutions.as_ref().map_or(Fill::Leave, Fill::With);
        let source = definition_text(&self.definition, fill)?;
        if let Some(missing) = source.unfilled().first() {
            let message = format!("`${{{}}}` has no value in `substitutions`", missing.name);
            return Err(OperationError::validation(message).at("/substitutions"));
        }
        Ok(source.into_json())
    }

    fn as_create(&self, name: String, caller: &Caller) -> Result<Create, OperationError> {
        let role_arn = self.role_arn.clone();
        let tag = |(key, value): (&String, &String)| Tag { key: key.clone(), value: value.clone() };
        Ok(Create {
            role_arn: role_arn
                .unwrap_or_else(|| format!("arn:aws:iam::{}:role/{name}", caller.account)),
            name,
            definition: self.definition_text()?,
            kind: self.r#type,
            logging: None,
            tracing: None,
            encryption: None,
            tags: self.tags.iter().map(tag).collect(),
            publish: self.publish,
            version_description: self.version_description.clone(),
        })
    }
}

/// The JSON text of a definition that came as a JSON object, or as text in a JSON string: JSON, JSON with
/// comments, or YAML.
pub(super) fn definition_text(
    definition: &RawValue,
    fill: Fill<'_>,
) -> Result<Source, OperationError> {
    let raw = definition.get();
    let unread = |why: &dyn Display| {
        let message = format!("`definition` cannot be read: {why}");
        OperationError::new(Kind::SerializationException, message).at("/definition")
    };
    let (text, syntax) = if raw.starts_with('"') {
        let text: String = serde_json::from_str(raw).map_err(|why| unread(&why))?;
        let syntax = Syntax::of(&text);
        (text, syntax)
    } else {
        (raw.to_owned(), Syntax::Json)
    };
    Source::read(text, syntax, fill).map_err(|why| match why.position {
        Some(Position { line, column }) => {
            unread(&format_args!("line {line}, column {column}: {}", why.message))
        }
        None => unread(&why.message),
    })
}

fn deployed(status: StatusCode, name: String, created: Created) -> Response {
    let location = HeaderValue::try_from(format!("/v1/state-machines/{name}"));
    let body = Deployed {
        arn: created.arn,
        name,
        changed_at: created.created_at,
        version_arn: created.version_arn,
    };
    let mut response = (status, axum::Json(body)).into_response();
    if status == StatusCode::CREATED
        && let Ok(location) = location
    {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}
