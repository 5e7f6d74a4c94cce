//! Server-sent events: they come while the execution runs, end with it, and go on where a client
//! was cut off.

use serde_json::json;

use super::{ROLE, Served};

const MACHINE: &str = "arn:aws:states:us-east-1:123456789012:stateMachine:live";

#[tokio::test(flavor = "multi_thread")]
async fn events_are_followed_to_the_end() {
    let served = Served::start().await;
    let client = &served.client;
    let definition = r#"{"StartAt": "A", "States": {
        "A": {"Type": "Wait", "Seconds": 1, "Next": "B"}, "B": {"Type": "Pass", "End": true}}}"#;
    let create = json!({ "name": "live", "definition": definition, "roleArn": ROLE });
    client.aws("CreateStateMachine", create).await;
    let start = json!({ "stateMachineArn": MACHINE, "name": "one", "input": "{\"n\": 1}" });
    client.aws("StartExecution", start).await;

    let url = format!("{}/v1/executions/live:one/events", client.url);
    let answer = client.http.get(&url).send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    let whole = answer.text().await.unwrap();
    let expected = [
        (1, "ExecutionStarted"),
        (2, "WaitStateEntered"),
        (3, "WaitStateExited"),
        (4, "PassStateEntered"),
        (5, "PassStateExited"),
        (6, "ExecutionSucceeded"),
    ];
    assert_eq!(events(&whole), expected.map(|(id, name)| (id, name.to_owned())));
    assert!(whole.contains(r#""input":{"n":1}"#), "{whole}");

    let again = client.http.get(&url).header("last-event-id", "4").send().await.unwrap();
    let rest = again.text().await.unwrap();
    assert_eq!(
        events(&rest),
        expected[4..].iter().map(|(id, n)| (*id, (*n).to_owned())).collect::<Vec<_>>()
    );
    let (status, _) = client.rest("GET", "/v1/executions/live:never/events", json!(null)).await;
    assert_eq!(status, 404);
    served.stop().await;
}

/// The ids and names of the events in a stream.
fn events(stream: &str) -> Vec<(u64, String)> {
    let field = |event: &str, name: &str| {
        event.lines().find_map(|line| line.strip_prefix(name)).map(|value| value.trim().to_owned())
    };
    stream
        .split("\n\n")
        .filter_map(|event| Some((field(event, "id:")?.parse().unwrap(), field(event, "event:")?)))
        .collect()
}
