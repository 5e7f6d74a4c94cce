//! Payload templates: JSON in which a key that ends in `.$` takes its value from a path or a call.

use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::expression::{EvaluationError, Outline, Scope};
use crate::intrinsic::Call;
use crate::java;
use crate::path::Path;

/// `Parameters`, `ItemSelector` or `ResultSelector`, with its paths parsed.
#[derive(Debug)]
pub struct Template(Node);

#[derive(Debug)]
enum Node {
    /// No path at or below: copied as it is.
    Literal(Value),
    Object(Box<[Member]>),
    Array(Box<[Node]>),
    Path {
        field: Box<str>,
        path: Box<Path>,
    },
    Call(Box<Call>),
}

#[derive(Debug)]
struct Member {
    /// Without `.$`.
    name: Box<str>,
    value: Node,
}

/// One thing wrong with a template.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TemplateMistake {
    pub kind: MistakeKind,
    /// JSON Pointer of the object that has the field, from the template on; empty at the top.
    /// AWS itself locates the mistake at the template.
    pub pointer: String,
    /// AWS's text for an invalid field.
    pub message: String,
}

/// Whose fault a mistake in a template is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum MistakeKind {
    /// AWS refuses it too.
    Invalid,
    /// AWS has it, this engine does not: the rarest parts of JSONPath.
    Unsupported,
}

impl Template {
    /// Reads a template; reports every mistake in it.
    pub fn parse(value: &Value) -> Result<Self, Vec<TemplateMistake>> {
        let mut mistakes = Vec::new();
        let node = node(value, &mut String::new(), &mut mistakes);
        if mistakes.is_empty() { Ok(Self(node)) } else { Err(mistakes) }
    }

    /// The variables it mentions.
    pub fn variables(&self) -> Vec<String> {
        let mut names = Vec::new();
        self.0.variables(&mut names);
        names
    }

    /// What of its value is plain to see.
    pub(crate) fn outline(&self) -> Outline<'_> {
        self.0.outline()
    }

    /// The template with the values of its paths. Fails with AWS's text, which quotes the whole
    /// input, if a path that must lead to one place leads nowhere.
    pub fn evaluate(&self, scope: &Scope<'_>) -> Result<Value, EvaluationError> {
        self.0.evaluate(scope)
    }
}

fn node(value: &Value, pointer: &mut String, mistakes: &mut Vec<TemplateMistake>) -> Node {
    match value {
        Value::Object(members) => object(members, pointer, mistakes),
        Value::Array(items) => {
            let nodes: Vec<Node> = items
                .iter()
                .enumerate()
                .map(|(index, item)| below(&index.to_string(), item, pointer, mistakes))
                .collect();
            if nodes.iter().all(|node| matches!(node, Node::Literal(_))) {
                return Node::Literal(value.clone());
            }
            Node::Array(nodes.into())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            Node::Literal(value.clone())
        }
    }
}

fn below(
    key: &str,
    value: &Value,
    pointer: &mut String,
    mistakes: &mut Vec<TemplateMistake>,
) -> Node {
    let end = pointer.len();
    pointer.push('/');
    pointer.push_str(&key.replace('~', "~0").replace('/', "~1"));
    let node = node(value, pointer, mistakes);
    pointer.truncate(end);
    node
}

fn object(
    members: &Map<String, Value>,
    pointer: &mut String,
    mistakes: &mut Vec<TemplateMistake>,
) -> Node {
    let mut nodes = Vec::with_capacity(members.len());
    // As on AWS, these follow the others, in the order of a Java hash map.
    let mut evaluated: Vec<Member> = Vec::new();
    for (key, value) in members {
        let Some(name) = key.strip_suffix(".$") else {
            let value = below(key, value, pointer, mistakes);
            if members.contains_key(&format!("{key}.$")) {
                mistakes.push(TemplateMistake {
                    kind: MistakeKind::Invalid,
                    pointer: pointer.clone(),
                    message: format!("the fields `{key}` and `{key}.$` are the same without `.$`"),
                });
            }
            nodes.push(Member { name: key.as_str().into(), value });
            continue;
        };
        match looked_up(key, value) {
            Ok(value) => evaluated.push(Member { name: name.into(), value }),
            Err((kind, message)) => {
                mistakes.push(TemplateMistake { kind, pointer: pointer.clone(), message });
            }
        }
    }
    let literal = |member: &Member| matches!(member.value, Node::Literal(_));
    if nodes.len() == members.len() && nodes.iter().all(literal) {
        return Node::Literal(Value::Object(members.clone()));
    }
    java::names_in_hash_order(&mut evaluated, |member| &member.name);
    nodes.extend(evaluated);
    Node::Object(nodes.into())
}

