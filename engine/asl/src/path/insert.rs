//! `ResultPath`: putting a value at one place of another.

use serde_json::{Map, Value};

use super::{Path, PathSyntaxError, Step};
use crate::expression::EvaluationError;

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
        if !path.is_reference() || negative || text.starts_with("$$") {
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
            | Step::Length
            | Step::Select(_)
            | Step::DescendantSelect(_)
            | Step::Filter(_)
            | Step::DescendantFilter(_) => None,
        });
        match place {
            Some(place) => {
                *place = value.clone();
                Ok(whole)
            }
            None => Err(EvaluationError {
                cause: format!("Unable to apply ReferencePath {} to input {base}", self.text()),
            }),
        }
    }
}
