//! Values of the type that a field needs.

use std::ops::RangeInclusive;

use serde_json::Value;

use super::Query;
use crate::expression::{EvaluationError, Scope};

impl Query {
    /// The value, which must be a whole number in this range.
    pub fn integer(
        &self,
        scope: &Scope<'_>,
        range: RangeInclusive<i64>,
    ) -> Result<i64, EvaluationError> {
        let number =
            self.expect("number", scope, |value| value.is_number().then(|| value.clone()))?;
        let field = self.field();
        let Some(whole) = number.as_i64() else {
            return Err(
                self.error(format!("The {field} field cannot be parsed as an integer: {number}"))
            );
        };
        if range.contains(&whole) {
            return Ok(whole);
        }
        let (least, most) = (range.start(), range.end());
        Err(self.error(format!("{field} must be between {least} and {most} but was: {whole}")))
    }

    /// The value, which must be a string.
    pub fn string(&self, scope: &Scope<'_>) -> Result<String, EvaluationError> {
        self.expect("string", scope, |value| value.as_str().map(str::to_owned))
    }

    /// The value, which must be a boolean.
    pub fn boolean(&self, scope: &Scope<'_>) -> Result<bool, EvaluationError> {
        self.expect("boolean", scope, Value::as_bool)
    }

    fn expect<T>(
        &self,
        kind: &str,
        scope: &Scope<'_>,
        read: impl Fn(&Value) -> Option<T>,
    ) -> Result<T, EvaluationError> {
        let value = self.evaluate(scope)?;
        read(&value).ok_or_else(|| self.unexpected(kind, &value))
    }

    /// That a value of this type was to come out, and this one did.
    pub(crate) fn unexpected(&self, kind: &str, value: &Value) -> EvaluationError {
        let was = kind_of(value);
        self.error_of_expression(&format!(
            "returned an unexpected result type. Expected '{kind}', but was '{was}' for value: {value}"
        ))
    }

    /// The name of the field without what it stands in.
    fn field(&self) -> &str {
        let location: &str = self.location();
        location.rsplit('/').next().unwrap_or(location)
    }
}

/// In JSONata's words.
fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}
