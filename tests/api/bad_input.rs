//! What bad input gets: a clear error in the caller's shape, and nothing is changed.

use std::time::Duration;

use runtime::EngineOptions;
use serde_json::{Value, json};

use super::{Client, ROLE, Served, pass, refused, wait};

const MACHINE: &str = "arn:aws:states:us-east-1:123456789012:stateMachine:bad";

#[tokio::test(flavor = "multi_thread")]
async fn bad_input_is_refused_in_the_callers_shape() {
    let served = Served::start().await;
    let client = &served.client;
    broken_requests(client).await;
    broken_definitions(client).await;
    broken_inputs(client).await;
    broken_members(client).await;
    broken_creations(client).await;
    broken_starts_and_lists(client).await;
    operations_that_are_not_served(client).await;
    broken_rest_bodies(client).await;
    let machines = json!({ "stateMachines": [{
        "stateMachineArn": MACHINE, "name": "bad", "type": "STANDARD", "creationDate": "<seconds>",
    }] });
    client.check_aws("ListStateMachines", json!({}), 200, machines).await;
    let nothing = json!({ "executions": [] });
    client.check_aws("ListExecutions", json!({ "stateMachineArn": MACHINE }), 200, nothing).await;
    served.stop().await;
}

async fn broken_requests(client: &Client) {
    for body in ["{", "[]", "null", "\"x\"", "{\"maxResults\": \"x\"}", "{\"nextToken\": 3}"] {
        let (status, answer) = client.aws_raw("ListStateMachines", body.into()).await;
        assert_eq!((status, &answer["__type"]), (400, &json!("SerializationException")), "{body}");
    }
    let (status, answer) = client.aws_raw("ListStateMachines", vec![b'{', 0xff, b'}']).await;
    assert_eq!((status, &answer["__type"]), (400, &json!("SerializationException")));
    let deep = format!("{{\"a\": {}1{}}}", "[".repeat(100_000), "]".repeat(100_000));
    let (status, answer) = client.aws_raw("ListStateMachines", deep.into()).await;
    assert_eq!((status, &answer["__type"]), (400, &json!("SerializationException")));
    let (status, answer) = client.aws_raw("ListStateMachines", vec![b' '; 9_000_000]).await;
    assert_eq!((status, &answer["__type"]), (400, &json!("RequestTooLargeException")));
}

async fn broken_definitions(client: &Client) {
    let create =
        |definition: &str| json!({ "name": "x", "definition": definition, "roleArn": ROLE });
    let huge = format!("{}{}", pass(), " ".repeat(2_000_000));
    let refusal = refused(
        "ValidationException",
        "1 validation error detected: Value at 'definition' failed to satisfy constraint: Member \
         must have length less than or equal to 1048576",
    );
    client.check_aws("CreateStateMachine", create(&huge), 400, refusal).await;
    let deep = format!(
        "{{\"StartAt\": \"A\", \"States\": {}{}}}",
        "{\"A\":".repeat(50_000),
        "}".repeat(50_000)
    );
    let wrong: Vec<String> =
        (0..1_000).map(|n| format!("\"S{n}\": {{\"Type\": \"Nothing\"}}")).collect();
    let many = format!("{{\"StartAt\": \"S0\", \"States\": {{{}}}}}", wrong.join(","));
    for definition in ["{nope", "", "[]", "{}", "\u{0}", &deep, &many] {
        let (status, answer) = client.aws("CreateStateMachine", create(definition)).await;
        let expected =
            if definition.is_empty() { "ValidationException" } else { "InvalidDefinition" };
        assert_eq!((status, &answer["__type"]), (400, &json!(expected)), "{answer:.200}");
    }
}

async fn broken_inputs(client: &Client) {
    let create = json!({ "name": "bad", "definition": wait(3600), "roleArn": ROLE });
    client.aws("CreateStateMachine", create).await;
    let start = |input: &str| json!({ "stateMachineArn": MACHINE, "input": input });
    for (input, complaint) in [
        ("", "Invalid execution input."),
        (
            "not some json",
            "Unrecognized token 'not': was expecting (JSON String, Number, Array, Object or token \
             'null', 'true' or 'false')",
        ),
        (
            "{'not': 'json'",
            "Unexpected character (''' (code 39)): was expecting double-quote to start field name",
        ),
        (
            "\u{0}",
            "Unexpected character ((CTRL-CHAR, code 0)): expected a valid value (JSON String, \
             Number, Array, Object or token 'null', 'true' or 'false')",
        ),
    ] {
        let message = format!("Invalid State Machine Execution Input: '{complaint}'");
        let refusal = refused("InvalidExecutionInput", &message);
        client.check_aws("StartExecution", start(input), 400, refusal).await;
    }
    let long = format!("\"{}\"", "x".repeat(262_144));
    let refusal = refused(
        "ValidationException",
        "1 validation error detected: Value at 'input' failed to satisfy constraint: Member must \
         have length less than or equal to 262144",
    );
    client.check_aws("StartExecution", start(&long), 400, refusal).await;
    // Few enough characters, too many bytes.
    let wide = format!("\"{}\"", "é".repeat(200_000));
    let (status, answer) = client.aws("StartExecution", start(&wide)).await;
    assert_eq!((status, &answer["__type"]), (400, &json!("InvalidExecutionInput")));
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let (status, answer) = client.aws("StartExecution", start(&deep)).await;
    assert_eq!((status, &answer["__type"]), (400, &json!("InvalidExecutionInput")));
}

