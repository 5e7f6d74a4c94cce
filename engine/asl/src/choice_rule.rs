//! The conditions of a Choice: 39 comparisons, and `And`, `Or`, `Not`.

mod pattern;
mod test;
#[cfg(test)]
mod tests;

use serde_json::Value;

use crate::expression::{EvaluationError, Scope};
use crate::path::Path;
pub use pattern::Pattern;
pub(crate) use test::NO_TIMESTAMP;
pub use test::{OPERATORS, Operand, Relation, Test, ValueKind, parse_timestamp};

/// What a rule asks of the data.
#[derive(Debug)]
pub enum Condition {
    And(Box<[Condition]>),
    Or(Box<[Condition]>),
    Not(Box<Condition>),
    Compare(Comparison),
}

/// One of the 39 comparisons.
#[derive(Debug)]
pub struct Comparison {
    pub variable: Path,
    pub test: Test,
}

impl Condition {
    /// Every path that it may follow.
    pub(crate) fn paths(&self) -> Vec<&Path> {
        match self {
            Self::And(all) | Self::Or(all) => all.iter().flat_map(Self::paths).collect(),
            Self::Not(inner) => inner.paths(),
            Self::Compare(Comparison { variable, test }) => {
                let operand = match test {
                    Test::Is(..) | Test::Matches(_) => None,
                    Test::Boolean(side) => side.path(),
                    Test::Numeric(_, side) => side.path(),
                    Test::String(_, side) => side.path(),
                    Test::Timestamp(_, side) => side.path(),
                };
                std::iter::once(variable).chain(operand).collect()
            }
        }
    }

    /// Whether the data fulfils the condition. A value of another type does not; a `Variable` or
    /// a `…Path` operand that is not there is an error, except to `IsPresent`.
    pub fn holds(&self, scope: &Scope<'_>) -> Result<bool, EvaluationError> {
        match self {
            Self::And(conditions) => {
                for condition in conditions {
                    if !condition.holds(scope)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Self::Or(conditions) => {
                for condition in conditions {
                    if condition.holds(scope)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Self::Not(condition) => condition.holds(scope).map(|holds| !holds),
            Self::Compare(comparison) => comparison.holds(scope),
        }
    }
}

impl Comparison {
    fn holds(&self, scope: &Scope<'_>) -> Result<bool, EvaluationError> {
        let found = self.variable.lookup(scope)?;
        if let Test::Is(ValueKind::Present, expected) = self.test {
            return Ok(found.is_some() == expected);
        }
        let value = found.ok_or_else(|| invalid_reference(&self.variable))?;
        self.test.passes(&value, scope)
    }
}

fn invalid_reference(path: &Path) -> EvaluationError {
    EvaluationError::runtime(format!(
        "Invalid path '{}': The choice state's condition path references an invalid value.",
        path.text()
    ))
}

/// The value an operand's path leads to.
fn referenced<T>(
    path: &Path,
    scope: &Scope<'_>,
    read: impl FnOnce(&Value) -> Option<T>,
) -> Result<Option<T>, EvaluationError> {
    path.lookup(scope)?.map(|value| read(&value)).ok_or_else(|| invalid_reference(path))
}
