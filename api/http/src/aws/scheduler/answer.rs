//! How answers and errors look on Scheduler's wire.

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use serde_json::{Value, json};

use crate::error::{Kind, OperationError};

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");
/// What AWS has no room for: that a schedule was taken and never fires.
const WARNING: HeaderName = HeaderName::from_static("statewright-warning");

/// An answer that is no error.
pub(crate) struct Answer {
    body: Value,
    warnings: Vec<String>,
}

impl From<Value> for Answer {
    fn from(body: Value) -> Self {
        Self { body, warnings: Vec::new() }
    }
}

impl Answer {
    /// The same answer with something the caller should know.
    pub(super) fn warning(self, warnings: Vec<String>) -> Self {
        Self { warnings, ..self }
    }

    pub(super) fn into_response(self) -> Response {
        let mut response = response(StatusCode::OK, &self.body);
        for warning in self.warnings {
            if let Ok(warning) = HeaderValue::try_from(warning) {
                response.headers_mut().append(WARNING, warning);
            }
        }
        response
    }
}

/// The error as AWS writes it: the header names the shape, `Message` is the text.
pub(crate) fn refuse(error: &OperationError) -> Response {
    let (status, name) = shape(error.kind);
    refusal(status, name, &error.message)
}

/// What the router found: no such path, or no such method.
pub(crate) fn status_refusal(status: StatusCode) -> Response {
    refusal(status, "UnknownOperationException", "EventBridge Scheduler has no such action")
}

fn refusal(status: StatusCode, name: &'static str, message: &str) -> Response {
    let mut response = response(status, &json!({ "Message": message }));
    response.headers_mut().insert(ERROR_TYPE, HeaderValue::from_static(name));
    response
}

/// Status and name of the error shape; the service has six, and clients repeat what has a status
/// of 500 and above by themselves.
fn shape(kind: Kind) -> (StatusCode, &'static str) {
    match kind {
        Kind::AccessDenied
        | Kind::ExpiredToken
        | Kind::IncompleteSignature
        | Kind::InvalidSignature
        | Kind::MissingAuthenticationToken
        | Kind::UnrecognizedClient => (StatusCode::FORBIDDEN, kind.name()),
        Kind::Misdirected => (StatusCode::MISDIRECTED_REQUEST, kind.name()),
        Kind::UnsupportedMediaType => (StatusCode::UNSUPPORTED_MEDIA_TYPE, kind.name()),
        Kind::ConflictException => (StatusCode::CONFLICT, "ConflictException"),
        Kind::ResourceNotFound | Kind::ResourceNotFoundException => {
            (StatusCode::NOT_FOUND, "ResourceNotFoundException")
        }
        Kind::ServiceQuotaExceededException => {
            (StatusCode::PAYMENT_REQUIRED, "ServiceQuotaExceededException")
        }
        Kind::ThrottlingException => (StatusCode::TOO_MANY_REQUESTS, "ThrottlingException"),
        Kind::InternalFailure => (StatusCode::INTERNAL_SERVER_ERROR, "InternalServerException"),
        Kind::ServiceUnavailable => (StatusCode::SERVICE_UNAVAILABLE, "InternalServerException"),
        Kind::SerializationException => (StatusCode::BAD_REQUEST, "SerializationException"),
        Kind::UnknownOperationException => (StatusCode::NOT_FOUND, "UnknownOperationException"),
        Kind::ActivityAlreadyExists
        | Kind::ActivityDoesNotExist
        | Kind::ActivityWorkerLimitExceeded
        | Kind::ExecutionAlreadyExists
        | Kind::ExecutionDoesNotExist
        | Kind::FunctionDoesNotExist
        | Kind::IdempotencyKeyReused
        | Kind::InvalidArn
        | Kind::InvalidDefinition
        | Kind::InvalidEncryptionConfiguration
        | Kind::InvalidExecutionInput
        | Kind::InvalidLoggingConfiguration
        | Kind::InvalidName
        | Kind::InvalidOutput
        | Kind::InvalidToken
        | Kind::MissingRequiredParameter
        | Kind::RequestTooLarge
        | Kind::StateMachineAlreadyExists
        | Kind::StateMachineDeleting
        | Kind::StateMachineDoesNotExist
        | Kind::StateMachineTypeNotSupported
        | Kind::TaskDoesNotExist
        | Kind::TaskTimedOut
        | Kind::TooManyTags
        | Kind::ValidationException => (StatusCode::BAD_REQUEST, "ValidationException"),
    }
}

fn response(status: StatusCode, body: &Value) -> Response {
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, JSON);
    response
}
