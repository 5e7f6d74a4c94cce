//! The result of an expression as a value, counted while it is built.

use jlens_core::output::Builder;
use serde_json::{Map, Number, Value};

use crate::budget::Budget;
use crate::expression::EvaluationError;

/// Builds a value within a budget; what comes after the first failure is not built.
pub(super) struct Making<'b> {
    budget: &'b Budget,
    /// Why the value cannot be built.
    pub(super) failure: Option<EvaluationError>,
}

impl<'b> Making<'b> {
    pub(super) fn within(budget: &'b Budget) -> Self {
        Self { budget, failure: None }
    }

    fn may_build(&mut self, bytes: usize) -> bool {
        if self.failure.is_none() {
            self.failure = self.budget.build(bytes).err();
        }
        self.failure.is_none()
    }
}

impl Builder for Making<'_> {
    type Value = Value;
    type Array = Vec<Value>;
    type Object = Map<String, Value>;

    fn null(&mut self) -> Value {
        self.may_build(4);
        Value::Null
    }

    fn bool(&mut self, value: bool) -> Value {
        self.may_build(4);
        Value::Bool(value)
    }

    fn number(&mut self, value: f64) -> Value {
        self.may_build(1);
        number(value)
    }

    fn string(&mut self, value: &str) -> Value {
        if self.may_build(value.len() + 2) { Value::String(value.to_owned()) } else { Value::Null }
    }

    fn array(&mut self, len: usize) -> Vec<Value> {
        Vec::with_capacity(if self.may_build(len + 1) { len } else { 0 })
    }

    fn push(&mut self, array: &mut Vec<Value>, item: Value) {
        if self.failure.is_none() {
            array.push(item);
        }
    }

    fn end_array(&mut self, array: Vec<Value>) -> Value {
        Value::Array(array)
    }

    fn object(&mut self, len: usize) -> Map<String, Value> {
        Map::with_capacity(if self.may_build(len + 2) { len } else { 0 })
    }

    fn insert(&mut self, object: &mut Map<String, Value>, key: &str, value: Value) {
        if self.may_build(key.len() + 3) {
            object.insert(key.to_owned(), value);
        }
    }

    fn end_object(&mut self, object: Map<String, Value>) -> Value {
        Value::Object(object)
    }
}

/// A number as JSON has it: without a fraction where it has none.
pub(super) fn number(value: f64) -> Value {
    /// Every whole number below is an exact 64-bit integer.
    const WHOLE_BELOW: f64 = 9e18;
    if value.fract() == 0.0 && value.abs() < WHOLE_BELOW {
        #[expect(clippy::cast_possible_truncation, reason = "whole, and in the range of i64")]
        return Value::from(value as i64);
    }
    Number::from_f64(value).map_or(Value::Null, Value::Number)
}
