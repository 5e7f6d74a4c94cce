//! The loops: own, step, append; call.
//!
//! ```text
//! API ──► Engine ──► owner loop ──► lane ──► store
//!                      ▲  (step)      │ committed
//!                      └── outcomes ◄─┴─► calls (perform)
//! ```
//!
//! Each owner loop holds the running executions of its shards in memory and has one lane.
//! Several nodes on one database share the shards; what makes a second writer harmless is the
//! key of `turns`, leases only make it rare.

mod activities;

mod ask;
mod calls;
mod clock;
mod descriptors;
mod drain;
mod ended;
mod engine;
mod fire;
mod gates;
mod heartbeats;
mod inbox;
mod lane;
mod lease;
mod lives;
mod lookups;
mod mail;
mod membership;
pub mod metrics;
mod name;
mod options;
mod owner;
mod passivate;
pub mod perform;
mod programs;
mod running;
mod share;
mod shared;
mod skew;
mod sleepers;
#[cfg(test)]
mod stage;
mod start;
mod takeover;
mod tasks;
mod tenures;
mod timers;
mod token;

pub use activities::{ActivityTask, PollError, Undelivered};
pub use clock::Clock;
pub use descriptors::Descriptors;
pub use engine::{Absent, Engine, StartupError, StopError, StopRequest, WeakEngine};
pub use options::EngineOptions;
pub use programs::{ProgramError, Programs};
pub use share::Readiness;
pub use skew::{Comparison, Verdict};
pub use start::{Start, StartError, Started};
pub use tasks::{TaskAnswer, TokenError};

/// Bytes of turns that may wait for one lane.
pub(crate) const ROOM_BYTES: usize = 64 * 1024 * 1024;
