//! Compares a value with what was measured, which may hold directives for what differs from run to
//! run. Numbers compare by value, objects without order; the order is compared by itself.

use regex::Regex;
use serde_json::{Map, Value, json};

/// Whether the value fits; `Err` tells the first place where it does not. `at` is its JSON Pointer.
pub(super) fn compare(pattern: &Value, value: &Value, at: &str) -> Result<(), String> {
    let differs = || Err(format!("at `{at}`: expected {}, found {}", short(pattern), short(value)));
    match (pattern, value) {
        (Value::Object(members), _) if is_directive(members) => {
            if directed(members, value, at)? {
                Ok(())
            } else {
                differs()
            }
        }
        (Value::Object(members), Value::Object(found)) => {
            if let Some(key) = found.keys().find(|key| !members.contains_key(*key)) {
                return Err(format!("at `{at}/{key}`: not expected, found {}", short(&found[key])));
            }
            includes(members, found, at)
        }
        (Value::Array(items), Value::Array(found)) if items.len() == found.len() => {
            let mut pairs = items.iter().zip(found).enumerate();
            pairs.try_for_each(|(index, (item, found))| {
                compare(item, found, &format!("{at}/{index}"))
            })
        }
        (Value::Number(number), Value::Number(found)) if number.as_f64() == found.as_f64() => {
            Ok(())
        }
        _ if pattern == value => Ok(()),
        _ => differs(),
    }
}

fn includes(
    members: &Map<String, Value>,
    found: &Map<String, Value>,
    at: &str,
) -> Result<(), String> {
    for (key, member) in members {
        let at = format!("{at}/{key}");
        let value = found.get(key);
        let value = value.ok_or_else(|| format!("at `{at}`: missing, not {}", short(member)))?;
        compare(member, value, &at)?;
    }
    Ok(())
}

fn is_directive(members: &Map<String, Value>) -> bool {
    let names = ["$re", "$any", "$integer", "$number", "$includes", "$each"];
    members.keys().any(|key| names.contains(&key.as_str()))
}

/// Whether the value is as the directive says.
fn directed(members: &Map<String, Value>, value: &Value, at: &str) -> Result<bool, String> {
    let Some((name, content)) = members.iter().next() else { return Ok(false) };
    let unknown = || format!("at `{at}`: `{name}` of {content} is not known");
    let fits = match (name.as_str(), content, value) {
        ("$re", Value::String(pattern), Value::String(text)) => {
            Regex::new(pattern).map_err(|error| error.to_string())?.is_match(text)
        }
        ("$any", Value::String(kind), _) => match kind.as_str() {
            "string" => value.is_string(),
            "number" => value.is_number(),
            _ => return Err(unknown()),
        },
        ("$integer" | "$number", Value::Array(bounds), Value::Number(number)) => {
            let bound = |index: usize| bounds.get(index).and_then(Value::as_f64);
            let (from, to) = bound(0).zip(bound(1)).ok_or_else(unknown)?;
            let number = number.as_f64().ok_or_else(unknown)?;
            from <= number && number < to && (name == "$number" || number.fract() == 0.0)
        }
        ("$includes", Value::Object(content), Value::Object(found)) => {
            includes(content, found, at)?;
            true
        }
        ("$each", _, Value::Array(found)) => {
            for (index, item) in found.iter().enumerate() {
                compare(content, item, &format!("{at}/{index}"))?;
            }
            members.get("count").and_then(Value::as_u64) == Some(found.len() as u64)
        }
        ("$re" | "$integer" | "$number" | "$includes" | "$each", _, _) => false,
        _ => return Err(unknown()),
    };
    Ok(fits)
}

/// Whether a measured value leaves nothing open, so that the order of its members is AWS's.
pub(super) fn is_exact(pattern: &Value) -> bool {
    match pattern {
        Value::Object(members) => !is_directive(members) && members.values().all(is_exact),
        Value::Array(items) => items.iter().all(is_exact),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
    }
}

/// Whether the members of two equal values stand in the same order, to any depth.
pub(super) fn is_in_order(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            one.keys().eq(other.keys()) && one.values().zip(other.values()).all(same_order)
        }
        (Value::Array(one), Value::Array(other)) => one.iter().zip(other).all(same_order),
        _ => true,
    }
}

fn same_order((one, other): (&Value, &Value)) -> bool {
    is_in_order(one, other)
}

/// A value as a complaint shows it.
fn short(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(300) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[test]
fn directives_fit_what_they_describe_and_nothing_else() {
    let fits = |pattern: &Value, value: Value| compare(pattern, &value, "").is_ok();
    let cases = [
        (json!({"a": 1.0}), json!({"a": 1}), json!({"a": 1, "b": 2})),
        (json!([1, "x"]), json!([1, "x"]), json!([1])),
        (json!({"$re": "^a+$"}), json!("aa"), json!("ab")),
        (json!({"$any": "string"}), json!("x"), json!(1)),
        (json!({"$any": "number"}), json!(1.5), json!("1")),
        (json!({"$integer": [1, 3]}), json!(2), json!(3)),
        (json!({"$integer": [1, 3]}), json!(1), json!(1.5)),
        (json!({"$number": [0, 1]}), json!(0.5), json!(1)),
        (json!({"$includes": {"a": {"$any": "number"}}}), json!({"a": 1, "b": 2}), json!({"b": 2})),
        (json!({"$each": {"$integer": [1, 3]}, "count": 2}), json!([1, 2]), json!([1, 2, 2])),
        (json!({"$each": {"$integer": [1, 3]}, "count": 2}), json!([1, 1]), json!([1, 3])),
    ];
    for (pattern, good, bad) in cases {
        assert!(fits(&pattern, good), "{pattern} does not fit");
        assert!(!fits(&pattern, bad), "{pattern} fits too much");
    }
}

#[test]
fn the_order_of_members_is_seen_to_any_depth() {
    let parse = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    let one = parse(r#"[{"a": 1, "b": {"c": 1, "d": 2}}]"#);
    let other = parse(r#"[{"a": 1, "b": {"d": 2, "c": 1}}]"#);
    assert!(is_in_order(&one, &one) && !is_in_order(&one, &other));
    assert!(is_exact(&one) && !is_exact(&json!([{"a": {"$any": "string"}}])));
}
