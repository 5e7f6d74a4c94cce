//! One evaluation: what it may take, and how that is counted.
//!
//! The library stops an evaluation after so many steps, but does not tell how many one took that
//! ended before. So an evaluation is given few steps at first, enough for an expression that visits each
//! of its nodes once, and begins anew with eight times as many when they do not suffice. What is
//! given is charged: at most some eight times of what is taken, and always the same for the same
//! input. Beside that count the values read from the scope, what AWS's functions build and what
//! the result weighs.

use std::cell::Cell;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jlens_core::{Error, Expression, Options};
use serde_json::Value;

use super::chance::Chance;
use super::functions::{self, Supply};
use super::result::Making;
use super::source::Document;
use crate::expression::{EvaluationError, Scope};

/// After so many steps an evaluation fails.
const MOST_STEPS: u64 = 1 << 20;

/// How many steps that count in an evaluation the functions of AWS may take.
const MOST_STEPS_OF_FUNCTIONS: u64 = 1 << 18;

/// How much more is given each time.
const GROWTH: u64 = 8;

/// How long a string may be that is built on the way, in bytes; and how long the text of the
/// result, or of what a function is called with. Measured on AWS.
const MOST_BYTES: usize = 6_990_256;

/// How deep evaluations may be nested, in AWS's engine; and by how much the scope around the
/// expression is nested deeper.
const MOST_DEPTH: usize = 100;
const DEPTH_OF_ENCLOSURE: usize = 4;

/// A backstop for what steps do not count: not to be reached by what they do.
const MOST_TIME: Duration = Duration::from_secs(1);

/// An expression that is ready to be evaluated.
#[derive(Debug)]
pub(super) struct Program {
    pub(super) expression: Expression,
    /// Which of AWS's functions it mentions.
    pub(super) added: Box<[&'static str]>,
    /// Steps it is given at first.
    pub(super) first_steps: u64,
}

/// Why there is no value.
pub(super) enum Failure {
    /// The budget of the scope is spent.
    Budget(EvaluationError),
    /// The evaluation failed.
    Expression(Error),
}

impl Program {
    /// The value; `None` if it is undefined, or a function.
    pub(super) fn evaluate(&self, scope: &Scope<'_>) -> Result<Option<Value>, Failure> {
        let mut steps = self.first_steps.min(MOST_STEPS);
        loop {
            scope.budget.work(steps).map_err(Failure::Budget)?;
            match self.attempt(scope, steps) {
                Err(Failure::Expression(error))
                    if error.code() == "U1006" && steps < MOST_STEPS =>
                {
                    steps = (steps * GROWTH).min(MOST_STEPS);
                }
                done => return done,
            }
        }
    }

    fn attempt(&self, scope: &Scope<'_>, steps: u64) -> Result<Option<Value>, Failure> {
        let chances = [Chance((scope.chance)()), Chance((scope.chance)())];
        let supply = Arc::new(Mutex::new(Supply { chances, steps: MOST_STEPS_OF_FUNCTIONS }));
        let bindings = functions::bindings(&self.added, &supply);
        let options = Options::new()
            .now(scope.now_ms)
            .seed((scope.chance)())
            .max_steps(steps)
            .max_depth(MOST_DEPTH + DEPTH_OF_ENCLOSURE)
            .max_string_length(MOST_BYTES)
            .max_array_length(functions::MOST_ITEMS)
            .max_result_size(MOST_BYTES)
            .timeout(MOST_TIME);
        let handed_out = Cell::new(0);
        let document = Document { scope, handed_out: &handed_out };
        let mut making = Making::within(scope.budget);
        let made = self
            .expression
            .evaluate_source_to(&document, &bindings, &options, |output| output.write(&mut making));
        let supply = supply.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = handed_out.get() + (MOST_STEPS_OF_FUNCTIONS - supply.steps);
        scope.budget.work(taken).map_err(Failure::Budget)?;
        match making.failure {
            Some(failure) => Err(Failure::Budget(failure)),
            None => made.map_err(Failure::Expression),
        }
    }
}
