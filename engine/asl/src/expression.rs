//! What an expression is evaluated against, and how it fails.

use serde_json::Value;

use crate::context::Part;

/// What the expressions of a state can see. No part is copied to be read.
#[derive(Clone, Copy)]
pub struct Scope<'a> {
    /// `$`.
    pub input: &'a Value,
    /// `$$`; asked only by an expression that mentions it.
    pub context: &'a dyn Fn() -> Part<'a>,
}

/// Why an expression has no value. In JSONPath states AWS reports all of these as
/// `States.Runtime`, which nothing catches.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct EvaluationError {
    /// AWS's text, without the "An error occurred while executing the state …" in front.
    pub cause: String,
}
