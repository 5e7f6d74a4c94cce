//! The intrinsic functions, `States.…`: parsed once, evaluated against a [`Scope`].
//!
//! ```text
//! text ─► syntax ─► invocation ─► arguments ─► arrays · strings · encode · json · math
//! ```
//!
//! Neither the number nor the types of arguments are checked before a call is evaluated: AWS does
//! not either. Values inside a call count apart from the value that the call becomes part of.

mod arguments;
mod arrays;
mod encode;
mod json;
mod math;
mod strings;
mod syntax;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use serde_json::Value;

use crate::expression::{EvaluationError, Scope};
use crate::path::Path;
use arguments::Arguments;

/// A call of an intrinsic function, calls within it included.
#[derive(Debug)]
pub struct Call {
    /// As written, which is how a failure quotes it.
    text: Box<str>,
    invocation: Invocation,
}

/// Why a text is not a call.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CallSyntaxError {
    /// What is wrong and where, for the author.
    pub message: String,
    /// AWS reads it, this engine does not yet.
    pub unsupported: bool,
}

#[derive(Debug)]
struct Invocation {
    function: Function,
    arguments: Box<[Argument]>,
}

#[derive(Debug)]
enum Argument {
    /// A number, a boolean, null.
    Literal(Value),
    /// `'…'`: its value, and what was written between the quotes.
    Text {
        value: Value,
        written: Box<str>,
    },
    Path(Path),
    Call(Invocation),
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Function {
    Array,
    ArrayContains,
    ArrayGetItem,
    ArrayLength,
    ArrayPartition,
    ArrayRange,
    ArrayUnique,
    Base64Decode,
    Base64Encode,
    Format,
    Hash,
    JsonMerge,
    JsonToString,
    MathAdd,
    MathRandom,
    StringSplit,
    StringToJson,
    Uuid,
}

/// Their names.
const FUNCTIONS: [(&str, Function); 18] = [
    ("States.Array", Function::Array),
    ("States.ArrayContains", Function::ArrayContains),
    ("States.ArrayGetItem", Function::ArrayGetItem),
    ("States.ArrayLength", Function::ArrayLength),
    ("States.ArrayPartition", Function::ArrayPartition),
    ("States.ArrayRange", Function::ArrayRange),
    ("States.ArrayUnique", Function::ArrayUnique),
    ("States.Base64Decode", Function::Base64Decode),
    ("States.Base64Encode", Function::Base64Encode),
    ("States.Format", Function::Format),
    ("States.Hash", Function::Hash),
    ("States.JsonMerge", Function::JsonMerge),
    ("States.JsonToString", Function::JsonToString),
    ("States.MathAdd", Function::MathAdd),
    ("States.MathRandom", Function::MathRandom),
    ("States.StringSplit", Function::StringSplit),
    ("States.StringToJson", Function::StringToJson),
    ("States.UUID", Function::Uuid),
];

/// Why a call has no value.
enum Failure {
    /// Too few or too many arguments, or one of another type or out of its range.
    Arguments(Function),
    /// Of the innermost function, in AWS's words.
    Because(String),
    /// A path that must lead to one place leads nowhere.
    Missing(Box<str>),
    Spent(EvaluationError),
}

impl From<EvaluationError> for Failure {
    fn from(error: EvaluationError) -> Self {
        Self::Spent(error)
    }
}

impl Call {
    /// Reads a call: functions of AWS's, nested at most ten deep.
    pub fn parse(text: &str) -> Result<Self, CallSyntaxError> {
        Ok(Self { text: text.trim_end().into(), invocation: syntax::parse(text)? })
    }

    /// Whether a text means to be a call, so that what is wrong with it is said of a call.
    pub fn is_meant(text: &str) -> bool {
        text.starts_with("States.") && text.contains('(')
    }

    /// The call as written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The function: `States.Format`.
    pub fn function(&self) -> &'static str {
        self.invocation.function.name()
    }

