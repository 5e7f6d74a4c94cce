//! Both doors of the API, asked over HTTP.
//!
//! A check is a request, the status it is to be answered with, and the body. Expected bodies may
//! hold placeholders: `"<any>"` stands for any value, `"<seconds>"` for a number of seconds since
//! 1970, `"<time>"` for an ISO time, `"<uuid>"` for a UUID, and `"…"` at the end of a text for
//! whatever follows.

mod activities;
mod aws;
mod bad_input;
mod dates;
mod idempotency;
mod live;
mod lives;
mod openapi;
mod races;
mod refusals;
mod rest;
mod rules;
mod scheduler;
mod schedules;
mod tokens;
mod zeros;

use std::sync::Arc;
use std::time::Duration;

use http_api::{Access, HttpOptions, Reach};
use runtime::perform::{Call, Outcome, Perform, Progress};
use runtime::{Engine, EngineOptions};
use serde_json::{Value, json};
use store::{AccessKey, Cluster, ClusterOptions, SealingKeys, Store};
use tests::contract::{Exchange, check as check_contract};
use tests::database::PATIENCE;
use uuid::Uuid;

/// A database, an engine and the API, in this process.
pub(crate) struct Served {
    pub(crate) cluster: Cluster,
    pub(crate) client: Client,
    pub(crate) engine: Engine,
}

impl Served {
    pub(crate) async fn start() -> Self {
        Self::start_with(EngineOptions::default()).await
    }

    pub(crate) async fn start_with(options: EngineOptions) -> Self {
        Self::start_in(options, PATIENCE).await
    }

    /// With a store that waits so long for a connection.
    pub(crate) async fn start_in(options: EngineOptions, patience: Duration) -> Self {
        let folder = std::env::temp_dir().join(format!("statewright-api-{}", Uuid::new_v4()));
        let cluster = Cluster::start(ClusterOptions::new(folder).for_tests()).await.unwrap();
        let store = Store::connect_patiently(&cluster.url(), 8, patience).await.unwrap();
        let store = store.sealed_with(SealingKeys::random());
        store.migrate().await.unwrap();
        let engine = Engine::start(store, options, Arc::new(Nothing)).await.unwrap();
        let access = Access::Open(Reach::Loopback);
        let url = serve(&engine, HttpOptions { access, ..HttpOptions::default() }).await;
        Self { cluster, client: Client::new(&url), engine }
    }

    /// The same engine behind doors that want one of these access keys; its URL.
    pub(crate) async fn closed(&self, access_keys: Vec<AccessKey>) -> String {
        let access = Access::Closed;
        serve(&self.engine, HttpOptions { access, access_keys, ..HttpOptions::default() }).await
    }

    pub(crate) async fn stop(self) {
        self.engine.shutdown().await;
        self.cluster.stop().await;
    }
}

/// Serves an engine's API; its URL.
async fn serve(engine: &Engine, options: HttpOptions) -> String {
    let router = http_api::router(engine.clone(), options);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

/// Performs nothing: these tests are about the API, and their state machines have no tasks.
struct Nothing;

impl Perform for Nothing {
    fn perform<'a>(
        &'a self,
        _: &'a Call,
        _: &'a (dyn Fn(Progress) + Send + Sync),
    ) -> futures_util::future::BoxFuture<'a, Outcome> {
        Box::pin(std::future::pending())
    }
}

/// A client of one server.
pub(crate) struct Client {
    pub(crate) http: reqwest::Client,
    pub(crate) url: String,
}

impl Client {
    pub(crate) fn new(url: &str) -> Self {
        Self { http: tests::client::client(), url: url.to_owned() }
    }

    /// Calls an operation of the AWS API.
    pub(crate) async fn aws(&self, operation: &str, request: Value) -> (u16, Value) {
        self.aws_raw(operation, request.to_string().into_bytes()).await
    }

