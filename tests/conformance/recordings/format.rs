//! The format without a server: every expectation fits a value made from it, and notices a change.

use serde_json::{Map, Value, json};

use super::case::{Case, load_all};
use super::matching::{Matcher, Names};
use super::scope::{Part, Scope, as_text, parts};

#[test]
fn every_expectation_fits_a_value_made_from_it() {
    let mut complaints = Vec::new();
    for case in load_all().unwrap() {
        let mut scope = scope_for(&case);
        let mut names = Names::default();
        for (label, pattern) in &case.expect {
            let value = sample(pattern, &case, &mut scope);
            let mut matcher = Matcher::new(&case, &mut scope, names);
            if let Err(difference) = matcher.compare(pattern, &value, "") {
                complaints.push(format!("{} {label}: {difference:?}", case.id));
            }
            names = matcher.names();
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn every_expectation_notices_a_surplus_member_and_a_lost_event() {
    let mut complaints = Vec::new();
    for case in load_all().unwrap() {
        let mut scope = scope_for(&case);
        for (label, pattern) in &case.expect {
            let value = sample(pattern, &case, &mut scope);
            for changed in [with_surplus(&value), with_an_event_less(&value)].into_iter().flatten()
            {
                let mut matcher = Matcher::new(&case, &mut scope, Names::default());
                if matcher.compare(pattern, &changed, "").is_ok() {
                    complaints.push(format!("{} {label}", case.id));
                }
            }
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn what_differs_is_told_with_its_place() {
    check(r#"{"a": [1, {"b": 2}]}"#, r#"{"a": [1, {"b": 3}]}"#, "/a/1/b: expected 2, found 3");
    check(r#"{"a": 1}"#, r#"{"a": 1.0}"#, "/a: expected 1, found 1.0");
    check(r#"{"a": {"b": 1}}"#, r#"{"a": "{\"b\": 1}"}"#, "the same");
    check(
        r#"{"a": "{\"b\": 1}"}"#,
        r#"{"a": "{\"b\":1}"}"#,
        r#"/a: expected "{\"b\": 1}", found "{\"b\":1}""#,
    );
    check(r#"{"a": 1}"#, "{}", "/a: missing, expected 1");
    check("[1]", "[1, 2]", "/: expected 1 elements, found 2");
    check(r#"{"$unordered": [1, 2, 3]}"#, "[3, 1, 2]", "the same");
    check(r#"{"$unordered": [1, 2]}"#, "[1, 3]", "/: no element is left that is 2");
    check(r#"{"$includes": {"a": 1}}"#, r#"{"a": 1, "b": 2}"#, "the same");
    check(
        r#"{"$segments": [{"ordered": [1]}, {"unordered": [{"id": 2, "x": 1}, {"id": 3, "x": 2}], "ignore": ["id"]}, {"skip": 1}]}"#,
        r#"[1, {"id": 9, "x": 2}, {"id": 9, "x": 1}, "whatever"]"#,
        "the same",
    );
    check(
        r#"["${any:uuid:u}", "id-${any:uuid:u}"]"#,
        r#"["00000000-0000-0000-0000-00000000000a", "id-00000000-0000-0000-0000-00000000000a"]"#,
        "the same",
    );
    check(
        r#"["${any:text:t}", "${any:text:t}"]"#,
        r#"["x", "y"]"#,
        r#"/1: `t` was "x" before, found "y""#,
    );
    check(r#""$${x} costs ${region}""#, r#""${x} costs us-east-1""#, "the same");
    check(r#""${any:text}""#, "null", "/: expected ${any:text}, found null");
}

fn check(pattern: &str, value: &str, outcome: &str) {
    let case = json!({"id": "", "needs": [], "steps": [], "expect": {}});
    let case: Case = serde_json::from_value(case).unwrap();
    let mut scope = Scope::new();
    let (pattern, value) = (serde_json::from_str(pattern), serde_json::from_str(value));
    let mut matcher = Matcher::new(&case, &mut scope, Names::default());
    let told = match matcher.compare(&pattern.unwrap(), &value.unwrap(), "") {
        Ok(()) => "the same".to_owned(),
        Err(difference) => format!("{}: {}", difference.path, difference.why),
    };
    assert_eq!(told, outcome);
}

fn with_surplus(value: &Value) -> Option<Value> {
    let mut members = value.as_object()?.clone();
    members.insert("surplus".to_owned(), json!(1));
    Some(Value::Object(members))
}

fn with_an_event_less(value: &Value) -> Option<Value> {
    let mut value = value.clone();
    value.get_mut("events")?.as_array_mut()?.pop()?;
    Some(value)
}

/// A value that the pattern describes.
fn sample(pattern: &Value, case: &Case, scope: &mut Scope) -> Value {
    match pattern {
        Value::String(text) => sample_text(text, case, scope),
        Value::Array(items) => items.iter().map(|item| sample(item, case, scope)).collect(),
        Value::Object(members) => {
            let first = members.iter().next().map(|(name, content)| (name.as_str(), content));
            match first {
                Some(("$json", content)) => Value::String(sample(content, case, scope).to_string()),
                Some(("$unordered", Value::Array(items))) => {
                    items.iter().rev().map(|item| sample(item, case, scope)).collect()
                }
                Some(("$includes", content)) => sample(content, case, scope),
                Some(("$segments", Value::Array(segments))) => {
                    let mut all = Vec::new();
                    for segment in segments {
                        for run in ["ordered", "unordered"] {
                            let items = segment[run].as_array().into_iter().flatten();
                            all.extend(items.map(|item| sample(item, case, scope)));
                        }
                        all.extend((0..segment["skip"].as_u64().unwrap_or(0)).map(|_| json!({})));
                    }
                    Value::Array(all)
                }
                _ => {
                    let mut made = Map::new();
                    for (key, member) in members {
                        let key = as_text(&sample_text(key, case, scope));
                        made.insert(key, sample(member, case, scope));
                    }
                    Value::Object(made)
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => pattern.clone(),
    }
}

fn sample_text(text: &str, case: &Case, scope: &mut Scope) -> Value {
    let mut made = Vec::new();
    for part in parts(text) {
        made.push(match part {
            Part::Text(text) => Value::String(text),
            Part::Reference(reference) => match reference.split_once(':') {
                Some(("one", list)) => scope.fill_text(&case.alternatives[list][0]).unwrap(),
                Some(("any", kind)) => json!(match kind.split(':').next().unwrap() {
                    "uuid" => "0a000000-0000-4000-8000-00000000000b",
                    "date" => "2026-01-02T03:04:05.678Z",
                    "json" => "{\"a\": 1}",
                    "re" => sample_of(&case.patterns[&kind["re:".len()..]]),
                    _ => "word",
                }),
                _ => scope.lookup(reference).unwrap(),
            },
        });
    }
    match &mut made[..] {
        [one] => one.take(),
        several => Value::String(several.iter().map(as_text).collect()),
    }
}

/// A text that the recordings' own regular expression takes.
fn sample_of(source: &str) -> &'static str {
    let texts = [
        "test_table_a",
        "Request ID: 1-a",
        "Extended Request ID: a/b=",
        r#""requestId": "0a-0b""#,
        r#""requestId":"0a-0b""#,
    ];
    let regex = regex::Regex::new(&format!(r"\A(?:{source})\z")).unwrap();
    texts.into_iter().find(|text| regex.is_match(text)).unwrap()
}

/// A scope in which everything that the case's expectations refer to was saved.
fn scope_for(case: &Case) -> Scope {
    let mut saves = json!({});
    let patterns = case.expect.values().cloned();
    let alternatives = case.alternatives.values().map(|list| json!(list));
    for pattern in patterns.chain(alternatives) {
        save_all(&pattern, &mut saves);
    }
    let mut scope = Scope::new();
    for (name, value) in saves.as_object().unwrap() {
        scope.save(name, value.clone());
    }
    scope
}

fn save_all(pattern: &Value, saves: &mut Value) {
    match pattern {
        Value::String(text) => {
            for part in parts(text) {
                if let Part::Reference(reference) = part {
                    save_one(reference, saves);
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| save_all(item, saves)),
        Value::Object(members) => {
            for (key, member) in members {
                save_all(&json!(key), saves);
                save_all(member, saves);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn save_one(reference: &str, saves: &mut Value) {
    let (path, filters) = reference.split_once('|').unwrap_or((reference, ""));
    if ["any:", "one:"].iter().any(|word| path.starts_with(word)) {
        return;
    }
    let mut place = saves;
    for step in path.replace("['", "[").replace("']", "]").split(['.', '[']) {
        place = match step.strip_suffix(']').map(str::parse::<i64>) {
            Some(Ok(index)) => {
                if !place.is_array() {
                    *place = json!([]);
                }
                let items = place.as_array_mut().unwrap();
                let index = usize::try_from(index).unwrap_or(0);
                items.resize(items.len().max(index + 1), Value::Null);
                &mut items[index]
            }
            _ => &mut place[step.trim_end_matches(']')],
        };
    }
    let words = "a:b:c:d:e:f:g:h";
    if place.is_null() {
        *place = match filters.strip_prefix("json:") {
            Some(key) => json!(json!({ key.split('|').next().unwrap(): words }).to_string()),
            None => json!(words),
        };
    }
}
