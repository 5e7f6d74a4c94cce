//! Payload templates: JSON in which a key that ends in `.$` takes its value from a path.

use serde_json::Value;

#[derive(Debug)]
pub struct Template {
    #[expect(dead_code, reason = "read by the evaluator")]
    value: Value,
}
pub struct TemplateMistake {
    pub pointer: String,
    pub message: String,
    pub kind: MistakeKind,
}
pub enum MistakeKind {
    Invalid,
    Unsupported,
}
impl Template {
    pub fn parse(value: &Value) -> Result<Self, Vec<TemplateMistake>> {
        let mut out = vec![];
        walk(value, "", &mut out);
        if out.is_empty() { Ok(Self { value: value.clone() }) } else { Err(out) }
    }
}
fn walk(value: &Value, at: &str, out: &mut Vec<TemplateMistake>) {
    match value {
        Value::Array(a) => {
            for (i, v) in a.iter().enumerate() {
                walk(v, &format!("{at}[{i}]"), out);
            }
        }
        Value::Object(m) => {
            for (k, v) in m {
                if k.ends_with(".$") {
                    let t = v.as_str().unwrap_or("");
                    if t.starts_with("States.") && t.ends_with(')') || crate::object::is_variable(t)
                    {
                        out.push(TemplateMistake {
                            pointer: at.into(),
                            message: format!("{k} not served"),
                            kind: MistakeKind::Unsupported,
                        });
                    } else if !t.starts_with('$') {
                        out.push(TemplateMistake { pointer: at.into(), message: format!("The value for the field '{k}' must be a valid JSONPath or a valid intrinsic function call"), kind: MistakeKind::Invalid });
                    }
                } else {
                    walk(v, &format!("{at}/{k}"), out);
                }
            }
        }
        _ => {}
    }
}
