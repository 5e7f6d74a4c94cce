//! An execution that has ended without success goes on where it stood, and one that begins at a state.

use asl::Payload;
use expect_test::{Expect, expect};
use machine::{
    Beginning, EventKind, Limits, Random, Status, Stimulus, Timestamp, fold, log, redrive, start_at,
};

use crate::{Happening, Numbered, TIMER, definition, failed, identity, keep, ok, printed, program};

fn stop() -> Stimulus {
    Stimulus::Stop { error: Some("Enough".to_owned()), cause: None }
}

/// What happens from a redrive on, second by second, after what happened before it.
fn check(
    states: &str,
    input: &str,
    before: &[Happening],
    redriven_at: i64,
    after: &[Happening],
    expected: &Expect,
) {
    check_within(&Limits::strict(), states, input, before, (redriven_at, after), expected);
}

fn check_within(
    limits: &Limits,
    states: &str,
    input: &str,
    before: &[Happening],
    (redriven_at, after): (i64, &[Happening]),
    expected: &Expect,
) {
    let definition = definition(states);
    let program = &asl::compile(&definition).unwrap();
    let random = Random::seeded(1);
    let input = Payload::from_text(input).unwrap();
    let at = |seconds: i64| Timestamp(seconds * 1000);
    let (mut execution, turn) =
        machine::start(program, identity(), input, at(0), &random, limits, &Numbered);
    let mut turns = vec![turn.events];
    for (seconds, stimulus) in before {
        let (stimulus, now) = (stimulus.clone(), at(*seconds));
        let turn =
            machine::step(program, &mut execution, stimulus, now, &random, limits, &Numbered);
        turns.push(turn.events);
    }
    assert!(execution.can_be_redriven(), "{:?}", execution.status());
    // As whoever redrives it finds it: only the log is left.
    let mut execution = fold(turns.iter().flatten()).unwrap();
    let turn = redrive(program, &mut execution, at(redriven_at), &random, limits, &Numbered);
    let mut told = printed(redriven_at, "Redrive", &turn);
    turns.push(turn.events);
    for (seconds, stimulus) in after {
        let name = format!("{stimulus:?}").split([' ', '{']).next().unwrap().to_owned();
        let (stimulus, now) = (stimulus.clone(), at(*seconds));
        let turn =
            machine::step(program, &mut execution, stimulus, now, &random, limits, &Numbered);
        told.push_str(&printed(*seconds, &name, &turn));
        turns.push(turn.events);
        let folded = fold(turns.iter().flatten());
        assert_eq!(folded.as_ref(), Some(&execution), "the log folds to the memory");
    }
    turns.retain(|turn| !turn.is_empty());
    let rows: Vec<Vec<u8>> = turns.iter().map(|turn| log::encode(turn)).collect();
    keep::keep(&definition, &rows, &turns.concat());
    expected.assert_eq(&told);
}