    pub(crate) async fn aws_raw(&self, operation: &str, body: Vec<u8>) -> (u16, Value) {
        let answer = self
            .http
            .post(&self.url)
            .header("content-type", "application/x-amz-json-1.0")
            .header("x-amz-target", format!("AWSStepFunctions.{operation}"))
            .body(body)
            .send()
            .await
            .unwrap();
        assert_eq!(answer.headers()["content-type"], "application/x-amz-json-1.0");
        assert!(answer.headers().contains_key("x-amzn-requestid"));
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    /// Asks the REST API; an empty answer is `null`.
    pub(crate) async fn rest(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let (status, text) = self.rest_with(method, path, &[], &body).await;
        (status, if text.is_empty() { Value::Null } else { serde_json::from_str(&text).unwrap() })
    }

    /// Asks the REST API with these further headers, and holds the answer against the document.
    pub(crate) async fn rest_with(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> (u16, String) {
        let url = format!("{}{path}", self.url);
        let mut request = self.http.request(method.parse().unwrap(), url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if !body.is_empty() {
            request = request.header("content-type", "application/json").body(body.to_owned());
        }
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        let content_type = answer.headers().get("content-type").cloned();
        if status >= 400 {
            assert_eq!(content_type.as_ref().unwrap(), "application/problem+json");
        }
        let content_type = content_type.as_ref().map(|kind| kind.to_str().unwrap());
        let text = answer.text().await.unwrap();
        let (request, answer) = (body, text.as_str());
        check_contract(Exchange { method, path, request, status, content_type, answer });
        (status, text)
    }

    pub(crate) async fn check_aws(
        &self,
        operation: &str,
        request: Value,
        status: u16,
        expected: Value,
    ) -> Value {
        let (got, body) = self.aws(operation, request.clone()).await;
        check(&format!("{operation} {request}"), (got, &body), (status, &expected));
        body
    }

    pub(crate) async fn check_rest(
        &self,
        request: &str,
        body: Value,
        status: u16,
        expected: Value,
    ) -> Value {
        let (method, path) = request.split_once(' ').unwrap();
        let (got, answer) = self.rest(method, path, body).await;
        check(request, (got, &answer), (status, &expected));
        answer
    }

    /// Asks for the status of an execution until it is not running, and returns that.
    pub(crate) async fn wait_for_end(&self, execution: &str) -> Value {
        // Follows the events, so that nothing is polled.
        let url = format!("{}/v1/executions/{execution}/events", self.url);
        self.http.get(url).send().await.unwrap().text().await.unwrap();
        self.aws("DescribeExecution", json!({ "executionArn": execution })).await.1
    }
}

/// What the AWS API answers when it refuses.
pub(crate) fn refused(kind: &str, message: &str) -> Value {
    json!({ "__type": kind, "message": message })
}

/// A definition of one Pass state.
pub(crate) fn pass() -> String {
    r#"{"StartAt": "A", "States": {"A": {"Type": "Pass", "End": true}}}"#.to_owned()
}

/// A definition of one Wait state.
pub(crate) fn wait(seconds: u32) -> String {
    format!(
        r#"{{"StartAt": "A", "States": {{"A": {{"Type": "Wait", "Seconds": {seconds}, "End": true}}}}}}"#
    )
}

pub(crate) const ROLE: &str = "arn:aws:iam::123456789012:role/test";

fn check(request: &str, got: (u16, &Value), expected: (u16, &Value)) {
    let mut complaints = Vec::new();
    if got.0 != expected.0 {
        complaints.push(format!("status {}, not {}", got.0, expected.0));
    }
    compare("", got.1, expected.1, &mut complaints);
    assert!(complaints.is_empty(), "{request}\n{}\n{:#}", complaints.join("\n"), got.1);
}

fn compare(path: &str, got: &Value, expected: &Value, complaints: &mut Vec<String>) {
    match (got, expected) {
        (_, Value::String(pattern)) if matches(got, pattern) => {}
        (Value::Object(got), Value::Object(expected)) => {
            for (name, value) in expected {
                match got.get(name) {
                    Some(found) => compare(&format!("{path}/{name}"), found, value, complaints),
                    None => complaints.push(format!("{path}/{name} is missing")),
                }
            }
            for name in got.keys().filter(|name| !expected.contains_key(*name)) {
                complaints.push(format!("{path}/{name} is not expected"));
            }
        }
        (Value::Array(got), Value::Array(expected)) if got.len() == expected.len() => {
            for (index, (got, expected)) in got.iter().zip(expected).enumerate() {
                compare(&format!("{path}/{index}"), got, expected, complaints);
            }
        }
        (got, expected) if got == expected => {}
        (got, expected) => complaints.push(format!("{path} is {got}, not {expected}")),
    }
}

fn matches(got: &Value, pattern: &str) -> bool {
    match pattern {
        "<any>" => true,
        "<seconds>" => got.as_f64().is_some_and(|seconds| seconds > 1.0e9),
        "<time>" => {
            got.as_str().is_some_and(|text| chrono::DateTime::parse_from_rfc3339(text).is_ok())
        }
        "<uuid>" => got.as_str().is_some_and(|text| Uuid::parse_str(text).is_ok()),
        _ => match pattern.strip_suffix('…') {
            Some(begin) => got.as_str().is_some_and(|text| text.starts_with(begin)),
            None => got.as_str() == Some(pattern),
        },
    }
}
