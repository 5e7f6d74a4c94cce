//! The `(…)` of `[?(…)]`: a condition on one node.
//!
//! Jayway's semantics where they differ from RFC 9535: a number equals the string that spells it,
//! an object is tested itself and not its members, and nothing equals what is missing.

use std::borrow::Cow;
use std::cmp::Ordering;

use serde_json::Value;

use super::syntax::{self, Cursor};
use super::{PathSyntaxError, Step, walk};

/// A condition on one node.
#[derive(Debug)]
pub(super) enum Filter {
    Any(Vec<Filter>),
    All(Vec<Filter>),
    Not(Box<Filter>),
    Exists(Operand),
    Compare(Operand, Operator, Operand),
}

#[derive(Debug)]
pub(super) enum Operand {
    Literal(Value),
    /// `@…`
    Node(Box<[Step]>),
    /// `$…`
    Root(Box<[Step]>),
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    In,
    NotIn,
    Contains,
    Size,
    Empty,
}

/// Longer spellings before their prefixes.
const OPERATORS: [(&str, Operator); 11] = [
    ("==", Operator::Equal),
    ("!=", Operator::NotEqual),
    ("<=", Operator::LessOrEqual),
    ("<", Operator::Less),
    (">=", Operator::GreaterOrEqual),
    (">", Operator::Greater),
    ("in", Operator::In),
    ("nin", Operator::NotIn),
    ("contains", Operator::Contains),
    ("size", Operator::Size),
    ("empty", Operator::Empty),
];

type Parsed<T> = Result<T, PathSyntaxError>;

impl Filter {
    /// Reads `(…)`.
    pub(super) fn parse(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        cursor.eat("(");
        cursor.deeper()?;
        let filter = any(cursor)?;
        cursor.shallower();
        cursor.skip_space();
        if cursor.eat(")") { Ok(filter) } else { Err(cursor.expected("an operator or `)`")) }
    }

    /// Whether this node passes; `root` is what `$` means inside a filter.
    pub(super) fn accepts(&self, node: &Value, root: &Value) -> bool {
        match self {
            Self::Any(filters) => filters.iter().any(|filter| filter.accepts(node, root)),
            Self::All(filters) => filters.iter().all(|filter| filter.accepts(node, root)),
            Self::Not(filter) => !filter.accepts(node, root),
            Self::Exists(operand) => operand.value(node, root).is_some(),
            Self::Compare(left, operator, right) => {
                compare(left.value(node, root), *operator, right.value(node, root))
            }
        }
    }
}

fn any(cursor: &mut Cursor<'_>) -> Parsed<Filter> {
    let mut filters = vec![all(cursor)?];
    while matches(cursor, "||") {
        filters.push(all(cursor)?);
    }
    Ok(Filter::Any(filters))
}

fn all(cursor: &mut Cursor<'_>) -> Parsed<Filter> {
    let mut filters = vec![one(cursor)?];
    while matches(cursor, "&&") {
        filters.push(one(cursor)?);
    }
    Ok(Filter::All(filters))
}

fn one(cursor: &mut Cursor<'_>) -> Parsed<Filter> {
    cursor.skip_space();
    if cursor.eat("!") {
        cursor.deeper()?;
        let filter = one(cursor)?;
        cursor.shallower();
        return Ok(Filter::Not(Box::new(filter)));
    }
    if cursor.peek() == Some('(') {
        return Filter::parse(cursor);
    }
    let left = operand(cursor)?;
    cursor.skip_space();
    let Some((_, operator)) = OPERATORS.iter().find(|(spelling, _)| cursor.eat(spelling)) else {
        if !matches!(cursor.peek(), Some(')' | '&' | '|')) {
            let found = cursor.take_while(|c| !matches!(c, ' ' | ')'));
            return Err(cursor.unsupported(&format!("the operator `{found}` is")));
        }
        return match left {
            Operand::Literal(_) => Err(cursor.expected("an operator")),
            Operand::Node(_) | Operand::Root(_) => Ok(Filter::Exists(left)),
        };
    };
    cursor.skip_space();
    Ok(Filter::Compare(left, *operator, operand(cursor)?))
}

fn matches(cursor: &mut Cursor<'_>, token: &str) -> bool {
    cursor.skip_space();
    cursor.eat(token)
}

fn operand(cursor: &mut Cursor<'_>) -> Parsed<Operand> {
    let from_node = match cursor.peek() {
        Some('@') => true,
        Some('$') => false,
        _ => return Ok(Operand::Literal(literal(cursor)?)),
    };
    cursor.next();
    cursor.deeper()?;
    let steps = syntax::steps(cursor)?;
    cursor.shallower();
    if !walk::is_definite(&steps) {
        return Err(cursor.wrong("a path inside a filter leads to one place"));
    }
    let steps = steps.into();
    Ok(if from_node { Operand::Node(steps) } else { Operand::Root(steps) })
}

