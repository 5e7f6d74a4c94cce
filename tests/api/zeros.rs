//! U+0000, which the database cannot hold in a text, is kept and given back wherever people write.

use serde_json::{Value, json};

use super::activities::{create, poll, start, task};
use super::{Client, ROLE, Served, pass, wait};

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

/// The end of this execution, at both doors and in its history.
async fn assert_ends_with_zeros(client: &Client, execution: &str, details: &str) {
    client.wait_for_end(execution).await;
    let named = json!({ "executionArn": execution });
    let ended = ok(client, "DescribeExecution", named.clone()).await;
    assert_eq!([&ended["error"], &ended["cause"]], [TEXT, TEXT], "{execution}");
    let history = ok(client, "GetExecutionHistory", named).await;
    let events = history["events"].as_array().unwrap();
    let last = events.last().unwrap();
    assert_eq!(last["executionFailedEventDetails"], json!({ "error": TEXT, "cause": TEXT }));
    if !details.is_empty() {
        let failed: Vec<&Value> = events.iter().filter_map(|it| it.get(details)).collect();
        assert_eq!(failed, [&json!({ "error": TEXT, "cause": TEXT })]);
    }
    let (_, shown) = client.rest("GET", &format!("/v1/executions/{execution}"), Value::Null).await;
    assert_eq!([&shown["error"], &shown["cause"]], [TEXT, TEXT]);
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_and_causes_keep_their_zeros_whoever_gave_them() {
    let served = Served::start().await;
    let client = &served.client;
    // A state that fails, whose own name has one.
    let fails = json!({ "StartAt": TEXT, "States": { TEXT: { "Type": "Fail", "Error": TEXT, "Cause": TEXT } } });
    let looked_up = json!({ "StartAt": "F", "States": {
        "F": { "Type": "Fail", "ErrorPath": "$.text", "CausePath": "$.text" } } });
    for (name, definition) in [("fails", fails.to_string()), ("looks", looked_up.to_string())] {
        let request = json!({ "name": name, "definition": definition, "roleArn": ROLE });
        ok(client, "CreateStateMachine", request).await;
        let execution = start(client, name, "one", &json!({ "text": TEXT }).to_string()).await;
        assert_ends_with_zeros(client, &execution, "").await;
    }
    let history = ok(
        client,
        "GetExecutionHistory",
        json!({ "executionArn": "arn:aws:states:us-east-1:123456789012:execution:fails:one" }),
    )
    .await;
    assert_eq!(history["events"][1]["stateEnteredEventDetails"]["name"], TEXT);

    // A worker, and its name.
    create(client, "w", &task("w", "")).await;
    let execution = start(client, "w", "one", "{}").await;
    let (token, _) = poll(client, "w", TEXT).await;
    let failure = json!({ "taskToken": token, "error": TEXT, "cause": TEXT });
    ok(client, "SendTaskFailure", failure).await;
    assert_ends_with_zeros(client, &execution, "activityFailedEventDetails").await;
    let history = ok(client, "GetExecutionHistory", json!({ "executionArn": execution })).await;
    let events = history["events"].as_array().unwrap();
    let began = events.iter().find_map(|it| it.get("activityStartedEventDetails")).unwrap();
    assert_eq!(began["workerName"], TEXT);

    // At REST's door.
    let execution = start(client, "w", "two", "{}").await;
    let (token, _) = poll(client, "w", "w").await;
    let failure = json!({ "error": TEXT, "cause": TEXT });
    let (status, answer) =
        client.rest("POST", &format!("/v1/tasks/{token}/failure"), failure).await;
    assert_eq!(status, 204, "{answer}");
    assert_ends_with_zeros(client, &execution, "activityFailedEventDetails").await;
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_describes_keeps_its_zeros_at_every_door() {
    let served = Served::start().await;
    let client = &served.client;
    let machine = json!({ "name": "zero", "definition": pass(), "roleArn": ROLE });
    ok(client, "CreateStateMachine", machine).await;
    // A version that an update publishes, and one that is published by itself.
    let update = json!({ "stateMachineArn": MACHINE, "definition": wait(1), "publish": true, "versionDescription": TEXT });
    let updated = ok(client, "UpdateStateMachine", update).await;
    let described = json!({ "stateMachineArn": updated["stateMachineVersionArn"] });
    assert_eq!(ok(client, "DescribeStateMachine", described).await["description"], TEXT);
    let update = json!({ "stateMachineArn": MACHINE, "definition": wait(2) });
    ok(client, "UpdateStateMachine", update).await;
    let publish = json!({ "stateMachineArn": MACHINE, "description": TEXT });
    let published = ok(client, "PublishStateMachineVersion", publish).await;
    let described = json!({ "stateMachineArn": published["stateMachineVersionArn"] });
    assert_eq!(ok(client, "DescribeStateMachine", described).await["description"], TEXT);

    let activity = "arn:aws:states:us-east-1:123456789012:activity:zero";
    let tags = json!([{ "key": TEXT, "value": TEXT }]);
    ok(client, "CreateActivity", json!({ "name": "zero", "tags": tags })).await;
    let resource = json!({ "resourceArn": activity });
    assert_eq!(ok(client, "ListTagsForResource", resource).await["tags"], tags);

    let execution = start(client, "zero", "one", &json!(TEXT).to_string()).await;
    let named = json!({ "executionArn": execution });
    let shown = ok(client, "DescribeExecution", named.clone()).await;
    assert_eq!(shown["input"], json!(json!(TEXT).to_string()));
    served.stop().await;
}
