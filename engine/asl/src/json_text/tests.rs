//! What is said against texts that are not JSON.

use super::{Reading, complaint};

const READING: Reading = Reading { source: "(String)", max_depth: 100, alone: true };

fn message(text: &str) -> Option<String> {
    complaint(text, READING).map(|complaint| complaint.message)
}

#[test]
fn the_complaints_are_jacksons() {
    let cases = [
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
        assert_eq!(message(text).as_deref(), Some(expected), "{text}");
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
        assert_eq!(message(text).as_deref(), Some(expected), "{text}");
    }
}

#[test]
fn json_is_not_complained_about() {
    for text in ["2", "null", " {\"a\": [1, -2.5e+3, \"\\u00e9\"]} ", "[]", "{}", "\"x\""] {
        assert_eq!(message(text), None, "{text}");
    }
}

#[test]
fn the_places_are_jacksons() {
    for (text, expected) in [
        ("{\"a\":1", "1:7"),
        ("undefined", "1:10"),
        ("{'not': 1}", "1:3"),
        ("{\"a\" 1}", "1:7"),
        ("{\"a\": 1,}", "1:10"),
        ("[1 2]", "1:5"),
        ("\"a\nb\"", "1:4"),
        ("007", "1:2"),
        ("-01", "1:3"),
        ("-x", "1:3"),
        ("1.x", "1:3"),
        ("\"\\x\"", "1:4"),
        ("\"\\u00g0\"", "1:7"),
        ("[1,\n 2", "2:3"),
        ("{\"a\":\n tru}", "2:5"),
        ("[1}", "1:4"),
        ("{\"\u{e9}\": x}", "1:8"),
    ] {
        let found = complaint(text, READING).unwrap();
        assert_eq!(format!("{}:{}", found.line, found.column), expected, "{text}");
    }
}

#[test]
fn a_container_is_closed_by_its_own_marker() {
    for (text, expected) in [
        (
            "[1}",
            "Unexpected close marker '}': expected ']' (for Array starting at [Source: (String); line: 1, column: 1])",
        ),
        (
            "{\"a\":1]",
            "Unexpected close marker ']': expected '}' (for Object starting at [Source: (String); line: 1, column: 1])",
        ),
        (
            "]",
            "Unexpected close marker ']': expected '}' (for root starting at [Source: (String); line: 1, column: 0])",
        ),
        (
            "[1,]",
            "Unexpected character (']' (code 93)): expected a valid value (JSON String, Number, Array, Object or token 'null', 'true' or 'false')",
        ),
    ] {
        assert_eq!(message(text).as_deref(), Some(expected), "{text}");
    }
}

#[test]
fn what_follows_the_value_matters_only_where_it_must_be_alone() {
    let lenient = Reading { alone: false, ..READING };
    assert!(complaint("1 nul", READING).is_some());
    assert_eq!(complaint("1 nul", lenient), None);
    assert!(complaint("[1", lenient).is_some());
}

#[test]
fn nesting_has_an_end() {
    let expected = "Document nesting depth (101) exceeds the maximum allowed (100)";
    assert_eq!(message(&"[".repeat(100_000)).as_deref(), Some(expected));
}
