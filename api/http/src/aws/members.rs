//! Reads the members of an AWS JSON request: their types, and the constraints of the model.
//!
//! A wrong type is a `SerializationException` at once. Constraints are collected, because AWS
//! reports all that are violated in one `ValidationException`.

use std::ops::RangeInclusive;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use crate::error::{Kind, OperationError};

/// From the beginning of the year 1 to the end of the year 9999, in milliseconds since 1970.
const TELLABLE_MS: RangeInclusive<f64> = -62_135_596_800_000.0..=253_402_300_799_999.0;

/// The members of a request, taken out one by one.
pub(super) struct Members {
    given: Map<String, Value>,
    /// Where this object lies in the request: empty, or `tags.1.member.` and the like.
    path: String,
    violations: Vec<String>,
}

/// What the model says about a string.
#[derive(Clone, Copy)]
pub(super) struct Text {
    min: usize,
    max: usize,
    /// Sensitive values are not repeated in messages, as on AWS.
    sensitive: bool,
    pattern: Option<Pattern>,
}

/// A pattern of the model: how messages spell it, and whether a text matches it as a whole.
#[derive(Clone, Copy)]
pub(super) struct Pattern {
    pub(super) spelled: &'static str,
    pub(super) matches: fn(&str) -> bool,
}

const ASCII: Pattern = Pattern { spelled: r"\p{ASCII}*", matches: str::is_ascii };

impl Text {
    /// Between so many and so many characters.
    pub(super) const fn within(min: usize, max: usize) -> Self {
        Self { min, max, sensitive: false, pattern: None }
    }

    pub(super) const fn sensitive(self) -> Self {
        Self { sensitive: true, ..self }
    }

    /// Of ASCII characters alone.
    pub(super) const fn ascii(self) -> Self {
        self.matching(ASCII)
    }

    /// Of this form.
    pub(super) const fn matching(self, pattern: Pattern) -> Self {
        Self { pattern: Some(pattern), ..self }
    }
}

impl Members {
    /// The members of this request body; an empty body counts as `{}`.
    pub(super) fn of(body: &[u8]) -> Result<Self, OperationError> {
        let value = if body.trim_ascii().is_empty() {
            Value::Object(Map::new())
        } else {
            serde_json::from_slice(body).map_err(|why| {
                serialization(&format!("the request body is not JSON as it should be: {why}"))
            })?
        };
        match value {
            Value::Object(members) => Ok(Self::at(members, String::new())),
            other => Err(serialization(&format!(
                "the request body is to be a JSON object, and it is {}",
                a_kind(&other)
            ))),
        }
    }

    fn at(given: Map<String, Value>, path: String) -> Self {
        Self { given, path, violations: Vec::new() }
    }

    /// Refuses the request if any constraint was violated.
    pub(super) fn check(self) -> Result<(), OperationError> {
        let errors = match self.violations.len() {
            0 => return Ok(()),
            1 => "1 validation error".to_owned(),
            many => format!("{many} validation errors"),
        };
        let message = format!("{errors} detected: {}", self.violations.join("; "));
        Err(OperationError::validation(message))
    }

    /// A string that has to be there. Where it is not, the violation is noted and the empty
    /// string stands in until [`Members::check`] refuses the request.
    pub(super) fn required(&mut self, name: &str, bounds: Text) -> Result<String, OperationError> {
        let text = self.text(name, bounds)?;
        if text.is_none() {
            self.missing(name);
        }
        Ok(text.unwrap_or_default())
    }

    /// A string that may be there.
    pub(super) fn text(
        &mut self,
        name: &str,
        bounds: Text,
    ) -> Result<Option<String>, OperationError> {
        let Some(value) = self.take(name) else { return Ok(None) };
        let Value::String(text) = value else {
            return Err(wrong_type(&value, "String"));
        };
        self.hold(name, &text, bounds);
        Ok(Some(text))
    }

