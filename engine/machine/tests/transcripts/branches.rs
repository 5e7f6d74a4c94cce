//! Parallel and Map.

use expect_test::expect;

use crate::{check, failed, ok};

#[test]
fn an_input_that_is_passed_on_keeps_its_white_space() {
    check(
        r#""A": {"Type": "Parallel", "End": true, "Branches": [
              {"StartAt": "B", "States": {"B": {"Type": "Pass", "End": true}}}]}"#,
        "[ 1,  2 ]",
        &[],
        &expect![[r#"
            0s Start
              1<-0 ExecutionStarted [ 1,  2 ]
              2<-0 ParallelStateEntered A [ 1,  2 ]
              3<-2 ParallelStateStarted
              4<-3 PassStateEntered B [ 1,  2 ]
              5<-4 PassStateExited B [ 1,  2 ]
              - BranchSucceeded
              6<-5 ParallelStateSucceeded
              7<-5 ParallelStateExited A [[ 1,  2 ]]
              8<-7 ExecutionSucceeded [[ 1,  2 ]]
        "#]],
    );
}

#[test]
fn a_failing_branch_stops_the_others() {
    check(
        r#""A": {"Type": "Parallel", "Branches": [
              {"StartAt": "B", "States": {"B": {LAMBDA, "End": true}}},
              {"StartAt": "C", "States": {"C": {LAMBDA, "End": true}}},
              {"StartAt": "D", "States": {"D": {"Type": "Wait", "Seconds": 9, "End": true}}}],
              "Catch": [{"ErrorEquals": ["Oops"], "Next": "E"}], "End": true},
           "E": {"Type": "Pass", "End": true}"#,
        "{}",
        &[(1, failed(8, "Oops")), (2, ok(5, "1"))],
        &expect![[r#"
            0s Start
              1<-0 ExecutionStarted {}
              2<-0 ParallelStateEntered A {}
              3<-2 ParallelStateStarted
              4<-3 TaskStateEntered B {}
              5<-4 LambdaFunctionScheduled {}
              6<-5 LambdaFunctionStarted
              7<-3 TaskStateEntered C {}
              8<-7 LambdaFunctionScheduled {}
              9<-8 LambdaFunctionStarted
              10<-3 WaitStateEntered D {}
              - wait until 9s
              > invoke 5 B#1 {}
              > invoke 8 C#1 {}
            1s TaskFailed
              11<-9 LambdaFunctionFailed Oops because
              12<-11 TaskStateAborted
              - BranchFailed
              13<-11 TaskStateAborted
              14<-11 WaitStateAborted
              15<-11 ParallelStateFailed
              16<-15 ParallelStateExited A {"Error":"Oops","Cause":"because"}
              17<-16 PassStateEntered E {"Error":"Oops","Cause":"because"}
              18<-17 PassStateExited E {"Error":"Oops","Cause":"because"}
              19<-18 ExecutionSucceeded {"Error":"Oops","Cause":"because"}
              > abandon 5
            2s TaskSucceeded
              nothing
        "#]],
    );
}

