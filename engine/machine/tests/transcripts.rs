//! Transcripts: stimuli in, turns printed as text. `UPDATE_EXPECT=1` writes what is printed.

#![expect(clippy::unwrap_used, reason = "a failed setup should fail the test")]
#![expect(clippy::needless_raw_string_hashes, reason = "expect-test writes them")]
#![expect(clippy::format_push_string, reason = "a transcript is built line by line")]

use asl::Payload;
use expect_test::{Expect, expect};
use machine::history::View;
use machine::{
    Command, Event, EventKind, Failure, Identity, Limits, Random, Stimulus, Timestamp, Turn,
};

/// One thing that happens, at a time in seconds from the start.
type Happening = (i64, Stimulus);

fn ok(task: u64, result: &str) -> Stimulus {
    Stimulus::TaskSucceeded { task, result: Payload::from_text(result).unwrap() }
}

fn failed(task: u64, error: &str) -> Stimulus {
    Stimulus::TaskFailed { task, failure: Failure::new(error, "because") }
}

const TIMER: Stimulus = Stimulus::Timer;
const LAMBDA: &str =
    r#""Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:f""#;

fn check(states: &str, input: &str, happenings: &[Happening], expected: &Expect) {
    check_within(&Limits::strict(), states, input, happenings, expected);
}

fn check_within(
    limits: &Limits,
    states: &str,
    input: &str,
    happenings: &[Happening],
    expected: &Expect,
) {
    let definition = format!(r#"{{"StartAt": "A", "States": {{{states}}}}}"#);
    let program = asl::compile(&definition.replace("LAMBDA", LAMBDA)).unwrap();
    let mut random = Random::seeded(1);
    let input = Payload::from_text(input).unwrap();
    let identity = Identity {
        arn: "arn:aws:states:us-east-1:123456789012:execution:m:e".to_owned(),
        name: "e".to_owned(),
        state_machine_arn: "arn:aws:states:us-east-1:123456789012:stateMachine:m".to_owned(),
        state_machine_name: "m".to_owned(),
        role_arn: "arn:aws:iam::123456789012:role/r".to_owned(),
        region: "us-east-1".to_owned(),
        version_arn: None,
        alias_arn: None,
    };
    let (mut execution, turn) =
        machine::start(&program, identity, input, Timestamp(0), &mut random, limits);
    let mut text = printed(0, "Start", &turn);
    let mut log = turn.events;
    for (seconds, stimulus) in happenings {
        let name = match stimulus {
            Stimulus::Timer => "Timer".to_owned(),
            other => format!("{other:?}").split(" {").next().unwrap().to_owned(),
        };
        let now = Timestamp(seconds * 1000);
        let turn =
            machine::step(&program, &mut execution, stimulus.clone(), now, &mut random, limits);
        text.push_str(&printed(*seconds, &name, &turn));
        log.extend(turn.events);
        assert_eq!(machine::fold(&log).as_ref(), Some(&execution), "the log folds to the memory");
    }
    if let Some(due) = execution.next_timer() {
        text.push_str(&format!("waits until {}s\n", due.0 / 1000));
    }
    expected.assert_eq(&text);
}

fn printed(seconds: i64, stimulus: &str, turn: &Turn) -> String {
    let mut text = format!("{seconds}s {stimulus}\n");
    if turn.events.is_empty() && turn.commands.is_empty() {
        text.push_str("  nothing\n");
    }
    for event in &turn.events {
        text.push_str(&line(event));
    }
    for command in &turn.commands {
        match command {
            Command::Invoke(call) => {
                let (task, state, attempt) = (call.task, &call.state, call.attempt);
                let parameters = call.parameters.raw();
                text.push_str(&format!("  > invoke {task} {state}#{attempt} {parameters}\n"));
            }
            Command::Abandon { task } => text.push_str(&format!("  > abandon {task}\n")),
        }
    }
    text
}

fn line(event: &Event) -> String {
    let view = View { region: "us-east-1", with_data: true };
    let Some(shown) = view.show(event) else {
        let text = match &event.kind {
            EventKind::RetryScheduled { retrier, until } => {
                format!("retry by {retrier} at {}s", until.0 / 1000)
            }
            EventKind::WaitScheduled { until } => format!("wait until {}s", until.0 / 1000),
            other => format!("{other:?}"),
        };
        return format!("  - {text}\n");
    };
    let details = shown.details.map(|(_, details)| details).unwrap_or_default();
    let pick = ["name", "index", "length", "input", "parameters", "output", "error", "cause"];
    let said: Vec<String> = pick
        .iter()
        .filter_map(|member| details.get(member))
        .map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
        .collect();
    format!("  {}<-{} {} {}\n", shown.id, shown.previous, shown.name, said.join(" "))
        .replace(" \n", "\n")
}

#[test]
fn states_without_work_outside_are_one_turn() {
    check(
        r#""A": {"Type": "Pass", "Result": {"x": 1}, "ResultPath": "$.a", "Next": "B"},
           "B": {"Type": "Choice", "Choices": [{"Variable": "$.a.x", "NumericEquals": 1, "Next": "C"}]},
           "C": {"Type": "Succeed"}"#,
        r#"{"n": 0}"#,
        &[],
        &expect![[r#"
            0s Start
              1<-0 ExecutionStarted {"n": 0}
              2<-0 PassStateEntered A {"n": 0}
              3<-2 PassStateExited A {"n":0,"a":{"x":1}}
              4<-3 ChoiceStateEntered B {"n":0,"a":{"x":1}}
              5<-4 ChoiceStateExited B {"n":0,"a":{"x":1}}
              6<-5 SucceedStateEntered C {"n":0,"a":{"x":1}}
              7<-6 SucceedStateExited C {"n":0,"a":{"x":1}}
              8<-7 ExecutionSucceeded {"n":0,"a":{"x":1}}
        "#]],
    );
}

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
              13<-6 TaskStateAborted
              14<-10 WaitStateAborted
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
              6<-4 TaskStateEntered B {"i":0,"v":10}
              7<-6 LambdaFunctionScheduled {"i":0,"v":10}
              8<-7 LambdaFunctionStarted
              9<-5 TaskStateEntered B {"i":1,"v":20}
              10<-9 LambdaFunctionScheduled {"i":1,"v":20}
              11<-10 LambdaFunctionStarted
              > invoke 7 B#1 {"i":0,"v":10}
              > invoke 10 B#1 {"i":1,"v":20}
            1s TaskSucceeded
              12<-11 LambdaFunctionSucceeded 2
              13<-12 TaskStateExited B 2
              14<-13 MapIterationSucceeded A 1
              15<-13 MapIterationStarted A 2
              16<-15 TaskStateEntered B {"i":2,"v":30}
              17<-16 LambdaFunctionScheduled {"i":2,"v":30}
              18<-17 LambdaFunctionStarted
              > invoke 17 B#1 {"i":2,"v":30}
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
