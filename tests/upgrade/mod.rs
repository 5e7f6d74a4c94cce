//! Logs that releases have written fold for ever, and show the same history. Lines are only added to
//! the files here: `KEEP_LOGS=$PWD/tests/upgrade/RELEASE.jsonl cargo test -p machine --test transcripts`
//! appends today's, of which those stay that say something new.

use std::collections::BTreeSet;

use machine::history::View;
use machine::{Event, Limits, Random, Stimulus, Timestamp, Tokens, log};
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tests::psql::in_hexadecimal;

/// Each file, how many lines it had when it was last added to, and what these say.
const KEPT: [(&str, &str, usize, &str); 2] = [
    (
        "0.1",
        include_str!("0.1.jsonl"),
        95,
        "f7d7dac70e83d8858422cc4812b85348663e256be956ff87e0962fa6949e4d6f",
    ),
    (
        "0.1-redrive",
        include_str!("0.1-redrive.jsonl"),
        12,
        "60dadda6c0202ccc383f52d9e637c006d9e62738b95c14aaaae13a5cf99ade28",
    ),
];

/// Far later than anything that was kept waits for.
const LATE: Timestamp = Timestamp(4_102_444_800_000);

#[derive(Deserialize)]
struct Kept {
    definition: String,
    /// One for each turn, as in the column `body`.
    rows: Vec<String>,
    /// As AWS's API shows it.
    history: Vec<Value>,
}

impl Kept {
    fn log(&self) -> Vec<Event> {
        self.rows.iter().flat_map(|row| log::decode(row.as_bytes()).unwrap()).collect()
    }
}

struct NoTokens;

impl Tokens for NoTokens {
    fn token(&self, task: u64) -> String {
        format!("token-{task}")
    }
}

fn all() -> impl Iterator<Item = (String, Kept)> {
    KEPT.iter().flat_map(|(release, lines, ..)| {
        lines.lines().enumerate().map(move |(number, line)| {
            let kept = serde_json::from_str(line).unwrap();
            (format!("line {} of {release}.jsonl", number + 1), kept)
        })
    })
}

#[test]
fn lines_are_only_added() {
    for (release, lines, count, digest) in KEPT {
        let kept: Vec<&str> = lines.lines().take(count).collect();
        assert_eq!(kept.len(), count, "{release}.jsonl lost lines");
        let is = in_hexadecimal(&Sha256::digest(kept.join("\n")));
        assert_eq!(is, digest, "the first {count} lines of {release}.jsonl have changed");
    }
}

#[test]
fn every_kept_log_folds_and_shows_the_same_history() {
    let view = View { region: "us-east-1", with_data: true };
    for (place, kept) in all() {
        let log = kept.log();
        assert!(machine::fold(&log).is_some(), "{place} does not fold");
        let shown = log.iter().filter_map(|event| view.show(event));
        let history: Vec<Value> = shown.map(|event| event.to_aws()).collect();
        assert_eq!(history, kept.history, "{place}");
    }
}

#[test]
fn every_kept_execution_goes_on_from_each_of_its_turns() {
    for (place, kept) in all() {
        let program = asl::compile(&kept.definition).unwrap();
        let mut log = Vec::new();
        for row in &kept.rows {
            log.extend(log::decode(row.as_bytes()).unwrap());
            let mut execution = machine::fold(&log).unwrap_or_else(|| panic!("{place}"));
            if let Some(snapshot) = machine::snapshot::encode(&execution) {
                let image = machine::snapshot::decode(&snapshot);
                assert_eq!(image.as_ref(), Some(&execution), "{place}");
            }
            let _ = machine::open_commands(&execution);
            let (random, limits) = (Random::seeded(1), Limits::lifted());
            let mut after = log.clone();
            for stimulus in [Stimulus::Continue, Stimulus::Timer] {
                let turn = machine::step(
                    &program,
                    &mut execution,
                    stimulus,
                    LATE,
                    &random,
                    &limits,
                    &NoTokens,
                );
                after.extend(turn.events);
            }
            assert_eq!(machine::fold(&after).as_ref(), Some(&execution), "{place}");
        }
    }
}

/// Also those that ended before there were redrives: what failed follows from the whole log.
#[test]
fn every_kept_execution_that_failed_can_be_redriven() {
    let mut redriven = 0;
    for (place, kept) in all() {
        let program = asl::compile(&kept.definition).unwrap();
        let mut log = kept.log();
        let mut execution = machine::fold(&log).unwrap_or_else(|| panic!("{place}"));
        let ended = execution.ending().is_some_and(|ending| ending.output.is_none());
        assert_eq!(execution.can_be_redriven(), ended, "{place}");
        let (random, limits) = (Random::seeded(1), Limits::lifted());
        let turn = machine::redrive(&program, &mut execution, LATE, &random, &limits, &NoTokens);
        assert_eq!(turn.events.is_empty(), !ended, "{place}");
        redriven += usize::from(ended);
        log.extend(turn.events);
        assert_eq!(machine::fold(&log).as_ref(), Some(&execution), "{place}");
        let goes_on = execution.status() != machine::Status::Running
            || execution.next_timer().is_some()
            || execution.wants_to_continue()
            || execution.has_open_tasks()
            || !machine::open_commands(&execution).is_empty();
        assert!(goes_on, "{place} stands still");
    }
    assert!(redriven > 20, "{redriven}");
}

/// Events are named as rows of the log spell them.
#[test]
fn there_is_a_kept_row_of_every_event() {
    let kept: BTreeSet<String> = all()
        .flat_map(|(_, kept)| kept.rows)
        .flat_map(|row| {
            let row: Value = serde_json::from_str(&row).unwrap();
            let events = row["e"].as_array().unwrap().clone();
            events.into_iter().map(|event| match &event["is"] {
                Value::String(name) => name.clone(),
                Value::Object(it) => it.keys().next().unwrap().clone(),
                other => panic!("{other}"),
            })
        })
        .collect();
    let source = include_str!("../../engine/machine/src/event.rs");
    let (_, variants) = source.split_once("pub enum EventKind").unwrap();
    let (variants, _) = variants.split_once("\n}").unwrap();
    let is_variant = |line: &&str| {
        line.starts_with("    ") && line[4..].starts_with(|it: char| it.is_ascii_uppercase())
    };
    let known: BTreeSet<String> = variants
        .lines()
        .filter(is_variant)
        .map(|line| line.trim().chars().take_while(char::is_ascii_alphanumeric).collect())
        .collect();
    assert_eq!(known.difference(&kept).collect::<Vec<_>>(), Vec::<&String>::new());
}
