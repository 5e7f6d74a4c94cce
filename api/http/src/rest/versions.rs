//! `/v1/state-machines/{name}/versions`: immutable publications of a state machine.

use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::Door;
use crate::error::OperationError;
use crate::operations::{Caller, state_machines, versions};

use super::paths::{MachineName, VersionNumber};
use super::problem::Problem;
use super::request::{gone, short};
use super::state_machines::PageOf;
use super::{Asker, Json, Params, Refusal};

/// A version to publish.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewVersion {
    /// What it is about.
    #[schema(max_length = 256)]
    description: Option<String>,
    /// The revision that has to be the current one: the `revision_id` of the state machine, or
    /// `INITIAL` for the one it was created with.
    #[schema(max_length = 256)]
    revision_id: Option<String>,
}

/// A version of a state machine.
#[expect(clippy::struct_field_names, reason = "what its members are called is for who reads them")]
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Version {
    arn: String,
    /// 1, 2, 3, …; never used again.
    version: u64,
    created_at: DateTime<Utc>,
    /// What its publisher said about it; in the answer about this version alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    /// The definition it publishes; in the answer about this version alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    definition: Option<Box<RawValue>>,
}

/// A page of versions.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Versions {
    versions: Vec<Version>,
    /// Pass it as `page_token` for the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
}

/// Publish the current revision of a state machine. Publishing it again gives the version it has.
#[utoipa::path(
    post, path = "/v1/state-machines/{name}/versions", tag = "state machines",
    operation_id = "publishVersion", params(MachineName), request_body = Option<NewVersion>,
    responses(
        (status = 201, description = "the version of the current revision", body = Version,
         headers(("Location" = String, description = "the path of the version"))),
        (status = 400, description = "no state machine can have this name: `InvalidArn`", body = Problem),
        (status = 404, description = "there is no such state machine: `StateMachineDoesNotExist`", body = Problem),
        (status = 409, description = "another revision is the current one: `ConflictException`; it \
            is being deleted: `StateMachineDeleting`", body = Problem),
    )
)]
pub(crate) async fn publish(
    State(door): State<Door>,
    Asker(caller): Asker,
    Path(MachineName { name }): Path<MachineName>,
    Json(NewVersion { description, revision_id }): Json<NewVersion>,
) -> Result<Response, Refusal> {
    short("description", description.as_deref(), 256)?;
    short("revision_id", revision_id.as_deref(), 256)?;
    let arn = caller.state_machine_arn(&name);
    let published =
        versions::publish(&door.engine, &caller, &arn, revision_id, description).await?;
    let version = Version::of(published);
    let location =
        HeaderValue::try_from(format!("/v1/state-machines/{name}/versions/{}", version.version));
    let mut response = (StatusCode::CREATED, axum::Json(version)).into_response();
    if let Ok(location) = location {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

/// List the versions of a state machine, newest first; of one that is not there, none.
#[utoipa::path(
    get, path = "/v1/state-machines/{name}/versions", tag = "state machines",
    operation_id = "listVersions", params(MachineName, PageOf),
    responses(
        (status = 200, description = "a page of them", body = Versions),
        (status = 400, description = "no state machine can have this name: `InvalidArn`", body = Problem),
        (status = 404, description = "there is no such state machine: `StateMachineDoesNotExist`", body = Problem),
    )
)]
pub(crate) async fn list(
    State(door): State<Door>,
    Asker(caller): Asker,
    Path(MachineName { name }): Path<MachineName>,
    Params(page): Params<PageOf>,
) -> Result<Response, Refusal> {
    let arn = caller.state_machine_arn(&name);
    let token = page.page_token.as_deref();
    let page = versions::list(&door.engine, &caller, &arn, page.limit(), token).await?;
    let versions = page.items.into_iter().map(Version::of).collect();
    Ok(axum::Json(Versions { versions, next_page_token: page.next_token }).into_response())
}

/// Describe a version, with its definition.
#[utoipa::path(
    get, path = "/v1/state-machines/{name}/versions/{version}", tag = "state machines",
    operation_id = "describeVersion", params(VersionNumber),
    responses(
        (status = 200, description = "the version", body = Version),
        (status = 400, description = "no state machine can have this name: `InvalidArn`", body = Problem),
        (status = 404, description = "there is no such version: `StateMachineDoesNotExist`", body = Problem),
    )
)]
pub(crate) async fn describe(
    State(door): State<Door>,
    Asker(caller): Asker,
    Path(wanted): Path<VersionNumber>,
) -> Result<Response, Refusal> {
    let number = wanted.number().ok_or_else(|| wanted.missing(&caller))?;
    let arn = format!("{}:{number}", caller.state_machine_arn(&wanted.name));
    let described = state_machines::describe(&door.engine, &caller, &arn).await?;
    let shown = Version {
        version: number,
        created_at: described.created_at,
        description: described.description,
        definition: RawValue::from_string(described.pinned.definition).ok(),
        arn: described.arn,
    };
    Ok(axum::Json(shown).into_response())
}

/// Delete a version. Executions it started go on, and its number is not used again.
#[utoipa::path(
    delete, path = "/v1/state-machines/{name}/versions/{version}", tag = "state machines",
    operation_id = "deleteVersion", params(VersionNumber),
    responses((status = 204, description = "it is deleted, or never was"))
)]
pub(crate) async fn delete(
    State(door): State<Door>,
    Asker(caller): Asker,
    Path(wanted): Path<VersionNumber>,
) -> Result<StatusCode, Refusal> {
    let Some(number) = wanted.number() else { return Ok(StatusCode::NO_CONTENT) };
    let arn = format!("{}:{number}", caller.state_machine_arn(&wanted.name));
    gone(versions::delete(&door.engine, &door.startables, &caller, &arn).await)
}

impl VersionNumber {
    /// The number, unless no version can have it.
    fn number(&self) -> Option<u64> {
        self.version.parse().ok().filter(|number| *number > 0)
    }

    fn missing(&self, caller: &Caller) -> OperationError {
        let arn = format!("{}:{}", caller.state_machine_arn(&self.name), self.version);
        OperationError::state_machine_does_not_exist(&arn)
    }
}

impl Version {
    fn of(version: versions::Version) -> Self {
        let number = version.arn.rsplit_once(':').and_then(|(_, number)| number.parse().ok());
        Self {
            arn: version.arn,
            version: number.unwrap_or_default(),
            created_at: version.created_at,
            description: None,
            definition: None,
        }
    }
}