#[test]
fn a_map_starts_as_many_iterations_as_it_may() {
    check(
        r#""A": {"Type": "Map", "MaxConcurrency": 2, "ItemSelector": {"i.$": "$$.Map.Item.Index", "v.$": "$$.Map.Item.Value"},
              "ItemProcessor": {"StartAt": "B", "States": {"B": {LAMBDA, "End": true}}}, "End": true}"#,
        "[10, 20, 30]",
        &[(1, ok(10, "2")), (2, ok(7, "1")), (3, ok(14, "3"))],
        &expect![[r#"
            0s Start
              1<-0 ExecutionStarted [10, 20, 30]
              2<-0 MapStateEntered A [10, 20, 30]
              3<-2 MapStateStarted 3
              4<-3 MapIterationStarted A 0
              5<-3 MapIterationStarted A 1
              6<-4 TaskStateEntered B {"v":10,"i":0}
              7<-6 LambdaFunctionScheduled {"v":10,"i":0}
              8<-7 LambdaFunctionStarted
              9<-5 TaskStateEntered B {"v":20,"i":1}
              10<-9 LambdaFunctionScheduled {"v":20,"i":1}
              11<-10 LambdaFunctionStarted
              > invoke 7 B#1 {"v":10,"i":0}
              > invoke 10 B#1 {"v":20,"i":1}
            1s TaskSucceeded
              12<-11 LambdaFunctionSucceeded 2
              13<-12 TaskStateExited B 2
              14<-13 MapIterationSucceeded A 1
              15<-13 MapIterationStarted A 2
              16<-15 TaskStateEntered B {"v":30,"i":2}
              17<-16 LambdaFunctionScheduled {"v":30,"i":2}
              18<-17 LambdaFunctionStarted
              > invoke 17 B#1 {"v":30,"i":2}
            2s TaskSucceeded
              19<-8 LambdaFunctionSucceeded 1
              20<-19 TaskStateExited B 1
              21<-20 MapIterationSucceeded A 0
            3s TaskSucceeded
              nothing
        "#]],
    );
}

#[test]
fn an_empty_map_succeeds_at_once() {
    check(
        r#""A": {"Type": "Map", "ItemProcessor": {"StartAt": "B", "States": {"B": {LAMBDA, "End": true}}}, "End": true}"#,
        "[]",
        &[],
        &expect![[r#"
            0s Start
              1<-0 ExecutionStarted []
              2<-0 MapStateEntered A []
              3<-2 MapStateStarted 0
              4<-3 MapStateSucceeded
              5<-3 MapStateExited A []
              6<-5 ExecutionSucceeded []
        "#]],
    );
}

#[test]
fn iterations_end_in_the_order_of_their_items_whichever_failed() {
    check(
        r#""A": {"Type": "Map", "End": true, "ItemProcessor": {"StartAt": "C", "States": {
              "C": {"Type": "Choice", "Choices": [
                  {"Variable": "$", "NumericEquals": 1, "Next": "B"},
                  {"Variable": "$", "NumericEquals": 2, "Next": "M"}], "Default": "W"},
              "B": {LAMBDA, "End": true},
              "M": {"Type": "Parallel", "End": true, "Branches": [
                  {"StartAt": "X", "States": {"X": {"Type": "Wait", "Seconds": 9, "End": true}}},
                  {"StartAt": "Y", "States": {"Y": {"Type": "Wait", "Seconds": 9, "End": true}}}]},
              "W": {"Type": "Wait", "Seconds": 9, "End": true}}}}"#,
        "[0, 1, 2, 3]",
        &[(1, failed(16, "Oops"))],
        &expect![[r#"
            0s Start
              1<-0 ExecutionStarted [0, 1, 2, 3]
              2<-0 MapStateEntered A [0, 1, 2, 3]
              3<-2 MapStateStarted 4
              4<-3 MapIterationStarted A 0
              5<-3 MapIterationStarted A 1
              6<-4 ChoiceStateEntered C 0
              7<-6 ChoiceStateExited C 0
              8<-3 MapIterationStarted A 2
              9<-5 ChoiceStateEntered C 1
              10<-9 ChoiceStateExited C 1
              11<-7 WaitStateEntered W 0
              - wait until 9s
              12<-3 MapIterationStarted A 3
              13<-8 ChoiceStateEntered C 2
              14<-13 ChoiceStateExited C 2
              15<-10 TaskStateEntered B 1
              16<-15 LambdaFunctionScheduled 1
              17<-16 LambdaFunctionStarted
              18<-12 ChoiceStateEntered C 3
              19<-18 ChoiceStateExited C 3
              20<-14 ParallelStateEntered M 2
              21<-20 ParallelStateStarted
              22<-19 WaitStateEntered W 3
              - wait until 9s
              23<-21 WaitStateEntered X 2
              - wait until 9s
              24<-21 WaitStateEntered Y 2
              - wait until 9s
              > invoke 16 B#1 1
            1s TaskFailed
              25<-17 LambdaFunctionFailed Oops because
              26<-25 MapIterationAborted A 0
              27<-25 WaitStateAborted
              28<-25 MapIterationFailed A 1
              29<-25 TaskStateAborted
              30<-25 MapIterationAborted A 2
              31<-25 WaitStateAborted
              32<-25 WaitStateAborted
              33<-25 ParallelStateAborted
              34<-25 MapIterationAborted A 3
              35<-25 WaitStateAborted
              36<-25 MapStateFailed
              37<-36 ExecutionFailed Oops because
        "#]],
    );
}
