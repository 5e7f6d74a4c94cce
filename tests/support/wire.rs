//! A plain client of the AWS wire and of REST, and a function to be called.

use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router, routing::post};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::contract::{self, Exchange};
use crate::signing::{self, Key};

/// How long a call may take.
const PATIENCE: Duration = Duration::from_secs(15);

/// Why a call was not answered with a result.
#[derive(Debug)]
pub enum Refused {
    /// The HTTP status, AWS's error code, and its message.
    Error(u16, String, String),
    NoAnswer,
}

impl Refused {
    /// The HTTP status, or 0.
    pub fn status(&self) -> u16 {
        match self {
            Self::Error(status, _, _) => *status,
            Self::NoAnswer => 0,
        }
    }

    /// AWS's error code, or `""`.
    pub fn code(&self) -> &str {
        match self {
            Self::Error(_, code, _) => code,
            Self::NoAnswer => "",
        }
    }
}

/// A client of one node.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    node: String,
    key: Option<Key>,
}

impl Client {
    /// A client of the node at this base URL; a call may take fifteen seconds.
    pub fn new(node: impl Into<String>) -> Self {
        Self { http: crate::client::client(), node: node.into(), key: None }
    }

    /// The same client, whose calls are made with this access key.
    #[must_use]
    pub fn with_key(self, key: Key) -> Self {
        Self { key: Some(key), ..self }
    }

    async fn send(
        &self,
        call: reqwest::RequestBuilder,
        service: Option<&str>,
    ) -> Result<reqwest::Response, reqwest::Error> {
        let mut request = call.build()?;
        match (&self.key, service) {
            (None, _) => {}
            (Some(key), Some(service)) => {
                signing::sign(&mut request, key, service, signing::now());
            }
            (Some(key), None) => {
                let bearer = key.bearer().parse().expect("a key is ASCII");
                request.headers_mut().insert("authorization", bearer);
            }
        }
        self.http.execute(request).await
    }

    /// One call over the AWS wire.
    pub async fn call(&self, operation: &str, parameters: &Value) -> Result<Value, Refused> {
        let answer = self.aws(operation, parameters).await.ok_or(Refused::NoAnswer)?;
        let status = answer.status();
        let body: Value = answer.json().await.map_err(|_| Refused::NoAnswer)?;
        if status.is_success() {
            return Ok(body);
        }
        let code = body["__type"].as_str().unwrap_or_default();
        let code = code.rsplit('#').next().unwrap_or_default().to_owned();
        let message = body["message"].as_str().unwrap_or_default().to_owned();
        Err(Refused::Error(status.as_u16(), code, message))
    }

    /// The whole answer to a call over the AWS wire, if there is one.
    pub async fn aws(&self, operation: &str, parameters: &Value) -> Option<reqwest::Response> {
        let call = self.http.post(&self.node).timeout(PATIENCE).body(parameters.to_string());
        let call = call.header("x-amz-target", format!("AWSStepFunctions.{operation}"));
        let call = call.header("content-type", "application/x-amz-json-1.0");
        self.send(call, Some("states")).await.ok()
    }

    /// The whole answer to a `GET`, if there is one.
    pub async fn get(&self, path: &str) -> Option<reqwest::Response> {
        let call = self.http.get(format!("{}{path}", self.node)).timeout(PATIENCE);
        self.send(call, None).await.ok()
    }

    /// The whole answer to a `POST` of JSON, if there is one.
    pub async fn post(&self, path: &str, body: &Value) -> Option<reqwest::Response> {
        let call = self.http.post(format!("{}{path}", self.node)).json(body);
        self.send(call.timeout(PATIENCE), None).await.ok()
    }

    /// A call that must be answered.
    pub async fn must(&self, operation: &str, parameters: Value) -> Value {
        let answer = self.call(operation, &parameters).await;
        answer.unwrap_or_else(|refused| panic!("{operation} {parameters}: {refused:?}"))
    }

    /// Creates a state machine and gives its ARN.
    pub async fn create(&self, name: &str, definition: &str) -> String {
        let machine = json!({
            "name": name,
            "definition": definition,
            "roleArn": "arn:aws:iam::123456789012:role/r",
        });
        let created = self.must("CreateStateMachine", machine).await;
        created["stateMachineArn"].as_str().expect("an ARN").to_owned()
    }

