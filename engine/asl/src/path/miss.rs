//! Why a path has no value, in Jayway's words.

use super::{Step, canonical, fragment};
use crate::expression::EvaluationError;

/// Why a path has no value.
#[derive(Debug)]
pub(super) enum Miss {
    /// The last name, or any index, is not there.
    NoResult,
    /// The step with this number names a member that is not there.
    NoProperty(usize),
    /// The step with this number asks a member of what is not an object.
    NotAnObject(usize, &'static str),
    /// The step with this number indexes what is not an array; the text is what it is.
    NotAnArray(usize, String),
    /// The step with this number indexes null.
    Null(usize),
    /// A function has nothing to work on.
    NoNumbers,
    /// A function asks for an element that is not there.
    NoElement(i64, usize),
    /// Nothing has been assigned to the variable.
    NoVariable(Box<str>),
    /// The budget is spent.
    Spent(EvaluationError),
}

impl From<EvaluationError> for Miss {
    fn from(error: EvaluationError) -> Self {
        Self::Spent(error)
    }
}

impl Miss {
    /// Jayway's text for it.
    pub(super) fn explain(&self, steps: &[Step]) -> String {
        match self {
            Self::NoResult => format!("No results for path: {}", canonical(steps)),
            Self::NoProperty(at) => {
                format!("Missing property in path {}", canonical(&steps[..=*at]))
            }
            Self::NotAnObject(at, class) => {
                let mut property = String::new();
                fragment(&steps[*at], &mut property);
                format!(
                    "Expected to find an object with property {property} in path {} but found \
                     '{class}'. This is not a json object according to the JsonProvider: \
                     'com.jayway.jsonpath.spi.json.JacksonJsonProvider'.",
                    canonical(&steps[..*at])
                )
            }
            Self::NotAnArray(at, found) => {
                let mut rest = String::new();
                steps[*at..].iter().for_each(|step| fragment(step, &mut rest));
                format!("Filter: {rest} can only be applied to arrays. Current context is: {found}")
            }
            Self::Null(at) => format!("The path {} is null", canonical(&steps[..*at])),
            Self::NoNumbers => {
                "Aggregation function attempted to calculate value using empty array".to_owned()
            }
            Self::NoElement(index, count) => {
                format!("Target index:{index} larger than object count:{count}")
            }
            Self::NoVariable(name) => format!("the variable `{name}` has not been assigned"),
            Self::Spent(error) => error.cause.clone(),
        }
    }
}