async fn broken_members(client: &Client) {
    let at = "1 validation error detected: Value";
    let rule = "failed to satisfy constraint: Member must";
    let arn = "arn:aws:states:us-east-1:123456789012:stateMachine:never";
    let execution = "arn:aws:states:us-east-1:123456789012:execution:never:x";
    for (operation, request, kind, message) in [
        (
            "DescribeStateMachine",
            json!({ "stateMachineArn": "not_a_valid_arn" }),
            "InvalidArn",
            "Invalid Arn: 'Invalid ARN prefix: not_a_valid_arn'".to_owned(),
        ),
        (
            "DescribeStateMachine",
            json!({ "stateMachineArn": arn }),
            "StateMachineDoesNotExist",
            format!("State Machine Does Not Exist: '{arn}'"),
        ),
        (
            "StartExecution",
            json!({ "stateMachineArn": arn }),
            "StateMachineDoesNotExist",
            format!("State Machine Does Not Exist: '{arn}'"),
        ),
        (
            "StartSyncExecution",
            json!({ "stateMachineArn": MACHINE }),
            "StateMachineTypeNotSupported",
            "This operation is not supported by this type of state machine".to_owned(),
        ),
        (
            "DescribeExecution",
            json!({ "executionArn": execution }),
            "ExecutionDoesNotExist",
            format!("Execution Does Not Exist: '{execution}'"),
        ),
        (
            "GetExecutionHistory",
            json!({ "executionArn": execution }),
            "ExecutionDoesNotExist",
            format!("Execution Does Not Exist: '{execution}'"),
        ),
        (
            "StopExecution",
            json!({ "executionArn": execution }),
            "ExecutionDoesNotExist",
            format!("Execution Does Not Exist: '{execution}'"),
        ),
        (
            "StopExecution",
            json!({}),
            "ValidationException",
            format!("{at} null at 'executionArn' {rule} not be null"),
        ),
    ] {
        client.check_aws(operation, request, 400, refused(kind, &message)).await;
    }
}

async fn broken_creations(client: &Client) {
    for (operation, request, kind, message) in [
        (
            "CreateStateMachine",
            json!({ "name": "a\u{1f}b", "definition": pass(), "roleArn": ROLE }),
            "InvalidName",
            "Invalid Name: 'a\u{1f}b'".to_owned(),
        ),
        (
            "CreateStateMachine",
            json!({ "name": "a", "definition": pass(), "roleArn": "nonsense" }),
            "InvalidArn",
            "Invalid Role Arn: 'nonsense'".to_owned(),
        ),
        (
            "CreateStateMachine",
            json!({ "name": "a", "definition": pass(), "roleArn": ROLE, "versionDescription": "x" }),
            "ValidationException",
            "Version description can only be set when publish is true".to_owned(),
        ),
        (
            "CreateStateMachine",
            json!({
                "name": "a", "definition": pass(), "roleArn": ROLE,
                "loggingConfiguration": { "level": "FATAL" },
            }),
            "InvalidLoggingConfiguration",
            "Invalid Logging Configuration: Must specify exactly one Log Destination.".to_owned(),
        ),
    ] {
        client.check_aws(operation, request, 400, refused(kind, &message)).await;
    }
}

async fn broken_starts_and_lists(client: &Client) {
    let at = "1 validation error detected: Value";
    let rule = "failed to satisfy constraint: Member must";
    let long = "x".repeat(3097);
    for (operation, request, kind, message) in [
        (
            "StartExecution",
            json!({ "stateMachineArn": MACHINE, "name": "a b" }),
            "InvalidName",
            "Invalid Name: 'a b'".to_owned(),
        ),
        (
            "ListExecutions",
            json!({ "stateMachineArn": MACHINE, "maxResults": 1001 }),
            "ValidationException",
            format!("{at} '1001' at 'maxResults' {rule} have value less than or equal to 1000"),
        ),
        (
            "ListExecutions",
            json!({ "stateMachineArn": MACHINE, "statusFilter": "succeeded" }),
            "ValidationException",
            format!(
                "{at} 'succeeded' at 'statusFilter' {rule} satisfy enum value set: [SUCCEEDED, \
                 TIMED_OUT, PENDING_REDRIVE, ABORTED, FAILED, RUNNING]"
            ),
        ),
        (
            "ListExecutions",
            json!({ "stateMachineArn": MACHINE, "nextToken": long }),
            "ValidationException",
            format!("{at} '{long}' at 'nextToken' {rule} have length less than or equal to 3096"),
        ),
        (
            "ListExecutions",
            json!({ "stateMachineArn": MACHINE, "nextToken": "xx" }),
            "InvalidToken",
            "Invalid Token: 'Invalid token'".to_owned(),
        ),
    ] {
        client.check_aws(operation, request, 400, refused(kind, &message)).await;
    }
}

