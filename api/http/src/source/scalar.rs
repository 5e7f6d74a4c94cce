//! `${Names}` in the scalars of YAML. A value takes its place once the YAML was read, so that what it says is
//! never taken for YAML. Until then other characters stand for `${` and `}`, which mean something there.

use serde_json::Value;

use super::substitution::{Names, name_at, text_of, too_long, unquoted};
use super::{Fill, MAX_BYTES, Position, SyntaxError, Unfilled};

/// What stands for `$`, `{` and `}`: for private use, so that no text has the three around a name.
const VEIL: [char; 3] = ['\u{E0F4}', '\u{E0FB}', '\u{E0FD}'];

/// The text with other characters around its names, each in the place of one.
pub(super) fn veil(text: &str) -> String {
    let mut veiled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, _)) = rest.split_once('$') {
        veiled.push_str(before);
        rest = &rest[before.len()..];
        if let Some(name) = name_at(rest) {
            veiled.extend([VEIL[0], VEIL[1]]);
            veiled.push_str(name);
            veiled.push(VEIL[2]);
            rest = &rest[name.len() + 3..];
        } else {
            veiled.push('$');
            rest = &rest[1..];
        }
    }
    veiled.push_str(rest);
    veiled
}

/// The text as it was, of an error's message.
pub(super) fn unveil(text: &str) -> String {
    text.replace(VEIL[0], "$").replace(VEIL[1], "{").replace(VEIL[2], "}")
}

/// Fills the scalars of a veiled text.
pub(super) struct Scalars<'t, 'v> {
    veiled: &'t str,
    names: Names<'v>,
    /// How many bytes values took.
    bytes: usize,
}

/// Where a scalar is: its place, and the byte at which it begins.
#[derive(Clone, Copy)]
pub(super) struct At {
    pub(super) position: Position,
    pub(super) byte: usize,
}

impl<'t, 'v> Scalars<'t, 'v> {
    pub(super) fn new(veiled: &'t str, fill: Fill<'v>) -> Self {
        Self { veiled, names: Names::new(fill), bytes: 0 }
    }

    pub(super) fn unfilled(self) -> Vec<Unfilled> {
        self.names.unfilled
    }

    /// The scalar, here and the value of this field, with its values.
    pub(super) fn fill(
        &mut self,
        scalar: String,
        at: At,
        field: Option<&str>,
    ) -> Result<Value, SyntaxError> {
        match split(&scalar) {
            None => Ok(Value::String(scalar)),
            Some(("", name, "")) if self.is_plain(at) => {
                let value = self.names.value(name, at.position, field);
                let value = value.map_or_else(|| written(name).into(), |it| unquoted(&it));
                self.count(&value)?;
                Ok(value)
            }
            Some(_) => self.text(&scalar, at, field).map(Value::String),
        }
    }

    /// The scalar as text, whatever its values are.
    pub(super) fn text(
        &mut self,
        scalar: &str,
        at: At,
        field: Option<&str>,
    ) -> Result<String, SyntaxError> {
        let mut text = String::with_capacity(scalar.len());
        let (mut rest, mut at) = (scalar, at);
        while let Some((before, name, after)) = split(rest) {
            text.push_str(before);
            let (position, end) = self.find(name, at);
            let field = field.filter(|_| text.is_empty());
            match self.names.value(name, position, field) {
                Some(value) => {
                    let value = text_of(&value);
                    self.take(value.len())?;
                    text.push_str(&value);
                }
                None => text.push_str(&written(name)),
            }
            (rest, at) = (after, end);
        }
        text.push_str(rest);
        Ok(text)
    }

    /// Whether what begins here, behind its anchor, is neither quoted, nor tagged, nor a block of lines.
    fn is_plain(&self, at: At) -> bool {
        let Some((before, mut text)) = self.veiled.split_at_checked(at.byte) else { return false };
        let tag = before.trim_end().rsplit(char::is_whitespace).next();
        if tag.is_some_and(|tag| tag.starts_with('!')) {
            return false;
        }
        let line = before.trim_end_matches([' ', '\t']).strip_suffix('\n').unwrap_or_default();
        let line = line.trim_end().lines().next_back().unwrap_or_default();
        let line = line.split_once(" #").map_or(line, |(line, _)| line).trim_end();
        let header = line.rsplit([' ', '\t']).next().unwrap_or_default();
        if header.starts_with(['|', '>']) {
            return false;
        }
        while text.starts_with('&') {
            text = text.find(char::is_whitespace).map_or("", |end| text[end..].trim_start());
        }
        text.starts_with(VEIL[0])
    }

    /// Where the name is that comes next, and what comes behind it.
    fn find(&self, name: &str, at: At) -> (Position, At) {
        let veiled = [&*String::from_iter(&VEIL[..2]), name, &*VEIL[2].to_string()].concat();
        let text = self.veiled.get(at.byte..).unwrap_or_default();
        // One that an escape wrote is not found.
        let Some(found) = text.find(&veiled) else { return (at.position, at) };
        let after = |position: Position, text: &str| {
            text.chars().fold(position, |at, letter| match letter {
                '\n' => Position { line: at.line + 1, column: 1 },
                _ => Position { column: at.column + 1, ..at },
            })
        };
        let position = after(at.position, &text[..found]);
        let end = At { position: after(position, &veiled), byte: at.byte + found + veiled.len() };
        (position, end)
    }

    fn count(&mut self, value: &Value) -> Result<(), SyntaxError> {
        self.take(match value {
            Value::String(text) => text.len(),
            Value::Null | Value::Bool(_) | Value::Number(_) => 0,
            Value::Array(_) | Value::Object(_) => value.to_string().len(),
        })
    }

    fn take(&mut self, bytes: usize) -> Result<(), SyntaxError> {
        self.bytes += bytes;
        if self.bytes > MAX_BYTES { Err(too_long()) } else { Ok(()) }
    }
}

/// What comes before the first veiled name, the name, and what comes after.
fn split(scalar: &str) -> Option<(&str, &str, &str)> {
    let mut from = 0;
    loop {
        let start = from + scalar[from..].find(VEIL[0])?;
        let inside = scalar[start..].strip_prefix(VEIL[0])?;
        let name = inside.strip_prefix(VEIL[1]).and_then(|inside| inside.split_once(VEIL[2]));
        match name {
            Some((name, after)) => return Some((&scalar[..start], name, after)),
            None => from = start + VEIL[0].len_utf8(),
        }
    }
}

fn written(name: &str) -> String {
    format!("${{{name}}}")
}
