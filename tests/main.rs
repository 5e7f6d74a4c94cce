//! The table of contents of the tests.
#![expect(clippy::unwrap_used, reason = "a failed setup should fail the test")]

mod api;
mod calls;
mod clients;
mod crash;
mod definitions;
mod doors;
mod engine;
mod errors;
mod fuzzing;
mod guests;
mod nodes;
mod operating;
mod readme;
mod server;
mod simulation;
mod stopping;
mod store;
mod texts;
mod tidy;
mod upgrade;
