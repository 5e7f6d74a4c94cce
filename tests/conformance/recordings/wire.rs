//! Calls of the server as an SDK makes them: AWS JSON 1.0, and what a call saves.

use serde_json::{Map, Value, json};
use tests::aws::Aws;
use tests::signing::Key;

/// Pages that one listing may have before the server is taken to repeat itself.
const MOST_PAGES: usize = 1_000;

/// The server under test.
#[derive(Clone)]
pub(crate) struct Wire {
    aws: Aws,
    keys: Option<Keys>,
}

/// Who calls it.
#[derive(Clone)]
pub(crate) struct Keys {
    pub(crate) first: Key,
    /// The key of the second account, for the cases that need one.
    pub(crate) second: Key,
}

/// What a call saved.
pub(crate) struct Answer {
    /// Whether it was accepted.
    pub(crate) accepted: bool,
    pub(crate) saved: Value,
}

impl Wire {
    /// A server that looks at no signature.
    pub(crate) fn new(url: &str) -> Self {
        Self { aws: Aws::new(url), keys: None }
    }

    pub(crate) fn with_keys(self, keys: Keys) -> Self {
        Self { keys: Some(keys), ..self }
    }

    /// Makes one call. `Err` is for a server that does not answer in the protocol's terms.
    pub(crate) async fn call(
        &self,
        operation: &str,
        params: &Value,
        secondary: bool,
    ) -> Result<Answer, String> {
        let key = self.keys.as_ref().map(|keys| if secondary { &keys.second } else { &keys.first });
        let answered = self.aws.call(operation, params, key).await;
        let (status, body) = answered.map_err(|error| format!("{error:#}"))?;
        Ok(answer(operation, status, body))
    }

    /// Follows `nextToken` to the end; the first answer, with its lists joined.
    pub(crate) async fn call_for_all(
        &self,
        operation: &str,
        params: &Value,
        secondary: bool,
    ) -> Result<Answer, String> {
        let mut params = params.clone();
        let mut first: Option<Answer> = None;
        for _ in 0..MOST_PAGES {
            let page = self.call(operation, &params, secondary).await?;
            let token = page.saved["nextToken"].clone();
            match &mut first {
                None => first = Some(page),
                Some(_) if !page.accepted => return Ok(page),
                Some(first) => join(&mut first.saved, page.saved),
            }
            if token.is_null() {
                let mut all = first.ok_or("a listing has one page at least")?;
                if let Value::Object(members) = &mut all.saved {
                    members.shift_remove("nextToken");
                }
                return Ok(all);
            }
            params["nextToken"] = token;
        }
        Err(format!("{operation}: more than {MOST_PAGES} pages"))
    }
}

fn join(all: &mut Value, page: Value) {
    let Value::Object(members) = page else { return };
    for (name, member) in members {
        if let (Some(Value::Array(items)), Value::Array(more)) = (all.get_mut(&name), member) {
            items.extend(more);
        }
    }
}

fn answer(operation: &str, status: u16, mut body: Map<String, Value>) -> Answer {
    let metadata = json!({"HTTPHeaders": {}, "HTTPStatusCode": status});
    if status < 300 {
        body.insert("ResponseMetadata".to_owned(), metadata);
        let mut saved = Value::Object(body);
        drop_nulls(&mut saved);
        return Answer { accepted: true, saved };
    }
    let kind = body.shift_remove("__type");
    let kind = kind.as_ref().and_then(Value::as_str).unwrap_or_default();
    let code = kind.rsplit('#').next().unwrap_or_default().to_owned();
    let message = body.get("message").or_else(|| body.get("Message"));
    let message = message.and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut response = Map::new();
    response.insert("Error".to_owned(), json!({"Code": code, "Message": message}));
    response.extend(body);
    response.insert("ResponseMetadata".to_owned(), metadata);
    let mut response = Value::Object(response);
    drop_nulls(&mut response);
    let text =
        format!("An error occurred ({code}) when calling the {operation} operation: {message}");
    let saved = json!({"$error": {"response": response, "typename": code, "text": text}});
    Answer { accepted: false, saved }
}

/// Members whose value is null count as absent.
fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|_, member| !member.is_null());
            members.values_mut().for_each(drop_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_nulls),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
