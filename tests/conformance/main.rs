//! The table of contents of the suites that need the reference data: what AWS was recorded to do,
//! and definitions of other people. `make conformance` runs them.
#![expect(clippy::unwrap_used, reason = "a failed setup should fail the test")]

mod cron;
mod data;
mod definitions;
mod field;
mod jsonata;
mod ledger;
mod measured;
mod recordings;
mod stage;