    /// The variables it mentions.
    pub fn variables(&self) -> Vec<&str> {
        let mut names = Vec::new();
        self.invocation.variables(&mut names);
        names
    }

    /// The value, which has been weighed. A failure is quoted in AWS's words, with the whole call.
    pub fn evaluate(&self, scope: &Scope<'_>) -> Result<Value, EvaluationError> {
        let found = scope.budget.aside(|| self.invocation.evaluate(scope));
        let value = found.map_err(|failure| self.failed(failure, scope))?;
        scope.budget.weigh(&value)?;
        Ok(value.into_owned())
    }

    fn failed(&self, failure: Failure, scope: &Scope<'_>) -> EvaluationError {
        let why = match failure {
            Failure::Spent(error) => return error,
            Failure::Missing(path) => {
                return EvaluationError::runtime(format!(
                    "The function '{}' had the following error: The JsonPath argument for the \
                     field '{path}' could not be found in the input '{}'",
                    self.text, scope.input
                ));
            }
            Failure::Arguments(function) => format!("Invalid arguments in {}", function.name()),
            Failure::Because(why) => why,
        };
        EvaluationError::runtime(format!(
            "There was an error while evaluating the intrinsic function: {}. {why}",
            self.text
        ))
    }
}

impl Function {
    fn name(self) -> &'static str {
        FUNCTIONS.iter().find(|(_, function)| *function == self).map_or("", |(name, _)| name)
    }
}

impl Invocation {
    fn variables<'c>(&'c self, names: &mut Vec<&'c str>) {
        for argument in &self.arguments {
            match argument {
                Argument::Literal(_) | Argument::Text { .. } => {}
                Argument::Path(path) => names.extend(path.variables()),
                Argument::Call(call) => call.variables(names),
            }
        }
    }

    /// What it gives. Whatever is not borrowed has been weighed.
    fn evaluate<'x>(&'x self, scope: &'x Scope<'_>) -> Result<Cow<'x, Value>, Failure> {
        let mut values = Vec::with_capacity(self.arguments.len());
        for argument in &self.arguments {
            scope.budget.work(1)?;
            values.push(match argument {
                Argument::Literal(value) | Argument::Text { value, .. } => Cow::Borrowed(value),
                Argument::Path(path) => match path.lookup(scope)? {
                    Some(value) => value,
                    None => return Err(Failure::Missing(path.text().into())),
                },
                Argument::Call(call) => call.evaluate(scope)?,
            });
        }
        let template = match self.arguments.first() {
            Some(Argument::Text { written, .. }) => Some(&**written),
            _ => None,
        };
        let (budget, chance) = (scope.budget, scope.chance);
        let function = self.function;
        function.apply(Arguments { function, values, template, budget, chance })
    }
}

impl Function {
    fn apply(self, arguments: Arguments<'_>) -> Result<Cow<'_, Value>, Failure> {
        let made = match self {
            Self::Array => arrays::array(arguments),
            Self::ArrayContains => arrays::contains(&arguments),
            Self::ArrayGetItem => return arrays::get_item(arguments),
            Self::ArrayLength => arrays::length(&arguments),
            Self::ArrayPartition => arrays::partition(&arguments),
            Self::ArrayRange => arrays::range(&arguments),
            Self::ArrayUnique => arrays::unique(&arguments),
            Self::Base64Decode => encode::base64_decode(&arguments),
            Self::Base64Encode => encode::base64_encode(&arguments),
            Self::Format => strings::format(&arguments),
            Self::Hash => encode::hash(&arguments),
            Self::JsonMerge => json::merge(&arguments),
            Self::JsonToString => json::to_string(&arguments),
            Self::MathAdd => math::add(&arguments),
            Self::MathRandom => math::random(&arguments),
            Self::StringSplit => strings::split(&arguments),
            Self::StringToJson => json::from_string(&arguments),
            Self::Uuid => math::uuid(&arguments),
        };
        made.map(Cow::Owned)
    }
}
