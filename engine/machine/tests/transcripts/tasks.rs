//! Tasks: their outcomes, retries, timeouts, and their end.

use expect_test::expect;
use machine::Stimulus;

use crate::{TIMER, check, failed, ok};

#[test]
fn a_task_is_one_turn_and_a_late_answer_changes_nothing() {
    check(
        r#""A": {LAMBDA, "Parameters": {"v.$": "$.n"}, "ResultSelector": {"got.$": "$.r"}, "ResultPath": "$.a", "Next": "B"},
           "B": {"Type": "Wait", "Seconds": 10, "End": true}"#,
        r#"{"n": 7}"#,
        &[(1, ok(3, r#"{"r": 8}"#)), (2, ok(3, "9")), (10, TIMER), (11, TIMER), (12, ok(3, "1"))],
        &expect![[r#"
            0s Start
              1<-0 ExecutionStarted {"n": 7}
              2<-0 TaskStateEntered A {"n": 7}
              3<-2 LambdaFunctionScheduled {"v":7}
              4<-3 LambdaFunctionStarted
              > invoke 3 A#1 {"v":7}
            1s TaskSucceeded
              5<-4 LambdaFunctionSucceeded {"r": 8}
              6<-5 TaskStateExited A {"n":7,"a":{"got":8}}
              7<-6 WaitStateEntered B {"n":7,"a":{"got":8}}
              - wait until 11s
            2s TaskSucceeded
              nothing
            10s Timer
              nothing
            11s Timer
              8<-7 WaitStateExited B {"n":7,"a":{"got":8}}
              9<-8 ExecutionSucceeded {"n":7,"a":{"got":8}}
            12s TaskSucceeded
              nothing
        "#]],
    );
}

#[test]
fn each_retrier_counts_for_itself_and_then_the_catcher_has_its_turn() {
    check(
        r#""A": {LAMBDA, "Retry": [{"ErrorEquals": ["X"], "IntervalSeconds": 2, "MaxAttempts": 1},
                                   {"ErrorEquals": ["States.TaskFailed"], "MaxAttempts": 1}],
                "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.e", "Next": "B"}], "End": true},
           "B": {"Type": "Succeed"}"#,
        "{}",
        &[(1, failed(3, "X")), (3, TIMER), (4, failed(6, "Y")), (5, TIMER), (6, failed(9, "X"))],
        &expect![[r#"
            0s Start
              1<-0 ExecutionStarted {}
              2<-0 TaskStateEntered A {}
              3<-2 LambdaFunctionScheduled {}
              4<-3 LambdaFunctionStarted
              > invoke 3 A#1 {}
            1s TaskFailed
              5<-4 LambdaFunctionFailed X because
              - retry by 0 at 3s
            3s Timer
              6<-5 LambdaFunctionScheduled {}
              7<-6 LambdaFunctionStarted
              > invoke 6 A#2 {}
            4s TaskFailed
              8<-7 LambdaFunctionFailed Y because
              - retry by 1 at 5s
            5s Timer
              9<-8 LambdaFunctionScheduled {}
              10<-9 LambdaFunctionStarted
              > invoke 9 A#3 {}
            6s TaskFailed
              11<-10 LambdaFunctionFailed X because
              12<-11 TaskStateExited A {"e":{"Error":"X","Cause":"because"}}
              13<-12 SucceedStateEntered B {"e":{"Error":"X","Cause":"because"}}
              14<-13 SucceedStateExited B {"e":{"Error":"X","Cause":"because"}}
              15<-14 ExecutionSucceeded {"e":{"Error":"X","Cause":"because"}}
        "#]],
    );
}

#[test]
fn a_timeout_is_an_error_with_an_empty_cause() {
    check(
        r#""A": {LAMBDA, "TimeoutSeconds": 5, "Catch": [{"ErrorEquals": ["States.Timeout"], "Next": "B"}], "End": true},
           "B": {"Type": "Pass", "End": true}"#,
        "{}",
        &[(4, TIMER), (5, TIMER), (6, ok(3, "1"))],
        &expect![[r#"
            0s Start
              1<-0 ExecutionStarted {}
              2<-0 TaskStateEntered A {}
              3<-2 LambdaFunctionScheduled {}
              4<-3 LambdaFunctionStarted
              > invoke 3 A#1 {}
            4s Timer
              nothing
            5s Timer
              5<-4 LambdaFunctionTimedOut States.Timeout
              6<-5 TaskStateExited A {"Error":"States.Timeout","Cause":""}
              7<-6 PassStateEntered B {"Error":"States.Timeout","Cause":""}
              8<-7 PassStateExited B {"Error":"States.Timeout","Cause":""}
              9<-8 ExecutionSucceeded {"Error":"States.Timeout","Cause":""}
              > abandon 3
            6s TaskSucceeded
              nothing
        "#]],
    );
}

#[test]
fn a_queued_call_has_no_timeout_until_it_begins() {
    check(
        r#""A": {LAMBDA, "TimeoutSeconds": 5, "End": true}"#,
        "{}",
        &[
            (0, Stimulus::TaskQueued { task: 3 }),
            (60, TIMER),
            (90, Stimulus::TaskBegan { task: 3 }),
            (95, TIMER),
        ],
        &expect![[r#"
            0s Start
              1<-0 ExecutionStarted {}
              2<-0 TaskStateEntered A {}
              3<-2 LambdaFunctionScheduled {}
              4<-3 LambdaFunctionStarted
              > invoke 3 A#1 {}
            0s TaskQueued
              - TaskQueued
            60s Timer
              nothing
            90s TaskBegan
              - TaskBegan { deadline: Some(Timestamp(95000)) }
            95s Timer
              5<-4 LambdaFunctionTimedOut States.Timeout
              6<-5 ExecutionFailed States.Timeout
              > abandon 3
        "#]],
    );
}

#[test]
fn what_is_queued_is_known_not_to_have_begun_also_without_a_timeout() {
    check(
        r#""A": {LAMBDA, "End": true}"#,
        "{}",
        &[
            (0, Stimulus::TaskQueued { task: 3 }),
            (1, Stimulus::TaskQueued { task: 3 }),
            (2, Stimulus::TaskBegan { task: 3 }),
            (3, Stimulus::TaskBegan { task: 3 }),
        ],
        &expect![[r#"
            0s Start
              1<-0 ExecutionStarted {}
              2<-0 TaskStateEntered A {}
              3<-2 LambdaFunctionScheduled {}
              4<-3 LambdaFunctionStarted
              > invoke 3 A#1 {}
            0s TaskQueued
              - TaskQueued
            1s TaskQueued
              nothing
            2s TaskBegan
              - TaskBegan { deadline: None }
            3s TaskBegan
              nothing
        "#]],
    );
}

#[test]
fn a_call_that_may_have_been_made_waits_without_a_timeout_and_is_not_called_queued() {
    check(
        r#""A": {LAMBDA, "TimeoutSeconds": 5, "End": true}"#,
        "{}",
        &[
            (1, Stimulus::TaskDelayed { task: 3 }),
            (60, TIMER),
            (90, Stimulus::TaskBegan { task: 3 }),
            (95, TIMER),
        ],
        &expect![[r#"
            0s Start
              1<-0 ExecutionStarted {}
              2<-0 TaskStateEntered A {}
              3<-2 LambdaFunctionScheduled {}
              4<-3 LambdaFunctionStarted
              > invoke 3 A#1 {}
            1s TaskDelayed
              - TaskBegan { deadline: None }
            60s Timer
              nothing
            90s TaskBegan
              - TaskBegan { deadline: Some(Timestamp(95000)) }
            95s Timer
              5<-4 LambdaFunctionTimedOut States.Timeout
              6<-5 ExecutionFailed States.Timeout
              > abandon 3
        "#]],
    );
}

#[test]
fn a_missing_path_fails_the_execution_and_nothing_catches_it() {
    check(
        r#""A": {LAMBDA, "Parameters": {"v.$": "$.none"}, "Retry": [{"ErrorEquals": ["States.ALL"]}],
              "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "B"}], "End": true},
           "B": {"Type": "Pass", "End": true}"#,
        r#"{"n": 1}"#,
        &[],
        &expect![[r#"
            0s Start
              1<-0 ExecutionStarted {"n": 1}
              2<-0 TaskStateEntered A {"n": 1}
              3<-2 ExecutionFailed States.Runtime An error occurred while executing the state 'A' (entered at the event id #2). The JSONPath '$.none' specified for the field 'v.$' could not be found in the input '{"n":1}'
        "#]],
    );
}

#[test]
fn a_stopped_execution_abandons_its_tasks() {
    check(
        r#""A": {LAMBDA, "End": true}"#,
        "{}",
        &[
            (1, Stimulus::Stop { error: Some("Enough".to_owned()), cause: None }),
            (2, ok(3, "1")),
            (3, Stimulus::Stop { error: None, cause: None }),
        ],
        &expect![[r#"
            0s Start
              1<-0 ExecutionStarted {}
              2<-0 TaskStateEntered A {}
              3<-2 LambdaFunctionScheduled {}
              4<-3 LambdaFunctionStarted
              > invoke 3 A#1 {}
            1s Stop
              5<-0 ExecutionAborted Enough
              > abandon 3
            2s TaskSucceeded
              nothing
            3s Stop
              nothing
        "#]],
    );
}
