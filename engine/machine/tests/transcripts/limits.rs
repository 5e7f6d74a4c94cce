//! Histories, turns and payloads at their limits.

use expect_test::expect;
use machine::{Limits, Stimulus};

use crate::{TIMER, check_within, definition, ok, play};

#[test]
fn a_history_that_is_full_ends_with_the_event_that_says_so() {
    let limits = Limits { history_events: Some(10), ..Limits::strict() };
    check_within(
        &limits,
        r#""A": {"Type": "Pass", "Next": "B"},
           "B": {"Type": "Choice", "Choices": [{"Variable": "$.x", "IsPresent": true, "Next": "C"}], "Default": "A"},
           "C": {"Type": "Succeed"}"#,
        "{}",
        &[],
        &expect![[r#"
            0s Start
              1<-0 ExecutionStarted {}
              2<-0 PassStateEntered A {}
              3<-2 PassStateExited A {}
              4<-3 ChoiceStateEntered B {}
              5<-4 ChoiceStateExited B {}
              6<-5 PassStateEntered A {}
              7<-6 PassStateExited A {}
              8<-7 ChoiceStateEntered B {}
              9<-8 ChoiceStateExited B {}
              10<-9 ExecutionFailed States.Runtime The execution reached the maximum number of history events (10).
        "#]],
    );
}

#[test]
fn a_long_turn_is_cut_and_goes_on() {
    let limits = Limits { turn_events: 3, ..Limits::strict() };
    check_within(
        &limits,
        r#""A": {"Type": "Pass", "Next": "B"}, "B": {"Type": "Pass", "Next": "C"}, "C": {"Type": "Succeed"}"#,
        "{}",
        &[(0, Stimulus::Continue), (0, Stimulus::Continue), (0, Stimulus::Continue)],
        &expect![[r#"
            0s Start
              1<-0 ExecutionStarted {}
              2<-0 PassStateEntered A {}
              3<-2 PassStateExited A {}
            0s Continue
              4<-3 PassStateEntered B {}
              5<-4 PassStateExited B {}
              6<-5 SucceedStateEntered C {}
              7<-6 SucceedStateExited C {}
              8<-7 ExecutionSucceeded {}
            0s Continue
              nothing
            0s Continue
              nothing
        "#]],
    );
}

#[test]
fn an_output_over_the_limit_fails_its_state() {
    let limits = Limits { payload_bytes: 250, ..Limits::strict() };
    check_within(
        &limits,
        r#""A": {LAMBDA, "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "B"}], "End": true}, "B": {"Type": "Pass", "Result": 1, "End": true}"#,
        "{}",
        &[(1, ok(3, &format!("\"{}\"", "x".repeat(300))))],
        &expect![[r#"
            0s Start
              1<-0 ExecutionStarted {}
              2<-0 TaskStateEntered A {}
              3<-2 LambdaFunctionScheduled {}
              4<-3 LambdaFunctionStarted
              > invoke 3 A#1 {}
            1s TaskSucceeded
              5<-4 LambdaFunctionFailed States.DataLimitExceeded The state/task 'arn:aws:lambda:us-east-1:123456789012:function:f' returned a result with a size exceeding the maximum number of bytes service limit.
              6<-5 TaskStateExited A {"Error":"States.DataLimitExceeded","Cause":"The state/task 'arn:aws:lambda:us-east-1:123456789012:function:f' returned a result with a size exceeding the maximum number of bytes service limit."}
              7<-6 PassStateEntered B {"Error":"States.DataLimitExceeded","Cause":"The state/task 'arn:aws:lambda:us-east-1:123456789012:function:f' returned a result with a size exceeding the maximum number of bytes service limit."}
              8<-7 PassStateExited B 1
              9<-8 ExecutionSucceeded 1
        "#]],
    );
}

#[test]
fn no_event_is_before_the_one_before_it() {
    let states = r#""A": {"Type": "Wait", "Seconds": 10, "Next": "B"}, "B": {LAMBDA, "End": true}"#;
    let happenings = [(10, TIMER), (4, ok(5, "1"))];
    let log = play(&Limits::strict(), &definition(states), "{}", &happenings).log;
    assert_eq!(log.iter().filter(|event| event.at.0 == 10_000).count(), log.len() - 3);
    assert_eq!(log.last().map(|event| event.id), Some(9), "it has ended");
}

#[test]
fn data_that_nests_without_end_fails_its_execution() {
    let limits = Limits { turn_events: 10_000, ..Limits::strict() };
    let mut states = String::new();
    for lap in 0..130 {
        let name = if lap == 0 { "A".to_owned() } else { format!("P{lap}") };
        let state = format!(
            r#""{name}": {{"Type": "Pass", "Parameters": {{"a.$": "$"}}, "Next": "P{}"}}, "#,
            lap + 1
        );
        states.push_str(&state);
    }
    states.push_str(r#""P130": {"Type": "Succeed"}"#);
    let told = crate::told(&limits, &states, "{}", &[]);
    let last = told.lines().last().unwrap();
    assert!(last.contains("States.Runtime"), "{last}");
    assert!(last.ends_with("the data is nested more than 120 levels deep"), "{last}");
}
