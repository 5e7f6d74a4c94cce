//! What an expression is evaluated against, and how it fails.

use std::cell::OnceCell;

use serde_json::Value;

/// What the expressions of a state can see.
#[derive(Clone, Copy)]
pub struct Scope<'a> {
    /// `$`.
    pub input: &'a Value,
    /// `$$`, built only if an expression asks for it.
    pub context: &'a Context<'a>,
}

/// The context object, built on first use.
pub struct Context<'a> {
    value: OnceCell<Value>,
    build: &'a dyn Fn() -> Value,
}

impl<'a> Context<'a> {
    pub fn new(build: &'a dyn Fn() -> Value) -> Self {
        Self { value: OnceCell::new(), build }
    }

    /// The context object.
    pub fn value(&self) -> &Value {
        self.value.get_or_init(self.build)
    }
}

/// Why an expression has no value. In JSONPath states AWS reports all of these as
/// `States.Runtime`, which nothing catches.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct EvaluationError {
    /// AWS's text, without the "An error occurred while executing the state …" in front.
    pub cause: String,
}
