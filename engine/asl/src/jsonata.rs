//! JSONata.

use std::sync::Arc;

use serde_json::Value;

use crate::diagnostic::Code;
use crate::expression::{EvaluationError, Scope};

/// What of `$states` is there beside `input` and `context`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sees {
    pub result: bool,
    pub error_output: bool,
}

#[derive(Debug)]
pub struct Refusal {
    pub code: Code,
    pub message: String,
    pub location: String,
}

#[derive(Debug)]
pub struct Query {
    pub location: Arc<str>,
}

pub fn is_expression(text: &str) -> bool {
    text.starts_with("{%") && text.ends_with("%}")
}

impl Query {
    pub fn parse(_: &str, location: &str, _: Sees) -> Result<Self, Vec<Refusal>> {
        Ok(Self { location: location.into() })
    }

    pub fn evaluate(&self, _: &Scope<'_>) -> Result<Value, EvaluationError> {
        Ok(Value::Null)
    }

    pub fn location(&self) -> &Arc<str> {
        &self.location
    }

    pub fn boolean(&self, scope: &Scope<'_>) -> Result<bool, EvaluationError> {
        Ok(self.evaluate(scope)?.as_bool().unwrap_or_default())
    }

    pub fn string(&self, scope: &Scope<'_>) -> Result<String, EvaluationError> {
        Ok(self.evaluate(scope)?.to_string())
    }

    pub fn count(
        &self,
        scope: &Scope<'_>,
        _: std::ops::RangeInclusive<u64>,
    ) -> Result<u64, EvaluationError> {
        Ok(self.evaluate(scope)?.as_u64().unwrap_or_default())
    }

    pub fn variables(&self) -> Vec<String> {
        Vec::new()
    }
}

#[derive(Debug)]
pub struct Template(Value);

impl Template {
    pub fn parse(value: &Value, _: &str, _: Sees) -> Result<Self, Vec<Refusal>> {
        Ok(Self(value.clone()))
    }

    pub fn evaluate(&self, scope: &Scope<'_>) -> Result<Value, EvaluationError> {
        scope.budget.copy(&self.0)
    }

    pub fn variables(&self) -> Vec<String> {
        Vec::new()
    }
}
