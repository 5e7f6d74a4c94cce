//! Task tokens at both doors: what is taken, and what is refused in which words.

use serde_json::{Value, json};
use tests::psql::psql;

use super::activities::{create, history, poll, start, succeed, task};
use super::{Client, Served, refused};

const OPERATIONS: [&str; 3] = ["SendTaskSuccess", "SendTaskFailure", "SendTaskHeartbeat"];
const WORDS: [&str; 3] = ["success", "failure", "heartbeat"];

/// The request of an operation, with all that it has to have.
fn request(operation: &str, token: &str) -> Value {
    match operation {
        "SendTaskSuccess" => json!({ "taskToken": token, "output": "{}" }),
        _ => json!({ "taskToken": token }),
    }
}

/// Every operation at both doors refuses this token so.
async fn refuse_everywhere(client: &Client, token: &str, kind: &str, message: &str, status: u16) {
    for operation in OPERATIONS {
        let expected = refused(kind, message);
        client.check_aws(operation, request(operation, token), 400, expected).await;
    }
    for word in WORDS {
        let path = format!("/v1/tasks/{token}/{word}");
        let (got, problem) = client.rest("POST", &path, json!({})).await;
        assert_eq!((got, problem["detail"].as_str()), (status, Some(message)), "{problem}");
        assert_eq!(problem["type"], format!("urn:statewright:problem:{kind}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_end_their_task_once_and_are_told_why_they_do_not() {
    let served = Served::start().await;
    let client = &served.client;
    create(client, "a", &task("a", "")).await;
    let execution = start(client, "a", "one", "{}").await;
    let (token, _) = poll(client, "a", "w").await;
    what_is_no_output_is_refused_and_the_task_goes_on(client, &token).await;
    a_forged_token_is_none(client, &token).await;
    succeed(client, &token, "{ \"kept\":  1.50 }").await;
    let ended = client.wait_for_end(&execution).await;
    assert_eq!(ended["output"], json!("{ \"kept\":  1.50 }"), "the very text");
    let over = "Task Timed Out: 'Provided task does not exist anymore'";
    refuse_everywhere(client, &token, "TaskTimedOut", over, 410).await;
    assert_eq!(client.wait_for_end(&execution).await, ended, "nothing has changed");

    // Once nothing is left of an execution, its tasks have never been.
    let execution_is_gone = "delete from turns; delete from executions";
    psql(&served.cluster.url(), execution_is_gone).unwrap();
    let gone = "Task Does Not Exist: 'Provided task does not exist'";
    refuse_everywhere(client, &token, "TaskDoesNotExist", gone, 404).await;

    let execution = start(client, "a", "two", "{}").await;
    let (token, _) = poll(client, "a", "w").await;
    client.aws("StopExecution", json!({ "executionArn": execution })).await;
    refuse_everywhere(client, &token, "TaskTimedOut", over, 410).await;

    // By REST: the body is the output, and without one it is `{}`.
    for (body, output) in
        [(json!([1, null]), "[1,null]"), (Value::Null, "{}"), (json!("x"), "\"x\"")]
    {
        let execution = start(client, "a", &format!("rest-{}", output.len()), "{}").await;
        let (token, _) = poll(client, "a", "w").await;
        client
            .check_rest(&format!("POST /v1/tasks/{token}/heartbeat"), Value::Null, 204, Value::Null)
            .await;
        client.check_rest(&format!("POST /v1/tasks/{token}/success"), body, 204, Value::Null).await;
        assert_eq!(client.wait_for_end(&execution).await["output"], output);
    }
    served.stop().await;
}

async fn what_is_no_output_is_refused_and_the_task_goes_on(client: &Client, token: &str) {
    let deep = format!("{}{}", "[".repeat(101), "]".repeat(101));
    for output in ["", " ", "{broken", "nul", "1 2", "{} x", "\"\\ud800\"", "1e999", &deep] {
        let send = json!({ "taskToken": token, "output": output });
        let invalid = refused("InvalidOutput", "Invalid Output: '…");
        let (status, answer) = client.aws("SendTaskSuccess", send).await;
        assert_eq!((status, &answer["__type"]), (400, &invalid["__type"]), "{output}: {answer}");
        let message = answer["message"].as_str().unwrap();
        assert!(message.starts_with("Invalid Output: '") && message.ends_with('\''), "{message}");
        assert!(!message.contains("input"), "{message}");
    }
    let send = json!({ "taskToken": token, "output": " " });
    let nothing = refused("InvalidOutput", "Invalid Output: 'Invalid output.'");
    client.check_aws("SendTaskSuccess", send, 400, nothing).await;
    // AWS counts characters first, and so does the model's constraint; then bytes count.
    let longest = 262_144;
    let rule = "failed to satisfy constraint: Member must have length less than or equal to 262144";
    let message = format!("1 validation error detected: Value at 'output' {rule}");
    let send = json!({ "taskToken": token, "output": format!("\"{}\"", "a".repeat(longest)) });
    client.check_aws("SendTaskSuccess", send, 400, refused("ValidationException", &message)).await;
    let output = format!("\"{}\"", "ä".repeat(longest / 2));
    let too_long = "Invalid Output: 'The output is 262146 bytes long, and 262144 is the most'";
    let send = json!({ "taskToken": token, "output": output });
    client.check_aws("SendTaskSuccess", send, 400, refused("InvalidOutput", too_long)).await;
    let (status, problem) = client
        .rest("POST", &format!("/v1/tasks/{token}/success"), json!("ä".repeat(longest / 2)))
        .await;
    assert_eq!((status, &problem["detail"]), (400, &json!(too_long)));

    let null = "1 validation error detected: Value null at 'output' failed to satisfy constraint: \
                Member must not be null";
    let send = json!({ "taskToken": token });
    client.check_aws("SendTaskSuccess", send, 400, refused("ValidationException", null)).await;
    let long = "x".repeat(257);
    let failure = json!({ "taskToken": token, "error": long });
    let (status, answer) = client.aws("SendTaskFailure", failure).await;
    assert_eq!((status, &answer["__type"]), (400, &json!("ValidationException")));
    assert!(!answer["message"].as_str().unwrap().contains("xxx"), "it is sensitive: {answer}");
    let (status, problem) =
        client.rest("POST", &format!("/v1/tasks/{token}/failure"), json!({ "error": long })).await;
    assert_eq!((status, &problem["pointer"]), (400, &json!("/error")));
    client.check_aws("SendTaskHeartbeat", json!({ "taskToken": token }), 200, json!({})).await;
}

async fn a_forged_token_is_none(client: &Client, token: &str) {
    let swapped: String = token.chars().rev().collect();
    let shorter = &token[..token.len() - 4];
    for forged in [swapped.as_str(), shorter, "x", "AAAA", &"A".repeat(2048)] {
        refuse_everywhere(client, forged, "InvalidToken", "Invalid Token: 'Invalid token'", 400)
            .await;
    }
    for operation in OPERATIONS {
        let (status, answer) = client.aws(operation, request(operation, &"A".repeat(2049))).await;
        assert_eq!((status, &answer["__type"]), (400, &json!("ValidationException")));
        let (status, answer) = client.aws(operation, request(operation, "")).await;
        assert_eq!((status, &answer["__type"]), (400, &json!("ValidationException")));
    }
    let (status, _) = client.rest("GET", &format!("/v1/tasks/{token}/success"), Value::Null).await;
    assert_eq!(status, 405);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missed_heartbeat_ends_the_attempt_and_the_next_has_another_token() {
    let served = Served::start().await;
    let client = &served.client;
    let retry = r#", "HeartbeatSeconds": 6, "Retry": [{
        "ErrorEquals": ["States.HeartbeatTimeout"], "IntervalSeconds": 1, "MaxAttempts": 1}]"#;
    create(client, "a", &task("a", retry)).await;
    let execution = start(client, "a", "one", "{}").await;
    let (first, _) = poll(client, "a", "asleep").await;
    let (second, _) = poll(client, "a", "awake").await;
    assert_ne!(first, second);
    let over = refused("TaskTimedOut", "Task Timed Out: 'Provided task does not exist anymore'");
    client.check_aws("SendTaskHeartbeat", json!({ "taskToken": first }), 400, over).await;
    succeed(client, &second, "1").await;
    assert_eq!(client.wait_for_end(&execution).await["status"], "SUCCEEDED");
    let (types, details) = history(client, &execution).await;
    let count = |wanted: &str| types.iter().filter(|it| *it == wanted).count();
    assert_eq!((count("ActivityStarted"), count("ActivityTimedOut")), (2, 1), "{types:?}");
    assert_eq!(details[4], json!({ "workerName": "awake" }));
    served.stop().await;
}
