//! The errors that the machine makes itself, each with its text.

use asl::Payload;
use expect_test::{Expect, expect};
use machine::{Limits, Stimulus};

use crate::{Happening, TIMER, failed, identity, ok, play, printed, program, told};

/// The last thing that is told of this execution is this.
fn ends(states: &str, input: &str, happenings: &[Happening], expected: &Expect) {
    ends_within(&Limits::strict(), states, input, happenings, expected);
}

fn ends_within(
    limits: &Limits,
    states: &str,
    input: &str,
    happenings: &[Happening],
    expected: &Expect,
) {
    let told = told(limits, states, input, happenings);
    let last = told.lines().rfind(|line| line.contains("<-")).unwrap();
    expected.assert_eq(last.trim_start());
}

#[test]
fn a_choice_without_a_match_and_without_a_default_has_nowhere_to_go() {
    ends(
        r#""A": {"Type": "Choice", "Choices": [{"Variable": "$.door", "StringEquals": "left", "Next": "B"}]},
           "B": {"Type": "Succeed"}"#,
        r#"{"door": "right"}"#,
        &[],
        &expect![
            "3<-2 ExecutionFailed States.Runtime An error occurred while executing the state 'A' (entered at the event id #2). Failed to transition out of the state. The state does not point to a next state."
        ],
    );
}

#[test]
fn a_wait_needs_a_time_that_it_can_wait_for() {
    let seconds = r#""A": {"Type": "Wait", "SecondsPath": "$.pause", "End": true}"#;
    ends(
        seconds,
        r#"{"pause": "soon"}"#,
        &[],
        &expect![
            "3<-2 ExecutionFailed States.Runtime An error occurred while executing the state 'A' (entered at the event id #2). The SecondsPath parameter cannot be parsed as a long value: $.pause == soon"
        ],
    );
    ends(
        seconds,
        "{}",
        &[],
        &expect![
            "3<-2 ExecutionFailed States.Runtime An error occurred while executing the state 'A' (entered at the event id #2). The SecondsPath parameter does not reference an input value: $.pause"
        ],
    );
    ends(
        seconds,
        r#"{"pause": -2}"#,
        &[],
        &expect![
            "3<-2 ExecutionFailed States.Runtime An error occurred while executing the state 'A' (entered at the event id #2). The SecondsPath parameter references a negative value: $.pause == -2"
        ],
    );
    ends(
        seconds,
        r#"{"pause": 2.5}"#,
        &[],
        &expect![
            "3<-2 ExecutionFailed States.Runtime An error occurred while executing the state 'A' (entered at the event id #2). The SecondsPath parameter cannot be parsed as a long value: $.pause == 2.5"
        ],
    );
    ends(
        seconds,
        r#"{"pause": 2147483648}"#,
        &[],
        &expect![
            "3<-2 ExecutionFailed States.Runtime An error occurred while executing the state 'A' (entered at the event id #2). Wait state delay is too long."
        ],
    );
    let timestamp = r#""A": {"Type": "Wait", "TimestampPath": "$.until", "End": true}"#;
    ends(
        timestamp,
        "{}",
        &[],
        &expect![
            "3<-2 ExecutionFailed States.Runtime An error occurred while executing the state 'A' (entered at the event id #2). The TimestampPath parameter does not reference an input value: $.until"
        ],
    );
    ends(
        timestamp,
        r#"{"until": "tomorrow"}"#,
        &[],
        &expect![
            "3<-2 ExecutionFailed States.Runtime An error occurred while executing the state 'A' (entered at the event id #2). The TimestampPath parameter does not reference a valid ISO-8601 extended offset date-time format string: $.until == tomorrow"
        ],
    );
}

#[test]
fn a_fail_state_needs_texts() {
    let fail = r#""A": {"Type": "Fail", "ErrorPath": "$.what", "CausePath": "$.why"}"#;
    ends(
        fail,
        r#"{"what": "Flood", "why": "rain"}"#,
        &[],
        &expect!["3<-2 ExecutionFailed Flood rain"],
    );
    ends(
        fail,
        r#"{"what": 5, "why": "rain"}"#,
        &[],
        &expect![
            "3<-2 ExecutionFailed States.Runtime An error occurred while executing the state 'A' (entered at the event id #2). The ErrorPath field refers to value 5 which is not a string: $.what"
        ],
    );
    ends(
        fail,
        r#"{"what": "Flood"}"#,
        &[],
        &expect![[
            r#"3<-2 ExecutionFailed States.Runtime An error occurred while executing the state 'A' (entered at the event id #2). The JSONPath '$.why' specified for the field 'CausePath' could not be found in the input '{"what": "Flood"}'"#
        ]],
    );
    ends(r#""A": {"Type": "Fail"}"#, "{}", &[], &expect!["3<-2 ExecutionFailed"]);
}

#[test]
fn a_map_needs_an_array_and_a_number() {
    let map = r#""A": {"Type": "Map", "ItemsPath": "$.crates", "MaxConcurrencyPath": "$.cranes", "End": true,
                       "ItemProcessor": {"StartAt": "B", "States": {"B": {"Type": "Pass", "End": true}}}}"#;
    ends(
        map,
        r#"{"crates": {"a": 1}, "cranes": 1}"#,
        &[],
        &expect![[
            r#"3<-2 ExecutionFailed States.Runtime Reference path "$.crates" must point to array."#
        ]],
    );
    ends(
        map,
        r#"{"crates": [1], "cranes": -1}"#,
        &[],
        &expect![
            "3<-2 ExecutionFailed States.Runtime An error occurred while executing the state 'A' (entered at the event id #2). MaxConcurrency cannot be negative."
        ],
    );
    ends(
        map,
        r#"{"crates": [1], "cranes": "two"}"#,
        &[],
        &expect![[
            r#"3<-2 ExecutionFailed States.Runtime An error occurred while executing the state 'A' (entered at the event id #2). The MaxConcurrencyPath field refers to value "two" which is not a valid integer: $.cranes"#
        ]],
    );
    ends(
        map,
        r#"{"crates": [1]}"#,
        &[],
        &expect![
            "3<-2 ExecutionFailed States.Runtime An error occurred while executing the state 'A' (entered at the event id #2). Invalid path '$.cranes' : No results for path: $['cranes']"
        ],
    );
}

