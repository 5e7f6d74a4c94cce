//! State machines, schedules and functions put in place through the public API, as any client would.

use std::fmt::Write as _;

use anyhow::{Context as _, bail};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Method, Request, StatusCode, header};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tower::ServiceExt as _;

/// Most bytes of an answer that are read.
const ANSWER_BYTES: usize = 64 * 1024 * 1024;

/// Creates the state machine, or gives it this definition; its ARN.
///
/// # Errors
/// The definition has mistakes; they are in the message, one a line.
pub async fn deploy(router: &Router, name: &str, definition: &str) -> anyhow::Result<String> {
    let definition: Box<RawValue> = serde_json::from_str(definition)
        .with_context(|| format!("the definition of `{name}` is not JSON"))?;
    let body = format!(r#"{{"definition":{}}}"#, definition.get());
    let path = format!("/v1/state-machines/{}", in_path(name));
    let answer = ask(router, Method::PUT, &path, body)
        .await
        .with_context(|| format!("cannot deploy `{name}`"))?;
    let arn = answer["arn"].as_str().context("the answer has no `arn`")?;
    Ok(arn.to_owned())
}

/// Puts a schedule in place, set up as this JSON says; when it is due next, if it ever is.
///
/// # Errors
/// It is refused; the message says why.
pub async fn schedule(
    router: &Router,
    name: &str,
    settings: &str,
) -> anyhow::Result<Option<String>> {
    let path = format!("/v1/schedules/{}", in_path(name));
    let answer = ask(router, Method::PUT, &path, settings.to_owned())
        .await
        .with_context(|| format!("cannot put schedule `{name}` in place"))?;
    Ok(answer["next_due_at"].as_str().map(str::to_owned))
}

/// Registers a function at this URL.
///
/// # Errors
/// The name or the URL is not one.
pub async fn register(
    router: &Router,
    name: &str,
    url: &str,
    protocol: &str,
) -> anyhow::Result<()> {
    let body = json!({ "url": url, "protocol": protocol }).to_string();
    ask(router, Method::PUT, &format!("/v1/functions/{}", in_path(name)), body)
        .await
        .with_context(|| format!("cannot register function `{name}`"))?;
    Ok(())
}

/// One request to the API of this process; the JSON it answers.
///
/// # Errors
/// It answers with a problem, whose text is the message.
pub async fn ask(
    router: &Router,
    method: Method,
    path: &str,
    body: String,
) -> anyhow::Result<Value> {
    let (status, answer) = send(router, method, path, body).await?;
    if !status.is_success() {
        bail!("{}", problem(status, &answer));
    }
    Ok(answer)
}

/// One request to the API of this process; the status and the JSON it answers, or `null`.
///
/// # Errors
/// The path is none, or the answer breaks off.
pub async fn send(
    router: &Router,
    method: Method,
    path: &str,
    body: String,
) -> anyhow::Result<(StatusCode, Value)> {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(body))
        .with_context(|| format!("`{path}` is no path"))?;
    let response = router.clone().oneshot(request).await?;
    let status = response.status();
    let bytes = to_bytes(response.into_body(), ANSWER_BYTES).await?;
    Ok((status, serde_json::from_slice(&bytes).unwrap_or(Value::Null)))
}

/// A name as one part of a path.
pub fn in_path(name: &str) -> String {
    let mut part = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~:".contains(&byte) {
            part.push(char::from(byte));
        } else {
            let _ = write!(part, "%{byte:02X}");
        }
    }
    part
}

fn problem(status: StatusCode, problem: &Value) -> String {
    let text = problem["detail"].as_str().or(problem["title"].as_str());
    text.map_or_else(|| format!("the answer was {status}"), str::to_owned)
}

#[cfg(test)]
mod tests {
    use axum::routing::put;

    use super::*;

    #[tokio::test]
    async fn a_definition_is_put_as_its_own_text() {
        let echo = |body: String| async move { axum::Json(json!({ "arn": body })) };
        let router = Router::new().route("/v1/state-machines/m", put(echo));
        let arn = deploy(&router, "m", r#"{"StartAt" : 1.50}"#).await.unwrap();
        assert_eq!(arn, r#"{"definition":{"StartAt" : 1.50}}"#);
    }

    #[tokio::test]
    async fn a_problem_is_told_in_its_own_words() {
        let refuse = || async {
            (StatusCode::UNPROCESSABLE_ENTITY, axum::Json(json!({ "detail": "no such target" })))
        };
        let router = Router::new().route("/v1/state-machines/m", put(refuse));
        let error = deploy(&router, "m", "{}").await.unwrap_err();
        assert_eq!(format!("{error:#}"), "cannot deploy `m`: no such target");
    }
}
