//! `Idempotency-Key` on starts: the same request with the same key is the same start.

use serde_json::{Value, json};

use super::{Client, Served, pass, wait};

#[tokio::test(flavor = "multi_thread")]
async fn the_same_request_with_the_same_key_is_the_same_start() {
    let served = Served::start().await;
    let client = &served.client;
    for (name, definition) in [("quick", pass()), ("slow", wait(3600)), ("other", pass())] {
        let definition: Value = serde_json::from_str(&definition).unwrap();
        let path = format!("/v1/state-machines/{name}");
        client.rest("PUT", &path, json!({ "definition": definition })).await;
    }
    a_repeated_start_finds_the_execution_also_after_its_end(client).await;
    a_key_belongs_to_one_body(client).await;
    a_key_belongs_to_one_state_machine(client).await;
    many_at_once_are_one(client).await;
    a_name_is_kept_and_tells_starts_apart(client).await;
    keys_are_bounded(client).await;
    served.stop().await;
}

/// Starts an execution; the status and the answer.
async fn start(client: &Client, path: &str, key: &str, body: &Value) -> (u16, Value) {
    let headers = [("Idempotency-Key", key)];
    let (status, text) = client.rest_with("POST", path, &headers, &body.to_string()).await;
    (status, serde_json::from_str(&text).unwrap())
}

/// How many executions of a state machine there are.
async fn count(client: &Client, machine: &str) -> usize {
    let path = format!("/v1/executions?state_machine={machine}&limit=1000");
    client.rest("GET", &path, Value::Null).await.1["executions"].as_array().unwrap().len()
}

async fn a_repeated_start_finds_the_execution_also_after_its_end(client: &Client) {
    for (machine, status) in [("slow", "RUNNING"), ("quick", "SUCCEEDED")] {
        let path = format!("/v1/state-machines/{machine}/executions");
        let body = json!({ "input": { "n": 1 } });
        let (first, started) = start(client, &path, "order-1", &body).await;
        assert_eq!(first, 201, "{started}");
        if status != "RUNNING" {
            client.wait_for_end(started["arn"].as_str().unwrap()).await;
        }
        for _ in 0..3 {
            let again = start(client, &path, "order-1", &body).await;
            assert_eq!(again, (201, started.clone()), "the whole answer is the same");
        }
        // The same by the other path.
        let body = json!({ "state_machine": machine, "input": { "n": 1 } });
        assert_eq!(start(client, "/v1/executions", "order-1", &body).await, (201, started));
        assert_eq!(count(client, machine).await, 1);
    }
    // A change of the state machine is none of the request.
    let changed: Value = serde_json::from_str(&wait(0)).unwrap();
    client.rest("PUT", "/v1/state-machines/quick", json!({ "definition": changed })).await;
    let body = json!({ "input": { "n": 1 } });
    start(client, "/v1/state-machines/quick/executions", "order-1", &body).await;
    assert_eq!(count(client, "quick").await, 1);
}

async fn a_key_belongs_to_one_body(client: &Client) {
    client.rest("POST", "/v1/state-machines/quick/versions", Value::Null).await;
    let path = "/v1/state-machines/quick/executions";
    let (_, started) = start(client, path, "order-1", &json!({ "input": { "n": 1 } })).await;
    let first = started["arn"].as_str().unwrap().to_owned();
    for (path, body) in [
        (path, json!({ "input": { "n": 2 } })),
        (path, json!({})),
        (path, json!({ "input": { "n": 1 }, "trace_header": "Root=1" })),
        ("/v1/state-machines/quick:1/executions", json!({ "input": { "n": 1 } })),
    ] {
        let (status, problem) = start(client, path, "order-1", &body).await;
        assert_eq!((status, &problem["title"]), (422, &json!("Idempotency key reused")), "{body}");
        assert_eq!(problem["type"], "urn:statewright:problem:IdempotencyKeyReused");
        let detail = problem["detail"].as_str().unwrap();
        let (before, after) = detail.split_once(&first).expect("it says which execution it is");
        let told = format!("{before}ARN{after}");
        let expected = "this `Idempotency-Key` has started `ARN` by a request with another body: \
                        send that one again, or take a new key";
        assert_eq!(told, expected);
    }
}

async fn a_key_belongs_to_one_state_machine(client: &Client) {
    let path = "/v1/state-machines/other/executions";
    let (status, started) = start(client, path, "order-1", &json!({ "input": { "n": 1 } })).await;
    assert_eq!(status, 201, "{started}");
    assert!(started["arn"].as_str().unwrap().contains(":execution:other:"), "{started}");
}

async fn many_at_once_are_one(client: &Client) {
    let (path, body) = ("/v1/state-machines/slow/executions", json!({ "input": [] }));
    let before = count(client, "slow").await;
    let many = (0..50).map(|_| start(client, path, "many", &body));
    let mut answers = futures_util::future::join_all(many).await;
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
    assert_eq!(answers[0].0, 201);
    assert_eq!(count(client, "slow").await, before + 1);
}

async fn a_name_is_kept_and_tells_starts_apart(client: &Client) {
    let path = "/v1/state-machines/other/executions";
    let body = json!({ "name": "mine", "input": 1 });
    let (status, started) = start(client, path, "named", &body).await;
    assert_eq!((status, &started["name"]), (201, &json!("mine")));
    client.wait_for_end(started["arn"].as_str().unwrap()).await;
    assert_eq!(start(client, path, "named", &body).await, (201, started));
    // Without a key AWS's rule holds: an execution that has ended has used its name up.
    let (status, problem) = client.rest("POST", path, body).await;
    assert_eq!((status, &problem["title"]), (409, &json!("Execution already exists")));
    let other = json!({ "name": "mine", "input": 2 });
    let (status, problem) = start(client, path, "named", &other).await;
    assert_eq!((status, &problem["title"]), (409, &json!("Execution already exists")));
}

async fn keys_are_bounded(client: &Client) {
    let path = "/v1/state-machines/other/executions";
    let (longest, longer) = ("k".repeat(255), "k".repeat(256));
    assert_eq!(start(client, path, &longest, &json!({})).await.0, 201);
    for key in [longer.as_str(), "", "two words"] {
        let (status, problem) = start(client, path, key, &json!({})).await;
        assert_eq!(status, 400, "`{key}`");
        let expected = "the header `Idempotency-Key` is to have 1 to 255 visible ASCII characters";
        assert_eq!(problem["detail"], expected);
    }
    let twice = [("Idempotency-Key", "a"), ("Idempotency-Key", "b")];
    let (status, problem) = client.rest_with("POST", path, &twice, "{}").await;
    assert_eq!(status, 400, "{problem}");
    assert!(problem.contains("the header `Idempotency-Key` is there more than once"), "{problem}");
}
