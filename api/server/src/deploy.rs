//! State machines, schedules and functions put in place through the public API, as any client would.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::{Context as _, bail};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Method, Request, StatusCode, header};
use http_api::OwnCall;
use serde_json::value::{RawValue, to_raw_value};
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

/// Creates the state machine if there is none of this name. Returns whether it is there with this
/// definition: `false` if the name is another's.
///
/// # Errors
/// The definition has mistakes; they are in the message, one a line.
pub async fn create(router: &Router, name: &str, definition: &str) -> anyhow::Result<bool> {
    let definition: &RawValue = serde_json::from_str(definition)
        .with_context(|| format!("the definition of `{name}` is not JSON"))?;
    let body = format!(r#"{{"name":{},"definition":{definition}}}"#, json!(name));
    let (status, answer) = send(router, Method::POST, "/v1/state-machines", body).await?;
    if status == StatusCode::CONFLICT {
        return Ok(false);
    }
    if !status.is_success() {
        bail!("cannot deploy `{name}`: {}", problem(status, &answer));
    }
    Ok(true)
}

/// Puts a schedule in place, set up as this JSON says; when it is due next, if it ever is. One that
/// is paused stays paused.
///
/// # Errors
/// It is refused; the message says why.
pub async fn schedule(
    router: &Router,
    name: &str,
    settings: &str,
) -> anyhow::Result<Option<String>> {
    let path = format!("/v1/schedules/{}", in_path(name));
    let settings = match find(router, &path).await? {
        Some(there) if there["state"] == "paused" => paused_as(&there, settings)
            .with_context(|| format!("the settings of schedule `{name}` are no JSON object"))?,
        _ => settings.to_owned(),
    };
    let answer = ask(router, Method::PUT, &path, settings)
        .await
        .with_context(|| format!("cannot put schedule `{name}` in place"))?;
    Ok(answer["next_due_at"].as_str().map(str::to_owned))
}

/// These settings, but paused as the schedule that is there.
fn paused_as(there: &Value, settings: &str) -> serde_json::Result<String> {
    let mut settings: BTreeMap<String, Box<RawValue>> = serde_json::from_str(settings)?;
    for member in ["state", "paused_reason"] {
        match there.get(member) {
            Some(value) => settings.insert(member.to_owned(), to_raw_value(value)?),
            None => settings.remove(member),
        };
    }
    serde_json::to_string(&settings)
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

/// What the API of this process knows under this path; `None` if there is nothing.
///
/// # Errors
/// It cannot tell; the message says why.
pub async fn find(router: &Router, path: &str) -> anyhow::Result<Option<Value>> {
    let (status, answer) = send(router, Method::GET, path, String::new()).await?;
    if status == StatusCode::NOT_FOUND {
        return Ok(None);
    }
    if !status.is_success() {
        bail!("cannot look up `{path}`: {}", problem(status, &answer));
    }
    Ok(Some(answer))
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
        .extension(OwnCall)
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

    #[test]
    fn a_schedule_that_is_paused_is_set_up_anew_as_paused_and_its_input_is_not_touched() {
        let given = r#"{"expression":"rate(1 day)","input":{"n": 1.50},"state":"enabled"}"#;
        let there = json!({ "state": "paused", "paused_reason": "holidays", "name": "s" });
        assert_eq!(
            paused_as(&there, given).unwrap(),
            r#"{"expression":"rate(1 day)","input":{"n": 1.50},"paused_reason":"holidays","state":"paused"}"#
        );
        let given = r#"{"paused_reason":"until I know","state":"paused"}"#;
        assert_eq!(
            paused_as(&json!({ "state": "paused" }), given).unwrap(),
            r#"{"state":"paused"}"#
        );
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