fn literal(cursor: &mut Cursor<'_>) -> Parsed<Value> {
    match cursor.peek() {
        Some('\'' | '"') => Ok(Value::String(quoted(cursor)?)),
        Some('[') => {
            cursor.eat("[");
            let mut items = Vec::new();
            cursor.skip_space();
            while !cursor.eat("]") {
                if !items.is_empty() && !cursor.eat(",") {
                    return Err(cursor.expected("`,` or `]`"));
                }
                cursor.skip_space();
                if cursor.peek() == Some('[') {
                    return Err(cursor.unsupported("an array in an array is"));
                }
                items.push(literal(cursor)?);
                cursor.skip_space();
            }
            Ok(Value::Array(items))
        }
        _ => {
            let word =
                cursor.take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '+' | '.'));
            serde_json::from_str(word).map_err(|_| cursor.expected("`@`, `$` or a literal"))
        }
    }
}

/// A quoted text; a backslash makes the next character an ordinary one, `\n` and the like aside.
/// As recorded on AWS, one before the other kind of quote is itself part of the text.
pub(super) fn quoted(cursor: &mut Cursor<'_>) -> Parsed<String> {
    let Some(quote @ ('\'' | '"')) = cursor.next() else {
        return Err(cursor.expected("a quoted text"));
    };
    let mut text = String::new();
    loop {
        match cursor.next() {
            Some(c) if c == quote => return Ok(text),
            Some('\\') => match cursor.next() {
                Some('n') => text.push('\n'),
                Some('r') => text.push('\r'),
                Some('t') => text.push('\t'),
                Some('b' | 'f' | 'u') => return Err(cursor.unsupported("this escape is")),
                Some(other @ ('\'' | '"')) if other != quote => text.extend(['\\', other]),
                Some(c) => text.push(c),
                None => return Err(cursor.expected("the closing quote")),
            },
            Some(c) => text.push(c),
            None => return Err(cursor.expected("the closing quote")),
        }
    }
}

impl Operand {
    fn value<'v>(&'v self, node: &'v Value, root: &'v Value) -> Option<Cow<'v, Value>> {
        match self {
            Self::Literal(value) => Some(Cow::Borrowed(value)),
            Self::Node(steps) => walk::evaluate(node, steps).ok(),
            Self::Root(steps) => walk::evaluate(root, steps).ok(),
        }
    }
}

fn compare(left: Option<Cow<Value>>, operator: Operator, right: Option<Cow<Value>>) -> bool {
    let (Some(left), Some(right)) = (left, right) else {
        return match operator {
            Operator::NotEqual | Operator::NotIn => true,
            Operator::Equal
            | Operator::Less
            | Operator::LessOrEqual
            | Operator::Greater
            | Operator::GreaterOrEqual
            | Operator::In
            | Operator::Contains
            | Operator::Size
            | Operator::Empty => false,
        };
    };
    let (left, right) = (left.as_ref(), right.as_ref());
    match operator {
        Operator::Equal => equal(left, right),
        Operator::NotEqual => !equal(left, right),
        Operator::Less => order(left, right).is_some_and(Ordering::is_lt),
        Operator::LessOrEqual => order(left, right).is_some_and(Ordering::is_le),
        Operator::Greater => order(left, right).is_some_and(Ordering::is_gt),
        Operator::GreaterOrEqual => order(left, right).is_some_and(Ordering::is_ge),
        Operator::In => holds(right, left),
        Operator::NotIn => !holds(right, left),
        Operator::Contains => match (left, right) {
            (Value::String(text), Value::String(part)) => text.contains(part.as_str()),
            _ => holds(left, right),
        },
        Operator::Size => size(left).is_some_and(|size| right.as_u64() == Some(size as u64)),
        Operator::Empty => size(left).is_some_and(|size| right.as_bool() == Some(size == 0)),
    }
}

fn holds(list: &Value, item: &Value) -> bool {
    list.as_array().is_some_and(|items| items.iter().any(|each| equal(each, item)))
}

fn size(value: &Value) -> Option<usize> {
    match value {
        Value::String(text) => Some(text.encode_utf16().count()),
        Value::Array(items) => Some(items.len()),
        Value::Object(members) => Some(members.len()),
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

fn equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(_), Value::Number(_)) => order(left, right) == Some(Ordering::Equal),
        (Value::Number(number), Value::String(text))
        | (Value::String(text), Value::Number(number)) => number.to_string() == *text,
        _ => left == right,
    }
}

fn order(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => match (left.as_i64(), right.as_i64()) {
            (Some(left), Some(right)) => Some(left.cmp(&right)),
            _ => left.as_f64()?.partial_cmp(&right.as_f64()?),
        },
        (Value::String(left), Value::String(right)) => {
            Some(left.encode_utf16().cmp(right.encode_utf16()))
        }
        _ => None,
    }
}
