//! Whether a node passes a filter: what its operands lead to from there.

use std::borrow::Cow;

use serde_json::Value;

use super::compare;
use super::filter::{Filter, Operand};
use super::miss::Miss;
use super::walk::{self, Walk};
use crate::budget::Budget;
use crate::expression::EvaluationError;

/// What a path within a filter leads to.
pub(super) enum Seen<'v> {
    One(Cow<'v, Value>),
    /// All that an indefinite path leads to.
    Many(Vec<&'v Value>),
}

impl<'a, 'v> Walk<'_, 'a, 'v> {
    /// Whether this node passes.
    pub(super) fn accepts(&self, filter: &Filter, node: &'v Value) -> Result<bool, Miss> {
        self.budget().work(3)?;
        match filter {
            Filter::Any(filters) => {
                for filter in filters {
                    if self.accepts(filter, node)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Filter::All(filters) => {
                for filter in filters {
                    if !self.accepts(filter, node)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Filter::Not(filter) => Ok(!self.accepts(filter, node)?),
            Filter::Exists(operand) => Ok(match self.operand(operand, node)? {
                Some(Seen::Many(found)) => !found.is_empty(),
                found => found.is_some(),
            }),
            Filter::Absent(operand) => Ok(match self.operand(operand, node)? {
                Some(Seen::Many(found)) => found.is_empty(),
                Some(Seen::One(value)) => value.is_null(),
                None => true,
            }),
            Filter::Compare(left, operator, right) => {
                let (left, right) = (self.operand(left, node)?, self.operand(right, node)?);
                Ok(compare::compare(left, *operator, right, self.budget())?)
            }
            Filter::Like(operand, pattern) => {
                Ok(compare::like(self.operand(operand, node)?, pattern, self.budget())?)
            }
        }
    }

    /// What an operand stands for at this node; `None` if it is missing.
    pub(super) fn operand<'x>(
        &self,
        operand: &'x Operand,
        node: &'x Value,
    ) -> Result<Option<Seen<'x>>, Miss>
    where
        'v: 'x,
        'a: 'x,
    {
        let found = match operand {
            Operand::Literal(value) => return Ok(Some(Seen::One(Cow::Borrowed(value)))),
            Operand::Node(steps) => {
                let walk: Walk<'_, 'a, 'x> = Walk { scope: self.scope, root: self.root };
                walk.see(node, steps, 0)
            }
            Operand::Root(steps) => self.see(self.root, steps, 0),
            Operand::Outside(root, steps) => walk::evaluate(self.scope, root, steps).map(Seen::One),
        };
        match found {
            Ok(found) => Ok(Some(found)),
            Err(Miss::Spent(error)) => Err(Miss::Spent(error)),
            Err(_) => Ok(None),
        }
    }
}

impl Seen<'_> {
    /// The value, unless it is many.
    pub(super) fn one(&self) -> Option<&Value> {
        match self {
            Self::One(value) => Some(value),
            Self::Many(_) => None,
        }
    }

    /// The elements, if it is an array or many.
    pub(super) fn list(&self, budget: &Budget) -> Result<Option<Vec<&Value>>, EvaluationError> {
        let list: Option<Vec<&Value>> = match self {
            Self::Many(found) => Some(found.clone()),
            Self::One(value) => value.as_array().map(|items| items.iter().collect()),
        };
        budget.work(list.as_ref().map_or(0, |list| list.len() as u64 / 2))?;
        Ok(list)
    }

    /// The elements, or the value itself.
    pub(super) fn each(&self, budget: &Budget) -> Result<Vec<&Value>, EvaluationError> {
        Ok(self.list(budget)?.unwrap_or_else(|| self.one().into_iter().collect()))
    }

    /// A copy of its own.
    pub(super) fn to_value(&self, budget: &Budget) -> Result<Value, EvaluationError> {
        match self {
            Self::One(value) => budget.copy(value),
            Self::Many(found) => {
                budget.build(found.len() + 1)?;
                found.iter().map(|node| budget.copy(node)).collect()
            }
        }
    }
}
