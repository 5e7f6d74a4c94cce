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

use super::definitions;

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

/// All machines.
pub(super) fn all() -> Vec<Machine> {
    let machine = |name, states: String, input, races| {
        let text = format!(r#"{{"StartAt": "A", "States": {{{states}}}}}"#);
        let program = asl::compile(&text).unwrap_or_else(|why| panic!("{name}: {why:?}"));
        Machine { name, program, input, races, is_sample: false }
    };
    let mut machines = vec![
        machine("chain", definitions::chain(), r#"{"n": 1}"#, false),
        machine("flaky task", definitions::flaky(), r#"{"n": 2}"#, false),
        machine("caught failure", definitions::caught(), r#"{"n": 3}"#, false),
        machine("uncaught failure", definitions::uncaught(), "{}", false),
        machine("timeout", definitions::timeout(), "{}", false),
        machine("waits", definitions::waits(), r#"{"for": 7}"#, false),
        machine("poll loop", definitions::poll(), r#"{"polls": 0}"#, false),
        machine("branches", definitions::branches(), r#"{"n": 4}"#, false),
        machine("branch fails", definitions::branch_fails(), r#"{"n": 5}"#, true),
        machine("items", definitions::items(), r#"{"items": [1, 2, 3, 4, 5, 6, 7]}"#, false),
        machine("item fails", definitions::item_fails(), r#"{"items": [1, 2, 3, 4]}"#, true),
        machine("nested", definitions::nested(), r#"{"items": [[1, 2], [3], []]}"#, false),
        machine("passes", definitions::passes(), r#"{"left": [1]}"#, false),
        machine("callbacks", definitions::callbacks(), r#"{"n": 6}"#, false),
        machine("functions that answer later", definitions::later(), r#"{"n": 7}"#, false),
        machine("heartbeats", definitions::heartbeats(), "{}", false),
        machine("activities", definitions::activities(), r#"{"items": [1, 2, 3]}"#, false),
        machine("activity given up", definitions::activity_given_up(), "{}", true),
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
