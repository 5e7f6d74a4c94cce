//! Too few descriptors: the node keeps what its own work needs, says so, and fails no task.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use super::{dial, start_confined, until};

/// A function that takes a moment for each call, and counts them.
async fn function() -> (u16, Arc<AtomicUsize>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = calls.clone();
    let answer = move || {
        let calls = counted.clone();
        async move {
            calls.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(Duration::from_millis(200)).await;
            axum::Json(json!({}))
        }
    };
    let router = axum::Router::new().fallback(axum::routing::post(answer));
    tokio::spawn(async move { axum::serve(listener, router).await });
    (port, calls)
}

/// Calls this function for each item, all at once.
fn map(function: &str) -> Value {
    let arn = format!("arn:aws:lambda:us-east-1:123456789012:function:{function}");
    json!({ "StartAt": "M", "States": { "M": { "Type": "Map", "End": true,
        "ItemProcessor": { "StartAt": "T", "States": {
            "T": { "Type": "Task", "Resource": arn, "TimeoutSeconds": 60, "End": true } } } } } })
}

#[tokio::test(flavor = "multi_thread")]
async fn its_own_lack_of_descriptors_fails_no_task_and_calls_each_once() {
    let (_database, server, client) = start_confined(&["--lanes", "2"], 140).await;
    let log = server.log();
    assert!(log.contains("this process may have 140 files and sockets open"), "{log}");
    assert!(log.contains("raise `ulimit -n`"), "{log}");
    // Whoever wants all descriptors gets those of guests.
    let mut crowd = Vec::new();
    for _ in 0..150 {
        crowd.push(dial(server.address()).await);
    }
    let (port, calls) = function().await;
    let mut machines = Vec::new();
    for (name, host) in [("literal", "127.0.0.1"), ("named", "localhost")] {
        let url = format!("http://{host}:{port}/");
        let register = json!({ "url": url, "protocol": "http", "delivery": "at-most-once" });
        let path = format!("/v1/functions/{name}");
        let create = json!({ "name": name, "definition": map(name).to_string(),
            "roleArn": "arn:aws:iam::123456789012:role/r" });
        // The crowd has not been there for a second when the first is asked: it is asked again.
        let mut machine = Value::Null;
        until("there is a place", async || {
            let registered = client.rest("PUT", &path, register.clone()).await;
            machine = client.call("CreateStateMachine", &create).await.unwrap_or_default();
            registered.is_ok() && machine.is_object()
        })
        .await;
        machines.push(machine["stateMachineArn"].clone());
    }
    let items: Vec<u32> = (0..40).collect();
    let mut executions = Vec::new();
    for round in 0..4 {
        for machine in &machines {
            let start = json!({ "stateMachineArn": machine, "name": format!("e{round}"),
                "input": json!(items).to_string() });
            let started = client.must("StartExecution", start).await;
            executions.push(started["executionArn"].as_str().unwrap().to_owned());
        }
    }
    for execution in &executions {
        assert_eq!(client.ended(execution).await["status"], "SUCCEEDED");
    }
    assert_eq!(calls.load(Ordering::Relaxed), executions.len() * items.len());
    let log = server.log();
    assert!(!log.contains("no connection can be taken"), "accepting never ran out: {log}");
}
