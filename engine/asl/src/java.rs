//! What of Java's ways shows in AWS's answers: how it prints values, in which order its hash tables
//! list them, which numbers its seeded generator draws.

mod order;
mod random;

use std::fmt::{self, Write as _};

use serde_json::{Number, Value};

pub(crate) use order::{names_in_hash_order, unique_in_hash_order};
pub(crate) use random::Random;

/// The Java class in which AWS holds such a value.
pub(crate) fn class(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "java.lang.Boolean",
        Value::Number(number) => match number.as_i64() {
            Some(integer) if i32::try_from(integer).is_ok() => "java.lang.Integer",
            Some(_) => "java.lang.Long",
            None if number.is_u64() => "java.math.BigInteger",
            None => "java.lang.Double",
        },
        Value::String(_) => "java.lang.String",
        Value::Array(_) => "java.util.ArrayList",
        Value::Object(_) => "java.util.LinkedHashMap",
    }
}

/// A value as Java prints its maps and lists: `{a=1, b=[x, y]}`.
pub(crate) struct Text<'a>(pub(crate) &'a Value);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Value::Null => f.write_str("null"),
            Value::Bool(flag) => write!(f, "{flag}"),
            Value::Number(number) => write_number(number, f),
            Value::String(text) => f.write_str(text),
            Value::Array(items) => {
                f.write_char('[')?;
                for (index, item) in items.iter().enumerate() {
                    f.write_str(if index > 0 { ", " } else { "" })?;
                    write!(f, "{}", Text(item))?;
                }
                f.write_char(']')
            }
            Value::Object(members) => {
                f.write_char('{')?;
                for (index, (name, member)) in members.iter().enumerate() {
                    f.write_str(if index > 0 { ", " } else { "" })?;
                    write!(f, "{name}={}", Text(member))?;
                }
                f.write_char('}')
            }
        }
    }
}

/// A value as JSON without white space, with numbers as Java spells them.
pub(crate) struct Json<'a>(pub(crate) &'a Value);

impl fmt::Display for Json<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Value::Null | Value::Bool(_) | Value::String(_) => write!(f, "{}", self.0),
            Value::Number(number) => write_number(number, f),
            Value::Array(items) => {
                f.write_char('[')?;
                for (index, item) in items.iter().enumerate() {
                    f.write_str(if index > 0 { "," } else { "" })?;
                    write!(f, "{}", Json(item))?;
                }
                f.write_char(']')
            }
            Value::Object(members) => {
                f.write_char('{')?;
                for (index, (name, member)) in members.iter().enumerate() {
                    f.write_str(if index > 0 { "," } else { "" })?;
                    write!(f, "{}:{}", Quoted(name), Json(member))?;
                }
                f.write_char('}')
            }
        }
    }
}

struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&serde_json::to_string(self.0).map_err(|_| fmt::Error)?)
    }
}

/// As `Double.toString` has it: `1.1`, `1.0E10`; integers as they are.
fn write_number(number: &Number, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if !number.is_f64() {
        return write!(f, "{number}");
    }
    let double = number.as_f64().unwrap_or_default();
    if double == 0.0 || (1e-3..1e7).contains(&double.abs()) {
        return write!(f, "{double:?}");
    }
    let text = format!("{double:e}");
    match text.split_once('e') {
        Some((digits, exponent)) if digits.contains('.') => write!(f, "{digits}E{exponent}"),
        Some((digits, exponent)) => write!(f, "{digits}.0E{exponent}"),
        None => f.write_str(&text),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Json, Text};

    #[test]
    fn values_are_printed_as_java_prints_them() {
        let value = json!({"a": [1, "x y", null, true], "b": {"c": 1.5}, "d": {}});
        assert_eq!(Text(&value).to_string(), "{a=[1, x y, null, true], b={c=1.5}, d={}}");
        assert_eq!(Json(&value).to_string(), r#"{"a":[1,"x y",null,true],"b":{"c":1.5},"d":{}}"#);
        assert_eq!(Json(&json!({"q\"": "\n"})).to_string(), r#"{"q\"":"\n"}"#);
    }

    #[test]
    fn numbers_are_spelled_as_java_spells_them() {
        for (number, text) in [
            (json!(1e10), "1.0E10"),
            (json!(1e7), "1.0E7"),
            (json!(123_456.789), "123456.789"),
            (json!(0.001), "0.001"),
            (json!(1e-4), "1.0E-4"),
            (json!(-1.5e300), "-1.5E300"),
            (json!(100.0), "100.0"),
            (json!(0.0), "0.0"),
            (json!(-9_007_199_254_740_991_i64), "-9007199254740991"),
            (json!(u64::MAX), "18446744073709551615"),
        ] {
            assert_eq!(Text(&number).to_string(), text);
            assert_eq!(Json(&number).to_string(), text);
        }
    }
}
