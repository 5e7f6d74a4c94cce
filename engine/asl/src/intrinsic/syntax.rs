//! The grammar of calls: `States.Name(argument, …)`.

use serde_json::Value;

use super::{Argument, CallSyntaxError, FUNCTIONS, Invocation};
use crate::path::Path;

/// How deep calls may be nested, the outermost included.
const MAX_DEPTH: usize = 10;

const MAX_BYTES: usize = 10_240;

type Parsed<T> = Result<T, CallSyntaxError>;

struct Cursor<'t> {
    text: &'t str,
    rest: &'t str,
}

/// Reads a whole text; white space may follow the call.
pub(super) fn parse(text: &str) -> Parsed<Invocation> {
    let mut cursor = Cursor { text, rest: text };
    if text.len() > MAX_BYTES {
        let message = format!("a call is at most {MAX_BYTES} bytes long, this has {}", text.len());
        return Err(CallSyntaxError { message, unsupported: false });
    }
    let invocation = invocation(&mut cursor, 1)?;
    cursor.skip_space();
    if cursor.rest.is_empty() { Ok(invocation) } else { Err(cursor.expected("the end")) }
}

fn invocation(cursor: &mut Cursor<'_>, depth: usize) -> Parsed<Invocation> {
    if depth > MAX_DEPTH {
        return Err(cursor.wrong(&format!("calls are nested more than {MAX_DEPTH} deep")));
    }
    let end = cursor.rest.find(|c: char| c != '.' && !c.is_ascii_alphanumeric());
    let name = &cursor.rest[..end.unwrap_or(cursor.rest.len())];
    let Some((_, function)) = FUNCTIONS.iter().find(|(known, _)| *known == name) else {
        return Err(cursor.wrong(&format!("`{name}` is no intrinsic function")));
    };
    cursor.rest = &cursor.rest[name.len()..];
    if !cursor.eat("(") {
        return Err(cursor.expected("`(`"));
    }
    let mut arguments = Vec::new();
    cursor.skip_space();
    while !cursor.eat(")") {
        if !arguments.is_empty() && !cursor.eat(",") {
            return Err(cursor.expected("`,` or `)`"));
        }
        cursor.skip_space();
        arguments.push(argument(cursor, depth)?);
        cursor.skip_space();
    }
    Ok(Invocation { function: *function, arguments: arguments.into() })
}

fn argument(cursor: &mut Cursor<'_>, depth: usize) -> Parsed<Argument> {
    match cursor.rest.chars().next() {
        Some('\'') => text(cursor),
        Some('$') => match Path::parse_first(cursor.rest) {
            Ok((path, rest)) => {
                cursor.rest = rest;
                Ok(Argument::Path(path))
            }
            Err(error) => {
                let (message, unsupported) = (error.message, error.unsupported);
                Err(CallSyntaxError { message, unsupported })
            }
        },
        Some('S') => invocation(cursor, depth + 1).map(Argument::Call),
        _ => literal(cursor),
    }
}

/// `'…'`, in which a backslash stands before `'`, `{`, `}` and `\` only.
fn text(cursor: &mut Cursor<'_>) -> Parsed<Argument> {
    cursor.eat("'");
    let begin = cursor.rest;
    let mut value = String::new();
    loop {
        let mut rest = cursor.rest.chars();
        let next = rest.next();
        cursor.rest = rest.as_str();
        match next {
            Some('\'') => break,
            Some('\\') => match rest.next() {
                Some(c @ ('\'' | '{' | '}' | '\\')) => {
                    value.push(c);
                    cursor.rest = rest.as_str();
                }
                Some(_) | None => {
                    return Err(cursor.expected("`'`, `{`, `}` or `\\` after `\\`"));
                }
            },
            Some(c) => value.push(c),
            None => return Err(cursor.expected("the closing quote")),
        }
    }
    let written = &begin[..begin.len() - cursor.rest.len() - 1];
    Ok(Argument::Text { value: value.into(), written: written.into() })
}

/// A number, `true`, `false`, `null`.
fn literal(cursor: &mut Cursor<'_>) -> Parsed<Argument> {
    let end = cursor
        .rest
        .find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '+' | '.'))
        .unwrap_or(cursor.rest.len());
    let word = &cursor.rest[..end];
    let is_number = word.starts_with(|c: char| c == '-' || c.is_ascii_digit());
    let value = match serde_json::from_str(word) {
        Ok(value) => value,
        // Only its size keeps it from being JSON: as large as can be.
        Err(_) if is_number && word.parse::<f64>().is_ok_and(f64::is_infinite) => {
            Value::from(if word.starts_with('-') { f64::MIN } else { f64::MAX })
        }
        Err(_) => return Err(cursor.expected("an argument")),
    };
    cursor.rest = &cursor.rest[end..];
    Ok(Argument::Literal(value))
}

impl Cursor<'_> {
    fn eat(&mut self, token: &str) -> bool {
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn expected(&self, what: &str) -> CallSyntaxError {
        let found = self.rest.chars().next().map_or("the end".to_owned(), |c| format!("`{c}`"));
        self.wrong(&format!("expected {what}, found {found}"))
    }

    fn wrong(&self, what: &str) -> CallSyntaxError {
        let at = self.text.len() - self.rest.len();
        let message = format!("{what} at byte {at} of `{}`", self.text);
        CallSyntaxError { message, unsupported: false }
    }
}