    /// A member of an enumeration; the values in the order in which AWS lists them.
    pub(super) fn one_of(
        &mut self,
        name: &str,
        values: &[&str],
    ) -> Result<Option<String>, OperationError> {
        let Some(value) = self.take(name) else { return Ok(None) };
        let Value::String(text) = value else {
            return Err(wrong_type(&value, "String"));
        };
        if values.contains(&text.as_str()) {
            return Ok(Some(text));
        }
        let set = values.join(", ");
        self.violated(name, Some(&text), &format!("Member must satisfy enum value set: [{set}]"));
        Ok(None)
    }

    /// A whole number from 0 or another least value to a greatest one.
    pub(super) fn number(
        &mut self,
        name: &str,
        min: i64,
        max: i64,
    ) -> Result<Option<u32>, OperationError> {
        let Some(value) = self.take(name) else { return Ok(None) };
        let number = match &value {
            Value::Number(number) => number.as_i64().or_else(|| {
                // As AWS's deserializer does, `3.0` is taken for 3.
                number
                    .as_f64()
                    .filter(|n| n.fract() == 0.0)
                    .and_then(|n| format!("{n:.0}").parse().ok())
            }),
            _ => None,
        };
        let Some(number) = number else {
            return Err(wrong_type(&value, "Integer"));
        };
        let text = number.to_string();
        if number < min {
            let rule = format!("Member must have value greater than or equal to {min}");
            self.violated(name, Some(&text), &rule);
        } else if number > max {
            let rule = format!("Member must have value less than or equal to {max}");
            self.violated(name, Some(&text), &rule);
        }
        Ok(u32::try_from(number).ok())
    }

    /// A moment in seconds since 1970, with a fraction perhaps.
    pub(super) fn moment(&mut self, name: &str) -> Result<Option<DateTime<Utc>>, OperationError> {
        let Some(value) = self.take(name) else { return Ok(None) };
        let seconds = value.as_f64().ok_or_else(|| wrong_type(&value, "Timestamp"))?;
        let ms = (seconds * 1000.0).round();
        if !TELLABLE_MS.contains(&ms) {
            let rule = "Member must be within the years 1 to 9999";
            self.violated(name, Some(&value.to_string()), rule);
            return Ok(None);
        }
        #[expect(clippy::cast_possible_truncation, reason = "it is within bounds")]
        let ms = ms as i64;
        Ok(DateTime::from_timestamp_millis(ms))
    }

