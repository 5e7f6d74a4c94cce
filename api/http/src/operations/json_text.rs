//! Says what is wrong with a text that should be JSON, in the words of the parser AWS uses.
//!
//! AWS quotes Jackson in `Invalid State Machine Execution Input: '…'`, so a client that shows
//! or tests these texts sees the same ones here. Only texts that were already refused come
//! here; the scan is iterative and linear.

use asl::Payload;

/// The deepest nesting accepted at the door, in arrays and objects. Deeper texts could not be
/// wrapped a few times more (by a `ResultPath`, say) and still be read.
pub const MAX_DEPTH: usize = 100;

const VALUES: &str = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')";

/// The payload of this text, or what Jackson would say against it.
pub fn parse(text: &str) -> Result<Payload, String> {
    let payload = match Payload::from_text(text) {
        Ok(payload) if nesting(text) <= MAX_DEPTH => payload,
        Ok(_) | Err(_) => return Err(complaint(text).unwrap_or_else(other)),
    };
    // What the grammar allows and no double can hold (`1e999`), or no text (a lone surrogate).
    if payload.value().is_null() && text.trim() != "null" {
        return Err(other());
    }
    Ok(payload)
}

/// What AWS says where Jackson has nothing to say.
pub const OTHER: &str = "Invalid execution input.";

fn other() -> String {
    OTHER.to_owned()
}

/// How deep arrays and objects are nested in a text that is JSON.
fn nesting(text: &str) -> usize {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0_usize, 0, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// Why this is no JSON text that an execution can take; `None` if it is one.
fn complaint(text: &str) -> Option<String> {
    if text.trim().is_empty() {
        return Some(other());
    }
    let mut scan = Scan { rest: text, open: Vec::new(), text };
    scan.document().err()
}

/// What may come next.
#[derive(Clone, Copy)]
enum Expect {
    Value,
    /// A value or `]`, right after `[`.
    ValueOrEnd,
    /// A member's name or `}`, right after `{`.
    NameOrEnd,
    Name,
    CommaOrEnd,
}

struct Scan<'a> {
    text: &'a str,
    rest: &'a str,
    /// The open containers: `{` or `[`, and where each began.
    open: Vec<(char, usize)>,
}

