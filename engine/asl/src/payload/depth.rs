//! How deep JSON is nested: 0 for a string or a number, 1 for `[]`.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use super::MAX_DEPTH;

/// The depth of this text, if a [`Value`] can be read from it. Nothing is built.
pub(super) fn of_text(text: &str) -> Result<usize, serde_json::Error> {
    serde_json::from_str::<Depth>(text).map(|depth| depth.0)
}

/// The depth of this value; `None` if it is deeper than a payload may be.
pub(super) fn of_value(value: &Value) -> Option<usize> {
    within(value, MAX_DEPTH)
}

fn within(value: &Value, levels: usize) -> Option<usize> {
    let inner = |levels: usize, inside: &mut dyn Iterator<Item = &Value>| {
        let mut deepest = 0;
        for value in inside {
            deepest = deepest.max(within(value, levels)?);
        }
        Some(deepest + 1)
    };
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Some(0),
        Value::Array(items) => inner(levels.checked_sub(1)?, &mut items.iter()),
        Value::Object(members) => inner(levels.checked_sub(1)?, &mut members.values()),
    }
}

/// Reads any JSON as a [`Value`] would be read, and keeps only how deep it is.
struct Depth(usize);

impl<'de> Deserialize<'de> for Depth {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Depth;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Depth, E> {
        Ok(Depth(0))
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Depth, E> {
        Ok(Depth(0))
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Depth, E> {
        Ok(Depth(0))
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Depth, E> {
        Ok(Depth(0))
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Depth, E> {
        Ok(Depth(0))
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<Depth, E> {
        Ok(Depth(0))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Depth, A::Error> {
        let mut deepest = 0;
        while let Some(Depth(depth)) = items.next_element()? {
            deepest = deepest.max(depth);
        }
        Ok(Depth(deepest + 1))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Depth, A::Error> {
        let mut deepest = 0;
        while let Some((_, Depth(depth))) = members.next_entry::<Depth, Depth>()? {
            deepest = deepest.max(depth);
        }
        Ok(Depth(deepest + 1))
    }
}
