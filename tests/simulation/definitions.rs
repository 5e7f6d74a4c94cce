//! The definitions of the simulated machines: their states, the first of them `A`.

const TASK: &str =
    r#""Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:f""#;
const CALLBACK: &str = r#""Type": "Task", "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
    "Parameters": {"FunctionName": "f", "Payload": {"input.$": "$", "token.$": "$$.Task.Token"}}"#;
const ACTIVITY: &str =
    r#""Type": "Task", "Resource": "arn:aws:states:us-east-1:123456789012:activity:a""#;
const RETRY: &str =
    r#""Retry": [{"ErrorEquals": ["Oops"], "IntervalSeconds": 2, "MaxAttempts": 3}]"#;
const CATCH: &str =
    r#""Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "Caught"}]"#;

pub(super) fn chain() -> String {
    format!(
        r#""A": {{{TASK}, "Next": "B"}}, "B": {{"Type": "Pass", "Result": {{"x": 1}}, "ResultPath": "$.b", "Next": "C"}},
           "C": {{{TASK}, "ResultPath": "$.c", "Next": "D"}}, "D": {{"Type": "Succeed"}}"#
    )
}

pub(super) fn flaky() -> String {
    format!(
        r#""A": {{"Type": "Pass", "Next": "Flaky"}}, "Flaky": {{{TASK}, {RETRY}, "End": true}}"#
    )
}

pub(super) fn caught() -> String {
    format!(
        r#""A": {{"Type": "Pass", "Next": "Broken"}}, "Broken": {{{TASK}, {RETRY}, {CATCH}, "End": true}},
           "Caught": {{"Type": "Fail", "ErrorPath": "$.error.Error", "Cause": "given up"}}"#
    )
}

pub(super) fn uncaught() -> String {
    format!(
        r#""A": {{"Type": "Pass", "Next": "Broken"}}, "Broken": {{{TASK}, {RETRY}, "End": true}}"#
    )
}

pub(super) fn timeout() -> String {
    format!(
        r#""A": {{"Type": "Pass", "Next": "Hanging"}},
           "Hanging": {{{TASK}, "TimeoutSeconds": 100000, "Retry": [{{"ErrorEquals": ["States.Timeout"], "MaxAttempts": 1}}], {CATCH}, "End": true}},
           "Caught": {{"Type": "Pass", "End": true}}"#
    )
}

pub(super) fn waits() -> String {
    r#""A": {"Type": "Wait", "Seconds": 5, "Next": "B"}, "B": {"Type": "Wait", "SecondsPath": "$.for", "Next": "C"},
       "C": {"Type": "Wait", "Timestamp": "2001-01-01T00:00:00Z", "End": true}"#
        .to_owned()
}

pub(super) fn poll() -> String {
    format!(
        r#""A": {{{TASK}, "ResultPath": "$.job", "Next": "W"}}, "W": {{"Type": "Wait", "Seconds": 30, "Next": "Ask"}},
           "Ask": {{{TASK}, "Parameters": {{"so.$": "$"}}, "ResultPath": "$.last", "Next": "Done?"}},
           "Done?": {{"Type": "Choice", "Choices": [{{"Variable": "$.last.got.so.last.got.so.last", "IsPresent": true, "Next": "End"}}], "Default": "W"}},
           "End": {{"Type": "Succeed"}}"#
    )
}

pub(super) fn branches() -> String {
    format!(
        r#""A": {{"Type": "Parallel", "Branches": [
             {{"StartAt": "P1", "States": {{"P1": {{{TASK}, "Next": "P2"}}, "P2": {{{TASK}, "End": true}}}}}},
             {{"StartAt": "Flaky1", "States": {{"Flaky1": {{{TASK}, {RETRY}, "End": true}}}}}},
             {{"StartAt": "P4", "States": {{"P4": {{"Type": "Wait", "Seconds": 3, "End": true}}}}}}],
             "ResultSelector": {{"all.$": "$"}}, "End": true}}"#
    )
}

pub(super) fn branch_fails() -> String {
    format!(
        r#""A": {{"Type": "Parallel", "Branches": [
             {{"StartAt": "P1", "States": {{"P1": {{{TASK}, "Next": "P2"}}, "P2": {{{TASK}, "End": true}}}}}},
             {{"StartAt": "Broken1", "States": {{"Broken1": {{{TASK}, "End": true}}}}}},
             {{"StartAt": "P4", "States": {{"P4": {{"Type": "Wait", "Seconds": 300, "End": true}}}}}}],
             "Retry": [{{"ErrorEquals": ["Oops"], "MaxAttempts": 2}}], {CATCH}, "End": true}},
           "Caught": {{"Type": "Pass", "End": true}}"#
    )
}

