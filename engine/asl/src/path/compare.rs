//! What the operators of a filter mean, which is not what RFC 9535 says: a number equals the string that
//! spells it, nothing equals what is missing, lists can be compared with lists.

use std::cmp::Ordering;

use serde_json::Value;

use super::condition::Seen;
use super::filter::Operator;
use super::pattern::Pattern;
use crate::budget::Budget;
use crate::expression::EvaluationError;

type Answer = Result<bool, EvaluationError>;

/// Whether both sides stand in this relation; `None` is what is missing.
pub(super) fn compare(
    left: Option<Seen<'_>>,
    operator: Operator,
    right: Option<Seen<'_>>,
    budget: &Budget,
) -> Answer {
    let (Some(left), Some(right)) = (left, right) else {
        return Ok(matches!(
            operator,
            Operator::NotEqual | Operator::NotSame | Operator::NotIn | Operator::NoneOf
        ));
    };
    budget.work(2)?;
    let ordered = |wanted: fn(Ordering) -> bool| {
        if let (Some(Value::String(left)), Some(Value::String(right))) = (left.one(), right.one()) {
            read(if left.len() < right.len() { left } else { right }, budget)?;
        }
        Ok(left.one().zip(right.one()).and_then(|(l, r)| order(l, r)).is_some_and(wanted))
    };
    match operator {
        Operator::Equal => equal_seen(&left, &right, budget),
        Operator::NotEqual => equal_seen(&left, &right, budget).map(|equal| !equal),
        Operator::Same => same(&left, &right, budget),
        Operator::NotSame => same(&left, &right, budget).map(|same| !same),
        Operator::Less => ordered(Ordering::is_lt),
        Operator::LessOrEqual => ordered(Ordering::is_le),
        Operator::Greater => ordered(Ordering::is_gt),
        Operator::GreaterOrEqual => ordered(Ordering::is_ge),
        Operator::In => within(&left, &right, budget),
        Operator::NotIn => within(&left, &right, budget).map(|within| !within),
        Operator::Contains => match (left.one(), right.one()) {
            (Some(Value::String(text)), Some(Value::String(part))) => {
                read(text, budget)?;
                Ok(text.contains(part.as_str()))
            }
            _ => within(&right, &left, budget),
        },
        Operator::All => among(&right, &left, budget, Quantity::All),
        Operator::SubsetOf => among(&left, &right, budget, Quantity::All),
        Operator::AnyOf => among(&left, &right, budget, Quantity::Any),
        Operator::NoneOf => among(&left, &right, budget, Quantity::Any).map(|any| !any),
        Operator::Size => {
            let wanted = right.one().and_then(Value::as_f64).map(f64::trunc);
            let size = size(&left, budget)?.map(|size| Value::from(size).as_f64());
            Ok(wanted.is_some() && size == Some(wanted))
        }
        Operator::Empty => {
            let empty = match left.one() {
                Some(Value::Object(members)) => Some(members.is_empty()),
                _ => size(&left, budget)?.map(|size| size == 0),
            };
            Ok(empty.is_some() && empty == right.one().and_then(Value::as_bool))
        }
    }
}

/// Whether the pattern matches the text, or one of the texts.
pub(super) fn like(seen: Option<Seen<'_>>, pattern: &Pattern, budget: &Budget) -> Answer {
    let Some(seen) = seen else { return pattern.matches("", budget) };
    let matches = |value: &Value| match value {
        Value::String(text) => pattern.matches(text, budget),
        Value::Number(_) | Value::Bool(_) => pattern.matches(&value.to_string(), budget),
        Value::Null | Value::Array(_) | Value::Object(_) => pattern.matches("", budget),
    };
    match (seen.list(budget)?, seen.one()) {
        (Some(items), _) => any(&items, matches),
        (None, Some(value)) => matches(value),
        (None, None) => Ok(false),
    }
}

