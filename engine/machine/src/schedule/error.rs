//! Why a schedule expression is refused.

use std::fmt;

/// What is wrong with a schedule expression or its zone, and what was expected.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ScheduleError {
    /// Where: `minutes`, `day-of-week`, `time zone`, …
    pub field: &'static str,
    /// What is wrong there, with the user's text in backticks.
    pub wrong: String,
    /// What would be right.
    pub expected: String,
}

impl ScheduleError {
    pub(super) fn new(
        field: &'static str,
        wrong: impl Into<String>,
        expected: impl Into<String>,
    ) -> Self {
        Self { field, wrong: wrong.into(), expected: expected.into() }
    }

    /// Does not repeat the text: it is too long for that too.
    pub(super) fn too_long(most: usize) -> Self {
        Self::new("expression", "too long", format!("at most {most} characters"))
    }
}

impl fmt::Display for ScheduleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; expected {}", self.field, self.wrong, self.expected)
    }
}

impl std::error::Error for ScheduleError {}
