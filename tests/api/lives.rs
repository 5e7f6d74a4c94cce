//! A state machine that is created under the name of one that was deleted has a life of its own.

use serde_json::{Value, json};

use super::activities::{poll, succeed, task};
use super::{Client, ROLE, Served, pass, refused, wait};

const MACHINE: &str = "arn:aws:states:us-east-1:123456789012:stateMachine:again";
const EXECUTION: &str = "arn:aws:states:us-east-1:123456789012:execution:again:one";

async fn create(client: &Client, definition: &str) {
    let request = json!({ "name": "again", "definition": definition, "roleArn": ROLE });
    let created = json!({ "stateMachineArn": MACHINE, "creationDate": "<seconds>" });
    client.check_aws("CreateStateMachine", request, 200, created).await;
}

async fn start(client: &Client) {
    let request = json!({ "stateMachineArn": MACHINE, "name": "one" });
    let started = json!({ "executionArn": EXECUTION, "startDate": "<seconds>" });
    client.check_aws("StartExecution", request, 200, started).await;
}

async fn delete(client: &Client) {
    let request = json!({ "stateMachineArn": MACHINE });
    client.check_aws("DeleteStateMachine", request, 200, json!({})).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_the_earlier_life_is_left() {
    let served = Served::start().await;
    let client = &served.client;
    let of = json!({ "stateMachineArn": MACHINE });
    create(client, &pass()).await;
    let tag = json!({ "resourceArn": MACHINE, "tags": [{ "key": "team", "value": "blue" }] });
    client.check_aws("TagResource", tag, 200, json!({})).await;
    client.aws("PublishStateMachineVersion", of.clone()).await;
    start(client).await;
    assert_eq!(client.wait_for_end(EXECUTION).await["status"], "SUCCEEDED");
    delete(client).await;
    let (status, _) = client.aws("DescribeExecution", json!({ "executionArn": EXECUTION })).await;
    assert_eq!(status, 200, "what it came to can still be read");

    create(client, &pass()).await;
    client.check_aws("ListExecutions", of.clone(), 200, json!({ "executions": [] })).await;
    let none =
        refused("ExecutionDoesNotExist", &format!("Execution Does Not Exist: '{EXECUTION}'"));
    let named = json!({ "executionArn": EXECUTION });
    client.check_aws("DescribeExecution", named.clone(), 400, none.clone()).await;
    client.check_aws("GetExecutionHistory", named.clone(), 400, none.clone()).await;
    client.check_aws("StopExecution", named, 400, none).await;
    let resource = json!({ "resourceArn": MACHINE });
    client.check_aws("ListTagsForResource", resource, 200, json!({ "tags": [] })).await;
    let versions = json!({ "stateMachineVersions": [] });
    client.check_aws("ListStateMachineVersions", of.clone(), 200, versions).await;
    start(client).await;
    assert_eq!(client.wait_for_end(EXECUTION).await["status"], "SUCCEEDED");
    let (_, listed) = client.aws("ListExecutions", of).await;
    assert_eq!(listed["executions"].as_array().map(Vec::len), Some(1), "{listed}");
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_is_free_once_the_last_execution_has_ended() {
    let served = Served::start().await;
    let client = &served.client;
    let definition =
        wait(1).replace(r#""End": true}"#, r#""Next": "B"}, "B": {"Type": "Pass", "End": true}"#);
    create(client, &definition).await;
    start(client).await;
    delete(client).await;
    let request = json!({ "name": "again", "definition": pass(), "roleArn": ROLE });
    let busy = refused("StateMachineDeleting", "State Machine is being deleted: '…");
    let (status, answer) = client.aws("CreateStateMachine", request).await;
    assert_eq!((status, &answer["__type"]), (400, &busy["__type"]), "{answer}");
    let ended = client.wait_for_end(EXECUTION).await;
    let shown = [&ended["status"], &ended["error"], &ended["cause"]];
    let deleted = "State machine again has been deleted.";
    assert_eq!(shown, ["FAILED", "States.Runtime", deleted].map(Value::from).each_ref());
    create(client, &pass()).await;
    start(client).await;
    assert_eq!(client.wait_for_end(EXECUTION).await["status"], "SUCCEEDED");
    served.stop().await;
}

/// Starts an execution under this key; its ARN.
async fn start_under(client: &Client, key: &str) -> String {
    let path = "/v1/state-machines/again/executions";
    let headers = [("Idempotency-Key", key)];
    let (status, text) = client.rest_with("POST", path, &headers, r#"{"input": {}}"#).await;
    assert_eq!(status, 201, "{text}");
    let started: Value = serde_json::from_str(&text).unwrap();
    started["arn"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_answers_too_late_ends_it_and_keys_and_versions_begin_anew() {
    let served = Served::start().await;
    let client = &served.client;
    client.aws("CreateActivity", json!({ "name": "slow" })).await;
    let of = json!({ "stateMachineArn": MACHINE });
    let definition = task("slow", "")
        .replace(r#""End": true}"#, r#""Next": "P"}, "P": {"Type": "Pass", "End": true}"#);
    create(client, &definition).await;
    client.aws("PublishStateMachineVersion", of.clone()).await;
    let at_work = start_under(client, "order-1").await;
    let (token, _) = poll(client, "slow", "w").await;
    delete(client).await;
    succeed(client, &token, "{}").await;
    let ended = client.wait_for_end(&at_work).await;
    assert_eq!(
        [&ended["status"], &ended["error"], &ended["cause"]],
        ["FAILED", "States.Runtime", "State machine again has been deleted."]
    );

    create(client, &pass()).await;
    let started = start_under(client, "order-1").await;
    let ended = client.wait_for_end(&started).await;
    assert_eq!(ended["status"], "SUCCEEDED", "a start of its own");
    assert_eq!(start_under(client, "order-1").await, started, "and a repeated one is this");
    let (_, listed) = client.aws("ListExecutions", of.clone()).await;
    assert_eq!(listed["executions"].as_array().map(Vec::len), Some(1), "{listed}");
    let (_, published) = client.aws("PublishStateMachineVersion", of).await;
    assert_eq!(published["stateMachineVersionArn"], format!("{MACHINE}:1"));
    served.stop().await;
}
