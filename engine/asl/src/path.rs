//! AWS's JSONPath (the Jayway dialect): parsed once, evaluated against a [`Scope`].
//!
//! ```text
//! text ─► syntax ─► steps ─► walk ─► one value, or an array of all that match
//!                    ├─ select: the steps to several nodes
//!                    └─ filter: the `?(…)` of a step
//! ```

mod filter;
mod insert;
mod select;
mod syntax;
#[cfg(test)]
mod tests;
mod walk;

use std::borrow::Cow;
use std::fmt::Write as _;

use serde_json::Value;

use crate::expression::{EvaluationError, Scope};
use filter::Filter;
pub use insert::ReferencePath;

/// A JSONPath: `$` reads the input, `$$` the context object.
#[derive(Debug)]
pub struct Path {
    text: Box<str>,
    root: Root,
    steps: Box<[Step]>,
}

/// What a path starts from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Root {
    /// `$`
    Input,
    /// `$$`
    Context,
}

/// One step from a node to others.
#[derive(Debug)]
enum Step {
    /// `.name`, `['name']`
    Name(Box<str>),
    /// `[n]`; a negative index counts from the end.
    Index(i64),
    /// `['a','b']`, last in its path: one object of the members that are there.
    Names(Box<[Box<str>]>),
    /// `.length()`, last in its path: how many members or elements.
    Length,
    /// `[*]`
    Select(Selector),
    /// `..[*]`
    DescendantSelect(Selector),
    /// `[?(…)]`
    Filter(Filter),
    /// `..[?(…)]`
    DescendantFilter(Filter),
}

/// Which members or elements of a node.
#[derive(Debug)]
enum Selector {
    /// `*`
    All,
    /// `['a','b']` before further steps, `..a`
    Names(Box<[Box<str>]>),
    /// `[0,1]`, `..[0]`; negative ones count from the end.
    Indexes(Box<[i64]>),
    /// `[a:b]`; negative bounds count from the end.
    Slice(Option<i64>, Option<i64>),
}

/// Why a text is not a path.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PathSyntaxError {
    /// What is wrong and where, for the author.
    pub message: String,
    /// AWS reads this path, this engine does not yet.
    pub unsupported: bool,
}

impl Path {
    /// Reads a path. At most 8,192 bytes and 64 levels of parentheses.
    pub fn parse(text: &str) -> Result<Self, PathSyntaxError> {
        let (root, steps) = syntax::parse(text)?;
        Ok(Self { text: text.into(), root, steps: steps.into() })
    }

    /// The path as written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it is exactly `$`.
    pub fn is_whole(&self) -> bool {
        self.root == Root::Input && self.steps.is_empty()
    }

    /// Whether it is exactly `$$`.
    pub fn is_context_whole(&self) -> bool {
        self.root == Root::Context && self.steps.is_empty()
    }

    /// Whether it is a reference path: only `.name`, `['name']` and `[n]`.
    pub fn is_reference(&self) -> bool {
        self.steps.iter().all(|step| match step {
            Step::Name(_) | Step::Index(_) => true,
            Step::Names(_)
            | Step::Length
            | Step::Select(_)
            | Step::DescendantSelect(_)
            | Step::Filter(_)
            | Step::DescendantFilter(_) => false,
        })
    }

    /// Whether it has at most one value. Otherwise its value is the array of all that match.
    pub fn is_definite(&self) -> bool {
        walk::is_definite(&self.steps)
    }

    /// The value: the node of a definite path, the array of an indefinite one, which is empty if
    /// nothing matches. A definite path without a node fails with AWS's
    /// `Invalid path '…' : …`.
    pub fn evaluate<'a>(&self, scope: &Scope<'a>) -> Result<Cow<'a, Value>, EvaluationError> {
        self.walk(scope).map_err(|miss| EvaluationError {
            cause: format!("Invalid path '{}' : {}", self.text, miss.explain(&self.steps)),
        })
    }

    /// The same, for callers that have their own text for a miss.
    pub fn find<'a>(&self, scope: &Scope<'a>) -> Option<Cow<'a, Value>> {
        self.walk(scope).ok()
    }

    fn walk<'a>(&self, scope: &Scope<'a>) -> Result<Cow<'a, Value>, walk::Miss> {
        match self.root {
            Root::Input => walk::evaluate(scope.input, &self.steps),
            Root::Context => walk::evaluate_context((scope.context)(), &self.steps),
        }
    }
}

/// Writes steps the way Jayway prints a path: `$['a'][0]`.
fn canonical(steps: &[Step]) -> String {
    let mut text = String::from("$");
    fragments(steps, &mut text);
    text
}

fn fragments(steps: &[Step], text: &mut String) {
    for step in steps {
        match step {
            Step::Name(name) => _ = write!(text, "['{name}']"),
            Step::Index(index) => _ = write!(text, "[{index}]"),
            Step::Names(names) => _ = write!(text, "['{}']", names.join("','")),
            Step::Length => text.push_str(".length()"),
            // These miss nothing: what does not fit them they drop.
            Step::Select(_) | Step::Filter(_) => text.push_str("[?]"),
            Step::DescendantSelect(_) | Step::DescendantFilter(_) => text.push_str("..[?]"),
        }
    }
}
