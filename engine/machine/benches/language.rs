//! What expressions cost: `make bench-language`. Maps over ever more items, whose `ItemSelector` reads
//! what there is to read, and Maps of which all that is open fails. CPU must grow as the items do: the
//! last column is what an item of the largest Map costs beside one of the smallest.

use std::time::Instant;

use asl::{Payload, Program};
use machine::{Failure, Identity, Limits, Random, Stimulus, Timestamp, Tokens};

const ITEMS: [usize; 3] = [1_000, 10_000, 40_000];

/// What each Map says beside its processor. Its input is `{"k": 1, "in": {"k": 1, "list": […]}}`.
const SELECTORS: [(&str, &str); 7] = [
    ("nothing", r#""ItemsPath": "$.in.list","#),
    ("$.k", r#""ItemsPath": "$.in.list", "ItemSelector": {"v.$": "$.k"},"#),
    (
        "$$.Map.Item.Value",
        r#""ItemsPath": "$.in.list", "ItemSelector": {"v.$": "$$.Map.Item.Value"},"#,
    ),
    (
        "$$.Execution.Name",
        r#""ItemsPath": "$.in.list", "ItemSelector": {"v.$": "$$.Execution.Name"},"#,
    ),
    (
        "$$.Execution.Input.in.k",
        r#""ItemsPath": "$.in.list", "ItemSelector": {"v.$": "$$.Execution.Input.in.k"},"#,
    ),
    (
        "InputPath $.in, and $.k",
        r#""InputPath": "$.in", "ItemsPath": "$.list", "ItemSelector": {"v.$": "$.k"},"#,
    ),
    (
        "InputPath $.in[*], and $[0]",
        r#""InputPath": "$.in[*]", "ItemsPath": "$[1]", "ItemSelector": {"v.$": "$[0]"},"#,
    ),
];

struct NoTokens;

impl Tokens for NoTokens {
    fn token(&self, _: u64) -> String {
        String::new()
    }
}

fn identity() -> Identity {
    let arn = |what: &str| format!("arn:aws:states:us-east-1:123456789012:{what}");
    Identity {
        arn: arn("execution:m:e"),
        name: "e".to_owned(),
        state_machine_arn: arn("stateMachine:m"),
        state_machine_name: "m".to_owned(),
        role_arn: "arn:aws:iam::123456789012:role/r".to_owned(),
        region: "us-east-1".to_owned(),
        version_arn: None,
        alias_arn: None,
    }
}

fn limits(most_at_once: usize) -> Limits {
    let map_concurrency = u32::try_from(most_at_once).unwrap_or(u32::MAX);
    Limits { map_concurrency, ..Limits::lifted() }
}

fn items(count: usize) -> String {
    let items: Vec<String> =
        (0..count).map(|id| format!(r#"{{"id":{id},"n":"xxxxxxxxxxxxxxxxxxxx"}}"#)).collect();
    format!("[{}]", items.join(","))
}

fn program(map: &str, inside: &str) -> Program {
    let definition = format!(
        r#"{{"StartAt": "M", "States": {{"M": {{"Type": "Map", {map}
            "ItemProcessor": {{"StartAt": "P", "States": {{"P": {{{inside}, "End": true}}}}}},
            "End": true}}}}}}"#
    );
    asl::compile(&definition).unwrap_or_else(|errors| panic!("{definition}: {errors:#?}"))
}

/// Runs a Map whose items are passed on, turn by turn; the seconds it took.
fn passing(selector: &str, count: usize) -> f64 {
    let program = program(selector, r#""Type": "Pass""#);
    let input = format!(r#"{{"k":1,"in":{{"k":1,"list":{}}}}}"#, items(count));
    let input = Payload::from_text(input).expect("it is JSON");
    let (limits, random) = (limits(40), Random::seeded(1));
    let began = Instant::now();
    let (mut execution, _) =
        machine::start(&program, identity(), input, Timestamp(0), &random, &limits, &NoTokens);
    while execution.wants_to_continue() {
        let stimulus = Stimulus::Continue;
        let now = Timestamp(1);
        machine::step(&program, &mut execution, stimulus, now, &random, &limits, &NoTokens);
    }
    let ended_well = execution.ending().is_some_and(|ending| ending.output.is_some());
    assert!(ended_well, "a Map of {count} items failed: {selector}");
    began.elapsed().as_secs_f64()
}

/// Opens a task for each item, and lets one fail: the seconds of the turn in which all are given up.
fn failing(count: usize) -> f64 {
    let task = r#""Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:f""#;
    let program = program(r#""ItemsPath": "$.list","#, task);
    let input = Payload::from_text(format!(r#"{{"list":{}}}"#, items(count))).expect("it is JSON");
    let (limits, random) = (limits(count), Random::seeded(1));
    let (mut execution, turn) =
        machine::start(&program, identity(), input, Timestamp(0), &random, &limits, &NoTokens);
    let mut tasks = turn.commands;
    while execution.wants_to_continue() {
        let stimulus = Stimulus::Continue;
        let now = Timestamp(1);
        tasks.extend(
            machine::step(&program, &mut execution, stimulus, now, &random, &limits, &NoTokens)
                .commands,
        );
    }
    let Some(machine::Command::Invoke(call)) = tasks.first() else { panic!("there are tasks") };
    let failure = Failure::new("Torn", "it is");
    let stimulus = Stimulus::TaskFailed { task: call.task, failure };
    let began = Instant::now();
    machine::step(&program, &mut execution, stimulus, Timestamp(2), &random, &limits, &NoTokens);
    assert!(execution.ending().is_some(), "one failed iteration fails the Map");
    began.elapsed().as_secs_f64()
}

/// The least of some runs: what else the machine does only adds.
fn best(run: impl Fn() -> f64) -> f64 {
    (0..5).map(|_| run()).fold(f64::INFINITY, f64::min)
}

#[expect(clippy::cast_precision_loss, reason = "there are 40,000 at most")]
fn line(what: &str, seconds: [f64; ITEMS.len()]) {
    let each: Vec<f64> =
        seconds.iter().zip(ITEMS).map(|(s, items)| s * 1e6 / items as f64).collect();
    let growth = each[ITEMS.len() - 1] / each[0];
    let shown: Vec<String> = seconds.iter().map(|s| format!("{:>10.1}", s * 1e3)).collect();
    println!("{what:<32}{}{growth:>10.2}", shown.concat());
}

fn main() {
    println!("Maps, in milliseconds");
    let heads: Vec<String> = ITEMS.iter().map(|items| format!("{items:>10}")).collect();
    println!("{:<32}{}{:>10}", "ItemSelector", heads.concat(), "growth");
    for (what, selector) in SELECTORS {
        line(what, ITEMS.map(|count| best(|| passing(selector, count))));
    }
    line("all open tasks are given up", ITEMS.map(|count| best(|| failing(count))));
}
