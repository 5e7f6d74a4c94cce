//! AWS's JSONPath (the Jayway dialect): parsed once, evaluated against a [`Scope`].
//!
//! ```text
//! text ─► syntax ─► steps ─► walk ─► one value, or an array of all that match
//!                    ├─ filter: the `?(…)` of a step ─► condition ─► compare: its operators
//!                    └─ function: `.length()` and the like, last in a path
//! ```

mod compare;
mod condition;
mod cursor;
mod filter;
mod function;
mod insert;
mod literal;
mod miss;
mod pattern;
mod syntax;
#[cfg(test)]
mod tests;
mod walk;

use std::borrow::Cow;
use std::fmt::Write as _;

use serde_json::Value;

use crate::expression::{EvaluationError, Scope};
use filter::Filter;
use function::Call;
pub use insert::ReferencePath;
use miss::Miss;

/// A JSONPath: `$` reads the input, `$$` the context object, `$name` a variable.
#[derive(Debug)]
pub struct Path {
    text: Box<str>,
    root: Root,
    steps: Box<[Step]>,
}

/// What a path starts from.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Root {
    /// `$`
    Input,
    /// `$$`
    Context,
    /// `$name`
    Variable(Box<str>),
}

/// One step from a node to others.
#[derive(Debug)]
enum Step {
    /// `.name`, `['name']`
    Name(Box<str>),
    /// `[n]`; a negative index counts from the end.
    Index(i64),
    /// `['a','b']`: one object of the members that are there, if it is the last step; else each of
    /// them.
    Names(Box<[Box<str>]>),
    /// `[0,1]`
    Indexes(Box<[i64]>),
    /// `[a:b]`
    Slice(Option<i64>, Option<i64>),
    /// `*`
    Every,
    /// `[?(…)]`
    Filter(Filter),
    /// `..` and a step of the above, from this node and from all below it.
    Descend(Box<Step>),
    /// `.length()`, last in its path.
    Call(Call),
}

/// The names that a path begins with.
pub(crate) struct Reach<'p> {
    pub(crate) names: Vec<&'p str>,
    /// Whether other steps follow: indexes, filters, functions.
    pub(crate) goes_on: bool,
}

impl<'p> Reach<'p> {
    fn of(steps: &'p [Step]) -> Self {
        let name = |step: &'p Step| if let Step::Name(name) = step { Some(&**name) } else { None };
        let names: Vec<&str> = steps.iter().map_while(name).collect();
        Self { goes_on: names.len() < steps.len(), names }
    }
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

    /// Reads the path that this text begins with, and says what follows it.
    pub(crate) fn parse_first(text: &str) -> Result<(Self, &str), PathSyntaxError> {
        let (root, steps, rest) = syntax::parse_first(text)?;
        let text = &text[..text.len() - rest.len()];
        Ok((Self { text: text.into(), root, steps: steps.into() }, rest))
    }

    /// The variable it starts from, if it does.
    pub fn variable(&self) -> Option<&str> {
        self.root.variable()
    }

    /// All variables it mentions: the one it starts from, and those within its filters.
    pub fn variables(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.variable().into_iter().collect();
        filter::variables(&self.steps, &mut names);
        names
    }

    /// The path as written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it starts from `$`.
    pub(crate) fn is_of_input(&self) -> bool {
        self.root == Root::Input
    }

    /// Whether it starts from `$$`.
    pub(crate) fn is_of_context(&self) -> bool {
        self.root == Root::Context
    }

    /// The names that it begins with.
    pub(crate) fn reach(&self) -> Reach<'_> {
        Reach::of(&self.steps)
    }

    /// The first of these names.
    pub(crate) fn first_name(&self) -> Option<&str> {
        self.reach().names.first().copied()
    }

    /// Whether it is exactly `$`.
    pub fn is_whole(&self) -> bool {
        self.root == Root::Input && self.steps.is_empty()
    }

    /// Whether it is a reference path: only `.name`, `['name']` and `[n]`.
    pub fn is_reference(&self) -> bool {
        self.steps.iter().all(|step| matches!(step, Step::Name(_) | Step::Index(_)))
    }

    /// Whether it has at most one value. Otherwise its value is the array of all that match.
    pub fn is_definite(&self) -> bool {
        walk::is_definite(&self.steps)
    }

    /// The value: the node of a definite path, the array of an indefinite one, which is empty if
    /// nothing matches. A definite path without a node fails with AWS's
    /// `Invalid path '…' : …`. What is not borrowed has been weighed.
    pub fn evaluate<'a>(&self, scope: &Scope<'a>) -> Result<Cow<'a, Value>, EvaluationError> {
        self.walk(scope).map_err(|miss| match miss {
            Miss::Spent(error) => error,
            miss => {
                let why = miss.explain(&self.steps);
                EvaluationError::runtime(format!("Invalid path '{}' : {why}", self.text))
            }
        })
    }

    /// The same, for callers that have their own text for a miss: `None`. Fails if the budget is
    /// spent.
    pub fn lookup<'a>(&self, scope: &Scope<'a>) -> Result<Option<Cow<'a, Value>>, EvaluationError> {
        match self.walk(scope) {
            Ok(found) => Ok(Some(found)),
            Err(Miss::Spent(error)) => Err(error),
            Err(_) => Ok(None),
        }
    }

    fn walk<'a>(&self, scope: &Scope<'a>) -> Result<Cow<'a, Value>, Miss> {
        walk::evaluate(scope, &self.root, &self.steps)
    }
}

impl Root {
    fn variable(&self) -> Option<&str> {
        match self {
            Self::Variable(name) => Some(name),
            Self::Input | Self::Context => None,
        }
    }
}

/// Writes steps the way Jayway prints a path: `$['a'][0]`.
fn canonical(steps: &[Step]) -> String {
    let mut text = String::from("$");
    for step in steps {
        fragment(step, &mut text);
    }
    text
}

fn fragment(step: &Step, text: &mut String) {
    let bound = |bound: &Option<i64>| bound.map_or(String::new(), |n| n.to_string());
    match step {
        Step::Name(name) => _ = write!(text, "['{name}']"),
        Step::Index(index) => _ = write!(text, "[{index}]"),
        Step::Names(names) => _ = write!(text, "['{}']", names.join("','")),
        Step::Indexes(indexes) => {
            let list: Vec<String> = indexes.iter().map(i64::to_string).collect();
            _ = write!(text, "[{}]", list.join(","));
        }
        Step::Slice(from, to) => _ = write!(text, "[{}:{}]", bound(from), bound(to)),
        Step::Every => text.push_str("[*]"),
        Step::Filter(_) => text.push_str("[?]"),
        Step::Descend(step) => {
            text.push_str("..");
            fragment(step, text);
        }
        Step::Call(call) => text.push_str(&call.fragment()),
    }
}
