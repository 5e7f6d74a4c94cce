//! What happens around every request: it is counted, timed and logged, and errors that nobody
//! has written out yet get the caller's shape.

use std::time::Instant;

use axum::body::Body;
use axum::extract::{MatchedPath, Request};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::Response;
use tower_http::request_id::RequestId;

use crate::aws;
use crate::rest::{Refusal, problem, status_problem};

/// Watches over one request.
pub(crate) async fn watch(request: Request, next: Next) -> Response {
    let began = Instant::now();
    let path = request.uri().path().to_owned();
    let is_aws = request.headers().contains_key(aws::TARGET)
        || (path == "/" && request.method() != axum::http::Method::GET);
    let operation = operation(&request, is_aws);
    let id = request.extensions().get::<RequestId>().cloned();

    let response = in_shape(next.run(request).await, is_aws, &path);

    let status = response.status();
    let elapsed = began.elapsed();
    let door = if is_aws { "aws" } else { "rest" };
    metrics::counter!(
        "statewright_requests_total",
        "door" => door, "operation" => operation.clone(), "status" => status.as_str().to_owned()
    )
    .increment(1);
    metrics::histogram!(
        "statewright_request_seconds", "door" => door, "operation" => operation.clone()
    )
    .record(elapsed.as_secs_f64());
    let request_id = id.as_ref().and_then(|id| id.header_value().to_str().ok()).unwrap_or("");
    tracing::debug!(
        operation,
        status = status.as_u16(),
        elapsed_ms = elapsed.as_secs_f64() * 1000.0,
        request.id = request_id,
        "`{operation}` was answered with {}",
        status.as_u16(),
    );
    response
}

/// A name with few values, for metrics: the AWS operation, or method and route.
fn operation(request: &Request, is_aws: bool) -> String {
    if is_aws {
        return match aws::operation(request.headers()) {
            Ok(operation) if aws::is_operation(&operation) => operation,
            Ok(_) | Err(_) => "unknown".to_owned(),
        };
    }
    let route = request.extensions().get::<MatchedPath>().map_or("unknown", MatchedPath::as_str);
    format!("{} {route}", request.method())
}

/// Writes out refusals, and what the router itself answered.
fn in_shape(mut response: Response<Body>, is_aws: bool, path: &str) -> Response {
    let refusal = response.extensions_mut().remove::<Refusal>();
    match refusal {
        Some(Refusal(error)) if is_aws => aws::refuse(&error),
        Some(Refusal(error)) => problem(&error, path),
        None => match response.status() {
            StatusCode::NOT_FOUND if is_bare(&response) => {
                let detail = format!("there is nothing at `{path}`; /openapi.json lists what is");
                status_problem(StatusCode::NOT_FOUND, &detail, path)
            }
            StatusCode::METHOD_NOT_ALLOWED => {
                let allowed = response.headers().get(axum::http::header::ALLOW).cloned();
                let detail = "this path does not take this method";
                let mut problem = status_problem(StatusCode::METHOD_NOT_ALLOWED, detail, path);
                if let Some(allowed) = allowed {
                    problem.headers_mut().insert(axum::http::header::ALLOW, allowed);
                }
                problem
            }
            StatusCode::BAD_REQUEST if is_text(&response) => {
                let detail = "the path cannot be read: it is not valid UTF-8 when decoded";
                status_problem(StatusCode::BAD_REQUEST, detail, path)
            }
            _ => response,
        },
    }
}

/// Whether a response has no content of a kind of its own.
fn is_bare(response: &Response<Body>) -> bool {
    !response.headers().contains_key(axum::http::header::CONTENT_TYPE)
}

fn is_text(response: &Response<Body>) -> bool {
    response
        .headers()
        .get(axum::http::header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"text/plain"))
}
