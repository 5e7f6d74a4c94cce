//! Regular expressions, matched in counted steps. JSONata's own functions count from the beginning of
//! the text for each match, and hardly any steps. So each literal of an expression is a name for a
//! function that counts before it matches, and `$match`, `$contains`, `$split` and `$replace` ask
//! here first, where all matches of a text are found in one go.

use std::sync::Arc;

use jlens_core::{Callable, Error};
use regress::{Match, Regex};
use serde_json::{Value, json};

use super::functions::{MOST_BYTES, out_of_memory};
use super::rewrite::WHICH;

type Answer = Result<Option<Value>, Error>;

/// What it costs to search until the next question, in bytes copied. A match may have been searched
/// for so long before the first, unless its expression has nothing to repeat and to try.
const INTERVAL: usize = 16 * 1024;
const MATCH: usize = 4096;
const PLAIN_MATCH: usize = 512;

/// What it costs to pass over a byte.
const BYTE: usize = 8;

/// The literals of an expression, ready to be matched.
#[derive(Clone, Debug, Default)]
pub(super) struct Regexes(Arc<[Counted]>);

/// A regular expression, and what each of its matches costs.
#[derive(Debug)]
struct Counted {
    regex: Regex,
    per_match: usize,
}

/// A literal of an expression, and where it stands.
pub(super) type Literal<'e> = (std::ops::Range<usize>, &'e str, &'e str);

impl Regexes {
    /// These literals, without those that are wrong: JSONata reports them when it comes to them.
    pub(super) fn compile<'e>(literals: &[Literal<'e>]) -> (Self, Vec<Literal<'e>>) {
        let compiled = literals.iter().filter_map(|literal| {
            let (_, pattern, flags) = literal;
            let regex = Regex::with_flags(pattern, *flags).ok()?;
            let per_match =
                if pattern.contains(['*', '+', '{', '(']) { MATCH } else { PLAIN_MATCH };
            Some((Counted { regex, per_match }, literal.clone()))
        });
        let (regexes, literals): (Vec<Counted>, _) = compiled.unzip();
        (Self(regexes.into()), literals)
    }

    /// That the literal is about to be looked for from here on, counted in UTF-16.
    pub(super) fn ahead(
        &self,
        literal: Option<usize>,
        text: Option<&str>,
        from: Option<usize>,
        take: impl Fn(usize) -> Result<(), Error>,
    ) -> Answer {
        let (Some(regex), Some(text)) = (literal.and_then(|it| self.0.get(it)), text) else {
            return Ok(None);
        };
        // To copy it, and to count in it.
        take(4 * text.len())?;
        find(regex, text, byte_offset(text, from.unwrap_or(0)), &take)?;
        Ok(None)
    }

    /// What the function of this name gives for this text and this matcher; `None` is for
    /// JSONata's own to decide.
    pub(super) fn search(
        &self,
        [function, text, by]: [Option<&str>; 3],
        matcher: Option<Callable<'_>>,
        limit: Option<f64>,
        take: impl Fn(usize) -> Result<(), Error>,
    ) -> Answer {
        let (Some(function), Some(text), Some(matcher)) = (function, text, matcher) else {
            return Ok(None);
        };
        take(text.len())?;
        let which = matcher.call(&[Some(Value::from(WHICH))]).ok().flatten();
        let literal =
            which.as_ref().and_then(Value::as_u64).and_then(|it| usize::try_from(it).ok());
        let Some(regex) = literal.and_then(|it| self.0.get(it)) else {
            // Somebody's own matcher: JSONata reads the whole text for each match.
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "saturates"
            )]
            let times = limit.map_or(usize::MAX, |it| it as usize).min(text.len());
            take(text.len().saturating_mul(times))?;
            return Ok(None);
        };
        if limit.is_some_and(|limit| limit <= 0.0) {
            return Ok(None);
        }
        match function {
            "contains" => Ok(Some(Value::Bool(find(regex, text, 0, &take)?.is_some()))),
            "match" => Ok(matches(text, &find_all(regex, text, limit, &take)?)),
            "split" => Ok(Some(split(text, &find_all(regex, text, limit, &take)?, limit))),
            _ => match by {
                Some(by) => replace(text, &find_all(regex, text, limit, &take)?, by, &take),
                None => Ok(None),
            },
        }
    }
}

fn find(
    Counted { regex, .. }: &Counted,
    text: &str,
    from: usize,
    take: &impl Fn(usize) -> Result<(), Error>,
) -> Result<Option<Match>, Error> {
    let mut stopped = None;
    let found = regex.find_from_interruptible(text, from, || {
        stopped = take(INTERVAL).err();
        stopped.is_some()
    });
    found.map_err(|_| stopped.unwrap_or_else(|| Error::new("U1006")))
}

