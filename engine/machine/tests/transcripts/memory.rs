//! Executions that hold much.

use expect_test::expect;
use machine::{Limits, Stimulus};

use crate::{TIMER, told};

/// So small that 8,000 bytes are a lot, and 32,000 too much.
fn tight() -> Limits {
    Limits { payload_bytes: 2_000, held_bytes: 8_000, ..Limits::strict() }
}

fn copying(processor: &str) -> String {
    format!(
        r#""A": {{"Type": "Map", "ItemsPath": "$.i", "ItemSelector": {{"b.$": "$.b"}},
                  "ItemProcessor": {{"StartAt": "P", "States": {{"P": {processor}}}}}, "ResultPath": null,
                  "Catch": [{{"ErrorEquals": ["States.DataLimitExceeded"], "ResultPath": null, "Next": "B"}}],
                  "Next": "B"}},
           "B": {{"Type": "Succeed", "OutputPath": "$.i"}}"#
    )
}

/// What is told, with the long texts short.
fn short(text: &str) -> String {
    text.replace(&"x".repeat(1_800), "x…")
}

/// Its last lines.
fn last(lines: usize, text: &str) -> String {
    let all: Vec<&str> = text.lines().collect();
    let last: Vec<&str> = all[all.len() - lines..].iter().map(|line| line.trim_start()).collect();
    last.join("\n") + "\n"
}

#[test]
fn a_map_that_holds_much_runs_fewer_iterations_at_once() {
    let states = copying(r#"{"Type": "Wait", "Seconds": 9, "End": true}"#);
    let input = format!(r#"{{"b":"{}","i":[1,2,3,4]}}"#, "x".repeat(1_800));
    let shown = short(&told(&tight(), &states, &input, &[(9, TIMER), (18, TIMER)]));
    expect![[r#"
        0s Start
          1<-0 ExecutionStarted {"b":"x…","i":[1,2,3,4]}
          2<-0 MapStateEntered A {"b":"x…","i":[1,2,3,4]}
          3<-2 MapStateStarted 4
          4<-3 MapIterationStarted A 0
          5<-3 MapIterationStarted A 1
          6<-4 WaitStateEntered P {"b":"x…"}
          - wait until 9s
          - MapNarrowed { concurrency: 2 }
          7<-5 WaitStateEntered P {"b":"x…"}
          - wait until 9s
        9s Timer
          8<-6 WaitStateExited P {"b":"x…"}
          9<-8 MapIterationSucceeded A 0
          10<-7 WaitStateExited P {"b":"x…"}
          11<-10 MapIterationSucceeded A 1
          12<-10 MapIterationStarted A 2
          - MapNarrowed { concurrency: 1 }
          13<-12 WaitStateEntered P {"b":"x…"}
          - wait until 18s
        18s Timer
          14<-13 WaitStateExited P {"b":"x…"}
          15<-14 MapIterationSucceeded A 2
          16<-14 MapIterationStarted A 3
          17<-16 WaitStateEntered P {"b":"x…"}
          - wait until 27s
        waits until 27s
    "#]]
    .assert_eq(&shown);
}

#[test]
fn a_map_whose_results_are_too_much_fails_as_soon_as_they_are() {
    let states = copying(r#"{"Type": "Pass", "End": true}"#);
    let input = format!(r#"{{"b":"{}","i":[{}0]}}"#, "x".repeat(1_800), "0,".repeat(50));
    let shown = short(&told(&tight(), &states, &input, &[(0, Stimulus::Continue)]));
    let ended = shown.lines().filter(|line| line.contains("MapIterationSucceeded")).count();
    assert!((10..20).contains(&ended), "{ended} results of 1,800 bytes are more than 32,000");
    expect![[r#"
        61<-60 MapStateExited A {"b":"x…","i":[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]}
        62<-61 SucceedStateEntered B {"b":"x…","i":[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]}
        63<-62 SucceedStateExited B [0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]
        64<-63 ExecutionSucceeded [0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]
        0s Continue
        nothing
    "#]].assert_eq(&last(6, &shown));
}

#[test]
fn a_parallel_whose_results_are_too_much_fails_as_soon_as_they_are() {
    let branch = |number| {
        let state = r#"{"Type": "Pass", "Parameters": {"b.$": "$.b"}, "End": true}"#;
        format!(r#"{{"StartAt": "B{number}", "States": {{"B{number}": {state}}}}}"#)
    };
    let branches: Vec<String> = (0..40).map(branch).collect();
    let states = format!(
        r#""A": {{"Type": "Parallel", "Branches": [{}], "End": true}}"#,
        branches.join(", ")
    );
    let input = format!(r#"{{"b":"{}"}}"#, "x".repeat(1_800));
    let limits = Limits { turn_bytes: 1_000_000, ..tight() };
    let shown = short(&told(&limits, &states, &input, &[]));
    expect![[r#"
        24<-23 ParallelStateFailed
        25<-24 ExecutionFailed States.DataLimitExceeded The state/task 'A' returned a result with a size exceeding the maximum number of bytes service limit.
    "#]].assert_eq(&last(2, &shown));
}

#[test]
fn a_result_that_is_discarded_may_be_long() {
    let states = r#""A": {"Type": "Map", "ItemsPath": "$.i", "ResultPath": null, "End": true,
            "ItemProcessor": {"StartAt": "P", "States": {"P": {"Type": "Pass", "Result": "RESULT", "End": true}}}}"#;
    let states = states.replace("RESULT", &"x".repeat(500));
    let input = r#"{"i": [1, 2, 3, 4, 5]}"#;
    let end = |states: &str| last(1, &told(&tight(), states, input, &[]));
    expect![[r#"
        26<-25 ExecutionSucceeded {"i": [1, 2, 3, 4, 5]}
    "#]]
    .assert_eq(&end(&states));
    let selected = states.replace(r#""ResultPath": null"#, r#""ResultSelector": {"n": 1}"#);
    expect![[r#"
        25<-23 ExecutionFailed States.DataLimitExceeded The state/task 'A' returned a result with a size exceeding the maximum number of bytes service limit.
    "#]].assert_eq(&end(&selected));
}
