//! One HTTP exchange: a request with its identifying headers, an answer of bounded length.

use std::collections::BTreeMap;
use std::error::Error as _;
use std::fmt::Write as _;

use asl::Payload;
use machine::Failure;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, ClientBuilder, Url};
use serde_json::Value;
use store::{Secret, masked_url};
use tokio::time::Instant;

use super::{Call, PerformOptions};

/// How much of an error's body becomes part of the cause.
const CAUSE_BYTES: usize = 2_000;

/// Makes requests over pooled connections, HTTP/1.1 and 2.
pub(super) struct Exchange {
    client: Result<Client, String>,
    answer_bytes: usize,
    at_once: std::time::Duration,
}

/// One request, always a POST with a JSON body.
pub(super) struct Request {
    pub(super) url: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: String,
    /// Whether it may be sent again if the connection broke before an answer came.
    pub(super) may_repeat: bool,
}

/// An answer, read to its end.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Body,
}

/// The body of an answer.
pub(super) enum Body {
    Text(String),
    /// Longer than may be read, with what was read of it; the connection has been dropped.
    TooLong(String),
}

impl Body {
    /// What was read of it.
    pub(super) fn start(&self) -> &str {
        match self {
            Self::Text(text) | Self::TooLong(text) => text,
        }
    }
}

impl Request {
    /// The request of a call: with what names it, wherever it arrives.
    pub(super) fn new(call: &Call, url: &str, body: &str) -> Self {
        let (trace, span) = (call.execution_id.simple(), span(call));
        let headers = [
            ("content-type", "application/json".to_owned()),
            ("accept", "application/json".to_owned()),
            ("idempotency-key", format!("{}-{}", call.execution_id, call.task)),
            ("statewright-execution-arn", escaped(&call.execution_arn)),
            ("statewright-state", escaped(&call.state)),
            ("statewright-task-token", call.token.0.clone()),
            ("statewright-attempt", call.attempt.to_string()),
            ("traceparent", format!("00-{trace}-{span:016x}-01")),
        ];
        Self {
            url: url.to_owned(),
            headers: headers.map(|(name, value)| (name.to_owned(), value)).to_vec(),
            body: body.to_owned(),
            may_repeat: true,
        }
    }

    /// Adds headers, in the place of those of the same name.
    pub(super) fn add_headers(&mut self, headers: &BTreeMap<String, Secret>) {
        let given = |name: &String| headers.keys().any(|given| given.eq_ignore_ascii_case(name));
        self.headers.retain(|(name, _)| !given(name));
        let revealed =
            |(name, value): (&String, &Secret)| (name.clone(), value.reveal().to_owned());
        self.headers.extend(headers.iter().map(revealed));
    }
}

/// A span id of its own for each attempt; never zero.
fn span(call: &Call) -> u64 {
    let (high, low) = call.execution_id.as_u64_pair();
    (high ^ low.rotate_left(17)).wrapping_add(call.task.wrapping_mul(0x9E37_79B9_7F4A_7C15)) | 1
}

/// A name as a header can carry it: what is not printable ASCII is percent-encoded.
fn escaped(name: &str) -> String {
    let mut escaped = String::new();
    for byte in name.bytes() {
        if (b' '..=b'~').contains(&byte) && byte != b'%' {
            escaped.push(char::from(byte));
        } else {
            let _ = write!(escaped, "%{byte:02X}");
        }
    }
    escaped
}

fn client(options: &PerformOptions) -> ClientBuilder {
    Client::builder()
        .user_agent(concat!("statewright/", env!("CARGO_PKG_VERSION")))
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(options.connect_timeout)
        .tcp_keepalive(std::time::Duration::from_secs(30))
        .http2_keep_alive_interval(std::time::Duration::from_secs(30))
        .http2_adaptive_window(true)
}

impl Exchange {
    pub(super) fn new(options: &PerformOptions) -> Self {
        // The first of the process is installed; later ones find it there.
        let _ = rustls::crypto::ring::default_provider().install_default();
        // A machine without certificates can still call functions that need none.
        let client = client(options)
            .build()
            .or_else(|error| {
                let why = chain(&error);
                tracing::warn!("no function can be called over `https`: {why}");
                client(options).tls_certs_only([]).build()
            })
            .map_err(|error| chain(&error));
        Self { client, answer_bytes: options.answer_bytes, at_once: options.at_once }
    }

    /// Sends a request and reads its answer. A connection that the other side closed while it
    /// was idle is found out only by using it, and then at once: such a request is sent once
    /// more if it may. One that breaks later may have been carried out, and fails.
    pub(super) async fn make(&self, request: &Request) -> Result<Answer, Failure> {
        let sent = Instant::now();
        match self.try_make(request).await {
            Err(Broken { repeatable: true, .. })
                if request.may_repeat && sent.elapsed() < self.at_once =>
            {
                self.try_make(request).await.map_err(|broken| broken.failure)
            }
            other => other.map_err(|broken| broken.failure),
        }
    }

    async fn try_make(&self, request: &Request) -> Result<Answer, Broken> {
        let client = self.client.as_ref().map_err(|why| {
            let cause = format!("no call can be made from this node: {why}");
            Broken { failure: Failure::new("States.Http.Socket", cause), repeatable: false }
        })?;
        let url: Url = request.url.parse().map_err(|why| {
            let cause = format!("`{}` is not a URL: {why}", masked_url(&request.url));
            Broken { failure: Failure::new("States.Http.Socket", cause), repeatable: false }
        })?;
        let place = shown(&url);
        let mut sent = client.post(url).body(request.body.clone());
        for (name, value) in &request.headers {
            let (Ok(name), Ok(value)) =
                (HeaderName::try_from(name.as_str()), HeaderValue::try_from(value.as_str()))
            else {
                let cause = format!("the header `{name}` cannot be sent");
                let failure = Failure::new("States.Http.Socket", cause);
                return Err(Broken { failure, repeatable: false });
            };
            sent = sent.header(name, value);
        }
        let answer = sent.send().await.map_err(|error| broken(&place, &error))?;
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let body = self.read(answer, &place).await?;
        Ok(Answer { status, headers, body })
    }

