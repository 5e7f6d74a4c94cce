//! The interpreter: one stimulus in, one turn out.
//!
//! ```text
//! start(program, identity, input, now)              ─► (Execution, Turn)
//! start_at(program, identity, beginning, now)       ─► (Execution, Turn)
//! step(program, execution, stimulus, now, random)   ─► Turn { events, commands }
//! redrive(program, execution, now, random)          ─► Turn { events, commands }
//! fold(events)                                      ─► Execution
//! ```
//!
//! Pure: no clock, no randomness, no I/O, and no `Result`: what goes wrong in a user's
//! execution is data. `step` changes the execution only by applying the events it returns, so
//! folding a log gives the execution that was in memory. Commands may go out only after the
//! turn that holds them is committed; after a crash [`open_commands`] derives them again.

mod apply;
mod beginning;
mod broken;
mod command;
mod context;
mod data;
mod event;
mod execution;
mod failing;
mod held;
pub mod history;
mod indexes;
mod limits;
pub mod log;
mod milestone;
mod random;
mod redrive;
mod retry;
pub mod schedule;
pub mod snapshot;
mod states;
mod step;
mod stimulus;
mod task_kind;
mod timestamp;
mod turn;

pub use apply::{apply, fold};
pub use beginning::{Beginning, start, start_at};
pub use broken::{break_off, stillborn};
pub use command::{Command, Invocation, Offer, open_commands};
pub use event::{Closing, Event, EventKind, FrameId, Identity, StateType};
pub use execution::{
    At, Branches, Ending, Execution, Frame, Iterations, OpenTask, Phase, Sought, Status,
};
pub use limits::Limits;
pub use milestone::{Milestone, Reached, TaskEnd, TaskFamily};
pub use random::Random;
pub use redrive::redrive;
pub use step::{Tokens, step};
pub use stimulus::{Failure, Stimulus};
pub use task_kind::TaskKind;
pub use timestamp::Timestamp;
pub use turn::{Turn, hold_back};
