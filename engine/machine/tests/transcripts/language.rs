//! Variables and JSONata: what is assigned, who sees it, and what a failed evaluation leaves.

use expect_test::expect;

use machine::Limits;

use crate::{TIMER, check, failed, ok, told};

#[test]
fn variables_are_seen_from_the_next_state_on() {
    check(
        r#""A": {"Type": "Pass", "Assign": {"greeting": "hello", "who.$": "$.name"}, "Next": "B"},
           "B": {"Type": "Pass", "Assign": {"who": "nobody", "before.$": "$who"},
                 "Parameters": {"text.$": "States.Format('{} {}', $greeting, $who)"}, "Next": "C"},
           "C": {"Type": "Succeed", "OutputPath": "$who"}"#,
        r#"{"name": "Ada"}"#,
        &[],
        &expect![[r#"
            0s Start
              1<-0 ExecutionStarted {"name": "Ada"}
              2<-0 PassStateEntered A {"name": "Ada"}
              3<-2 PassStateExited A {"name": "Ada"} {"greeting":"\"hello\"","who":"\"Ada\""}
              4<-3 PassStateEntered B {"name": "Ada"}
              5<-4 PassStateExited B {"text":"hello Ada"} {"who":"\"nobody\"","before":"\"Ada\""}
              6<-5 SucceedStateEntered C {"text":"hello Ada"}
              7<-6 SucceedStateExited C "nobody"
              8<-7 ExecutionSucceeded "nobody"
        "#]],
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
        &expect![[r#"
            0s Start
              1<-0 ExecutionStarted {"list": [1, 2]}
              2<-0 PassStateEntered A {"list": [1, 2]}
              3<-2 PassStateExited A {"list": [1, 2]} {"bias":"10"}
              4<-3 MapStateEntered M {"list": [1, 2]}
              5<-4 MapStateStarted 2
              6<-5 MapIterationStarted M 0
              7<-6 PassStateEntered I 1
              8<-7 PassStateExited I 1 {"x":"1"}
              9<-8 PassStateEntered J 1
              10<-9 PassStateExited J 11
              11<-10 MapIterationSucceeded M 0
              12<-10 MapIterationStarted M 1
              13<-12 PassStateEntered I 2
              14<-13 PassStateExited I 2 {"x":"2"}
              15<-14 PassStateEntered J 2
              16<-15 PassStateExited J 12
              17<-16 MapIterationSucceeded M 1
              18<-17 MapStateSucceeded
              19<-17 MapStateExited M [11,12] {"sums":"[11,12]"}
              20<-19 SucceedStateEntered Z [11,12]
              21<-20 SucceedStateExited Z [11,12]
              22<-21 ExecutionSucceeded [11,12]
        "#]],
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
        &[(1, failed(5, "Broken"))],
        &expect![[r#"
            0s Start
              1<-0 ExecutionStarted {"n": 1}
              2<-0 ChoiceStateEntered A {"n": 1}
              3<-2 ChoiceStateExited A {"n": 1} {"by":"\"rule\""}
              4<-3 TaskStateEntered B {"n": 1}
              5<-4 LambdaFunctionScheduled {"n": 1}
              6<-5 LambdaFunctionStarted
              > invoke 5 B#1 {"n": 1}
            1s TaskFailed
              7<-6 LambdaFunctionFailed Broken because
              8<-7 TaskStateExited B {"Error":"Broken","Cause":"because"} {"error":"\"Broken\""}
              9<-8 PassStateEntered C {"Error":"Broken","Cause":"because"}
              10<-9 PassStateExited C {"by":"rule","error":"Broken"}
              11<-10 ExecutionSucceeded {"by":"rule","error":"Broken"}
        "#]],
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
        &expect![[r#"
            0s Start
              1<-0 ExecutionStarted {"prices": [1.5, 2]}
              2<-0 TaskStateEntered A {"prices": [1.5, 2]}
              3<-2 LambdaFunctionScheduled {"total":3.5,"fixed":[1]}
              4<-3 LambdaFunctionStarted
              > invoke 3 A#1 {"total":3.5,"fixed":[1]}
            1s TaskSucceeded
              5<-4 LambdaFunctionSucceeded {"ok": true, "id": "p-1"}
              6<-5 TaskStateExited A {"prices":[1.5,2],"id":"p-1"} {"paid":"true"}
              7<-6 ExecutionSucceeded {"prices":[1.5,2],"id":"p-1"}
        "#]],
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
        &expect![[r#"
            0s Start
              1<-0 ExecutionStarted {"n": 5}
              2<-0 ChoiceStateEntered A {"n": 5}
              3<-2 ChoiceStateExited A {"n": 5}
              4<-3 FailStateEntered B {"n": 5}
              5<-4 ExecutionFailed Small n is 5
        "#]],
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
        &expect![[r#"
            0s Start
              1<-0 ExecutionStarted {}
              2<-0 TaskStateEntered A {}
              3<-0 EvaluationFailed Arguments States.QueryEvaluationError An error occurred while executing the state 'A' (entered at the event id #2). The JSONata expression '$states.input.none' specified for the field 'Arguments' returned nothing (undefined).
              4<-3 TaskStateExited A "States.QueryEvaluationError"
              5<-4 SucceedStateEntered B "States.QueryEvaluationError"
              6<-5 SucceedStateExited B "States.QueryEvaluationError"
              7<-6 ExecutionSucceeded "States.QueryEvaluationError"
        "#]],
    );
}

#[test]
fn a_map_whose_items_are_no_array_is_closed_though_it_never_began() {
    check(
        r#""A": {"Type": "Map", "QueryLanguage": "JSONata", "End": true, "Items": "{% $states.input.list %}",
                 "ItemProcessor": {"StartAt": "I", "States": {"I": {"Type": "Pass", "End": true}}}}"#,
        r#"{"list": 5}"#,
        &[],
        &expect![[r#"
            0s Start
              1<-0 ExecutionStarted {"list": 5}
              2<-0 MapStateEntered A {"list": 5}
              3<-0 EvaluationFailed Items States.QueryEvaluationError An error occurred while executing the state 'A' (entered at the event id #2). The JSONata expression '$states.input.list' specified for the field 'Items' returned an unexpected result type. Expected 'array', but was 'number' for value: 5
              4<-3 MapStateFailed
              5<-4 ExecutionFailed States.QueryEvaluationError An error occurred while executing the state 'A' (entered at the event id #2). The JSONata expression '$states.input.list' specified for the field 'Items' returned an unexpected result type. Expected 'array', but was 'number' for value: 5
        "#]],
    );
    check(
        r#""A": {"Type": "Map", "QueryLanguage": "JSONata", "End": true,
                 "ItemProcessor": {"StartAt": "I", "States": {"I": {"Type": "Pass", "End": true}}}}"#,
        r#"{"list": 5}"#,
        &[],
        &expect![[r#"
            0s Start
              1<-0 ExecutionStarted {"list": 5}
              2<-0 MapStateEntered A {"list": 5}
              3<-0 EvaluationFailed States.QueryEvaluationError An error occurred while executing the state 'A' (entered at the event id #2). Map state input must be an array but was: {"list":5}
              4<-3 MapStateFailed
              5<-4 ExecutionFailed States.QueryEvaluationError An error occurred while executing the state 'A' (entered at the event id #2). Map state input must be an array but was: {"list":5}
        "#]],
    );
}

#[test]
fn a_wait_evaluates_after_it_was_entered() {
    check(
        r#""A": {"Type": "Wait", "QueryLanguage": "JSONata", "End": true, "Timestamp": "{% 'tomorrow' %}"}"#,
        r#"{}"#,
        &[],
        &expect![[r#"
            0s Start
              1<-0 ExecutionStarted {}
              2<-0 WaitStateEntered A {}
              3<-2 EvaluationFailed Timestamp States.QueryEvaluationError An error occurred while executing the state 'A' (entered at the event id #2). The Timestamp field cannot be parsed as an ISO-8601 extended offset date-time format string: tomorrow
              4<-3 ExecutionFailed States.QueryEvaluationError An error occurred while executing the state 'A' (entered at the event id #2). The Timestamp field cannot be parsed as an ISO-8601 extended offset date-time format string: tomorrow
        "#]],
    );
}

#[test]
fn a_jsonata_map_that_is_retried_begins_its_iterations_anew() {
    check(
        r#""A": {"Type": "Map", "QueryLanguage": "JSONata", "MaxConcurrency": 1, "End": true,
                 "Items": "{% $states.input.list %}",
                 "ItemSelector": {"n": "{% $states.context.Map.Item.Value %}"},
                 "Retry": [{"ErrorEquals": ["Tide"], "IntervalSeconds": 1, "MaxAttempts": 1}],
                 "Output": {"sums": "{% $states.result %}", "tries": "{% $states.context.State.RetryCount %}"},
                 "ItemProcessor": {"StartAt": "I", "States": {
                    "I": {LAMBDA, "QueryLanguage": "JSONata", "Arguments": "{% $states.input.n %}",
                          "Output": "{% $states.result * 10 %}", "End": true}}}}"#,
        r#"{"list": [1, 2]}"#,
        &[(1, ok(6, "1")), (2, failed(13, "Tide")), (3, TIMER), (4, ok(21, "1")), (5, ok(28, "2"))],
        &expect![[r#"
            0s Start
              1<-0 ExecutionStarted {"list": [1, 2]}
              2<-0 MapStateEntered A {"list": [1, 2]}
              3<-2 MapStateStarted 2
              4<-3 MapIterationStarted A 0
              5<-4 TaskStateEntered I {"n":1}
              6<-5 LambdaFunctionScheduled 1
              7<-6 LambdaFunctionStarted
              > invoke 6 I#1 1
            1s TaskSucceeded
              8<-7 LambdaFunctionSucceeded 1
              9<-8 TaskStateExited I 10
              10<-9 MapIterationSucceeded A 0
              11<-9 MapIterationStarted A 1
              12<-11 TaskStateEntered I {"n":2}
              13<-12 LambdaFunctionScheduled 2
              14<-13 LambdaFunctionStarted
              > invoke 13 I#1 2
            2s TaskFailed
              15<-14 LambdaFunctionFailed Tide because
              16<-15 MapIterationFailed A 1
              17<-15 TaskStateAborted
              - retry by 0 at 3s
            3s Timer
              18<-15 MapStateStarted 2
              19<-18 MapIterationStarted A 0
              20<-19 TaskStateEntered I {"n":1}
              21<-20 LambdaFunctionScheduled 1
              22<-21 LambdaFunctionStarted
              > invoke 21 I#1 1
            4s TaskSucceeded
              23<-22 LambdaFunctionSucceeded 1
              24<-23 TaskStateExited I 10
              25<-24 MapIterationSucceeded A 0
              26<-24 MapIterationStarted A 1
              27<-26 TaskStateEntered I {"n":2}
              28<-27 LambdaFunctionScheduled 2
              29<-28 LambdaFunctionStarted
              > invoke 28 I#1 2
            5s TaskSucceeded
              30<-29 LambdaFunctionSucceeded 2
              31<-30 TaskStateExited I 20
              32<-31 MapIterationSucceeded A 1
              33<-32 MapStateSucceeded
              34<-32 MapStateExited A {"sums":[10,20],"tries":1}
              35<-34 ExecutionSucceeded {"sums":[10,20],"tries":1}
        "#]],
    );
}

#[test]
fn heartbeats_of_expressions_come_before_the_timeout() {
    let task = |timeout: &str, heartbeat: &str| {
        format!(
            r#""A": {{LAMBDA, "QueryLanguage": "JSONata", "End": true,
                 "TimeoutSeconds": {timeout}, "HeartbeatSeconds": {heartbeat}}}"#
        )
    };
    let query = |member: &str| format!("\"{{% $states.input.{member} %}}\"");
    let (t, h) = (&query("t"), &query("h"));
    let told = |task: &str, input: &str| told(&Limits::strict(), task, input, &[]);
    let told = [
        told(&task(t, h), r#"{"t": 5, "h": 5}"#),
        told(&task("5", h), r#"{"h": 6}"#),
        told(&task(t, "5"), r#"{"t": 5}"#),
        told(&task(t, h), r#"{"t": 5, "h": 4}"#),
        told(&task(t, h), r#"{"t": 0, "h": 0}"#),
    ]
    .concat();
    expect![[r#"
        0s Start
          1<-0 ExecutionStarted {"t": 5, "h": 5}
          2<-0 TaskStateEntered A {"t": 5, "h": 5}
          3<-0 EvaluationFailed HeartbeatSeconds States.QueryEvaluationError An error occurred while executing the state 'A' (entered at the event id #2). HeartbeatSeconds must be between 0 and 4 but was: 5
          4<-3 ExecutionFailed States.QueryEvaluationError An error occurred while executing the state 'A' (entered at the event id #2). HeartbeatSeconds must be between 0 and 4 but was: 5
        0s Start
          1<-0 ExecutionStarted {"h": 6}
          2<-0 TaskStateEntered A {"h": 6}
          3<-0 EvaluationFailed HeartbeatSeconds States.QueryEvaluationError An error occurred while executing the state 'A' (entered at the event id #2). HeartbeatSeconds must be between 0 and 4 but was: 6
          4<-3 ExecutionFailed States.QueryEvaluationError An error occurred while executing the state 'A' (entered at the event id #2). HeartbeatSeconds must be between 0 and 4 but was: 6
        0s Start
          1<-0 ExecutionStarted {"t": 5}
          2<-0 TaskStateEntered A {"t": 5}
          3<-0 EvaluationFailed TimeoutSeconds States.QueryEvaluationError An error occurred while executing the state 'A' (entered at the event id #2). TimeoutSeconds must be between 6 and 99999999 but was: 5
          4<-3 ExecutionFailed States.QueryEvaluationError An error occurred while executing the state 'A' (entered at the event id #2). TimeoutSeconds must be between 6 and 99999999 but was: 5
        0s Start
          1<-0 ExecutionStarted {"t": 5, "h": 4}
          2<-0 TaskStateEntered A {"t": 5, "h": 4}
          3<-2 LambdaFunctionScheduled {"t": 5, "h": 4}
          4<-3 LambdaFunctionStarted
          > invoke 3 A#1 {"t": 5, "h": 4}
        waits until 5s
        0s Start
          1<-0 ExecutionStarted {"t": 0, "h": 0}
          2<-0 TaskStateEntered A {"t": 0, "h": 0}
          3<-2 LambdaFunctionScheduled {"t": 0, "h": 0}
          4<-3 LambdaFunctionStarted
          > invoke 3 A#1 {"t": 0, "h": 0}
        waits until 0s
    "#]].assert_eq(&told);
}
