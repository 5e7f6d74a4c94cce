//! JSON text with `", "` and `": "` between its parts, as the recordings' inputs were written.

use std::io::{self, Write};

use serde_json::Value;
use serde_json::ser::{Formatter, Serializer};

struct Spaced;

impl Formatter for Spaced {
    fn begin_array_value<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { out.write_all(b", ") }
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { out.write_all(b", ") }
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        out.write_all(b": ")
    }
}

/// Members in the order given.
pub(crate) fn to_spaced_text(value: &Value) -> String {
    use serde::Serialize;
    let mut text = Vec::new();
    value
        .serialize(&mut Serializer::with_formatter(&mut text, Spaced))
        .expect("a vector takes everything");
    String::from_utf8(text).expect("JSON is UTF-8")
}

#[test]
fn separators_are_followed_by_a_space() {
    let value: Value = serde_json::from_str(r#"{"b":[1,"x, y",{}],"a":{"c":null}}"#).unwrap();
    assert_eq!(to_spaced_text(&value), r#"{"b": [1, "x, y", {}], "a": {"c": null}}"#);
}
