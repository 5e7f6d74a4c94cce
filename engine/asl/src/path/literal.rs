//! The values written down in a filter: texts in either quotes, numbers, arrays, objects.

use serde_json::{Map, Value};

use super::cursor::{Cursor, Parsed};

/// JSON, in which single quotes are as good as double ones, and a word is a text.
pub(super) fn literal(cursor: &mut Cursor<'_>) -> Parsed<Value> {
    match cursor.peek() {
        Some('\'' | '"') => Ok(Value::String(quoted(cursor)?)),
        Some('[') => {
            let mut items = Vec::new();
            list(cursor, "[", "]", |cursor| {
                items.push(literal(cursor)?);
                Ok(())
            })?;
            Ok(Value::Array(items))
        }
        Some('{') => {
            let mut members = Map::new();
            list(cursor, "{", "}", |cursor| {
                let name = quoted(cursor)?;
                cursor.skip_space();
                if !cursor.eat(":") {
                    return Err(cursor.expected("`:`"));
                }
                cursor.skip_space();
                members.insert(name, literal(cursor)?);
                Ok(())
            })?;
            Ok(Value::Object(members))
        }
        _ => {
            let word = cursor
                .take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '+' | '.' | '_'));
            match serde_json::from_str(word) {
                Ok(value) => Ok(value),
                // Published definitions have words without quotes, and AWS takes them.
                Err(_) if word.starts_with(|c: char| c.is_ascii_alphabetic()) => {
                    Ok(Value::from(word))
                }
                Err(_) => Err(cursor.expected("`@`, `$` or a literal")),
            }
        }
    }
}

fn list(
    cursor: &mut Cursor<'_>,
    open: &str,
    close: &str,
    mut entry: impl FnMut(&mut Cursor<'_>) -> Parsed<()>,
) -> Parsed<()> {
    cursor.eat(open);
    cursor.deeper()?;
    cursor.skip_space();
    let mut first = true;
    while !cursor.eat(close) {
        if !first && !cursor.eat(",") {
            return Err(cursor.expected(&format!("`,` or `{close}`")));
        }
        cursor.skip_space();
        entry(cursor)?;
        cursor.skip_space();
        first = false;
    }
    cursor.shallower();
    Ok(())
}

/// A quoted text; a backslash makes the next character an ordinary one, `\n`, `\u0041` and the like
/// aside. As recorded on AWS, one before the other kind of quote is itself part of the text.
pub(super) fn quoted(cursor: &mut Cursor<'_>) -> Parsed<String> {
    let Some(quote @ ('\'' | '"')) = cursor.next() else {
        return Err(cursor.expected("a quoted text"));
    };
    let mut units: Vec<u16> = Vec::new();
    loop {
        let c = match cursor.next() {
            Some(c) if c == quote => break,
            Some('\\') => match cursor.next() {
                Some('n') => '\n',
                Some('r') => '\r',
                Some('t') => '\t',
                Some('b') => '\u{8}',
                Some('f') => '\u{c}',
                Some('u') => {
                    units.push(code_unit(cursor)?);
                    continue;
                }
                Some(other @ ('\'' | '"')) if other != quote => {
                    units.push(u16::from(b'\\'));
                    other
                }
                Some(c) => c,
                None => return Err(cursor.expected("the closing quote")),
            },
            Some(c) => c,
            None => return Err(cursor.expected("the closing quote")),
        };
        units.extend_from_slice(c.encode_utf16(&mut [0; 2]));
    }
    String::from_utf16(&units).map_err(|_| cursor.wrong("half a character"))
}

fn code_unit(cursor: &mut Cursor<'_>) -> Parsed<u16> {
    let mut unit = 0;
    for _ in 0..4 {
        let Some(digit) = cursor.peek().and_then(|c| c.to_digit(16)) else {
            return Err(cursor.expected("four hex digits"));
        };
        cursor.next();
        unit = unit * 16 + digit;
    }
    u16::try_from(unit).map_err(|_| cursor.expected("four hex digits"))
}
