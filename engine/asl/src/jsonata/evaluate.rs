//! One evaluation: what it may take, and how that is counted.
//!
//! Steps alone bound no work, for one step may copy megabytes. So there are two ways. Almost every
//! expression is done the quick way: it reads borrowed values, and has few steps and small
//! values to do with. The library does not tell how many steps one took that ended; so it gets few
//! at first, and begins anew with more if they do not suffice, and what it gets is charged. One that
//! needs yet more begins anew the careful way: on a copy of what it reads, watched step by step,
//! so that the sizes of the values it handles count as well. Both are charged to the budget of
//! the scope, and neither asks the clock, but as a last backstop.

use std::cell::Cell;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jlens_core::{Bindings, CancelToken, Error, Expression, Options};
use serde_json::Value;

use super::chance::Chance;
use super::copy;
use super::functions::{self, MOST_BYTES, Supply};
use super::meter::Meter;
use super::regexes::Regexes;
use super::result::Making;
use super::source::{Count, Document};
use crate::expression::{EvaluationError, Scope};

/// After so many steps an evaluation fails; and after handling values worth so many.
const MOST_STEPS: u64 = 1 << 20;

/// How many steps an expression has the quick way, beside those for each of its nodes; how many to
/// read the scope; how much all may come to if each handles the largest value that was read; how
/// long strings may be that it builds, and how long any may be if it sorts, which compares them in
/// no steps; and how long arrays. Enough to filter thousands of records, and little enough that all
/// of it together is some hundreds of megabytes at the very worst.
const QUICK_STEPS: [u64; 3] = [1 << 6, 1 << 11, 1 << 15];
const QUICK_READS: u64 = 1 << 18;
const QUICK_WORK: u64 = 10_000_000;
const SEARCHING_WORK: u64 = QUICK_WORK / 8;
const QUICK_BYTES: usize = 1 << 15;
const SORTED_BYTES: usize = 1 << 9;
const QUICK_ITEMS: usize = 1 << 12;

/// How deep evaluations may be nested, in AWS's engine; and by how much the scope around the
/// expression is nested deeper.
const MOST_DEPTH: usize = 100;
const DEPTH_OF_ENCLOSURE: usize = 3;

/// A backstop for what is not counted. Tests show that all that they try ends without it.
const MOST_TIME: Duration = Duration::from_secs(if cfg!(test) { 3_600 } else { 1 });

/// An expression that is ready to be evaluated.
#[derive(Clone, Debug)]
pub(super) struct Program {
    pub(super) expression: Expression,
    /// Functions it needs that are not JSONata's own.
    pub(super) needs: Box<[&'static str]>,
    /// Its regular expressions.
    pub(super) regexes: Regexes,
    /// Whether it sorts, which compares values in no steps at all.
    pub(super) sorts: bool,
    /// Whether it searches lists with `in`, which takes one step for each.
    pub(super) searches: bool,
    /// What it reads of the scope.
    pub(super) reads: copy::Reads,
    /// How many nodes it has.
    pub(super) nodes: u64,
}

/// Why there is no value.
pub(super) enum Failure {
    /// The budget of the scope is spent.
    Budget(EvaluationError),
    /// The evaluation failed.
    Expression(Error),
}

type Evaluated = Result<Option<Value>, Failure>;

impl Program {
    /// The value; `None` if it is undefined, or a function.
    pub(super) fn evaluate(&self, scope: &Scope<'_>) -> Evaluated {
        let largest = Cell::new(0);
        let most = if self.searches { SEARCHING_WORK } else { QUICK_WORK };
        for steps in QUICK_STEPS {
            if steps.saturating_mul(largest.get()) > most {
                break;
            }
            match self.quickly(scope, steps + 4 * self.nodes, &largest) {
                Err(Failure::Expression(error)) => match error.code() {
                    "U1006" => {}
                    // Something is too large, or too much is read.
                    "U1001" | "U1004" => break,
                    _ => return Err(Failure::Expression(error)),
                },
                done => return done,
            }
        }
        self.carefully(scope)
    }

    /// Says how large the largest value was that it read.
    fn quickly(&self, scope: &Scope<'_>, steps: u64, largest: &Cell<u64>) -> Evaluated {
        scope.budget.work(steps).map_err(Failure::Budget)?;
        let (supply, bindings) = self.supply(scope, steps);
        let options = options(scope)
            .max_steps(steps)
            .max_string_length(if self.sorts { SORTED_BYTES } else { QUICK_BYTES })
            .max_array_length(QUICK_ITEMS)
            .max_result_size(MOST_BYTES);
        let longest = if self.sorts { SORTED_BYTES } else { usize::MAX };
        let count = Count::up_to(QUICK_READS, longest);
        let document = Document { scope, count: &count };
        let mut making = Making::within(scope.budget);
        let made = self
            .expression
            .evaluate_source_to(&document, &bindings, &options, |output| output.write(&mut making));
        largest.set(largest.get().max(count.largest()));
        let taken = count.taken() + supply.taken();
        scope.budget.work(taken).map_err(Failure::Budget)?;
        match making.failure {
            Some(failure) => Err(Failure::Budget(failure)),
            None => made.map_err(Failure::Expression),
        }
    }

    fn carefully(&self, scope: &Scope<'_>) -> Evaluated {
        let (document, copied) = self.reads.copy(scope);
        scope.budget.work(copied).map_err(Failure::Budget)?;
        let (supply, bindings) = self.supply(scope, MOST_STEPS);
        let stop = CancelToken::new();
        let options = options(scope)
            .max_steps(MOST_STEPS)
            .max_string_length(MOST_BYTES)
            .max_array_length(functions::MOST_ITEMS)
            .max_result_size(MOST_BYTES)
            .cancel_token(stop.clone());
        let mut meter = Meter::new(Arc::clone(&supply.supply), stop);
        let made =
            self.expression.evaluate_traced(Some(&document), &bindings, &options, &mut meter);
        let taken = meter.steps + supply.taken();
        scope.budget.work(taken).map_err(Failure::Budget)?;
        let value = made.map_err(Failure::Expression)?;
        if let Some(value) = &value {
            scope.budget.weigh(value).map_err(Failure::Budget)?;
        }
        Ok(value)
    }

    /// What the functions of AWS draw on.
    fn supply(&self, scope: &Scope<'_>, steps: u64) -> (Drawn, Bindings) {
        let chances = [Chance((scope.chance)()), Chance((scope.chance)())];
        let supply = Arc::new(Mutex::new(Supply { chances, steps, items: functions::MOST_ITEMS }));
        let bindings = functions::bindings(&self.needs, &self.regexes, &supply);
        (Drawn { supply, given: steps }, bindings)
    }
}

struct Drawn {
    supply: Arc<Mutex<Supply>>,
    given: u64,
}

impl Drawn {
    fn taken(&self) -> u64 {
        self.given - self.supply.lock().unwrap_or_else(PoisonError::into_inner).steps
    }
}

fn options(scope: &Scope<'_>) -> Options {
    Options::new()
        .now(scope.now_ms)
        .seed((scope.chance)())
        .max_depth(MOST_DEPTH + DEPTH_OF_ENCLOSURE)
        .timeout(MOST_TIME)
}