impl Scan<'_> {
    fn document(&mut self) -> Result<(), String> {
        let mut expect = Expect::Value;
        loop {
            self.skip_space();
            let Some(next) = self.rest.chars().next() else {
                return match self.open.last() {
                    Some(open) => Err(self.unclosed(*open)),
                    None => Ok(()),
                };
            };
            expect = match expect {
                Expect::ValueOrEnd if next == ']' => self.close(),
                Expect::NameOrEnd if next == '}' => self.close(),
                Expect::Value | Expect::ValueOrEnd => self.value(next)?,
                Expect::NameOrEnd | Expect::Name => self.name(next)?,
                Expect::CommaOrEnd => self.comma_or_end(next)?,
            };
        }
    }

    fn value(&mut self, next: char) -> Result<Expect, String> {
        match next {
            '{' | '[' => {
                self.open.push((next, self.text.len() - self.rest.len()));
                if self.open.len() > MAX_DEPTH {
                    return Err(format!(
                        "Document nesting depth ({}) exceeds the maximum allowed ({MAX_DEPTH})",
                        self.open.len()
                    ));
                }
                self.take();
                Ok(if next == '{' { Expect::NameOrEnd } else { Expect::ValueOrEnd })
            }
            '"' => {
                self.string(": was expecting closing quote for a string value")?;
                Ok(Expect::CommaOrEnd)
            }
            '-' | '0'..='9' => self.number(),
            _ if is_identifier(next) => self.word(),
            _ => Err(unexpected(next, &format!("expected a valid value {VALUES}"))),
        }
    }

    fn name(&mut self, next: char) -> Result<Expect, String> {
        if next != '"' {
            return Err(unexpected(next, "was expecting double-quote to start field name"));
        }
        self.string(" in field name")?;
        self.skip_space();
        match self.take() {
            Some(':') => Ok(Expect::Value),
            Some(other) => {
                Err(unexpected(other, "was expecting a colon to separate field name and value"))
            }
            None => Err("Unexpected end-of-input within/between Object entries".to_owned()),
        }
    }

    fn comma_or_end(&mut self, next: char) -> Result<Expect, String> {
        let (in_object, entries) = match self.open.last() {
            Some(('{', _)) => (true, "Object"),
            Some(_) => (false, "Array"),
            None if is_identifier(next) => return self.word(),
            None => return Err(unexpected(next, "expected space separating root-level values")),
        };
        match next {
            ',' => {
                self.take();
                Ok(if in_object { Expect::Name } else { Expect::Value })
            }
            '}' if in_object => Ok(self.close()),
            ']' if !in_object => Ok(self.close()),
            _ => {
                Err(unexpected(next, &format!("was expecting comma to separate {entries} entries")))
            }
        }
    }

    fn close(&mut self) -> Expect {
        self.take();
        self.open.pop();
        Expect::CommaOrEnd
    }

    fn word(&mut self) -> Result<Expect, String> {
        let end = self.rest.find(|c: char| !is_identifier(c)).unwrap_or(self.rest.len());
        let word = &self.rest[..end];
        if !matches!(word, "true" | "false" | "null") {
            let shown: String = word.chars().take(256).collect();
            let more = if shown.len() < word.len() { "..." } else { "" };
            return Err(format!("Unrecognized token '{shown}{more}': was expecting {VALUES}"));
        }
        self.rest = &self.rest[end..];
        Ok(Expect::CommaOrEnd)
    }

    fn string(&mut self, unclosed: &str) -> Result<(), String> {
        self.take();
        while let Some(c) = self.take() {
            match c {
                '"' => return Ok(()),
                '\\' => match self.take() {
                    Some('u') => self.unicode_escape()?,
                    Some('"' | '\\' | '/' | 'b' | 'f' | 'n' | 'r' | 't') => {}
                    Some(other) => {
                        return Err(format!("Unrecognized character escape {}", quoted(other)));
                    }
                    None => {
                        return Err("Unexpected end-of-input in character escape sequence".into());
                    }
                },
                c if c < ' ' => {
                    return Err(format!(
                        "Illegal unquoted character ({}): has to be escaped using backslash to \
                         be included in string value",
                        quoted(c)
                    ));
                }
                _ => {}
            }
        }
        Err(format!("Unexpected end-of-input{unclosed}"))
    }

    fn unicode_escape(&mut self) -> Result<(), String> {
        for _ in 0..4 {
            match self.take() {
                Some(c) if c.is_ascii_hexdigit() => {}
                Some(c) => {
                    return Err(unexpected(
                        c,
                        "expected a hex-digit for character escape sequence",
                    ));
                }
                None => return Err("Unexpected end-of-input in character escape sequence".into()),
            }
        }
        Ok(())
    }

    fn number(&mut self) -> Result<Expect, String> {
        if self.rest.starts_with('-') {
            self.take();
            self.digit("expected digit (0-9) to follow minus sign, for valid numeric value")?;
        }
        let digits = self.digits();
        if digits > 1 && self.behind(digits).starts_with('0') {
            return Err("Invalid numeric value: Leading zeroes not allowed".to_owned());
        }
        if self.rest.starts_with('.') {
            self.take();
            self.digit("Decimal point not followed by a digit")?;
            self.digits();
        }
        if self.rest.starts_with(['e', 'E']) {
            self.take();
            if self.rest.starts_with(['+', '-']) {
                self.take();
            }
            self.digit("Exponent indicator not followed by a digit")?;
            self.digits();
        }
        Ok(Expect::CommaOrEnd)
    }

    fn digit(&self, expected: &str) -> Result<(), String> {
        match self.rest.chars().next() {
            Some('0'..='9') => Ok(()),
            Some(other) => Err(format!(
                "Unexpected character ({}) in numeric value: {expected}",
                quoted(other)
            )),
            None => Err("Unexpected end-of-input in a Number value".to_owned()),
        }
    }

    fn digits(&mut self) -> usize {
        let end = self.rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(self.rest.len());
        self.rest = &self.rest[end..];
        end
    }

    /// The last `length` bytes that were taken.
    fn behind(&self, length: usize) -> &str {
        let end = self.text.len() - self.rest.len();
        &self.text[end - length..end]
    }

    fn take(&mut self) -> Option<char> {
        let next = self.rest.chars().next()?;
        self.rest = &self.rest[next.len_utf8()..];
        Some(next)
    }

    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\n', '\r']);
    }

    fn unclosed(&self, (open, begin): (char, usize)) -> String {
        let container = if open == '{' { "Object" } else { "Array" };
        let before = &self.text[..begin];
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        format!(
            "Unexpected end-of-input: expected close marker for {container} \
             (start marker at [Source: (String); line: {line}, column: {column}])"
        )
    }
}

