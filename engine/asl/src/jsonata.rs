//! JSONata, the other query language of states: `{% … %}` in a field's text.
//!
//! ```text
//! text ─► check: what may not be said ─► enclose: the scope around it ─► Query
//! Query + Scope ─► evaluate: source (what it reads) · functions (AWS's own) · result (what it makes)
//! ```
//!
//! The library evaluates; what is AWS's alone is here: what an expression may mention, the
//! functions added and removed, the limits, the texts of its failures. Nothing is copied to be
//! read, and what an expression may take is counted, not timed.

mod chance;
mod check;
mod copy;
mod direct;
pub mod document;
mod enclose;
mod evaluate;
mod expect;
mod functions;
mod guarded;
mod guards;
mod meter;
mod query;
mod regexes;
mod result;
mod rewrite;
mod source;
mod template;
#[cfg(test)]
mod tests;

use std::sync::Arc;

pub use query::Query;
pub use template::Template;

use crate::diagnostic::Code;

/// Whether this text of a field is an expression: `{% … %}`, nothing before or after it.
pub fn is_expression(text: &str) -> bool {
    inside(text).is_some()
}

/// The expression, without its marks and the blanks around it.
fn inside(text: &str) -> Option<&str> {
    text.strip_prefix("{%")?.strip_suffix("%}").map(str::trim)
}

/// Which members `$states` has in a field, beside `input` and `context`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Sees {
    /// `$states.result`: where the state's work is done.
    pub result: bool,
    /// `$states.errorOutput`: in a catcher.
    pub error_output: bool,
}

/// Why a definition with this expression is refused.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Refusal {
    /// What kind of mistake it is.
    pub code: Code,
    /// AWS's text where AWS has one.
    pub message: String,
    /// Which field of the state: `Output/total`.
    pub location: Arc<str>,
}
