//! What a comparison asks of one value.

use std::cmp::Ordering;

use chrono::{DateTime, FixedOffset};
use serde_json::Value;

use super::{Pattern, referenced};
use crate::expression::{EvaluationError, Scope};
use crate::object::of_type;
use crate::path::Path;

/// What AWS says of a text that is no timestamp.
pub(crate) const NO_TIMESTAMP: &str = "String does not match RFC3339 timestamp";

/// The names of all comparisons, in the order in which AWS lists them.
pub const OPERATORS: [&str; 39] = [
    "StringEquals",
    "IsBoolean",
    "StringLessThan",
    "IsNumeric",
    "BooleanEquals",
    "StringLessThanEqualsPath",
    "NumericLessThan",
    "NumericGreaterThan",
    "NumericLessThanPath",
    "StringMatches",
    "TimestampLessThanEqualsPath",
    "NumericEquals",
    "TimestampGreaterThan",
    "StringGreaterThanEqualsPath",
    "TimestampGreaterThanEqualsPath",
    "TimestampLessThanEquals",
    "NumericLessThanEqualsPath",
    "TimestampEquals",
    "BooleanEqualsPath",
    "IsTimestamp",
    "StringLessThanEquals",
    "NumericLessThanEquals",
    "StringLessThanPath",
    "TimestampGreaterThanPath",
    "StringGreaterThan",
    "StringGreaterThanPath",
    "IsString",
    "StringEqualsPath",
    "TimestampEqualsPath",
    "TimestampLessThan",
    "StringGreaterThanEquals",
    "NumericGreaterThanPath",
    "NumericGreaterThanEquals",
    "NumericEqualsPath",
    "TimestampLessThanPath",
    "IsNull",
    "IsPresent",
    "TimestampGreaterThanEquals",
    "NumericGreaterThanEqualsPath",
];

/// A comparison without its `Variable`.
#[derive(Debug)]
pub enum Test {
    /// `IsString` and the like: whether that it is so is `true` or `false`.
    Is(ValueKind, bool),
    /// `BooleanEquals`
    Boolean(Operand<bool>),
    /// Numbers are doubles.
    Numeric(Relation, Operand<f64>),
    /// Ordered by UTF-16 code unit.
    String(Relation, Operand<Box<str>>),
    /// Compared as instants.
    Timestamp(Relation, Operand<DateTime<FixedOffset>>),
    /// `StringMatches`
    Matches(Pattern),
}

/// What `IsNull`, `IsString`, … ask for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ValueKind {
    Boolean,
    Null,
    Numeric,
    Present,
    String,
    Timestamp,
}

/// How two values are compared.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Relation {
    Equals,
    GreaterThan,
    GreaterThanEquals,
    LessThan,
    LessThanEquals,
}

/// The right-hand side: written down, or where the `…Path` form leads.
#[derive(Debug)]
pub enum Operand<T> {
    Fixed(T),
    Path(Path),
}

impl Test {
    /// Reads a comparison. `None` if there is no such operator, an error if the operand does not
    /// suit it.
    pub fn parse(operator: &str, operand: &Value) -> Option<Result<Self, String>> {
        let kind = match operator {
            "IsBoolean" => Some(ValueKind::Boolean),
            "IsNull" => Some(ValueKind::Null),
            "IsNumeric" => Some(ValueKind::Numeric),
            "IsPresent" => Some(ValueKind::Present),
            "IsString" => Some(ValueKind::String),
            "IsTimestamp" => Some(ValueKind::Timestamp),
            _ => None,
        };
        if let Some(kind) = kind {
            let expected = operand.as_bool().ok_or_else(|| of_type("Boolean"));
            return Some(expected.map(|expected| Self::Is(kind, expected)));
        }
        if operator == "StringMatches" {
            let pattern = operand.as_str().ok_or_else(|| of_type("String"));
            return Some(pattern.and_then(Pattern::parse).map(Self::Matches));
        }
        let (plain, is_path) = match operator.strip_suffix("Path") {
            Some(plain) => (plain, true),
            None => (operator, false),
        };
        let side = Side { is_path, operand };
        if plain == "BooleanEquals" {
            return Some(side.read(|| of_type("Boolean"), Value::as_bool).map(Self::Boolean));
        }
        let (family, relation) = ["Numeric", "String", "Timestamp"]
            .iter()
            .find_map(|family| Some((*family, Relation::parse(plain.strip_prefix(family)?)?)))?;
        Some(match family {
            "Numeric" => side
                .read(|| of_type("Number"), Value::as_f64)
                .map(|side| Self::Numeric(relation, side)),
            "String" => side
                .read(|| of_type("String"), |value| value.as_str().map(Box::from))
                .map(|side| Self::String(relation, side)),
            _ => side
                .read(|| NO_TIMESTAMP.to_owned(), timestamp)
                .map(|side| Self::Timestamp(relation, side)),
        })
    }

