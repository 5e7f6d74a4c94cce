//! The machines that are simulated: one for each thing that can go wrong, and nestings of them.
//!
//! How a call ends is a function of the state's name, its parameters and the attempt, so that
//! a repeated call ends as the first one did. A name says what its calls do: `Flaky…` fails on
//! the first two attempts, `Broken…` always, `Hanging…` never answers. Where `Later` is in it, or
//! the resource says so, the call is only taken on, and the token brings the end; `Beating`
//! gives a minute of heartbeats before that. The samples of `definitions/` are among them, with
//! their demo functions.

use asl::Program;
use machine::{Failure, Frame, Invocation, OpenTask, Stimulus, TaskKind};
use serde_json::{Value, json};
use server::demo::{self, Answer};
use server::samples::SAMPLES;

/// One machine to simulate.
pub(super) struct Machine {
    pub(super) name: &'static str,
    pub(super) program: Program,
    pub(super) input: &'static str,
    /// Whether branches race: a failing branch stops others wherever they are.
    pub(super) races: bool,
    /// Whether its calls are answered by the demo functions.
    is_sample: bool,
}

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

/// All machines.
pub(super) fn all() -> Vec<Machine> {
    let machine = |name, states: String, input, races| {
        let text = format!(r#"{{"StartAt": "A", "States": {{{states}}}}}"#);
        let program = asl::compile(&text).unwrap_or_else(|why| panic!("{name}: {why:?}"));
        Machine { name, program, input, races, is_sample: false }
    };
    let mut machines = vec![
        machine("chain", chain(), r#"{"n": 1}"#, false),
        machine("flaky task", flaky(), r#"{"n": 2}"#, false),
        machine("caught failure", caught(), r#"{"n": 3}"#, false),
        machine("uncaught failure", uncaught(), "{}", false),
        machine("timeout", timeout(), "{}", false),
        machine("waits", waits(), r#"{"for": 7}"#, false),
        machine("poll loop", poll(), r#"{"polls": 0}"#, false),
        machine("branches", branches(), r#"{"n": 4}"#, false),
        machine("branch fails", branch_fails(), r#"{"n": 5}"#, true),
        machine("items", items(), r#"{"items": [1, 2, 3, 4, 5, 6, 7]}"#, false),
        machine("item fails", item_fails(), r#"{"items": [1, 2, 3, 4]}"#, true),
        machine("nested", nested(), r#"{"items": [[1, 2], [3], []]}"#, false),
        machine("passes", passes(), r#"{"left": [1]}"#, false),
        machine("callbacks", callbacks(), r#"{"n": 6}"#, false),
        machine("functions that answer later", later(), r#"{"n": 7}"#, false),
        machine("heartbeats", heartbeats(), "{}", false),
        machine("activities", activities(), r#"{"items": [1, 2, 3]}"#, false),
        machine("activity given up", activity_given_up(), "{}", true),
    ];
    machines.extend(SAMPLES.iter().map(|sample| Machine {
        name: sample.name,
        program: asl::compile(sample.definition).expect("samples compile"),
        input: sample.input,
        races: true,
        is_sample: true,
    }));
    machines
}

impl Machine {
    /// How a call ends, and after how many milliseconds; `None` is never.
    pub(super) fn outcome(&self, call: &Invocation) -> Option<(i64, Stimulus)> {
        let task = call.task;
        let delay = 10 + i64::try_from(call.parameters.size_bytes() % 50).unwrap_or(0);
        if !self.is_sample && (call.kind.waits_for_token() || call.state.contains("Later")) {
            let output = asl::Payload::from_text(r#"{"taken":true}"#).expect("it is JSON");
            return Some((delay, Stimulus::TaskSubmitted { task, output }));
        }
        if call.state.starts_with("Hanging") {
            return None;
        }
        let answer = if self.is_sample {
            demo(&call.kind, call.parameters.value(), call.attempt)
        } else {
            // The poll loop looks at what it asked.
            scripted(&call.state, call.attempt, call.parameters.value())
        };
        let stimulus = match answer {
            Answer::Result(result) => Stimulus::TaskSucceeded { task, result: payload(result) },
            Answer::Failure(error, cause) => {
                Stimulus::TaskFailed { task, failure: Failure::new(error, cause) }
            }
            Answer::ByToken(work) => Stimulus::TaskSubmitted { task, output: payload(work.said) },
        };
        Some((delay, stimulus))
    }

    /// What the holder of a task's token does, each after so many milliseconds.
    pub(super) fn token_use(&self, frame: &Frame, open: &OpenTask) -> Vec<(i64, Stimulus)> {
        if !self.is_sample {
            return scripted_use(frame, open.id);
        }
        let Answer::ByToken(work) = demo(&open.kind, open.parameters.value(), 1) else {
            return Vec::new();
        };
        let task = open.id;
        let whole = work.pause.as_millis() * u128::from(work.beats);
        // A few heartbeats do for many; they are as many times as far apart.
        let beats = i64::from(work.beats.min(4));
        let pause = i64::try_from(whole).unwrap_or(i64::MAX) / beats.max(1);
        let mut uses: Vec<(i64, Stimulus)> =
            (1..=beats).map(|beat| (beat * pause, Stimulus::Heartbeat { task })).collect();
        if let Some(output) = work.output {
            let output = payload(output);
            uses.push((beats * pause + 1, Stimulus::TokenSucceeded { task, output }));
        }
        uses
    }
}

fn scripted_use(frame: &Frame, task: u64) -> Vec<(i64, Stimulus)> {
    let mut uses = Vec::new();
    let mut delay = 2_000;
    if frame.state.contains("Beating") {
        uses.extend((1..=15).map(|beat| (beat * 4_000, Stimulus::Heartbeat { task })));
        delay = 61_000;
    }
    if frame.state.starts_with("Hanging") {
        return uses;
    }
    let ending = match scripted(&frame.state, frame.retry_count + 1, &Value::Null) {
        Answer::Result(output) => Stimulus::TokenSucceeded { task, output: payload(output) },
        Answer::Failure(error, cause) => {
            Stimulus::TokenFailed { task, failure: Failure::new(error, cause) }
        }
        Answer::ByToken(_) => return uses,
    };
    uses.push((delay, ending));
    uses
}

fn payload(value: Value) -> asl::Payload {
    asl::Payload::from_value(value).expect("answers are flat")
}

fn scripted(state: &str, attempt: u32, got: &Value) -> Answer {
    if (state.starts_with("Flaky") && attempt <= 2) || state.starts_with("Broken") {
        return Answer::Failure("Oops".to_owned(), format!("attempt {attempt}"));
    }
    Answer::Result(json!({ "state": state, "got": got }))
}

/// The demo functions, called by ARN or through `lambda:invoke`.
fn demo(kind: &TaskKind, parameters: &Value, attempt: u32) -> Answer {
    let resource = kind.resource();
    let invoked = resource.contains(":lambda:invoke");
    let (name, input) = if invoked {
        let name = parameters["FunctionName"].as_str().expect("a function's name");
        (name, &parameters["Payload"])
    } else {
        (resource.as_str(), parameters)
    };
    let name = name.rsplit(':').next().expect("a part at least");
    match demo::answer(name, input, attempt.into()).expect("a demo function") {
        Answer::Result(result) if invoked => Answer::Result(json!({ "Payload": result })),
        other => other,
    }
}

fn chain() -> String {
    format!(
        r#""A": {{{TASK}, "Next": "B"}}, "B": {{"Type": "Pass", "Result": {{"x": 1}}, "ResultPath": "$.b", "Next": "C"}},
           "C": {{{TASK}, "ResultPath": "$.c", "Next": "D"}}, "D": {{"Type": "Succeed"}}"#
    )
}

fn flaky() -> String {
    format!(
        r#""A": {{"Type": "Pass", "Next": "Flaky"}}, "Flaky": {{{TASK}, {RETRY}, "End": true}}"#
    )
}

fn caught() -> String {
    format!(
        r#""A": {{"Type": "Pass", "Next": "Broken"}}, "Broken": {{{TASK}, {RETRY}, {CATCH}, "End": true}},
           "Caught": {{"Type": "Fail", "ErrorPath": "$.error.Error", "Cause": "given up"}}"#
    )
}

fn uncaught() -> String {
    format!(
        r#""A": {{"Type": "Pass", "Next": "Broken"}}, "Broken": {{{TASK}, {RETRY}, "End": true}}"#
    )
}

fn timeout() -> String {
    format!(
        r#""A": {{"Type": "Pass", "Next": "Hanging"}},
           "Hanging": {{{TASK}, "TimeoutSeconds": 100000, "Retry": [{{"ErrorEquals": ["States.Timeout"], "MaxAttempts": 1}}], {CATCH}, "End": true}},
           "Caught": {{"Type": "Pass", "End": true}}"#
    )
}

fn waits() -> String {
    r#""A": {"Type": "Wait", "Seconds": 5, "Next": "B"}, "B": {"Type": "Wait", "SecondsPath": "$.for", "Next": "C"},
       "C": {"Type": "Wait", "Timestamp": "2001-01-01T00:00:00Z", "End": true}"#
        .to_owned()
}

fn poll() -> String {
    format!(
        r#""A": {{{TASK}, "ResultPath": "$.job", "Next": "W"}}, "W": {{"Type": "Wait", "Seconds": 30, "Next": "Ask"}},
           "Ask": {{{TASK}, "Parameters": {{"so.$": "$"}}, "ResultPath": "$.last", "Next": "Done?"}},
           "Done?": {{"Type": "Choice", "Choices": [{{"Variable": "$.last.got.so.last.got.so.last", "IsPresent": true, "Next": "End"}}], "Default": "W"}},
           "End": {{"Type": "Succeed"}}"#
    )
}

fn branches() -> String {
    format!(
        r#""A": {{"Type": "Parallel", "Branches": [
             {{"StartAt": "P1", "States": {{"P1": {{{TASK}, "Next": "P2"}}, "P2": {{{TASK}, "End": true}}}}}},
             {{"StartAt": "Flaky1", "States": {{"Flaky1": {{{TASK}, {RETRY}, "End": true}}}}}},
             {{"StartAt": "P4", "States": {{"P4": {{"Type": "Wait", "Seconds": 3, "End": true}}}}}}],
             "ResultSelector": {{"all.$": "$"}}, "End": true}}"#
    )
}

fn branch_fails() -> String {
    format!(
        r#""A": {{"Type": "Parallel", "Branches": [
             {{"StartAt": "P1", "States": {{"P1": {{{TASK}, "Next": "P2"}}, "P2": {{{TASK}, "End": true}}}}}},
             {{"StartAt": "Broken1", "States": {{"Broken1": {{{TASK}, "End": true}}}}}},
             {{"StartAt": "P4", "States": {{"P4": {{"Type": "Wait", "Seconds": 300, "End": true}}}}}}],
             "Retry": [{{"ErrorEquals": ["Oops"], "MaxAttempts": 2}}], {CATCH}, "End": true}},
           "Caught": {{"Type": "Pass", "End": true}}"#
    )
}

fn items() -> String {
    format!(
        r#""A": {{"Type": "Map", "ItemsPath": "$.items", "MaxConcurrency": 3,
             "ItemSelector": {{"i.$": "$$.Map.Item.Index", "v.$": "$$.Map.Item.Value"}},
             "ItemProcessor": {{"StartAt": "I", "States": {{"I": {{{TASK}, "Next": "J"}}, "J": {{"Type": "Pass", "End": true}}}}}},
             "ResultPath": "$.out", "Next": "B"}}, "B": {{{TASK}, "End": true}}"#
    )
}

fn item_fails() -> String {
    format!(
        r#""A": {{"Type": "Map", "ItemsPath": "$.items", "MaxConcurrency": 2,
             "ItemProcessor": {{"StartAt": "I", "States": {{"I": {{{TASK}, "Next": "Broken1"}}, "Broken1": {{{TASK}, "End": true}}}}}},
             "Retry": [{{"ErrorEquals": ["States.TaskFailed"], "MaxAttempts": 1}}], "End": true}}"#
    )
}

fn nested() -> String {
    format!(
        r#""A": {{"Type": "Map", "ItemsPath": "$.items", "ItemProcessor": {{"StartAt": "Inner", "States": {{
             "Inner": {{"Type": "Map", "ItemProcessor": {{"StartAt": "Both", "States": {{
               "Both": {{"Type": "Parallel", "Branches": [
                 {{"StartAt": "Flaky1", "States": {{"Flaky1": {{{TASK}, {RETRY}, "End": true}}}}}},
                 {{"StartAt": "N2", "States": {{"N2": {{"Type": "Wait", "Seconds": 1, "End": true}}}}}}], "End": true}}}}}}, "End": true}}}}}}, "End": true}}"#
    )
}

