//! A JSON text that is passed along: its bytes as they came, parsed lazily and at most once.
//!
//! AWS keeps the white space and the key order of what it passes through, so a payload is its
//! raw text. Passing one through a state copies a pointer.

use std::fmt;
use std::sync::{Arc, OnceLock};

use serde_json::Value;

/// A shared, immutable JSON text.
#[derive(Clone)]
pub struct Payload(Arc<Inner>);

struct Inner {
    raw: Box<str>,
    parsed: OnceLock<Value>,
}

impl Payload {
    /// The payload of this text, if it is JSON. White space around it is dropped, so that a
    /// payload inside another JSON text, as in a row of the log, is the same payload.
    pub fn from_text(text: impl Into<Box<str>>) -> Result<Self, serde_json::Error> {
        let text = text.into();
        let trimmed = text.trim_matches([' ', '\t', '\n', '\r']);
        let raw: Box<str> = if trimmed.len() == text.len() { text } else { trimmed.into() };
        serde_json::from_str::<&serde_json::value::RawValue>(&raw)?;
        Ok(Self(Arc::new(Inner { raw, parsed: OnceLock::new() })))
    }

    /// The payload of this value, written without white space.
    pub fn from_value(value: Value) -> Self {
        let raw = value.to_string().into_boxed_str();
        Self(Arc::new(Inner { raw, parsed: OnceLock::from(value) }))
    }

    /// The array of these payloads, each as its own raw text.
    pub fn array<'a>(items: impl IntoIterator<Item = &'a Payload>) -> Self {
        let mut raw = String::from("[");
        for (index, item) in items.into_iter().enumerate() {
            if index > 0 {
                raw.push(',');
            }
            raw.push_str(item.raw());
        }
        raw.push(']');
        Self(Arc::new(Inner { raw: raw.into_boxed_str(), parsed: OnceLock::new() }))
    }

    /// `{}`.
    pub fn empty_object() -> Self {
        Self::from_value(Value::Object(serde_json::Map::new()))
    }

    /// The text.
    pub fn raw(&self) -> &str {
        &self.0.raw
    }

    /// The value; parsed on the first call. Numbers are 64-bit integers or doubles, as on AWS.
    pub fn value(&self) -> &Value {
        self.0.parsed.get_or_init(|| {
            // Deeper than serde_json's 128 levels is refused at the door (`from_text` accepts
            // only what this can read), so the fallback is never seen.
            serde_json::from_str(&self.0.raw).unwrap_or(Value::Null)
        })
    }

    /// Length of the text in bytes (UTF-8), which is what AWS's quotas count.
    pub fn size_bytes(&self) -> usize {
        self.0.raw.len()
    }

    /// Whether both are the very same text in memory; used to store a text once per turn.
    pub fn same_text(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.raw())
    }
}

impl PartialEq for Payload {
    fn eq(&self, other: &Self) -> bool {
        self.same_text(other) || self.raw() == other.raw()
    }
}

impl Eq for Payload {}
