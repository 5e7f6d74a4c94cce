//! The Lambda Invoke API, and `arn:aws:states:::lambda:invoke` on top of it.

use std::collections::BTreeMap;

use asl::Payload;
use asl::arn::LambdaFunctionArn;
use asl::program::Integration;
use machine::Failure;
use serde_json::{Map, Value, json};

use super::Call;
use super::answer::{Answer, Body};
use super::exchange::Request;
use super::fault::{invalid, of_invoke_api, too_long};

/// The parameter of the Invoke API that names the function.
const NAME: &str = "FunctionName";

/// Which function is invoked, with what, and how.
pub(super) struct Invocation {
    pub(super) name: String,
    /// The function's input, as JSON text.
    pub(super) payload: String,
    qualifier: Option<String>,
    /// `RequestResponse` (the default), `Event` or `DryRun`.
    kind: Option<String>,
    log_type: Option<String>,
    client_context: Option<String>,
}

impl Invocation {
    /// A Task whose resource is the function's ARN: the effective input is the payload.
    pub(super) fn by_arn(arn: &str, parameters: &Payload) -> Self {
        let (name, qualifier) = named(arn);
        Self {
            name,
            payload: parameters.raw().to_owned(),
            qualifier,
            kind: None,
            log_type: None,
            client_context: None,
        }
    }

    /// A Task of `lambda:invoke`: its parameters are those of the Invoke API.
    pub(super) fn of_parameters(
        integration: &Integration,
        parameters: &Payload,
    ) -> Result<Self, Failure> {
        let given = parameters.value();
        let text = |name: &str| given.get(name).and_then(Value::as_str).map(str::to_owned);
        let Some(function) = text(NAME) else {
            // Also `null` will not do, which AWS's table takes for anything.
            let unfit = integration.check(parameters).err();
            let unfit = unfit.unwrap_or_else(|| Integration::without(parameters, NAME));
            return Err(Failure::new("States.Runtime", unfit.cause));
        };
        let (name, qualifier) = named(&function);
        // As recorded on AWS: no payload, or null, reaches a function as an empty object; a
        // string that holds JSON reaches it as that JSON.
        let payload = match given.get("Payload") {
            None | Some(Value::Null) => "{}".to_owned(),
            Some(Value::String(text)) if Payload::from_text(text.as_str()).is_ok() => text.clone(),
            Some(payload) => payload.to_string(),
        };
        Ok(Self {
            name,
            payload,
            qualifier: text("Qualifier").or(qualifier),
            kind: text("InvocationType"),
            log_type: text("LogType"),
            client_context: text("ClientContext"),
        })
    }

    /// Whether the caller wants no answer of the function, only that it was taken.
    pub(super) fn is_event(&self) -> bool {
        self.kind.as_deref() == Some("Event")
    }

    /// The request to a server of the Invoke API. A URL with a path is taken as it is.
    pub(super) fn request(&self, call: &Call, endpoint: &str) -> Request {
        let url = match reqwest::Url::parse(endpoint) {
            Ok(mut url) => {
                if url.path().trim_matches('/').is_empty()
                    && let Ok(mut path) = url.path_segments_mut()
                {
                    path.clear().extend(["2015-03-31", "functions", &self.name, "invocations"]);
                }
                if let Some(qualifier) = &self.qualifier {
                    url.query_pairs_mut().append_pair("Qualifier", qualifier);
                }
                url.to_string()
            }
            Err(_) => endpoint.to_owned(),
        };
        let mut request = Request::new(call, &url, &self.payload);
        let mut header = |name: &str, value: Option<&str>| {
            if let Some(value) = value {
                request.headers.push((name.to_owned(), value.to_owned()));
            }
        };
        let kind = self.kind.as_deref().unwrap_or("RequestResponse");
        header("x-amz-invocation-type", Some(kind));
        header("x-amz-log-type", self.log_type.as_deref());
        header("x-amz-client-context", self.client_context.as_deref());
        request
    }
}

/// Name and qualifier of a function, from `NAME`, `NAME:QUALIFIER`,
/// `ACCOUNT:function:NAME[:QUALIFIER]` or an ARN.
fn named(function: &str) -> (String, Option<String>) {
    if let Some(arn) = LambdaFunctionArn::parse(function) {
        return (arn.name, arn.qualifier);
    }
    let rest = function.split_once(":function:").map_or(function, |(_, rest)| rest);
    match rest.split_once(':') {
        Some((name, qualifier)) => (name.to_owned(), Some(qualifier.to_owned())),
        None => (rest.to_owned(), None),
    }
}

