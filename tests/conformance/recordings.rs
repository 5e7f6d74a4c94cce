//! AWS's recordings, replayed against the real server: whole answers and whole histories.
//!
//! The format is described beside the recordings, in `asl/README.md` of the reference data.
//! `CASE=text` plays the cases whose id contains the text, and prints where each differs;
//! `UPDATE_NOT_YET=1` writes `not_yet.json` anew.

pub(crate) mod case;
mod conversation;
mod format;
pub(crate) mod functions;
mod matching;
mod placeholder;
mod runner;
pub(crate) mod scope;
pub(crate) mod spaced;
pub(crate) mod waiting;
pub(crate) mod wire;

use case::Case;

use crate::ledger::{self, Ledger, Played};
use crate::stage;

const LEDGER: Ledger = Ledger { suite: "recorded", file: "not_yet.json", update: "UPDATE_NOT_YET" };

/// What a case that cannot pass is about, most telling first; a tag of its `needs` is its reason.
const REASONS: [&str; 22] = [
    "sqs",
    "sns",
    "s3",
    "dynamodb",
    "events",
    "apigateway",
    "api-test-state",
    "map-distributed",
    "api-map-run",
    "cross-account",
    "sync-execution",
    "express",
    "jsonata",
    "variables",
    "intrinsics",
    "activities",
    "task-token",
    "nested-execution",
    "aws-sdk:sfn",
    "api-aliases",
    "api-versions",
    "logs",
];

#[test]
fn recorded_cases_behave_as_on_aws() {
    let cases = ledger::chosen(case::load_all().unwrap(), |case| &case.id);
    let outcomes = stage::play_all(&cases, |case, stage| {
        conversation::play(case, stage.wire, stage.functions)
    });
    let played: Vec<Played<'_>> = cases
        .iter()
        .zip(outcomes.unwrap())
        .map(|(case, outcome)| Played {
            id: &case.id,
            outcome,
            reason: reason(case),
            is_advisory: case.is_advisory(),
        })
        .collect();
    LEDGER.settle(&played).unwrap();
}

fn reason(case: &Case) -> Option<&'static str> {
    REASONS.iter().copied().find(|tag| case.needs.iter().any(|need| need == tag))
}
