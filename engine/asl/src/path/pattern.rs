//! The regular expressions of filters: Java's, as far as they can be matched in linear time.
//!
//! What means the same in both is handed on; what Java reads in another way is rewritten; what needs
//! backtracking (look-around, back-references, possessive quantifiers) is refused.

use regex::{Regex, RegexBuilder};

use super::cursor::{Cursor, Parsed};
use crate::budget::Budget;
use crate::expression::EvaluationError;

/// A regular expression that must match the whole text.
#[derive(Debug)]
pub(super) struct Pattern {
    regex: Regex,
    /// Steps for 64 bytes of text, at worst.
    cost: u64,
}

/// How large a compiled expression may be, in bytes; and the smaller sizes that are tried before, since what
/// it costs to match is known by its size, not by its text: `.{200}` is as large as 200 dots.
const SIZES: [usize; 4] = [2 * 1024, 8 * 1024, 24 * 1024, 64 * 1024];

/// How many bytes of a compiled expression cost one step for 64 bytes of text.
const BYTES_PER_STEP: usize = 64;

impl Pattern {
    /// Reads `/…/flags`.
    pub(super) fn parse(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        cursor.eat("/");
        let mut source = String::new();
        loop {
            match cursor.next() {
                Some('/') => break,
                Some('\\') if cursor.eat("/") => source.push('/'),
                Some('\\') => {
                    source.push('\\');
                    source.extend(cursor.next());
                }
                Some(c) => source.push(c),
                None => return Err(cursor.expected("the closing `/`")),
            }
        }
        let flags = cursor.take_while(|c| c.is_ascii_alphabetic());
        if let Some(flag) = flags.chars().find(|flag| !"dixmsuU".contains(*flag)) {
            return Err(cursor.wrong(&format!("`{flag}` is no flag of a regular expression")));
        }
        let translated = Translation { source: &source, at: 0, flags, classes: 0 }
            .translate()
            .map_err(|what| cursor.unsupported(&format!("in a regular expression, {what} is")))?;
        let has = |flag| flags.contains(flag);
        // The line's end ends a comment, if there is one.
        let end = if has('x') { "\n" } else { "" };
        let build = |size: usize| {
            RegexBuilder::new(&format!("\\A(?:{translated}{end})\\z"))
                .case_insensitive(has('i'))
                .ignore_whitespace(has('x'))
                .multi_line(has('m'))
                .size_limit(size)
                .dfa_size_limit(4 * size)
                .build()
        };
        let size = SIZES.into_iter().find(|size| build(*size).is_ok()).unwrap_or(SIZES[3]);
        let regex = build(size).map_err(|error| {
            let why = error.to_string();
            let why = why.lines().last().unwrap_or_default().trim_start_matches("error: ");
            cursor.wrong(&format!("not a regular expression, {why}"))
        })?;
        Ok(Self { regex, cost: source.len().max(size / BYTES_PER_STEP) as u64 + 16 })
    }

    /// Whether it matches the whole text.
    pub(super) fn matches(&self, text: &str, budget: &Budget) -> Result<bool, EvaluationError> {
        budget.work(1 + (text.len() as u64 * self.cost).div_ceil(64))?;
        Ok(self.regex.is_match(text))
    }
}

struct Translation<'s> {
    source: &'s str,
    at: usize,
    flags: &'s str,
    /// How many `[` are open.
    classes: u8,
}

