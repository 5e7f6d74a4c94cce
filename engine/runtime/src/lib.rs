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
mod clock;
mod descriptors;
mod ended;
mod engine;
mod fair;
mod fire;
mod lane;
mod lives;
mod loops;
mod memory;
pub mod metrics;
mod node;
mod options;
mod owner;
pub mod perform;
mod post;
mod programs;
mod shared;
#[cfg(test)]
mod simulation;
mod sleep;
#[cfg(test)]
mod stage;
mod start;
mod task;
mod tenure;

pub use activities::{ActivityTask, PollError, Undelivered};
pub use clock::Clock;
pub use descriptors::Descriptors;
pub use engine::{Absent, Engine, StartupError, StopError, StopRequest, WeakEngine};
pub use loops::Dead;
pub use options::{EngineOptions, Nodes};
pub use post::news::Following;
pub use programs::{ProgramError, Programs};
pub use start::{Start, StartError, Started};
pub use task::answer::{TaskAnswer, TokenError};
pub use tenure::share::Readiness;
pub use tenure::skew::{Comparison, Verdict};

/// What this program is of: what its nodes have set aside, and their snapshots, are not for another.
pub(crate) const RELEASE: &str = env!("CARGO_PKG_VERSION");

/// Bytes of turns that may wait for one lane.
pub(crate) const ROOM_BYTES: usize = 64 * 1024 * 1024;
