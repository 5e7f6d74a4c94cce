//! Errors of the REST door: problem details (RFC 9457).

use asl::Diagnostic;
use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::error::{Kind, OperationError};

/// The content type of every refusal.
pub(crate) const PROBLEM_JSON_TEXT: &str = "application/problem+json";
const PROBLEM_JSON: HeaderValue = HeaderValue::from_static(PROBLEM_JSON_TEXT);

/// An error (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Problem {
    /// Names the kind of problem: `urn:statewright:problem:` and the name of AWS's error.
    r#type: String,
    /// The kind of problem, for people.
    title: String,
    /// The HTTP status.
    status: u16,
    /// What is wrong, and what was expected.
    detail: String,
    /// The path of the request.
    instance: String,
    /// JSON Pointer to the member of the request body that is to blame.
    #[serde(skip_serializing_if = "Option::is_none")]
    pointer: Option<String>,
    /// All mistakes of a definition.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    diagnostics: Vec<Finding>,
}

/// One mistake of a definition.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Finding {
    #[schema(value_type = FindingSeverity)]
    severity: &'static str,
    /// AWS's code, such as `SCHEMA_VALIDATION_FAILED`.
    code: &'static str,
    message: String,
    /// Where in the definition: a JSON Pointer, as AWS reports it.
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<String>,
}

/// Whether a definition is refused for it.
#[derive(ToSchema)]
#[schema(rename_all = "UPPERCASE")]
#[expect(dead_code, reason = "it stands in the document for what `Severity::as_str` says")]
pub(crate) enum FindingSeverity {
    Error,
    Warning,
}

impl From<&Diagnostic> for Finding {
    fn from(diagnostic: &Diagnostic) -> Self {
        Self {
            severity: diagnostic.severity.as_str(),
            code: diagnostic.code.as_str(),
            message: diagnostic.message.clone(),
            location: diagnostic.location.clone(),
        }
    }
}

/// What a handler returns when it refuses. The error travels in the response's extensions until
/// the router, which knows the path, writes it out.
#[derive(Clone, Debug)]
pub(crate) struct Refusal(pub(crate) OperationError);

impl From<OperationError> for Refusal {
    fn from(error: OperationError) -> Self {
        Self(error)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = status(self.0.kind).into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// This error, as a response to a request for this path.
pub(crate) fn problem(error: &OperationError, path: &str) -> Response {
    let status = status(error.kind);
    let name = error.kind.name();
    let mut response = response(
        status,
        &Problem {
            r#type: format!("urn:statewright:problem:{name}"),
            title: title(name),
            status: status.as_u16(),
            detail: detail(error),
            instance: shown(path),
            pointer: error.pointer.clone(),
            diagnostics: error.diagnostics.iter().map(Finding::from).collect(),
        },
    );
    if status == StatusCode::UNAUTHORIZED {
        // What is to be brought, and whether what was brought is no good (RFC 6750).
        let challenge = match error.kind {
            Kind::MissingAuthenticationToken => r#"Bearer realm="statewright""#,
            _ => r#"Bearer realm="statewright", error="invalid_token""#,
        };
        let challenge = HeaderValue::from_static(challenge);
        response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    }
    if matches!(error.kind, Kind::ThrottlingException | Kind::ServiceUnavailable) {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}

/// A path as it may be shown and logged: a task's token is a secret.
pub(crate) fn shown(path: &str) -> String {
    let Some(rest) = path.strip_prefix("/v1/tasks/") else { return path.to_owned() };
    let after = rest.split_once('/').map(|(_, after)| format!("/{after}")).unwrap_or_default();
    format!("/v1/tasks/…{after}")
}

/// A problem that the router found: no such path, no such method, an unreadable path.
pub(crate) fn status_problem(status: StatusCode, detail: &str, path: &str) -> Response {
    response(
        status,
        &Problem {
            r#type: "about:blank".to_owned(),
            title: status.canonical_reason().unwrap_or_default().to_owned(),
            status: status.as_u16(),
            detail: detail.to_owned(),
            instance: shown(path),
            pointer: None,
            diagnostics: Vec::new(),
        },
    )
}

/// AWS's text, and after it what that leaves out.
fn detail(error: &OperationError) -> String {
    let message = &error.message;
    match &error.reason {
        Some(reason) => format!("{}: {reason}", message.trim_end_matches('.')),
        None => message.clone(),
    }
}

fn response(status: StatusCode, problem: &Problem) -> Response {
    let text = serde_json::to_string(problem).expect("strings and numbers can be written as JSON");
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, PROBLEM_JSON);
    response
}

fn status(kind: Kind) -> StatusCode {
    match kind {
        Kind::AccessDenied => StatusCode::FORBIDDEN,
        Kind::ExpiredToken
        | Kind::IncompleteSignature
        | Kind::InvalidSignature
        | Kind::MissingAuthenticationToken
        | Kind::UnrecognizedClient => StatusCode::UNAUTHORIZED,
        Kind::Misdirected => StatusCode::MISDIRECTED_REQUEST,
        Kind::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Kind::InvalidArn
        | Kind::InvalidEncryptionConfiguration
        | Kind::InvalidExecutionInput
        | Kind::InvalidLoggingConfiguration
        | Kind::InvalidName
        | Kind::InvalidOutput
        | Kind::InvalidToken
        | Kind::MissingRequiredParameter
        | Kind::SerializationException
        | Kind::StateMachineTypeNotSupported
        | Kind::TooManyTags
        | Kind::UnknownOperationException
        | Kind::ValidationException => StatusCode::BAD_REQUEST,
        Kind::ActivityDoesNotExist
        | Kind::ExecutionDoesNotExist
        | Kind::FunctionDoesNotExist
        | Kind::ResourceNotFound
        | Kind::ResourceNotFoundException
        | Kind::StateMachineDoesNotExist
        | Kind::TaskDoesNotExist => StatusCode::NOT_FOUND,
        Kind::ActivityAlreadyExists
        | Kind::ConflictException
        | Kind::ExecutionAlreadyExists
        | Kind::ServiceQuotaExceededException
        | Kind::StateMachineAlreadyExists
        | Kind::StateMachineDeleting => StatusCode::CONFLICT,
        Kind::TaskTimedOut => StatusCode::GONE,
        Kind::RequestTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Kind::IdempotencyKeyReused | Kind::InvalidDefinition => StatusCode::UNPROCESSABLE_ENTITY,
        Kind::ActivityWorkerLimitExceeded | Kind::ThrottlingException => {
            StatusCode::TOO_MANY_REQUESTS
        }
        Kind::InternalFailure => StatusCode::INTERNAL_SERVER_ERROR,
        Kind::ServiceUnavailable => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// `StateMachineDoesNotExist` → `State machine does not exist`.
fn title(name: &str) -> String {
    let mut title = String::with_capacity(name.len() + 8);
    for (index, c) in name.trim_end_matches("Exception").char_indices() {
        if index > 0 && c.is_ascii_uppercase() {
            title.push(' ');
            title.push(c.to_ascii_lowercase());
        } else {
            title.push(c);
        }
    }
    title
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_are_sentences() {
        assert_eq!(title("StateMachineDoesNotExist"), "State machine does not exist");
        assert_eq!(title("ValidationException"), "Validation");
    }
}
