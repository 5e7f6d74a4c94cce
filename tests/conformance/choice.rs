//! The comparisons of Choice, against what AWS recorded for each.

use std::fs;

use asl::choice_rule::{Comparison, Condition, Test};
use asl::{Part, Path, Scope};
use serde_json::Value;

use crate::data;

const FILES: [&str; 5] = [
    "choice_operators__test_boolean_equals",
    "choice_operators__test_is_operators",
    "choice_operators__test_numeric",
    "choice_operators__test_string_operators",
    "choice_operators__test_timestamp_operators",
];

/// Whether the only rule of the recorded definition holds for the input; none if it is unreadable.
fn holds(rule: &Value, input: &Value) -> Option<bool> {
    let (operator, operand) =
        rule.as_object()?.iter().find(|(key, _)| *key != "Variable" && *key != "Next")?;
    let test = Test::parse(operator, operand)?.ok()?;
    let variable = Path::parse(rule["Variable"].as_str()?).ok()?;
    let context = || Part::Data(&Value::Null);
    let scope = Scope { input, context: &context };
    Condition::Compare(Comparison { variable, test }).holds(&scope).ok()
}

#[test]
fn every_recorded_comparison_comes_out_as_on_aws() {
    let folder = data::find("asl/cases").unwrap();
    let mut compared = 0;
    for file in FILES {
        let text = fs::read_to_string(folder.join(format!("{file}.json"))).unwrap();
        let recording: Value = serde_json::from_str(&text).unwrap();
        for case in recording["cases"].as_array().unwrap() {
            let mut rule = &Value::Null;
            let mut answers = case["expect"]["cases"].as_array().unwrap().iter();
            for step in case["steps"].as_array().unwrap() {
                let params = &step["params"];
                if step["call"] == "CreateStateMachine" {
                    rule = &params["definition"]["$json"]["States"]["CheckValues"]["Choices"][0];
                }
                if step["call"] == "StartExecution" {
                    let expected =
                        answers.next().unwrap()["output"]["TestResult.$"] == "ConditionTrue";
                    let input = &params["input"]["$json"];
                    assert_eq!(holds(rule, input), Some(expected), "{rule} for {input}");
                    compared += 1;
                }
            }
        }
    }
    assert!(compared > 300, "only {compared} recordings were compared");
}
