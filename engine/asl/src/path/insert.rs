//! `ResultPath`: putting a value at one place of another.

use serde_json::{Map, Value};

use super::{Path, PathSyntaxError, Step};
use crate::expression::EvaluationError;
use crate::payload::MAX_DEPTH;

/// A path to exactly one place (`$.a.b[0]`), as `ResultPath` needs it.
#[derive(Debug)]
pub struct ReferencePath {
    path: Path,
}

impl ReferencePath {
    /// Reads a path of `.name`, `['name']` and `[n]` only, from `$`.
    pub fn parse(text: &str) -> Result<Self, PathSyntaxError> {
        let path = Path::parse(text)?;
        let negative = path.steps.iter().any(|step| matches!(step, Step::Index(..0)));
        if path.steps.len() > MAX_DEPTH {
            return Err(PathSyntaxError {
                message: format!("a place is at most {MAX_DEPTH} levels deep"),
                unsupported: false,
            });
        }
        if !path.is_reference() || negative || path.root != super::Root::Input {
            return Err(PathSyntaxError {
                message: format!("`{text}` is not a reference path: `$`, names and indexes only"),
                unsupported: false,
            });
        }
        Ok(Self { path })
    }

    /// The path as written.
    pub fn text(&self) -> &str {
        self.path.text()
    }

    /// The names that it begins with.
    pub(crate) fn reach(&self) -> super::Reach<'_> {
        self.path.reach()
    }

    /// The first of these names.
    pub(crate) fn first_name(&self) -> Option<&str> {
        self.path.first_name()
    }

    /// `base` with `value` at this place. Missing objects on the way are made; what is there is
    /// replaced. Fails with AWS's text if something on the way is not an object, or an index is
    /// not in its array.
    pub fn insert(&self, base: &Value, value: &Value) -> Result<Value, EvaluationError> {
        let mut whole = base.clone();
        let place = self.path.steps.iter().try_fold(&mut whole, |node, step| match step {
            Step::Name(name) => match node {
                Value::Object(members) => {
                    Some(members.entry(&**name).or_insert(Value::Object(Map::new())))
                }
                _ => None,
            },
            Step::Index(index) => node.as_array_mut()?.get_mut(usize::try_from(*index).ok()?),
            Step::Names(_)
            | Step::Indexes(_)
            | Step::Slice(..)
            | Step::Every
            | Step::Filter(_)
            | Step::Descend(_)
            | Step::Call(_) => None,
        });
        match place {
            Some(place) => {
                *place = value.clone();
                Ok(whole)
            }
            None => Err(EvaluationError::runtime(format!(
                "Unable to apply ReferencePath {} to input {base}",
                self.text()
            ))),
        }
    }
}
