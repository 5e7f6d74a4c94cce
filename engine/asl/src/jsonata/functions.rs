//! The functions AWS added to JSONata.

use std::sync::{Arc, Mutex, PoisonError};

use jlens_core::{Bindings, Error, HostFunction};
use serde_json::Value;

use super::chance::{self, Chance};
use super::guarded;
use super::guards::{AHEAD, GUARDS, SEARCH, SPAN, SPEND};
use super::regexes::Regexes;
use super::result::number;
use crate::hash;
use crate::java;
use crate::uuid;

/// Their names, without `$`.
pub(super) const ADDED: [&str; 6] = ["partition", "range", "hash", "random", "uuid", "parse"];

/// How long an array may be that `$range` makes.
pub(super) const MOST_ITEMS: usize = 360_145;

/// How long a string may be that is built on the way, in bytes; and how long the text of the
/// result, or of what a function is called with. Measured on AWS.
pub(super) const MOST_BYTES: usize = 6_990_256;

/// How many bytes, or eighths of a number, count as one step.
const BYTES_PER_STEP: usize = 64;

/// What one evaluation draws on: two independent generators, and the steps its functions may
/// still take.
#[derive(Debug)]
pub(super) struct Supply {
    pub(super) chances: [Chance; 2],
    pub(super) steps: u64,
    /// How long a range may be.
    pub(super) items: usize,
}

pub(super) type Shared = Arc<Mutex<Supply>>;
type Answer = Result<Option<Value>, Error>;

