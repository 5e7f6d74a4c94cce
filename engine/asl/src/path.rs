//! AWS's JSONPath (the Jayway dialect): parsed once, evaluated against a [`Scope`].

use std::borrow::Cow;

use serde_json::Value;

use crate::expression::{EvaluationError, Scope};

/// A JSONPath: `$` reads the input, `$$` the context object.
#[derive(Debug)]
pub struct Path {
    text: Box<str>,
}

/// A path to exactly one place (`$.a.b[0]`), as `ResultPath` needs it.
#[derive(Debug)]
pub struct ReferencePath {
    text: Box<str>,
}
