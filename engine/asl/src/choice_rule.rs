//! The conditions of a Choice: 39 comparisons, and `And`, `Or`, `Not`.
use crate::path::Path;
use serde_json::Value;
#[derive(Debug)]
pub enum Condition {
    And(Box<[Condition]>),
    Or(Box<[Condition]>),
    Not(Box<Condition>),
    Compare(Comparison),
}
#[derive(Debug)]
pub struct Comparison {
    pub variable: Path,
    pub test: Test,
}
#[derive(Debug)]
pub struct Test(#[expect(dead_code, reason = "read by the evaluator")] Value);
impl Test {
    pub fn parse(operator: &str, value: &Value) -> Option<Result<Test, String>> {
        OPERATORS.contains(&operator).then(|| Ok(Test(value.clone())))
    }
}
pub const OPERATORS: &[&str] = &[
    "BooleanEquals",
    "BooleanEqualsPath",
    "IsBoolean",
    "IsNull",
    "IsNumeric",
    "IsPresent",
    "IsString",
    "IsTimestamp",
    "NumericEquals",
    "NumericEqualsPath",
    "NumericGreaterThan",
    "NumericGreaterThanPath",
    "NumericGreaterThanEquals",
    "NumericGreaterThanEqualsPath",
    "NumericLessThan",
    "NumericLessThanPath",
    "NumericLessThanEquals",
    "NumericLessThanEqualsPath",
    "StringEquals",
    "StringEqualsPath",
    "StringGreaterThan",
    "StringGreaterThanPath",
    "StringGreaterThanEquals",
    "StringGreaterThanEqualsPath",
    "StringLessThan",
    "StringLessThanPath",
    "StringLessThanEquals",
    "StringLessThanEqualsPath",
    "StringMatches",
    "TimestampEquals",
    "TimestampEqualsPath",
    "TimestampGreaterThan",
    "TimestampGreaterThanPath",
    "TimestampGreaterThanEquals",
    "TimestampGreaterThanEqualsPath",
    "TimestampLessThan",
    "TimestampLessThanPath",
    "TimestampLessThanEquals",
    "TimestampLessThanEqualsPath",
];
