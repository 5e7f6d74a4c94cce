//! Tasks that end by their token: callbacks, functions that answer later, activities.

use asl::Payload;
use expect_test::expect;
use machine::{FrameId, Stimulus};

use crate::{TIMER, check, failed, ok};

const CALLBACK: &str = r#""A": {"Type": "Task", "End": true,
    "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
    "Parameters": {"FunctionName": "f", "Payload": {"token.$": "$$.Task.Token"}}"#;
const ACTIVITY: &str = r#""A": {"Type": "Task", "End": true,
    "Resource": "arn:aws:states:us-east-1:123456789012:activity:a""#;

fn submitted(task: u64, output: &str) -> Stimulus {
    Stimulus::TaskSubmitted { task, output: Payload::from_text(output).unwrap() }
}

fn token(task: u64, output: &str) -> Stimulus {
    Stimulus::TokenSucceeded { task, output: Payload::from_text(output).unwrap() }
}

fn found(sought: u64) -> Stimulus {
    Stimulus::ActivityFound { frame: FrameId::ROOT, sought }
}

fn taken_by(task: u64, claim: u64) -> Stimulus {
    Stimulus::ActivityStarted { task, worker: Some(format!("w{claim}")), claim }
}

fn taken(task: u64) -> Stimulus {
    taken_by(task, 1)
}