/// As many matches as are wanted. One of nothing, after the first, would be found for ever.
fn find_all(
    counted: &Counted,
    text: &str,
    limit: Option<f64>,
    take: &impl Fn(usize) -> Result<(), Error>,
) -> Result<Vec<Match>, Error> {
    let mut all = Vec::new();
    let (mut left, mut end) = (limit.unwrap_or(f64::INFINITY), 0);
    let mut next = find(counted, text, 0, take)?;
    while let Some(found) = next.filter(|_| left > 0.0) {
        take(counted.per_match + BYTE * (found.end() - end))?;
        left -= 1.0;
        end = found.end();
        all.push(found);
        next = if end < text.len() { find(counted, text, end, take)? } else { None };
        if next.as_ref().is_some_and(|found| found.range().is_empty()) {
            return Err(Error::new("D1004"));
        }
    }
    Ok(all)
}

/// An object for each match. A group that took no part is undefined, which JSON cannot say.
fn matches(text: &str, found: &[Match]) -> Option<Value> {
    let (mut units, mut counted) = (0, 0);
    let mut all = Vec::with_capacity(found.len());
    for found in found {
        units += text[counted..found.start()].encode_utf16().count();
        counted = found.start();
        let groups = found.captures.iter().map(|it| it.clone().map(|it| Value::from(&text[it])));
        let groups: Vec<Value> = groups.collect::<Option<_>>()?;
        all.push(json!({"match": &text[found.range()], "index": units, "groups": groups}));
    }
    Some(json!({"found": all}))
}

fn split(text: &str, found: &[Match], limit: Option<f64>) -> Value {
    let mut pieces = Vec::with_capacity(found.len() + 1);
    let mut start = 0;
    for found in found {
        pieces.push(Value::from(text.get(start..found.start()).unwrap_or_default()));
        start = found.end();
    }
    #[expect(clippy::cast_precision_loss, reason = "texts are shorter than 2^53")]
    if found.is_empty() || limit.is_none_or(|limit| (found.len() as f64) < limit) {
        pieces.push(Value::from(&text[start..]));
    }
    Value::Array(pieces)
}

fn replace(
    text: &str,
    found: &[Match],
    by: &str,
    take: &impl Fn(usize) -> Result<(), Error>,
) -> Answer {
    let mut result = String::new();
    let mut start = 0;
    for found in found {
        let before = result.len();
        take(2 * by.len())?;
        result.push_str(&text[start..found.start()]);
        substitute(by, text, found, &mut result)?;
        start = found.end();
        take(result.len() - before)?;
    }
    result.push_str(&text[start..]);
    Ok(Some(Value::String(result)))
}

/// What replaces a match: `$0` is all of it, `$1` its first group, `$$` a `$`.
fn substitute(by: &str, text: &str, found: &Match, result: &mut String) -> Result<(), Error> {
    let groups = found.captures.len();
    let mut rest = by;
    while let Some((before, after)) = rest.split_once('$') {
        result.push_str(before);
        rest = after;
        if let Some(after) = after.strip_prefix('$') {
            result.push('$');
            rest = after;
        } else if let Some(after) = after.strip_prefix('0') {
            result.push_str(&text[found.range()]);
            rest = after;
        } else {
            let number = |digits: usize| {
                let found = after.bytes().take(digits).take_while(u8::is_ascii_digit).count();
                after[..found].parse::<usize>().ok()
            };
            let digits = groups.max(1).ilog10() as usize + 1;
            let group = number(digits).filter(|it| digits == 1 || *it <= groups);
            match group.or_else(|| number(digits - 1)) {
                Some(group) => {
                    if let Some(Some(group)) =
                        group.checked_sub(1).and_then(|it| found.captures.get(it))
                    {
                        result.push_str(&text[group.clone()]);
                    }
                    rest = &after[group.to_string().len().min(after.len())..];
                }
                None => result.push('$'),
            }
        }
        if result.len() > MOST_BYTES {
            return Err(out_of_memory());
        }
    }
    result.push_str(rest);
    Ok(())
}

/// The byte at which so many units of UTF-16 are over.
fn byte_offset(text: &str, units: usize) -> usize {
    let mut counted = 0;
    for (byte, letter) in text.char_indices() {
        if counted >= units {
            return byte;
        }
        counted += letter.len_utf16();
    }
    text.len()
}
