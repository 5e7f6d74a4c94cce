//! The Amazon States Language: definition text in, [`Program`] out.
//!
//! ```text
//! text ─► parse ─► definition ─► check ─► diagnostics
//!                      └──────► compile ─► program
//! ```
//!
//! Pure: no clock, no randomness, no I/O. A definition is parsed, checked and compiled once;
//! nothing is parsed while an execution runs.

pub mod choice_rule;
pub mod diagnostic;
pub mod expression;
pub mod path;
pub mod payload;
pub mod program;
pub mod template;

pub use diagnostic::{Code, Diagnostic, Severity};
pub use expression::{Context, EvaluationError, Scope};
pub use path::{Path, ReferencePath};
pub use payload::Payload;
pub use program::{Program, State, StateId, StateKind};
pub use template::Template;