#[test]
fn a_callback_goes_on_with_what_its_token_brings() {
    check(
        &format!("{CALLBACK}}}"),
        "{}",
        &[
            (1, submitted(3, r#"{"StatusCode":200}"#)),
            // The same call, made twice: it has said what it had to say.
            (2, failed(3, "E")),
            (99, token(3, r#"{"yes":1}"#)),
        ],
        &expect![[r#"
            0s Start
              1<-0 ExecutionStarted {}
              2<-0 TaskStateEntered A {}
              3<-2 TaskScheduled {"FunctionName":"f","Payload":{"token":"token-3"}}
              4<-3 TaskStarted
              > invoke 3 A#1 {"FunctionName":"f","Payload":{"token":"token-3"}}
            1s TaskSubmitted
              5<-4 TaskSubmitted {"StatusCode":200}
            2s TaskFailed
              nothing
            99s TokenSucceeded
              6<-5 TaskSucceeded {"yes":1}
              7<-6 TaskStateExited A {"yes":1}
              8<-7 ExecutionSucceeded {"yes":1}
        "#]],
    );
}

#[test]
fn a_token_may_be_used_before_the_call_has_returned_and_then_the_call_says_nothing_more() {
    check(
        &format!("{CALLBACK}}}"),
        "{}",
        &[(1, token(3, "1")), (2, submitted(3, "2")), (3, token(3, "3"))],
        &expect![[r#"
            0s Start
              1<-0 ExecutionStarted {}
              2<-0 TaskStateEntered A {}
              3<-2 TaskScheduled {"FunctionName":"f","Payload":{"token":"token-3"}}
              4<-3 TaskStarted
              > invoke 3 A#1 {"FunctionName":"f","Payload":{"token":"token-3"}}
            1s TokenSucceeded
              5<-4 TaskSucceeded 1
              6<-5 TaskStateExited A 1
              7<-6 ExecutionSucceeded 1
            2s TaskSubmitted
              nothing
            3s TokenSucceeded
              nothing
        "#]],
    );
}

#[test]
fn every_attempt_has_its_own_token_and_the_old_one_is_over() {
    check(
        &format!(
            r#"{CALLBACK}, "TimeoutSeconds": 10,
               "Retry": [{{"ErrorEquals": ["States.Timeout"], "IntervalSeconds": 1}}]}}"#
        ),
        "{}",
        &[
            (1, submitted(3, "1")),
            (10, TIMER),
            (11, TIMER),
            (12, token(3, "2")),
            (12, token(7, "3")),
        ],
        &expect![[r#"
            0s Start
              1<-0 ExecutionStarted {}
              2<-0 TaskStateEntered A {}
              3<-2 TaskScheduled {"FunctionName":"f","Payload":{"token":"token-3"}}
              4<-3 TaskStarted
              > invoke 3 A#1 {"FunctionName":"f","Payload":{"token":"token-3"}}
            1s TaskSubmitted
              5<-4 TaskSubmitted 1
            10s Timer
              6<-5 TaskTimedOut States.Timeout
              - retry by 0 at 11s
              > abandon 3
            11s Timer
              7<-6 TaskScheduled {"FunctionName":"f","Payload":{"token":"token-7"}}
              8<-7 TaskStarted
              > invoke 7 A#2 {"FunctionName":"f","Payload":{"token":"token-7"}}
            12s TokenSucceeded
              nothing
            12s TokenSucceeded
              9<-8 TaskSucceeded 3
              10<-9 TaskStateExited A 3
              11<-10 ExecutionSucceeded 3
        "#]],
    );
}

#[test]
fn a_missed_heartbeat_is_a_timeout_that_can_be_caught_by_its_own_name() {
    check(
        &format!(
            r#"{CALLBACK}, "HeartbeatSeconds": 5,
               "Catch": [{{"ErrorEquals": ["States.HeartbeatTimeout"], "Next": "B"}}]}},
               "B": {{"Type": "Succeed"}}"#
        ),
        "{}",
        // No heartbeat is expected before the call has returned.
        &[(7, TIMER), (8, submitted(3, "1")), (12, TIMER), (13, TIMER)],
        &expect![[r#"
            0s Start
              1<-0 ExecutionStarted {}
              2<-0 TaskStateEntered A {}
              3<-2 TaskScheduled {"FunctionName":"f","Payload":{"token":"token-3"}}
              4<-3 TaskStarted
              > invoke 3 A#1 {"FunctionName":"f","Payload":{"token":"token-3"}}
            7s Timer
              nothing
            8s TaskSubmitted
              5<-4 TaskSubmitted 1
            12s Timer
              nothing
            13s Timer
              6<-5 TaskTimedOut States.Timeout
              7<-6 TaskStateExited A {"Error":"States.Timeout","Cause":""}
              8<-7 SucceedStateEntered B {"Error":"States.Timeout","Cause":""}
              9<-8 SucceedStateExited B {"Error":"States.Timeout","Cause":""}
              10<-9 ExecutionSucceeded {"Error":"States.Timeout","Cause":""}
              > abandon 3
        "#]],
    );
}

#[test]
fn a_function_may_answer_later_and_the_result_has_the_shape_of_an_invocation() {
    check(
        r#""A": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "End": true,
                 "Parameters": {"FunctionName": "f"}, "OutputPath": "$.Payload"}"#,
        "{}",
        &[(1, submitted(3, r#"{"StatusCode":202}"#)), (2, token(3, r#"{"n":1}"#))],
        &expect![[r#"
            0s Start
              1<-0 ExecutionStarted {}
              2<-0 TaskStateEntered A {}
              3<-2 TaskScheduled {"FunctionName":"f"}
              4<-3 TaskStarted
              > invoke 3 A#1 {"FunctionName":"f"}
            1s TaskSubmitted
              5<-4 TaskSubmitted {"StatusCode":202}
            2s TokenSucceeded
              6<-5 TaskSucceeded {"ExecutedVersion":"$LATEST","Payload":{"n":1},"StatusCode":200}
              7<-6 TaskStateExited A {"n":1}
              8<-7 ExecutionSucceeded {"n":1}
        "#]],
    );
    // AWS has no event for the submission of a function that is named by its ARN.
    check(
        r#""A": {LAMBDA, "End": true}"#,
        "{}",
        &[(1, submitted(3, "{}")), (2, token(3, r#"{"n":1}"#))],
        &expect![[r#"
            0s Start
              1<-0 ExecutionStarted {}
              2<-0 TaskStateEntered A {}
              3<-2 LambdaFunctionScheduled {}
              4<-3 LambdaFunctionStarted
              > invoke 3 A#1 {}
            1s TaskSubmitted
              - TaskSubmitted { kind: Lambda { arn: "arn:aws:lambda:us-east-1:123456789012:function:f" }, output: {} }
            2s TokenSucceeded
              5<-4 LambdaFunctionSucceeded {"n":1}
              6<-5 TaskStateExited A {"n":1}
              7<-6 ExecutionSucceeded {"n":1}
        "#]],
    );
}

#[test]
fn an_activity_is_sought_offered_taken_and_ended() {
    check(
        &format!(r#"{ACTIVITY}, "TimeoutSeconds": 60, "HeartbeatSeconds": 10}}"#),
        r#"{"x":1}"#,
        &[(0, found(2)), (500, TIMER), (500, taken(3)), (501, taken(3)), (502, token(3, "7"))],
        &expect![[r#"
            0s Start
              1<-0 ExecutionStarted {"x":1}
              2<-0 TaskStateEntered A {"x":1}
              - ActivitySought { arn: "arn:aws:states:us-east-1:123456789012:activity:a", parameters: {"x":1}, timeout_seconds: Some(60), heartbeat_seconds: Some(10) }
              > find arn:aws:states:us-east-1:123456789012:activity:a
            0s ActivityFound
              3<-2 ActivityScheduled {"x":1}
              > offer 3 of arn:aws:states:us-east-1:123456789012:activity:a {"x":1}
            500s Timer
              nothing
            500s ActivityStarted
              4<-3 ActivityStarted w1
              > withdraw 3
            501s ActivityStarted
              nothing
            502s TokenSucceeded
              5<-4 ActivitySucceeded 7
              6<-5 TaskStateExited A 7
              7<-6 ExecutionSucceeded 7
        "#]],
    );
}

#[test]
fn nobody_ends_a_task_that_no_worker_has_taken() {
    check(
        &format!("{ACTIVITY}}}"),
        "{}",
        &[(0, found(2)), (1, token(3, "7")), (1, ok(3, "7")), (1, failed(3, "E"))],
        &expect![[r#"
            0s Start
              1<-0 ExecutionStarted {}
              2<-0 TaskStateEntered A {}
              - ActivitySought { arn: "arn:aws:states:us-east-1:123456789012:activity:a", parameters: {}, timeout_seconds: None, heartbeat_seconds: None }
              > find arn:aws:states:us-east-1:123456789012:activity:a
            0s ActivityFound
              3<-2 ActivityScheduled {}
              > offer 3 of arn:aws:states:us-east-1:123456789012:activity:a {}
            1s TokenSucceeded
              nothing
            1s TaskSucceeded
              nothing
            1s TaskFailed
              nothing
        "#]],
    );
}

#[test]
fn an_activity_that_does_not_exist_fails_the_state_before_anything_is_scheduled() {
    check(
        &format!("{ACTIVITY}}}"),
        "{}",
        &[(0, Stimulus::ActivityMissing { frame: FrameId::ROOT, sought: 2 })],
        &expect![[r#"
            0s Start
              1<-0 ExecutionStarted {}
              2<-0 TaskStateEntered A {}
              - ActivitySought { arn: "arn:aws:states:us-east-1:123456789012:activity:a", parameters: {}, timeout_seconds: None, heartbeat_seconds: None }
              > find arn:aws:states:us-east-1:123456789012:activity:a
            0s ActivityMissing
              3<-2 ExecutionFailed States.Runtime An error occurred while executing the state 'A' (entered at the event id #2). The activity arn:aws:states:us-east-1:123456789012:activity:a does not exist.
        "#]],
    );
}

#[test]
fn an_offer_is_withdrawn_when_its_execution_ends() {
    check(
        &format!("{ACTIVITY}}}"),
        "{}",
        &[(0, found(2)), (1, Stimulus::Stop { error: None, cause: None })],
        &expect![[r#"
            0s Start
              1<-0 ExecutionStarted {}
              2<-0 TaskStateEntered A {}
              - ActivitySought { arn: "arn:aws:states:us-east-1:123456789012:activity:a", parameters: {}, timeout_seconds: None, heartbeat_seconds: None }
              > find arn:aws:states:us-east-1:123456789012:activity:a
            0s ActivityFound
              3<-2 ActivityScheduled {}
              > offer 3 of arn:aws:states:us-east-1:123456789012:activity:a {}
            1s Stop
              4<-0 ExecutionAborted
              > withdraw 3
        "#]],
    );
}

#[test]
fn a_task_whose_worker_is_gone_before_it_got_it_waits_for_another() {
    let returned = |claim| Stimulus::ActivityReturned { task: 3, claim };
    check(
        &format!(r#"{ACTIVITY}, "TimeoutSeconds": 60}}"#),
        "{}",
        &[
            (0, found(2)),
            (1, taken_by(3, 1)),
            (2, returned(2)),
            (3, returned(1)),
            (3, token(3, "6")),
            (80, TIMER),
            (90, taken_by(3, 3)),
            (91, returned(1)),
            (92, token(3, "7")),
        ],
        &expect![[r#"
            0s Start
              1<-0 ExecutionStarted {}
              2<-0 TaskStateEntered A {}
              - ActivitySought { arn: "arn:aws:states:us-east-1:123456789012:activity:a", parameters: {}, timeout_seconds: Some(60), heartbeat_seconds: None }
              > find arn:aws:states:us-east-1:123456789012:activity:a
            0s ActivityFound
              3<-2 ActivityScheduled {}
              > offer 3 of arn:aws:states:us-east-1:123456789012:activity:a {}
            1s ActivityStarted
              4<-3 ActivityStarted w1
              > withdraw 3
            2s ActivityReturned
              nothing
            3s ActivityReturned
              - ActivityReturned
              > offer 3 of arn:aws:states:us-east-1:123456789012:activity:a {}
            3s TokenSucceeded
              nothing
            80s Timer
              nothing
            90s ActivityStarted
              5<-4 ActivityStarted w3
              > withdraw 3
            91s ActivityReturned
              nothing
            92s TokenSucceeded
              6<-5 ActivitySucceeded 7
              7<-6 TaskStateExited A 7
              8<-7 ExecutionSucceeded 7
        "#]],
    );
}
