//! What happens around every request: it is counted, timed and logged, and errors that nobody
//! has written out yet get the caller's shape.

use std::time::Instant;

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use runtime::metrics::METRICS;
use tower_http::request_id::RequestId;

use crate::aws::{self, scheduler};
use crate::rest::{Refusal, problem, shown, status_problem};

/// How requests are logged.
#[derive(Clone, Copy)]
pub(crate) struct Log {
    /// At `info`; else at `debug`.
    pub(crate) at_info: bool,
}

/// Watches over one request.
pub(crate) async fn watch(State(log): State<Log>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let method = named(request.method());
    let route = route(&request).to_owned();
    let path = request.uri().path().to_owned();
    let door = Door::of(&request);
    let operation = operation(&request, door);
    let id = request.extensions().get::<RequestId>().cloned();

    let response = in_shape(next.run(request).await, door, &path);

    let status = response.status();
    let elapsed = began.elapsed();
    let door = door.as_str();
    let doors = &METRICS.doors;
    doors.requests.with_label_values(&[door, operation.as_str(), status.as_str()]).inc();
    let time = doors.request_time.with_label_values(&[door, operation.as_str()]);
    time.observe(elapsed.as_secs_f64());
    let request_id = id.as_ref().and_then(|id| id.header_value().to_str().ok()).unwrap_or("");
    let (status, elapsed_ms) = (status.as_u16(), elapsed.as_secs_f64() * 1000.0);
    // The route, not the path: a token may be in it.
    if log.at_info {
        tracing::info!(
            method,
            route,
            operation,
            status,
            elapsed_ms,
            request.id = request_id,
            "`{operation}` was answered with {status}"
        );
    } else {
        tracing::debug!(
            method,
            route,
            operation,
            status,
            elapsed_ms,
            request.id = request_id,
            "`{operation}` was answered with {status}"
        );
    }
    response
}

/// The path as it is routed, with names for what is filled in.
fn route(request: &Request) -> &str {
    request.extensions().get::<MatchedPath>().map_or("unknown", MatchedPath::as_str)
}

/// Which of our shapes a caller expects.
#[derive(Clone, Copy)]
enum Door {
    /// Step Functions' AWS JSON.
    Aws,
    /// `EventBridge` Scheduler's REST-JSON.
    Scheduler,
    Rest,
}

impl Door {
    fn of(request: &Request) -> Self {
        let path = request.uri().path();
        let is_post = request.method() != Method::GET;
        if request.headers().contains_key(aws::TARGET) || (path == "/" && is_post) {
            Self::Aws
        } else if scheduler::is_path(path) {
            Self::Scheduler
        } else {
            Self::Rest
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Aws => "aws",
            Self::Scheduler => "scheduler",
            Self::Rest => "rest",
        }
    }
}

/// A name with few values, for metrics: the AWS operation, or method and route.
fn operation(request: &Request, door: Door) -> String {
    let route = route(request);
    match door {
        Door::Aws => aws::operation(request.headers())
            .ok()
            .filter(|operation| aws::is_operation(operation))
            .unwrap_or_else(|| "unknown".to_owned()),
        Door::Scheduler => {
            scheduler::action(request.method(), route).unwrap_or("unknown").to_owned()
        }
        Door::Rest => format!("{} {route}", named(request.method())),
    }
}

/// A method by its name if it is one of HTTP's: a stranger may send any word, of any length.
fn named(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::PATCH => "PATCH",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

/// Writes out refusals, and what the router itself answered.
fn in_shape(mut response: Response<Body>, door: Door, path: &str) -> Response {
    let refusal = response.extensions_mut().remove::<Refusal>();
    match refusal {
        Some(Refusal(error)) => match door {
            Door::Aws => aws::refuse(&error),
            Door::Scheduler => scheduler::refuse(&error),
            Door::Rest => problem(&error, path),
        },
        None if matches!(door, Door::Scheduler) => match response.status() {
            status if is_bare(&response) => scheduler::status_refusal(status),
            _ => response,
        },
        None => match response.status() {
            StatusCode::NOT_FOUND if is_bare(&response) => {
                let detail =
                    format!("there is nothing at `{}`; /openapi.json lists what is", shown(path));
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
