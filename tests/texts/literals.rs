//! The string literals of a Rust file, and of which of its parts each is.

use std::str::FromStr;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// The string literals of a file.
#[derive(Default)]
pub(super) struct Literals {
    /// Those of the code itself, without what only programmers and logs are told.
    pub(super) of_code: Vec<String>,
    /// Those of its unit tests.
    pub(super) of_tests: Vec<String>,
}

/// Whose literals are read at the moment.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Whose {
    Code,
    Tests,
    Nobody,
}

/// Macros whose texts are for programmers: reasons why something cannot happen, and logs.
const FOR_PROGRAMMERS: [&str; 8] =
    ["unreachable", "panic", "assert", "trace", "debug", "info", "warn", "error"];

impl Literals {
    /// Reads a file of code, with the unit tests in it.
    pub(super) fn of_code(text: &str) -> Self {
        Self::of(text, Whose::Code)
    }

    /// Reads a file that has nothing but tests.
    pub(super) fn of_tests(text: &str) -> Self {
        Self::of(text, Whose::Tests)
    }

    fn of(text: &str, whose: Whose) -> Self {
        let tokens = TokenStream::from_str(text).expect("a file that compiles has tokens");
        let mut literals = Self::default();
        literals.read(tokens, whose);
        literals
    }

    fn read(&mut self, tokens: TokenStream, whose: Whose) {
        // Whose the next item is, and whose the next parentheses.
        let (mut item, mut call) = (whose, whose);
        let mut tokens = tokens.into_iter().peekable();
        while let Some(token) = tokens.next() {
            match token {
                TokenTree::Literal(literal) => self.add(&literal.to_string(), call),
                TokenTree::Ident(name) => {
                    let is_silent = match tokens.peek() {
                        Some(TokenTree::Punct(mark)) if mark.as_char() == '!' => {
                            FOR_PROGRAMMERS.iter().any(|word| name == word)
                        }
                        Some(TokenTree::Group(_)) => name == "expect",
                        _ => false,
                    };
                    call = if is_silent && item == Whose::Code { Whose::Nobody } else { item };
                }
                TokenTree::Punct(mark) => match mark.as_char() {
                    '#' => {
                        // The attribute: it is no text, and may say that tests follow.
                        tokens.next_if(|next| matches!(next, TokenTree::Punct(_)));
                        if tokens.next().is_some_and(|it| it.to_string() == "[cfg (test)]") {
                            (item, call) = (Whose::Tests, Whose::Tests);
                        }
                    }
                    '!' => {}
                    ';' => (item, call) = (whose, whose),
                    _ => call = item,
                },
                TokenTree::Group(group) => {
                    self.read(group.stream(), call);
                    if group.delimiter() == Delimiter::Brace {
                        item = whose;
                    }
                    call = item;
                }
            }
        }
    }

    fn add(&mut self, literal: &str, whose: Whose) {
        let list = match whose {
            Whose::Code => &mut self.of_code,
            Whose::Tests => &mut self.of_tests,
            Whose::Nobody => return,
        };
        list.extend(text_of(literal));
    }
}

/// The text of a string literal as it is written; none if it is a literal of another kind.
fn text_of(literal: &str) -> Option<String> {
    if let Some(raw) = literal.strip_prefix('r') {
        return Some(raw.trim_matches('#').trim_matches('"').to_owned());
    }
    let mut characters = literal.strip_prefix('"')?.strip_suffix('"')?.chars().peekable();
    let mut text = String::new();
    while let Some(character) = characters.next() {
        if character != '\\' {
            text.push(character);
            continue;
        }
        match characters.next()? {
            'n' => text.push('\n'),
            't' => text.push('\t'),
            'u' => {
                let digits: String =
                    characters.by_ref().skip(1).take_while(|it| *it != '}').collect();
                text.push(u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32)?);
            }
            '\n' => while characters.next_if(|it| it.is_whitespace()).is_some() {},
            other => text.push(other),
        }
    }
    Some(text)
}

#[test]
fn literals_are_told_apart() {
    let literals = Literals::of_code(
        r##"
        /// A comment.
        #[expect(dead_code, reason = "an attribute")]
        fn refuse(why: &str) -> String {
            tracing::warn!("a log of {why}");
            match error { _ => check().expect("a reason") };
            match error { _ => "an arm" };
            format!("a \"quoted\" {why} \
                     and {}", r#"a "raw" one"#)
        }
        #[cfg(test)]
        mod tests { fn works() { assert_eq!(refuse(b"bytes"), "an expectation", 'c', "\u{2026}"); } }
        fn more() -> &'static str { "after the tests" }
        "##,
    );
    assert_eq!(literals.of_code[0], "an arm");
    assert_eq!(
        literals.of_code[1..],
        ["a \"quoted\" {why} and {}", "a \"raw\" one", "after the tests"]
    );
    assert_eq!(literals.of_tests, ["an expectation", "…"]);
}
