//! What is said of a field whose value is of another JSON type: every typed field, of every state.

use serde_json::{Map, Value, json};

use super::{Code, MachineKind};

/// A state with this field, of every kind that has it, and what the field should be.
const FIELDS: &[(&str, &str, &str)] = &[
    ("Pass", "Comment", "String"),
    ("Pass", "Next", "String"),
    ("Pass", "End", "Boolean"),
    ("Pass", "Assign", "Object"),
    ("Pass", "InputPath", "String"),
    ("Pass", "OutputPath", "String"),
    ("Pass", "ResultPath", "String"),
    ("Task", "Resource", "String"),
    ("Task", "TimeoutSeconds", "Integer"),
    ("Task", "TimeoutSecondsPath", "String"),
    ("Task", "HeartbeatSeconds", "Integer"),
    ("Task", "HeartbeatSecondsPath", "String"),
    ("Task", "Credentials", "Object"),
    ("Task", "Retry", "Array"),
    ("Task", "Catch", "Array"),
    ("Wait", "Seconds", "Integer"),
    ("Wait", "SecondsPath", "String"),
    ("Wait", "Timestamp", "String"),
    ("Wait", "TimestampPath", "String"),
    ("Fail", "Error", "String"),
    ("Fail", "ErrorPath", "String"),
    ("Fail", "Cause", "String"),
    ("Fail", "CausePath", "String"),
    ("Choice", "Choices", "Array"),
    ("Choice", "Default", "String"),
    ("Parallel", "Branches", "Array"),
    ("Map", "ItemProcessor", "Object"),
    ("Map", "Iterator", "Object"),
    ("Map", "ItemsPath", "String"),
    ("Map", "MaxConcurrency", "Integer"),
    ("Map", "MaxConcurrencyPath", "String"),
    ("Map", "ToleratedFailureCount", "Integer"),
    ("Map", "ToleratedFailureCountPath", "String"),
    ("Map", "ToleratedFailurePercentage", "Number"),
    ("Map", "ToleratedFailurePercentagePath", "String"),
    ("Map", "Label", "String"),
    ("Map", "ItemReader", "Object"),
    ("Map", "ItemBatcher", "Object"),
    ("Map", "ResultWriter", "Object"),
];

/// A sound state of this type that says as little as it may, beside this field.
fn state(kind: &str, field: &str) -> Map<String, Value> {
    let scope = json!({"StartAt": "Inner", "States": {"Inner": {"Type": "Succeed"}}});
    let rule = json!({"Variable": "$.a", "IsNull": true, "Next": "T"});
    let state = match kind {
        "Pass" => json!({"End": true}),
        "Task" => json!({"End": true, "Resource": "http://localhost/f"}),
        "Wait" => json!({"End": true, "Seconds": 1}),
        "Choice" => json!({"Choices": [rule]}),
        "Parallel" => json!({"End": true, "Branches": [scope]}),
        "Map" => json!({"End": true, "ItemProcessor": scope}),
        _ => json!({}),
    };
    let Value::Object(mut state) = state else { unreachable!("all are objects") };
    state.insert("Type".to_owned(), kind.into());
    // What excludes the field.
    match (kind, field) {
        (_, "Next") => state.remove("End"),
        ("Wait", _) => state.remove("Seconds"),
        (_, "Iterator") => state.remove("ItemProcessor"),
        _ => None,
    };
    state
}

/// What may not be given for a value of this type. Paths may be null where AWS says so.
fn others(kind: &str) -> Vec<Value> {
    let all = [
        ("Integer", json!(1.5)),
        ("Boolean", json!(true)),
        ("String", json!("text")),
        ("Array", json!([])),
        ("Object", json!({})),
    ];
    all.into_iter()
        .filter(|(it, _)| *it != kind && (kind, *it) != ("Number", "Integer"))
        .map(|(_, value)| value)
        .collect()
}

/// The machine with this state in it: at the top, in a Map, in a branch of a Parallel in a Map.
fn places(state: &Value) -> [(String, &'static str); 3] {
    let scope = json!({"StartAt": "S", "States": {"S": state, "T": {"Type": "Succeed"}}});
    let map = |scope: &Value| json!({"StartAt": "M", "States": {"M": {"Type": "Map", "End": true, "ItemProcessor": scope}}});
    let parallel = json!({"StartAt": "P", "States": {"P": {"Type": "Parallel", "End": true, "Branches": [scope]}}});
    [
        (scope.to_string(), "/States/S"),
        (map(&scope).to_string(), "/States/M/ItemProcessor/States/S"),
        (map(&parallel).to_string(), "/States/M/ItemProcessor/States/P/Branches[0]/States/S"),
    ]
}

#[test]
fn every_typed_field_says_which_type_it_has() {
    for (kind, field, expected) in FIELDS {
        for value in others(expected) {
            let mut state = state(kind, field);
            state.insert((*field).to_owned(), value.clone());
            for (text, place) in places(&Value::Object(state)) {
                let found = crate::check(&text, MachineKind::Standard);
                let of_types: Vec<String> = found
                    .iter()
                    .filter(|it| it.code == Code::SchemaValidationFailed)
                    .map(ToString::to_string)
                    .collect();
                let only = format!(
                    "SCHEMA_VALIDATION_FAILED: Expected value of type {expected} at {place}/{field}"
                );
                assert_eq!(of_types, [only], "{kind} {field} {value}");
            }
        }
    }
}
