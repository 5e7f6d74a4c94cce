//! A place in the text of a path, and what is said of it when the text goes wrong there.

use super::PathSyntaxError;

pub(super) type Parsed<T> = Result<T, PathSyntaxError>;

/// A place in the text of a path, and how deep in its parentheses.
pub(super) struct Cursor<'t> {
    text: &'t str,
    at: usize,
    depth: u8,
}

impl<'t> Cursor<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, at: 0, depth: 0 }
    }

    pub(super) fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub(super) fn next(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        Some(next)
    }

    pub(super) fn eat(&mut self, token: &str) -> bool {
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    pub(super) fn skip_space(&mut self) {
        self.take_while(|c| c == ' ');
    }

    pub(super) fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &'t str {
        let rest = self.rest();
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