#[test]
fn a_task_that_failed_is_called_again_and_its_retrier_counts_from_the_beginning() {
    check(
        r#""A": {"Type": "Pass", "Assign": {"n": 7}, "Next": "B"},
           "B": {LAMBDA, "Parameters": {"n.$": "$n"}, "End": true,
                 "Retry": [{"ErrorEquals": ["Tide"], "IntervalSeconds": 1, "MaxAttempts": 1}]}"#,
        "{}",
        &[(1, failed(5, "Tide")), (2, TIMER), (3, failed(8, "Tide"))],
        60,
        &[(61, failed(13, "Tide")), (62, TIMER), (63, ok(16, "1"))],
        &expect![[r#"
            60s Redrive
              12<-11 ExecutionRedriven 1
              13<-12 LambdaFunctionScheduled {"n":7}
              14<-13 LambdaFunctionStarted
              > invoke 13 B#1 {"n":7}
            61s TaskFailed
              15<-14 LambdaFunctionFailed Tide because
              - retry by 0 at 62s
            62s Timer
              16<-15 LambdaFunctionScheduled {"n":7}
              17<-16 LambdaFunctionStarted
              > invoke 16 B#2 {"n":7}
            63s TaskSucceeded
              18<-17 LambdaFunctionSucceeded 1
              19<-18 TaskStateExited B 1
              20<-19 ExecutionSucceeded 1
        "#]],
    );
}

#[test]
fn branches_that_succeeded_keep_their_results_and_the_others_go_on_where_they_stood() {
    check(
        r#""A": {"Type": "Parallel", "End": true, "Branches": [
             {"StartAt": "B", "States": {"B": {LAMBDA, "End": true}}},
             {"StartAt": "C", "States": {"C": {LAMBDA, "Next": "D"}, "D": {LAMBDA, "End": true}}},
             {"StartAt": "E", "States": {"E": {LAMBDA, "End": true}}},
             {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 9, "Next": "F"},
                                         "F": {"Type": "Pass", "End": true}}}]}"#,
        "{}",
        // The tasks of B, C and E are 5, 8 and 11.
        &[(1, ok(5, "1")), (2, ok(8, "2")), (3, failed(11, "Tide"))],
        60,
        &[(61, ok(28, "3")), (62, ok(30, "4")), (69, TIMER)],
        &expect![[r#"
            60s Redrive
              27<-26 ExecutionRedriven 1
              28<-27 LambdaFunctionScheduled 2
              29<-28 LambdaFunctionStarted
              30<-27 LambdaFunctionScheduled {}
              31<-30 LambdaFunctionStarted
              - wait until 69s
              > invoke 28 D#1 2
              > invoke 30 E#1 {}
            61s TaskSucceeded
              32<-29 LambdaFunctionSucceeded 3
              33<-32 TaskStateExited D 3
              - BranchSucceeded
            62s TaskSucceeded
              34<-31 LambdaFunctionSucceeded 4
              35<-34 TaskStateExited E 4
              - BranchSucceeded
            69s Timer
              36<-27 WaitStateExited W {}
              37<-36 PassStateEntered F {}
              38<-37 PassStateExited F {}
              - BranchSucceeded
              39<-38 ParallelStateSucceeded
              40<-38 ParallelStateExited A [1,3,4,{}]
              41<-40 ExecutionSucceeded [1,3,4,{}]
        "#]],
    );
}