fn is_identifier(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '$'
}

fn unexpected(c: char, expected: &str) -> String {
    format!("Unexpected character ({}): {expected}", quoted(c))
}

fn quoted(c: char) -> String {
    let code = u32::from(c);
    if c < ' ' { format!("(CTRL-CHAR, code {code})") } else { format!("'{c}' (code {code})") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_complaints_are_jacksons() {
        let cases = [
            ("", "Invalid execution input."),
            (
                "not some json",
                "Unrecognized token 'not': was expecting (JSON String, Number, Array, Object or \
                 token 'null', 'true' or 'false')",
            ),
            (
                "{'not': 'json'",
                "Unexpected character (''' (code 39)): was expecting double-quote to start field \
                 name",
            ),
            (
                "{\"a\" 1}",
                "Unexpected character ('1' (code 49)): was expecting a colon to separate field \
                 name and value",
            ),
            (
                "{\"a\": 1,}",
                "Unexpected character ('}' (code 125)): was expecting double-quote to start \
                 field name",
            ),
            (
                "[1 2]",
                "Unexpected character ('2' (code 50)): was expecting comma to separate Array \
                 entries",
            ),
            (
                "[1",
                "Unexpected end-of-input: expected close marker for Array (start marker at \
                 [Source: (String); line: 1, column: 1])",
            ),
            (
                "\"a\nb\"",
                "Illegal unquoted character ((CTRL-CHAR, code 10)): has to be escaped using \
                 backslash to be included in string value",
            ),
            ("\"a", "Unexpected end-of-input: was expecting closing quote for a string value"),
            ("007", "Invalid numeric value: Leading zeroes not allowed"),
            ("\"\\x\"", "Unrecognized character escape 'x' (code 120)"),
        ];
        for (text, expected) in cases {
            assert_eq!(complaint(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_breaks_off_within_a_value_is_complained_about_in_jacksons_words() {
        let cases = [
            ("\"\\", "Unexpected end-of-input in character escape sequence"),
            ("\"\\u0", "Unexpected end-of-input in character escape sequence"),
            (
                "\"\\u00g0\"",
                "Unexpected character ('g' (code 103)): expected a hex-digit for character \
                 escape sequence",
            ),
            ("{\"a", "Unexpected end-of-input in field name"),
            ("{\"a\"", "Unexpected end-of-input within/between Object entries"),
            (
                "1 ]",
                "Unexpected character (']' (code 93)): expected space separating root-level \
                 values",
            ),
            (
                "-x",
                "Unexpected character ('x' (code 120)) in numeric value: expected digit (0-9) to \
                 follow minus sign, for valid numeric value",
            ),
            (
                "1.x",
                "Unexpected character ('x' (code 120)) in numeric value: Decimal point not \
                 followed by a digit",
            ),
            (
                "1e]",
                "Unexpected character (']' (code 93)) in numeric value: Exponent indicator not \
                 followed by a digit",
            ),
            ("1.", "Unexpected end-of-input in a Number value"),
            (
                "1 nul",
                "Unrecognized token 'nul': was expecting (JSON String, Number, Array, Object or \
                 token 'null', 'true' or 'false')",
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(complaint(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn json_is_not_complained_about() {
        for text in ["2", "null", " {\"a\": [1, -2.5e+3, \"\\u00e9\"]} ", "[]", "{}", "\"x\""] {
            assert_eq!(complaint(text), None, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_held_is_refused() {
        assert!(parse("1e999").is_err());
        assert!(parse("\"\\ud800\"").is_err());
        assert!(parse(" null ").is_ok());
    }

    #[test]
    fn nesting_has_an_end() {
        let deep = |n: usize| "[".repeat(n) + &"]".repeat(n);
        assert_eq!(complaint(&deep(MAX_DEPTH)), None);
        assert!(parse(&deep(MAX_DEPTH)).is_ok());
        assert!(parse(&deep(MAX_DEPTH + 1)).is_err());
        assert!(parse(&format!("\"{}\"", "[".repeat(200))).is_ok());
        let expected = "Document nesting depth (101) exceeds the maximum allowed (100)";
        assert_eq!(complaint(&deep(100_000)).as_deref(), Some(expected));
    }
}
