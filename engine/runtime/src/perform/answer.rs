//! What was answered to a call, and what it means as the outcome of a task.

use asl::Payload;
use machine::Failure;
use reqwest::header::HeaderMap;
use serde_json::Value;

use super::fault::{invalid, of_status, too_long};

/// How much of an error's body becomes part of the cause.
const CAUSE_BYTES: usize = 2_000;

/// An answer, read to its end.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Body,
}

/// The body of an answer.
pub(super) enum Body {
    Text(String),
    /// Longer than may be kept.
    TooLong {
        start: String,
        /// The error's name, which may stand behind what is kept.
        error_type: Option<String>,
    },
}

impl Body {
    /// What was kept of it.
    pub(super) fn start(&self) -> &str {
        match self {
            Self::Text(text) | Self::TooLong { start: text, .. } => text,
        }
    }

    /// The name that a function gives its error in it.
    pub(super) fn error_type(&self) -> Option<String> {
        match self {
            Self::Text(text) => {
                let value: Value = serde_json::from_str(text).ok()?;
                value.get("errorType")?.as_str().map(str::to_owned)
            }
            Self::TooLong { error_type, .. } => error_type.clone(),
        }
    }
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
        if let Some(error) = self.body.error_type() {
            return Err(Failure::new(error, text));
        }
        let mut cause = self.status_text();
        if !text.trim().is_empty() {
            cause.push_str(": ");
            let end = text.floor_char_boundary(CAUSE_BYTES);
            cause.push_str(&text[..end]);
        }
        Err(Failure::new(of_status(self.status), cause))
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
            Body::TooLong { .. } => return Err(too_long(who)),
            Body::Text(text) => text,
        };
        if text.trim().is_empty() {
            return Ok(Payload::null());
        }
        Payload::from_text(text).map_err(|why| invalid(format!("the answer is not JSON: {why}")))
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
