//! JSON with comments to JSON: what JSON lacks becomes blanks, so that everything else stays where it is.

use super::{Position, SyntaxError};

/// The text without comments and without commas behind the last of a list. A text that has neither is not
/// touched.
///
/// # Errors
/// A `/*` without `*/`.
pub(super) fn blanked(text: String) -> Result<String, SyntaxError> {
    let mut blanker = Blanker {
        bytes: text.as_bytes(),
        at: 0,
        blanks: Vec::new(),
        comma: None,
        after_value: false,
    };
    blanker.text().map_err(|at| unended(&text, at))?;
    let blanks = blanker.blanks;
    if blanks.is_empty() {
        return Ok(text);
    }
    let mut shown = String::with_capacity(text.len());
    let mut done = 0;
    for (start, end) in blanks {
        shown.push_str(&text[done..start]);
        // A character is a blank, and a line stays a line.
        shown.extend(text[start..end].chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
        done = end;
    }
    shown.push_str(&text[done..]);
    Ok(shown)
}

fn unended(text: &str, at: usize) -> SyntaxError {
    let (line, column) = asl::position::line_and_column(text, at);
    let position = Position { line: line as u64, column: column as u64 };
    SyntaxError { position: Some(position), message: "a comment without `*/`".to_owned() }
}

struct Blanker<'t> {
    bytes: &'t [u8],
    at: usize,
    /// Where blanks are to be, first byte and the one after the last, in order.
    blanks: Vec<(usize, usize)>,
    /// A comma that nothing but blanks has followed, and which of the blanks it would be.
    comma: Option<(usize, usize)>,
    /// Whether a value, or a name, came last.
    after_value: bool,
}

impl Blanker<'_> {
    /// Walks over the text. Fails with the place of a comment that has no end.
    fn text(&mut self) -> Result<(), usize> {
        while let Some(byte) = self.bytes.get(self.at) {
            match byte {
                b'"' => self.string(),
                b'/' if self.bytes[self.at..].starts_with(b"//") => self.line(),
                b'/' if self.bytes[self.at..].starts_with(b"/*") => self.block()?,
                b',' => {
                    self.comma = self.after_value.then_some((self.at, self.blanks.len()));
                    self.after_value = false;
                    self.at += 1;
                }
                b'}' | b']' => {
                    if let Some((comma, index)) = self.comma.take() {
                        self.blanks.insert(index, (comma, comma + 1));
                    }
                    self.after_value = true;
                    self.at += 1;
                }
                byte if byte.is_ascii_whitespace() => self.at += 1,
                byte => {
                    self.comma = None;
                    self.after_value = !b"{[:".contains(byte);
                    self.at += 1;
                }
            }
        }
        Ok(())
    }

    fn string(&mut self) {
        self.comma = None;
        self.after_value = true;
        self.at += 1;
        while let Some(byte) = self.bytes.get(self.at) {
            self.at += if *byte == b'\\' { 2 } else { 1 };
            if *byte == b'"' {
                break;
            }
        }
    }

    fn line(&mut self) {
        let rest = &self.bytes[self.at..];
        let length = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
        self.blanks.push((self.at, self.at + length));
        self.at += length;
    }

    fn block(&mut self) -> Result<(), usize> {
        let inside = &self.bytes[self.at + 2..];
        let length = inside.windows(2).position(|pair| pair == b"*/").ok_or(self.at)?;
        self.blanks.push((self.at, self.at + length + 4));
        self.at += length + 4;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::blanked;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(blanked(text.to_owned()).unwrap(), expected);
    }

    #[test]
    fn comments_and_last_commas_become_blanks() {
        check("{\"a\": 1, // one\n \"b\": [2,],}", "{\"a\": 1,       \n \"b\": [2 ] }");
        check("/* ä\n */{}", "    \n   {}");
        check("{\"a\": [1, /* none */ ]}", "{\"a\": [1             ]}");
    }

    #[test]
    fn what_a_string_says_is_no_comment() {
        for text in
            [r#"{"a": "// no, \" /* no */ ,]"}"#, r#"{"u": "http://x"}"#, "{\"a\": 1 / 2}", "\"\\"]
        {
            check(text, text);
        }
    }

    #[test]
    fn a_comment_has_an_end() {
        let error = blanked("{}\n  /* for ever".to_owned()).unwrap_err();
        let position = error.position.unwrap();
        assert_eq!((position.line, position.column), (2, 3));
        assert_eq!(error.message, "a comment without `*/`");
    }
}
