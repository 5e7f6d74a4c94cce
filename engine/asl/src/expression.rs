//! What an expression is evaluated against, what it may spend, and how it fails.

use std::cell::Cell;
use std::sync::Arc;

use serde_json::Value;

use crate::context::Part;
use crate::variables::Variables;

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

/// What one evaluation may spend, and what it has spent. Counts bytes and steps, never time, so that it
/// falls the same wherever and whenever it is done again.
#[derive(Debug)]
pub struct Budget {
    makes: Made,
    bytes: Cell<usize>,
    steps: Cell<u64>,
}

/// What a value is made for; says how its excess is reported.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Made {
    /// An effective input.
    Parameters,
    /// A result or an output.
    Result,
}

/// A step is about as much work as reading one small value.
pub(crate) const MOST_STEPS: u64 = 4_000_000;

/// How many bytes built or copied count as one step.
const BYTES_PER_STEP: usize = 64;

impl Budget {
    /// For a value that is at most this long as JSON, in bytes.
    pub fn of(bytes: usize, makes: Made) -> Self {
        Self { makes, bytes: Cell::new(bytes), steps: Cell::new(0) }
    }

    /// How many bytes may still be built.
    pub fn bytes_left(&self) -> usize {
        self.bytes.get()
    }

    /// Steps taken so far.
    pub fn steps(&self) -> u64 {
        self.steps.get()
    }

    /// Some work is about to be done.
    pub fn work(&self, steps: u64) -> Result<(), EvaluationError> {
        let taken = self.steps.get().saturating_add(steps);
        self.steps.set(taken);
        if taken > MOST_STEPS {
            return Err(EvaluationError::runtime(format!(
                "The evaluation takes more than {MOST_STEPS} steps"
            )));
        }
        Ok(())
    }

    /// So many bytes of the value are about to be built.
    pub fn build(&self, bytes: usize) -> Result<(), EvaluationError> {
        self.work((bytes / BYTES_PER_STEP) as u64)?;
        match self.bytes.get().checked_sub(bytes) {
            Some(left) => {
                self.bytes.set(left);
                Ok(())
            }
            None => Err(EvaluationError::too_large(self.makes)),
        }
    }

    /// Does something whose values do not become part of the value that is built: together they
    /// may be as long as what is left, and at least 1 MiB. Steps count as ever.
    pub fn aside<T>(&self, something: impl FnOnce() -> T) -> T {
        const LEAST: usize = 1024 * 1024;
        let left = self.bytes.get();
        self.bytes.set(left.max(LEAST));
        let done = something();
        self.bytes.set(left);
        done
    }

    /// A copy of this value, which becomes part of the value that is built; it is weighed before
    /// it is made.
    pub fn copy(&self, value: &Value) -> Result<Value, EvaluationError> {
        self.weigh(value)?;
        Ok(value.clone())
    }

    /// This value is about to become part of the value that is built.
    pub fn weigh(&self, value: &Value) -> Result<(), EvaluationError> {
        self.work(1)?;
        match value {
            Value::Null | Value::Bool(_) => self.build(4),
            Value::Number(_) => self.build(1),
            Value::String(text) => self.build(text.len() + 2),
            Value::Array(items) => {
                self.build(items.len() + 1)?;
                items.iter().try_for_each(|item| self.weigh(item))
            }
            Value::Object(members) => {
                self.build(2)?;
                self.work(members.len() as u64)?;
                members.iter().try_for_each(|(name, value)| {
                    self.build(name.len() + 3)?;
                    self.weigh(value)
                })
            }
        }
    }
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
