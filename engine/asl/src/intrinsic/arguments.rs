//! The arguments of a call, and what functions ask of them.

use std::borrow::Cow;

use serde_json::Value;

use super::{Failure, Function};
use crate::budget::Budget;

/// The arguments of one call, evaluated.
pub(super) struct Arguments<'x> {
    pub(super) function: Function,
    pub(super) values: Vec<Cow<'x, Value>>,
    /// The first argument as it was written between its quotes, if it is a literal text.
    pub(super) template: Option<&'x str>,
    pub(super) budget: &'x Budget,
    /// 64 random bits, others at each call.
    pub(super) chance: &'x dyn Fn() -> u64,
}

impl Arguments<'_> {
    /// That the arguments are not as the function wants them.
    pub(super) fn invalid(&self) -> Failure {
        Failure::Arguments(self.function)
    }

    /// All of them, if they are so many.
    pub(super) fn exactly<const N: usize>(&self) -> Result<[&Value; N], Failure> {
        let all: Vec<&Value> = self.values.iter().map(AsRef::as_ref).collect();
        all.try_into().map_err(|_| self.invalid())
    }

    pub(super) fn text<'v>(&self, value: &'v Value) -> Result<&'v str, Failure> {
        value.as_str().ok_or_else(|| self.invalid())
    }

    /// A text of at most 10,000 characters.
    pub(super) fn short_text<'v>(&self, value: &'v Value) -> Result<&'v str, Failure> {
        let text = self.text(value)?;
        self.short(text)?;
        Ok(text)
    }

    pub(super) fn short(&self, text: &str) -> Result<(), Failure> {
        const MOST: usize = 10_000;
        // A character has at most three bytes for each of its UTF-16 units.
        if text.len() > 3 * MOST || text.encode_utf16().count() > MOST {
            return Err(self.invalid());
        }
        Ok(())
    }

    pub(super) fn array<'v>(&self, value: &'v Value) -> Result<&'v [Value], Failure> {
        value.as_array().map(Vec::as_slice).ok_or_else(|| self.invalid())
    }

    /// A number of 32 bits, without what is behind its point.
    pub(super) fn integer(&self, value: &Value) -> Result<i32, Failure> {
        i32::try_from(self.long(value)?).map_err(|_| self.invalid())
    }

    /// A number of 64 bits, without what is behind its point.
    #[expect(clippy::cast_possible_truncation, reason = "doubles are cut off, as Java does")]
    pub(super) fn long(&self, value: &Value) -> Result<i64, Failure> {
        let integer = value.as_i64().or_else(|| value.as_f64().map(|double| double as i64));
        integer.ok_or_else(|| self.invalid())
    }
}