/// The answer, if the function ended well. Errors are as AWS reports them.
pub(super) fn checked(answer: Answer) -> Result<Answer, Failure> {
    let text = answer.body.start();
    if !(200..300).contains(&answer.status) {
        return Err(refused(&answer, text));
    }
    if answer.header("x-amz-function-error").is_empty() {
        return Ok(answer);
    }
    Err(match answer.body.error_type() {
        Some(error) => Failure::new(error, text),
        None => Failure::new("Lambda.Unknown", format!("{UNKNOWN}{text}")),
    })
}

/// AWS's text where a function failed and named no error.
const UNKNOWN: &str = "The cause could not be determined because Lambda did not return an error \
                       type. Returned payload: ";

/// The Lambda service itself said no.
fn refused(answer: &Answer, text: &str) -> Failure {
    let code = answer.header("x-amzn-errortype");
    let code = code.split(':').next().unwrap_or_default();
    let message = serde_json::from_str::<Value>(text)
        .ok()
        .and_then(|body| {
            let message = body.get("Message").or_else(|| body.get("message"))?;
            message.as_str().map(str::to_owned)
        })
        .unwrap_or_else(|| match text.trim() {
            "" => answer.status_text(),
            text => text.to_owned(),
        });
    let or_null = |text: &str| if text.is_empty() { "null" } else { text }.to_owned();
    Failure::new(
        of_invoke_api(answer.status, code),
        format!(
            "{message} (Service: AWSLambda; Status Code: {}; Error Code: {}; Request ID: {}; \
             Proxy: null)",
            answer.status,
            or_null(code),
            or_null(answer.header("x-amzn-requestid"))
        ),
    )
}

/// The result of `lambda:invoke`: what the Invoke API answered, in AWS's shape.
pub(super) fn result(answer: &Answer) -> Result<Payload, Failure> {
    let text = match &answer.body {
        Body::Text(text) => text.as_str(),
        Body::TooLong { .. } => return Err(too_long("lambda")),
    };
    let payload: Value = if text.is_empty() {
        Value::String(String::new())
    } else {
        serde_json::from_str(text)
            .map_err(|why| invalid(format!("the payload is not JSON: {why}")))?
    };
    let (mut all, mut first) = (Map::new(), BTreeMap::new());
    for name in answer.headers.keys() {
        let values: Vec<&str> =
            answer.headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect();
        first.insert(name.as_str(), (spelled(name.as_str()), json!(values.first())));
        all.insert(spelled(name.as_str()), json!(values));
    }
    // Sorted without regard to case, as the names by which they are sorted have none.
    let first: Map<String, Value> = first.into_values().collect();
    let version = match answer.header("x-amz-executed-version") {
        "" => "$LATEST",
        version => version,
    };
    let mut result = json!({ "ExecutedVersion": version });
    match answer.header("x-amz-log-result") {
        "" => {}
        log => result["LogResult"] = json!(log),
    }
    result["Payload"] = payload;
    result["SdkHttpMetadata"] = json!({
        "AllHttpHeaders": all,
        "HttpHeaders": first,
        "HttpStatusCode": answer.status,
    });
    result["SdkResponseMetadata"] = json!({ "RequestId": answer.header("x-amzn-requestid") });
    result["StatusCode"] = json!(answer.status);
    Payload::from_value(result).map_err(|why| invalid(format!("of the answer, {why}")))
}

/// A header's name as AWS writes it; what an HTTP library gives has lost its capitals.
fn spelled(name: &str) -> String {
    let mut parts = name.split('-');
    let small = match name {
        "x-amzn-requestid" => return "x-amzn-RequestId".to_owned(),
        "x-amzn-errortype" => return "x-amzn-ErrorType".to_owned(),
        "x-amz-crc32" => return name.to_owned(),
        // Of this the first two parts stay small.
        "x-amzn-remapped-content-length" => parts.by_ref().take(2).collect(),
        _ => Vec::new(),
    };
    let rest = parts.map(|part| {
        let mut letters = part.chars();
        let first = letters.next().map(|first| first.to_ascii_uppercase());
        first.into_iter().chain(letters).collect::<String>()
    });
    small.into_iter().map(str::to_owned).chain(rest).collect::<Vec<_>>().join("-")
}
