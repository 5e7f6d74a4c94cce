//! Says what is wrong with a text that should be JSON, in the words of the parser AWS uses.
//!
//! AWS quotes Jackson when it refuses an input and when `States.StringToJson` fails, so a client
//! that shows or tests these texts sees the same ones here. Only texts that were already refused
//! come here; the scan is iterative and linear.

#[cfg(test)]
mod tests;

use std::fmt::Write as _;

const VALUES: &str = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')";

/// Why a text is not JSON.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Complaint {
    pub message: String,
    /// Where Jackson noticed: behind what it had read.
    pub line: usize,
    pub column: usize,
}

/// A text as Jackson quotes it where it says the source: no more than its first 500 UTF-16 units.
pub(crate) fn source(text: &str) -> String {
    const MOST: usize = 500;
    let units = |c: char| c.len_utf16();
    let (mut shown, mut taken) = (String::from("(String)\""), 0);
    for c in text.chars() {
        if taken + units(c) > MOST {
            break;
        }
        taken += units(c);
        match c {
            '\n' | '\r' => shown.push(c),
            c if c.is_control() => {
                let _ = write!(shown, "\\u{:04X}", u32::from(c));
            }
            c => shown.push(c),
        }
    }
    shown.push('"');
    let left = text.chars().map(units).sum::<usize>() - taken;
    if left > 0 {
        let _ = write!(shown, "[truncated {left} chars]");
    }
    shown
}

/// How a text is read.
#[derive(Clone, Copy, Debug)]
pub struct Reading<'t> {
    /// What Jackson calls the text: `(String)`.
    pub source: &'t str,
    /// The deepest nesting, in arrays and objects.
    pub max_depth: usize,
    /// Whether nothing may follow the value.
    pub alone: bool,
}

/// Why this is no JSON text; `None` if it is one.
pub fn complaint(text: &str, reading: Reading<'_>) -> Option<Complaint> {
    let mut scan = Scan { rest: text, open: Vec::new(), text, reading, in_string: false };
    let message = scan.document().err()?;
    let end = text.len() - scan.rest.len();
    // A line that ends within a string is none to Jackson.
    let (line, column) = match text[..end].strip_suffix('\n') {
        Some(before) if scan.in_string => {
            let (line, column) = place(text, before.len());
            (line, column + 1)
        }
        _ => place(text, end),
    };
    Some(Complaint { message, line, column })
}

/// Line and column of this byte, both from 1; columns count UTF-16 units.
fn place(text: &str, at: usize) -> (usize, usize) {
    let before = &text[..at];
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().encode_utf16().count() + 1;
    (line, column)
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
    reading: Reading<'a>,
    /// Whether it went wrong within a string.
    in_string: bool,
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
                Expect::CommaOrEnd if self.open.is_empty() && !self.reading.alone => return Ok(()),
                Expect::CommaOrEnd => self.comma_or_end(next)?,
            };
        }
    }

    fn value(&mut self, next: char) -> Result<Expect, String> {
        match next {
            '{' | '[' => {
                self.open.push((next, self.text.len() - self.rest.len()));
                self.take();
                if self.open.len() > self.reading.max_depth {
                    return Err(format!(
                        "Document nesting depth ({}) exceeds the maximum allowed ({})",
                        self.open.len(),
                        self.reading.max_depth
                    ));
                }
                Ok(if next == '{' { Expect::NameOrEnd } else { Expect::ValueOrEnd })
            }
            '"' => {
                self.string(": was expecting closing quote for a string value")?;
                Ok(Expect::CommaOrEnd)
            }
            '-' | '0'..='9' => self.number(),
            _ if is_identifier(next) => self.word(),
            ']' | '}' => Err(self.other_marker(next)),
            _ => Err(self.unexpected(next, &format!("expected a valid value {VALUES}"))),
        }
    }

    fn name(&mut self, next: char) -> Result<Expect, String> {
        if next != '"' {
            return Err(self.unexpected(next, "was expecting double-quote to start field name"));
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
            None => {
                return Err(self.unexpected(next, "expected space separating root-level values"));
            }
        };
        match next {
            ',' => {
                self.take();
                Ok(if in_object { Expect::Name } else { Expect::Value })
            }
            '}' if in_object => Ok(self.close()),
            ']' if !in_object => Ok(self.close()),
            ']' | '}' => Err(self.other_marker(next)),
            _ => {
                let expected = format!("was expecting comma to separate {entries} entries");
                Err(self.unexpected(next, &expected))
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
        self.rest = &self.rest[end..];
        if !matches!(word, "true" | "false" | "null") {
            let shown: String = word.chars().take(256).collect();
            let more = if shown.len() < word.len() { "..." } else { "" };
            return Err(format!("Unrecognized token '{shown}{more}': was expecting {VALUES}"));
        }
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
                    self.in_string = true;
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
            self.digit("expected digit (0-9) to follow minus sign, for valid numeric value")
                .inspect_err(|_| {
                    self.take();
                })?;
        }
        let digits = self.digits();
        if digits > 1 && self.behind(digits).starts_with('0') {
            self.rest = &self.text[self.text.len() - self.rest.len() - digits + 1..];
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

    fn digit(&mut self, expected: &str) -> Result<(), String> {
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

    fn unclosed(&self, open: (char, usize)) -> String {
        let (container, began) = self.began(open);
        format!(
            "Unexpected end-of-input: expected close marker for {container} (start marker at {began})"
        )
    }

    /// A container that is closed by the other kind's marker, or was never opened.
    fn other_marker(&mut self, marker: char) -> String {
        let wanted = if marker == ']' { '}' } else { ']' };
        let (container, began) = match self.open.last() {
            Some(open) if (open.0 == '[') == (wanted == ']') => self.began(*open),
            Some(_) => return self.unexpected(marker, &format!("expected a valid value {VALUES}")),
            None => ("root", format!("[Source: {}; line: 1, column: 0]", self.reading.source)),
        };
        self.take();
        format!(
            "Unexpected close marker '{marker}': expected '{wanted}' (for {container} starting at \
             {began})"
        )
    }

    /// What kind of container this is, and where it began.
    fn began(&self, (open, begin): (char, usize)) -> (&'static str, String) {
        let (line, column) = place(self.text, begin);
        let source = self.reading.source;
        (
            if open == '{' { "Object" } else { "Array" },
            format!("[Source: {source}; line: {line}, column: {column}]"),
        )
    }

    fn unexpected(&mut self, c: char, expected: &str) -> String {
        self.take();
        unexpected(c, expected)
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
