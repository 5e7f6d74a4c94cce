//! Too few descriptors: the node keeps what its own work needs, says so, and fails no task.

use serde_json::{Value, json};
use tests::wire::serve_function;

use super::{dial, start_confined};

const WORKS: &str = r#"{"StartAt": "T", "States": {
    "T": {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:work",
          "End": true}}}"#;

#[tokio::test(flavor = "multi_thread")]
async fn its_own_lack_of_descriptors_fails_no_task() {
    let (_database, server, client) = start_confined(&["--lanes", "2"], 140).await;
    let log = server.log();
    assert!(log.contains("this process may have 140 files and sockets open"), "{log}");
    assert!(log.contains("raise `ulimit -n`"), "{log}");
    // Whoever wants all descriptors gets those of guests.
    let mut crowd = Vec::new();
    for _ in 0..150 {
        crowd.push(dial(server.address()).await);
    }
    let (function, serving) = serve_function(|_, input: Value| (200, input)).await;
    // The crowd has not been there for a second when the first is asked: it is asked again.
    let mut machine = Value::Null;
    super::until("there is a place", async || {
        let register = json!({ "url": function, "protocol": "http" });
        let create = json!({ "name": "work", "definition": WORKS,
            "roleArn": "arn:aws:iam::123456789012:role/r" });
        let registered = client.rest("PUT", "/v1/functions/work", register).await;
        machine = client.call("CreateStateMachine", &create).await.unwrap_or_default();
        registered.is_ok() && machine.is_object()
    })
    .await;
    let mut executions = Vec::new();
    for number in 0..100 {
        let name = format!("e{number}");
        let start = json!({ "stateMachineArn": machine["stateMachineArn"], "name": name });
        let started = client.must("StartExecution", start).await;
        executions.push(started["executionArn"].as_str().unwrap().to_owned());
    }
    for execution in &executions {
        assert_eq!(client.ended(execution).await["status"], "SUCCEEDED");
    }
    let log = server.log();
    assert!(!log.contains("no connection can be taken"), "accepting never ran out: {log}");
    serving.abort();
}
