//! What the handlers take out of a request, with refusals that are problems.

use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use crate::error::{Kind, OperationError};
use crate::operations::Caller;
use crate::{Door, body};

use super::Refusal;

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
        let body = body::read(request.into_body(), &door.bodies).await?;
        let text: &[u8] = if body.trim_ascii().is_empty() { b"{}" } else { &body };
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
            Err(why) => Err(OperationError::validation(format!(
                "the query parameters are not as they should be: {}",
                why.body_text()
            ))
            .into()),
        }
    }
}
