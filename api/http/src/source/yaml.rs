//! YAML to JSON, with the place of every value.

use std::collections::HashMap;
use std::fmt::{self, Write as _};

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use serde_saphyr::Spanned;

use super::scalar::{self, At, Scalars};
use super::{Fill, Position, SyntaxError, Unfilled};

/// The value of a YAML text, where each part of it is, by its location as a diagnostic writes it
/// (`/States/Pay/Retry[0]`; the whole text is the empty one), and names that had no value.
///
/// Depth, aliases and the number of nodes are bounded by the YAML reader's own limits.
///
/// # Errors
/// Text that is not YAML, keys that are no texts, keys said twice, numbers that JSON lacks, values that are
/// too long together.
pub(super) fn parse(text: &str, fill: Fill<'_>) -> Result<Parsed, SyntaxError> {
    let veiled = scalar::veil(text);
    let tree: Spanned<Node> =
        serde_saphyr::from_str(&veiled).map_err(|error| syntax_error(&error))?;
    let mut reader = Reader { scalars: Scalars::new(&veiled, fill), places: Places::default() };
    let value = reader.value_of(tree, &mut String::new(), None)?;
    let Reader { scalars, places } = reader;
    Ok((value, places.by_location, scalars.unfilled()))
}

pub(super) type Parsed = (Value, HashMap<String, Position>, Vec<Unfilled>);

/// Where values are. What lies deep below long names is left out once the locations take too much memory: it
/// is shown at what it is part of.
#[derive(Default)]
struct Places {
    by_location: HashMap<String, Position>,
    bytes: usize,
}

impl Places {
    fn add(&mut self, location: &str, position: Position) {
        const MAX_BYTES: usize = 16 * 1024 * 1024;
        if self.bytes + location.len() <= MAX_BYTES {
            self.bytes += location.len();
            self.by_location.insert(location.to_owned(), position);
        }
    }
}

/// A value whose parts know where they are.
enum Node {
    Scalar(Value),
    List(Vec<Spanned<Node>>),
    Map(Vec<(Spanned<Node>, Spanned<Node>)>),
}

struct Reader<'t, 'v> {
    scalars: Scalars<'t, 'v>,
    places: Places,
}

impl Reader<'_, '_> {
    fn value_of(
        &mut self,
        node: Spanned<Node>,
        location: &mut String,
        field: Option<&str>,
    ) -> Result<Value, SyntaxError> {
        let at = at(&node);
        self.places.add(location, at.position);
        let parent = location.len();
        match node.value {
            Node::Scalar(Value::String(text)) => self.scalars.fill(text, at, field),
            Node::Scalar(value) => Ok(value),
            Node::List(items) => {
                let mut values = Vec::with_capacity(items.len());
                for (index, item) in items.into_iter().enumerate() {
                    let _ = write!(location, "[{index}]");
                    values.push(self.value_of(item, location, None)?);
                    location.truncate(parent);
                }
                Ok(Value::Array(values))
            }
            Node::Map(fields) => {
                let mut values = Map::with_capacity(fields.len());
                for (key, field) in fields {
                    let (name, position) = self.key(key)?;
                    location.push('/');
                    location.push_str(&name);
                    let value = self.value_of(field, location, Some(&name))?;
                    location.truncate(parent);
                    if values.contains_key(&name) {
                        let message = format!("duplicate mapping key: {name}");
                        return Err(SyntaxError { position: Some(position), message });
                    }
                    values.insert(name, value);
                }
                Ok(Value::Object(values))
            }
        }
    }

    fn key(&mut self, key: Spanned<Node>) -> Result<(String, Position), SyntaxError> {
        let at = at(&key);
        match key.value {
            Node::Scalar(Value::String(name)) => {
                Ok((self.scalars.text(&name, at, None)?, at.position))
            }
            Node::Scalar(number @ Value::Number(_)) => Ok((number.to_string(), at.position)),
            Node::Scalar(_) | Node::List(_) | Node::Map(_) => {
                let message = "a key has to be a text; put it in quotes".to_owned();
                Err(SyntaxError { position: Some(at.position), message })
            }
        }
    }
}