impl Translation<'_> {
    fn translate(mut self) -> Result<String, String> {
        let mut out = String::new();
        while let Some(c) = self.next() {
            match c {
                '\\' => self.escape(&mut out)?,
                '[' => {
                    self.classes = self.classes.saturating_add(1);
                    out.push('[');
                    if self.eat("^") {
                        out.push('^');
                    }
                    if self.eat("]") {
                        out.push_str("\\]");
                    }
                }
                ']' if self.classes > 0 => {
                    self.classes -= 1;
                    out.push(']');
                }
                '-' | '~' if self.classes > 0 && self.rest().starts_with(c) => {
                    out.push('\\');
                    out.push(c);
                }
                _ if self.classes > 0 => out.push(c),
                '.' if self.flags.contains('s') => out.push_str("(?s:.)"),
                '.' if self.flags.contains('d') => out.push_str("[^\\n]"),
                '.' => out.push_str("[^\\n\\r\\u{85}\\u{2028}\\u{2029}]"),
                '(' if ["?=", "?!", "?<=", "?<!"].iter().any(|it| self.rest().starts_with(it)) => {
                    return Err("look-around".to_owned());
                }
                '(' if self.rest().starts_with("?>") => {
                    return Err("an atomic group".to_owned());
                }
                '*' | '+' | '?' | '}' if self.rest().starts_with('+') => {
                    return Err("a possessive quantifier".to_owned());
                }
                _ => out.push(c),
            }
        }
        Ok(out)
    }

    fn escape(&mut self, out: &mut String) -> Result<(), String> {
        let within = self.classes > 0;
        // The reader of `/…/` has seen that something follows.
        let Some(c) = self.next() else { return Ok(()) };
        match c {
            'Q' => {
                let end = self.rest().find("\\E");
                let quoted = &self.rest()[..end.unwrap_or(self.rest().len())];
                out.push_str(&regex::escape(quoted));
                self.at += quoted.len() + end.map_or(0, |_| 2);
            }
            'd' => out.push_str(if within { "0-9" } else { "[0-9]" }),
            'w' => out.push_str(if within { "A-Za-z0-9_" } else { "[A-Za-z0-9_]" }),
            's' => out.push_str(if within { " \\t\\n\\x0B\\f\\r" } else { "[ \\t\\n\\x0B\\f\\r]" }),
            'D' => out.push_str("[^0-9]"),
            'W' => out.push_str("[^A-Za-z0-9_]"),
            'S' => out.push_str("[^ \\t\\n\\x0B\\f\\r]"),
            'b' | 'B' if !within => {
                out.push_str("(?-u:\\");
                out.extend([c, ')']);
            }
            'A' | 'z' if !within => out.extend(['\\', c]),
            'n' | 'r' | 't' | 'f' | 'a' | 'x' | 'u' => out.extend(['\\', c]),
            'e' => out.push_str("\\x1B"),
            'p' | 'P' => self.property(c == 'P', out),
            _ if c.is_alphanumeric() => return Err(format!("`\\{c}`")),
            _ => out.push_str(&regex::escape(c.encode_utf8(&mut [0; 4]))),
        }
        Ok(())
    }

    /// `\p{…}`: Java's names of the POSIX classes stand for ASCII.
    fn property(&mut self, negated: bool, out: &mut String) {
        const POSIX: [&str; 12] = [
            "Lower", "Upper", "Alpha", "Digit", "Alnum", "Punct", "Graph", "Print", "Blank",
            "Cntrl", "XDigit", "Space",
        ];
        let source = self.source;
        let name = source[self.at..].strip_prefix('{').and_then(|rest| rest.split_once('}'));
        let Some((name, _)) = name else {
            out.push_str(if negated { "\\P" } else { "\\p" });
            return;
        };
        self.at += name.len() + 2;
        let not = if negated { "^" } else { "" };
        let class = if POSIX.contains(&name) {
            format!("[[:{not}{}:]]", name.to_ascii_lowercase())
        } else if name == "ASCII" {
            format!("[{not}\\x00-\\x7F]")
        } else {
            let name = name.strip_prefix("Is").unwrap_or(name);
            format!("\\{}{{{name}}}", if negated { 'P' } else { 'p' })
        };
        out.push_str(&class);
    }

    fn rest(&self) -> &str {
        &self.source[self.at..]
    }

    fn next(&mut self) -> Option<char> {
        let next = self.rest().chars().next()?;
        self.at += next.len_utf8();
        Some(next)
    }

    fn eat(&mut self, token: &str) -> bool {
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::super::cursor::Cursor;
    use super::Pattern;
    use crate::{Budget, Made};

    fn check(pattern: &str, text: &str, expected: &str) {
        let found = match Pattern::parse(&mut Cursor::new(pattern)) {
            Ok(pattern) => pattern.matches(text, &Budget::of(0, Made::Result)).unwrap().to_string(),
            Err(error) => error.message,
        };
        assert_eq!(found, expected, "{pattern} on {text:?}");
    }

    #[test]
    fn the_whole_text_must_match() {
        check("/foo.*/", "foobar", "true");
        check("/foo/", "foobar", "false");
        check("/a|ab/", "ab", "true");
        check("/foo/i", "FOO", "true");
        check("/a\\/b/", "a/b", "true");
        check("/a b # c/x", "ab", "true");
        check("//", "", "true");
    }

    #[test]
    fn what_java_reads_in_another_way_is_rewritten() {
        for (pattern, yes, no) in [
            (r"/\d+/", "12", "\u{661}"),
            (r"/\w/", "a", "\u{e9}"),
            (r"/[\w.]+@\S+/", "a.b@c", "a b@c"),
            (r"/./", "x", "\r"),
            (r"/\Qa.b\E+/", "a.bb", "axb"),
            (r"/\p{Upper}\P{Digit}/", "Ab", "A1"),
            (r"/\p{L}/", "\u{e9}", "1"),
            (r"/\p{IsAlphabetic}/", "\u{e9}", "1"),
            (r"/a\<b/", "a<b", "ab"),
            (r"/[]a]/", "]", "b"),
            (r"/[a--]/", "-", "b"),
            (r"/\u0041/", "A", "B"),
            (r"/(?i)abc/", "ABC", "ABD"),
        ] {
            check(pattern, yes, "true");
            check(pattern, no, "false");
        }
        check("/./s", "\n", "true");
        check("/./d", "\r", "true");
    }

    #[test]
    fn what_is_not_linear_is_refused() {
        for (pattern, what, at) in [
            ("/(?=a)b/", "look-around", 8),
            ("/(?<!a)b/", "look-around", 9),
            ("/(?>a)/", "an atomic group", 7),
            ("/a*+/", "a possessive quantifier", 5),
            (r"/(a)\1/", "`\\1`", 7),
            (r"/a\Z/", "`\\Z`", 5),
        ] {
            let message = format!(
                "in a regular expression, {what} is not supported at byte {at} of `{pattern}`"
            );
            check(pattern, "", &message);
        }
        check("/a/q", "", "`q` is no flag of a regular expression at byte 4 of `/a/q`");
        check("/a", "", "expected the closing `/`, found the end at byte 2 of `/a`");
        check("/(a/", "", "not a regular expression, unclosed group at byte 4 of `/(a/`");
        check(
            "/(a{1000}){1000}/",
            "",
            "not a regular expression, Compiled regex exceeds size limit of 65536 bytes. at byte 17 of `/(a{1000}){1000}/`",
        );
    }
}