fn looked_up(key: &str, value: &Value) -> Result<Node, (MistakeKind, String)> {
    let refused = |unsupported: bool, message: &str| {
        if unsupported {
            return (MistakeKind::Unsupported, format!("the field `{key}`: {message}"));
        }
        let message = format!(
            "The value for the field '{key}' must be a valid JSONPath or a valid intrinsic \
             function call"
        );
        (MistakeKind::Invalid, message)
    };
    let text = value.as_str().ok_or_else(|| refused(false, ""))?;
    if Call::is_meant(text) {
        let call = Call::parse(text).map_err(|it| refused(it.unsupported, &it.message))?;
        return Ok(Node::Call(Box::new(call)));
    }
    let path = Path::parse(text).map_err(|it| refused(it.unsupported, &it.message))?;
    Ok(Node::Path { field: key.into(), path: Box::new(path) })
}

impl Node {
    fn outline(&self) -> Outline<'_> {
        match self {
            Self::Literal(value) => Outline::Literal(value),
            Self::Array(nodes) => Outline::Array(nodes.iter().map(Self::outline).collect()),
            Self::Object(members) => {
                Outline::Object(members.iter().map(|it| (&*it.name, it.value.outline())).collect())
            }
            Self::Path { path, .. } => Outline::Path(path),
            Self::Call(_) => Outline::Call,
        }
    }

    fn variables(&self, names: &mut Vec<String>) {
        match self {
            Self::Literal(_) => {}
            Self::Array(nodes) => nodes.iter().for_each(|node| node.variables(names)),
            Self::Object(members) => members.iter().for_each(|it| it.value.variables(names)),
            Self::Path { path, .. } => {
                names.extend(path.variables().into_iter().map(str::to_owned));
            }
            Self::Call(call) => names.extend(call.variables().into_iter().map(str::to_owned)),
        }
    }

    fn evaluate(&self, scope: &Scope<'_>) -> Result<Value, EvaluationError> {
        match self {
            Self::Literal(value) => scope.budget.copy(value),
            Self::Array(nodes) => nodes.iter().map(|node| node.evaluate(scope)).collect(),
            Self::Object(members) => {
                let mut object = Map::with_capacity(members.len());
                for member in members {
                    scope.budget.build(member.name.len() + 3)?;
                    object.insert(member.name.to_string(), member.value.evaluate(scope)?);
                }
                Ok(Value::Object(object))
            }
            Self::Call(call) => call.evaluate(scope),
            Self::Path { field, path } => match path.lookup(scope)? {
                Some(Cow::Borrowed(value)) => scope.budget.copy(value),
                Some(Cow::Owned(value)) => Ok(value),
                None => Err(EvaluationError::runtime(format!(
                    "The JSONPath '{}' specified for the field '{field}' could not be found in \
                     the input '{}'",
                    path.text(),
                    scope.input
                ))),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::Template;
    use crate::context::Part;
    use crate::tests::Outside;

    fn check(template: &Value, expected: &str) {
        let context = || {
            Part::Object(vec![("Execution", Part::Object(vec![("Id", Part::Text("e".into()))]))])
        };
        let input = json!({"a": 1, "list": [{"x": 1}, {"x": 2}], "none": null});
        let outside = Outside::default();
        let scope = outside.scope(&input, &context);
        let found = match Template::parse(template) {
            Ok(template) => match template.evaluate(&scope) {
                Ok(value) => value.to_string(),
                Err(error) => error.cause,
            },
            Err(mistakes) => mistakes
                .iter()
                .map(|m| format!("{:?} {}: {}", m.kind, m.pointer, m.message))
                .collect::<Vec<_>>()
                .join("\n"),
        };
        assert_eq!(found, expected, "{template}");
    }

    #[test]
    fn a_key_that_ends_in_dollar_takes_its_value_from_a_path() {
        check(&json!({"v.$": "$.a"}), r#"{"v":1}"#);
        check(&json!({"v.$": "$.none", "w": "$.a"}), r#"{"w":"$.a","v":null}"#);
        check(&json!({"o": {"v.$": "$.list[*].x"}}), r#"{"o":{"v":[1,2]}}"#);
        check(&json!({"l": [1, {"v.$": "$$.Execution.Id"}]}), r#"{"l":[1,{"v":"e"}]}"#);
        check(&json!({"v.$": "$.gone[*]"}), r#"{"v":[]}"#);
    }

    #[test]
    fn a_path_that_leads_nowhere_fails_with_the_whole_input() {
        let input = r#"'{"a":1,"list":[{"x":1},{"x":2}],"none":null}'"#;
        for path in ["$.no", "$.a.b", "$$.Execution.Input.no"] {
            let text = format!(
                "The JSONPath '{path}' specified for the field 'v.$' could not be found in the input {input}"
            );
            check(&json!({"o": {"v.$": path}}), &text);
        }
    }

    #[test]
    fn a_call_gives_its_value_and_fails_with_its_text() {
        check(&json!({"v.$": "States.Array($.a, $$.Execution.Id)"}), r#"{"v":[1,"e"]}"#);
        check(
            &json!({"v.$": "States.MathAdd('a', 1)"}),
            "There was an error while evaluating the intrinsic function: States.MathAdd('a', 1). \
             Invalid arguments in States.MathAdd",
        );
    }

    /// Two objects that AWS was seen to write.
    #[test]
    fn members_with_paths_follow_the_others_in_the_order_of_a_hash_map() {
        let member = |name: &str| (name.to_owned(), Value::from("$.a"));
        let order = |names: &[&str]| {
            let template: Value = names.iter().map(|name| member(name)).collect();
            let outside = Outside::default();
            let (input, context) = (json!({"a": 1}), || Part::Data(&Value::Null));
            let template = Template::parse(&template).unwrap();
            let value = template.evaluate(&outside.scope(&input, &context)).unwrap();
            value.as_object().unwrap().keys().cloned().collect::<Vec<_>>().join(" ")
        };
        let reshaped = ["userId", "name.$", "role.$", "isActive.$", "metadata"];
        assert_eq!(order(&reshaped), "userId metadata role name isActive");
        let built = ["order", "priority.$", "traceId.$", "stage"];
        assert_eq!(order(&built), "order stage traceId priority");
    }

    #[test]
    fn a_template_says_its_variables() {
        let template =
            json!({"a.$": "$x.y", "b": [{"c.$": "$.l[?(@ == $y)]"}], "d.$": "States.Array($z)"});
        assert_eq!(Template::parse(&template).unwrap().variables(), ["y", "x", "z"]);
    }

    #[test]
    fn every_mistake_is_reported() {
        check(
            &json!({"h.$": "$", "h": 1, "a.$": 1, "b": {"c~d": [{"e.$": "x"}]}, "f.$": "$.f()", "g.$": "$v+", "i.$": "States.UUID("}),
            "Invalid : the fields `h` and `h.$` are the same without `.$`\n\
             Invalid : The value for the field 'a.$' must be a valid JSONPath or a valid intrinsic function call\n\
             Invalid /b/c~0d/0: The value for the field 'e.$' must be a valid JSONPath or a valid intrinsic function call\n\
             Unsupported : the field `f.$`: the function `f()` is not supported at byte 3 of `$.f()`\n\
             Invalid : The value for the field 'g.$' must be a valid JSONPath or a valid intrinsic function call\n\
             Invalid : The value for the field 'i.$' must be a valid JSONPath or a valid intrinsic function call",
        );
    }
}
