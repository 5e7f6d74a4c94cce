//! The Amazon States Language: definition text in, [`Program`] out.
//!
//! ```text
//! text ─► parse ─► definition ─┬► check ─► diagnostics
//!                              └► compile ─► program
//! ```
//!
//! Pure: no clock, no randomness, no I/O. A definition is parsed, checked and compiled once;
//! nothing is parsed while an execution runs.

mod advice;
pub mod arn;
pub mod budget;
mod check;
pub mod choice_rule;
mod compile;
pub mod context;
mod definition;
pub mod diagnostic;
mod distributed_map;
pub mod error_name;
pub mod expression;
pub mod flow;
mod hash;
pub mod integration;
pub mod intrinsic;
mod java;
pub mod json_text;
pub mod jsonata;
pub mod misnamed;
mod object;
mod parameters;
mod parse;
pub mod path;
pub mod payload;
pub mod position;
pub mod program;
mod references;
pub mod resource;
pub mod retry;
mod states;
pub mod template;
#[cfg(test)]
mod tests;
mod uuid;
pub mod variables;
mod warnings;

pub use budget::{Budget, Made};
pub use context::Part;
pub use diagnostic::{Code, Diagnostic, Severity};
pub use expression::{EvaluationError, Expression, Raised, Scope};
pub use flow::{DataFlow, Flow};
pub use intrinsic::Call;
pub use parse::MAX_DEFINITION_BYTES;
pub use path::{Path, ReferencePath};
pub use payload::Payload;
pub use program::{Program, State, StateId, StateKind};
pub use template::Template;
pub use variables::Variables;

use definition::Definition;
use diagnostic::Report;

/// The type of a state machine, which decides what its definition may use.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum MachineKind {
    /// Durable; may wait for tokens, activities and child executions.
    Standard,
    /// Short; calls and goes on.
    Express,
}

/// The program of this definition, or all errors in it, in the order of [`check`], to which warnings are
/// left, and whether AWS has what the tasks name: what it had when a machine was made it may have no more. What the language has and this engine does not run yet is an error here:
/// [`Code::UnsupportedFeature`].
pub fn compile(text: &str) -> Result<Program, Vec<Diagnostic>> {
    let (definition, diagnostics) = read(text, None);
    let errors: Vec<Diagnostic> =
        diagnostics.into_iter().filter(|it| it.severity == Severity::Error).collect();
    match definition.and_then(compile::compile) {
        Some(program) if errors.is_empty() => Ok(program),
        Some(_) | None => Err(errors),
    }
}

/// Everything that is wrong with this definition as the language has it, errors and warnings: first what
/// cannot be read, then what is wrong with the machine as a whole, each in the order of the text and no
/// more than [`diagnostic::MAX_DIAGNOSTICS`] errors and as many warnings.
pub fn check(text: &str, kind: MachineKind) -> Vec<Diagnostic> {
    let (_, mut diagnostics) = read(text, Some(kind));
    diagnostics.retain(|diagnostic| diagnostic.code != Code::UnsupportedFeature);
    diagnostics
}

/// [`check`], then what the language has and this engine does not run yet, then what is strange about a
/// definition that is not wrong, beyond what AWS says: a code of [`Code::ADVICE`] each, in the order of
/// the text, at most [`diagnostic::MAX_DIAGNOSTICS`]. The text is read once.
pub fn review(text: &str, kind: MachineKind) -> Vec<Diagnostic> {
    let (definition, mut diagnostics) = read(text, Some(kind));
    let is_unsupported = |it: &Diagnostic| it.code == Code::UnsupportedFeature;
    diagnostics.sort_by_key(is_unsupported);
    let is_wrong =
        diagnostics.iter().any(|it| it.severity == Severity::Error && !is_unsupported(it));
    if let Some(definition) = definition.filter(|_| !is_wrong) {
        let report = Report::default();
        advice::advise(&definition, &report);
        diagnostics.extend(in_order_of_text(report.into_diagnostics(), text));
    }
    diagnostics
}

/// What was written, and everything wrong with it: first what cannot be read, then what is wrong with the
/// machine as a whole, each in the order of the text. AWS lists them so. A machine that is there already has
/// no kind to be checked for.
fn read(text: &str, kind: Option<MachineKind>) -> (Option<Definition>, Vec<Diagnostic>) {
    let (reading, checking) = (Report::default(), Report::default());
    let definition = parse::parse(text, kind, &reading);
    if let Some(definition) = &definition {
        check::check(definition, text, &checking);
    }
    let mut diagnostics = in_order_of_text(reading.into_diagnostics(), text);
    diagnostics.extend(in_order_of_text(checking.into_diagnostics(), text));
    (definition, diagnostics)
}

fn in_order_of_text(diagnostics: Vec<Diagnostic>, text: &str) -> Vec<Diagnostic> {
    if diagnostics.is_empty() {
        return diagnostics;
    }
    let locations: Vec<&str> =
        diagnostics.iter().map(|it| it.location.as_deref().unwrap_or_default()).collect();
    let offsets = position::offsets(text, &locations);
    let mut placed: Vec<_> = offsets.into_iter().zip(diagnostics).collect();
    // What has no place comes last, as on AWS.
    placed.sort_by_key(|(offset, it)| (it.location.is_none(), offset.unwrap_or(usize::MAX)));
    placed.into_iter().map(|(_, diagnostic)| diagnostic).collect()
}
