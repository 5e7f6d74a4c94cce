//! Whole histories, as AWS's API writes them: one event of every type, with all its details.

use asl::Payload;
use expect_test::{Expect, expect};
use machine::history::View;
use machine::{Event, EventKind, FrameId, Limits, Stimulus, Timestamp};

use crate::{Happening, TIMER, definition, failed, ok, play};

const CARGO: &str = r#"{"hold": 3}"#;

fn history(states: &str, happenings: &[Happening], expected: &Expect) {
    expected.assert_eq(&written(&log(states, happenings), true));
}

fn log(states: &str, happenings: &[Happening]) -> Vec<Event> {
    play(&Limits::strict(), &definition(states), CARGO, happenings).log
}

/// The events that a user sees, a line of JSON each.
fn written(log: &[Event], with_data: bool) -> String {
    let view = View { region: "us-east-1", with_data };
    let shown = log.iter().filter_map(|event| view.show(event));
    shown.map(|event| event.to_aws().to_string() + "\n").collect()
}

#[test]
fn a_function_by_its_arn() {
    history(
        r#""A": {LAMBDA, "TimeoutSeconds": 30, "HeartbeatSeconds": 10, "End": true}"#,
        &[(1, ok(3, r#"{"crew": 7}"#))],
        &expect![[r#"
            {"timestamp":0.0,"type":"ExecutionStarted","id":1,"previousEventId":0,"executionStartedEventDetails":{"input":"{\"hold\": 3}","inputDetails":{"truncated":false},"roleArn":"arn:aws:iam::123456789012:role/r"}}
            {"timestamp":0.0,"type":"TaskStateEntered","id":2,"previousEventId":0,"stateEnteredEventDetails":{"name":"A","input":"{\"hold\": 3}","inputDetails":{"truncated":false}}}
            {"timestamp":0.0,"type":"LambdaFunctionScheduled","id":3,"previousEventId":2,"lambdaFunctionScheduledEventDetails":{"resource":"arn:aws:lambda:us-east-1:123456789012:function:f","input":"{\"hold\": 3}","inputDetails":{"truncated":false},"timeoutInSeconds":30}}
            {"timestamp":0.0,"type":"LambdaFunctionStarted","id":4,"previousEventId":3}
            {"timestamp":1.0,"type":"LambdaFunctionSucceeded","id":5,"previousEventId":4,"lambdaFunctionSucceededEventDetails":{"output":"{\"crew\": 7}","outputDetails":{"truncated":false}}}
            {"timestamp":1.0,"type":"TaskStateExited","id":6,"previousEventId":5,"stateExitedEventDetails":{"name":"A","output":"{\"crew\": 7}","outputDetails":{"truncated":false}}}
            {"timestamp":1.0,"type":"ExecutionSucceeded","id":7,"previousEventId":6,"executionSucceededEventDetails":{"output":"{\"crew\": 7}","outputDetails":{"truncated":false}}}
        "#]],
    );
    history(
        r#""A": {LAMBDA, "End": true}"#,
        &[(1, failed(3, "Mutiny"))],
        &expect![[r#"
        {"timestamp":0.0,"type":"ExecutionStarted","id":1,"previousEventId":0,"executionStartedEventDetails":{"input":"{\"hold\": 3}","inputDetails":{"truncated":false},"roleArn":"arn:aws:iam::123456789012:role/r"}}
        {"timestamp":0.0,"type":"TaskStateEntered","id":2,"previousEventId":0,"stateEnteredEventDetails":{"name":"A","input":"{\"hold\": 3}","inputDetails":{"truncated":false}}}
        {"timestamp":0.0,"type":"LambdaFunctionScheduled","id":3,"previousEventId":2,"lambdaFunctionScheduledEventDetails":{"resource":"arn:aws:lambda:us-east-1:123456789012:function:f","input":"{\"hold\": 3}","inputDetails":{"truncated":false}}}
        {"timestamp":0.0,"type":"LambdaFunctionStarted","id":4,"previousEventId":3}
        {"timestamp":1.0,"type":"LambdaFunctionFailed","id":5,"previousEventId":4,"lambdaFunctionFailedEventDetails":{"error":"Mutiny","cause":"because"}}
        {"timestamp":1.0,"type":"ExecutionFailed","id":6,"previousEventId":5,"executionFailedEventDetails":{"error":"Mutiny","cause":"because"}}
    "#]],
    );
    history(
        r#""A": {LAMBDA, "TimeoutSeconds": 30, "End": true}"#,
        &[(30, TIMER)],
        &expect![[r#"
        {"timestamp":0.0,"type":"ExecutionStarted","id":1,"previousEventId":0,"executionStartedEventDetails":{"input":"{\"hold\": 3}","inputDetails":{"truncated":false},"roleArn":"arn:aws:iam::123456789012:role/r"}}
        {"timestamp":0.0,"type":"TaskStateEntered","id":2,"previousEventId":0,"stateEnteredEventDetails":{"name":"A","input":"{\"hold\": 3}","inputDetails":{"truncated":false}}}
        {"timestamp":0.0,"type":"LambdaFunctionScheduled","id":3,"previousEventId":2,"lambdaFunctionScheduledEventDetails":{"resource":"arn:aws:lambda:us-east-1:123456789012:function:f","input":"{\"hold\": 3}","inputDetails":{"truncated":false},"timeoutInSeconds":30}}
        {"timestamp":0.0,"type":"LambdaFunctionStarted","id":4,"previousEventId":3}
        {"timestamp":30.0,"type":"LambdaFunctionTimedOut","id":5,"previousEventId":4,"lambdaFunctionTimedOutEventDetails":{"error":"States.Timeout"}}
        {"timestamp":30.0,"type":"ExecutionFailed","id":6,"previousEventId":5,"executionFailedEventDetails":{"error":"States.Timeout"}}
    "#]],
    );
}

#[test]
fn a_redrive() {
    let redriven = Event {
        id: 7,
        previous: 6,
        at: Timestamp(2_000),
        frame: FrameId::ROOT,
        kind: EventKind::ExecutionRedriven { count: 1, deadline: None, anew: None },
    };
    expect![[r#"
        {"timestamp":2.0,"type":"ExecutionRedriven","id":7,"previousEventId":6,"executionRedrivenEventDetails":{"redriveCount":1}}
    "#]]
    .assert_eq(&written(&[redriven], true));
}

#[test]
fn a_function_by_its_integration() {
    let invoke = r#""A": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken", "End": true,
        "TimeoutSeconds": 30, "HeartbeatSeconds": 10,
        "Parameters": {"FunctionName": "steer", "Payload": {"token.$": "$$.Task.Token"}}}"#;
    let answer = Payload::from_text(r#"{"StatusCode":200}"#).unwrap();
    let submitted = Stimulus::TaskSubmitted { task: 3, output: answer };
    let token = Stimulus::TokenSucceeded { task: 3, output: Payload::from_text("12").unwrap() };
    history(
        invoke,
        &[(1, submitted), (2, token)],
        &expect![[r#"
        {"timestamp":0.0,"type":"ExecutionStarted","id":1,"previousEventId":0,"executionStartedEventDetails":{"input":"{\"hold\": 3}","inputDetails":{"truncated":false},"roleArn":"arn:aws:iam::123456789012:role/r"}}
        {"timestamp":0.0,"type":"TaskStateEntered","id":2,"previousEventId":0,"stateEnteredEventDetails":{"name":"A","input":"{\"hold\": 3}","inputDetails":{"truncated":false}}}
        {"timestamp":0.0,"type":"TaskScheduled","id":3,"previousEventId":2,"taskScheduledEventDetails":{"resourceType":"lambda","resource":"invoke.waitForTaskToken","region":"us-east-1","parameters":"{\"FunctionName\":\"steer\",\"Payload\":{\"token\":\"token-3\"}}","timeoutInSeconds":30,"heartbeatInSeconds":10}}
        {"timestamp":0.0,"type":"TaskStarted","id":4,"previousEventId":3,"taskStartedEventDetails":{"resourceType":"lambda","resource":"invoke.waitForTaskToken"}}
        {"timestamp":1.0,"type":"TaskSubmitted","id":5,"previousEventId":4,"taskSubmittedEventDetails":{"resourceType":"lambda","resource":"invoke.waitForTaskToken","output":"{\"StatusCode\":200}","outputDetails":{"truncated":false}}}
        {"timestamp":2.0,"type":"TaskSucceeded","id":6,"previousEventId":5,"taskSucceededEventDetails":{"resourceType":"lambda","resource":"invoke.waitForTaskToken","output":"12","outputDetails":{"truncated":false}}}
        {"timestamp":2.0,"type":"TaskStateExited","id":7,"previousEventId":6,"stateExitedEventDetails":{"name":"A","output":"12","outputDetails":{"truncated":false}}}
        {"timestamp":2.0,"type":"ExecutionSucceeded","id":8,"previousEventId":7,"executionSucceededEventDetails":{"output":"12","outputDetails":{"truncated":false}}}
    "#]],
    );
    history(
        invoke,
        &[(1, failed(3, "Mutiny"))],
        &expect![[r#"
        {"timestamp":0.0,"type":"ExecutionStarted","id":1,"previousEventId":0,"executionStartedEventDetails":{"input":"{\"hold\": 3}","inputDetails":{"truncated":false},"roleArn":"arn:aws:iam::123456789012:role/r"}}
        {"timestamp":0.0,"type":"TaskStateEntered","id":2,"previousEventId":0,"stateEnteredEventDetails":{"name":"A","input":"{\"hold\": 3}","inputDetails":{"truncated":false}}}
        {"timestamp":0.0,"type":"TaskScheduled","id":3,"previousEventId":2,"taskScheduledEventDetails":{"resourceType":"lambda","resource":"invoke.waitForTaskToken","region":"us-east-1","parameters":"{\"FunctionName\":\"steer\",\"Payload\":{\"token\":\"token-3\"}}","timeoutInSeconds":30,"heartbeatInSeconds":10}}
        {"timestamp":0.0,"type":"TaskStarted","id":4,"previousEventId":3,"taskStartedEventDetails":{"resourceType":"lambda","resource":"invoke.waitForTaskToken"}}
        {"timestamp":1.0,"type":"TaskFailed","id":5,"previousEventId":4,"taskFailedEventDetails":{"resourceType":"lambda","resource":"invoke.waitForTaskToken","error":"Mutiny","cause":"because"}}
        {"timestamp":1.0,"type":"ExecutionFailed","id":6,"previousEventId":5,"executionFailedEventDetails":{"error":"Mutiny","cause":"because"}}
    "#]],
    );
    history(
        invoke,
        &[(30, TIMER)],
        &expect![[r#"
        {"timestamp":0.0,"type":"ExecutionStarted","id":1,"previousEventId":0,"executionStartedEventDetails":{"input":"{\"hold\": 3}","inputDetails":{"truncated":false},"roleArn":"arn:aws:iam::123456789012:role/r"}}
        {"timestamp":0.0,"type":"TaskStateEntered","id":2,"previousEventId":0,"stateEnteredEventDetails":{"name":"A","input":"{\"hold\": 3}","inputDetails":{"truncated":false}}}
        {"timestamp":0.0,"type":"TaskScheduled","id":3,"previousEventId":2,"taskScheduledEventDetails":{"resourceType":"lambda","resource":"invoke.waitForTaskToken","region":"us-east-1","parameters":"{\"FunctionName\":\"steer\",\"Payload\":{\"token\":\"token-3\"}}","timeoutInSeconds":30,"heartbeatInSeconds":10}}
        {"timestamp":0.0,"type":"TaskStarted","id":4,"previousEventId":3,"taskStartedEventDetails":{"resourceType":"lambda","resource":"invoke.waitForTaskToken"}}
        {"timestamp":30.0,"type":"TaskTimedOut","id":5,"previousEventId":4,"taskTimedOutEventDetails":{"resourceType":"lambda","resource":"invoke.waitForTaskToken","error":"States.Timeout"}}
        {"timestamp":30.0,"type":"ExecutionFailed","id":6,"previousEventId":5,"executionFailedEventDetails":{"error":"States.Timeout"}}
    "#]],
    );
}

#[test]
fn a_function_by_its_url() {
    history(
        r#""A": {"Type": "Task", "Resource": "http://harbour.example/steer", "End": true}"#,
        &[(1, ok(3, "12"))],
        &expect![[r#"
            {"timestamp":0.0,"type":"ExecutionStarted","id":1,"previousEventId":0,"executionStartedEventDetails":{"input":"{\"hold\": 3}","inputDetails":{"truncated":false},"roleArn":"arn:aws:iam::123456789012:role/r"}}
            {"timestamp":0.0,"type":"TaskStateEntered","id":2,"previousEventId":0,"stateEnteredEventDetails":{"name":"A","input":"{\"hold\": 3}","inputDetails":{"truncated":false}}}
            {"timestamp":0.0,"type":"TaskScheduled","id":3,"previousEventId":2,"taskScheduledEventDetails":{"resourceType":"http","resource":"invoke","region":"us-east-1","parameters":"{\"hold\": 3}"}}
            {"timestamp":0.0,"type":"TaskStarted","id":4,"previousEventId":3,"taskStartedEventDetails":{"resourceType":"http","resource":"invoke"}}
            {"timestamp":1.0,"type":"TaskSucceeded","id":5,"previousEventId":4,"taskSucceededEventDetails":{"resourceType":"http","resource":"invoke","output":"12","outputDetails":{"truncated":false}}}
            {"timestamp":1.0,"type":"TaskStateExited","id":6,"previousEventId":5,"stateExitedEventDetails":{"name":"A","output":"12","outputDetails":{"truncated":false}}}
            {"timestamp":1.0,"type":"ExecutionSucceeded","id":7,"previousEventId":6,"executionSucceededEventDetails":{"output":"12","outputDetails":{"truncated":false}}}
        "#]],
    );
}

#[test]
fn an_activity() {
    let activity = r#""A": {"Type": "Task", "Resource": "arn:aws:states:us-east-1:123456789012:activity:load",
        "TimeoutSeconds": 30, "HeartbeatSeconds": 10, "End": true}"#;
    let found = Stimulus::ActivityFound { frame: FrameId::ROOT, sought: 2 };
    let begun = |worker| Stimulus::ActivityStarted { task: 3, worker, claim: 1 };
    let token = Stimulus::TokenSucceeded { task: 3, output: Payload::from_text("12").unwrap() };
    let broken = match failed(3, "Mutiny") {
        Stimulus::TaskFailed { task, failure } => Stimulus::TokenFailed { task, failure },
        _ => unreachable!("`failed` makes this one"),
    };
    let berta = Some("Berta".to_owned());
    history(
        activity,
        &[(0, found.clone()), (1, begun(berta)), (2, token)],
        &expect![[r#"
        {"timestamp":0.0,"type":"ExecutionStarted","id":1,"previousEventId":0,"executionStartedEventDetails":{"input":"{\"hold\": 3}","inputDetails":{"truncated":false},"roleArn":"arn:aws:iam::123456789012:role/r"}}
        {"timestamp":0.0,"type":"TaskStateEntered","id":2,"previousEventId":0,"stateEnteredEventDetails":{"name":"A","input":"{\"hold\": 3}","inputDetails":{"truncated":false}}}
        {"timestamp":0.0,"type":"ActivityScheduled","id":3,"previousEventId":2,"activityScheduledEventDetails":{"resource":"arn:aws:states:us-east-1:123456789012:activity:load","input":"{\"hold\": 3}","inputDetails":{"truncated":false},"timeoutInSeconds":30,"heartbeatInSeconds":10}}
        {"timestamp":1.0,"type":"ActivityStarted","id":4,"previousEventId":3,"activityStartedEventDetails":{"workerName":"Berta"}}
        {"timestamp":2.0,"type":"ActivitySucceeded","id":5,"previousEventId":4,"activitySucceededEventDetails":{"output":"12","outputDetails":{"truncated":false}}}
        {"timestamp":2.0,"type":"TaskStateExited","id":6,"previousEventId":5,"stateExitedEventDetails":{"name":"A","output":"12","outputDetails":{"truncated":false}}}
        {"timestamp":2.0,"type":"ExecutionSucceeded","id":7,"previousEventId":6,"executionSucceededEventDetails":{"output":"12","outputDetails":{"truncated":false}}}
    "#]],
    );
    history(
        activity,
        &[(0, found.clone()), (1, begun(None)), (2, broken)],
        &expect![[r#"
        {"timestamp":0.0,"type":"ExecutionStarted","id":1,"previousEventId":0,"executionStartedEventDetails":{"input":"{\"hold\": 3}","inputDetails":{"truncated":false},"roleArn":"arn:aws:iam::123456789012:role/r"}}
        {"timestamp":0.0,"type":"TaskStateEntered","id":2,"previousEventId":0,"stateEnteredEventDetails":{"name":"A","input":"{\"hold\": 3}","inputDetails":{"truncated":false}}}
        {"timestamp":0.0,"type":"ActivityScheduled","id":3,"previousEventId":2,"activityScheduledEventDetails":{"resource":"arn:aws:states:us-east-1:123456789012:activity:load","input":"{\"hold\": 3}","inputDetails":{"truncated":false},"timeoutInSeconds":30,"heartbeatInSeconds":10}}
        {"timestamp":1.0,"type":"ActivityStarted","id":4,"previousEventId":3,"activityStartedEventDetails":{}}
        {"timestamp":2.0,"type":"ActivityFailed","id":5,"previousEventId":4,"activityFailedEventDetails":{"error":"Mutiny","cause":"because"}}
        {"timestamp":2.0,"type":"ExecutionFailed","id":6,"previousEventId":5,"executionFailedEventDetails":{"error":"Mutiny","cause":"because"}}
    "#]],
    );
    history(
        activity,
        &[(0, found), (1, begun(None)), (31, TIMER)],
        &expect![[r#"
        {"timestamp":0.0,"type":"ExecutionStarted","id":1,"previousEventId":0,"executionStartedEventDetails":{"input":"{\"hold\": 3}","inputDetails":{"truncated":false},"roleArn":"arn:aws:iam::123456789012:role/r"}}
        {"timestamp":0.0,"type":"TaskStateEntered","id":2,"previousEventId":0,"stateEnteredEventDetails":{"name":"A","input":"{\"hold\": 3}","inputDetails":{"truncated":false}}}
        {"timestamp":0.0,"type":"ActivityScheduled","id":3,"previousEventId":2,"activityScheduledEventDetails":{"resource":"arn:aws:states:us-east-1:123456789012:activity:load","input":"{\"hold\": 3}","inputDetails":{"truncated":false},"timeoutInSeconds":30,"heartbeatInSeconds":10}}
        {"timestamp":1.0,"type":"ActivityStarted","id":4,"previousEventId":3,"activityStartedEventDetails":{}}
        {"timestamp":31.0,"type":"ActivityTimedOut","id":5,"previousEventId":4,"activityTimedOutEventDetails":{"error":"States.Timeout"}}
        {"timestamp":31.0,"type":"ExecutionFailed","id":6,"previousEventId":5,"executionFailedEventDetails":{"error":"States.Timeout"}}
    "#]],
    );
}

#[test]
fn states_that_end_at_once() {
    history(
        r#""A": {"Type": "Pass", "Next": "B"},
           "B": {"Type": "Wait", "Seconds": 1, "Next": "C"},
           "C": {"Type": "Choice", "Choices": [{"Variable": "$.hold", "NumericLessThan": 2, "Next": "E"}], "Default": "D"},
           "D": {"Type": "Succeed"},
           "E": {"Type": "Fail"}"#,
        &[(1, TIMER)],
        &expect![[r#"
            {"timestamp":0.0,"type":"ExecutionStarted","id":1,"previousEventId":0,"executionStartedEventDetails":{"input":"{\"hold\": 3}","inputDetails":{"truncated":false},"roleArn":"arn:aws:iam::123456789012:role/r"}}
            {"timestamp":0.0,"type":"PassStateEntered","id":2,"previousEventId":0,"stateEnteredEventDetails":{"name":"A","input":"{\"hold\": 3}","inputDetails":{"truncated":false}}}
            {"timestamp":0.0,"type":"PassStateExited","id":3,"previousEventId":2,"stateExitedEventDetails":{"name":"A","output":"{\"hold\": 3}","outputDetails":{"truncated":false}}}
            {"timestamp":0.0,"type":"WaitStateEntered","id":4,"previousEventId":3,"stateEnteredEventDetails":{"name":"B","input":"{\"hold\": 3}","inputDetails":{"truncated":false}}}
            {"timestamp":1.0,"type":"WaitStateExited","id":5,"previousEventId":4,"stateExitedEventDetails":{"name":"B","output":"{\"hold\": 3}","outputDetails":{"truncated":false}}}
            {"timestamp":1.0,"type":"ChoiceStateEntered","id":6,"previousEventId":5,"stateEnteredEventDetails":{"name":"C","input":"{\"hold\": 3}","inputDetails":{"truncated":false}}}
            {"timestamp":1.0,"type":"ChoiceStateExited","id":7,"previousEventId":6,"stateExitedEventDetails":{"name":"C","output":"{\"hold\": 3}","outputDetails":{"truncated":false}}}
            {"timestamp":1.0,"type":"SucceedStateEntered","id":8,"previousEventId":7,"stateEnteredEventDetails":{"name":"D","input":"{\"hold\": 3}","inputDetails":{"truncated":false}}}
            {"timestamp":1.0,"type":"SucceedStateExited","id":9,"previousEventId":8,"stateExitedEventDetails":{"name":"D","output":"{\"hold\": 3}","outputDetails":{"truncated":false}}}
            {"timestamp":1.0,"type":"ExecutionSucceeded","id":10,"previousEventId":9,"executionSucceededEventDetails":{"output":"{\"hold\": 3}","outputDetails":{"truncated":false}}}
        "#]],
    );
    history(
        r#""A": {"Type": "Fail", "Error": "Leak", "Cause": "a rock"}"#,
        &[],
        &expect![[r#"
        {"timestamp":0.0,"type":"ExecutionStarted","id":1,"previousEventId":0,"executionStartedEventDetails":{"input":"{\"hold\": 3}","inputDetails":{"truncated":false},"roleArn":"arn:aws:iam::123456789012:role/r"}}
        {"timestamp":0.0,"type":"FailStateEntered","id":2,"previousEventId":0,"stateEnteredEventDetails":{"name":"A","input":"{\"hold\": 3}","inputDetails":{"truncated":false}}}
        {"timestamp":0.0,"type":"ExecutionFailed","id":3,"previousEventId":2,"executionFailedEventDetails":{"error":"Leak","cause":"a rock"}}
    "#]],
    );
}

#[test]
fn branches_that_end_well() {
    history(
        r#""A": {"Type": "Parallel", "Next": "M", "Branches": [{"StartAt": "B", "States": {"B": {"Type": "Pass", "End": true}}}]},
           "M": {"Type": "Map", "ItemProcessor": {"StartAt": "C", "States": {"C": {"Type": "Pass", "End": true}}}, "End": true}"#,
        &[],
        &expect![[r#"
            {"timestamp":0.0,"type":"ExecutionStarted","id":1,"previousEventId":0,"executionStartedEventDetails":{"input":"{\"hold\": 3}","inputDetails":{"truncated":false},"roleArn":"arn:aws:iam::123456789012:role/r"}}
            {"timestamp":0.0,"type":"ParallelStateEntered","id":2,"previousEventId":0,"stateEnteredEventDetails":{"name":"A","input":"{\"hold\": 3}","inputDetails":{"truncated":false}}}
            {"timestamp":0.0,"type":"ParallelStateStarted","id":3,"previousEventId":2}
            {"timestamp":0.0,"type":"PassStateEntered","id":4,"previousEventId":3,"stateEnteredEventDetails":{"name":"B","input":"{\"hold\": 3}","inputDetails":{"truncated":false}}}
            {"timestamp":0.0,"type":"PassStateExited","id":5,"previousEventId":4,"stateExitedEventDetails":{"name":"B","output":"{\"hold\": 3}","outputDetails":{"truncated":false}}}
            {"timestamp":0.0,"type":"ParallelStateSucceeded","id":6,"previousEventId":5}
            {"timestamp":0.0,"type":"ParallelStateExited","id":7,"previousEventId":5,"stateExitedEventDetails":{"name":"A","output":"[{\"hold\": 3}]","outputDetails":{"truncated":false}}}
            {"timestamp":0.0,"type":"MapStateEntered","id":8,"previousEventId":7,"stateEnteredEventDetails":{"name":"M","input":"[{\"hold\": 3}]","inputDetails":{"truncated":false}}}
            {"timestamp":0.0,"type":"MapStateStarted","id":9,"previousEventId":8,"mapStateStartedEventDetails":{"length":1}}
            {"timestamp":0.0,"type":"MapIterationStarted","id":10,"previousEventId":9,"mapIterationStartedEventDetails":{"name":"M","index":0}}
            {"timestamp":0.0,"type":"PassStateEntered","id":11,"previousEventId":10,"stateEnteredEventDetails":{"name":"C","input":"{\"hold\":3}","inputDetails":{"truncated":false}}}
            {"timestamp":0.0,"type":"PassStateExited","id":12,"previousEventId":11,"stateExitedEventDetails":{"name":"C","output":"{\"hold\":3}","outputDetails":{"truncated":false}}}
            {"timestamp":0.0,"type":"MapIterationSucceeded","id":13,"previousEventId":12,"mapIterationSucceededEventDetails":{"name":"M","index":0}}
            {"timestamp":0.0,"type":"MapStateSucceeded","id":14,"previousEventId":13}
            {"timestamp":0.0,"type":"MapStateExited","id":15,"previousEventId":13,"stateExitedEventDetails":{"name":"M","output":"[{\"hold\":3}]","outputDetails":{"truncated":false}}}
            {"timestamp":0.0,"type":"ExecutionSucceeded","id":16,"previousEventId":15,"executionSucceededEventDetails":{"output":"[{\"hold\":3}]","outputDetails":{"truncated":false}}}
        "#]],
    );
}

#[test]
fn a_branch_that_fails_stops_everything_beside_it() {
    // One branch of each kind that can be under way: a task, a Wait, a Parallel and a Map.
    history(
        r#""A": {"Type": "Parallel", "End": true, "Branches": [
              {"StartAt": "B", "States": {"B": {LAMBDA, "End": true}}},
              {"StartAt": "C", "States": {"C": {"Type": "Wait", "Seconds": 9, "End": true}}},
              {"StartAt": "D", "States": {"D": {"Type": "Parallel", "End": true, "Branches": [
                  {"StartAt": "E", "States": {"E": {LAMBDA, "End": true}}}]}}},
              {"StartAt": "L", "States": {
                  "L": {"Type": "Pass", "Result": [1, 2], "Next": "M"},
                  "M": {"Type": "Map", "End": true, "ItemProcessor": {"StartAt": "F", "States": {"F": {"Type": "Wait", "Seconds": 9, "End": true}}}}}}]}"#,
        &[(1, failed(5, "Mutiny"))],
        &expect![[r#"
            {"timestamp":0.0,"type":"ExecutionStarted","id":1,"previousEventId":0,"executionStartedEventDetails":{"input":"{\"hold\": 3}","inputDetails":{"truncated":false},"roleArn":"arn:aws:iam::123456789012:role/r"}}
            {"timestamp":0.0,"type":"ParallelStateEntered","id":2,"previousEventId":0,"stateEnteredEventDetails":{"name":"A","input":"{\"hold\": 3}","inputDetails":{"truncated":false}}}
            {"timestamp":0.0,"type":"ParallelStateStarted","id":3,"previousEventId":2}
            {"timestamp":0.0,"type":"TaskStateEntered","id":4,"previousEventId":3,"stateEnteredEventDetails":{"name":"B","input":"{\"hold\": 3}","inputDetails":{"truncated":false}}}
            {"timestamp":0.0,"type":"LambdaFunctionScheduled","id":5,"previousEventId":4,"lambdaFunctionScheduledEventDetails":{"resource":"arn:aws:lambda:us-east-1:123456789012:function:f","input":"{\"hold\": 3}","inputDetails":{"truncated":false}}}
            {"timestamp":0.0,"type":"LambdaFunctionStarted","id":6,"previousEventId":5}
            {"timestamp":0.0,"type":"WaitStateEntered","id":7,"previousEventId":3,"stateEnteredEventDetails":{"name":"C","input":"{\"hold\": 3}","inputDetails":{"truncated":false}}}
            {"timestamp":0.0,"type":"ParallelStateEntered","id":8,"previousEventId":3,"stateEnteredEventDetails":{"name":"D","input":"{\"hold\": 3}","inputDetails":{"truncated":false}}}
            {"timestamp":0.0,"type":"ParallelStateStarted","id":9,"previousEventId":8}
            {"timestamp":0.0,"type":"PassStateEntered","id":10,"previousEventId":3,"stateEnteredEventDetails":{"name":"L","input":"{\"hold\": 3}","inputDetails":{"truncated":false}}}
            {"timestamp":0.0,"type":"PassStateExited","id":11,"previousEventId":10,"stateExitedEventDetails":{"name":"L","output":"[1,2]","outputDetails":{"truncated":false}}}
            {"timestamp":0.0,"type":"TaskStateEntered","id":12,"previousEventId":9,"stateEnteredEventDetails":{"name":"E","input":"{\"hold\": 3}","inputDetails":{"truncated":false}}}
            {"timestamp":0.0,"type":"LambdaFunctionScheduled","id":13,"previousEventId":12,"lambdaFunctionScheduledEventDetails":{"resource":"arn:aws:lambda:us-east-1:123456789012:function:f","input":"{\"hold\": 3}","inputDetails":{"truncated":false}}}
            {"timestamp":0.0,"type":"LambdaFunctionStarted","id":14,"previousEventId":13}
            {"timestamp":0.0,"type":"MapStateEntered","id":15,"previousEventId":11,"stateEnteredEventDetails":{"name":"M","input":"[1,2]","inputDetails":{"truncated":false}}}
            {"timestamp":0.0,"type":"MapStateStarted","id":16,"previousEventId":15,"mapStateStartedEventDetails":{"length":2}}
            {"timestamp":0.0,"type":"MapIterationStarted","id":17,"previousEventId":16,"mapIterationStartedEventDetails":{"name":"M","index":0}}
            {"timestamp":0.0,"type":"MapIterationStarted","id":18,"previousEventId":16,"mapIterationStartedEventDetails":{"name":"M","index":1}}
            {"timestamp":0.0,"type":"WaitStateEntered","id":19,"previousEventId":17,"stateEnteredEventDetails":{"name":"F","input":"1","inputDetails":{"truncated":false}}}
            {"timestamp":0.0,"type":"WaitStateEntered","id":20,"previousEventId":18,"stateEnteredEventDetails":{"name":"F","input":"2","inputDetails":{"truncated":false}}}
            {"timestamp":1.0,"type":"LambdaFunctionFailed","id":21,"previousEventId":6,"lambdaFunctionFailedEventDetails":{"error":"Mutiny","cause":"because"}}
            {"timestamp":1.0,"type":"TaskStateAborted","id":22,"previousEventId":21}
            {"timestamp":1.0,"type":"WaitStateAborted","id":23,"previousEventId":21}
            {"timestamp":1.0,"type":"TaskStateAborted","id":24,"previousEventId":21}
            {"timestamp":1.0,"type":"ParallelStateAborted","id":25,"previousEventId":21}
            {"timestamp":1.0,"type":"MapIterationAborted","id":26,"previousEventId":21,"mapIterationAbortedEventDetails":{"name":"M","index":0}}
            {"timestamp":1.0,"type":"WaitStateAborted","id":27,"previousEventId":21}
            {"timestamp":1.0,"type":"MapIterationAborted","id":28,"previousEventId":21,"mapIterationAbortedEventDetails":{"name":"M","index":1}}
            {"timestamp":1.0,"type":"WaitStateAborted","id":29,"previousEventId":21}
            {"timestamp":1.0,"type":"MapStateAborted","id":30,"previousEventId":21}
            {"timestamp":1.0,"type":"ParallelStateFailed","id":31,"previousEventId":21}
            {"timestamp":1.0,"type":"ExecutionFailed","id":32,"previousEventId":31,"executionFailedEventDetails":{"error":"Mutiny","cause":"because"}}
        "#]],
    );
}

#[test]
fn an_iteration_that_fails_stops_the_others() {
    history(
        r#""A": {"Type": "Pass", "Result": [1, 2], "Next": "M"},
           "M": {"Type": "Map", "End": true, "ItemProcessor": {"StartAt": "B", "States": {"B": {LAMBDA, "End": true}}}}"#,
        &[(1, failed(9, "Mutiny"))],
        &expect![[r#"
            {"timestamp":0.0,"type":"ExecutionStarted","id":1,"previousEventId":0,"executionStartedEventDetails":{"input":"{\"hold\": 3}","inputDetails":{"truncated":false},"roleArn":"arn:aws:iam::123456789012:role/r"}}
            {"timestamp":0.0,"type":"PassStateEntered","id":2,"previousEventId":0,"stateEnteredEventDetails":{"name":"A","input":"{\"hold\": 3}","inputDetails":{"truncated":false}}}
            {"timestamp":0.0,"type":"PassStateExited","id":3,"previousEventId":2,"stateExitedEventDetails":{"name":"A","output":"[1,2]","outputDetails":{"truncated":false}}}
            {"timestamp":0.0,"type":"MapStateEntered","id":4,"previousEventId":3,"stateEnteredEventDetails":{"name":"M","input":"[1,2]","inputDetails":{"truncated":false}}}
            {"timestamp":0.0,"type":"MapStateStarted","id":5,"previousEventId":4,"mapStateStartedEventDetails":{"length":2}}
            {"timestamp":0.0,"type":"MapIterationStarted","id":6,"previousEventId":5,"mapIterationStartedEventDetails":{"name":"M","index":0}}
            {"timestamp":0.0,"type":"MapIterationStarted","id":7,"previousEventId":5,"mapIterationStartedEventDetails":{"name":"M","index":1}}
            {"timestamp":0.0,"type":"TaskStateEntered","id":8,"previousEventId":6,"stateEnteredEventDetails":{"name":"B","input":"1","inputDetails":{"truncated":false}}}
            {"timestamp":0.0,"type":"LambdaFunctionScheduled","id":9,"previousEventId":8,"lambdaFunctionScheduledEventDetails":{"resource":"arn:aws:lambda:us-east-1:123456789012:function:f","input":"1","inputDetails":{"truncated":false}}}
            {"timestamp":0.0,"type":"LambdaFunctionStarted","id":10,"previousEventId":9}
            {"timestamp":0.0,"type":"TaskStateEntered","id":11,"previousEventId":7,"stateEnteredEventDetails":{"name":"B","input":"2","inputDetails":{"truncated":false}}}
            {"timestamp":0.0,"type":"LambdaFunctionScheduled","id":12,"previousEventId":11,"lambdaFunctionScheduledEventDetails":{"resource":"arn:aws:lambda:us-east-1:123456789012:function:f","input":"2","inputDetails":{"truncated":false}}}
            {"timestamp":0.0,"type":"LambdaFunctionStarted","id":13,"previousEventId":12}
            {"timestamp":1.0,"type":"LambdaFunctionFailed","id":14,"previousEventId":10,"lambdaFunctionFailedEventDetails":{"error":"Mutiny","cause":"because"}}
            {"timestamp":1.0,"type":"MapIterationFailed","id":15,"previousEventId":14,"mapIterationFailedEventDetails":{"name":"M","index":0}}
            {"timestamp":1.0,"type":"TaskStateAborted","id":16,"previousEventId":14}
            {"timestamp":1.0,"type":"MapIterationAborted","id":17,"previousEventId":14,"mapIterationAbortedEventDetails":{"name":"M","index":1}}
            {"timestamp":1.0,"type":"TaskStateAborted","id":18,"previousEventId":14}
            {"timestamp":1.0,"type":"MapStateFailed","id":19,"previousEventId":14}
            {"timestamp":1.0,"type":"ExecutionFailed","id":20,"previousEventId":19,"executionFailedEventDetails":{"error":"Mutiny","cause":"because"}}
        "#]],
    );
}

#[test]
fn an_execution_that_is_ended_from_outside() {
    let stop = |error: Option<&str>, cause: Option<&str>| Stimulus::Stop {
        error: error.map(str::to_owned),
        cause: cause.map(str::to_owned),
    };
    let wait = r#""A": {"Type": "Wait", "Seconds": 90, "End": true}"#;
    history(
        wait,
        &[(1, stop(None, None))],
        &expect![[r#"
        {"timestamp":0.0,"type":"ExecutionStarted","id":1,"previousEventId":0,"executionStartedEventDetails":{"input":"{\"hold\": 3}","inputDetails":{"truncated":false},"roleArn":"arn:aws:iam::123456789012:role/r"}}
        {"timestamp":0.0,"type":"WaitStateEntered","id":2,"previousEventId":0,"stateEnteredEventDetails":{"name":"A","input":"{\"hold\": 3}","inputDetails":{"truncated":false}}}
        {"timestamp":1.0,"type":"ExecutionAborted","id":3,"previousEventId":0,"executionAbortedEventDetails":{}}
    "#]],
    );
    history(
        wait,
        &[(1, stop(Some("Strike"), Some("no pay")))],
        &expect![[r#"
        {"timestamp":0.0,"type":"ExecutionStarted","id":1,"previousEventId":0,"executionStartedEventDetails":{"input":"{\"hold\": 3}","inputDetails":{"truncated":false},"roleArn":"arn:aws:iam::123456789012:role/r"}}
        {"timestamp":0.0,"type":"WaitStateEntered","id":2,"previousEventId":0,"stateEnteredEventDetails":{"name":"A","input":"{\"hold\": 3}","inputDetails":{"truncated":false}}}
        {"timestamp":1.0,"type":"ExecutionAborted","id":3,"previousEventId":0,"executionAbortedEventDetails":{"error":"Strike","cause":"no pay"}}
    "#]],
    );
    let limited = r#"{"StartAt": "A", "TimeoutSeconds": 60, "States": {"A": {"Type": "Wait", "Seconds": 90, "End": true}}}"#;
    let played = play(&Limits::strict(), limited, CARGO, &[(60, TIMER)]);
    expect![[r#"
        {"timestamp":0.0,"type":"ExecutionStarted","id":1,"previousEventId":0,"executionStartedEventDetails":{"input":"{\"hold\": 3}","inputDetails":{"truncated":false},"roleArn":"arn:aws:iam::123456789012:role/r"}}
        {"timestamp":0.0,"type":"WaitStateEntered","id":2,"previousEventId":0,"stateEnteredEventDetails":{"name":"A","input":"{\"hold\": 3}","inputDetails":{"truncated":false}}}
        {"timestamp":60.0,"type":"ExecutionTimedOut","id":3,"previousEventId":0,"executionTimedOutEventDetails":{"error":"States.Timeout"}}
    "#]].assert_eq(&written(&played.log, true));
}

#[test]
fn without_its_data() {
    let states = r#""A": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": {"FunctionName": "steer"}, "End": true}"#;
    let lambda = r#""A": {LAMBDA, "End": true}"#;
    let both = [states, lambda].map(|states| written(&log(states, &[(1, ok(3, "12"))]), false));
    expect![[r#"
        {"timestamp":0.0,"type":"ExecutionStarted","id":1,"previousEventId":0,"executionStartedEventDetails":{"roleArn":"arn:aws:iam::123456789012:role/r"}}
        {"timestamp":0.0,"type":"TaskStateEntered","id":2,"previousEventId":0,"stateEnteredEventDetails":{"name":"A"}}
        {"timestamp":0.0,"type":"TaskScheduled","id":3,"previousEventId":2,"taskScheduledEventDetails":{"resourceType":"lambda","resource":"invoke","region":"us-east-1"}}
        {"timestamp":0.0,"type":"TaskStarted","id":4,"previousEventId":3,"taskStartedEventDetails":{"resourceType":"lambda","resource":"invoke"}}
        {"timestamp":1.0,"type":"TaskSucceeded","id":5,"previousEventId":4,"taskSucceededEventDetails":{"resourceType":"lambda","resource":"invoke"}}
        {"timestamp":1.0,"type":"TaskStateExited","id":6,"previousEventId":5,"stateExitedEventDetails":{"name":"A"}}
        {"timestamp":1.0,"type":"ExecutionSucceeded","id":7,"previousEventId":6,"executionSucceededEventDetails":{}}
        {"timestamp":0.0,"type":"ExecutionStarted","id":1,"previousEventId":0,"executionStartedEventDetails":{"roleArn":"arn:aws:iam::123456789012:role/r"}}
        {"timestamp":0.0,"type":"TaskStateEntered","id":2,"previousEventId":0,"stateEnteredEventDetails":{"name":"A"}}
        {"timestamp":0.0,"type":"LambdaFunctionScheduled","id":3,"previousEventId":2,"lambdaFunctionScheduledEventDetails":{"resource":"arn:aws:lambda:us-east-1:123456789012:function:f"}}
        {"timestamp":0.0,"type":"LambdaFunctionStarted","id":4,"previousEventId":3}
        {"timestamp":1.0,"type":"LambdaFunctionSucceeded","id":5,"previousEventId":4,"lambdaFunctionSucceededEventDetails":{}}
        {"timestamp":1.0,"type":"TaskStateExited","id":6,"previousEventId":5,"stateExitedEventDetails":{"name":"A"}}
        {"timestamp":1.0,"type":"ExecutionSucceeded","id":7,"previousEventId":6,"executionSucceededEventDetails":{}}
    "#]].assert_eq(&both.concat());
}

#[test]
fn variables_and_an_evaluation_that_failed() {
    history(
        r#""A": {"Type": "Pass", "Assign": {"berths": [1, {"free": true}]}, "Next": "B"},
           "B": {"Type": "Pass", "QueryLanguage": "JSONata", "Output": {"berth": "{% $berths[5] %}"}, "End": true}"#,
        &[],
        &expect![[r#"
            {"timestamp":0.0,"type":"ExecutionStarted","id":1,"previousEventId":0,"executionStartedEventDetails":{"input":"{\"hold\": 3}","inputDetails":{"truncated":false},"roleArn":"arn:aws:iam::123456789012:role/r"}}
            {"timestamp":0.0,"type":"PassStateEntered","id":2,"previousEventId":0,"stateEnteredEventDetails":{"name":"A","input":"{\"hold\": 3}","inputDetails":{"truncated":false}}}
            {"timestamp":0.0,"type":"PassStateExited","id":3,"previousEventId":2,"stateExitedEventDetails":{"name":"A","output":"{\"hold\": 3}","outputDetails":{"truncated":false},"assignedVariables":{"berths":"[1,{\"free\":true}]"},"assignedVariablesDetails":{"truncated":false}}}
            {"timestamp":0.0,"type":"PassStateEntered","id":4,"previousEventId":3,"stateEnteredEventDetails":{"name":"B","input":"{\"hold\": 3}","inputDetails":{"truncated":false}}}
            {"timestamp":0.0,"type":"EvaluationFailed","id":5,"previousEventId":3,"evaluationFailedEventDetails":{"state":"B","error":"States.QueryEvaluationError","cause":"An error occurred while executing the state 'B' (entered at the event id #4). The JSONata expression '$berths[5]' specified for the field 'Output/berth' returned nothing (undefined).","location":"Output/berth"}}
            {"timestamp":0.0,"type":"ExecutionFailed","id":6,"previousEventId":5,"executionFailedEventDetails":{"error":"States.QueryEvaluationError","cause":"An error occurred while executing the state 'B' (entered at the event id #4). The JSONata expression '$berths[5]' specified for the field 'Output/berth' returned nothing (undefined)."}}
        "#]],
    );
}
