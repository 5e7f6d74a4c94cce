//! How answers and errors look on the AWS wire.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use crate::error::{Kind, OperationError};

const JSON: HeaderValue = HeaderValue::from_static("application/x-amz-json-1.0");

pub(super) fn ok(answer: &Value) -> Response {
    response(StatusCode::OK, answer)
}

/// The error as AWS writes it: `__type` is the name of the shape, `message` the text, and the
/// members that some shapes have beside it.
pub(crate) fn refuse(error: &OperationError) -> Response {
    let mut body = json!({ "__type": error.kind.name(), "message": error.message });
    if let (Kind::ResourceNotFound | Kind::TooManyTags, Some(resource)) =
        (error.kind, &error.resource)
    {
        body["resourceName"] = json!(resource);
    }
    let mut response = response(status(error.kind), &body);
    let kind = HeaderValue::from_static(error.kind.name());
    response.headers_mut().insert("x-amzn-errortype", kind);
    if matches!(error.kind, Kind::ThrottlingException | Kind::ServiceUnavailable) {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}

/// AWS answers 400 to whatever the caller can change; clients repeat 500 and 503 by themselves.
pub(crate) fn status(kind: Kind) -> StatusCode {
    match kind {
        Kind::InternalFailure => StatusCode::INTERNAL_SERVER_ERROR,
        Kind::ServiceUnavailable => StatusCode::SERVICE_UNAVAILABLE,
        Kind::Misdirected => StatusCode::MISDIRECTED_REQUEST,
        Kind::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Kind::AccessDenied
        | Kind::ActivityAlreadyExists
        | Kind::ActivityDoesNotExist
        | Kind::ActivityWorkerLimitExceeded
        | Kind::ConflictException
        | Kind::ExecutionAlreadyExists
        | Kind::ExecutionDoesNotExist
        | Kind::ExpiredToken
        | Kind::FunctionDoesNotExist
        | Kind::IdempotencyKeyReused
        | Kind::IncompleteSignature
        | Kind::InvalidArn
        | Kind::InvalidDefinition
        | Kind::InvalidEncryptionConfiguration
        | Kind::InvalidExecutionInput
        | Kind::InvalidLoggingConfiguration
        | Kind::InvalidName
        | Kind::InvalidOutput
        | Kind::InvalidSignature
        | Kind::InvalidToken
        | Kind::MissingAuthenticationToken
        | Kind::MissingRequiredParameter
        | Kind::RequestTooLarge
        | Kind::ResourceNotFound
        | Kind::ResourceNotFoundException
        | Kind::SerializationException
        | Kind::ServiceQuotaExceededException
        | Kind::StateMachineAlreadyExists
        | Kind::StateMachineDeleting
        | Kind::StateMachineDoesNotExist
        | Kind::StateMachineTypeNotSupported
        | Kind::TaskDoesNotExist
        | Kind::TaskTimedOut
        | Kind::ThrottlingException
        | Kind::TooManyTags
        | Kind::UnknownOperationException
        | Kind::UnrecognizedClient
        | Kind::ValidationException => StatusCode::BAD_REQUEST,
    }
}

fn response(status: StatusCode, body: &Value) -> Response {
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, JSON);
    response
}

/// A moment as the AWS wire has it: seconds since 1970, milliseconds as the fraction.
#[expect(clippy::cast_precision_loss, reason = "milliseconds fit a double for 285,000 years")]
pub(super) fn moment(at: DateTime<Utc>) -> Value {
    json!(at.timestamp_millis() as f64 / 1000.0)
}

/// The object of these members; those without a value are absent, as AWS leaves them out.
pub(super) fn object<const N: usize>(members: [(&str, Option<Value>); N]) -> Value {
    let present = members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Value::Object(present.collect::<Map<_, _>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_has_milliseconds() {
        let at = DateTime::from_timestamp_millis(1_795_408_711_133).unwrap();
        assert_eq!(moment(at).to_string(), "1795408711.133");
    }

    #[test]
    fn what_has_no_value_is_absent() {
        let value = object([("a", Some(json!(1))), ("b", None)]);
        assert_eq!(value.to_string(), r#"{"a":1}"#);
    }
}
