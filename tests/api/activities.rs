//! Activities: their life at both doors, and the long poll of their workers.

use std::time::Duration;

use futures_util::FutureExt;
use runtime::EngineOptions;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::{Client, ROLE, Served, refused};

const BASE: &str = "arn:aws:states:us-east-1:123456789012";

fn arn(activity: &str) -> String {
    format!("{BASE}:activity:{activity}")
}

/// A definition of one Task for this activity, with these further members.
pub(super) fn task(activity: &str, more: &str) -> String {
    format!(
        r#"{{"StartAt": "T", "States": {{
            "T": {{"Type": "Task", "Resource": "{}", "End": true{more}}}}}}}"#,
        arn(activity)
    )
}

/// Creates an activity and a state machine of the same name that waits for it.
pub(super) async fn create(client: &Client, name: &str, definition: &str) {
    let activity = json!({ "name": name });
    client.aws("CreateActivity", activity).await;
    let machine = json!({ "name": name, "definition": definition, "roleArn": ROLE });
    let (status, answer) = client.aws("CreateStateMachine", machine).await;
    assert_eq!(status, 200, "{answer}");
}

/// Starts an execution; its ARN.
pub(super) async fn start(client: &Client, machine: &str, name: &str, input: &str) -> String {
    let machine = format!("{BASE}:stateMachine:{machine}");
    let start = json!({ "stateMachineArn": machine, "name": name, "input": input });
    let (status, answer) = client.aws("StartExecution", start).await;
    assert_eq!(status, 200, "{answer}");
    answer["executionArn"].as_str().unwrap().to_owned()
}

/// Polls; the token and the input.
pub(super) async fn poll(client: &Client, activity: &str, worker: &str) -> (String, String) {
    let poll = json!({ "activityArn": arn(activity), "workerName": worker });
    let (status, answer) = client.aws("GetActivityTask", poll).await;
    assert_eq!(status, 200, "{answer}");
    let text = |member: &str| answer[member].as_str().unwrap_or_default().to_owned();
    (text("taskToken"), text("input"))
}

pub(super) async fn succeed(client: &Client, token: &str, output: &str) {
    let answer = json!({ "taskToken": token, "output": output });
    client.check_aws("SendTaskSuccess", answer, 200, json!({})).await;
}

/// The types of all events, and the details of those of activities.
pub(super) async fn history(client: &Client, execution: &str) -> (Vec<String>, Vec<Value>) {
    let (_, answer) = client.aws("GetExecutionHistory", json!({ "executionArn": execution })).await;
    let events = answer["events"].as_array().unwrap();
    let types = events.iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect();
    let details = events.iter().filter_map(|event| {
        let (_, details) =
            event.as_object().unwrap().iter().find(|(name, _)| name.starts_with("activity"))?;
        Some(details.clone())
    });
    (types, details.collect())
}

