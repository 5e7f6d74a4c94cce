//! U+0000, which the database cannot hold in a text, is kept and given back wherever people write.

use serde_json::{Value, json};

use super::{Client, ROLE, Served, wait};

const MACHINE: &str = "arn:aws:states:us-east-1:123456789012:stateMachine:zero";
/// Also what stands for it in the database, and what earlier releases gave instead.
const TEXT: &str = "a\u{0}b \u{10FFFF}0 \u{FFFD}";

async fn ok(client: &Client, operation: &str, request: Value) -> Value {
    let (status, answer) = client.aws(operation, request).await;
    assert_eq!(status, 200, "{operation}: {answer}");
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn every_text_is_given_back_with_its_zeros() {
    let served = Served::start().await;
    let client = &served.client;
    let definition = wait(600).replacen('{', r#"{"Comment": "a\u0000b", "#, 1);
    let tags = json!([{ "key": TEXT, "value": TEXT }]);
    let request = json!({
        "name": "zero", "definition": definition, "roleArn": ROLE, "tags": tags,
        "publish": true, "versionDescription": TEXT,
    });
    ok(client, "CreateStateMachine", request).await;
    let shown = ok(client, "DescribeStateMachine", json!({ "stateMachineArn": MACHINE })).await;
    assert_eq!(shown["definition"], json!(definition));
    let version = json!({ "stateMachineArn": format!("{MACHINE}:1") });
    assert_eq!(ok(client, "DescribeStateMachine", version).await["description"], TEXT);

    let resource = json!({ "resourceArn": MACHINE });
    assert_eq!(ok(client, "ListTagsForResource", resource.clone()).await["tags"], tags);
    let untag = json!({ "resourceArn": MACHINE, "tagKeys": [TEXT] });
    ok(client, "UntagResource", untag).await;
    assert_eq!(ok(client, "ListTagsForResource", resource).await["tags"], json!([]));

    let started = ok(client, "StartExecution", json!({ "stateMachineArn": MACHINE })).await;
    let execution = &started["executionArn"];
    let stop = json!({ "executionArn": execution, "error": TEXT, "cause": TEXT });
    ok(client, "StopExecution", stop).await;
    let named = json!({ "executionArn": execution });
    let ended = ok(client, "DescribeExecution", named.clone()).await;
    assert_eq!([&ended["error"], &ended["cause"]], [TEXT, TEXT]);
    let history = ok(client, "GetExecutionHistory", named).await;
    let last = history["events"].as_array().unwrap().last().unwrap();
    assert_eq!(last["executionAbortedEventDetails"], json!({ "error": TEXT, "cause": TEXT }));
    let path = format!("/v1/executions/{}", execution.as_str().unwrap());
    let (_, ended) = client.rest("GET", &path, Value::Null).await;
    assert_eq!([&ended["error"], &ended["cause"]], [TEXT, TEXT]);

    let schedule = json!({
        "expression": "rate(1 day)", "state_machine": "zero", "description": TEXT,
        "state": "paused", "paused_reason": TEXT,
    });
    client.rest("PUT", "/v1/schedules/zero", schedule).await;
    let (_, kept) = client.rest("GET", "/v1/schedules/zero", Value::Null).await;
    assert_eq!([&kept["description"], &kept["paused_reason"]], [TEXT, TEXT]);
    served.stop().await;
}
