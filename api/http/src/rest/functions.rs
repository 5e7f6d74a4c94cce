//! `/v1/functions`: what tasks call over HTTP, by name.

use std::collections::BTreeMap;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Door;
use crate::operations::functions::{self, Delivery, Protocol, Registration};

use super::paths::FunctionName;
use super::problem::Problem;
use super::request::gone;
use super::state_machines::PageOf;
use super::{Asker, Json, Params, Refusal};

/// How a function is called.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewFunction {
    /// `http://` or `https://`. Its query is kept sealed, and never shown again.
    #[schema(pattern = "^[Hh][Tt][Tt][Pp][Ss]?://")]
    url: String,
    #[serde(default)]
    protocol: Protocol,
    /// How long a call may take where the state sets no shorter time; no limit by default.
    #[schema(minimum = 1, maximum = 99_999_999)]
    timeout_seconds: Option<u32>,
    /// Sent with every call: 50 at most, of 8,192 bytes in all. Their values are kept sealed, and
    /// never shown again; `***`, which stands for a value that is not shown, is refused as one.
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// How many calls may be open at once on each node; no limit of its own by default.
    #[schema(minimum = 1, maximum = 100_000)]
    max_concurrency: Option<u32>,
    #[serde(default)]
    delivery: Delivery,
}

/// A function.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Function {
    name: String,
    /// Where it is called. Its query is masked: `http://host/path?***`.
    url: String,
    protocol: Protocol,
    #[serde(skip_serializing_if = "Option::is_none")]
    timeout_seconds: Option<u32>,
    /// The headers that are sent with every call; every value is masked: `***`.
    headers: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_concurrency: Option<u32>,
    delivery: Delivery,
    updated_at: DateTime<Utc>,
}

/// A page of functions.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Functions {
    functions: Vec<Function>,
    /// Pass it as `page_token` for the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
}

/// List the functions, by name.
#[utoipa::path(
    get, path = "/v1/functions", tag = "functions", operation_id = "listFunctions", params(PageOf),
    responses((status = 200, description = "a page of them", body = Functions))
)]
pub(crate) async fn list(
    State(door): State<Door>,
    Asker(caller): Asker,
    Params(page): Params<PageOf>,
) -> Result<Response, Refusal> {
    let token = page.page_token.as_deref();
    let page = functions::list(&door.engine, &caller, page.limit(), token).await?;
    let functions = page.items.into_iter().map(Function::from).collect();
    Ok(axum::Json(Functions { functions, next_page_token: page.next_token }).into_response())
}

/// Describe a function.
#[utoipa::path(
    get, path = "/v1/functions/{name}", tag = "functions", operation_id = "describeFunction",
    params(FunctionName),
    responses(
        (status = 200, description = "the function", body = Function),
        (status = 404, description = "there is no such function: `FunctionDoesNotExist`", body = Problem),
    )
)]
pub(crate) async fn describe(
    State(door): State<Door>,
    Asker(caller): Asker,
    Path(FunctionName { name }): Path<FunctionName>,
) -> Result<Response, Refusal> {
    let function = functions::describe(&door.engine, &caller, &name).await?;
    Ok(axum::Json(Function::from(function)).into_response())
}

/// Register a function, or register it anew. Calls already under way are not touched.
#[utoipa::path(
    put, path = "/v1/functions/{name}", tag = "functions", operation_id = "putFunction",
    params(FunctionName), request_body = NewFunction,
    responses(
        (status = 200, description = "it was registered anew", body = Function),
        (status = 201, description = "it is new", body = Function),
    )
)]
pub(crate) async fn register(
    State(door): State<Door>,
    Asker(caller): Asker,
    Path(FunctionName { name }): Path<FunctionName>,
    Json(new): Json<NewFunction>,
) -> Result<Response, Refusal> {
    let NewFunction { url, protocol, timeout_seconds, headers, max_concurrency, delivery } = new;
    let headers = headers.into_iter().map(|(name, value)| (name, value.into())).collect();
    let registration =
        Registration { url, protocol, timeout_seconds, headers, max_concurrency, delivery };
    let (function, is_new) =
        functions::register(&door.engine, &caller, &name, registration).await?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, axum::Json(Function::from(function))).into_response())
}

/// Remove a function. Tasks that name it afterwards fail, or go to the Lambda endpoint.
#[utoipa::path(
    delete, path = "/v1/functions/{name}", tag = "functions", operation_id = "deleteFunction",
    params(FunctionName),
    responses((status = 204, description = "it is removed, or never was"))
)]
pub(crate) async fn delete(
    State(door): State<Door>,
    Asker(caller): Asker,
    Path(FunctionName { name }): Path<FunctionName>,
) -> Result<StatusCode, Refusal> {
    gone(functions::delete(&door.engine, &caller, &name).await)
}

impl From<functions::Registered> for Function {
    fn from(function: functions::Registered) -> Self {
        let (url, headers) = (function.shown_url(), function.shown_headers());
        let functions::Registered { name, registration, updated_at } = function;
        Self {
            name,
            headers,
            url,
            protocol: registration.protocol,
            timeout_seconds: registration.timeout_seconds,
            max_concurrency: registration.max_concurrency,
            delivery: registration.delivery,
            updated_at,
        }
    }
}