    /// Registers a function that is called by the plain HTTP protocol.
    pub async fn register(&self, name: &str, url: &str) {
        let function = json!({ "url": url, "protocol": "http" });
        let registered = self.rest("PUT", &format!("/v1/functions/{name}"), function).await;
        assert!(registered.is_ok(), "{registered:?}");
    }

    /// One call over REST; `null` for no body. Refusals have their title in the code's place.
    pub async fn rest(&self, method: &str, path: &str, body: Value) -> Result<Value, Refused> {
        self.rest_with(method, path, &[], body).await
    }

    /// Does the same with these further headers. Each answer is held against the `OpenAPI` document.
    pub async fn rest_with(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Value,
    ) -> Result<Value, Refused> {
        let url = format!("{}{path}", self.node);
        let call = self.http.request(method.parse().expect("an HTTP method"), url);
        let with = |call: reqwest::RequestBuilder, (name, value): &(&str, &str)| {
            call.header(*name, *value)
        };
        let call = headers.iter().fold(call, with);
        let request = if body.is_null() { String::new() } else { body.to_string() };
        let call = if body.is_null() { call } else { call.json(&body) };
        let answer = self.send(call.timeout(PATIENCE), None).await;
        let answer = answer.map_err(|_| Refused::NoAnswer)?;
        let status = answer.status();
        let kind = answer.headers().get("content-type").cloned();
        let text = answer.text().await.map_err(|_| Refused::NoAnswer)?;
        contract::check(Exchange {
            method,
            path,
            request: &request,
            status: status.as_u16(),
            content_type: kind.as_ref().and_then(|kind| kind.to_str().ok()),
            answer: &text,
        });
        let body: Value = serde_json::from_str(&text).map_err(|_| Refused::NoAnswer)?;
        if status.is_success() {
            return Ok(body);
        }
        let said = |member: &str| body[member].as_str().unwrap_or_default().to_owned();
        Err(Refused::Error(status.as_u16(), said("title"), said("detail")))
    }

    /// What the node says at this path, as text.
    pub async fn rest_text(&self, path: &str) -> String {
        let answer = self.http.get(format!("{}{path}", self.node)).send().await;
        answer.expect("the node answers").text().await.expect("text")
    }

    /// The value of one of the node's metrics.
    pub async fn metric(&self, name: &str) -> Option<f64> {
        let call = self.http.get(format!("{}/metrics", self.node));
        let answer = self.send(call, None).await.ok()?;
        let text = answer.text().await.ok()?;
        let line = text.lines().find(|line| line.starts_with(&format!("{name} ")))?;
        line.rsplit(' ').next()?.parse().ok()
    }

    /// Polls until an execution has ended, and describes it.
    pub async fn ended(&self, execution_arn: &str) -> Value {
        let ended = async {
            loop {
                let asked = json!({ "executionArn": execution_arn });
                if let Ok(execution) = self.call("DescribeExecution", &asked).await
                    && execution["status"] != "RUNNING"
                {
                    return execution;
                }
                tokio::time::sleep(Duration::from_millis(25)).await;
            }
        };
        tokio::time::timeout(Duration::from_mins(1), ended)
            .await
            .unwrap_or_else(|_| panic!("{execution_arn} does not end"))
    }

    /// The whole history of an execution.
    pub async fn history(&self, execution_arn: &str) -> Vec<Value> {
        let mut events: Vec<Value> = Vec::new();
        let mut page = json!({ "executionArn": execution_arn, "maxResults": 1000 });
        loop {
            let mut answer = self.must("GetExecutionHistory", page.clone()).await;
            events.extend(answer["events"].as_array().expect("events").iter().cloned());
            match answer["nextToken"].take() {
                Value::Null => return events,
                token => page["nextToken"] = token,
            }
        }
    }
}

/// Serves a function on loopback until the handle is aborted or the test ends: its URL.
pub async fn serve_function<F>(answer: F) -> (String, JoinHandle<()>)
where
    F: Fn(&HeaderMap, Value) -> (u16, Value) + Send + Sync + 'static,
{
    let answer = Arc::new(answer);
    let handler = move |headers: HeaderMap, Json(input): Json<Value>| {
        let answer = answer.clone();
        async move {
            let (status, body) = answer(&headers, input);
            let status = StatusCode::from_u16(status).expect("an HTTP status");
            (status, Json(body)).into_response() as Response
        }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/function", listener.local_addr().expect("bound"));
    let router = Router::new().route("/function", post(handler));
    let served = tokio::spawn(async move {
        axum::serve(listener, router).await.expect("the function serves");
    });
    (url, served)
}
