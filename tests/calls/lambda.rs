//! The Lambda Invoke API, and `lambda:invoke` on top of it.

use serde_json::{Value, json};
use store::Protocol;

use super::caller::{ACCOUNT, ANSWER_BYTES, Caller, arn_of, by_arn, invoke};
use super::peer::{Answer, Peer, Received, answer, ok, raw};

/// A caller whose functions are all at this Lambda-compatible server.
async fn caller_of(peer: &Peer) -> Caller {
    let url = peer.url.clone();
    Caller::with(|options| options.lambda_endpoint = Some(url)).await
}

/// What a server of the Invoke API is sent for these parameters of `lambda:invoke`.
async fn sent(parameters: &Value) -> Received {
    let peer = Peer::always(|| ok("1")).await;
    let outcome = caller_of(&peer).await.perform(&invoke(&parameters.to_string())).await;
    assert!(outcome.starts_with(r#"{"ExecutedVersion""#), "{outcome}");
    peer.only()
}

/// What a function by ARN comes to when the server answers so.
async fn check(reply: impl Fn() -> Answer + Send + Sync + 'static, expected: &str) {
    let peer = Peer::always(reply).await;
    let caller = caller_of(&peer).await;
    assert_eq!(caller.perform(&by_arn("f", "{}")).await, expected);
    let by_name = caller.perform(&invoke(r#"{"FunctionName": "f"}"#)).await;
    assert_eq!(by_name, expected, "`lambda:invoke` fails alike");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_result_of_a_function_by_arn_is_its_payload() {
    let peer = Peer::always(|| ok(r#"{"a":  1.0}"#)).await;
    let caller = caller_of(&peer).await;
    assert_eq!(caller.perform(&by_arn("f:7", r#"{"n":  1}"#)).await, r#"{"a":  1.0}"#);
    let received = peer.only();
    assert_eq!(received.line, "POST /2015-03-31/functions/f/invocations?Qualifier=7 HTTP/1.1");
    assert_eq!(received.body, r#"{"n":  1}"#);
    assert_eq!(received.header("x-amz-invocation-type"), "RequestResponse");
    assert!(!received.header("idempotency-key").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_result_of_lambda_invoke_has_awss_shape() {
    let headers = ["x-amz-executed-version: 3", "x-amzn-requestid: r-1", "x-amz-log-result: bG9n"];
    let peer = Peer::always(move || answer("200 OK", &headers, r#"{"a": [1, "b"]}"#)).await;
    let outcome = caller_of(&peer).await.perform(&invoke(r#"{"FunctionName": "f"}"#)).await;
    let result: Value = serde_json::from_str(&outcome).unwrap();
    let members: Vec<&String> = result.as_object().unwrap().keys().collect();
    let expected = [
        "ExecutedVersion",
        "LogResult",
        "Payload",
        "SdkHttpMetadata",
        "SdkResponseMetadata",
        "StatusCode",
    ];
    assert_eq!(members, expected);
    assert_eq!(result["ExecutedVersion"], "3");
    assert_eq!(result["LogResult"], "bG9n");
    assert_eq!(result["Payload"], json!({"a": [1, "b"]}));
    assert_eq!(result["SdkResponseMetadata"], json!({"RequestId": "r-1"}));
    assert_eq!(result["StatusCode"], 200);
    let metadata = &result["SdkHttpMetadata"];
    assert_eq!(metadata["HttpStatusCode"], 200);
    assert_eq!(metadata["HttpHeaders"]["x-amzn-RequestId"], "r-1");
    assert_eq!(metadata["AllHttpHeaders"]["x-amzn-RequestId"], json!(["r-1"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_in_a_result_are_spelled_as_on_aws() {
    // As HTTP/2 has them, where capitals are not allowed.
    let headers = [
        "x-amz-executed-version: 3",
        "x-amzn-remapped-content-length: 0",
        "x-amzn-requestid: r-1",
        "content-type: application/json",
        "date: now",
        "x-amzn-trace-id: t",
        "x-amz-crc32: 7",
    ];
    let peer = Peer::always(move || answer("200 OK", &headers, "1")).await;
    let outcome = caller_of(&peer).await.perform(&invoke(r#"{"FunctionName": "f"}"#)).await;
    let result: Value = serde_json::from_str(&outcome).unwrap();
    let names = |member: &str| {
        let names = result["SdkHttpMetadata"][member].as_object().unwrap().keys().cloned();
        // The server under test says how long its answer is, and that it ends the connection.
        names.filter(|name| !["Content-Length", "Connection"].contains(&name.as_str())).collect()
    };
    let sent: Vec<String> = names("AllHttpHeaders");
    let as_sent = [
        "X-Amz-Executed-Version",
        "x-amzn-Remapped-Content-Length",
        "x-amzn-RequestId",
        "Content-Type",
        "Date",
        "X-Amzn-Trace-Id",
        "x-amz-crc32",
    ];
    assert_eq!(sent, as_sent);
    let sorted: Vec<String> = names("HttpHeaders");
    let as_sorted = [
        "Content-Type",
        "Date",
        "x-amz-crc32",
        "X-Amz-Executed-Version",
        "x-amzn-Remapped-Content-Length",
        "x-amzn-RequestId",
        "X-Amzn-Trace-Id",
    ];
    assert_eq!(sorted, as_sorted);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registered_function_answers_lambda_invoke_too() {
    let peer = Peer::start(|received, _| ok(&received.body)).await;
    let empty = Peer::always(|| ok("")).await;
    let caller = Caller::new().await;
    caller.register("f", &peer.url, |_| {}).await;
    caller.register("empty", &empty.url, |_| {}).await;
    let payload =
        |outcome: String| serde_json::from_str::<Value>(&outcome).unwrap()["Payload"].clone();
    let call = invoke(r#"{"FunctionName": "f", "Payload": {"n": 1}}"#);
    assert_eq!(payload(caller.perform(&call).await), json!({"n": 1}));
    let call = invoke(r#"{"FunctionName": "empty"}"#);
    assert_eq!(payload(caller.perform(&call).await), Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registered_lambda_function_is_asked_at_its_own_url() {
    let peer = Peer::always(|| ok("1")).await;
    let caller = Caller::new().await;
    let lambda = |function: &mut store::Function| function.protocol = Protocol::Lambda;
    caller.register("root", &peer.url, lambda).await;
    caller.register("path", &format!("{}/own/path", peer.url), lambda).await;
    assert_eq!(caller.perform(&by_arn("root", "{}")).await, "1");
    assert_eq!(caller.perform(&by_arn("path", "{}")).await, "1");
    let lines: Vec<String> = peer.received().into_iter().map(|one| one.line).collect();
    assert_eq!(lines[0], "POST /2015-03-31/functions/root/invocations HTTP/1.1");
    assert_eq!(lines[1], "POST /own/path HTTP/1.1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_error_is_named_by_its_type() {
    let headers = ["x-amz-function-error: Unhandled"];
    let body = r#"{"errorMessage": "no", "errorType": "Declined"}"#;
    check(move || answer("200 OK", &headers, body), &format!("Declined: {body}")).await;
    let body = r#"{"errorMessage": "out of memory"}"#;
    let unknown = "Lambda.Unknown: The cause could not be determined because Lambda did not return \
                   an error type. Returned payload: ";
    check(move || answer("200 OK", &headers, body), &format!("{unknown}{body}")).await;
    check(move || answer("200 OK", &headers, "oops"), &format!("{unknown}oops")).await;
    check(move || answer("200 OK", &headers, ""), unknown).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_over_the_limit_keeps_its_name_and_has_its_cause_cut() {
    let headers = ["x-amz-function-error: Unhandled"];
    let trace = "x".repeat(2 * ANSWER_BYTES);
    for body in [
        json!({"errorType": "Declined", "errorMessage": trace}).to_string(),
        // As Python's runtime writes it.
        format!(r#"{{"errorMessage": "{trace}", "errorType": "Declined"}}"#),
    ] {
        let expected = format!("Declined: {}", &body[..32_768]);
        check(move || answer("200 OK", &headers, &body), &expected).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_connection_is_the_error_that_usual_retriers_of_lambda_take() {
    let endpoint = super::broken::deaf();
    let url = endpoint.1.clone();
    let caller = Caller::with(|options| options.lambda_endpoint = Some(url)).await;
    let place = format!("{}/2015-03-31/functions/f/invocations", endpoint.1);
    let refused = format!(
        "Lambda.SdkClientException: Unable to execute HTTP request: cannot connect to `{place}`: "
    );
    let silent = Peer::always(|| raw("")).await;
    let cut_off = Peer::always(|| raw("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{")).await;
    let place = |peer: &Peer| format!("{}/2015-03-31/functions/f/invocations", peer.url);
    let lost = format!(
        "Lambda.SdkClientException: Unable to execute HTTP request: `{}` gave no answer that can \
         be read: ",
        place(&silent)
    );
    let unfinished = format!(
        "Lambda.SdkClientException: Unable to unmarshall the response: the answer of `{}` was cut \
         off: ",
        place(&cut_off)
    );
    for call in [by_arn("f", "{}"), invoke(r#"{"FunctionName": "f"}"#)] {
        let outcome = caller.perform(&call).await;
        assert!(outcome.starts_with(&refused), "{outcome}");
        let outcome = caller_of(&silent).await.perform(&call).await;
        assert!(outcome.starts_with(&lost), "{outcome}");
        let outcome = caller_of(&cut_off).await.perform(&call).await;
        assert!(outcome.starts_with(&unfinished), "{outcome}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn throttling_has_its_name_with_and_without_a_code() {
    let body = r#"{"Reason": "ReservedFunctionConcurrentInvocationLimitExceeded", "Type": "User", "message": "Rate Exceeded."}"#;
    let expected = |code: &str| {
        format!(
            "Lambda.TooManyRequestsException: Rate Exceeded. (Service: AWSLambda; Status Code: \
             429; Error Code: {code}; Request ID: null; Proxy: null)"
        )
    };
    let headers = ["x-amzn-errortype: TooManyRequestsException"];
    let named = expected("TooManyRequestsException");
    check(move || answer("429 X", &headers, body), &named).await;
    check(move || answer("429 X", &[], body), &expected("null")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_the_server_does_not_have_fails_as_on_aws() {
    let headers =
        ["x-amzn-errortype: ResourceNotFoundException:http://x/", "x-amzn-requestid: r-1"];
    let message = format!("Function not found: {}", arn_of("f:$LATEST"));
    let body = json!({"Type": "User", "Message": message}).to_string();
    let expected = format!(
        "Lambda.ResourceNotFoundException: {message} (Service: AWSLambda; Status Code: 404; \
         Error Code: ResourceNotFoundException; Request ID: r-1; Proxy: null)"
    );
    check(move || answer("404 Not Found", &headers, &body), &expected).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_without_a_word_is_told_by_its_status() {
    let trailer = |status: u16| {
        format!(
            "(Service: AWSLambda; Status Code: {status}; Error Code: null; Request ID: null; \
             Proxy: null)"
        )
    };
    for (status, reason, error) in [
        (404, "Not Found", "AWSLambdaException"),
        (429, "Too Many Requests", "TooManyRequestsException"),
        (500, "Internal Server Error", "ServiceException"),
        (502, "Bad Gateway", "ServiceException"),
        (503, "Service Unavailable", "ServiceException"),
        (504, "Gateway Timeout", "ServiceException"),
    ] {
        let line = format!("{status} X");
        let expected = format!("Lambda.{error}: {status} {reason} {}", trailer(status));
        check(move || answer(&line, &[], ""), &expected).await;
        // What is no JSON is told as it is.
        let line = format!("{status} X");
        let expected = format!("Lambda.{error}: <html> {}", trailer(status));
        check(move || answer(&line, &[], "<html>"), &expected).await;
    }
    let expected = format!(
        "Lambda.AWSLambdaException: 302 Found; redirects are not followed, since a call is a POST \
         {}",
        trailer(302)
    );
    check(|| answer("302 X", &["location: /"], ""), &expected).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_too_long_is_refused_in_both_ways() {
    let peer = Peer::always(|| Answer::Endless).await;
    let caller = caller_of(&peer).await;
    for call in [by_arn("f", "{}"), invoke(r#"{"FunctionName": "f"}"#)] {
        let outcome = caller.perform(&call).await;
        assert!(outcome.starts_with("States.DataLimitExceeded: "), "{outcome}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_is_named_in_four_ways() {
    let forms = [
        ("f".to_owned(), "f/invocations"),
        ("f:live".to_owned(), "f/invocations?Qualifier=live"),
        (format!("{ACCOUNT}:function:f"), "f/invocations"),
        (format!("{ACCOUNT}:function:f:live"), "f/invocations?Qualifier=live"),
        (arn_of("f"), "f/invocations"),
        (arn_of("f:$LATEST"), "f/invocations?Qualifier=%24LATEST"),
    ];
    for (name, path) in forms {
        let received = sent(&json!({"FunctionName": name})).await;
        assert_eq!(received.line, format!("POST /2015-03-31/functions/{path} HTTP/1.1"), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_parameters_of_lambda_invoke_are_those_of_the_api() {
    let received = sent(&json!({
        "FunctionName": "f:old", "Qualifier": "new", "InvocationType": "Event",
        "LogType": "Tail", "ClientContext": "e30=",
    }))
    .await;
    assert!(received.line.contains("?Qualifier=new "), "{}", received.line);
    assert_eq!(received.header("x-amz-invocation-type"), "Event");
    assert_eq!(received.header("x-amz-log-type"), "Tail");
    assert_eq!(received.header("x-amz-client-context"), "e30=");
    let received = sent(&json!({"FunctionName": "f"})).await;
    assert_eq!(received.header("x-amz-log-type"), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payload_reaches_the_function_as_on_aws() {
    let cases = [
        (json!({"n": 1}), r#"{"n":1}"#),
        (json!(null), "{}"),
        (json!(r#"{"n":  1}"#), r#"{"n":  1}"#),
        (json!("plain text"), r#""plain text""#),
    ];
    for (payload, body) in cases {
        let received = sent(&json!({"FunctionName": "f", "Payload": payload})).await;
        assert_eq!(received.body, body);
    }
    assert_eq!(sent(&json!({"FunctionName": "f"})).await.body, "{}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_accepted_without_a_payload() {
    let peer = Peer::always(|| answer("202 Accepted", &[], "")).await;
    let call = invoke(r#"{"FunctionName": "f", "InvocationType": "Event"}"#);
    let outcome = caller_of(&peer).await.perform(&call).await;
    let result: Value = serde_json::from_str(&outcome).unwrap();
    assert_eq!((&result["Payload"], &result["StatusCode"]), (&json!(""), &json!(202)));
}

#[tokio::test(flavor = "multi_thread")]
async fn lambda_invoke_needs_the_name_of_a_function() {
    let peer = Peer::always(|| ok("1")).await;
    let caller = caller_of(&peer).await;
    for (parameters, why) in [
        (r#"{"Payload":1}"#, "The field 'FunctionName' is required but was missing"),
        (r#"{"FunctionName":null}"#, "The field 'FunctionName' is required but was missing"),
        (r#"{"FunctionName":12}"#, "The value for the field 'FunctionName' must be a STRING"),
    ] {
        let expected = format!(
            "States.Runtime: The Parameters '{parameters}' could not be used to start the Task: [{why}]"
        );
        assert_eq!(caller.perform(&invoke(parameters)).await, expected);
    }
    assert!(peer.received().is_empty(), "nothing is called");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payload_that_cannot_be_part_of_a_result_is_an_invalid_response() {
    let call = invoke(r#"{"FunctionName": "f"}"#);
    let peer = Peer::always(|| ok("{")).await;
    let expected = "Statewright.InvalidResponse: the payload is not JSON: EOF while parsing an \
                    object at line 1 column 1";
    assert_eq!(caller_of(&peer).await.perform(&call).await, expected);
    // It is a payload, and one level deeper in the result it is none.
    let peer = Peer::always(|| ok(&format!("{}{}", "[".repeat(120), "]".repeat(120)))).await;
    let expected = "Statewright.InvalidResponse: of the answer, the data is nested more than 120 \
                    levels deep";
    assert_eq!(caller_of(&peer).await.perform(&call).await, expected);
}
