//! The context object, `$$`: its own members are few and small; what they hold is borrowed, so that
//! reading one costs nothing of the others.

use std::borrow::Cow;

use serde_json::{Map, Value};

/// The context object, or a part of it.
#[derive(Clone, Debug)]
pub enum Part<'a> {
    /// Members in their order.
    Object(Vec<(&'static str, Self)>),
    Text(Cow<'a, str>),
    Number(u32),
    /// Data of the execution.
    Data(&'a Value),
}

impl<'a> Part<'a> {
    /// The member of this name, if this is an object of the context's own that has it.
    pub(crate) fn member(self, name: &str) -> Option<Self> {
        match self {
            Self::Object(members) => {
                members.into_iter().find(|(key, _)| *key == name).map(|(_, part)| part)
            }
            Self::Text(_) | Self::Number(_) | Self::Data(_) => None,
        }
    }

    /// All of it; only data that stand alone are not copied.
    pub(crate) fn into_value(self) -> Cow<'a, Value> {
        match self {
            Self::Data(value) => Cow::Borrowed(value),
            Self::Text(text) => Cow::Owned(Value::String(text.into_owned())),
            Self::Number(number) => Cow::Owned(number.into()),
            Self::Object(members) => {
                let member = |(name, part): (&str, Part<'_>)| {
                    (name.to_owned(), part.into_value().into_owned())
                };
                Cow::Owned(Value::Object(members.into_iter().map(member).collect::<Map<_, _>>()))
            }
        }
    }
}
