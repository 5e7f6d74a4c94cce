//! What may stand behind the `?`: what the document says, and nothing else.

use std::collections::HashMap;
use std::sync::LazyLock;

use axum::extract::{MatchedPath, Request};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::de::{Deserialize, Deserializer, Error};
use utoipa::openapi::RefOr;
use utoipa::openapi::path::{Operation, ParameterIn, PathItem};

use crate::error::OperationError;

use super::Refusal;
use super::document::document;

/// Most items of a page.
pub(crate) const MOST: u32 = 1_000;

/// How many items a page is to have at most: 1 to [`MOST`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limit(u32);

impl Limit {
    /// The number that was asked for.
    pub(crate) fn number(self) -> u32 {
        self.0
    }
}

impl<'de> Deserialize<'de> for Limit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match text.parse() {
            Ok(number) if (1..=MOST).contains(&number) => Ok(Self(number)),
            Ok(_) | Err(_) => {
                let shown: String = text.chars().take(40).collect();
                let what = format!("expected a whole number from 1 to {MOST}, not `{shown}`");
                Err(D::Error::custom(what))
            }
        }
    }
}

/// The query parameters that each operation takes, by the path it is served at.
type Known = HashMap<String, HashMap<Method, Vec<String>>>;

static KNOWN: LazyLock<Known> = LazyLock::new(|| {
    let paths = document().paths.paths.iter();
    paths.map(|(path, item)| (path.clone(), of_path(item))).collect()
});

fn of_path(item: &PathItem) -> HashMap<Method, Vec<String>> {
    let operations = [
        (Method::GET, &item.get),
        (Method::PUT, &item.put),
        (Method::POST, &item.post),
        (Method::DELETE, &item.delete),
    ];
    let taken = operations.into_iter().filter_map(|(method, operation)| {
        operation.as_ref().map(|operation| (method, of_operation(operation)))
    });
    taken.collect()
}

fn of_operation(operation: &Operation) -> Vec<String> {
    let mut names = Vec::new();
    for parameter in operation.parameters.iter().flatten() {
        if let RefOr::T(parameter) = parameter
            && parameter.parameter_in == ParameterIn::Query
        {
            names.push(parameter.name.clone());
        }
    }
    names
}

/// Refuses query parameters that the operation does not take: what is misspelt would otherwise
/// be overlooked.
pub(crate) async fn known_only(request: Request, next: Next) -> Response {
    match unknown(&request) {
        Some(refusal) => Refusal(refusal).into_response(),
        None => next.run(request).await,
    }
}

fn unknown(request: &Request) -> Option<OperationError> {
    let query = request.uri().query().filter(|query| !query.is_empty())?;
    let path = request.extensions().get::<MatchedPath>()?;
    // `HEAD` is answered by what answers `GET`.
    let method = if request.method() == Method::HEAD { &Method::GET } else { request.method() };
    let known = KNOWN.get(path.as_str())?.get(method)?;
    let name = query
        .split('&')
        .map(|pair| pair.split('=').next().unwrap_or_default())
        .find(|name| !name.is_empty() && !known.iter().any(|it| it == name))?;
    let shown: String = name.chars().take(100).collect();
    let names: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
    let known = match &names[..] {
        [] => "this operation takes none".to_owned(),
        names => format!("this operation takes {}", names.join(", ")),
    };
    let message = format!("the query parameter `{shown}` is not known: {known}");
    Some(OperationError::validation(message))
}