/// Starts an execution and waits until its task can be polled for; its ARN.
///
/// A start is acknowledged before its task is scheduled, and tasks of executions started one after
/// the other may be scheduled in any order.
async fn schedule(client: &Client, machine: &str, name: &str, input: &str) -> String {
    let execution = start(client, machine, name, input).await;
    for _ in 0..2_000 {
        let (types, _) = history(client, &execution).await;
        if types.iter().any(|it| it == "ActivityScheduled") {
            return execution;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("no task of {execution} is scheduled");
}

/// Waits until so many activity workers wait.
async fn until_workers_wait(served: &Served, count: usize) {
    for _ in 0..2_000 {
        if served.engine.waiting_workers() == count {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("{} workers wait, not {count}", served.engine.waiting_workers());
}

#[tokio::test(flavor = "multi_thread")]
async fn activities_live_at_both_doors() {
    let served = Served::start().await;
    let client = &served.client;
    let created = json!({ "activityArn": arn("a"), "creationDate": "<seconds>" });
    let first = client.check_aws("CreateActivity", json!({ "name": "a" }), 200, created).await;
    let again = json!({ "name": "a", "tags": [{ "key": "team", "value": "red" }] });
    client.check_aws("CreateActivity", again, 200, first).await;
    let key = json!({ "type": "CUSTOMER_MANAGED_KMS_KEY", "kmsKeyId": "k" });
    let other = json!({ "name": "a", "encryptionConfiguration": key });
    let taken =
        refused("ActivityAlreadyExists", &format!("Activity Already Exists: '{}'", arn("a")));
    client.check_aws("CreateActivity", other, 400, taken).await;
    let described = json!({
        "activityArn": arn("a"), "name": "a", "creationDate": "<seconds>",
        "encryptionConfiguration": { "type": "AWS_OWNED_KEY" },
    });
    let by_arn = json!({ "activityArn": arn("a") });
    client.check_aws("DescribeActivity", by_arn.clone(), 200, described).await;

    let shown = json!({ "arn": arn("b"), "name": "b", "created_at": "<time>" });
    let tags = json!({ "tags": { "team": "blue" } });
    client.check_rest("PUT /v1/activities/b", tags, 201, shown.clone()).await;
    client.check_rest("GET /v1/activities/b", Value::Null, 200, shown).await;
    let resource = json!({ "resourceArn": arn("b") });
    let blue = json!({ "tags": [{ "key": "team", "value": "blue" }] });
    client.check_aws("ListTagsForResource", resource.clone(), 200, blue).await;
    let untag = json!({ "resourceArn": arn("b"), "tagKeys": ["team"] });
    client.check_aws("UntagResource", untag, 200, json!({})).await;
    client.check_aws("ListTagsForResource", resource.clone(), 200, json!({ "tags": [] })).await;

    let (_, page) = client.aws("ListActivities", json!({ "maxResults": 1 })).await;
    assert_eq!(page["activities"][0]["name"], "a");
    let next = json!({ "maxResults": 1, "nextToken": page["nextToken"] });
    let (_, page) = client.aws("ListActivities", next).await;
    assert_eq!((&page["activities"][0]["name"], &page["nextToken"]), (&json!("b"), &Value::Null));
    let (_, page) = client.rest("GET", "/v1/activities?limit=1", Value::Null).await;
    assert_eq!(
        (&page["activities"][0]["name"], page["next_page_token"].is_string()),
        (&json!("a"), true)
    );

    for _ in 0..2 {
        client.check_aws("DeleteActivity", by_arn.clone(), 200, json!({})).await;
        client.check_rest("DELETE /v1/activities/b", Value::Null, 204, Value::Null).await;
    }
    let missing = format!("Activity Does Not Exist: '{}'", arn("a"));
    let missing = refused("ActivityDoesNotExist", &missing);
    client.check_aws("DescribeActivity", by_arn.clone(), 400, missing.clone()).await;
    client.check_aws("GetActivityTask", by_arn, 400, missing).await;
    let mut gone = refused("ResourceNotFound", &format!("Resource not found: '{}'", arn("b")));
    gone["resourceName"] = json!(arn("b"));
    client.check_aws("ListTagsForResource", resource, 400, gone).await;
    let (status, problem) = client.rest("POST", "/v1/activities/b/poll", json!({})).await;
    assert_eq!((status, &problem["title"]), (404, &json!("Activity does not exist")));
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_takes_a_task_and_the_history_names_it() {
    let served = Served::start().await;
    let client = &served.client;
    create(client, "a", &task("a", r#", "TimeoutSeconds": 60, "HeartbeatSeconds": 10"#)).await;
    let execution = start(client, "a", "one", r#"{"n":  1}"#).await;
    let (token, input) = poll(client, "a", "Berta").await;
    assert_eq!(input, r#"{"n":  1}"#, "as it came");
    client.check_aws("SendTaskHeartbeat", json!({ "taskToken": token }), 200, json!({})).await;
    succeed(client, &token, r#"{"done": true}"#).await;
    let ended = client.wait_for_end(&execution).await;
    assert_eq!(
        (&ended["status"], &ended["output"]),
        (&json!("SUCCEEDED"), &json!(r#"{"done": true}"#))
    );
    let (types, details) = history(client, &execution).await;
    assert_eq!(
        types,
        [
            "ExecutionStarted",
            "TaskStateEntered",
            "ActivityScheduled",
            "ActivityStarted",
            "ActivitySucceeded",
            "TaskStateExited",
            "ExecutionSucceeded"
        ]
    );
    let scheduled = json!({
        "resource": arn("a"), "input": r#"{"n":  1}"#, "inputDetails": { "truncated": false },
        "timeoutInSeconds": 60, "heartbeatInSeconds": 10,
    });
    assert_eq!(details[..2], [scheduled, json!({ "workerName": "Berta" })]);

    // A failure is the task's, with the error and the cause of the worker; here without a name.
    let execution = start(client, "a", "two", "{}").await;
    let (status, task) = client.rest("POST", "/v1/activities/a/poll", json!({})).await;
    assert_eq!((status, &task["input"]), (200, &json!({})));
    let token = task["token"].as_str().unwrap();
    let failure = json!({ "error": "Paper.Out", "cause": "the tray is empty" });
    client.check_rest(&format!("POST /v1/tasks/{token}/failure"), failure, 204, Value::Null).await;
    let ended = client.wait_for_end(&execution).await;
    assert_eq!(
        (&ended["error"], &ended["cause"]),
        (&json!("Paper.Out"), &json!("the tray is empty"))
    );
    let (_, details) = history(client, &execution).await;
    assert_eq!(details[1], json!({}));
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_longest_is_served_first_and_the_oldest_task_goes_first() {
    let served = Served::start().await;
    let client = &served.client;
    create(client, "a", &task("a", "")).await;
    let poll_as = |worker: &str| {
        let engine = served.engine.clone();
        let worker = Some(worker.to_owned());
        async move { engine.poll_activity("123456789012", "a", worker).await }.boxed()
    };
    let mut workers: Vec<_> = ["first", "second", "third"].map(poll_as).into();
    for worker in &mut workers {
        // It takes its place in the queue when it is asked for the first time.
        assert!(worker.as_mut().now_or_never().is_none());
    }
    for (number, worker) in workers.into_iter().enumerate() {
        let execution = start(client, "a", &number.to_string(), &number.to_string()).await;
        let task = worker.await.unwrap().expect("a task");
        assert_eq!(task.input, number.to_string());
        let (_, details) = history(client, &execution).await;
        assert_eq!(details[1]["workerName"], ["first", "second", "third"][number]);
    }
    // Tasks wait in their order too.
    for number in 10..14 {
        schedule(client, "a", &number.to_string(), &number.to_string()).await;
    }
    for number in 10..14 {
        assert_eq!(poll(client, "a", "w").await.1, number.to_string());
    }
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_connection_loses_no_task() {
    let served = Served::start().await;
    let client = &served.client;
    create(client, "a", &task("a", "")).await;
    let address = client.url.strip_prefix("http://").unwrap();
    let mut gone = TcpStream::connect(address).await.unwrap();
    let body = json!({ "activityArn": arn("a"), "workerName": "gone" }).to_string();
    let request = format!(
        "POST / HTTP/1.1\r\nHost: {address}\r\nX-Amz-Target: AWSStepFunctions.GetActivityTask\r\n\
         Content-Type: application/x-amz-json-1.0\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    gone.write_all(request.as_bytes()).await.unwrap();
    until_workers_wait(&served, 1).await;
    drop(gone);
    until_workers_wait(&served, 0).await;

    let execution = start(client, "a", "one", "{}").await;
    let (token, _) = poll(client, "a", "there").await;
    succeed(client, &token, "1").await;
    assert_eq!(client.wait_for_end(&execution).await["status"], "SUCCEEDED");
    let (_, details) = history(client, &execution).await;
    assert_eq!(details[1], json!({ "workerName": "there" }));
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poll_ends_without_a_task_when_its_time_is_up_or_the_node_stops() {
    let long_poll = Duration::from_millis(50);
    let served = Served::start_with(EngineOptions { long_poll, ..EngineOptions::default() }).await;
    let client = &served.client;
    client.aws("CreateActivity", json!({ "name": "a" })).await;
    client.check_aws("GetActivityTask", json!({ "activityArn": arn("a") }), 200, json!({})).await;
    client.check_rest("POST /v1/activities/a/poll", json!({}), 204, Value::Null).await;
    for (body, pointer) in [(json!({ "worker_name": "" }), "/worker_name"), (json!({ "x": 1 }), "")]
    {
        let (status, problem) = client.rest("POST", "/v1/activities/a/poll", body).await;
        assert_eq!(status, 400, "{problem}");
        assert_eq!(problem["pointer"].as_str().unwrap_or_default(), pointer);
    }
    served.stop().await;

    let served = Served::start().await;
    let client = &served.client;
    client.aws("CreateActivity", json!({ "name": "a" })).await;
    let waits = client.aws("GetActivityTask", json!({ "activityArn": arn("a") }));
    let stops = async {
        until_workers_wait(&served, 1).await;
        served.engine.shutdown().await;
    };
    let (answer, ()) = tokio::join!(waits, stops);
    assert_eq!(answer, (200, json!({})));
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_time_of_a_task_begins_when_a_worker_takes_it() {
    let served = Served::start().await;
    let client = &served.client;
    client.aws("CreateActivity", json!({ "name": "clock" })).await;
    // The clock tells when more time has passed than the other task may take.
    let definition = format!(
        r#"{{"StartAt": "P", "States": {{"P": {{"Type": "Parallel", "End": true, "Branches": [
            {{"StartAt": "W", "States": {{"W": {{"Type": "Wait", "Seconds": 2, "Next": "C"}},
                "C": {{"Type": "Task", "Resource": "{}", "End": true}}}}}},
            {}]}}}}}}"#,
        arn("clock"),
        task("a", r#", "TimeoutSeconds": 1"#)
    );
    create(client, "a", &definition).await;
    let execution = start(client, "a", "one", "{}").await;
    poll(client, "clock", "w").await;
    let (token, _) = poll(client, "a", "w").await;
    assert_ne!(token, "", "it waits still");
    // Nobody does it, though.
    let ended = client.wait_for_end(&execution).await;
    assert_eq!((&ended["status"], &ended["error"]), (&json!("FAILED"), &json!("States.Timeout")));
    let (types, _) = history(client, &execution).await;
    let count = |wanted: &str| types.iter().filter(|it| *it == wanted).count();
    assert_eq!((count("ActivityStarted"), count("ActivityTimedOut")), (2, 1));
    let late = json!({ "taskToken": token, "output": "1" });
    let over = refused("TaskTimedOut", "Task Timed Out: 'Provided task does not exist anymore'");
    client.check_aws("SendTaskSuccess", late, 400, over).await;
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_whose_execution_ended_is_offered_no_more() {
    let long_poll = Duration::from_millis(300);
    let served = Served::start_with(EngineOptions { long_poll, ..EngineOptions::default() }).await;
    let client = &served.client;
    create(client, "a", &task("a", "")).await;
    let execution = start(client, "a", "one", "{}").await;
    let (status, _) = client.aws("StopExecution", json!({ "executionArn": execution })).await;
    assert_eq!(status, 200);
    assert_eq!(poll(client, "a", "w").await.0, "");
    served.stop().await;
}
