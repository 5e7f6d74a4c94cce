//! `POST /v1/validate`: what is wrong with a definition.

use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::operations::state_machines::MachineType;
use crate::operations::validate;
use crate::source::{Fill, Values};

use super::problem::Finding;
use super::state_machines::{DefinitionOrText, definition_text};
use super::{Json, Refusal};

/// A definition to check.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ToValidate {
    /// The definition: a JSON object, or its text.
    #[schema(value_type = DefinitionOrText)]
    definition: Box<RawValue>,
    #[serde(default)]
    r#type: MachineType,
    /// Values for the `${Names}` in the definition's text; the others stay as they are.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    substitutions: Option<Values>,
    /// Codes of warnings that are not wanted.
    #[serde(default)]
    allow: Vec<String>,
}

/// What was found.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Verdict {
    /// Whether the definition would be accepted: warnings do not count against it.
    valid: bool,
    diagnostics: Vec<Finding>,
    /// Whether there are more diagnostics than are shown.
    truncated: bool,
}

/// Say what is wrong with a definition; nothing is stored.
#[utoipa::path(
    post, path = "/v1/validate", tag = "state machines",
    operation_id = "validateDefinition", request_body = ToValidate,
    responses((status = 200, description = "what was found, if anything", body = Verdict))
)]
pub(crate) async fn validate(Json(request): Json<ToValidate>) -> Result<Response, Refusal> {
    // Without any value nothing is looked for, as when a state machine is created.
    let fill = request.substitutions.as_ref().map_or(Fill::Leave, Fill::With);
    let source = definition_text(&request.definition, fill)?;
    let verdict = validate::advised(source.json(), request.r#type, &request.allow)?;
    let diagnostics = verdict.diagnostics.iter().map(Finding::from).collect();
    let shown = Verdict { valid: verdict.valid, diagnostics, truncated: verdict.truncated };
    Ok(axum::Json(shown).into_response())
}
