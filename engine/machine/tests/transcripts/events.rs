//! Every event that the log knows has a transcript, and every type of event that a user sees is
//! shown as AWS's API writes it. A new event gets its line in [`EVENTS`], and is then missed here
//! until a transcript tells of it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use machine::EventKind;

/// Each event, and what it is called where it is told: AWS's types, or the words of a transcript
/// for what only the log knows.
const EVENTS: [(&str, &[&str]); 36] = [
    ("ExecutionStarted", &["ExecutionStarted"]),
    ("ExecutionSucceeded", &["ExecutionSucceeded"]),
    ("ExecutionFailed", &["ExecutionFailed"]),
    ("ExecutionTimedOut", &["ExecutionTimedOut"]),
    ("ExecutionAborted", &["ExecutionAborted"]),
    ("ExecutionRedriven", &["ExecutionRedriven"]),
    (
        "StateEntered",
        &[
            "PassStateEntered",
            "TaskStateEntered",
            "ChoiceStateEntered",
            "WaitStateEntered",
            "SucceedStateEntered",
            "FailStateEntered",
            "ParallelStateEntered",
            "MapStateEntered",
        ],
    ),
    (
        // A Fail state is never left.
        "StateExited",
        &[
            "PassStateExited",
            "TaskStateExited",
            "ChoiceStateExited",
            "WaitStateExited",
            "SucceedStateExited",
            "ParallelStateExited",
            "MapStateExited",
        ],
    ),
    (
        // The other states are over as soon as they are entered.
        "StateAborted",
        &["TaskStateAborted", "WaitStateAborted", "ParallelStateAborted", "MapStateAborted"],
    ),
    ("TaskScheduled", &["LambdaFunctionScheduled", "ActivityScheduled", "TaskScheduled"]),
    ("TaskStarted", &["LambdaFunctionStarted", "ActivityStarted", "TaskStarted"]),
    ("TaskSubmitted", &["TaskSubmitted"]),
    ("TaskSucceeded", &["LambdaFunctionSucceeded", "ActivitySucceeded", "TaskSucceeded"]),
    ("TaskFailed", &["LambdaFunctionFailed", "ActivityFailed", "TaskFailed"]),
    ("TaskTimedOut", &["LambdaFunctionTimedOut", "ActivityTimedOut", "TaskTimedOut"]),
    ("ParallelStarted", &["ParallelStateStarted"]),
    ("ParallelSucceeded", &["ParallelStateSucceeded"]),
    ("ParallelFailed", &["ParallelStateFailed"]),
    ("MapStarted", &["MapStateStarted"]),
    ("MapSucceeded", &["MapStateSucceeded"]),
    ("MapFailed", &["MapStateFailed"]),
    ("IterationStarted", &["MapIterationStarted"]),
    ("IterationSucceeded", &["MapIterationSucceeded"]),
    ("IterationFailed", &["MapIterationFailed"]),
    ("IterationAborted", &["MapIterationAborted"]),
    ("ActivitySought", &["- ActivitySought"]),
    ("ActivityReturned", &["- ActivityReturned"]),
    ("WaitScheduled", &["- wait until"]),
    ("RetryScheduled", &["- retry by"]),
    ("EvaluationFailed", &["EvaluationFailed"]),
    ("TaskQueued", &["- TaskQueued"]),
    ("TaskBegan", &["- TaskBegan"]),
    ("BranchSucceeded", &["- BranchSucceeded"]),
    ("BranchFailed", &["- BranchFailed"]),
    ("ClosingStarted", &["- ClosingStarted"]),
    ("MapNarrowed", &["- MapNarrowed"]),
];

/// Fails for an event that a user sees under a name which its line does not have.
pub(crate) fn check_is_listed(kind: &EventKind, shown: &str) {
    let debug = format!("{kind:?}");
    let event = debug.split(|it: char| !it.is_alphanumeric()).next().unwrap();
    let line = EVENTS.iter().find(|(listed, _)| *listed == event);
    let names = line.map_or(&[][..], |(_, names)| names);
    assert!(names.contains(&shown), "`{event}` is shown as `{shown}`, which EVENTS does not have");
}

/// The transcripts' own text.
fn source() -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.map(|path| fs::read_to_string(path).unwrap()).collect()
}

/// All events there are, by the account of the reader of the log.
fn all_events() -> BTreeSet<String> {
    let refusal = serde_json::from_str::<EventKind<u32>>(r#""?""#).unwrap_err().to_string();
    refusal.split('`').skip(3).step_by(2).map(str::to_owned).collect()
}

#[test]
fn every_event_has_its_line() {
    let listed: BTreeSet<String> = EVENTS.iter().map(|(event, _)| (*event).to_owned()).collect();
    assert_eq!(all_events(), listed);
}

#[test]
fn every_event_has_a_transcript() {
    let source = source();
    let told: Vec<&str> = source.lines().map(str::trim_start).collect();
    let is_told = |name: &str| {
        if name.starts_with('-') {
            told.iter().any(|line| line.starts_with(name))
        } else {
            source.contains(&format!(r#""type":"{name}""#))
        }
    };
    let names = EVENTS.iter().flat_map(|(_, names)| *names);
    let missing: Vec<&str> = names.copied().filter(|name| !is_told(name)).collect();
    assert!(missing.is_empty(), "no transcript tells of {}", missing.join(", "));
}