pub(super) fn items() -> String {
    format!(
        r#""A": {{"Type": "Map", "ItemsPath": "$.items", "MaxConcurrency": 3,
             "ItemSelector": {{"i.$": "$$.Map.Item.Index", "v.$": "$$.Map.Item.Value"}},
             "ItemProcessor": {{"StartAt": "I", "States": {{"I": {{{TASK}, "Next": "J"}}, "J": {{"Type": "Pass", "End": true}}}}}},
             "ResultPath": "$.out", "Next": "B"}}, "B": {{{TASK}, "End": true}}"#
    )
}

pub(super) fn item_fails() -> String {
    format!(
        r#""A": {{"Type": "Map", "ItemsPath": "$.items", "MaxConcurrency": 2,
             "ItemProcessor": {{"StartAt": "I", "States": {{"I": {{{TASK}, "Next": "Broken1"}}, "Broken1": {{{TASK}, "End": true}}}}}},
             "Retry": [{{"ErrorEquals": ["States.TaskFailed"], "MaxAttempts": 1}}], "End": true}}"#
    )
}

pub(super) fn nested() -> String {
    format!(
        r#""A": {{"Type": "Map", "ItemsPath": "$.items", "ItemProcessor": {{"StartAt": "Inner", "States": {{
             "Inner": {{"Type": "Map", "ItemProcessor": {{"StartAt": "Both", "States": {{
               "Both": {{"Type": "Parallel", "Branches": [
                 {{"StartAt": "Flaky1", "States": {{"Flaky1": {{{TASK}, {RETRY}, "End": true}}}}}},
                 {{"StartAt": "N2", "States": {{"N2": {{"Type": "Wait", "Seconds": 1, "End": true}}}}}}], "End": true}}}}}}, "End": true}}}}}}, "End": true}}"#
    )
}

pub(super) fn passes() -> String {
    // Longer than the simulation's turns, and without a task.
    let states = (0..6).map(|round| {
        let next = match round {
            5 => r#""End": true"#.to_owned(),
            _ => format!(r#""Next": "L{}""#, round + 1),
        };
        format!(r#""L{round}": {{"Type": "Pass", {next}}}"#)
    });
    let first = r#""A": {"Type": "Pass", "Next": "L0"}"#.to_owned();
    std::iter::once(first).chain(states).collect::<Vec<_>>().join(", ")
}

pub(super) fn callbacks() -> String {
    format!(
        r#""A": {{{CALLBACK}, "ResultPath": "$.a", "Next": "FlakyB"}},
           "FlakyB": {{{CALLBACK}, {RETRY}, "ResultPath": "$.b", "Next": "HangingC"}},
           "HangingC": {{{CALLBACK}, "TimeoutSeconds": 100000, {CATCH}, "End": true}},
           "Caught": {{"Type": "Succeed"}}"#
    )
}

pub(super) fn later() -> String {
    format!(
        r#""A": {{"Type": "Pass", "Next": "Later1"}}, "Later1": {{{TASK}, "Next": "FlakyLater"}},
           "FlakyLater": {{"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke",
             "Parameters": {{"FunctionName": "f", "Payload.$": "$"}}, {RETRY},
             "OutputPath": "$.Payload", "End": true}}"#
    )
}

pub(super) fn heartbeats() -> String {
    format!(
        r#""A": {{"Type": "Pass", "Next": "Beating1"}},
           "Beating1": {{{CALLBACK}, "HeartbeatSeconds": 10, "Next": "HangingBeating"}},
           "HangingBeating": {{{CALLBACK}, "HeartbeatSeconds": 10, "Retry": [{{"ErrorEquals": ["States.HeartbeatTimeout"], "MaxAttempts": 1}}], {CATCH}, "End": true}},
           "Caught": {{"Type": "Pass", "End": true}}"#
    )
}

pub(super) fn activities() -> String {
    format!(
        r#""A": {{"Type": "Map", "ItemsPath": "$.items", "ItemProcessor": {{"StartAt": "W", "States": {{
             "W": {{{ACTIVITY}, "Next": "FlakyW"}},
             "FlakyW": {{{ACTIVITY}, {RETRY}, "Next": "Beating2"}},
             "Beating2": {{{ACTIVITY}, "HeartbeatSeconds": 10, "TimeoutSeconds": 100000, "End": true}}}}}}, "End": true}}"#
    )
}

pub(super) fn activity_given_up() -> String {
    format!(
        r#""A": {{"Type": "Parallel", "Branches": [
             {{"StartAt": "W", "States": {{"W": {{{ACTIVITY}, "Next": "HangingW"}}, "HangingW": {{{ACTIVITY}, "End": true}}}}}},
             {{"StartAt": "P", "States": {{"P": {{"Type": "Wait", "Seconds": 60, "Next": "Broken1"}}, "Broken1": {{{TASK}, "End": true}}}}}}],
             {CATCH}, "End": true}},
           "Caught": {{"Type": "Pass", "End": true}}"#
    )
}
