//! Transcripts: stimuli in, turns printed as text. `UPDATE_EXPECT=1` writes what is printed, and
//! `KEEP_LOGS=file` the logs that come of it, for releases to come (`tests/upgrade`).

#![expect(clippy::unwrap_used, reason = "a failed setup should fail the test")]
#![expect(clippy::needless_raw_string_hashes, reason = "expect-test writes them")]
#![expect(clippy::format_push_string, reason = "a transcript is built line by line")]

mod branches;
mod closing;
mod events;
mod failures;
mod flow;
mod history;
mod keep;
mod language;
mod limits;
mod memory;
mod milestones;
mod redrive;
mod tasks;
mod waiting;

use asl::{Payload, Program};
use expect_test::Expect;
use machine::history::View;
use machine::{
    Command, Event, EventKind, Failure, Identity, Limits, Milestone, Random, Stimulus, Timestamp,
    Tokens, Turn, log,
};

/// One thing that happens, at a time in seconds from the start.
pub(crate) type Happening = (i64, Stimulus);

pub(crate) fn ok(task: u64, result: &str) -> Stimulus {
    Stimulus::TaskSucceeded { task, result: Payload::from_text(result).unwrap() }
}

pub(crate) fn failed(task: u64, error: &str) -> Stimulus {
    Stimulus::TaskFailed { task, failure: Failure::new(error, "because") }
}

/// Tokens that say which task they are of.
pub(crate) struct Numbered;

impl Tokens for Numbered {
    fn token(&self, task: u64) -> String {
        format!("token-{task}")
    }
}

pub(crate) const TIMER: Stimulus = Stimulus::Timer;
const LAMBDA: &str =
    r#""Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:f""#;

pub(crate) fn check(states: &str, input: &str, happenings: &[Happening], expected: &Expect) {
    check_within(&Limits::strict(), states, input, happenings, expected);
}

pub(crate) fn check_within(
    limits: &Limits,
    states: &str,
    input: &str,
    happenings: &[Happening],
    expected: &Expect,
) {
    expected.assert_eq(&told(limits, states, input, happenings));
}

/// The definition of a machine with these states, which starts at `A`.
pub(crate) fn definition(states: &str) -> String {
    let definition = format!(r#"{{"StartAt": "A", "States": {{{states}}}}}"#);
    definition.replace("LAMBDA", LAMBDA)
}

pub(crate) fn program(states: &str) -> Program {
    asl::compile(&definition(states)).unwrap()
}

pub(crate) fn identity() -> Identity {
    Identity {
        arn: "arn:aws:states:us-east-1:123456789012:execution:m:e".to_owned(),
        name: "e".to_owned(),
        state_machine_arn: "arn:aws:states:us-east-1:123456789012:stateMachine:m".to_owned(),
        state_machine_name: "m".to_owned(),
        role_arn: "arn:aws:iam::123456789012:role/r".to_owned(),
        region: "us-east-1".to_owned(),
        version_arn: None,
        alias_arn: None,
    }
}

/// What happens, turn by turn.
pub(crate) fn told(limits: &Limits, states: &str, input: &str, happenings: &[Happening]) -> String {
    play(limits, &definition(states), input, happenings).told
}

/// What came of an execution.
pub(crate) struct Played {
    /// What happened, turn by turn.
    pub(crate) told: String,
    pub(crate) log: Vec<Event>,
    /// What became of tasks, and in which second.
    pub(crate) milestones: Vec<(i64, Milestone)>,
}

/// Lets things happen to an execution of this definition.
pub(crate) fn play(
    limits: &Limits,
    definition: &str,
    input: &str,
    happenings: &[Happening],
) -> Played {
    let program = &asl::compile(definition).unwrap();
    let random = Random::seeded(1);
    let input = Payload::from_text(input).unwrap();
    let (mut execution, turn) =
        machine::start(program, identity(), input, Timestamp(0), &random, limits, &Numbered);
    let mut told = printed(0, "Start", &turn);
    let mut rows = vec![log::encode(&turn.events)];
    let mut log = turn.events;
    let mut milestones: Vec<_> = turn.milestones.into_iter().map(|one| (0, one)).collect();
    for (seconds, stimulus) in happenings {
        let name = match stimulus {
            Stimulus::Timer => "Timer".to_owned(),
            other => format!("{other:?}").split(" {").next().unwrap().to_owned(),
        };
        let now = Timestamp(seconds * 1000);
        let turn = machine::step(
            program,
            &mut execution,
            stimulus.clone(),
            now,
            &random,
            limits,
            &Numbered,
        );
        told.push_str(&printed(*seconds, &name, &turn));
        if !turn.events.is_empty() {
            rows.push(log::encode(&turn.events));
        }
        log.extend(turn.events);
        milestones.extend(turn.milestones.into_iter().map(|one| (*seconds, one)));
        assert_eq!(machine::fold(&log).as_ref(), Some(&execution), "the log folds to the memory");
        // What only waits goes on from a snapshot.
        if let Some(snapshot) = machine::snapshot::encode(&execution) {
            let image = machine::snapshot::decode(&snapshot).expect("it was written just now");
            assert_eq!(image, execution, "a snapshot shows the memory");
            execution = image;
        }
    }
    if let Some(due) = execution.next_timer() {
        told.push_str(&format!("waits until {}s\n", due.0 / 1000));
    }
    keep::keep(definition, &rows, &log);
    Played { told, log, milestones }
}

pub(crate) fn printed(seconds: i64, stimulus: &str, turn: &Turn) -> String {
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
            Command::FindActivity { arn, .. } => text.push_str(&format!("  > find {arn}\n")),
        }
    }
    for offer in &turn.offers {
        let (task, activity, input) = (offer.task, &offer.activity, offer.input.raw());
        text.push_str(&format!("  > offer {task} of {activity} {input}\n"));
    }
    for task in &turn.withdrawn {
        text.push_str(&format!("  > withdraw {task}\n"));
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
    events::check_is_listed(&event.kind, &shown.name);
    let details = shown.details.map(|(_, details)| details).unwrap_or_default();
    let pick = [
        "name",
        "index",
        "length",
        "input",
        "parameters",
        "output",
        "assignedVariables",
        "location",
        "error",
        "cause",
        "workerName",
        "redriveCount",
    ];
    let said: Vec<String> = pick
        .iter()
        .filter_map(|member| details.get(member))
        .map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
        .collect();
    format!("  {}<-{} {} {}\n", shown.id, shown.previous, shown.name, said.join(" "))
        .replace(" \n", "\n")
}
