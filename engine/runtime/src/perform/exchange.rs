//! One HTTP exchange: a request with its identifying headers, an answer of bounded length.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{HeaderName, HeaderValue};
use reqwest::{Client, ClientBuilder, Url};
use store::{Secret, masked_url};
use tokio::time::Instant;

use super::answer::{Answer, Body};
use super::destination::{Asking, Destinations, Objection, Resolver};
use super::error_type::ErrorType;
use super::fault::Fault;
use super::kept::Kept;
use super::lack::{self, Lack, Pauses};
use super::limit::Limit;
use super::{Call, Leave, PerformOptions, Progress, Report};

/// How much of an error's body is read for the error's name, most of it without being kept: what
/// a Lambda function may answer at most, with some room.
const ERROR_BYTES: usize = 8 * 1024 * 1024;

/// After how long without use a connection is closed.
const IDLE: Duration = Duration::from_secs(15);

/// Makes requests over pooled connections, HTTP/1.1 and 2.
pub(super) struct Exchange {
    client: Result<Client, String>,
    destinations: Arc<Destinations>,
    kept: Kept,
    answer_bytes: usize,
    at_once: Duration,
}

/// One request, always a POST with a JSON body.
pub(super) struct Request {
    pub(super) url: String,
    /// Whose call it is.
    account: Arc<str>,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: String,
    /// Whether it may be sent again if the connection broke before an answer came.
    pub(super) may_repeat: bool,
    /// Another for each attempt.
    seed: u64,
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
            account: call.account.as_str().into(),
            headers: headers.map(|(name, value)| (name.to_owned(), value)).to_vec(),
            body: body.to_owned(),
            may_repeat: true,
            seed: span,
        }
    }

    /// Where it goes, without what may be secret.
    fn place(&self) -> String {
        self.url.parse().map_or_else(|_| self.url.clone(), |url| shown(&url))
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

fn client(options: &PerformOptions, destinations: &Arc<Destinations>) -> ClientBuilder {
    Client::builder()
        .user_agent(concat!("statewright/", env!("CARGO_PKG_VERSION")))
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .dns_resolver(Resolver(destinations.clone()))
        .connect_timeout(options.connect_timeout)
        .pool_idle_timeout(IDLE)
        .tcp_keepalive(Duration::from_secs(30))
        .http2_keep_alive_interval(Duration::from_secs(30))
        .http2_adaptive_window(true)
}

impl Exchange {
    pub(super) fn new(options: &PerformOptions, destinations: Arc<Destinations>) -> Self {
        // The first of the process is installed; later ones find it there.
        let _ = rustls::crypto::ring::default_provider().install_default();
        // A machine without certificates can still call functions that need none.
        let client = client(options, &destinations)
            .build()
            .or_else(|error| {
                let why = chain(&error);
                tracing::warn!("no function can be called over `https`: {why}");
                client(options, &destinations).tls_certs_only([]).build()
            })
            .map_err(|error| chain(&error));
        Self {
            client,
            destinations,
            kept: Kept::new(super::options::kept_of(options.concurrency), IDLE),
            answer_bytes: options.answer_bytes,
            at_once: options.at_once,
        }
    }

    /// Sends a request and reads its answer, within its limit. What this node itself lacks for a
    /// connection is waited for, and no limit runs meanwhile: nothing has been sent yet, so that
    /// even what may be sent only once is.
    pub(super) async fn make(
        &self,
        request: &Request,
        limit: &Limit<'_>,
        leave: &Leave,
        progress: Report<'_>,
    ) -> Result<Answer, Fault> {
        let (lacks, mut pauses) = (self.destinations.lacks(), Pauses::new(request.seed));
        loop {
            let exchange = self.make_now(request);
            match limit.within(|| request.place(), exchange, Broken::from).await {
                Err(Broken { lack: Some(lack), .. }) => {
                    lacks.tell(lack);
                    progress(Progress::Queued);
                    tokio::time::sleep(pauses.next()).await;
                    while lacks.lasts(lack) {
                        lacks.tell(lack);
                        tokio::time::sleep(pauses.next()).await;
                    }
                    progress(Progress::Began);
                    leave.given().await;
                }
                other => return other.map_err(|broken| broken.fault),
            }
        }
    }

    /// Sends a request and reads its answer. A connection that the other side closed while it
    /// was idle is found out only by using it, and then at once: such a request is sent once
    /// more if it may. One that breaks later may have been carried out, and fails.
    async fn make_now(&self, request: &Request) -> Result<Answer, Broken> {
        let sent = Instant::now();
        match self.try_make(request).await {
            Err(Broken { repeatable: true, .. })
                if request.may_repeat && sent.elapsed() < self.at_once =>
            {
                self.try_make(request).await
            }
            other => other,
        }
    }

    async fn try_make(&self, request: &Request) -> Result<Answer, Broken> {
        let client = self.client.as_ref().map_err(|why| {
            let cause = format!("no call can be made from this node: {why}");
            Fault::Lost(cause)
        })?;
        let url: Url = request.url.parse().map_err(|why| {
            let cause = format!("`{}` is not a URL: {why}", masked_url(&request.url));
            Fault::Lost(cause)
        })?;
        let (place, port) = (shown(&url), url.port_or_known_default().unwrap_or_default());
        self.destinations.judge_literal(&url).await.map_err(|why| objected(&place, &why))?;
        let host = format!("{}:{port}", url.host_str().unwrap_or_default());
        let is_scarce = self.destinations.lacks().is_scarce();
        let keeping = if is_scarce { None } else { self.kept.begin(&host) };
        let mut sent = client.post(url.clone()).body(request.body.clone());
        if keeping.is_none() {
            sent = sent.header(reqwest::header::CONNECTION, "close");
        }
        for (name, value) in &request.headers {
            let (Ok(name), Ok(value)) =
                (HeaderName::try_from(name.as_str()), HeaderValue::try_from(value.as_str()))
            else {
                let cause = format!("the header `{name}` cannot be sent");
                return Err(Fault::Lost(cause).into());
            };
            sent = sent.header(name, value);
        }
        let asking = Asking { port, account: request.account.clone() };
        let answer = match asking.during(sent.send()).await {
            Ok(answer) => answer,
            Err(error) => return Err(self.broken(&request.account, &url, &error).await),
        };
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let body = self.read(answer, &place).await?;
        Ok(Answer { status, headers, body })
    }

    /// What it means that no answer came. A connection that was not made has carried nothing.
    async fn broken(&self, account: &Arc<str>, url: &Url, error: &reqwest::Error) -> Broken {
        let place = shown(url);
        if !error.is_connect() {
            let cause = format!("`{place}` gave no answer that can be read: {}", chain(error));
            let fault = Fault::Lost(cause);
            return Broken { fault, repeatable: error.is_request(), lack: None };
        }
        if let Some(objection) = objection(error) {
            return objected(&place, objection);
        }
        let lack = match lack::cause_of(error) {
            // The same is said of a host in a network of which this machine is no part.
            Some(Lack::Ports) if !self.destinations.is_in_reach(account, url).await => None,
            lack => lack,
        };
        if let Some(lack) = lack {
            self.destinations.lacks().observe(lack);
        }
        let cause = format!("cannot connect to `{place}`: {}", chain(error));
        Broken { fault: Fault::Lost(cause), repeatable: false, lack }
    }

    /// Reads a body to its end or to the limit. Of an error's body, whatever can be read will
    /// do: that there was an error, and which, matters more than how its text ends.
    async fn read(&self, mut answer: reqwest::Response, place: &str) -> Result<Body, Broken> {
        let is_error =
            !answer.status().is_success() || answer.headers().contains_key("x-amz-function-error");
        let most = self.answer_bytes;
        if !is_error && answer.content_length().is_some_and(|length| length > most as u64) {
            return Ok(Body::TooLong { start: String::new(), error_type: None });
        }
        let (mut bytes, mut read, mut name) = (Vec::new(), 0, ErrorType::default());
        loop {
            let chunk = match answer.chunk().await {
                Ok(Some(chunk)) => chunk,
                Ok(None) => break,
                Err(_) if is_error => break,
                Err(error) => return Err(cut_off(place, &error)),
            };
            read += chunk.len();
            if is_error {
                name.read(&chunk);
            }
            bytes.extend_from_slice(&chunk[..chunk.len().min(most - bytes.len())]);
            if read > if is_error { ERROR_BYTES.max(most) } else { most } {
                break;
            }
        }
        if read > most {
            let start = String::from_utf8_lossy(&bytes).into_owned();
            return Ok(Body::TooLong { start, error_type: name.found() });
        }
        match String::from_utf8(bytes) {
            Ok(text) => Ok(Body::Text(text)),
            Err(error) if is_error => {
                Ok(Body::Text(String::from_utf8_lossy(error.as_bytes()).into_owned()))
            }
            Err(_) => Err(Fault::Illegible(format!("the answer of `{place}` is not UTF-8")).into()),
        }
    }
}

/// An exchange that did not come to an answer.
struct Broken {
    fault: Fault,
    repeatable: bool,
    /// No connection was made, for lack of this.
    lack: Option<Lack>,
}

impl From<Fault> for Broken {
    fn from(fault: Fault) -> Self {
        Self { fault, repeatable: false, lack: None }
    }
}

/// What the resolver had against it, if it was that.
fn objection(error: &reqwest::Error) -> Option<&Objection> {
    let mut source = error.source();
    while let Some(inner) = source {
        if let Some(objection) = inner.downcast_ref() {
            return Some(objection);
        }
        source = inner.source();
    }
    None
}

/// Why a destination is refused, and what can be done.
pub(super) fn refusal(place: &str, objection: &Objection) -> String {
    format!(
        "`{place}` is not called: {objection}, which is called only if `outgoing.allow` in the \
         configuration of this server has it"
    )
}

fn objected(place: &str, objection: &Objection) -> Broken {
    let cannot =
        |why: &dyn std::fmt::Display| Fault::Lost(format!("cannot connect to `{place}`: {why}"));
    let (fault, lack) = match objection {
        Objection::Refused(..) => (Fault::Refused(refusal(place, objection)), None),
        Objection::Unknown(why) => (cannot(why), None),
        Objection::Lack(lack) => (cannot(lack), Some(*lack)),
    };
    Broken { fault, repeatable: false, lack }
}

fn cut_off(place: &str, error: &reqwest::Error) -> Broken {
    Fault::CutOff(format!("the answer of `{place}` was cut off: {}", chain(error))).into()
}

/// Where a request went, without what may be secret in a URL.
pub(super) fn shown(url: &Url) -> String {
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

#[cfg(test)]
mod tests;
