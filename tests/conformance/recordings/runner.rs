//! The runner itself, against a server of a few canned answers.

use std::sync::Arc;

use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use serde_json::{Value, json};

use super::case::Case;
use super::conversation::play;
use super::functions::Functions;
use super::wire::Wire;

#[tokio::test]
async fn saves_are_referred_to_and_pages_are_joined() {
    let played = converse(json!([
        {"resource": "iam_role", "name": "r-${uid.1}", "save": "role"},
        {"call": "ListStateMachines", "params": {}, "save": "all", "paginate": true},
        {"expect": "machines", "value": "${all}"},
        {"call": "Echo", "params": {"text": {"$json": {"role": "${role.arn}"}}}, "save": "echo"},
        {"expect": "echo", "value": "${echo.params.text}"},
        {"expect": "last", "value": "${all.stateMachines[-1].name|part:-1}"},
        {"await": "state_machine_listed", "state_machine_arn": "a:2"},
    ]));
    assert_eq!(played.await, Ok(()));
}

#[tokio::test]
async fn a_background_block_ends_before_what_reads_it_is_compared() {
    let played = converse(json!([
        {"background": [{"call": "Echo", "params": {"text": "beside"}, "save": "beside"}]},
        {"expect": "beside", "value": "${beside.params.text}"},
    ]));
    assert_eq!(played.await, Ok(()));
}

#[tokio::test]
async fn an_error_is_saved_as_the_sdk_tells_it() {
    let played = converse(json!([
        {"call": "Fail", "params": {}, "save": "fail", "error": true},
        {"expect": "error", "value": "${fail.$error}"},
    ]));
    assert_eq!(played.await, Ok(()));
}

#[tokio::test]
async fn a_wrong_answer_is_told_with_its_step_and_place() {
    let played = converse(json!([
        {"call": "Echo", "params": {"n": [1, 2]}, "save": "echo"},
        {"expect": "numbers", "value": "${echo.params}"},
    ]));
    let told = "step 1, expect `numbers`: at /n/1: expected 3, found 2";
    assert_eq!(played.await, Err(told.to_owned()));
}

#[tokio::test]
async fn an_answer_that_aws_refuses_is_told_at_once() {
    let played = converse(json!([{"call": "Echo", "params": {}, "save": "e", "error": true}]));
    let told = played.await.unwrap_err();
    assert!(told.starts_with("step 0, Echo: AWS rejects this, the answer is "), "{told}");
}

#[tokio::test]
async fn functions_behave_as_described_and_unknown_ones_are_404() {
    let functions = Functions::default();
    let address = functions.serve().await.unwrap();
    let raise = json!({"behaviour": "raise", "errorType": "E", "errorMessage": "m",
        "stackTrace": [], "payload_spacing": "spaced"});
    functions.provide("raises", serde_json::from_value(raise).unwrap());
    let prefix = json!({"behaviour": "prefix", "prefix": "p-"});
    functions.provide("prefixes", serde_json::from_value(prefix).unwrap());
    let call = async |name: &str| {
        let url = format!("http://{address}/2015-03-31/functions/{name}/invocations");
        let request = tests::client::client().post(url).body(r#"["a", "b"]"#);
        let response = request.send().await.unwrap();
        let failed = response.headers().contains_key("x-amz-function-error");
        (response.status().as_u16(), failed, response.text().await.unwrap())
    };
    let prefixed = (200, false, r#""p-['a', 'b']""#.to_owned());
    assert_eq!(call("prefixes").await, prefixed);
    assert_eq!(call("arn:aws:lambda:us-east-1:123456789012:function:prefixes").await, prefixed);
    let (status, failed, text) = call("raises").await;
    assert_eq!((status, failed), (200, true));
    assert!(
        text.starts_with(r#"{"errorMessage": "m", "errorType": "E", "requestId": ""#),
        "{text}"
    );
    assert_eq!(call("absent").await.0, 404);
}

/// Plays these steps against the canned server.
async fn converse(steps: Value) -> Result<(), String> {
    let case: Case = serde_json::from_value(json!({
        "id": "a case", "needs": [], "steps": steps,
        "expect": {
            "machines": {
                "stateMachines": [
                    {"stateMachineArn": "a:1", "name": "n:one"},
                    {"stateMachineArn": "a:2", "name": "n:two"},
                ],
                "ResponseMetadata": "${any:value}",
            },
            "echo": "{\"role\": \"arn:aws:iam::${account}:role/r-${uid.1}\"}",
            "last": "two",
            "beside": "beside",
            "numbers": {"n": [1, 3]},
            "error": {
                "typename": "Boom",
                "text": "An error occurred (Boom) when calling the Fail operation: no",
                "response": {
                    "Error": {"Code": "Boom", "Message": "no"},
                    "message": "no",
                    "ResponseMetadata": {"HTTPHeaders": {}, "HTTPStatusCode": 400},
                },
            },
        },
    }))
    .unwrap();
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let wire = Wire::new(&format!("http://{}", listener.local_addr().unwrap()));
    let router = Router::new().route("/", post(answer));
    tokio::spawn(async move { axum::serve(listener, router).await });
    play(Arc::new(case), wire, Functions::default()).await
}

/// The canned server: it echoes, refuses, and lists two machines on two pages.
async fn answer(headers: HeaderMap, body: String) -> (StatusCode, String) {
    let params: Value = serde_json::from_str(&body).unwrap();
    let target = headers["x-amz-target"].to_str().unwrap();
    let answer = match target.trim_start_matches("AWSStepFunctions.") {
        "Fail" => {
            let refusal = json!({"__type": "com.amazonaws.states#Boom", "message": "no"});
            return (StatusCode::BAD_REQUEST, refusal.to_string());
        }
        "ListStateMachines" if params["nextToken"].is_null() => json!({
            "stateMachines": [{"stateMachineArn": "a:1", "name": "n:one"}], "nextToken": "2",
        }),
        "ListStateMachines" => json!({
            "stateMachines": [{"stateMachineArn": "a:2", "name": "n:two"}], "nextToken": null,
        }),
        _ => json!({"params": params, "absent": null}),
    };
    (StatusCode::OK, answer.to_string())
}
