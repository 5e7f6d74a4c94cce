//! What is known of a value before anything runs: which members it may have.

use std::collections::BTreeMap;
use std::rc::Rc;

use serde_json::Value;

use crate::expression::Outline;
use crate::path::{Path, Reach, ReferencePath};

/// What a value may be.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Shape {
    Any,
    /// A value without members.
    Leaf,
    /// No other members than these.
    Object(Rc<Members>),
}

/// The members that an object may have.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Members {
    all: BTreeMap<Box<str>, Shape>,
    /// Objects inside one another.
    depth: usize,
    /// Members at any depth, shared ones counted wherever they are.
    count: usize,
}

/// Deeper than this, anything is possible: what a loop wraps again and again has no end.
const MAX_DEPTH: usize = 12;

/// With more members than this, anything is possible.
const MAX_MEMBERS: usize = 1_000;

impl Shape {
    pub(super) fn object(members: impl IntoIterator<Item = (Box<str>, Self)>) -> Self {
        let all: BTreeMap<Box<str>, Self> = members.into_iter().collect();
        let depth = 1 + all.values().map(|it| it.size().0).max().unwrap_or(0);
        let count = all.len() + all.values().map(|it| it.size().1).sum::<usize>();
        if depth > MAX_DEPTH || count > MAX_MEMBERS {
            return Self::Any;
        }
        Self::Object(Rc::new(Members { all, depth, count }))
    }

    /// Its depth, and how many members it has at any depth.
    fn size(&self) -> (usize, usize) {
        match self {
            Self::Any | Self::Leaf => (0, 0),
            Self::Object(members) => (members.depth, members.count),
        }
    }

    /// How many members it has at any depth.
    pub(super) fn count(&self) -> usize {
        self.size().1
    }

    pub(super) fn of(value: &Value) -> Self {
        match value {
            Value::Object(members) => Self::object(
                members.iter().map(|(name, value)| (name.as_str().into(), Self::of(value))),
            ),
            Value::Array(_) => Self::Any,
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Self::Leaf,
        }
    }

    /// Of what an expression gives, where a path gives what `read` says.
    pub(super) fn of_outline(outline: &Outline<'_>, read: &mut dyn FnMut(&Path) -> Self) -> Self {
        match outline {
            Outline::Literal(value) => Self::of(value),
            Outline::Object(members) => {
                let member = |(name, value): &(&str, Outline<'_>)| {
                    ((*name).into(), Self::of_outline(value, read))
                };
                Self::object(members.iter().map(member).collect::<Vec<_>>())
            }
            Outline::Array(items) => {
                for item in items {
                    Self::of_outline(item, read);
                }
                Self::Any
            }
            Outline::Path(path) => read(path),
            Outline::Call | Outline::Query => Self::Any,
        }
    }

    /// Any of these, of which there is one at least. Halves are joined first, so that each member is
    /// copied a few times only.
    pub(super) fn any_of(mut shapes: Vec<Self>) -> Self {
        while shapes.len() > 1 {
            let mut pairs = Vec::with_capacity(shapes.len().div_ceil(2));
            let mut left = shapes.into_iter();
            while let Some(one) = left.next() {
                pairs.push(match left.next() {
                    Some(other) => one.or(other),
                    None => one,
                });
            }
            shapes = pairs;
        }
        shapes.pop().unwrap_or(Self::Any)
    }

    /// Either of two.
    pub(super) fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Object(one), Self::Object(other)) if one == other => Self::Object(one),
            (Self::Object(one), Self::Object(other)) => {
                let mut members = one.all.clone();
                for (name, shape) in &other.all {
                    let known = members.remove(name);
                    let either = known.map_or_else(|| shape.clone(), |it| it.or(shape.clone()));
                    members.insert(name.clone(), either);
                }
                Self::object(members)
            }
            (Self::Leaf, Self::Leaf) => Self::Leaf,
            // A value may be an object here and none there: its members may be there.
            (Self::Leaf, Self::Object(members)) | (Self::Object(members), Self::Leaf) => {
                Self::Object(members)
            }
            (Self::Any, _) | (_, Self::Any) => Self::Any,
        }
    }

    /// What these steps lead to; nothing if they never can.
    pub(super) fn at(&self, steps: &Reach<'_>) -> Option<Self> {
        let mut shape = self;
        for name in &steps.names {
            match shape {
                Self::Any => return Some(Self::Any),
                Self::Leaf => return None,
                Self::Object(members) => shape = members.all.get(*name)?,
            }
        }
        if steps.goes_on { Some(Self::Any) } else { Some(shape.clone()) }
    }

    /// With another value put at this place.
    pub(super) fn with(&self, place: &ReferencePath, value: Self) -> Self {
        let reach = place.reach();
        if reach.goes_on { Self::Any } else { self.with_at(&reach.names, value) }
    }

    fn with_at(&self, names: &[&str], value: Self) -> Self {
        let Some((name, rest)) = names.split_first() else { return value };
        match self {
            Self::Any | Self::Leaf => Self::Any,
            Self::Object(members) => {
                let empty = Self::Object(Rc::default());
                let inner = members.all.get(*name).unwrap_or(&empty).with_at(rest, value);
                let mut members = members.all.clone();
                members.insert((*name).into(), inner);
                Self::object(members)
            }
        }
    }
}