    pub(super) fn flag(&mut self, name: &str) -> Result<Option<bool>, OperationError> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(flag)),
            Some(other) => Err(wrong_type(&other, "Boolean")),
        }
    }

    /// A structure inside this one, read by `read`; its violations become this one's.
    pub(super) fn structure<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&mut Self) -> Result<T, OperationError>,
    ) -> Result<Option<T>, OperationError> {
        let Some(value) = self.take(name) else { return Ok(None) };
        let path = format!("{}.", self.place(name));
        self.inner(value, path, read).map(Some)
    }

    /// A list of structures, each read by `read`.
    pub(super) fn structures<T>(
        &mut self,
        name: &str,
        mut read: impl FnMut(&mut Self) -> Result<T, OperationError>,
    ) -> Result<Option<Vec<T>>, OperationError> {
        let Some(items) = self.list(name)? else { return Ok(None) };
        let mut all = Vec::with_capacity(items.len());
        for (index, item) in items.into_iter().enumerate() {
            let path = format!("{}.{}.member.", self.place(name), index + 1);
            all.push(self.inner(item, path, &mut read)?);
        }
        Ok(Some(all))
    }

    /// A list of strings.
    pub(super) fn texts(
        &mut self,
        name: &str,
        bounds: Text,
    ) -> Result<Option<Vec<String>>, OperationError> {
        let Some(items) = self.list(name)? else { return Ok(None) };
        let mut all = Vec::with_capacity(items.len());
        for (index, item) in items.into_iter().enumerate() {
            let Value::String(text) = item else {
                return Err(wrong_type(&item, "String"));
            };
            self.hold(&format!("{name}.{}.member", index + 1), &text, bounds);
            all.push(text);
        }
        Ok(Some(all))
    }

    /// Whether a member is given at all.
    pub(super) fn has(&self, name: &str) -> bool {
        self.given.get(name).is_some_and(|value| !value.is_null())
    }

    /// Notes that a member that has to be there is not.
    pub(super) fn missing(&mut self, name: &str) {
        let at = self.place(name);
        self.violations.push(format!(
            "Value null at '{at}' failed to satisfy constraint: Member must not be null"
        ));
    }

    /// Members that are given and have not been read.
    pub(super) fn unread(&self) -> impl Iterator<Item = &str> {
        self.given.iter().filter(|(_, value)| !value.is_null()).map(|(name, _)| name.as_str())
    }

    /// Adds a member that came elsewhere than in the body.
    pub(super) fn add(&mut self, name: &str, value: Value) {
        self.given.insert(name.to_owned(), value);
    }

    fn list(&mut self, name: &str) -> Result<Option<Vec<Value>>, OperationError> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Array(items)) => Ok(Some(items)),
            Some(other) => Err(wrong_type(&other, "List")),
        }
    }

    fn inner<T>(
        &mut self,
        value: Value,
        path: String,
        read: impl FnOnce(&mut Self) -> Result<T, OperationError>,
    ) -> Result<T, OperationError> {
        let Value::Object(members) = value else {
            return Err(wrong_type(&value, "Structure"));
        };
        let mut inner = Self::at(members, path);
        let read = read(&mut inner)?;
        self.violations.append(&mut inner.violations);
        Ok(read)
    }

    /// `null` counts as absent, as everywhere on the AWS wire.
    fn take(&mut self, name: &str) -> Option<Value> {
        self.given.get_mut(name).map(Value::take).filter(|value| !value.is_null())
    }

    fn hold(&mut self, name: &str, text: &str, bounds: Text) {
        let length =
            if text.len() <= bounds.max { text.len() } else { text.encode_utf16().count() };
        let shown = (!bounds.sensitive).then_some(text);
        if length < bounds.min {
            let rule = format!("Member must have length greater than or equal to {}", bounds.min);
            self.violated(name, shown, &rule);
        } else if length > bounds.max {
            let rule = format!("Member must have length less than or equal to {}", bounds.max);
            self.violated(name, shown, &rule);
        }
        if let Some(Pattern { spelled, .. }) = bounds.pattern.filter(|it| !(it.matches)(text)) {
            let rule = format!("Member must satisfy regular expression pattern: {spelled}");
            self.violated(name, shown, &rule);
        }
    }

    fn violated(&mut self, name: &str, value: Option<&str>, rule: &str) {
        let at = self.place(name);
        let shown = value.map(|value| format!(" '{value}'")).unwrap_or_default();
        self.violations
            .push(format!("Value{shown} at '{at}' failed to satisfy constraint: {rule}"));
    }

    /// Where a member lies in the request. AWS begins its names small in messages, whatever they
    /// begin with on the wire.
    fn place(&self, name: &str) -> String {
        let mut name = name.to_owned();
        if let Some(first) = name.get_mut(..1) {
            first.make_ascii_lowercase();
        }
        format!("{}{name}", self.path)
    }
}

fn serialization(message: &str) -> OperationError {
    OperationError::new(Kind::SerializationException, message)
}

fn wrong_type(value: &Value, wanted: &str) -> OperationError {
    let token = match value {
        Value::Null => "NULL_VALUE",
        Value::Bool(true) => "TRUE_VALUE",
        Value::Bool(false) => "FALSE_VALUE",
        Value::Number(number) if number.is_f64() => "DECIMAL_VALUE",
        Value::Number(_) => "NUMBER_VALUE",
        Value::String(_) => "STRING_VALUE",
        Value::Array(_) => "LIST_VALUE",
        Value::Object(_) => "STRUCTURE_VALUE",
    };
    serialization(&format!("{token} cannot be converted to {wanted}"))
}

