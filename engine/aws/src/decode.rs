//! The text of one service → [`Service`]. Positions and letters are those that `generate.py` writes
//! down; what is for calls alone is passed over.

use serde_json::Value;

use crate::names;
use crate::operation::{Modelled, Operation, Service};
use crate::shape::{Limits, Member, Place, Scalar, ShapeId, Stored};

/// The service, unless something in it is not what it should be.
pub(crate) fn service(value: &Value) -> Option<Service> {
    let shapes = value.get(9)?.as_array()?;
    let reader = Reader { shapes: shapes.len() };
    let shapes: Option<Box<[Stored]>> = shapes.iter().map(|it| reader.stored(it)).collect();
    let mut operations: Vec<Operation> =
        value.get(8)?.as_array()?.iter().map(|it| reader.operation(it)).collect::<Option<_>>()?;
    operations.sort_by(|a, b| a.action.cmp(&b.action));
    Some(Service {
        name: text(value.get(0)?)?,
        prefix: text(value.get(1)?)?,
        operations: operations.into(),
        shapes: shapes?,
    })
}

struct Reader {
    /// How many shapes the service keeps.
    shapes: usize,
}

impl Reader {
    fn operation(&self, value: &Value) -> Option<Operation> {
        let errors = value.get(5)?.as_array()?;
        Some(Operation {
            action: names::action(value.get(0)?.as_str()?).into(),
            callable: value.get(6).and_then(|flags| flags.get("z")).is_none(),
            errors: errors.iter().map(modelled).collect::<Option<_>>()?,
            input: self.optional(value.get(3)?)?,
            output: self.optional(value.get(4)?)?,
        })
    }

    /// A shape, or 0 for none.
    #[expect(clippy::option_option, reason = "none is fine, unreadable is not")]
    fn optional(&self, value: &Value) -> Option<Option<ShapeId>> {
        if value.as_u64() == Some(0) { Some(None) } else { self.id(value).map(Some) }
    }

    /// The number of a shape that there is.
    fn id(&self, value: &Value) -> Option<ShapeId> {
        let id = ShapeId::try_from(value.as_u64()?).ok()?;
        match Place::of(id)? {
            Place::Scalar(_) => Some(id),
            Place::Stored(index) => (index < self.shapes).then_some(id),
        }
    }

    fn stored(&self, value: &Value) -> Option<Stored> {
        let parts = value.as_array()?;
        Some(match parts.first()?.as_str()? {
            "V" => {
                let scalar = Scalar::of(ShapeId::try_from(parts.get(1)?.as_u64()?).ok()?)?;
                Stored::Scalar(scalar, limits(parts.get(2)?)?)
            }
            "L" => Stored::List(self.id(parts.get(1)?)?),
            "M" => Stored::Map(self.id(parts.get(2)?)?),
            "S" => {
                let members = parts.get(1..)?.iter().map(|it| self.member(it));
                Stored::Structure(members.collect::<Option<_>>()?)
            }
            _ => return None,
        })
    }

    fn member(&self, value: &Value) -> Option<Member> {
        let api = text(value.get(0)?)?;
        let special = |letter: &str| value.get(2).and_then(|special| special.get(letter));
        let sdk = match special("N") {
            Some(renamed) => text(renamed)?,
            None => names::member(&api).into(),
        };
        Some(Member {
            shape: self.id(value.get(1)?)?,
            // A token that makes a repeated call the same call is made up where none is given.
            is_required: special("r").is_some() && special("i").is_none(),
            is_raw_body: special("b").is_some(),
            api,
            sdk,
        })
    }
}

fn modelled(value: &Value) -> Option<Modelled> {
    match value {
        Value::Array(pair) => {
            Some(Modelled { code: text(pair.first()?)?, name: text(pair.get(1)?)? })
        }
        name => Some(Modelled { code: text(name)?, name: text(name)? }),
    }
}

fn limits(value: &Value) -> Option<Limits> {
    let values = match value.get("enum") {
        Some(values) => values.as_array()?.iter().map(text).collect::<Option<_>>()?,
        None => Vec::new(),
    };
    let number = |name: &str| value.get(name).and_then(Value::as_f64);
    Some(Limits { min: number("min"), max: number("max"), values })
}

fn text(value: &Value) -> Option<Box<str>> {
    value.as_str().map(Box::from)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::service;

    fn small() -> Value {
        json!(["a", "A", "query", "a", "1", 0, 0, [], [["Go", "POST", 0, 16, 0, []]],
            [["S", ["Name", 1, {"r": 1}], ["Self", 16]]], "A"])
    }

    #[test]
    fn what_is_not_what_it_should_be_is_no_service() {
        assert!(service(&small()).is_some());
        for (pointer, wrong) in [
            ("/0", json!(1)),
            ("/8", json!("operations")),
            ("/8/0", json!([])),
            ("/8/0/3", json!(17)),
            ("/8/0/3", json!(15)),
            ("/8/0/5", json!([1])),
            ("/9/0", json!(["Z"])),
            ("/9/0/1", json!(["Name"])),
            ("/9/0/2/1", json!(99)),
            ("/9/0/2/1", json!(-1)),
        ] {
            let mut value = small();
            *value.pointer_mut(pointer).unwrap() = wrong.clone();
            assert!(service(&value).is_none(), "{pointer} {wrong}");
        }
    }
}
