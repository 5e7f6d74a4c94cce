//! What takes its value from data, what it is evaluated against, and how it fails.

use std::sync::Arc;

use serde_json::Value;

use crate::budget::{Budget, Made};
use crate::context::Part;
use crate::jsonata;
use crate::path::Path;
use crate::template::Template;
use crate::variables::Variables;

/// What takes its value from data: a payload template, or JSON with JSONata in it.
#[derive(Debug)]
pub enum Expression {
    Template(Template),
    Query(jsonata::Template),
}

/// What the expressions of a state can see. No part is copied to be read.
#[derive(Clone, Copy)]
pub struct Scope<'a> {
    /// `$`, or `$states.input`.
    pub input: &'a Value,
    /// `$states.result`, once there is one.
    pub result: Option<&'a Value>,
    /// `$states.errorOutput`, in a catcher.
    pub error_output: Option<&'a Value>,
    /// `$$`, or `$states.context`; asked only by an expression that mentions it.
    pub context: &'a dyn Fn() -> Part<'a>,
    /// `$name`.
    pub variables: &'a Variables,
    /// 64 random bits, others at each call.
    pub chance: &'a dyn Fn() -> u64,
    /// Milliseconds since 1970.
    pub now_ms: i64,
    pub budget: &'a Budget,
}

/// Why an expression has no value.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct EvaluationError {
    pub raised: Raised,
    /// AWS's text, without the "An error occurred while executing the state …" in front.
    pub cause: String,
    /// Which field of the state: `Output/total`. Only of a query.
    pub location: Option<Arc<str>>,
}

/// Which error an evaluation raises.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Raised {
    /// `States.Runtime`, which nothing catches: what AWS reports of JSONPath and intrinsics.
    Runtime,
    /// `States.QueryEvaluationError`: what it reports of JSONata.
    Query,
    /// `States.DataLimitExceeded`: the value would be too long. The text names who asked for it.
    DataLimit(Made),
}

impl EvaluationError {
    /// `States.Runtime`.
    pub fn runtime(cause: impl Into<String>) -> Self {
        Self { raised: Raised::Runtime, cause: cause.into(), location: None }
    }

    /// `States.QueryEvaluationError` in this field.
    pub fn query(cause: impl Into<String>, location: &Arc<str>) -> Self {
        Self { raised: Raised::Query, cause: cause.into(), location: Some(Arc::clone(location)) }
    }

    /// `States.DataLimitExceeded`.
    pub fn too_large(makes: Made) -> Self {
        Self { raised: Raised::DataLimit(makes), cause: String::new(), location: None }
    }
}

impl Expression {
    /// Its value.
    pub fn evaluate(&self, scope: &Scope<'_>) -> Result<Value, EvaluationError> {
        match self {
            Self::Template(template) => template.evaluate(scope),
            Self::Query(template) => template.evaluate(scope),
        }
    }

    /// That it was to be an array, and is this.
    pub fn not_an_array(&self, found: &Value) -> EvaluationError {
        match self {
            Self::Query(template) => match template.query() {
                Some(query) => query.unexpected("array", found),
                None => no_items(found, Some("Items")),
            },
            Self::Template(_) => no_items(found, None),
        }
    }

    /// What of its value is plain to see.
    pub(crate) fn outline(&self) -> Outline<'_> {
        match self {
            Self::Template(template) => template.outline(),
            Self::Query(template) => template.outline(),
        }
    }

    /// The variables it mentions.
    pub fn variables(&self) -> Vec<String> {
        match self {
            Self::Template(template) => template.variables(),
            Self::Query(template) => template.variables().into_iter().map(str::to_owned).collect(),
        }
    }
}

/// What of an expression's value is plain to see before it is evaluated.
pub(crate) enum Outline<'e> {
    Literal(&'e Value),
    Object(Vec<(&'e str, Self)>),
    Array(Vec<Self>),
    Path(&'e Path),
    /// Of an intrinsic function.
    Call,
    /// JSONata.
    Query,
}

impl Outline<'_> {
    pub(crate) fn is_literal(&self) -> bool {
        matches!(self, Self::Literal(_))
    }

    /// Bytes that the value has as JSON whatever is evaluated.
    pub(crate) fn least_bytes(&self) -> usize {
        match self {
            Self::Literal(value) => value.to_string().len(),
            Self::Object(members) => {
                2 + members
                    .iter()
                    .map(|(name, it)| name.len() + 4 + it.least_bytes())
                    .sum::<usize>()
            }
            Self::Array(items) => 2 + items.iter().map(|it| 1 + it.least_bytes()).sum::<usize>(),
            Self::Path(_) | Self::Call | Self::Query => 0,
        }
    }
}

/// That a Map of JSONata finds this, and no array, in its input or in the field at this location.
pub fn no_items(found: &Value, location: Option<&str>) -> EvaluationError {
    let cause = format!("Map state input must be an array but was: {found}");
    EvaluationError { raised: Raised::Query, cause, location: location.map(Arc::from) }
}
