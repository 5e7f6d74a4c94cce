//! The API: one router, two doors. The AWS wire, Step Functions' at `POST /` and `EventBridge`
//! Scheduler's under `/schedules`; REST under `/v1`; beside them the `OpenAPI` document, health
//! and metrics.

use std::any::Any;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, Version, header};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use runtime::Engine;
use store::AccessKey;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer};

use crate::authenticate::{Entrance, authenticate, is_for_people};
use crate::body::Allowance;
use crate::health::Pulse;
pub use crate::health::carelessness;
use crate::live::Followers;
use crate::operations::startable::Startables;
use crate::rest::Asker;

mod authenticate;
mod aws;
mod body;
pub mod connections;
mod error;
mod health;
mod live;
pub mod operations;
mod own;
pub mod page;
mod rest;
mod room;
pub mod source;
mod watch;

pub use authenticate::{Access, OwnCall, Reach};
pub use error::{Kind, OperationError};
pub use live::StreamCaps;
pub use own::own_api;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");

/// How the API is served.
#[derive(Clone)]
pub struct HttpOptions {
    /// Who is let in.
    pub access: Access,
    /// Access keys beside those of the store, which they take precedence over.
    pub access_keys: Vec<AccessKey>,
    /// How many streams of events there may be.
    pub streams: StreamCaps,
    /// How long a request body may take, and a second more for every 64 KiB of it.
    pub body_patience: Duration,
    /// Whether every request is logged at `info`, and not only at `debug`.
    pub log_requests: bool,
}

impl Default for HttpOptions {
    /// For holders of access keys of the store.
    fn default() -> Self {
        Self {
            access: Access::Closed,
            access_keys: Vec::new(),
            streams: StreamCaps::default(),
            body_patience: Duration::from_secs(20),
            log_requests: false,
        }
    }
}

/// What every handler gets.
#[derive(Clone)]
pub(crate) struct Door {
    pub(crate) engine: Engine,
    pub(crate) startables: Arc<Startables>,
    pub(crate) followers: Arc<Followers>,
    /// What request bodies may take.
    pub(crate) bodies: Allowance,
    pub(crate) pulse: Arc<Pulse>,
}

/// What request bodies may take. The longest leaves room for a definition or an input over its
/// own limit, so that the answer can say so, and for the escapes around it.
fn allowance(engine: &Engine, patience: Duration) -> Allowance {
    const LEAST: usize = 4 * 1024 * 1024;
    let longest = LEAST.max(2 * engine.limits().payload_bytes + 1024 * 1024);
    Allowance::new(longest, patience)
}

/// Everything that is served over HTTP.
pub fn router(engine: Engine, options: HttpOptions) -> Router {
    let HttpOptions { access, access_keys, streams, body_patience, log_requests } = options;
    let followers = Followers::new(streams);
    let bodies = allowance(&engine, body_patience);
    let log = watch::Log { at_info: log_requests };
    let entrance = Entrance::new(engine.clone(), access, access_keys, bodies.clone());
    let (startables, pulse) = (Arc::default(), Arc::default());
    let door = Door { engine, startables, followers, bodies, pulse };
    Router::new()
        .route("/", any(root))
        .route("/openapi.json", get(openapi))
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .route("/metrics", get(metrics))
        .merge(rest::routes())
        .merge(aws::scheduler::routes())
        .fallback(fallback)
        .layer(middleware::from_fn_with_state(entrance, authenticate))
        .layer(middleware::from_fn_with_state(door.clone(), let_go))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn_with_state(log, watch::watch))
        .layer(PropagateRequestIdLayer::new(REQUEST_ID))
        .layer(SetRequestIdLayer::new(REQUEST_ID, MakeRequestUuid))
        .with_state(door)
}

/// Written out once: anybody may ask for it, however often.
static DOCUMENT: LazyLock<String> =
    LazyLock::new(|| rest::document().to_pretty_json().expect("the document is plain data"));

/// The `OpenAPI` document of the REST door, as `/openapi.json` serves it.
pub fn openapi_json() -> &'static str {
    &DOCUMENT
}

/// `POST` is the AWS door. A person who looks with a browser is told where things are.
async fn root(State(door): State<Door>, request: Request) -> Response {
    if is_for_people(request.method(), request.headers()) {
        return axum::Json(serde_json::json!({
            "name": "statewright",
            "version": env!("CARGO_PKG_VERSION"),
            "aws": "POST / with X-Amz-Target: AWSStepFunctions.<Operation>",
            "scheduler": "/schedules, as EventBridge Scheduler",
            "rest": "/v1/state-machines",
            "openapi": "/openapi.json",
        }))
        .into_response();
    }
    aws::serve(&door, request).await
}

/// A call of AWS's API is one on any path; everything else is not here.
async fn fallback(State(door): State<Door>, request: Request) -> Response {
    if request.headers().contains_key(aws::TARGET) {
        return aws::serve(&door, request).await;
    }
    StatusCode::NOT_FOUND.into_response()
}

async fn openapi() -> Response {
    json_text(openapi_json())
}

/// While the node stops, a connection ends with its answer, so that the next request finds another
/// node, or this one when it is started again. (HTTP/2 has its own word for that, said at the end.)
async fn let_go(State(door): State<Door>, request: Request, next: middleware::Next) -> Response {
    let is_http1 = request.version() < Version::HTTP_2;
    let mut response = next.run(request).await;
    if is_http1 && door.engine.is_draining() {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

async fn metrics(State(door): State<Door>, Asker(caller): Asker) -> Response {
    let text = door.engine.metrics(&caller.account).await;
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response()
}

fn json_text(text: impl Into<Body>) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], text.into()).into_response()
}

/// A panic becomes an internal error in the caller's shape; its text goes to the log alone.
#[expect(clippy::needless_pass_by_value, reason = "the signature that `CatchPanicLayer` wants")]
fn panicked(panic: Box<dyn Any + Send + 'static>) -> Response<Body> {
    let why = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no text");
    tracing::error!(panic = why, "a request handler panicked: `{why}`");
    rest::Refusal(OperationError::internal()).into_response()
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    async fn boom() {
        panic!("the secret text of a panic");
    }

    /// The whole answer to a request of a router whose every path panics.
    async fn answer(request: &str) -> String {
        let router = Router::new()
            .fallback(boom)
            .layer(CatchPanicLayer::custom(panicked))
            .layer(middleware::from_fn_with_state(watch::Log { at_info: false }, watch::watch));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let rest = "Host: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
        stream.write_all(format!("{request}\r\n{rest}").as_bytes()).await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        text
    }

    #[tokio::test]
    async fn a_panic_is_an_internal_error_in_the_callers_shape() {
        let target = "POST / HTTP/1.1\r\nX-Amz-Target: AWSStepFunctions.ListStateMachines";
        let aws = answer(target).await;
        let body = r#"{"__type":"InternalFailure","message":"an internal error occurred"}"#;
        assert!(aws.starts_with("HTTP/1.1 500") && aws.ends_with(body), "{aws}");
        let rest = answer("GET /v1/functions HTTP/1.1").await;
        assert!(rest.starts_with("HTTP/1.1 500"), "{rest}");
        assert!(rest.contains("application/problem+json") && !rest.contains("secret"), "{rest}");
    }
}
