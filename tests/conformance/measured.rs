//! Small measurements of AWS, one definition and one result each, held against the real server.
//!
//! The format is described beside them, in `aws-measured/README.md` of the reference data.
//! `CASE=text` plays the cases whose id contains the text, and prints where each differs;
//! `UPDATE_MEASURED=1` writes `measured_not_yet.json` anew.

mod case;
mod pattern;
mod play;

use crate::ledger::{self, Ledger, Played};
use crate::stage;

const LEDGER: Ledger =
    Ledger { suite: "measured", file: "measured_not_yet.json", update: "UPDATE_MEASURED" };

#[test]
fn measured_cases_end_as_on_aws() {
    let cases = ledger::chosen(case::load_all().unwrap(), |case| &case.id);
    let outcomes = stage::play_all(&cases, play::play);
    let played: Vec<Played<'_>> = cases
        .iter()
        .zip(outcomes.unwrap())
        .map(|(case, outcome)| {
            let reason = case.reason();
            Played { id: &case.id, outcome, reason, is_advisory: false }
        })
        .collect();
    LEDGER.settle(&played).unwrap();
}
