//! JSON in which texts may be expressions: `Arguments`, `Output`, `ItemSelector` and what `Assign` assigns.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use super::{Query, Refusal, Sees, is_expression};
use crate::expression::{EvaluationError, Outline, Scope};

/// JSON with its expressions parsed. Members keep the order of the definition.
#[derive(Debug)]
pub struct Template(Node);

#[derive(Debug)]
enum Node {
    /// No expression in it: copied as it is.
    Literal(Value),
    Query(Box<Query>),
    Array(Box<[Node]>),
    Object(Box<[(Box<str>, Node)]>),
}

impl Template {
    /// Reads the template of the field at this location; each expression has a location of its
    /// own: `Output/a/b[0]`. Or everything that is wrong with them.
    pub fn parse(value: &Value, location: &str, sees: Sees) -> Result<Self, Vec<Refusal>> {
        let mut refusals = Vec::new();
        let node = node(value, &mut location.to_owned(), sees, &mut refusals);
        if refusals.is_empty() { Ok(Self(node)) } else { Err(refusals) }
    }

    /// The JSON with the values of its expressions.
    pub fn evaluate(&self, scope: &Scope<'_>) -> Result<Value, EvaluationError> {
        self.0.evaluate(scope)
    }

    /// What of its value is plain to see.
    pub(crate) fn outline(&self) -> Outline<'_> {
        self.0.outline()
    }

    /// The one expression that is all of the template.
    pub fn query(&self) -> Option<&Query> {
        if let Node::Query(query) = &self.0 { Some(query) } else { None }
    }

    /// The names of variables that its expressions mention and do not bind themselves, without
    /// `$`, in the order of the text.
    pub fn variables(&self) -> Vec<&str> {
        let mut names = Vec::new();
        self.0.each_query(&mut |query| {
            for name in query.variables() {
                if !names.contains(&name) {
                    names.push(name);
                }
            }
        });
        names
    }
}

impl Node {
    fn outline(&self) -> Outline<'_> {
        match self {
            Self::Literal(value) => Outline::Literal(value),
            Self::Query(_) => Outline::Query,
            Self::Array(items) => Outline::Array(items.iter().map(Self::outline).collect()),
            Self::Object(members) => {
                Outline::Object(members.iter().map(|(name, it)| (&**name, it.outline())).collect())
            }
        }
    }

    fn evaluate(&self, scope: &Scope<'_>) -> Result<Value, EvaluationError> {
        match self {
            Self::Literal(value) => scope.budget.copy(value),
            Self::Query(query) => query.evaluate(scope),
            Self::Array(items) => {
                scope.budget.build(items.len() + 1)?;
                items.iter().map(|item| item.evaluate(scope)).collect()
            }
            Self::Object(members) => {
                scope.budget.build(2)?;
                let member = |(name, node): &(Box<str>, Self)| {
                    scope.budget.build(name.len() + 3)?;
                    Ok((String::from(&**name), node.evaluate(scope)?))
                };
                members.iter().map(member).collect::<Result<Map<_, _>, _>>().map(Value::Object)
            }
        }
    }

    fn each_query<'n>(&'n self, see: &mut impl FnMut(&'n Query)) {
        match self {
            Self::Literal(_) => {}
            Self::Query(query) => see(query),
            Self::Array(items) => items.iter().for_each(|item| item.each_query(see)),
            Self::Object(members) => members.iter().for_each(|(_, node)| node.each_query(see)),
        }
    }
}

fn node(value: &Value, location: &mut String, sees: Sees, refusals: &mut Vec<Refusal>) -> Node {
    let end = location.len();
    match value {
        Value::String(text) if is_expression(text) => match Query::parse(text, location, sees) {
            Ok(query) => Node::Query(Box::new(query)),
            Err(found) => {
                refusals.extend(found);
                Node::Literal(Value::Null)
            }
        },
        Value::Array(items) => {
            let each = |(index, item): (usize, &Value)| {
                let _ = write!(location, "[{index}]");
                let node = node(item, location, sees, refusals);
                location.truncate(end);
                node
            };
            let nodes: Box<[Node]> = items.iter().enumerate().map(each).collect();
            if nodes.iter().all(is_literal) {
                Node::Literal(value.clone())
            } else {
                Node::Array(nodes)
            }
        }
        Value::Object(members) => {
            let each = |(name, value): (&String, &Value)| {
                location.push('/');
                location.push_str(name);
                let node = node(value, location, sees, refusals);
                location.truncate(end);
                (name.as_str().into(), node)
            };
            let nodes: Box<[(Box<str>, Node)]> = members.iter().map(each).collect();
            let literal = nodes.iter().all(|(_, node)| is_literal(node));
            if literal { Node::Literal(value.clone()) } else { Node::Object(nodes) }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            Node::Literal(value.clone())
        }
    }
}

fn is_literal(node: &Node) -> bool {
    matches!(node, Node::Literal(_))
}