#[test]
fn iterations_that_succeeded_keep_their_results_and_those_not_begun_begin() {
    check(
        r#""A": {"Type": "Map", "MaxConcurrency": 2, "End": true,
                 "ItemProcessor": {"StartAt": "B", "States": {"B": {LAMBDA, "End": true}}}}"#,
        "[1, 2, 3, 4]",
        &[(1, ok(7, "10")), (2, failed(10, "Tide"))],
        60,
        &[(61, ok(27, "20")), (62, ok(29, "30")), (63, ok(36, "40"))],
        &expect![[r#"
            60s Redrive
              26<-25 ExecutionRedriven 1
              27<-26 LambdaFunctionScheduled 2
              28<-27 LambdaFunctionStarted
              29<-26 LambdaFunctionScheduled 3
              30<-29 LambdaFunctionStarted
              > invoke 27 B#1 2
              > invoke 29 B#1 3
            61s TaskSucceeded
              31<-28 LambdaFunctionSucceeded 20
              32<-31 TaskStateExited B 20
              33<-32 MapIterationSucceeded A 1
              34<-32 MapIterationStarted A 3
              35<-34 TaskStateEntered B 4
              36<-35 LambdaFunctionScheduled 4
              37<-36 LambdaFunctionStarted
              > invoke 36 B#1 4
            62s TaskSucceeded
              38<-30 LambdaFunctionSucceeded 30
              39<-38 TaskStateExited B 30
              40<-39 MapIterationSucceeded A 2
            63s TaskSucceeded
              41<-37 LambdaFunctionSucceeded 40
              42<-41 TaskStateExited B 40
              43<-42 MapIterationSucceeded A 3
              44<-43 MapStateSucceeded
              45<-43 MapStateExited A [10,20,30,40]
              46<-45 ExecutionSucceeded [10,20,30,40]
        "#]],
    );
}

#[test]
fn a_wait_that_was_stopped_waits_anew() {
    let states = r#""A": {"Type": "Wait", "Seconds": 100, "Next": "B"},
                    "B": {"Type": "Pass", "End": true}"#;
    check(
        states,
        "{}",
        &[(10, stop())],
        60,
        &[(160, TIMER)],
        &expect![[r#"
        60s Redrive
          4<-3 ExecutionRedriven 1
          - wait until 160s
        160s Timer
          5<-4 WaitStateExited A {}
          6<-5 PassStateEntered B {}
          7<-6 PassStateExited B {}
          8<-7 ExecutionSucceeded {}
    "#]],
    );
}

#[test]
fn a_wait_until_a_time_that_has_passed_meanwhile_is_over() {
    check(
        r#""A": {"Type": "Wait", "Timestamp": "1970-01-01T00:00:30Z", "End": true}"#,
        "{}",
        &[(10, stop())],
        60,
        &[],
        &expect![[r#"
            60s Redrive
              4<-3 ExecutionRedriven 1
              5<-4 WaitStateExited A {}
              6<-5 ExecutionSucceeded {}
        "#]],
    );
}

#[test]
fn a_fail_state_fails_again_and_a_choice_chooses_again() {
    check(
        r#""A": {"Type": "Fail", "Error": "No", "Cause": "never"}"#,
        "{}",
        &[],
        60,
        &[],
        &expect![[r#"
            60s Redrive
              4<-3 ExecutionRedriven 1
              5<-4 ExecutionFailed No never
        "#]],
    );
    check(
        r#""A": {"Type": "Choice", "Choices": [{"Variable": "$.a", "IsPresent": true, "Next": "B"}]},
           "B": {"Type": "Succeed"}"#,
        "{}",
        &[],
        60,
        &[],
        &expect![[r#"
            60s Redrive
              4<-3 ExecutionRedriven 1
              5<-4 ExecutionFailed States.Runtime An error occurred while executing the state 'A' (entered at the event id #2). Failed to transition out of the state. The state does not point to a next state.
        "#]],
    );
}

#[test]
fn a_parallel_whose_result_does_not_fit_its_output_only_ends_again() {
    check(
        r#""A": {"Type": "Parallel", "End": true, "ResultSelector": {"n.$": "$[7]"}, "Branches": [
             {"StartAt": "B", "States": {"B": {LAMBDA, "End": true}}}]}"#,
        "{}",
        &[(1, ok(5, "1"))],
        60,
        &[],
        &expect![[r#"
            60s Redrive
              11<-10 ExecutionRedriven 1
              12<-11 ParallelStateSucceeded
              13<-11 ExecutionFailed States.Runtime An error occurred while executing the state 'A' (entered at the event id #2). The JSONPath '$[7]' specified for the field 'n.$' could not be found in the input '[1]'
        "#]],
    );
}

#[test]
fn a_parallel_that_failed_because_its_results_were_too_long_begins_from_the_beginning() {
    let limits = Limits { payload_bytes: 40, ..Limits::strict() };
    let long = format!("\"{}\"", "x".repeat(30));
    check_within(
        &limits,
        r#""A": {"Type": "Parallel", "End": true, "Branches": [
             {"StartAt": "B", "States": {"B": {LAMBDA, "End": true}}},
             {"StartAt": "C", "States": {"C": {LAMBDA, "End": true}}}]}"#,
        "{}",
        &[(1, ok(5, &long)), (2, ok(8, &long))],
        (60, &[(61, ok(19, "1")), (62, ok(22, "2"))]),
        &expect![[r#"
            60s Redrive
              16<-15 ExecutionRedriven 1
              17<-16 ParallelStateStarted
              18<-17 TaskStateEntered B {}
              19<-18 LambdaFunctionScheduled {}
              20<-19 LambdaFunctionStarted
              21<-17 TaskStateEntered C {}
              22<-21 LambdaFunctionScheduled {}
              23<-22 LambdaFunctionStarted
              > invoke 19 B#1 {}
              > invoke 22 C#1 {}
            61s TaskSucceeded
              24<-20 LambdaFunctionSucceeded 1
              25<-24 TaskStateExited B 1
              - BranchSucceeded
            62s TaskSucceeded
              26<-23 LambdaFunctionSucceeded 2
              27<-26 TaskStateExited C 2
              - BranchSucceeded
              28<-27 ParallelStateSucceeded
              29<-27 ParallelStateExited A [1,2]
              30<-29 ExecutionSucceeded [1,2]
        "#]],
    );
}

#[test]
fn a_failure_that_was_dealt_with_leaves_nothing_to_redrive() {
    check(
        r#""A": {"Type": "Parallel", "Next": "C", "Catch": [{"ErrorEquals": ["Tide"], "Next": "C"}],
                 "Branches": [{"StartAt": "B", "States": {"B": {LAMBDA, "End": true}}}]},
           "C": {LAMBDA, "End": true}"#,
        "{}",
        &[(1, failed(5, "Tide")), (2, failed(12, "Ebb"))],
        60,
        &[(61, ok(17, "1"))],
        &expect![[r#"
            60s Redrive
              16<-15 ExecutionRedriven 1
              17<-16 LambdaFunctionScheduled {"Error":"Tide","Cause":"because"}
              18<-17 LambdaFunctionStarted
              > invoke 17 C#1 {"Error":"Tide","Cause":"because"}
            61s TaskSucceeded
              19<-18 LambdaFunctionSucceeded 1
              20<-19 TaskStateExited C 1
              21<-20 ExecutionSucceeded 1
        "#]],
    );
}

#[test]
fn a_map_that_is_closed_over_several_turns_is_redriven_over_several() {
    let limits = Limits { turn_events: 4, ..Limits::strict() };
    let go_on = |seconds| (seconds, Stimulus::Continue);
    let mut before: Vec<Happening> = (0..4).map(|_| go_on(0)).collect();
    before.push((1, failed(7, "Tide")));
    before.extend((0..4).map(|_| go_on(2)));
    check_within(
        &limits,
        r#""A": {"Type": "Map", "End": true,
                 "ItemProcessor": {"StartAt": "B", "States": {"B": {LAMBDA, "End": true}}}}"#,
        "[1, 2, 3]",
        &before,
        (60, &[(60, TIMER), (61, ok(26, "1")), (61, ok(28, "2")), (61, ok(30, "3"))]),
        &expect![[r#"
            60s Redrive
              25<-24 ExecutionRedriven 1
              26<-25 LambdaFunctionScheduled 1
              27<-26 LambdaFunctionStarted
              28<-25 LambdaFunctionScheduled 2
              29<-28 LambdaFunctionStarted
              > invoke 26 B#1 1
              > invoke 28 B#1 2
            60s Timer
              30<-25 LambdaFunctionScheduled 3
              31<-30 LambdaFunctionStarted
              > invoke 30 B#1 3
            61s TaskSucceeded
              32<-27 LambdaFunctionSucceeded 1
              33<-32 TaskStateExited B 1
              34<-33 MapIterationSucceeded A 0
            61s TaskSucceeded
              35<-29 LambdaFunctionSucceeded 2
              36<-35 TaskStateExited B 2
              37<-36 MapIterationSucceeded A 1
            61s TaskSucceeded
              38<-31 LambdaFunctionSucceeded 3
              39<-38 TaskStateExited B 3
              40<-39 MapIterationSucceeded A 2
              41<-40 MapStateSucceeded
              42<-40 MapStateExited A [1,2,3]
              43<-42 ExecutionSucceeded [1,2,3]
        "#]],
    );
}

#[test]
fn what_succeeded_or_runs_is_not_redriven_and_nothing_else_follows_an_end() {
    let (random, limits) = (Random::seeded(1), Limits::strict());
    let program = program(r#""A": {LAMBDA, "End": true}"#);
    let input = Payload::from_text("{}").unwrap();
    let now = Timestamp(0);
    let (mut execution, started) =
        machine::start(&program, identity(), input, now, &random, &limits, &Numbered);
    let running = redrive(&program, &mut execution, now, &random, &limits, &Numbered);
    assert!(running.events.is_empty());
    let mut stopped = execution.clone();
    let turn = machine::step(&program, &mut stopped, stop(), now, &random, &limits, &Numbered);
    let again = started.events.iter().chain(&turn.events).chain(&turn.events);
    let folded = fold(again).unwrap();
    assert_eq!(folded.status(), Status::Aborted);
    assert_eq!(folded.ending(), stopped.ending(), "an end stands");
    let turn =
        machine::step(&program, &mut execution, ok(3, "1"), now, &random, &limits, &Numbered);
    assert!(turn.events.last().is_some_and(|event| event.kind.is_terminal()));
    assert!(!execution.can_be_redriven());
    assert!(redrive(&program, &mut execution, now, &random, &limits, &Numbered).events.is_empty());
}

#[test]
fn of_what_failed_it_is_not_kept_when_it_was_last_heard_of() {
    let (random, limits) = (Random::seeded(1), Limits::strict());
    let program = program(
        r#""A": {"Type": "Task", "End": true, "HeartbeatSeconds": 5,
            "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
            "Parameters": {"FunctionName": "f", "Payload": {"token.$": "$$.Task.Token"}}}"#,
    );
    let input = Payload::from_text("{}").unwrap();
    let (mut execution, started) =
        machine::start(&program, identity(), input, Timestamp(0), &random, &limits, &Numbered);
    let mut log = started.events;
    let output = Payload::from_text("1").unwrap();
    for (now, stimulus) in [
        (Timestamp(1_000), Stimulus::TaskSubmitted { task: 3, output }),
        (Timestamp(3_000), Stimulus::Heartbeat { task: 3 }),
        (Timestamp(4_000), stop()),
    ] {
        let turn =
            machine::step(&program, &mut execution, stimulus, now, &random, &limits, &Numbered);
        log.extend(turn.events);
    }
    assert!(execution.can_be_redriven());
    assert_eq!(fold(&log), Some(execution), "no event tells of a heartbeat");
}

#[test]
fn a_full_history_has_no_room_for_a_redrive() {
    let (random, limits) =
        (Random::seeded(1), Limits { history_events: Some(5), ..Limits::strict() });
    let program = program(r#""A": {LAMBDA, "End": true}"#);
    let input = Payload::from_text("{}").unwrap();
    let now = Timestamp(0);
    let (mut execution, _) =
        machine::start(&program, identity(), input, now, &random, &limits, &Numbered);
    machine::step(&program, &mut execution, stop(), now, &random, &limits, &Numbered);
    assert!(execution.can_be_redriven());
    assert!(redrive(&program, &mut execution, now, &random, &limits, &Numbered).events.is_empty());
}

#[test]
fn an_execution_begins_at_a_state_inside_a_map_with_input_and_variables() {
    let (random, limits) = (Random::seeded(1), Limits::strict());
    let states = r#""A": {"Type": "Map", "End": true, "ItemProcessor": {"StartAt": "B", "States": {
        "B": {"Type": "Pass", "Parameters": {"sum.$": "States.MathAdd($.n, $more)"}, "End": true}}}}"#;
    let program = program(states);
    let beginning = |state: &str| Beginning {
        state: state.to_owned(),
        input: Payload::from_text(r#"{"n": 40}"#).unwrap(),
        variables: Some(Payload::from_text(r#"{"more": 2}"#).unwrap()),
    };
    let now = Timestamp(0);
    let (execution, turn) =
        start_at(&program, identity(), beginning("B"), now, &random, &limits, &Numbered);
    let output = execution.ending().and_then(|ending| ending.output.clone()).unwrap();
    assert_eq!(output.raw(), r#"{"sum":42}"#);
    let row = log::encode(&turn.events);
    assert_eq!(fold(&log::decode(&row).unwrap()), Some(execution));
    keep::keep(&definition(states), &[row], &turn.events);

    let (nowhere, turn) =
        start_at(&program, identity(), beginning("Z"), now, &random, &limits, &Numbered);
    assert_eq!(nowhere.status(), Status::Failed);
    let EventKind::ExecutionFailed { failure, .. } = &turn.events[1].kind else { panic!() };
    assert_eq!(failure.cause.as_deref(), Some("the definition has no state `Z`"));
}
