//! The `(…)` of `[?(…)]`: a condition on one node, as it is written.

use serde_json::Value;

use super::cursor::{Cursor, Parsed};
use super::literal::literal;
use super::pattern::Pattern;
use super::{Root, Step, syntax};

/// A condition on one node.
#[derive(Debug)]
pub(super) enum Filter {
    Any(Vec<Filter>),
    All(Vec<Filter>),
    Not(Box<Filter>),
    Exists(Operand),
    /// `!@.k`: missing, or null.
    Absent(Operand),
    Compare(Operand, Operator, Operand),
    /// `@.k =~ /…/`
    Like(Operand, Pattern),
}

#[derive(Debug)]
pub(super) enum Operand {
    Literal(Value),
    /// `@…`
    Node(Box<[Step]>),
    /// `$…`: from what the whole path starts from.
    Root(Box<[Step]>),
    /// `$$…`, `$name…`
    Outside(Root, Box<[Step]>),
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    /// `===`: of one type, too.
    Same,
    NotSame,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    In,
    NotIn,
    Contains,
    All,
    SubsetOf,
    AnyOf,
    NoneOf,
    Size,
    Empty,
}

/// Longer spellings before their prefixes.
const SIGNS: [(&str, Operator); 8] = [
    ("===", Operator::Same),
    ("==", Operator::Equal),
    ("!==", Operator::NotSame),
    ("!=", Operator::NotEqual),
    ("<=", Operator::LessOrEqual),
    ("<", Operator::Less),
    (">=", Operator::GreaterOrEqual),
    (">", Operator::Greater),
];

/// In either case of letters.
const WORDS: [(&str, Operator); 9] = [
    ("in", Operator::In),
    ("nin", Operator::NotIn),
    ("contains", Operator::Contains),
    ("all", Operator::All),
    ("subsetof", Operator::SubsetOf),
    ("anyof", Operator::AnyOf),
    ("noneof", Operator::NoneOf),
    ("size", Operator::Size),
    ("empty", Operator::Empty),
];

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

    fn operands<'f>(&'f self, seen: &mut dyn FnMut(&'f Operand)) {
        match self {
            Self::Any(filters) | Self::All(filters) => {
                for filter in filters {
                    filter.operands(seen);
                }
            }
            Self::Not(filter) => filter.operands(seen),
            Self::Exists(operand) | Self::Absent(operand) | Self::Like(operand, _) => seen(operand),
            Self::Compare(left, _, right) => {
                seen(left);
                seen(right);
            }
        }
    }
}

/// The operands of the filters and functions of these steps, those within operands included.
pub(super) fn operands<'s>(steps: &'s [Step], seen: &mut dyn FnMut(&'s Operand)) {
    let mut within = |operand: &'s Operand| {
        seen(operand);
        if let Operand::Node(steps) | Operand::Root(steps) | Operand::Outside(_, steps) = operand {
            operands(steps, seen);
        }
    };
    for step in steps {
        let step = if let Step::Descend(step) = step { step } else { step };
        match step {
            Step::Filter(filter) => filter.operands(&mut within),
            Step::Call(call) => call.parameters.iter().for_each(&mut within),
            Step::Name(_)
            | Step::Index(_)
            | Step::Names(_)
            | Step::Indexes(_)
            | Step::Slice(..)
            | Step::Every
            | Step::Descend(_) => {}
        }
    }
}

/// The variables that the filters and functions of these steps mention.
pub(super) fn variables<'s>(steps: &'s [Step], names: &mut Vec<&'s str>) {
    operands(steps, &mut |operand| {
        if let Operand::Outside(root, _) = operand {
            names.extend(root.variable());
        }
    });
}

fn any(cursor: &mut Cursor<'_>) -> Parsed<Filter> {
    let mut filters = vec![all(cursor)?];
    while matches(cursor, "||") {
        filters.push(all(cursor)?);
    }
    Ok(alone(filters).unwrap_or_else(Filter::Any))
}

fn all(cursor: &mut Cursor<'_>) -> Parsed<Filter> {
    let mut filters = vec![one(cursor)?];
    while matches(cursor, "&&") {
        filters.push(one(cursor)?);
    }
    Ok(alone(filters).unwrap_or_else(Filter::All))
}

/// The only one of them, or all of them.
fn alone(mut filters: Vec<Filter>) -> Result<Filter, Vec<Filter>> {
    match filters.pop() {
        Some(only) if filters.is_empty() => Ok(only),
        last => {
            filters.extend(last);
            Err(filters)
        }
    }
}

fn one(cursor: &mut Cursor<'_>) -> Parsed<Filter> {
    cursor.skip_space();
    if cursor.eat("!") {
        cursor.deeper()?;
        let filter = one(cursor)?;
        cursor.shallower();
        return Ok(match filter {
            Filter::Exists(operand) => Filter::Absent(operand),
            filter => Filter::Not(Box::new(filter)),
        });
    }
    if cursor.peek() == Some('(') {
        return Filter::parse(cursor);
    }
    if cursor.peek() == Some('/') {
        let pattern = Pattern::parse(cursor)?;
        if !matches(cursor, "=~") {
            return Err(cursor.expected("`=~`"));
        }
        cursor.skip_space();
        return Ok(Filter::Like(operand(cursor)?, pattern));
    }
    let left = operand(cursor)?;
    if matches(cursor, "=~") {
        cursor.skip_space();
        if cursor.peek() != Some('/') {
            return Err(cursor.expected("`/`"));
        }
        return Ok(Filter::Like(left, Pattern::parse(cursor)?));
    }
    match operator(cursor)? {
        Some(operator) => {
            cursor.skip_space();
            Ok(Filter::Compare(left, operator, operand(cursor)?))
        }
        None => match left {
            Operand::Literal(_) => Err(cursor.expected("an operator")),
            Operand::Node(_) | Operand::Root(_) | Operand::Outside(..) => Ok(Filter::Exists(left)),
        },
    }
}

/// `None` where the condition ends without one.
fn operator(cursor: &mut Cursor<'_>) -> Parsed<Option<Operator>> {
    if let Some((_, operator)) = SIGNS.iter().find(|(spelling, _)| cursor.eat(spelling)) {
        return Ok(Some(*operator));
    }
    if matches!(cursor.peek(), Some(')' | '&' | '|') | None) {
        return Ok(None);
    }
    let word = cursor.take_while(|c| c.is_ascii_alphabetic());
    match WORDS.iter().find(|(spelling, _)| spelling.eq_ignore_ascii_case(word)) {
        Some((_, operator)) => Ok(Some(*operator)),
        None => Err(cursor.expected("an operator or `)`")),
    }
}

fn matches(cursor: &mut Cursor<'_>, token: &str) -> bool {
    cursor.skip_space();
    cursor.eat(token)
}

/// `@…`, `$…`, `$$…`, `$name…` or a literal.
pub(super) fn operand(cursor: &mut Cursor<'_>) -> Parsed<Operand> {
    cursor.deeper()?;
    let operand = match cursor.peek() {
        Some('@') => {
            cursor.next();
            Operand::Node(syntax::steps(cursor)?.into())
        }
        Some('$') => match syntax::from_root(cursor)? {
            (Root::Input, steps) => Operand::Root(steps.into()),
            (root, steps) => Operand::Outside(root, steps.into()),
        },
        _ => Operand::Literal(literal(cursor)?),
    };
    cursor.shallower();
    Ok(operand)
}
