//! What the handlers take out of a request, with refusals that are problems.

use std::error::Error as _;

use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use crate::error::{Kind, OperationError};
use crate::operations::Caller;
use crate::room::Holder;
use crate::{Door, body};

use super::Refusal;

/// The answer to a deletion: the same whether something was there or not, so that whoever lost an
/// answer can ask again.
pub(crate) fn gone(deleted: Result<(), OperationError>) -> Result<StatusCode, Refusal> {
    match deleted {
        Ok(()) => Ok(StatusCode::NO_CONTENT),
        Err(refusal) if is_not_there(refusal.kind) => Ok(StatusCode::NO_CONTENT),
        Err(refusal) => Err(refusal.into()),
    }
}

/// Whether something is not there, or could not be: no ARN can be made of its name.
fn is_not_there(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::ActivityDoesNotExist
            | Kind::FunctionDoesNotExist
            | Kind::InvalidArn
            | Kind::InvalidName
            | Kind::ResourceNotFound
            | Kind::ResourceNotFoundException
            | Kind::StateMachineDoesNotExist
    )
}

/// Refuses a text of more characters, counted as AWS counts them.
pub(crate) fn short(member: &str, text: Option<&str>, most: usize) -> Result<(), OperationError> {
    if text.is_some_and(|text| text.encode_utf16().count() > most) {
        let message = format!("`{member}` is to have at most {most} characters");
        return Err(OperationError::validation(message).at(format!("/{member}")));
    }
    Ok(())
}

/// Who asks, as it was found out before any handler.
pub(crate) struct Asker(pub(crate) Caller);

impl FromRequestParts<Door> for Asker {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &Door) -> Result<Self, Refusal> {
        let caller = parts.extensions.get::<Caller>().cloned();
        caller.map(Self).ok_or_else(|| OperationError::nobody().into())
    }
}

/// A JSON body, which was declared as such. An empty body counts as `{}`.
pub(crate) struct Json<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<Door> for Json<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, door: &Door) -> Result<Self, Refusal> {
        let holder = Holder::of(request.extensions());
        let body = body::read(request.into_body(), &door.bodies, &holder).await?;
        let body = body.as_ref();
        let text = if body.trim_ascii().is_empty() { b"{}" } else { body };
        serde_json::from_slice(text).map(Self).map_err(|why| {
            let message = format!("the request body is not as it should be: {why}");
            OperationError::new(Kind::SerializationException, message).into()
        })
    }
}

/// The parameters after the `?`.
pub(crate) struct Params<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequestParts<Door> for Params<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &Door) -> Result<Self, Refusal> {
        match Query::<T>::try_from_uri(&parts.uri) {
            Ok(Query(params)) => Ok(Self(params)),
            Err(why) => {
                let why = why.source().map_or_else(|| why.body_text(), ToString::to_string);
                let message = format!("the query parameters are not as they should be: {why}");
                Err(OperationError::validation(message).into())
            }
        }
    }
}
