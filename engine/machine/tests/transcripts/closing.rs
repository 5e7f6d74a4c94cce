//! A Map or Parallel that fails with more under way than one turn can end.

use expect_test::expect;
use machine::{EventKind, Limits, Stimulus};

use crate::{check_within, definition, failed, ok, play};

const GO_ON: (i64, Stimulus) = (2, Stimulus::Continue);

fn short_turns() -> Limits {
    Limits { turn_events: 4, ..Limits::strict() }
}

/// So often that the longest execution here has begun or ended.
fn on(times: usize) -> impl Iterator<Item = (i64, Stimulus)> {
    std::iter::repeat_n((0, Stimulus::Continue), times)
}

#[test]
fn a_map_ends_its_iterations_in_turns_that_are_cut() {
    let happenings: Vec<_> = on(5)
        .chain([(1, failed(7, "Tide")), GO_ON, (2, ok(18, "1")), GO_ON, GO_ON, GO_ON])
        .collect();
    check_within(
        &short_turns(),
        r#""A": {"Type": "Map", "ItemProcessor": {"StartAt": "B", "States": {"B": {LAMBDA, "End": true}}},
                 "Catch": [{"ErrorEquals": ["Tide"], "Next": "C"}], "End": true},
           "C": {"Type": "Succeed"}"#,
        "[1, 2, 3, 4]",
        &happenings,
        &expect![[r#"
            0s Start
              1<-0 ExecutionStarted [1, 2, 3, 4]
              2<-0 MapStateEntered A [1, 2, 3, 4]
              3<-2 MapStateStarted 4
              4<-3 MapIterationStarted A 0
            0s Continue
              5<-3 MapIterationStarted A 1
              6<-4 TaskStateEntered B 1
              7<-6 LambdaFunctionScheduled 1
              8<-7 LambdaFunctionStarted
              > invoke 7 B#1 1
            0s Continue
              9<-3 MapIterationStarted A 2
              10<-5 TaskStateEntered B 2
              11<-10 LambdaFunctionScheduled 2
              12<-11 LambdaFunctionStarted
              > invoke 11 B#1 2
            0s Continue
              13<-3 MapIterationStarted A 3
              14<-9 TaskStateEntered B 3
              15<-14 LambdaFunctionScheduled 3
              16<-15 LambdaFunctionStarted
              > invoke 15 B#1 3
            0s Continue
              17<-13 TaskStateEntered B 4
              18<-17 LambdaFunctionScheduled 4
              19<-18 LambdaFunctionStarted
              > invoke 18 B#1 4
            0s Continue
              nothing
            1s TaskFailed
              20<-8 LambdaFunctionFailed Tide because
              - ClosingStarted { closing: Closing { failure: Failure { error: Some("Tide"), cause: Some("because") }, also: None, state: Some("B"), place: Some(FrameId(1)), failed: Some(FrameId(1)) } }
              21<-20 MapIterationFailed A 0
              22<-20 TaskStateAborted
            2s Continue
              23<-20 MapIterationAborted A 1
              24<-20 TaskStateAborted
              25<-20 MapIterationAborted A 2
              26<-20 TaskStateAborted
              > abandon 11
              > abandon 15
            2s TaskSucceeded
              27<-20 MapIterationAborted A 3
              28<-20 TaskStateAborted
              29<-20 MapStateFailed
              30<-29 MapStateExited A {"Error":"Tide","Cause":"because"}
              > abandon 18
            2s Continue
              31<-30 SucceedStateEntered C {"Error":"Tide","Cause":"because"}
              32<-31 SucceedStateExited C {"Error":"Tide","Cause":"because"}
              33<-32 ExecutionSucceeded {"Error":"Tide","Cause":"because"}
            2s Continue
              nothing
            2s Continue
              nothing
        "#]],
    );
}

#[test]
fn what_is_closed_may_be_tried_again() {
    let happenings: Vec<_> =
        on(5).chain([(1, failed(7, "Tide")), GO_ON, GO_ON, (3, Stimulus::Timer)]).collect();
    check_within(
        &short_turns(),
        r#""A": {"Type": "Map", "ItemProcessor": {"StartAt": "B", "States": {"B": {LAMBDA, "End": true}}},
                 "Retry": [{"ErrorEquals": ["Tide"], "IntervalSeconds": 1}], "End": true}"#,
        "[1, 2, 3]",
        &happenings,
        &expect![[r#"
            0s Start
              1<-0 ExecutionStarted [1, 2, 3]
              2<-0 MapStateEntered A [1, 2, 3]
              3<-2 MapStateStarted 3
              4<-3 MapIterationStarted A 0
            0s Continue
              5<-3 MapIterationStarted A 1
              6<-4 TaskStateEntered B 1
              7<-6 LambdaFunctionScheduled 1
              8<-7 LambdaFunctionStarted
              > invoke 7 B#1 1
            0s Continue
              9<-3 MapIterationStarted A 2
              10<-5 TaskStateEntered B 2
              11<-10 LambdaFunctionScheduled 2
              12<-11 LambdaFunctionStarted
              > invoke 11 B#1 2
            0s Continue
              13<-9 TaskStateEntered B 3
              14<-13 LambdaFunctionScheduled 3
              15<-14 LambdaFunctionStarted
              > invoke 14 B#1 3
            0s Continue
              nothing
            0s Continue
              nothing
            1s TaskFailed
              16<-8 LambdaFunctionFailed Tide because
              - ClosingStarted { closing: Closing { failure: Failure { error: Some("Tide"), cause: Some("because") }, also: None, state: Some("B"), place: Some(FrameId(1)), failed: Some(FrameId(1)) } }
              17<-16 MapIterationFailed A 0
              18<-16 TaskStateAborted
            2s Continue
              19<-16 MapIterationAborted A 1
              20<-16 TaskStateAborted
              21<-16 MapIterationAborted A 2
              22<-16 TaskStateAborted
              - retry by 0 at 3s
              > abandon 11
              > abandon 14
            2s Continue
              nothing
            3s Timer
              23<-16 MapStateStarted 3
              24<-23 MapIterationStarted A 0
              25<-23 MapIterationStarted A 1
              26<-24 TaskStateEntered B 1
              27<-26 LambdaFunctionScheduled 1
              28<-27 LambdaFunctionStarted
              > invoke 27 B#1 1
        "#]],
    );
}

#[test]
fn branches_with_maps_in_them_end_one_by_one() {
    let map = r#"{"Type": "Map", "ItemProcessor": {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 9, "End": true}}}, "End": true}"#;
    let states = format!(
        r#""A": {{"Type": "Parallel", "End": true, "Branches": [
              {{"StartAt": "T", "States": {{"T": {{LAMBDA, "End": true}}}}}},
              {{"StartAt": "X", "States": {{"X": {map}}}}},
              {{"StartAt": "Y", "States": {{"Y": {{"Type": "Wait", "Seconds": 9, "End": true}}}}}}]}}"#
    );
    let happenings: Vec<_> =
        on(6).chain([(1, failed(5, "Tide")), GO_ON, (9, Stimulus::Timer), GO_ON]).collect();
    check_within(
        &short_turns(),
        &states,
        "[1, 2]",
        &happenings,
        &expect![[r#"
            0s Start
              1<-0 ExecutionStarted [1, 2]
              2<-0 ParallelStateEntered A [1, 2]
              3<-2 ParallelStateStarted
              4<-3 TaskStateEntered T [1, 2]
              5<-4 LambdaFunctionScheduled [1, 2]
              6<-5 LambdaFunctionStarted
              > invoke 5 T#1 [1, 2]
            0s Continue
              7<-3 MapStateEntered X [1, 2]
              8<-7 MapStateStarted 2
              9<-3 WaitStateEntered Y [1, 2]
              - wait until 9s
            0s Continue
              10<-8 MapIterationStarted X 0
              11<-8 MapIterationStarted X 1
              12<-10 WaitStateEntered W 1
              - wait until 9s
            0s Continue
              13<-11 WaitStateEntered W 2
              - wait until 9s
            0s Continue
              nothing
            0s Continue
              nothing
            0s Continue
              nothing
            1s TaskFailed
              14<-6 LambdaFunctionFailed Tide because
              - ClosingStarted { closing: Closing { failure: Failure { error: Some("Tide"), cause: Some("because") }, also: None, state: Some("T"), place: Some(FrameId(1)), failed: Some(FrameId(1)) } }
              - BranchFailed
              15<-14 TaskStateAborted
            2s Continue
              16<-14 MapIterationAborted X 0
              17<-14 WaitStateAborted
              18<-14 MapIterationAborted X 1
              19<-14 WaitStateAborted
            9s Timer
              20<-14 MapStateAborted
              21<-14 WaitStateAborted
              22<-14 ParallelStateFailed
              23<-22 ExecutionFailed Tide because
            2s Continue
              nothing
        "#]],
    );
}

#[test]
fn an_iteration_that_is_over_ends_what_is_in_it_in_turns_that_are_cut() {
    let states = r#""A": {"Type": "Map", "End": true, "ItemProcessor": {"StartAt": "C", "States": {
          "C": {"Type": "Choice", "Choices": [{"Variable": "$[0]", "IsPresent": true, "Next": "X"}], "Default": "T"},
          "T": {LAMBDA, "End": true},
          "X": {"Type": "Map", "End": true, "ItemProcessor": {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 9, "End": true}}}}}}}"#;
    let happenings: Vec<_> = on(5).chain([(1, failed(13, "Tide")), GO_ON, GO_ON]).collect();
    check_within(
        &short_turns(),
        states,
        "[[1, 2, 3], 0]",
        &happenings,
        &expect![[r#"
            0s Start
              1<-0 ExecutionStarted [[1, 2, 3], 0]
              2<-0 MapStateEntered A [[1, 2, 3], 0]
              3<-2 MapStateStarted 2
              4<-3 MapIterationStarted A 0
            0s Continue
              5<-3 MapIterationStarted A 1
              6<-4 ChoiceStateEntered C [1,2,3]
              7<-6 ChoiceStateExited C [1,2,3]
              8<-5 ChoiceStateEntered C 0
              9<-8 ChoiceStateExited C 0
            0s Continue
              10<-7 MapStateEntered X [1,2,3]
              11<-10 MapStateStarted 3
              12<-9 TaskStateEntered T 0
              13<-12 LambdaFunctionScheduled 0
              14<-13 LambdaFunctionStarted
              > invoke 13 T#1 0
            0s Continue
              15<-11 MapIterationStarted X 0
              16<-11 MapIterationStarted X 1
              17<-15 WaitStateEntered W 1
              - wait until 9s
            0s Continue
              18<-11 MapIterationStarted X 2
              19<-16 WaitStateEntered W 2
              - wait until 9s
              20<-18 WaitStateEntered W 3
              - wait until 9s
            0s Continue
              nothing
            1s TaskFailed
              21<-14 LambdaFunctionFailed Tide because
              - ClosingStarted { closing: Closing { failure: Failure { error: Some("Tide"), cause: Some("because") }, also: None, state: Some("T"), place: Some(FrameId(2)), failed: Some(FrameId(2)) } }
              22<-21 MapIterationAborted A 0
              23<-21 MapIterationAborted X 0
              24<-21 WaitStateAborted
            2s Continue
              25<-21 MapIterationAborted X 1
              26<-21 WaitStateAborted
              27<-21 MapIterationAborted X 2
              28<-21 WaitStateAborted
            2s Continue
              29<-21 MapStateAborted
              30<-21 MapIterationFailed A 1
              31<-21 TaskStateAborted
              32<-21 MapStateFailed
              33<-32 ExecutionFailed Tide because
        "#]],
    );
}

#[test]
fn an_execution_that_is_stopped_meanwhile_gives_up_what_is_left() {
    let stop = Stimulus::Stop { error: None, cause: None };
    let happenings: Vec<_> =
        on(5).chain([(1, failed(7, "Tide")), GO_ON, (2, stop), GO_ON]).collect();
    check_within(
        &short_turns(),
        r#""A": {"Type": "Map", "ItemProcessor": {"StartAt": "B", "States": {"B": {LAMBDA, "End": true}}}, "End": true}"#,
        "[1, 2, 3, 4]",
        &happenings,
        &expect![[r#"
            0s Start
              1<-0 ExecutionStarted [1, 2, 3, 4]
              2<-0 MapStateEntered A [1, 2, 3, 4]
              3<-2 MapStateStarted 4
              4<-3 MapIterationStarted A 0
            0s Continue
              5<-3 MapIterationStarted A 1
              6<-4 TaskStateEntered B 1
              7<-6 LambdaFunctionScheduled 1
              8<-7 LambdaFunctionStarted
              > invoke 7 B#1 1
            0s Continue
              9<-3 MapIterationStarted A 2
              10<-5 TaskStateEntered B 2
              11<-10 LambdaFunctionScheduled 2
              12<-11 LambdaFunctionStarted
              > invoke 11 B#1 2
            0s Continue
              13<-3 MapIterationStarted A 3
              14<-9 TaskStateEntered B 3
              15<-14 LambdaFunctionScheduled 3
              16<-15 LambdaFunctionStarted
              > invoke 15 B#1 3
            0s Continue
              17<-13 TaskStateEntered B 4
              18<-17 LambdaFunctionScheduled 4
              19<-18 LambdaFunctionStarted
              > invoke 18 B#1 4
            0s Continue
              nothing
            1s TaskFailed
              20<-8 LambdaFunctionFailed Tide because
              - ClosingStarted { closing: Closing { failure: Failure { error: Some("Tide"), cause: Some("because") }, also: None, state: Some("B"), place: Some(FrameId(1)), failed: Some(FrameId(1)) } }
              21<-20 MapIterationFailed A 0
              22<-20 TaskStateAborted
            2s Continue
              23<-20 MapIterationAborted A 1
              24<-20 TaskStateAborted
              25<-20 MapIterationAborted A 2
              26<-20 TaskStateAborted
              > abandon 11
              > abandon 15
            2s Stop
              27<-0 ExecutionAborted
              > abandon 18
            2s Continue
              nothing
        "#]],
    );
}

#[test]
fn no_turn_that_ends_thousands_of_iterations_is_long() {
    let items = 5_000;
    let limits = Limits { map_concurrency: items, history_events: None, ..Limits::strict() };
    let text = definition(
        r#""A": {"Type": "Map", "ItemProcessor": {"StartAt": "B", "States": {"B": {LAMBDA, "End": true}}}, "End": true}"#,
    );
    let input = format!("[{}0]", "0,".repeat(items as usize - 1));
    let started = on(25).chain([(1, failed(7, "Tide"))]).chain(on(15));
    let happenings: Vec<_> = started.collect();
    let played = play(&limits, &text, &input, &happenings);
    for turn in played.told.split(" Continue\n") {
        let events = turn.lines().filter(|line| !line.starts_with("  >")).count();
        // What follows from the last event that there is room for belongs to the same turn.
        assert!(events < limits.turn_events + 10, "{events} events in one turn");
    }
    let aborted = |kind: &EventKind| matches!(kind, EventKind::IterationAborted { .. });
    let aborts = played.log.iter().filter(|event| aborted(&event.kind)).count();
    assert_eq!(aborts, items as usize - 1);
    assert!(matches!(played.log.last().unwrap().kind, EventKind::ExecutionFailed { .. }));
}
