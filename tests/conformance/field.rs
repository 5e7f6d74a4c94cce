//! Situations from public bug reports, each with what is right, played to the real server.
//!
//! The format is described beside them, in `field/README.md` of the reference data. `CASE=text` plays
//! the cases whose id contains the text, and prints what is wrong in each; `UPDATE_FIELD=1` writes
//! `field_not_yet.json` anew.

mod case;
mod host;
mod play;
mod steps;
mod values;

use crate::ledger::{self, Ledger, Played};

const LEDGER: Ledger =
    Ledger { suite: "field", file: "field_not_yet.json", update: "UPDATE_FIELD" };

#[test]
fn field_cases_are_right() {
    let cases = ledger::chosen(case::load_all().unwrap(), |case| &case.id);
    let outcomes = play::play_all(&cases).unwrap();
    let played: Vec<Played<'_>> = cases
        .iter()
        .zip(outcomes)
        .map(|(case, outcome)| Played { id: &case.id, outcome, reason: None, is_advisory: false })
        .collect();
    LEDGER.settle(&played).unwrap();
}
