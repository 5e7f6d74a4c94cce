//! The dialect's grammar: `$`, then steps.
//!
//! More generous than RFC 9535 (`$.detail-type`, `$.[0]`, `$[(@.length-1)]`) and less (no step in
//! a slice). What AWS's reader knows and this one does not is refused, never misread.

use super::filter::{self, Filter};
use super::{PathSyntaxError, Root, Selector, Step};

const MAX_BYTES: usize = 8192;

/// A place in the text of a path, and how deep in its parentheses.
pub(super) struct Cursor<'t> {
    text: &'t str,
    at: usize,
    depth: u8,
}

type Parsed<T> = Result<T, PathSyntaxError>;

pub(super) fn parse(text: &str) -> Parsed<(Root, Vec<Step>)> {
    let mut cursor = Cursor { text, at: 0, depth: 0 };
    if text.len() > MAX_BYTES {
        return Err(PathSyntaxError {
            message: format!("a path is at most {MAX_BYTES} bytes long, this has {}", text.len()),
            unsupported: false,
        });
    }
    if !cursor.eat("$") {
        return Err(cursor.expected("`$`"));
    }
    let root = if cursor.eat("$") { Root::Context } else { Root::Input };
    if let Some(next) = cursor.peek()
        && next != '.'
        && next != '['
    {
        if root == Root::Input && (next.is_alphabetic() || next == '_') {
            let message = format!("variables are not supported yet: `{text}`");
            return Err(PathSyntaxError { message, unsupported: true });
        }
        return Err(cursor.expected("`.` or `[`"));
    }
    let steps = steps(&mut cursor)?;
    if cursor.peek().is_some() {
        return Err(cursor.expected("`.` or `[`"));
    }
    Ok((root, steps))
}

/// Steps for as long as there is `.` or `[`.
pub(super) fn steps(cursor: &mut Cursor<'_>) -> Parsed<Vec<Step>> {
    let mut steps = Vec::new();
    loop {
        if matches!(steps.last(), Some(Step::Length)) && matches!(cursor.peek(), Some('.' | '[')) {
            return Err(cursor.wrong("nothing can follow `.length()`"));
        }
        if let Some(Step::Names(names)) = steps.last_mut()
            && matches!(cursor.peek(), Some('.' | '['))
        {
            let names = std::mem::take(names);
            steps.pop();
            steps.push(Step::Select(Selector::Names(names)));
        }
        let step = if cursor.eat("..") {
            descend(cursor)?
        } else if cursor.eat(".") {
            if cursor.peek() == Some('[') { bracket(cursor)? } else { dotted(cursor)? }
        } else if cursor.peek() == Some('[') {
            bracket(cursor)?
        } else {
            return Ok(steps);
        };
        if matches!(step, Step::Length) && !super::walk::is_definite(&steps) {
            return Err(cursor.wrong("`.length()` needs a path to one place before it"));
        }
        steps.push(step);
    }
}

fn descend(cursor: &mut Cursor<'_>) -> Parsed<Step> {
    let step = if cursor.peek() == Some('[') { bracket(cursor)? } else { dotted(cursor)? };
    match step {
        Step::Name(name) => Ok(Step::DescendantSelect(Selector::Names([name].into()))),
        Step::Index(index) => Ok(Step::DescendantSelect(Selector::Indexes([index].into()))),
        Step::Select(selector) => Ok(Step::DescendantSelect(selector)),
        Step::Filter(filter) => Ok(Step::DescendantFilter(filter)),
        Step::Names(_) => Err(cursor.unsupported("several names after `..` are")),
        Step::Length | Step::DescendantSelect(_) | Step::DescendantFilter(_) => {
            Err(cursor.unsupported("a function after `..` is"))
        }
    }
}

/// What follows a dot: `*`, a name, a function.
fn dotted(cursor: &mut Cursor<'_>) -> Parsed<Step> {
    if cursor.eat("*") {
        return Ok(Step::Select(Selector::All));
    }
    let name = cursor.take_while(|c| !matches!(c, '.' | '[' | '(') && plain(c));
    if cursor.peek() == Some('(') {
        if name == "length" && cursor.eat("()") {
            return Ok(Step::Length);
        }
        return Err(cursor.unsupported(&format!("the function `{name}()` is")));
    }
    if name.is_empty() {
        return Err(cursor.expected("a name, `*` or `[`"));
    }
    Ok(Step::Name(name.into()))
}

/// A dotted name ends where a filter around it goes on; elsewhere these need `['…']`.
fn plain(c: char) -> bool {
    !c.is_whitespace()
        && !matches!(
            c,
            ')' | ']'
                | '='
                | '!'
                | '<'
                | '>'
                | '&'
                | '|'
                | ','
                | '\''
                | '"'
                | '?'
                | '@'
                | '*'
                | '~'
        )
}

fn bracket(cursor: &mut Cursor<'_>) -> Parsed<Step> {
    cursor.eat("[");
    cursor.skip_space();
    let step = match cursor.peek() {
        Some('\'' | '"') => names(cursor)?,
        Some('*') => {
            cursor.eat("*");
            Step::Select(Selector::All)
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
    let mut names: Vec<Box<str>> = vec![filter::quoted(cursor)?.into()];
    cursor.skip_space();
    while cursor.eat(",") {
        cursor.skip_space();
        names.push(filter::quoted(cursor)?.into());
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
            (from, to) => Ok(Step::Select(Selector::Slice(from, to))),
        };
    }
    let indexes: Option<Vec<i64>> = text.split(',').map(number).collect();
    match indexes.as_deref() {
        Some([index]) => Ok(Step::Index(*index)),
        Some(indexes) => Ok(Step::Select(Selector::Indexes(indexes.into()))),
        None => Err(cursor.expected("an index, a slice, a quoted name, `*` or `?(`")),
    }
}

impl<'t> Cursor<'t> {
    pub(super) fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    pub(super) fn next(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        Some(next)
    }

    pub(super) fn eat(&mut self, token: &str) -> bool {
        let found = self.text[self.at..].starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    pub(super) fn skip_space(&mut self) {
        self.take_while(|c| c == ' ');
    }

    pub(super) fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &'t str {
        let rest = &self.text[self.at..];
        let end = rest.find(|c| !wanted(c)).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    /// Enters a parenthesis; the depth bounds the recursion of parsing and of evaluating.
    pub(super) fn deeper(&mut self) -> Parsed<()> {
        self.depth += 1;
        if self.depth > 64 {
            return Err(self.wrong("nested more than 64 levels deep"));
        }
        Ok(())
    }

    pub(super) fn shallower(&mut self) {
        self.depth -= 1;
    }

    pub(super) fn expected(&self, what: &str) -> PathSyntaxError {
        let found = self.peek().map_or("the end".to_owned(), |c| format!("`{c}`"));
        self.wrong(&format!("expected {what}, found {found}"))
    }

    pub(super) fn wrong(&self, what: &str) -> PathSyntaxError {
        let message = format!("{what} at byte {} of `{}`", self.at, self.text);
        PathSyntaxError { message, unsupported: false }
    }

    /// What Jayway knows and this reader does not.
    pub(super) fn unsupported(&self, what: &str) -> PathSyntaxError {
        PathSyntaxError { unsupported: true, ..self.wrong(&format!("{what} not supported")) }
    }
}
