//! JSONata by itself, where `$` is a document, as its official test suite has it: the same
//! functions, guards and counting as in a state, without what AWS forbids or bounds more.

use std::sync::{Arc, Mutex};

use jlens_core::input::{Sink, Source};
use jlens_core::{CancelToken, Error, Expression, Options};
use serde_json::Value;

use super::Sees;
use super::chance::Chance;
use super::check::check;
use super::functions::{self, Supply};
use super::guards::GUARDS;
use super::meter::Meter;
use super::regexes::Regexes;
use super::rewrite::rewrite;
use super::source::{Count, hand_out};

/// How an expression is evaluated in a state.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Way {
    /// On borrowed values.
    Quick,
    /// On a copy, watched.
    Careful,
}

/// The value of an expression on a document, or the code of its error; `None` is undefined.
/// Evaluations may be nested so deep.
pub fn evaluate(
    expression: &str,
    document: Option<&Value>,
    variables: impl IntoIterator<Item = (String, Value)>,
    max_depth: usize,
    way: Way,
) -> Result<Option<Value>, String> {
    const MOST_STEPS: u64 = 1 << 22;
    let code = |error: Error| error.code().to_owned();
    let ast = jlens_core::parse(expression).map_err(code)?;
    let found = check(&ast, Sees { result: true, error_output: true });
    let mentioned = found.free;
    let (regexes, literals) = Regexes::compile(&found.literals);
    let (named, before) = rewrite(expression, &literals, &found.ranges);
    let guards = GUARDS.iter().filter(|(name, ..)| mentioned.contains(name));
    let guards: String = guards.map(|(_, guard, _)| *guard).collect();
    let text = if guards.is_empty() && named == expression {
        expression
    } else {
        &format!("({before}{guards}{named}\n)")
    };
    let program = Expression::compile(text).map_err(code)?;
    let chances = [Chance(1), Chance(2)];
    let supply = Arc::new(Mutex::new(Supply { chances, steps: MOST_STEPS, items: usize::MAX }));
    let bindings = functions::bindings(
        &functions::needed(&mentioned, !literals.is_empty(), !found.ranges.is_empty()),
        &regexes,
        &supply,
    );
    let bindings = variables.into_iter().fold(bindings, |all, (name, value)| all.var(name, value));
    let options = Options::new().max_steps(MOST_STEPS).max_depth(max_depth).now(0).seed(1);
    match way {
        Way::Quick => {
            let count = Count::up_to(MOST_STEPS, usize::MAX);
            let whole = Whole { document, count: &count };
            program.evaluate_source(&whole, &bindings, &options).map_err(code)
        }
        Way::Careful => {
            let stop = CancelToken::new();
            let mut meter = Meter::new(Arc::clone(&supply), stop.clone());
            let options = options.cancel_token(stop);
            program.evaluate_traced(document, &bindings, &options, &mut meter).map_err(code)
        }
    }
}

struct Whole<'a> {
    document: Option<&'a Value>,
    count: &'a Count,
}

impl<'a> Source<'a> for Whole<'a> {
    fn read(&self, sink: &mut Sink<'_, 'a>) -> Result<(), String> {
        self.document.iter().try_for_each(|document| hand_out(document, self.count, sink))
    }
}
