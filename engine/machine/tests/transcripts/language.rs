//! Variables and JSONata: what is assigned, who sees it, and what a failed evaluation leaves.

use expect_test::expect;

use crate::{check, failed, ok};

#[test]
fn variables_are_seen_from_the_next_state_on() {
    check(
        r#""A": {"Type": "Pass", "Assign": {"greeting": "hello", "who.$": "$.name"}, "Next": "B"},
           "B": {"Type": "Pass", "Assign": {"who": "nobody", "before.$": "$who"},
                 "Parameters": {"text.$": "States.Format('{} {}', $greeting, $who)"}, "Next": "C"},
           "C": {"Type": "Succeed", "OutputPath": "$who"}"#,
        r#"{"name": "Ada"}"#,
        &[],
        &expect![""],
    );
}

#[test]
fn a_branch_sees_the_variables_around_it_and_keeps_its_own() {
    check(
        r#""A": {"Type": "Pass", "Assign": {"bias": 10}, "Next": "M"},
           "M": {"Type": "Map", "ItemsPath": "$.list", "MaxConcurrency": 1, "Next": "Z",
                 "Assign": {"sums.$": "$"},
                 "ItemProcessor": {"StartAt": "I", "States": {
                    "I": {"Type": "Pass", "Assign": {"x.$": "$"}, "Next": "J"},
                    "J": {"Type": "Pass", "Parameters": {"sum.$": "States.MathAdd($x, $bias)"}, "OutputPath": "$.sum", "End": true}}}},
           "Z": {"Type": "Succeed", "InputPath": "$sums"}"#,
        r#"{"list": [1, 2]}"#,
        &[],
        &expect![""],
    );
}

#[test]
fn a_rule_and_a_catcher_assign_in_place_of_their_state() {
    check(
        r#""A": {"Type": "Choice", "Default": "B", "Assign": {"by": "default"},
                 "Choices": [{"Variable": "$.n", "NumericEquals": 1, "Assign": {"by": "rule"}, "Next": "B"}]},
           "B": {LAMBDA, "Assign": {"by": "task"}, "End": true,
                 "Catch": [{"ErrorEquals": ["States.ALL"], "Assign": {"error.$": "$.Error"}, "Next": "C"}]},
           "C": {"Type": "Pass", "Parameters": {"by.$": "$by", "error.$": "$error"}, "End": true}"#,
        r#"{"n": 1}"#,
        &[(1, failed(4, "Broken"))],
        &expect![""],
    );
}

#[test]
fn jsonata_shapes_what_goes_in_and_what_comes_out() {
    check(
        r#""A": {LAMBDA, "QueryLanguage": "JSONata", "End": true,
                 "Arguments": {"total": "{% $sum($states.input.prices) %}", "fixed": [1]},
                 "Assign": {"paid": "{% $states.result.ok %}"},
                 "Output": "{% $merge([$states.input, {'id': $states.result.id}]) %}"}"#,
        r#"{"prices": [1.5, 2]}"#,
        &[(1, ok(3, r#"{"ok": true, "id": "p-1"}"#))],
        &expect![""],
    );
}

#[test]
fn a_jsonata_choice_goes_where_its_first_true_rule_says() {
    check(
        r#""A": {"Type": "Choice", "QueryLanguage": "JSONata", "Default": "B",
                 "Choices": [{"Condition": "{% $states.input.n > 5 %}", "Next": "C", "Output": "{% $states.input.n %}"}]},
           "B": {"Type": "Fail", "QueryLanguage": "JSONata", "Error": "{% 'Small' %}", "Cause": "{% 'n is ' & $states.input.n %}"},
           "C": {"Type": "Succeed"}"#,
        r#"{"n": 5}"#,
        &[],
        &expect![""],
    );
}

#[test]
fn a_failed_evaluation_is_caught_with_its_error() {
    check(
        r#""A": {LAMBDA, "QueryLanguage": "JSONata", "End": true, "Arguments": "{% $states.input.none %}",
                 "Catch": [{"ErrorEquals": ["States.QueryEvaluationError"], "Next": "B",
                            "Output": "{% $states.errorOutput.Error %}"}]},
           "B": {"Type": "Succeed"}"#,
        r#"{}"#,
        &[],
        &expect![""],
    );
}

#[test]
fn a_map_whose_items_are_no_array_is_closed_though_it_never_began() {
    check(
        r#""A": {"Type": "Map", "QueryLanguage": "JSONata", "End": true, "Items": "{% $states.input.list %}",
                 "ItemProcessor": {"StartAt": "I", "States": {"I": {"Type": "Pass", "End": true}}}}"#,
        r#"{"list": 5}"#,
        &[],
        &expect![""],
    );
    check(
        r#""A": {"Type": "Map", "QueryLanguage": "JSONata", "End": true,
                 "ItemProcessor": {"StartAt": "I", "States": {"I": {"Type": "Pass", "End": true}}}}"#,
        r#"{"list": 5}"#,
        &[],
        &expect![""],
    );
}

#[test]
fn a_wait_evaluates_after_it_was_entered() {
    check(
        r#""A": {"Type": "Wait", "QueryLanguage": "JSONata", "End": true, "Timestamp": "{% 'tomorrow' %}"}"#,
        r#"{}"#,
        &[],
        &expect![""],
    );
}