/// Those of the functions that an expression with these literals needs.
pub(super) fn bindings(needed: &[&'static str], regexes: &Regexes, supply: &Shared) -> Bindings {
    needed.iter().fold(Bindings::new(), |bindings, name| match function(name, regexes, supply) {
        Ok(function) => bindings.function(*name, function.without_input()),
        // No signature here is wrong.
        Err(_) => bindings,
    })
}

/// Which functions an expression needs that mentions these names, and regular expressions and ranges or none.
pub(super) fn needed(mentioned: &[&str], regexes: bool, ranges: bool) -> Box<[&'static str]> {
    let added = ADDED.into_iter().filter(|name| mentioned.contains(name));
    let guarded = GUARDS.into_iter().filter(|(name, ..)| mentioned.contains(name));
    let of_replace = mentioned.contains(&"replace").then_some([SPEND, SEARCH]);
    let all = added.chain(guarded.map(|(.., function)| function));
    let all = all.chain(of_replace.into_iter().flatten()).chain(regexes.then_some(AHEAD));
    all.chain(ranges.then_some(SPAN)).collect()
}

fn function(name: &str, regexes: &Regexes, supply: &Shared) -> Result<HostFunction, Error> {
    let supply = Arc::clone(supply);
    match name {
        "partition" => HostFunction::with_signature("<xn?:a>", move |args, _| {
            partition(arg(args, 0), arg(args, 1), &supply)
        }),
        "range" => HostFunction::with_signature("<n?n?n?:a>", move |args, _| {
            range([whole(args, 0), whole(args, 1), whole(args, 2)], &supply)
        }),
        "hash" => HostFunction::with_signature("<ss:s>", move |args, _| {
            hash(text(args, 0), text(args, 1), &supply)
        }),
        "random" => HostFunction::with_signature("<n?:n>", move |args, _| {
            let fraction = match whole(args, 0) {
                Some(seed) => java::Random::seeded(seed).fraction(),
                None => chance::fraction(draw(&supply)[0]),
            };
            Ok(Some(Value::from(fraction)))
        }),
        "uuid" => HostFunction::with_signature("<:s>", move |_, _| {
            let [upper, lower] = draw(&supply);
            Ok(Some(Value::String(uuid::of(upper, lower))))
        }),
        "parse" => {
            HostFunction::with_signature("<s?:x>", move |args, _| parse(text(args, 0), &supply))
        }
        SPAN => HostFunction::with_signature("<xx:x>", move |args, _| {
            span([arg(args, 0), arg(args, 1)], &supply)
        }),
        "·unique" => HostFunction::with_signature("<x:a>", move |args, _| {
            guarded::unique(arg(args, 0), |bytes| take(bytes, &supply))
        }),
        "·names" => HostFunction::with_signature("<x:a>", move |args, _| {
            guarded::names(arg(args, 0), |bytes| take(bytes, &supply))
        }),
        "·replaced" => HostFunction::with_signature("<xxx:x>", move |args, _| {
            guarded::replaced(text(args, 0), text(args, 1), text(args, 2))
        }),
        "·sorting" => HostFunction::with_signature("<x:x>", move |args, _| {
            guarded::sorting(arg(args, 0), |bytes| take(bytes, &supply))
        }),
        SEARCH => {
            let regexes = regexes.clone();
            HostFunction::with_signature("<sxfx?x?:x>", move |args, call| {
                let texts = [text(args, 0), text(args, 1), text(args, 4)];
                let limit = arg(args, 3).and_then(Value::as_f64);
                regexes.search(texts, call.function(2), limit, |bytes| take(bytes, &supply))
            })
        }
        AHEAD => {
            let regexes = regexes.clone();
            HostFunction::with_signature("<nxx?:x>", move |args, _| {
                let number = |index| whole(args, index).and_then(|it| usize::try_from(it).ok());
                regexes.ahead(number(0), text(args, 1), number(2), |bytes| take(bytes, &supply))
            })
        }
        _ => HostFunction::with_signature("<n:x>", move |args, _| {
            take(
                whole(args, 0).and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(0),
                &supply,
            )?;
            Ok(None)
        }),
    }
}

/// `$partition(array, size)`: the array in pieces of this size; whole without one.
fn partition(array: Option<&Value>, size: Option<&Value>, supply: &Shared) -> Answer {
    let items = match array {
        None => return Ok(None),
        Some(Value::Array(items)) => items,
        Some(_) => return Err(Error::new("T0412").with("index", 1).with("token", "partition")),
    };
    let size = match size {
        None => items.len(),
        Some(size) => {
            let size = truncated(size).unwrap_or_default();
            usize::try_from(size).map_err(|_| refused("Second argument must be zero or greater"))?
        }
    };
    take(items.len() * size_of::<Value>(), supply)?;
    if size == 0 {
        return Ok(items.is_empty().then(|| Value::Array(Vec::new())));
    }
    Ok(Some(items.chunks(size).map(|piece| Value::Array(piece.to_vec())).collect()))
}

/// `$range(start, end, step)`: both ends included. Like other sequences of JSONata, one of one
/// item is that item, an empty one nothing.
fn range(bounds: [Option<i64>; 3], supply: &Shared) -> Answer {
    let [Some(start), Some(end), Some(step)] = bounds else { return Ok(None) };
    let distance = i128::from(end) - i128::from(start);
    let Some(last) = distance.checked_div(i128::from(step)).filter(|last| {
        // A first item there always is, unless the step leads away from the end.
        *last > 0 || distance == 0 || (distance > 0) == (step > 0)
    }) else {
        return Ok(None);
    };
    let items = usize::try_from(last).unwrap_or(usize::MAX).saturating_add(1);
    if items > MOST_ITEMS {
        return Err(out_of_memory());
    }
    take(items * size_of::<Value>(), supply)?;
    let item = |index: i128| {
        Value::from(i64::try_from(i128::from(start) + index * i128::from(step)).unwrap_or(end))
    };
    Ok(Some(if last == 0 { item(0) } else { (0..=last).map(item).collect() }))
}

/// `$hash(text, algorithm)`: in hexadecimal digits.
fn hash(text: Option<&str>, algorithm: Option<&str>, supply: &Shared) -> Answer {
    let (Some(text), Some(algorithm)) = (text, algorithm) else { return Ok(None) };
    // Hashing a byte takes a few times as long as copying it.
    take(text.len() * 4, supply)?;
    match hash::hexadecimal(algorithm, text.as_bytes()) {
        Some(hash) => Ok(Some(Value::String(hash))),
        None => Err(refused(&format!(
            "Hash algorithm '{algorithm}' must be one of SHA-1, SHA-384, SHA-256, SHA-512, MD5"
        ))),
    }
}

/// `[from..to]`, as JSONata has it, but that nothing is built which would be too long.
fn span(bounds: [Option<&Value>; 2], supply: &Shared) -> Answer {
    /// What JSONata has no range of.
    const MOST: f64 = 1e7;
    let whole = |bound: &Value| bound.as_f64().filter(|it| it.fract() == 0.0);
    let mut ends = [None; 2];
    for (end, (bound, code)) in ends.iter_mut().zip(bounds.into_iter().zip(["T2003", "T2004"])) {
        let Some(bound) = bound else { continue };
        *end = Some(whole(bound).ok_or_else(|| Error::new(code).with("value", bound.clone()))?);
    }
    let [Some(from), Some(to)] = ends else { return Ok(None) };
    let length = to - from + 1.0;
    if length < 1.0 {
        return Ok(None);
    }
    if length > MOST {
        return Err(Error::new("D2014").with("value", number(length)));
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 1 to 1e7")]
    let count = length as usize;
    let most = supply.lock().unwrap_or_else(PoisonError::into_inner).items;
    if count > most {
        return Err(out_of_memory());
    }
    take(8 * count, supply)?;
    #[expect(clippy::cast_precision_loss, reason = "up to MOST")]
    let item = |index: usize| number(from + index as f64);
    Ok(Some((0..count).map(item).collect()))
}

/// `$parse(text)`: the value of this JSON text.
fn parse(text: Option<&str>, supply: &Shared) -> Answer {
    let Some(text) = text else { return Ok(None) };
    take(text.len() * size_of::<Value>(), supply)?;
    serde_json::from_str(text).map(Some).map_err(|_| refused("Invalid JSON"))
}

fn arg(args: &[Option<Value>], index: usize) -> Option<&Value> {
    args.get(index)?.as_ref()
}

fn text(args: &[Option<Value>], index: usize) -> Option<&str> {
    arg(args, index)?.as_str()
}

/// A number, truncated towards zero.
fn whole(args: &[Option<Value>], index: usize) -> Option<i64> {
    truncated(arg(args, index)?)
}

fn truncated(value: &Value) -> Option<i64> {
    let value = number(value.as_f64()?.trunc());
    value.as_i64().or_else(|| value.as_f64().map(|it| if it < 0.0 { i64::MIN } else { i64::MAX }))
}

fn refused(message: &str) -> Error {
    Error::new("D3137").with("message", message)
}

/// Marked as the library marks its own, so that both are told alike.
pub(super) fn out_of_memory() -> Error {
    Error::new("U1001").with("message", "")
}

/// So many bytes are about to be built or read.
fn take(bytes: usize, supply: &Shared) -> Result<(), Error> {
    let mut supply = supply.lock().unwrap_or_else(PoisonError::into_inner);
    match supply.steps.checked_sub((bytes / BYTES_PER_STEP) as u64 + 1) {
        Some(left) => {
            supply.steps = left;
            Ok(())
        }
        None => Err(Error::new("U1006")),
    }
}

fn draw(supply: &Shared) -> [u64; 2] {
    let mut supply = supply.lock().unwrap_or_else(PoisonError::into_inner);
    let [upper, lower] = &mut supply.chances;
    [upper.draw(), lower.draw()]
}