fn at(node: &Spanned<Node>) -> At {
    let place = node.defined;
    let byte = place.span().byte_offset().and_then(|it| usize::try_from(it).ok());
    At {
        position: Position { line: place.line(), column: place.column() },
        byte: byte.unwrap_or(usize::MAX),
    }
}

fn syntax_error(error: &serde_saphyr::Error) -> SyntaxError {
    let position =
        error.location().map(|place| Position { line: place.line(), column: place.column() });
    // The first line is the message; its end repeats the position.
    let text = error.without_snippet().to_string();
    let line = text.lines().next().unwrap_or_default();
    let message = line.rsplit_once(" at line ").map_or(line, |(message, _)| message);
    SyntaxError { position, message: scalar::unveil(message) }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value that JSON can say")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Scalar(Value::Bool(value)))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Scalar(Value::from(value)))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Scalar(Value::from(value)))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Node, E> {
        let number = Number::from_f64(value)
            .ok_or_else(|| E::custom(format!("`{value}` is not a number that JSON can say")))?;
        Ok(Node::Scalar(Value::Number(number)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Scalar(Value::from(value)))
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Scalar(Value::Null))
    }

    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node::Scalar(Value::Null))
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        Node::deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Node, A::Error> {
        let mut map = Vec::new();
        while let Some(field) = fields.next_entry()? {
            map.push(field);
        }
        Ok(Node::Map(map))
    }
}

#[cfg(test)]
mod tests {
    use serde::de::{Error as _, Unexpected};

    use super::*;

    fn read(text: &str) -> Result<Value, SyntaxError> {
        parse(text, Fill::Leave).map(|(value, ..)| value)
    }

    #[track_caller]
    fn check(text: &str, json: &str) {
        assert_eq!(read(text).map(|value| value.to_string()), Ok(json.to_owned()));
    }

    #[track_caller]
    fn refused(text: &str, line: u64, message: &str) {
        let error = read(text).unwrap_err();
        assert_eq!(error.position.map(|position| position.line), Some(line), "{error:?}");
        assert!(error.message.contains(message), "{error:?}");
    }

    #[test]
    fn what_json_cannot_say_is_said_to_be_so() {
        let error = serde_json::Error::invalid_type(Unexpected::Bytes(b"x"), &NodeVisitor);
        assert_eq!(
            error.to_string(),
            "invalid type: byte array, expected a value that JSON can say"
        );
        let error = NodeVisitor.visit_f64::<serde_json::Error>(f64::INFINITY).err().unwrap();
        assert_eq!(error.to_string(), "`inf` is not a number that JSON can say");
    }

    #[test]
    fn scalars_are_read_as_json_would_write_them() {
        check(
            "[1, -2, 1.5, true, null, ~, 'x', \"1\", 2026-01-31]",
            r#"[1,-2,1.5,true,null,null,"x","1","2026-01-31"]"#,
        );
    }

    #[test]
    fn numbers_as_keys_are_texts() {
        check("200: fine", r#"{"200":"fine"}"#);
    }

    #[test]
    fn an_alias_is_what_it_stands_for() {
        check("a: &x {b: 1}\nc: *x", r#"{"a":{"b":1},"c":{"b":1}}"#);
    }

    #[test]
    fn what_json_cannot_say_is_refused_at_its_line() {
        refused("a: 1\na: 2", 2, "duplicate mapping key");
        refused("a:\n  b: .nan", 2, "non-finite float `.nan`");
        refused("a: [1,", 1, "unclosed bracket");
        refused("--- 1\n--- 2", 2, "multiple YAML documents");
    }

    #[test]
    fn a_key_that_is_no_text_is_refused() {
        let error = read("a:\n  true: 1").unwrap_err();
        assert_eq!(error.message, "a key has to be a text; put it in quotes");
        assert_eq!(error.position, Some(Position { line: 2, column: 3 }));
    }

    #[test]
    fn depth_and_aliases_are_bounded() {
        assert!(read(&"[".repeat(100_000)).is_err());
        let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
        for level in 1..9 {
            let alias = format!("*a{}", level - 1);
            let _ = writeln!(bomb, "a{level}: &a{level} [{}]", [alias.as_str(); 9].join(", "));
        }
        assert!(read(&bomb).is_err());
    }
}
