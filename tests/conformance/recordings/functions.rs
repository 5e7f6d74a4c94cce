//! The Lambda functions of all cases, behind one Invoke API on loopback.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde_json::{Value, json};
use tests::aws::REGION;
use uuid::Uuid;

use super::case::{Behaviour, Spacing};
use super::scope::ACCOUNT;
use super::spaced::to_spaced_text;

/// What the functions do, by name.
#[derive(Clone, Default)]
pub(crate) struct Functions(Arc<Mutex<HashMap<String, Behaviour>>>);

impl Functions {
    /// Serves the Invoke API until the runtime ends; the address is what the server is told to use.
    pub(crate) async fn serve(&self) -> Result<SocketAddr> {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let router = Router::new()
            .route("/2015-03-31/functions/{name}/invocations", post(invoke))
            .with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(address)
    }

    pub(crate) fn provide(&self, name: &str, behaviour: Behaviour) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), behaviour);
    }

    pub(crate) fn delete(&self, name: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }

    fn get(&self, name: &str) -> Option<Behaviour> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }
}

async fn invoke(
    State(functions): State<Functions>,
    Path(called): Path<String>,
    headers: HeaderMap,
    input: Bytes,
) -> Response {
    // Called by name or by ARN, either of them perhaps with a qualifier.
    let name = match called.strip_prefix("arn:") {
        Some(arn) => arn.split(':').nth(5).unwrap_or_default(),
        None => called.split(':').next().unwrap_or_default(),
    };
    let request_id = Uuid::new_v4().to_string();
    let Some(behaviour) = functions.get(name) else { return unknown(name, &request_id) };
    let (payload, failed) = perform(behaviour, &input, &request_id).await;
    let mut response = payload.into_response();
    let mut add = |name: &'static str, value: &str| {
        let value = value.parse().expect("an id or a constant is a valid header");
        response.headers_mut().insert(name, value);
    };
    add("x-amz-executed-version", "$LATEST");
    add("x-amzn-requestid", &request_id);
    add("content-type", "application/json");
    if headers.get("x-amz-log-type").is_some_and(|kind| kind == "Tail") {
        add("x-amz-log-result", "U1RBUlQgUmVxdWVzdAo=");
    }
    if failed {
        add("x-amz-function-error", "Unhandled");
    }
    response
}

fn unknown(name: &str, request_id: &str) -> Response {
    let arn = format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}:$LATEST");
    let body = json!({"Type": "User", "Message": format!("Function not found: {arn}")});
    let headers = [
        ("x-amzn-errortype", "ResourceNotFoundException"),
        ("x-amzn-requestid", request_id),
        ("content-type", "application/json"),
    ];
    (StatusCode::NOT_FOUND, headers, body.to_string()).into_response()
}

/// The payload, and whether the function failed.
async fn perform(behaviour: Behaviour, input: &Bytes, request_id: &str) -> (Vec<u8>, bool) {
    let payload = match behaviour {
        Behaviour::Echo => input.to_vec(),
        Behaviour::Return { value } => to_spaced_text(&value).into_bytes(),
        Behaviour::ReturnRaw { char, length } => char.repeat(length).into_bytes(),
        Behaviour::Prefix { prefix } => {
            let input = serde_json::from_slice(input).unwrap_or(Value::Null);
            Value::String(prefix + &as_python_prints(&input)).to_string().into_bytes()
        }
        Behaviour::Sleep { seconds } => {
            tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
            input.to_vec()
        }
        Behaviour::Raise { error_message, error_type, stack_trace, spacing } => {
            let error = json!({
                "errorMessage": error_message,
                "errorType": error_type,
                "requestId": request_id,
                "stackTrace": stack_trace,
            });
            let text = match spacing {
                Spacing::Compact => error.to_string(),
                Spacing::Spaced => to_spaced_text(&error),
            };
            return (text.into_bytes(), true);
        }
    };
    (payload, false)
}

/// A string as it is; an array of strings as `['a', 'b']`.
fn as_python_prints(input: &Value) -> String {
    match input {
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            let quoted = items.iter().map(|item| match item {
                Value::String(text) => format!("'{text}'"),
                other => other.to_string(),
            });
            format!("[{}]", quoted.collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}