#[test]
fn a_task_needs_times_that_are_numbers() {
    let timeout = r#""A": {LAMBDA, "TimeoutSecondsPath": "$.patience", "End": true}"#;
    ends(
        timeout,
        r#"{"patience": "long"}"#,
        &[],
        &expect![[
            r#"3<-2 ExecutionFailed States.Runtime An error occurred while executing the state 'A' (entered at the event id #2). The TimeoutSecondsPath field refers to value "long" which is not a valid integer: $.patience"#
        ]],
    );
    ends(
        timeout,
        r#"{"patience": 0}"#,
        &[],
        &expect![[
            r#"3<-2 ExecutionFailed States.Runtime An error occurred while executing the state 'A' (entered at the event id #2). The TimeoutSecondsPath field refers to value "0" which is not a valid integer: $.patience"#
        ]],
    );
    let heartbeat =
        r#""A": {LAMBDA, "TimeoutSeconds": 9, "HeartbeatSecondsPath": "$.pulse", "End": true}"#;
    ends(
        heartbeat,
        r#"{"pulse": 1.5}"#,
        &[],
        &expect![[
            r#"3<-2 ExecutionFailed States.Runtime An error occurred while executing the state 'A' (entered at the event id #2). The HeartbeatSecondsPath field refers to value "1.5" which is not a valid integer: $.pulse"#
        ]],
    );
}

