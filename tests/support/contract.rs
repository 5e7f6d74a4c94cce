//! Holds what the REST door answers against its `OpenAPI` document: the path, the method and the
//! status are declared, the content type is the declared one, and the body is as its schema says,
//! with no member that the document does not know.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use jsonschema::Validator;
use serde_json::{Map, Value, json};

/// One request and its answer.
#[derive(Clone, Copy, Debug)]
pub struct Exchange<'a> {
    pub method: &'a str,
    /// With its query, if it has one.
    pub path: &'a str,
    /// The body of the request; empty if there is none.
    pub request: &'a str,
    pub status: u16,
    /// The content type of the answer, if it has one.
    pub content_type: Option<&'a str>,
    /// The body of the answer.
    pub answer: &'a str,
}

static DOCUMENT: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(http_api::openapi_json()).expect("the document is JSON"));

/// The document with its objects closed: what is not declared is not there.
static CLOSED: LazyLock<Value> = LazyLock::new(|| {
    let mut components = DOCUMENT["components"].clone();
    close(&mut components);
    components
});

/// Fails if the document does not say that this can be asked and answered so.
#[track_caller]
pub fn check(exchange: Exchange<'_>) {
    if let Err(complaint) = held(exchange) {
        panic!("not as the OpenAPI document says: {complaint}\n{exchange:#?}");
    }
}

/// Whether the document says that this can be asked and answered so; else what it does not say.
fn held(exchange: Exchange<'_>) -> Result<(), String> {
    let Exchange { method, path, request, status, content_type, answer } = exchange;
    let path = path.split('?').next().unwrap_or_default();
    if !path.starts_with("/v1/") {
        return Ok(());
    }
    let Some((template, methods)) = template(path) else {
        let blank = status == 404 && answer.contains("about:blank");
        return if blank { Ok(()) } else { Err("the path is not declared".to_owned()) };
    };
    let Some(operation) = methods.get(&method.to_lowercase()) else {
        return if status == 405 { Ok(()) } else { Err("the method is not declared".to_owned()) };
    };
    if (200..300).contains(&status) && !request.is_empty() {
        let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
        if schema.is_null() {
            return Err("no body is declared".to_owned());
        }
        conforms(&format!("{method} {template}"), schema, request)
            .map_err(|why| format!("the request was taken: {why}"))?;
    }
    let response = &operation["responses"][status.to_string()];
    if response.is_null() {
        return Err(format!("status {status} is not declared"));
    }
    let declared = response["content"].as_object().cloned().unwrap_or_default();
    let kind = content_type.map(|kind| kind.split(';').next().unwrap_or_default().trim());
    match (kind, answer.is_empty() && declared.is_empty()) {
        (_, true) => Ok(()),
        (None, false) => Err("the answer has no content type".to_owned()),
        (Some(kind), false) => {
            let content = declared.get(kind).ok_or_else(|| format!("`{kind}` is not declared"))?;
            problem_is_named(response, status, answer)?;
            conforms(&format!("{method} {template} {status}"), &content["schema"], answer)
        }
    }
}

/// A problem's type stands in the description of its status.
fn problem_is_named(response: &Value, status: u16, answer: &str) -> Result<(), String> {
    if status < 400 {
        return Ok(());
    }
    let problem: Value = serde_json::from_str(answer).map_err(|why| why.to_string())?;
    let kind = problem["type"].as_str().unwrap_or_default();
    let Some(kind) = kind.strip_prefix("urn:statewright:problem:") else {
        let blank = kind == "about:blank";
        return if blank { Ok(()) } else { Err(format!("`{kind}` is no type of ours")) };
    };
    let said = response["description"].as_str().unwrap_or_default();
    if said.contains(&format!("`{kind}`")) {
        return Ok(());
    }
    Err(format!("`{kind}` is not named for status {status}: {said}"))
}

/// The declared path that this one is, with its operations.
fn template(path: &str) -> Option<(&'static str, &'static Map<String, Value>)> {
    let asked: Vec<&str> = path.split('/').collect();
    let paths = DOCUMENT["paths"].as_object()?;
    paths.iter().find_map(|(template, methods)| {
        let known: Vec<&str> = template.split('/').collect();
        let mut pairs = known.iter().zip(&asked);
        let is_it = known.len() == asked.len()
            && pairs.all(|(known, asked)| known == asked || known.starts_with('{'));
        is_it.then_some((template.as_str(), methods.as_object()?))
    })
}

/// Whether this JSON text is as the schema says.
fn conforms(name: &str, schema: &Value, text: &str) -> Result<(), String> {
    static KNOWN: LazyLock<Mutex<HashMap<String, Arc<Validator>>>> = LazyLock::new(Mutex::default);
    if schema["type"] == "string" {
        // A stream of events is no JSON.
        return Ok(());
    }
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let validator = known.entry(name.to_owned()).or_insert_with(|| Arc::new(validator(schema)));
    let validator = validator.clone();
    drop(known);
    let value: Value = serde_json::from_str(text).map_err(|why| why.to_string())?;
    let complaints: Vec<String> = validator
        .iter_errors(&value)
        .map(|error| format!("{error} at `{}`", error.instance_path()))
        .collect();
    if complaints.is_empty() { Ok(()) } else { Err(complaints.join("; ")) }
}

fn validator(schema: &Value) -> Validator {
    let whole = json!({ "allOf": [schema], "components": *CLOSED });
    let options = jsonschema::draft202012::options().should_validate_formats(true);
    options.build(&whole).expect("a schema of the document is a schema")
}

fn close(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            members.values_mut().for_each(close);
            if members.get("properties").is_some_and(Value::is_object)
                && !members.contains_key("additionalProperties")
            {
                members.insert("additionalProperties".to_owned(), Value::Bool(false));
            }
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// What the contract does not allow: for the tests of the contract itself.
pub fn complaint(exchange: Exchange<'_>) -> Option<String> {
    held(exchange).err()
}
