//! Snapshots: an execution without the log that led to it.

#![expect(clippy::unwrap_used, reason = "it is a test")]

use asl::Payload;
use machine::{
    Execution, Identity, Limits, Random, Stimulus, Timestamp, Tokens, snapshot, start, step,
};

/// Everything that a snapshot may hold: variables of several scopes, results, retries, tokens, what failed and
/// is kept.
const DEFINITION: &str = r#"{"QueryLanguage": "JSONata", "StartAt": "Given", "States": {
    "Given": {"Type": "Pass", "Assign": {"outer": "{% $states.input.name %}"}, "Next": "Both"},
    "Both": {"Type": "Parallel", "End": true, "Branches": [
        {"StartAt": "Each", "States": {"Each": {"Type": "Map", "Items": [1, 2, 3], "MaxConcurrency": 2, "End": true,
            "ItemProcessor": {"StartAt": "Own", "States": {
                "Own": {"Type": "Pass", "Assign": {"own": "{% $outer & $states.input %}"}, "Next": "Asks"},
                "Asks": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
                    "Arguments": {"FunctionName": "f", "Payload": {"own": "{% $own %}",
                        "token": "{% $states.context.Task.Token %}"}},
                    "TimeoutSeconds": 60, "End": true}}}}}},
        {"StartAt": "Tries", "States": {"Tries": {"Type": "Task",
            "Resource": "arn:aws:lambda:us-east-1:123456789012:function:f", "End": true,
            "Retry": [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 20}]}}}]}}}"#;

struct Numbered;

impl Tokens for Numbered {
    fn token(&self, task: u64) -> String {
        format!("token-{task}")
    }
}

fn payload(text: &str) -> Payload {
    Payload::from_text(text).unwrap()
}

/// An execution that waits for a token, a retry and a second iteration's token; the first has brought a result.
fn waiting() -> Execution {
    let program = asl::compile(DEFINITION).unwrap();
    let (random, limits) = (Random::seeded(1), Limits::strict());
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
    let input = payload(r#"{"name": "n"}"#);
    let (mut execution, _) =
        start(&program, identity, input, Timestamp(1_000), &random, &limits, &Numbered);
    let happens = |execution: &mut Execution, stimulus| {
        step(&program, execution, stimulus, Timestamp(2_000), &random, &limits, &Numbered);
    };
    let failure = machine::Failure { error: Some("E".to_owned()), cause: Some("c".to_owned()) };
    let first = calls(&execution, "Asks")[0];
    while let Some(task) = calls(&execution, "Asks").first().copied() {
        happens(&mut execution, Stimulus::TaskSubmitted { task, output: payload("1") });
        if task == first {
            let output = payload(r#"{"first": true}"#);
            happens(&mut execution, Stimulus::TokenSucceeded { task, output });
        }
    }
    let task = calls(&execution, "Tries")[0];
    happens(&mut execution, Stimulus::TaskFailed { task, failure });
    execution
}

/// The tasks of this state whose calls are under way.
fn calls(execution: &Execution, state: &str) -> Vec<u64> {
    let invocations =
        machine::open_commands(execution).into_iter().filter_map(|command| match command {
            machine::Command::Invoke(invocation) if invocation.state == state => {
                Some(invocation.task)
            }
            _ => None,
        });
    invocations.collect()
}

#[test]
fn a_snapshot_shows_the_execution_as_it_was() {
    let execution = waiting();
    let snapshot = snapshot::encode(&execution).expect("it only waits");
    assert_eq!(snapshot::decode(&snapshot), Some(execution));
}

/// Whoever reads it wrongly does so in production: if this fails, what a snapshot of version 1 says has changed,
/// so count up `VERSION`, then write down here what it says now.
#[test]
fn what_a_snapshot_of_this_version_says_has_not_changed() {
    let snapshot = snapshot::encode(&waiting()).unwrap();
    let expected = include_str!("snapshot.json");
    assert_eq!(String::from_utf8(snapshot).unwrap(), expected.trim_end());
}

#[test]
fn what_is_of_another_version_or_broken_is_not_read() {
    let text = String::from_utf8(snapshot::encode(&waiting()).unwrap()).unwrap();
    let wrong = [
        text.replacen(r#""v":1"#, r#""v":2"#, 1),
        text.replacen(r#""p":["#, r#""q":["#, 1),
        text.replacen(r#"{},"outer":1}"#, r#"{},"outer":9}"#, 1),
        text.replacen(r#""input":0"#, r#""input":99"#, 1),
        text.replacen(r#"{"outer":1}"#, r#"{"outer":99}"#, 1),
        text[..text.len() / 2].to_owned(),
        String::new(),
    ];
    for wrong in wrong {
        assert_ne!(wrong, text);
        assert_eq!(snapshot::decode(wrong.as_bytes()), None, "{wrong}");
    }
}

#[test]
fn what_is_in_the_middle_of_something_has_no_snapshot() {
    let program = asl::compile(DEFINITION).unwrap();
    let identity = waiting().identity().clone();
    let (random, limits) = (Random::seeded(1), Limits::strict());
    let now = Timestamp(1_000);
    let input = payload(r#"{"name": "n"}"#);
    let (execution, _) = start(&program, identity, input, now, &random, &limits, &Numbered);
    assert_eq!(snapshot::encode(&execution), None, "calls are under way");
}
