//! A measured case as the file has it: a definition, an input, and how it ended on AWS.

use std::fs;

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tests::aws::REGION;
use uuid::Uuid;

use crate::data;
use crate::recordings::case::Behaviour;
use crate::recordings::scope::ACCOUNT;

/// What the server and this runner have, of what a case may need.
const SERVED: [&str; 3] = ["lambda", "task-token", "slow"];

/// One case, its placeholders replaced.
#[derive(Deserialize)]
pub(super) struct Case {
    /// Stable and unique.
    pub(super) id: String,
    pub(super) evidence: String,
    #[serde(default)]
    needs: Vec<String>,
    pub(super) definition: Value,
    pub(super) input: Value,
    /// What the function answers; no case calls it twice.
    function: Option<[Value; 1]>,
    pub(super) result: Ended,
    /// Of the state machine, and of the function that it calls.
    #[serde(skip)]
    pub(super) name: String,
}

/// How it ended on AWS; what is absent was not recorded.
#[derive(Deserialize)]
#[serde(tag = "status")]
pub(super) enum Ended {
    #[serde(rename = "SUCCEEDED")]
    Succeeded { output: Value },
    #[serde(rename = "FAILED")]
    Failed {
        #[serde(default, deserialize_with = "present")]
        error: Option<Value>,
        #[serde(default, deserialize_with = "present")]
        cause: Option<Value>,
        #[serde(default)]
        cause_contains: Vec<String>,
    },
    #[serde(rename = "INVALID")]
    Invalid { messages: Option<Vec<String>> },
}

/// A member that is there, even as null.
fn present<'de, D: serde::Deserializer<'de>>(value: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(value).map(Some)
}

/// What the function does when it is called.
pub(super) enum Function {
    Behaves(Behaviour),
    /// It ends its task by the token in its payload.
    CallsBack,
}

impl Case {
    /// What it needs that is not served.
    pub(super) fn lacks(&self) -> Option<&str> {
        // A definition is refused whatever is served.
        let needs = match self.result {
            Ended::Invalid { .. } => &[],
            Ended::Succeeded { .. } | Ended::Failed { .. } => &self.needs[..],
        };
        needs.iter().map(String::as_str).find(|need| !SERVED.contains(need))
    }

    /// Why it cannot pass, if it cannot; the most telling reason first.
    pub(super) fn reason(&self) -> Option<&str> {
        let definition = self.definition.to_string();
        let parts = [
            ("jsonata", r#""QueryLanguage":"JSONata""#),
            ("variables", r#""Assign":"#),
            ("intrinsics", r#"":"States."#),
        ];
        let part = || parts.iter().find(|(_, text)| definition.contains(text));
        match (self.lacks(), &self.result) {
            (Some(need), _) => Some(need),
            (None, Ended::Invalid { .. }) => Some("validation"),
            (None, Ended::Succeeded { .. } | Ended::Failed { .. }) => {
                part().map(|(reason, _)| *reason)
            }
        }
    }

    /// The function, if the case has one.
    pub(super) fn function(&self) -> Result<Option<Function>, String> {
        let Some([answer]) = &self.function else { return Ok(None) };
        let members = answer.as_object().ok_or("an answer is an object")?;
        let (kind, content) = members.iter().next().ok_or("an answer has a kind")?;
        let behaviour = match kind.as_str() {
            "return" => Behaviour::Return { value: content.clone() },
            "raise" => serde_json::from_value(json!({
                "behaviour": "raise", "errorType": content["errorType"],
                "errorMessage": content["errorMessage"],
                "stackTrace": [], "payload_spacing": "compact",
            }))
            .map_err(|error| error.to_string())?,
            "callback" => return Ok(Some(Function::CallsBack)),
            other => return Err(format!("a function that does `{other}` is not known")),
        };
        Ok(Some(Function::Behaves(behaviour)))
    }
}

/// All measured cases, in their order.
pub(super) fn load_all() -> Result<Vec<Case>> {
    let path = data::find("aws-measured/cases.json")?;
    let text = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
    let cases: Vec<Value> = serde_json::from_str(&text).context("parse the measured cases")?;
    cases.iter().map(load).collect()
}

fn load(case: &Value) -> Result<Case> {
    let name = format!("measured-{}", Uuid::new_v4().simple());
    let text = case
        .to_string()
        .replace("${region}", REGION)
        .replace("${account}", ACCOUNT)
        .replace("${function}", &name)
        .replace("${bucket}", "bucket")
        .replace("${workspace}", "workspace");
    let case: Case = serde_json::from_str(&text).with_context(|| text.clone())?;
    let input = written(&case.input)?;
    let result = match case.result {
        Ended::Succeeded { output } => Ended::Succeeded { output: written(&output)? },
        other => other,
    };
    Ok(Case { input, result, name, ..case })
}

/// The value with its `$repeat` and `$ints` written out.
fn written(value: &Value) -> Result<Value> {
    match value {
        Value::Array(items) => items.iter().map(written).collect(),
        Value::Object(members) => match members.iter().next() {
            Some((name, Value::Array(content))) if name == "$repeat" => repeated(content),
            Some((name, Value::Array(content))) if name == "$ints" => integers(content),
            _ => {
                let member = |(key, member): (&String, &Value)| Ok((key.clone(), written(member)?));
                Ok(Value::Object(members.iter().map(member).collect::<Result<Map<_, _>>>()?))
            }
        },
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(value.clone()),
    }
}

fn repeated(content: &[Value]) -> Result<Value> {
    let [Value::String(text), count] = content else { bail!("`$repeat` has a text and a number") };
    let count = count.as_u64().context("`$repeat` has a count")?;
    Ok(Value::String(text.repeat(usize::try_from(count)?)))
}

fn integers(content: &[Value]) -> Result<Value> {
    let numbers: Option<Vec<i64>> = content.iter().map(Value::as_i64).collect();
    let Some([first, last, step]) = numbers.as_deref() else { bail!("`$ints` has three integers") };
    let count = (last - first).checked_div(*step).context("`$ints` has a step")?;
    Ok((0..=count).map(|index| Value::from(first + index * step)).collect())
}

#[test]
fn directives_of_inputs_are_written_out() {
    let value = json!([{"$repeat": ["ab", 2]}, {"a": {"$ints": [5, 1, -2]}}]);
    assert_eq!(written(&value).unwrap(), json!(["abab", {"a": [5, 3, 1]}]));
}