fn a_kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(body: &str) -> String {
        let read = || -> Result<(), OperationError> {
            let mut members = Members::of(body.as_bytes())?;
            members.required("arn", Text::within(1, 5))?;
            members.number("maxResults", 0, 1000)?;
            members.one_of("filter", &["B", "A"])?;
            members.text("secret", Text::within(0, 3).sensitive())?;
            members.structures("tags", |tag| tag.text("key", Text::within(1, 2)))?;
            members.check()
        };
        match read() {
            Ok(()) => "taken".to_owned(),
            Err(refusal) => format!("{}: {}", refusal.kind.name(), refusal.message),
        }
    }

    #[test]
    fn constraints_are_told_as_aws_tells_them() {
        let at = "ValidationException: 1 validation error detected: Value";
        let rule = "failed to satisfy constraint: Member must";
        let cases = [
            (r#"{"arn": "a"}"#, "taken".to_owned()),
            (r#"{"arn": "a", "maxResults": null, "unknown": {}}"#, "taken".to_owned()),
            ("", format!("{at} null at 'arn' {rule} not be null")),
            (
                r#"{"arn": ""}"#,
                format!("{at} '' at 'arn' {rule} have length greater than or equal to 1"),
            ),
            (r#"{"arn": "äöüäö"}"#, "taken".to_owned()),
            (
                r#"{"arn": "a", "maxResults": 1001}"#,
                format!("{at} '1001' at 'maxResults' {rule} have value less than or equal to 1000"),
            ),
            (
                r#"{"arn": "a", "filter": "b"}"#,
                format!("{at} 'b' at 'filter' {rule} satisfy enum value set: [B, A]"),
            ),
            (
                r#"{"arn": "a", "secret": "1234"}"#,
                format!("{at} at 'secret' {rule} have length less than or equal to 3"),
            ),
            (
                r#"{"arn": "a", "tags": [{"key": "a"}, {"key": "abc"}]}"#,
                format!(
                    "{at} 'abc' at 'tags.2.member.key' {rule} have length less than or equal to 2"
                ),
            ),
        ];
        for (body, expected) in cases {
            assert_eq!(refusal(body), expected, "{body}");
        }
        assert_eq!(
            refusal(r#"{"maxResults": -1}"#),
            format!(
                "ValidationException: 2 validation errors detected: Value null at 'arn' {rule} not \
                 be null; Value '-1' at 'maxResults' {rule} have value greater than or equal to 0"
            )
        );
    }

    #[test]
    fn moments_are_seconds_with_a_fraction_perhaps() {
        let read = |text: &str| {
            let mut members = Members::of(format!(r#"{{"at": {text}}}"#).as_bytes())?;
            members.moment("at").map(|at| at.map(|at| at.to_rfc3339()))
        };
        for (text, moment) in [
            ("null", None),
            ("1795408711", Some("2026-11-23T04:38:31+00:00")),
            ("1795408711.133", Some("2026-11-23T04:38:31.133+00:00")),
            ("-0.5", Some("1969-12-31T23:59:59.500+00:00")),
            ("253402300799", Some("9999-12-31T23:59:59+00:00")),
        ] {
            assert_eq!(read(text).unwrap().as_deref(), moment, "{text}");
        }
        for text in ["\"1795408711\"", "true"] {
            let refusal = read(text).unwrap_err();
            assert_eq!(refusal.kind, Kind::SerializationException, "{text}");
        }
        for text in ["253402300800", "-62135596801", "-1e300"] {
            let mut members = Members::of(format!(r#"{{"at": {text}}}"#).as_bytes()).unwrap();
            assert_eq!(members.moment("at").unwrap(), None, "{text}");
            let refusal = members.check().unwrap_err();
            assert_eq!(refusal.kind, Kind::ValidationException, "{text}");
        }
    }

    #[test]
    fn a_wrong_type_or_no_object_is_a_serialization_exception() {
        for body in ["[]", "3", "{", "\u{fffd}", r#"{"arn": 3}"#, r#"{"maxResults": "3"}"#] {
            assert!(refusal(body).starts_with("SerializationException: "), "{body}");
        }
        let deep = format!("{{\"arn\": {}1{}}}", "[".repeat(10_000), "]".repeat(10_000));
        assert!(refusal(&deep).starts_with("SerializationException: "));
    }
}
