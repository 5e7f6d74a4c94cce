//! Tasks: calls that are made and their outcomes, tokens, and what is said by whoever holds one.

pub(crate) mod answer;
pub(crate) mod calls;
pub(crate) mod lookups;
pub(crate) mod token;
