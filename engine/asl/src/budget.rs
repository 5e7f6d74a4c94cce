//! What one evaluation may spend.

use std::cell::Cell;

use serde_json::Value;

use crate::expression::EvaluationError;

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

    /// The same for another value of the same visit of a state, which has taken so many steps already.
    pub fn after(steps: u64, bytes: usize, makes: Made) -> Self {
        Self { steps: Cell::new(steps), ..Self::of(bytes, makes) }
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