    /// Whether the value passes; one of another type does not.
    pub(super) fn passes(&self, value: &Value, scope: &Scope<'_>) -> Result<bool, EvaluationError> {
        match self {
            Self::Is(kind, expected) => Ok(kind.is_of(value) == *expected),
            Self::Matches(pattern) => Ok(value.as_str().is_some_and(|text| pattern.matches(text))),
            Self::Boolean(side) => {
                let right = side.value(scope, Value::as_bool)?;
                Ok(right.is_some() && value.as_bool() == right)
            }
            Self::Numeric(relation, side) => {
                let right = side.value(scope, Value::as_f64)?;
                let order = value.as_f64().zip(right).and_then(|(l, r)| l.partial_cmp(&r));
                Ok(order.is_some_and(|order| relation.admits(order)))
            }
            Self::String(relation, side) => {
                let right = side.value(scope, |value| value.as_str().map(Box::from))?;
                let order = value
                    .as_str()
                    .zip(right)
                    .map(|(left, right)| left.encode_utf16().cmp(right.encode_utf16()));
                Ok(order.is_some_and(|order| relation.admits(order)))
            }
            Self::Timestamp(relation, side) => {
                let right = side.value(scope, timestamp)?;
                let order = timestamp(value).zip(right).map(|(left, right)| left.cmp(&right));
                Ok(order.is_some_and(|order| relation.admits(order)))
            }
        }
    }
}

/// The right-hand side as written.
struct Side<'v> {
    is_path: bool,
    operand: &'v Value,
}

impl Side<'_> {
    fn read<T>(
        &self,
        mistake: impl FnOnce() -> String,
        fixed: impl FnOnce(&Value) -> Option<T>,
    ) -> Result<Operand<T>, String> {
        if !self.is_path {
            return fixed(self.operand).map(Operand::Fixed).ok_or_else(mistake);
        }
        let text = self.operand.as_str().ok_or_else(|| of_type("String"))?;
        Path::parse(text).map(Operand::Path).map_err(|error| error.message)
    }
}

impl<T> Operand<T> {
    /// Where it is looked up.
    pub(crate) fn path(&self) -> Option<&Path> {
        match self {
            Self::Fixed(_) => None,
            Self::Path(path) => Some(path),
        }
    }
}

impl<T: Clone> Operand<T> {
    /// `None` if the path leads to a value of another type.
    fn value(
        &self,
        scope: &Scope<'_>,
        read: impl FnOnce(&Value) -> Option<T>,
    ) -> Result<Option<T>, EvaluationError> {
        match self {
            Self::Fixed(value) => Ok(Some(value.clone())),
            Self::Path(path) => referenced(path, scope, read),
        }
    }
}

impl ValueKind {
    fn is_of(self, value: &Value) -> bool {
        match self {
            Self::Boolean => value.is_boolean(),
            Self::Null => value.is_null(),
            Self::Numeric => value.is_number(),
            Self::Present => true,
            Self::String => value.is_string(),
            Self::Timestamp => timestamp(value).is_some(),
        }
    }
}

impl Relation {
    fn parse(name: &str) -> Option<Self> {
        match name {
            "Equals" => Some(Self::Equals),
            "GreaterThan" => Some(Self::GreaterThan),
            "GreaterThanEquals" => Some(Self::GreaterThanEquals),
            "LessThan" => Some(Self::LessThan),
            "LessThanEquals" => Some(Self::LessThanEquals),
            _ => None,
        }
    }

    fn admits(self, order: Ordering) -> bool {
        match self {
            Self::Equals => order.is_eq(),
            Self::GreaterThan => order.is_gt(),
            Self::GreaterThanEquals => order.is_ge(),
            Self::LessThan => order.is_lt(),
            Self::LessThanEquals => order.is_le(),
        }
    }
}

fn timestamp(value: &Value) -> Option<DateTime<FixedOffset>> {
    parse_timestamp(value.as_str()?)
}

/// An RFC 3339 timestamp as AWS reads it: upper-case `T`, and `Z` or an offset.
pub fn parse_timestamp(text: &str) -> Option<DateTime<FixedOffset>> {
    if text.as_bytes().get(10) != Some(&b'T') || text.ends_with('z') {
        return None;
    }
    DateTime::parse_from_rfc3339(text).ok()
}
