//! `aws-sdk:sfn`: what this server's own API answers, as a task's result or error.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use runtime::perform::{OwnApi, Refused};
use runtime::{Engine, EngineOptions};
use serde_json::{Value, json};

use super::caller::{ACCOUNT, Caller, of_resource, soon};

/// An API that knows one execution, refuses others, and has one answer that is no result.
struct Canned;

impl OwnApi for Canned {
    fn answer<'a>(
        &'a self,
        account: &'a str,
        operation: &'a str,
        body: &'a Value,
    ) -> BoxFuture<'a, Result<Value, Refused>> {
        let answer = match (operation, body["executionArn"].as_str()) {
            ("DescribeExecution", Some("known")) => Ok(json!({"name": account, "startDate": 0})),
            ("DescribeExecution", Some("deep")) => {
                Ok((0..120).fold(json!({}), |deep, _| json!([deep])))
            }
            _ => Err(Refused {
                code: "ExecutionDoesNotExist".to_owned(),
                message: "Execution Does Not Exist: 'gone'".to_owned(),
                status: 400,
            }),
        };
        Box::pin(std::future::ready(answer))
    }
}

async fn check(parameters: &str, expected: &str) {
    let caller = Caller::new().await;
    caller.performers().set_own_api(Arc::new(Canned));
    let call = of_resource("arn:aws:states:::aws-sdk:sfn:describeExecution", parameters);
    assert_eq!(caller.perform(&call).await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_a_result_in_the_spelling_of_sdk_integrations() {
    check(
        r#"{"ExecutionArn": "known"}"#,
        r#"{"Name":"123456789012","StartDate":"1970-01-01T00:00:00Z"}"#,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_an_error_of_the_service() {
    check(
        r#"{"ExecutionArn": "gone"}"#,
        "Sfn.ExecutionDoesNotExistException: Execution Does Not Exist: 'gone' (Service: Sfn, \
         Status Code: 400, Request ID: 01234567-89ab-cdef-0123-456789abcdef-7) \
         (SDK Attempt Count: 1)",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_too_deep_is_no_result() {
    check(
        r#"{"ExecutionArn": "deep"}"#,
        "States.Runtime: the answer cannot be a result: the data is nested more than 120 levels deep",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_execution_asks_the_server_that_runs_it() {
    let caller = Caller::new().await;
    let performers = caller.performers().clone();
    let engine = Engine::start(caller.store(), EngineOptions::default(), performers.clone());
    let engine = engine.await.unwrap();
    let api = http_api::own_api(&engine);
    performers.set_own_api(api.clone());
    let ask = async |operation: &str, body: Value| api.answer(ACCOUNT, operation, &body).await;
    ask("CreateActivity", json!({"name": "moor"})).await.unwrap();
    let definition = r#"{"StartAt": "A", "States": {"A": {"Type": "Task", "End": true,
        "Resource": "arn:aws:states:::aws-sdk:sfn:listActivities", "Parameters": {},
        "ResultSelector": {"name.$": "$.Activities[0].Name"}}}}"#;
    let role = "arn:aws:iam::123456789012:role/r";
    let machine = json!({"name": "m", "definition": definition, "roleArn": role});
    let machine = ask("CreateStateMachine", machine).await.unwrap();
    let start = json!({"stateMachineArn": machine["stateMachineArn"]});
    let started = ask("StartExecution", start).await.unwrap();
    let described = json!({"executionArn": started["executionArn"]});
    let ended = async {
        loop {
            let found = ask("DescribeExecution", described.clone()).await.unwrap();
            if found["status"] != "RUNNING" {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let ended = soon(ended).await;
    assert_eq!(ended["output"], r#"{"name":"moor"}"#, "{ended}");
    engine.shutdown().await;
}
