//! Definitions that cost more memory than they look, each with less than 256 KiB of input, in a process
//! that may have 1 GiB.

#![expect(clippy::unwrap_used, reason = "a failed setup should fail the test")]

use std::process::Command;

use asl::Payload;
use machine::{Identity, Limits, Random, Status, Stimulus, Timestamp, Tokens};

/// In bytes of payloads: the limit that fails a state, and one turn beyond it.
const MOST_HELD: usize = (256 + 8) * 1024 * 1024;
/// In KiB, as `ulimit -v` and `/proc` count.
const MOST_ADDRESSES: u64 = 1024 * 1024;
const MOST_RESIDENT: u64 = 768 * 1024;

struct NoTokens;

impl Tokens for NoTokens {
    fn token(&self, task: u64) -> String {
        task.to_string()
    }
}

/// How an execution ended that hears of nothing but time, and the most that it held.
struct Ran {
    error: String,
    most_held: usize,
}

fn run(states: &str, input: &str) -> Ran {
    assert!(input.len() < 256 * 1024, "a legal input");
    let definition = format!(r#"{{"StartAt": "A", "States": {{{states}}}}}"#);
    let program = asl::compile(&definition).unwrap();
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
    let (random, limits) = (Random::seeded(1), Limits::strict());
    let mut now = Timestamp(0);
    let input = Payload::from_text(input).unwrap();
    let (mut execution, _) =
        machine::start(&program, identity, input, now, &random, &limits, &NoTokens);
    let mut most_held = execution.held_bytes();
    while execution.status() == Status::Running {
        let stimulus = if execution.wants_to_continue() {
            Stimulus::Continue
        } else {
            now = execution.next_timer().expect("it waits for nothing but time");
            Stimulus::Timer
        };
        machine::step(&program, &mut execution, stimulus, now, &random, &limits, &NoTokens);
        most_held = most_held.max(execution.held_bytes());
    }
    let error = execution.ending().and_then(|ending| ending.failure.error.clone());
    Ran { error: error.unwrap_or_default(), most_held }
}

/// What the process has had in memory at most, in KiB.
fn most_resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Runs the bomb in a process of its own, which is this test again.
fn confined(test: &str, states: &str, input: &str, expected: &[&str]) {
    const CONFINED: &str = "STATEWRIGHT_TEST_CONFINED";
    if std::env::var_os(CONFINED).is_some() {
        let Ran { error, most_held } = run(states, input);
        println!(
            "\n{test}: {error}, {} KiB held, {} KiB resident",
            most_held / 1024,
            most_resident()
        );
        assert!(expected.contains(&error.as_str()), "ended with `{error}`");
        assert!(most_held < MOST_HELD, "held {most_held} bytes");
        assert!(most_resident() < MOST_RESIDENT, "{} KiB in memory", most_resident());
        return;
    }
    let child = Command::new("sh")
        .args([
            "-c",
            &format!(r#"ulimit -v {MOST_ADDRESSES} && exec "$0" --exact "$1" --nocapture"#),
        ])
        .arg(std::env::current_exe().unwrap())
        .arg(test)
        .env(CONFINED, "1")
        .env("RUST_TEST_THREADS", "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stdout);
    assert!(said.contains("KiB held"), "the bomb did not run: {said}");
    println!("{said}");
    assert!(child.status.success(), "{said}\n{}", String::from_utf8_lossy(&child.stderr));
}

const TOO_LARGE: &str = "States.DataLimitExceeded";

fn big() -> String {
    "x".repeat(200 * 1024)
}

#[test]
fn a_template_that_copies_its_input_20_000_times() {
    let members: Vec<String> = (0..20_000).map(|n| format!(r#""a{n}.$": "$""#)).collect();
    let states =
        format!(r#""A": {{"Type": "Pass", "Parameters": {{{}}}, "End": true}}"#, members.join(","));
    let input = format!(r#"{{"b": "{}"}}"#, big());
    let test = "a_template_that_copies_its_input_20_000_times";
    confined(test, &states, &input, &[TOO_LARGE]);
}

/// A Map over `$.i` whose iterations each get a copy of `$.b` and `$.i`.
fn copying(name: &str, state: &str) -> String {
    let processor = format!(r#"{{"StartAt": "{name}", "States": {{"{name}": {state}}}}}"#);
    format!(
        r#"{{"Type": "Map", "ItemsPath": "$.i", "ItemSelector": {{"b.$": "$.b", "i.$": "$.i"}},
             "ItemProcessor": {processor}, "ResultPath": null, "End": true}}"#
    )
}

fn ten_thousand() -> String {
    format!(r#"{{"b": "{}", "i": [{}0]}}"#, big(), "0,".repeat(9_999))
}

#[test]
fn a_map_of_10_000_in_a_map_whose_items_each_get_the_whole_input() {
    let inner = copying("P", r#"{"Type": "Pass", "End": true}"#);
    let states = format!(r#""A": {}"#, copying("M", &inner));
    let test = "a_map_of_10_000_in_a_map_whose_items_each_get_the_whole_input";
    confined(test, &states, &ten_thousand(), &[TOO_LARGE]);
}

#[test]
fn maps_in_maps_that_only_wait() {
    let wait = copying("W", r#"{"Type": "Wait", "Seconds": 20, "End": true}"#);
    let states = format!(r#""A": {}"#, copying("M", &copying("N", &wait)));
    let test = "maps_in_maps_that_only_wait";
    confined(test, &states, &ten_thousand(), &[TOO_LARGE]);
}

#[test]
fn an_expression_of_jsonata_that_grows_strings() {
    let states = r#""A": {"Type": "Pass", "QueryLanguage": "JSONata", "End": true,
        "Output": "{% $reduce([1..64], function($text, $n) { $text & $text }, $states.input.b) %}"}"#;
    let input = format!(r#"{{"b": "{}"}}"#, big());
    let test = "an_expression_of_jsonata_that_grows_strings";
    confined(test, states, &input, &[TOO_LARGE, "States.QueryEvaluationError"]);
}

#[test]
fn an_intrinsic_that_grows_strings() {
    let places = "{}".repeat(200);
    let copies = ", $.b".repeat(200);
    let states = format!(
        r#""A": {{"Type": "Pass", "End": true, "Parameters": {{
            "b.$": "States.Format('{places}'{copies})"}}}}"#
    );
    let input = format!(r#"{{"b": "{}"}}"#, big());
    let test = "an_intrinsic_that_grows_strings";
    confined(test, &states, &input, &[TOO_LARGE, "States.Runtime"]);
}
