//! The functions a path may end in: `.length()`, `.sum()`, `.concat('x', $.y)`, as Jayway has them.

use std::fmt::Write as _;

use serde_json::Value;

use super::condition::Seen;
use super::cursor::{Cursor, Parsed};
use super::filter::{self, Operand};
use super::miss::Miss;
use super::walk::Walk;
use crate::budget::Budget;
use crate::java;

/// A call at the end of a path.
#[derive(Debug)]
pub(super) struct Call {
    name: &'static str,
    function: Function,
    pub(super) parameters: Box<[Operand]>,
}

#[derive(Clone, Copy, Debug)]
enum Function {
    Numbers(fn(&[f64]) -> f64),
    Length,
    Keys,
    Concat,
    Append,
    First,
    Last,
    Index,
}

const FUNCTIONS: [(&str, Function); 13] = [
    ("min", Function::Numbers(|numbers| numbers.iter().copied().fold(f64::INFINITY, f64::min))),
    ("max", Function::Numbers(|numbers| numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max))),
    ("avg", Function::Numbers(average)),
    ("stddev", Function::Numbers(deviation)),
    ("sum", Function::Numbers(|numbers| numbers.iter().sum())),
    ("length", Function::Length),
    ("size", Function::Length),
    ("keys", Function::Keys),
    ("concat", Function::Concat),
    ("append", Function::Append),
    ("first", Function::First),
    ("last", Function::Last),
    ("index", Function::Index),
];

#[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52")]
fn average(numbers: &[f64]) -> f64 {
    numbers.iter().sum::<f64>() / numbers.len() as f64
}

fn deviation(numbers: &[f64]) -> f64 {
    let mean = average(numbers);
    let squares: Vec<f64> = numbers.iter().map(|number| (number - mean).powi(2)).collect();
    average(&squares).sqrt()
}

impl Call {
    /// Reads `(…)` behind the name of a function.
    pub(super) fn parse(name: &str, cursor: &mut Cursor<'_>) -> Parsed<Self> {
        let Some((name, function)) = FUNCTIONS.iter().find(|(known, _)| *known == name) else {
            return Err(cursor.unsupported(&format!("the function `{name}()` is")));
        };
        cursor.eat("(");
        let mut parameters = Vec::new();
        cursor.skip_space();
        while !cursor.eat(")") {
            if !parameters.is_empty() && !cursor.eat(",") {
                return Err(cursor.expected("`,` or `)`"));
            }
            cursor.skip_space();
            parameters.push(filter::operand(cursor)?);
            cursor.skip_space();
        }
        Ok(Self { name, function: *function, parameters: parameters.into() })
    }

    /// As Jayway prints it.
    pub(super) fn fragment(&self) -> String {
        let parameters = if self.parameters.is_empty() { "" } else { "..." };
        format!(".{}({parameters})", self.name)
    }

    /// Whether it works on all that `..` has found at once.
    pub(super) fn takes_all(&self) -> bool {
        matches!(self.function, Function::Numbers(_) | Function::Length | Function::Concat)
    }

    /// What it gives for this. Whatever is built has been weighed.
    pub(super) fn apply(&self, on: &Seen<'_>, walk: &Walk<'_, '_, '_>) -> Result<Value, Miss> {
        let budget = walk.scope.budget;
        let items = on.list(budget)?;
        match self.function {
            Function::Numbers(function) => self.numbers(items.as_deref(), function, walk),
            Function::Length => Ok(match on {
                // Jayway counts what is below them.
                Seen::Many(found) => {
                    found.iter().filter_map(|node| length(node)).sum::<usize>().into()
                }
                Seen::One(node) => length(node).into(),
            }),
            Function::Keys => {
                let Some(Value::Object(members)) = on.one() else { return Ok(Value::Null) };
                for name in members.keys() {
                    budget.build(name.len() + 3)?;
                }
                Ok(members.keys().cloned().collect())
            }
            Function::Concat => self.concat(items.as_deref(), walk),
            Function::Append => match items {
                None => Ok(on.to_value(budget)?),
                Some(items) => {
                    let mut all = Vec::new();
                    for item in items {
                        all.push(budget.copy(item)?);
                    }
                    for parameter in self.parameters(walk)? {
                        all.push(parameter.to_value(budget)?);
                    }
                    Ok(Value::Array(all))
                }
            },
            Function::First => element(items.as_deref(), 0, budget),
            Function::Last => element(items.as_deref(), -1, budget),
            Function::Index => {
                let parameters = self.parameters(walk)?;
                let index = parameters.first().and_then(Seen::one).and_then(Value::as_i64);
                element(items.as_deref(), index.unwrap_or_default(), budget)
            }
        }
    }

    /// The parameters that are not missing.
    fn parameters<'x, 'a: 'x, 'v: 'x>(
        &'x self,
        walk: &'x Walk<'_, 'a, 'v>,
    ) -> Result<Vec<Seen<'x>>, Miss> {
        let found = self.parameters.iter().map(|parameter| walk.operand(parameter, walk.root));
        found.filter_map(Result::transpose).collect()
    }

    fn numbers(
        &self,
        items: Option<&[&Value]>,
        function: fn(&[f64]) -> f64,
        walk: &Walk<'_, '_, '_>,
    ) -> Result<Value, Miss> {
        let mut numbers: Vec<f64> = Vec::new();
        numbers.extend(items.into_iter().flatten().filter_map(|item| item.as_f64()));
        for parameter in self.parameters(walk)? {
            numbers
                .extend(parameter.each(walk.scope.budget)?.into_iter().filter_map(Value::as_f64));
        }
        if numbers.is_empty() { Err(Miss::NoNumbers) } else { Ok(function(&numbers).into()) }
    }

    /// The texts of an array, then the parameters, whatever they are.
    fn concat(&self, items: Option<&[&Value]>, walk: &Walk<'_, '_, '_>) -> Result<Value, Miss> {
        let budget = walk.scope.budget;
        let mut text = String::new();
        for item in items.into_iter().flatten().filter_map(|item| item.as_str()) {
            budget.build(item.len())?;
            text.push_str(item);
        }
        for parameter in self.parameters(walk)? {
            for value in parameter.each(budget)? {
                budget.weigh(value)?;
                _ = write!(text, "{}", java::Text(value));
            }
        }
        Ok(text.into())
    }
}

fn length(node: &Value) -> Option<usize> {
    match node {
        Value::Array(items) => Some(items.len()),
        Value::Object(members) => Some(members.len()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

fn element(items: Option<&[&Value]>, index: i64, budget: &Budget) -> Result<Value, Miss> {
    let items = items.ok_or(Miss::NoNumbers)?;
    let place = if index < 0 {
        items.len().checked_add_signed(isize::try_from(index).unwrap_or(isize::MIN))
    } else {
        usize::try_from(index).ok()
    };
    let item =
        place.and_then(|place| items.get(place)).ok_or(Miss::NoElement(index, items.len()))?;
    Ok(budget.copy(item)?)
}
