//! The dialect's grammar: `$`, then steps.
//!
//! More generous than RFC 9535 (`$.detail-type`, `$.[0]`, `$[(@.length-1)]`) and less (no step in
//! a slice). What AWS's reader knows and this one does not is refused, never misread.

use super::cursor::{Cursor, Parsed};
use super::filter::Filter;
use super::function::Call;
use super::literal::quoted;
use super::{Root, Step, walk};

const MAX_BYTES: usize = 8192;

pub(super) fn parse(text: &str) -> Parsed<(Root, Vec<Step>)> {
    let mut cursor = Cursor::new(text);
    if text.len() > MAX_BYTES {
        return Err(super::PathSyntaxError {
            message: format!("a path is at most {MAX_BYTES} bytes long, this has {}", text.len()),
            unsupported: false,
        });
    }
    let (root, steps) = from_root(&mut cursor)?;
    if cursor.peek().is_some() {
        return Err(cursor.expected("`.` or `[`"));
    }
    Ok((root, steps))
}

/// The path that the text begins with, and what follows it.
pub(super) fn parse_first(text: &str) -> Parsed<(Root, Vec<Step>, &str)> {
    let mut cursor = Cursor::new(text);
    let (root, steps) = from_root(&mut cursor)?;
    Ok((root, steps, cursor.rest()))
}

/// `$`, `$$` or `$name`, then steps.
pub(super) fn from_root(cursor: &mut Cursor<'_>) -> Parsed<(Root, Vec<Step>)> {
    if !cursor.eat("$") {
        return Err(cursor.expected("`$`"));
    }
    let root = if cursor.eat("$") {
        Root::Context
    } else if cursor.peek().is_some_and(begins_name) {
        Root::Variable(cursor.take_while(continues_name).into())
    } else {
        Root::Input
    };
    Ok((root, steps(cursor)?))
}

/// Whether a variable's name may begin so.
fn begins_name(c: char) -> bool {
    c == '_' || c.is_alphabetic()
}

/// Whether a variable's name may go on so.
fn continues_name(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

/// Steps for as long as there is `.` or `[`.
pub(super) fn steps(cursor: &mut Cursor<'_>) -> Parsed<Vec<Step>> {
    let mut steps: Vec<Step> = Vec::new();
    while let Some('.' | '[') = cursor.peek() {
        if matches!(steps.last(), Some(Step::Call(_))) {
            return Err(cursor.wrong("nothing can follow a function"));
        }
        let step = if cursor.eat("..") {
            descend(cursor)?
        } else if cursor.eat(".") {
            if cursor.peek() == Some('[') { bracket(cursor)? } else { dotted(cursor)? }
        } else {
            bracket(cursor)?
        };
        if let Step::Call(call) = &step
            && walk::descends(&steps)
            && !call.takes_all()
        {
            return Err(cursor.unsupported(&format!("`{}` after `..` is", call.fragment())));
        }
        steps.push(step);
    }
    Ok(steps)
}

fn descend(cursor: &mut Cursor<'_>) -> Parsed<Step> {
    let step = if cursor.peek() == Some('[') { bracket(cursor)? } else { dotted(cursor)? };
    if matches!(step, Step::Call(_)) {
        return Err(cursor.unsupported("a function right after `..` is"));
    }
    Ok(Step::Descend(Box::new(step)))
}

/// What follows a dot: `*`, a name, a function.
fn dotted(cursor: &mut Cursor<'_>) -> Parsed<Step> {
    if cursor.eat("*") {
        return Ok(Step::Every);
    }
    let name = cursor.take_while(|c| !matches!(c, '.' | '[' | '(') && plain(c));
    if cursor.peek() == Some('(') {
        return Call::parse(name, cursor).map(Step::Call);
    }
    if name.is_empty() {
        return Err(cursor.expected("a name, `*` or `[`"));
    }
    Ok(Step::Name(name.into()))
}

/// A dotted name ends where a filter around it goes on; elsewhere these need `['…']`.
fn plain(c: char) -> bool {
    const ENDS: &[char] =
        &[')', ']', '=', '!', '<', '>', '&', '|', ',', '\'', '"', '?', '@', '*', '~'];
    !c.is_whitespace() && !ENDS.contains(&c)
}

fn bracket(cursor: &mut Cursor<'_>) -> Parsed<Step> {
    cursor.eat("[");
    cursor.skip_space();
    let step = match cursor.peek() {
        Some('\'' | '"') => names(cursor)?,
        Some('*') => {
            cursor.eat("*");
            Step::Every
        }
        Some('?') => {
            cursor.eat("?");
            cursor.skip_space();
            if cursor.peek() != Some('(') {
                return Err(cursor.expected("`(` after `?`"));
            }
            Step::Filter(Filter::parse(cursor)?)
        }
        Some('(') => from_the_end(cursor)?,
        _ => numbers(cursor)?,
    };
    cursor.skip_space();
    if !cursor.eat("]") {
        return Err(cursor.expected("`]`"));
    }
    Ok(step)
}

fn names(cursor: &mut Cursor<'_>) -> Parsed<Step> {
    let mut names: Vec<Box<str>> = vec![quoted(cursor)?.into()];
    cursor.skip_space();
    while cursor.eat(",") {
        cursor.skip_space();
        names.push(quoted(cursor)?.into());
        cursor.skip_space();
    }
    match <[Box<str>; 1]>::try_from(names) {
        Ok([name]) => Ok(Step::Name(name)),
        Err(names) => Ok(Step::Names(names.into())),
    }
}

/// `(@.length-1)`, which means the last element.
fn from_the_end(cursor: &mut Cursor<'_>) -> Parsed<Step> {
    let script = cursor.take_while(|c| c != ']').replace(char::is_whitespace, "");
    let back = script
        .strip_prefix("(@.length-")
        .or_else(|| script.strip_prefix("(@.length()-"))
        .and_then(|rest| rest.strip_suffix(')'))
        .and_then(|digits| digits.parse::<u32>().ok());
    match back {
        Some(back) if back > 0 => Ok(Step::Index(-i64::from(back))),
        Some(_) | None => Err(cursor.wrong("the only script is `(@.length-N)`")),
    }
}

/// `0`, `0,1`, `1:`, `:2`, `1:2`, and from the end.
fn numbers(cursor: &mut Cursor<'_>) -> Parsed<Step> {
    let text = cursor.take_while(|c| c.is_ascii_digit() || matches!(c, '-' | ':' | ',' | ' '));
    let number = |digits: &str| digits.trim().parse::<i32>().ok().map(i64::from);
    if let Some((from, to)) = text.split_once(':') {
        let bound = |digits: &str| {
            if digits.trim().is_empty() { Some(None) } else { number(digits).map(Some) }
        };
        let (Some(from), Some(to)) = (bound(from), bound(to)) else {
            return Err(cursor.wrong("a slice is `[from:to]`, with no step"));
        };
        return match (from, to) {
            (None, None) => Err(cursor.wrong("a slice needs a bound")),
            (Some(from), Some(to)) if (from < 0) != (to < 0) => {
                Err(cursor.wrong("a slice counts both its bounds from the same end"))
            }
            (from, to) => Ok(Step::Slice(from, to)),
        };
    }
    let indexes: Option<Vec<i64>> = text.split(',').map(number).collect();
    match indexes.as_deref() {
        Some([index]) => Ok(Step::Index(*index)),
        Some(indexes) => Ok(Step::Indexes(indexes.into())),
        None => Err(cursor.expected("an index, a slice, a quoted name, `*` or `?(`")),
    }
}