async fn operations_that_are_not_served(client: &Client) {
    let kind = "UnknownOperationException";
    let message = "the operation `RedriveExecution` of Step Functions is not served yet";
    client.check_aws("RedriveExecution", json!({}), 400, refused(kind, message)).await;
    let message = "`Nonsense` is not an operation of AWSStepFunctions";
    client.check_aws("Nonsense", json!({}), 400, refused(kind, message)).await;
    let junk = client.http.post(&client.url).body("junk").send().await.unwrap();
    assert_eq!(junk.status(), 400);
    let answer: Value = junk.json().await.unwrap();
    assert_eq!(answer["__type"], kind);
}

async fn broken_rest_bodies(client: &Client) {
    for (request, body, status) in [
        ("POST /v1/state-machines", json!([]), 400),
        ("POST /v1/state-machines", json!({ "definition": {} }), 400),
        ("POST /v1/state-machines", json!({ "name": "x", "definition": {} }), 422),
        ("POST /v1/state-machines", json!({ "name": "x", "definition": {}, "nope": 1 }), 400),
        ("PUT /v1/state-machines/a%20b", json!({ "definition": {} }), 400),
        ("PUT /v1/functions/x", json!({}), 400),
        ("PUT /v1/functions/x", json!({ "url": "ftp://x" }), 400),
        ("PUT /v1/functions/a%20b", json!({ "url": "http://x" }), 400),
        ("PUT /v1/functions/x", json!({ "url": "http://x", "timeout_seconds": 0 }), 400),
        ("POST /v1/executions", json!({}), 400),
        ("POST /v1/executions", json!({ "state_machine": "never" }), 404),
        ("POST /v1/executions/never:x/stop", json!({}), 404),
    ] {
        let (method, path) = request.split_once(' ').unwrap();
        let (got, answer) = client.rest(method, path, body.clone()).await;
        assert_eq!(got, status, "{request} {body}: {answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_away_is_told_of_at_once() {
    // The patience of a server.
    let options = EngineOptions::default();
    let mut served = Served::start_in(options, Duration::from_secs(2)).await;
    let create = json!({ "name": "bad", "definition": pass(), "roleArn": ROLE });
    served.client.aws("CreateStateMachine", create.clone()).await;
    served.cluster.kill_nine().await;
    let client = &served.client;
    let start = json!({ "stateMachineArn": MACHINE, "name": "one" });
    for (operation, request) in [
        ("CreateStateMachine", create),
        ("StartExecution", start),
        ("ListStateMachines", json!({})),
    ] {
        let (status, answer) = client.aws(operation, request).await;
        assert_eq!((status, &answer["__type"]), (503, &json!("ServiceUnavailable")), "{operation}");
    }
    let (status, problem) = client.rest("GET", "/v1/state-machines", Value::Null).await;
    assert_eq!((status, &problem["title"]), (503, &json!("Service unavailable")));
    let detail = "the database cannot be reached; nothing was changed, try again";
    assert_eq!(problem["detail"], detail);
    let (status, kind, _) = client.scheduler_raw("GET", "/schedules/any", "").await;
    assert_eq!((status, kind.as_str()), (503, "InternalServerException"));
    let ready = client.http.get(format!("{}/readyz", client.url)).send().await.unwrap();
    assert_eq!(ready.status(), 503);
    served.cluster.start_again().await.unwrap();
    // The engine notices by itself; until then it goes on refusing. Each attempt has a name of its
    // own: one that was refused without knowing may have been made, and have ended since.
    let mut attempt = 0;
    let started = loop {
        attempt += 1;
        let start = json!({ "stateMachineArn": MACHINE, "name": format!("again-{attempt}") });
        match client.aws("StartExecution", start).await {
            (200, started) => break started,
            (status, answer) => assert_eq!(status, 503, "{answer}"),
        }
    };
    let execution = started["executionArn"].as_str().unwrap();
    let ended = client.wait_for_end(execution).await;
    assert_eq!(ended["status"], "SUCCEEDED", "{ended}");
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_throttles() {
    let options = EngineOptions { mailbox: 1, lanes: 1, ..EngineOptions::default() };
    let served = Served::start_with(options).await;
    let client = &served.client;
    let create = json!({ "name": "bad", "definition": wait(3600), "roleArn": ROLE });
    client.aws("CreateStateMachine", create).await;
    let start = json!({ "stateMachineArn": MACHINE });
    let mut throttled = false;
    while !throttled {
        let many = (0..64).map(|_| client.aws("StartExecution", start.clone()));
        for (status, answer) in futures_util::future::join_all(many).await {
            if status != 200 {
                assert_eq!(
                    (status, answer),
                    (400, refused("ThrottlingException", "Rate exceeded"))
                );
                throttled = true;
            }
        }
    }
    served.stop().await;
}
