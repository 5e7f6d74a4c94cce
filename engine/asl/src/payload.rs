//! A JSON text that is passed along: its bytes as they came, parsed lazily and at most once.
//!
//! AWS keeps the white space and the key order of what it passes through, so a payload is its
//! raw text. Passing one through a state copies a pointer.

mod depth;

use std::fmt;
use std::sync::{Arc, OnceLock};

use serde_json::Value;

use crate::expression::EvaluationError;

/// How deep a payload may be nested. Below what the JSON parser takes, so that whatever is a
/// payload can be written, stored and read again.
pub const MAX_DEPTH: usize = 120;

/// A shared, immutable JSON text.
#[derive(Clone)]
pub struct Payload(Arc<Inner>);

struct Inner {
    raw: Arc<str>,
    parsed: OnceLock<Value>,
    depth: usize,
}

/// A value is nested more than [`MAX_DEPTH`] levels deep.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TooDeep;

impl fmt::Display for TooDeep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the data is nested more than {MAX_DEPTH} levels deep")
    }
}

impl std::error::Error for TooDeep {}

impl From<TooDeep> for EvaluationError {
    fn from(error: TooDeep) -> Self {
        Self::runtime(error.to_string())
    }
}

impl Payload {
    /// The payload of this text, if it is JSON, and not too deep. White space around it is
    /// dropped, so that a payload inside another JSON text, as in a row of the log, is the same
    /// payload.
    pub fn from_text(text: impl AsRef<str>) -> Result<Self, serde_json::Error> {
        let trimmed = text.as_ref().trim_matches([' ', '\t', '\n', '\r']);
        let depth = depth::of_text(trimmed)?;
        if depth > MAX_DEPTH {
            return Err(serde::de::Error::custom(TooDeep));
        }
        Ok(Self(Arc::new(Inner { raw: trimmed.into(), parsed: OnceLock::new(), depth })))
    }

    /// The payload of this value, written without white space.
    pub fn from_value(value: Value) -> Result<Self, TooDeep> {
        let depth = depth::of_value(&value).ok_or(TooDeep)?;
        let raw = value.to_string().into();
        Ok(Self(Arc::new(Inner { raw, parsed: OnceLock::from(value), depth })))
    }

    /// The array of these payloads, each as its own raw text.
    pub fn array<'a>(items: impl IntoIterator<Item = &'a Self>) -> Result<Self, TooDeep> {
        let mut raw = String::from("[");
        let mut depth = 1;
        for (index, item) in items.into_iter().enumerate() {
            if index > 0 {
                raw.push(',');
            }
            raw.push_str(item.raw());
            depth = depth.max(item.0.depth + 1);
        }
        raw.push(']');
        if depth > MAX_DEPTH {
            return Err(TooDeep);
        }
        Ok(Self(Arc::new(Inner { raw: raw.into(), parsed: OnceLock::new(), depth })))
    }

    /// `{}`.
    pub fn empty_object() -> Self {
        Self(Arc::new(Inner { raw: "{}".into(), parsed: OnceLock::new(), depth: 1 }))
    }

    /// `null`.
    pub fn null() -> Self {
        Self(Arc::new(Inner { raw: "null".into(), parsed: OnceLock::new(), depth: 0 }))
    }

    /// The text.
    pub fn raw(&self) -> &str {
        &self.0.raw
    }

    /// The value; parsed on the first call. Numbers are 64-bit integers or doubles, as on AWS.
    pub fn value(&self) -> &Value {
        self.0.parsed.get_or_init(|| {
            serde_json::from_str(&self.0.raw)
                .expect("every constructor has read the text, or written it from a value")
        })
    }

    /// Length of the text in bytes (UTF-8), which is what AWS's quotas count.
    pub fn size_bytes(&self) -> usize {
        self.0.raw.len()
    }

    /// Whether both are the very same text in memory; used to store a text once per turn.
    pub fn same_text(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0.raw, &other.0.raw)
    }

    /// Where the text is in memory: the same for all that share it, and for no other while one of them
    /// is there.
    pub fn address(&self) -> usize {
        self.0.raw.as_ptr() as usize
    }

    /// The same text for one who will not look into it soon: of a long one, the parsed value, which
    /// takes several times the text, is not kept alive.
    #[must_use]
    pub fn at_rest(&self) -> Self {
        const LONG: usize = 1024;
        if self.size_bytes() < LONG || self.0.parsed.get().is_none() {
            return self.clone();
        }
        let (raw, depth) = (Arc::clone(&self.0.raw), self.0.depth);
        Self(Arc::new(Inner { raw, parsed: OnceLock::new(), depth }))
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{MAX_DEPTH, Payload};

    fn nested(levels: usize) -> String {
        format!("{}{}", "[".repeat(levels), "]".repeat(levels))
    }

    #[test]
    fn a_text_is_taken_as_it_is_but_for_the_white_space_around_it() {
        let payload = Payload::from_text(" {\"a\": [1,  2]}\n").unwrap();
        assert_eq!(payload.raw(), "{\"a\": [1,  2]}");
        assert_eq!(payload.value(), &json!({ "a": [1, 2] }));
    }

    #[test]
    fn what_is_a_payload_can_be_read_again() {
        for text in ["", "{", "1 2", "1e400", r#""\ud800""#, r#"{"a":1e999}"#, "nul"] {
            assert!(Payload::from_text(text).is_err(), "{text}");
        }
        assert!(Payload::from_text(nested(MAX_DEPTH)).is_ok());
        assert!(Payload::from_text(nested(MAX_DEPTH + 1)).is_err());
        assert!(Payload::from_text(nested(100_000)).is_err());
    }

    #[test]
    fn nothing_too_deep_comes_about() {
        let deep = Payload::from_text(nested(MAX_DEPTH)).unwrap();
        assert!(Payload::from_value(deep.value().clone()).is_ok());
        assert!(Payload::from_value(json!([deep.value()])).is_err());
        assert!(Payload::array([&deep]).is_err());
        let array = Payload::array([&Payload::null(), &Payload::empty_object()]).unwrap();
        assert_eq!(array.raw(), "[null,{}]");
    }
}