    /// Reads a body to its end or to the limit. Of an error's body, whatever can be read will
    /// do: that there was an error matters more than how its text ends.
    async fn read(&self, mut answer: reqwest::Response, place: &str) -> Result<Body, Broken> {
        let succeeded = answer.status().is_success();
        let most = self.answer_bytes;
        if succeeded && answer.content_length().is_some_and(|length| length > most as u64) {
            return Ok(Body::TooLong(String::new()));
        }
        let mut bytes = Vec::new();
        loop {
            let chunk = match answer.chunk().await {
                Ok(Some(chunk)) => chunk,
                Ok(None) => break,
                Err(_) if !succeeded => break,
                Err(error) => return Err(cut_off(place, &error)),
            };
            if bytes.len() + chunk.len() > most {
                return Ok(Body::TooLong(String::from_utf8_lossy(&bytes).into_owned()));
            }
            bytes.extend_from_slice(&chunk);
        }
        match String::from_utf8(bytes) {
            Ok(text) => Ok(Body::Text(text)),
            Err(error) if !succeeded => {
                Ok(Body::Text(String::from_utf8_lossy(error.as_bytes()).into_owned()))
            }
            Err(_) => Err(invalid(format!("the answer of `{place}` is not UTF-8"))),
        }
    }
}

/// An exchange that did not come to an answer.
struct Broken {
    failure: Failure,
    repeatable: bool,
}

fn broken(place: &str, error: &reqwest::Error) -> Broken {
    let why = chain(error);
    let (cause, repeatable) = if error.is_connect() {
        (format!("cannot connect to `{place}`: {why}"), false)
    } else {
        (format!("`{place}` gave no answer that can be read: {why}"), error.is_request())
    };
    Broken { failure: Failure::new("States.Http.Socket", cause), repeatable }
}

fn cut_off(place: &str, error: &reqwest::Error) -> Broken {
    invalid(format!("the answer of `{place}` was cut off: {}", chain(error)))
}

fn invalid(cause: String) -> Broken {
    Broken { failure: Failure::new("Statewright.InvalidResponse", cause), repeatable: false }
}

/// Where a request went, without what may be secret in a URL.
fn shown(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}://{host}{port}{}", url.scheme(), url.path())
}

/// What went wrong, innermost last; without the URL, which callers show themselves.
fn chain(error: &reqwest::Error) -> String {
    let mut texts: Vec<String> = Vec::new();
    let mut source = error.source();
    while let Some(inner) = source {
        let text = inner.to_string();
        if texts.last() != Some(&text) {
            texts.push(text);
        }
        source = inner.source();
    }
    if texts.is_empty() { "no reason given".to_owned() } else { texts.join(": ") }
}

impl Answer {
    /// The answer, if its status is a success of the plain HTTP protocol; none at all is `null`.
    pub(super) fn check_http(mut self) -> Result<Self, Failure> {
        if (200..300).contains(&self.status) {
            if matches!(&self.body, Body::Text(text) if text.trim().is_empty()) {
                self.body = Body::Text("null".to_owned());
            }
            return Ok(self);
        }
        let text = self.body.start();
        // A function may name its error as Lambda functions do.
        if let Ok(Value::Object(body)) = serde_json::from_str::<Value>(text)
            && let Some(Value::String(error)) = body.get("errorType")
        {
            return Err(Failure::new(error.as_str(), text));
        }
        let mut cause = self.status_text();
        if !text.trim().is_empty() {
            cause.push_str(": ");
            let end = text.floor_char_boundary(CAUSE_BYTES);
            cause.push_str(&text[..end]);
        }
        Err(Failure::new(format!("States.Http.StatusCode.{}", self.status), cause))
    }

    /// The status, and what it says.
    pub(super) fn status_text(&self) -> String {
        let reason = reqwest::StatusCode::from_u16(self.status)
            .ok()
            .and_then(|status| status.canonical_reason())
            .unwrap_or("no reason given");
        let mut text = format!("{} {reason}", self.status);
        if (300..400).contains(&self.status) {
            text.push_str("; redirects are not followed, since a call is a POST");
        }
        text
    }

    /// The body as the task's result; `who` is how AWS names the task in texts about its size.
    pub(super) fn into_payload(self, who: &str) -> Result<Payload, Failure> {
        let text = match self.body {
            Body::TooLong(_) => return Err(too_long(who)),
            Body::Text(text) => text,
        };
        if text.trim().is_empty() {
            return Ok(Payload::null());
        }
        Payload::from_text(text).map_err(|why| {
            Failure::new("Statewright.InvalidResponse", format!("the answer is not JSON: {why}"))
        })
    }

    /// The same answer where only that there was one counts: a text that is not JSON will do.
    pub(super) fn acknowledgment(mut self) -> Self {
        if let Body::Text(text) = &self.body
            && Payload::from_text(text.as_str()).is_err()
        {
            self.body = Body::Text(Value::from(text.as_str()).to_string());
        }
        self
    }

    /// A header, or `""`.
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// AWS's text for a result over the limit.
pub(super) fn too_long(who: &str) -> Failure {
    Failure::new(
        "States.DataLimitExceeded",
        format!(
            "The state/task '{who}' returned a result with a size exceeding the maximum number \
             of bytes service limit."
        ),
    )
}
