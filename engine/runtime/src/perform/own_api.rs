//! `arn:aws:states:::aws-sdk:sfn:…`: calls of Step Functions' own API, which is this server's.
//!
//! As AWS's SDK integrations do: members begin with a capital, an object where the API takes
//! a text is written as JSON, moments are ISO 8601, and errors are `Sfn.…Exception`.

use asl::Payload;
use asl::program::Integration;
use futures_util::future::BoxFuture;
use machine::Failure;
use machine::Timestamp;
use serde_json::{Map, Value};

use super::table::Performed;
use super::{Call, Performers, Report, ask_leave, ended};

/// Members that hold a text, and may be given as what the text is to say.
const TEXTS: [&str; 4] = ["input", "output", "definition", "cause"];

/// This server's own API.
pub trait OwnApi: Send + Sync {
    /// Answers a call of an operation (`StartExecution`) as the AWS door does.
    fn answer<'a>(
        &'a self,
        account: &'a str,
        operation: &'a str,
        body: &'a Value,
    ) -> BoxFuture<'a, Result<Value, Refused>>;
}

/// What the AWS door refuses a call with.
#[derive(Clone, Debug)]
pub struct Refused {
    /// AWS's name of the error, such as `InvalidToken`.
    pub code: String,
    pub message: String,
    pub status: u16,
}

/// Performs one call, once it is known where it goes.
pub(super) fn perform<'a>(
    performers: &'a Performers,
    call: &'a Call,
    integration: &'a Integration,
    progress: Report<'a>,
) -> BoxFuture<'a, Performed> {
    Box::pin(async move {
        ask_leave(call, progress).await;
        let mut served = performers.own_api.subscribe();
        match served.wait_for(Option::is_some).await.ok().and_then(|api| api.clone()) {
            Some(api) => Ok(ended(call, false, answer(&*api, call, &integration.action).await?)),
            // The sender lives as long as the performers.
            None => std::future::pending().await,
        }
    })
}

async fn answer(api: &dyn OwnApi, call: &Call, action: &str) -> Result<Payload, Failure> {
    let body = request(call.parameters.value());
    match api.answer(&call.account, &capitalised(action), &body).await {
        Ok(answer) => Payload::from_value(shown("", answer)).map_err(|why| {
            Failure::new("States.Runtime", format!("the answer cannot be a result: {why}"))
        }),
        Err(refused) => Err(failure(call, &refused)),
    }
}

fn failure(call: &Call, refused: &Refused) -> Failure {
    let code = refused.code.trim_end_matches("Exception");
    // Made of the call, as the ids of requests to functions are: another for each attempt.
    let request = format!("{}-{}", call.execution_id, call.task);
    Failure::new(
        format!("Sfn.{code}Exception"),
        format!(
            "{} (Service: Sfn, Status Code: {}, Request ID: {request}) (SDK Attempt Count: 1)",
            refused.message, refused.status
        ),
    )
}

/// The parameters as the API spells them; a member that is `null` counts as absent.
fn request(parameters: &Value) -> Value {
    let Value::Object(members) = parameters else { return parameters.clone() };
    let spelled = members.iter().filter(|(_, value)| !value.is_null()).map(|(name, value)| {
        let name = uncapitalised(name);
        let value = match value {
            Value::String(_) => value.clone(),
            other if TEXTS.contains(&name.as_str()) => Value::String(other.to_string()),
            Value::Array(items) => Value::Array(items.iter().map(request).collect()),
            other => request(other),
        };
        (name, value)
    });
    Value::Object(spelled.collect())
}

/// An answer of the API as a task's result.
fn shown(name: &str, value: Value) -> Value {
    match value {
        Value::Object(members) => Value::Object(
            members
                .into_iter()
                .map(|(name, value)| (capitalised(&name), shown(&name, value)))
                .collect::<Map<_, _>>(),
        ),
        Value::Array(items) => Value::Array(items.into_iter().map(|it| shown("", it)).collect()),
        Value::Number(seconds) if name.ends_with("Date") || name == "timestamp" => {
            match moment(&seconds) {
                Some(text) => Value::String(text),
                None => Value::Number(seconds),
            }
        }
        other => other,
    }
}

#[expect(clippy::cast_possible_truncation, reason = "milliseconds of years fit by far")]
fn moment(seconds: &serde_json::Number) -> Option<String> {
    Some(Timestamp((seconds.as_f64()? * 1000.0).round() as i64).iso())
}

fn capitalised(name: &str) -> String {
    with_first(name, |first| first.to_ascii_uppercase())
}

fn uncapitalised(name: &str) -> String {
    with_first(name, |first| first.to_ascii_lowercase())
}

fn with_first(name: &str, change: impl Fn(char) -> char) -> String {
    let mut letters = name.chars();
    letters.next().map(change).into_iter().chain(letters).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{request, shown};

    #[test]
    fn parameters_are_spelled_as_the_api_has_them() {
        let given = json!({
            "StateMachineArn": "a", "Input": {"Key": 1}, "Name": null, "Tags": [{"Key": "k"}],
        });
        let asked = json!({
            "stateMachineArn": "a", "input": "{\"Key\":1}", "tags": [{"key": "k"}],
        });
        assert_eq!(request(&given), asked);
    }

    #[test]
    fn answers_are_spelled_as_sdk_integrations_do() {
        let answer = json!({
            "executionArn": "a", "startDate": 1_795_408_711.133, "input": "{\"k\":1}",
            "executions": [{"stopDate": 0, "redriveCount": 3}],
        });
        let result = json!({
            "ExecutionArn": "a", "StartDate": "2026-11-23T04:38:31.133Z", "Input": "{\"k\":1}",
            "Executions": [{"StopDate": "1970-01-01T00:00:00Z", "RedriveCount": 3}],
        });
        assert_eq!(shown("", answer), result);
    }
}