fn any<'v>(items: &[&'v Value], mut holds: impl FnMut(&'v Value) -> Answer) -> Answer {
    for item in items {
        if holds(item)? {
            return Ok(true);
        }
    }
    Ok(false)
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Quantity {
    All,
    Any,
}

/// Whether all or any of these are among all those.
fn among(these: &Seen<'_>, all: &Seen<'_>, budget: &Budget, quantity: Quantity) -> Answer {
    let (Some(these), Some(all)) = (these.list(budget)?, all.list(budget)?) else {
        return Ok(false);
    };
    let wanted = quantity == Quantity::All;
    // All are among them if none is not.
    let found = any(&these, |this| {
        any(&all, |that| equal(this, that, budget)).map(|among| among != wanted)
    })?;
    Ok(found != wanted)
}

/// Whether the list holds this.
fn within(this: &Seen<'_>, list: &Seen<'_>, budget: &Budget) -> Answer {
    let Some(items) = list.list(budget)? else { return Ok(false) };
    if let Some(value) = this.one() {
        return any(&items, |item| equal(value, item, budget));
    }
    let value = this.to_value(budget)?;
    any(&items, |item| equal(&value, item, budget))
}

fn size(seen: &Seen<'_>, budget: &Budget) -> Result<Option<usize>, EvaluationError> {
    Ok(match seen {
        Seen::Many(found) => Some(found.len()),
        Seen::One(value) => match value.as_ref() {
            Value::String(text) => {
                read(text, budget)?;
                Some(text.encode_utf16().count())
            }
            Value::Array(items) => Some(items.len()),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => None,
        },
    })
}

/// A text is about to be read character by character.
fn read(text: &str, budget: &Budget) -> Result<(), EvaluationError> {
    budget.work((text.len() / 8) as u64)
}

fn equal_seen(left: &Seen<'_>, right: &Seen<'_>, budget: &Budget) -> Answer {
    if let (Some(left), Some(right)) = (left.one(), right.one()) {
        return equal(left, right, budget);
    }
    match (left.list(budget)?, right.list(budget)?) {
        (Some(left), Some(right)) => equal_lists(&left, &right, budget),
        _ => Ok(false),
    }
}

fn equal_lists(left: &[&Value], right: &[&Value], budget: &Budget) -> Answer {
    if left.len() != right.len() {
        return Ok(false);
    }
    let pairs: Vec<_> = left.iter().zip(right).collect();
    for (left, right) in pairs {
        if !exactly(left, right, budget)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// `===`: equal and of one type.
fn same(left: &Seen<'_>, right: &Seen<'_>, budget: &Budget) -> Answer {
    match (left.one(), right.one()) {
        (Some(Value::Number(_)), Some(Value::String(_)))
        | (Some(Value::String(_)), Some(Value::Number(_))) => Ok(false),
        _ => equal_seen(left, right, budget),
    }
}

fn equal(left: &Value, right: &Value, budget: &Budget) -> Answer {
    budget.work(1)?;
    if let (Value::Number(_), Value::String(text)) | (Value::String(text), Value::Number(_)) =
        (left, right)
    {
        budget.work((text.len() / 8 + 4) as u64)?;
    }
    match (left, right) {
        (Value::Number(_), Value::Number(_)) => Ok(order(left, right) == Some(Ordering::Equal)),
        (Value::Number(number), Value::String(text)) => {
            let spelled = text.parse::<f64>().ok();
            Ok(number.to_string() == *text || spelled.is_some() && spelled == number.as_f64())
        }
        (Value::String(text), Value::Number(number)) => Ok(number.to_string() == *text),
        _ => exactly(left, right, budget),
    }
}

/// Equal as values, whatever the order of members.
fn exactly(left: &Value, right: &Value, budget: &Budget) -> Answer {
    budget.work(1)?;
    match (left, right) {
        (Value::String(left), Value::String(right)) => {
            budget.work((left.len().min(right.len()) / 64) as u64)?;
            Ok(left == right)
        }
        (Value::Array(left), Value::Array(right)) => {
            if left.len() != right.len() {
                return Ok(false);
            }
            for (left, right) in left.iter().zip(right) {
                if !exactly(left, right, budget)? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        (Value::Object(left), Value::Object(right)) => {
            if left.len() != right.len() {
                return Ok(false);
            }
            for (name, left) in left {
                match right.get(name) {
                    Some(right) if exactly(left, right, budget)? => {}
                    _ => return Ok(false),
                }
            }
            Ok(true)
        }
        _ => Ok(left == right),
    }
}

fn order(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => match (left.as_i64(), right.as_i64()) {
            (Some(left), Some(right)) => Some(left.cmp(&right)),
            _ => left.as_f64()?.partial_cmp(&right.as_f64()?),
        },
        (Value::String(left), Value::String(right)) => {
            Some(left.encode_utf16().cmp(right.encode_utf16()))
        }
        _ => None,
    }
}