#[test]
fn what_is_handed_to_work_has_a_limit_too() {
    let limits = Limits { payload_bytes: 40, ..Limits::strict() };
    let bloated = r#"{"a.$": "$", "b.$": "$", "c.$": "$", "d.$": "$"}"#;
    let input = r#"{"ship": "Bounty"}"#;
    let branch = r#"{"StartAt": "B", "States": {"B": {"Type": "Pass", "End": true}}}"#;
    ends_within(
        &limits,
        &format!(r#""A": {{LAMBDA, "Parameters": {bloated}, "End": true}}"#),
        input,
        &[],
        &expect![
            "3<-2 ExecutionFailed States.DataLimitExceeded The state/task 'arn:aws:lambda:us-east-1:123456789012:function:f' provided parameters with a size exceeding the maximum number of bytes service limit."
        ],
    );
    ends_within(
        &limits,
        &format!(
            r#""A": {{"Type": "Parallel", "Parameters": {bloated}, "Branches": [{branch}], "End": true}}"#
        ),
        input,
        &[],
        &expect![
            "3<-2 ExecutionFailed States.DataLimitExceeded The state/task 'A' provided parameters with a size exceeding the maximum number of bytes service limit."
        ],
    );
    ends_within(
        &limits,
        &format!(r#""A": {{"Type": "Pass", "Parameters": {bloated}, "End": true}}"#),
        input,
        &[],
        &expect![
            "3<-2 ExecutionFailed States.DataLimitExceeded The state/task 'A' returned a result with a size exceeding the maximum number of bytes service limit."
        ],
    );
    ends_within(
        &limits,
        &format!(
            r#""A": {{"Type": "Map", "ItemsPath": "$.all", "ItemSelector": {bloated}, "ItemProcessor": {branch}, "End": true}}"#
        ),
        r#"{"all": [1]}"#,
        &[],
        &expect![
            "5<-4 ExecutionFailed States.DataLimitExceeded The state/task 'A' provided parameters with a size exceeding the maximum number of bytes service limit."
        ],
    );
}

#[test]
fn a_result_that_does_not_fit_its_place_fails_the_state() {
    ends(
        r#""A": {"Type": "Pass", "Result": 1, "ResultPath": "$.list[3]", "End": true}"#,
        r#"{"list": []}"#,
        &[],
        &expect![[
            r#"3<-2 ExecutionFailed States.Runtime An error occurred while executing the state 'A' (entered at the event id #2). Unable to apply ReferencePath $.list[3] to input {"list":[]}"#
        ]],
    );
    ends(
        r#""A": {LAMBDA, "ResultSelector": {"size.$": "$.size"}, "End": true}"#,
        "{}",
        &[(1, ok(3, "{}"))],
        &expect![
            "6<-5 ExecutionFailed States.Runtime An error occurred while executing the state 'A' (entered at the event id #2). The JSONPath '$.size' specified for the field 'size.$' could not be found in the input '{}'"
        ],
    );
    // A catcher that fails leaves its own error to whoever is around.
    ends(
        r#""A": {LAMBDA, "Catch": [{"ErrorEquals": ["Leak"], "ResultPath": "$.log[0]", "Next": "B"}], "End": true},
           "B": {"Type": "Pass", "End": true}"#,
        r#"{"log": "book"}"#,
        &[(1, failed(3, "Leak"))],
        &expect![[
            r#"6<-5 ExecutionFailed States.Runtime An error occurred while executing the state 'A' (entered at the event id #2). Unable to apply ReferencePath $.log[0] to input {"log":"book"}"#
        ]],
    );
}

#[test]
fn a_comparison_needs_something_to_compare() {
    ends(
        r#""A": {"Type": "Choice", "Choices": [{"Variable": "$.tide", "NumericGreaterThan": 3, "Next": "B"}], "Default": "B"},
           "B": {"Type": "Succeed"}"#,
        "{}",
        &[],
        &expect![
            "3<-2 ExecutionFailed States.Runtime An error occurred while executing the state 'A' (entered at the event id #2). Invalid path '$.tide': The choice state's condition path references an invalid value."
        ],
    );
}

#[test]
fn a_log_of_another_definition_ends_with_words() {
    let limits = Limits { turn_events: 3, ..Limits::strict() };
    let written =
        program(r#""A": {"Type": "Pass", "Next": "Harbour"}, "Harbour": {"Type": "Succeed"}"#);
    let other = program(r#""A": {"Type": "Pass", "Next": "Port"}, "Port": {"Type": "Succeed"}"#);
    let (now, random) = (machine::Timestamp(0), machine::Random::seeded(1));
    let (mut execution, _) = machine::start(
        &written,
        identity(),
        Payload::empty_object(),
        now,
        &random,
        &limits,
        &crate::Numbered,
    );
    let turn = machine::step(
        &other,
        &mut execution,
        Stimulus::Continue,
        now,
        &random,
        &limits,
        &crate::Numbered,
    );
    expect![[r#"
        0s Continue
          4<-3 ExecutionFailed States.Runtime the definition has no state `Harbour`
    "#]]
    .assert_eq(&printed(0, "Continue", &turn));
}

#[test]
fn an_execution_has_a_time_limit_of_its_own() {
    let text = r#"{"StartAt": "A", "TimeoutSeconds": 60, "States": {
        "A": {"Type": "Wait", "Seconds": 90, "Next": "B"}, "B": {"Type": "Succeed"}}}"#;
    let played = play(&Limits::strict(), text, "{}", &[(59, TIMER), (60, TIMER), (90, TIMER)]);
    expect![[r#"
        0s Start
          1<-0 ExecutionStarted {}
          2<-0 WaitStateEntered A {}
          - wait until 90s
        59s Timer
          nothing
        60s Timer
          3<-0 ExecutionTimedOut States.Timeout
        90s Timer
          nothing
    "#]]
    .assert_eq(&played.told);
}

#[test]
fn a_task_that_cannot_be_started_with_its_parameters_fails_as_nothing_catches() {
    let ends_with = |parameters: &str, expected: &Expect| {
        ends(
            &format!(
                r#""A": {{"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": {parameters},
                        "Retry": [{{"ErrorEquals": ["States.ALL"]}}],
                        "Catch": [{{"ErrorEquals": ["States.ALL"], "Next": "B"}}], "End": true}},
                   "B": {{"Type": "Pass", "End": true}}"#
            ),
            r#"{"f": 12}"#,
            &[],
            expected,
        );
    };
    ends_with(
        r#"{"FunctionName.$": "$.f", "Payload": {}}"#,
        &expect![[
            r#"3<-2 ExecutionFailed States.Runtime An error occurred while executing the state 'A' (entered at the event id #2). The Parameters '{"Payload":{},"FunctionName":12}' could not be used to start the Task: [The value for the field 'FunctionName' must be a STRING]"#
        ]],
    );
    ends_with(
        r#"{"Payload.$": "$"}"#,
        &expect![[
            r#"3<-2 ExecutionFailed States.Runtime An error occurred while executing the state 'A' (entered at the event id #2). The Parameters '{"Payload":{"f":12}}' could not be used to start the Task: [The field 'FunctionName' is required but was missing]"#
        ]],
    );
    ends_with(
        r#"{"FunctionName": "f", "TaskToken": "t"}"#,
        &expect![[
            r#"3<-2 ExecutionFailed States.Runtime An error occurred while executing the state 'A' (entered at the event id #2). The Parameters '{"FunctionName":"f","TaskToken":"t"}' could not be used to start the Task: [The field "TaskToken" is not supported by Step Functions]"#
        ]],
    );
}