fn passes() -> String {
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

fn callbacks() -> String {
    format!(
        r#""A": {{{CALLBACK}, "ResultPath": "$.a", "Next": "FlakyB"}},
           "FlakyB": {{{CALLBACK}, {RETRY}, "ResultPath": "$.b", "Next": "HangingC"}},
           "HangingC": {{{CALLBACK}, "TimeoutSeconds": 100000, {CATCH}, "End": true}},
           "Caught": {{"Type": "Succeed"}}"#
    )
}

fn later() -> String {
    format!(
        r#""A": {{"Type": "Pass", "Next": "Later1"}}, "Later1": {{{TASK}, "Next": "FlakyLater"}},
           "FlakyLater": {{"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke",
             "Parameters": {{"FunctionName": "f", "Payload.$": "$"}}, {RETRY},
             "OutputPath": "$.Payload", "End": true}}"#
    )
}

fn heartbeats() -> String {
    format!(
        r#""A": {{"Type": "Pass", "Next": "Beating1"}},
           "Beating1": {{{CALLBACK}, "HeartbeatSeconds": 10, "Next": "HangingBeating"}},
           "HangingBeating": {{{CALLBACK}, "HeartbeatSeconds": 10, "Retry": [{{"ErrorEquals": ["States.HeartbeatTimeout"], "MaxAttempts": 1}}], {CATCH}, "End": true}},
           "Caught": {{"Type": "Pass", "End": true}}"#
    )
}

fn activities() -> String {
    format!(
        r#""A": {{"Type": "Map", "ItemsPath": "$.items", "ItemProcessor": {{"StartAt": "W", "States": {{
             "W": {{{ACTIVITY}, "Next": "FlakyW"}},
             "FlakyW": {{{ACTIVITY}, {RETRY}, "Next": "Beating2"}},
             "Beating2": {{{ACTIVITY}, "HeartbeatSeconds": 10, "TimeoutSeconds": 100000, "End": true}}}}}}, "End": true}}"#
    )
}

fn activity_given_up() -> String {
    format!(
        r#""A": {{"Type": "Parallel", "Branches": [
             {{"StartAt": "W", "States": {{"W": {{{ACTIVITY}, "Next": "HangingW"}}, "HangingW": {{{ACTIVITY}, "End": true}}}}}},
             {{"StartAt": "P", "States": {{"P": {{"Type": "Wait", "Seconds": 60, "Next": "Broken1"}}, "Broken1": {{{TASK}, "End": true}}}}}}],
             {CATCH}, "End": true}},
           "Caught": {{"Type": "Pass", "End": true}}"#
    )
}
