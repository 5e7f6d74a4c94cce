//! What is refused, and how it is told: one transcript for each door. `UPDATE_EXPECT=1` writes what
//! is answered.
#![expect(clippy::needless_raw_string_hashes, reason = "expect-test writes them")]

use std::fmt::Write as _;

use expect_test::expect;
use serde_json::{Value, json};

use super::{Client, ROLE, Served, pass};

const MACHINE: &str = "arn:aws:states:us-east-1:123456789012:stateMachine:ferry";
const EXPRESS: &str = "arn:aws:states:us-east-1:123456789012:stateMachine:hydrofoil";

/// A server with a machine of each type.
async fn served() -> Served {
    let served = Served::start().await;
    for (name, kind) in [("ferry", "STANDARD"), ("hydrofoil", "EXPRESS")] {
        let create = json!({ "name": name, "definition": pass(), "roleArn": ROLE, "type": kind });
        let (status, answer) = served.client.aws("CreateStateMachine", create).await;
        assert_eq!(status, 200, "{answer}");
    }
    served
}

/// Begins the telling of a request, long ones by their beginning only.
fn ask(told: &mut String, request: &str) {
    let shown: String = request.chars().take(150).collect();
    let more = if shown.len() < request.len() { "…" } else { "" };
    let _ = writeln!(told, "{shown}{more}");
}

#[tokio::test(flavor = "multi_thread")]
async fn step_functions_refuses() {
    let served = served().await;
    let version = format!("{MACHINE}:1");
    let wide = format!("\"{}\"", "é".repeat(131_072));
    let logging = |level: &str, destination: Value| json!({ "stateMachineArn": MACHINE, "loggingConfiguration": { "level": level, "destinations": [destination] } });
    let encryption = |kind: &str, key: Value| json!({ "name": "x", "encryptionConfiguration": { "type": kind, "kmsKeyId": key } });
    let mut told = String::new();
    for (operation, request) in [
        ("ListExecutions", json!({})),
        ("ListExecutions", json!({ "mapRunArn": "arn:x" })),
        ("ListExecutions", json!({ "mapRunArn": "arn:x", "stateMachineArn": MACHINE })),
        ("ListExecutions", json!({ "stateMachineArn": MACHINE, "statusFilter": "LATE" })),
        ("ListStateMachines", json!({ "maxResults": -1 })),
        ("ListStateMachines", json!({ "maxResults": 1001, "nextToken": "" })),
        ("ListStateMachines", json!({ "maxResults": "many" })),
        ("ListStateMachines", json!({ "maxResults": [1] })),
        ("ListStateMachines", json!({ "nextToken": true })),
        ("CreateActivity", json!({ "name": "" })),
        ("CreateActivity", encryption("CUSTOMER_MANAGED_KMS_KEY", Value::Null)),
        ("CreateActivity", encryption("AWS_OWNED_KEY", json!("key"))),
        ("UpdateStateMachine", logging("ALL", json!({}))),
        ("UpdateStateMachine", json!({ "stateMachineArn": version, "roleArn": ROLE })),
        ("UpdateStateMachine", json!({ "stateMachineArn": MACHINE })),
        ("StartExecution", json!({ "stateMachineArn": EXPRESS })),
        ("StartExecution", json!({ "stateMachineArn": MACHINE, "input": wide })),
        ("StartExecution", json!({ "stateMachineArn": MACHINE, "traceHeader": "a\u{7}" })),
        ("StartSyncExecution", json!({ "stateMachineArn": EXPRESS })),
        ("PublishStateMachineVersion", json!({ "stateMachineArn": MACHINE, "revisionId": "0" })),
        ("DeleteStateMachineVersion", json!({ "stateMachineVersionArn": MACHINE })),
        ("TagResource", json!({ "resourceArn": MACHINE, "tags": [{ "value": "v" }] })),
        ("TagResource", json!({ "resourceArn": MACHINE, "tags": [{ "key": "k\u{0}" }] })),
        ("SendTaskSuccess", json!({ "taskToken": "AAAA", "output": " " })),
        ("SendTaskSuccess", json!({ "taskToken": "AAAA", "output": wide })),
    ] {
        ask(&mut told, &format!("{operation} {request}"));
        let (status, answer) = served.client.aws(operation, request).await;
        tell(&mut told, status, &answer);
    }
    for body in ["{", "[]", "true", "1", "\"x\"", "null"] {
        ask(&mut told, &format!("ListStateMachines {body}"));
        let (status, answer) = served.client.aws_raw("ListStateMachines", body.into()).await;
        tell(&mut told, status, &answer);
    }
    let blank = vec![b' '; 9 * 1024 * 1024];
    let (status, answer) = served.client.aws_raw("ListStateMachines", blank).await;
    ask(&mut told, "nine mebibytes of blanks");
    tell(&mut told, status, &answer);
    let untold = served.client.http.post(&served.client.url).body("{}").send().await.unwrap();
    ask(&mut told, "without X-Amz-Target");
    tell(&mut told, untold.status().as_u16(), &untold.json().await.unwrap());
    expect![[r#"
        ListExecutions {}
            400 ValidationException: Must specify either the stateMachineArn or the mapRunArn
        ListExecutions {"mapRunArn":"arn:x"}
            400 ValidationException: executions of Map Runs are not served yet
        ListExecutions {"mapRunArn":"arn:x","stateMachineArn":"arn:aws:states:us-east-1:123456789012:stateMachine:ferry"}
            400 ValidationException: Must specify only one of stateMachineArn and mapRunArn
        ListExecutions {"stateMachineArn":"arn:aws:states:us-east-1:123456789012:stateMachine:ferry","statusFilter":"LATE"}
            400 ValidationException: 1 validation error detected: Value 'LATE' at 'statusFilter' failed to satisfy constraint: Member must satisfy enum value set: [SUCCEEDED, TIMED_OUT, PENDING_REDRIVE, ABORTED, FAILED, RUNNING]
        ListStateMachines {"maxResults":-1}
            400 ValidationException: 1 validation error detected: Value '-1' at 'maxResults' failed to satisfy constraint: Member must have value greater than or equal to 0
        ListStateMachines {"maxResults":1001,"nextToken":""}
            400 ValidationException: 2 validation errors detected: Value '1001' at 'maxResults' failed to satisfy constraint: Member must have value less than or equal to 1000; Value '' at 'nextToken' failed to satisfy constraint: Member must have length greater than or equal to 1
        ListStateMachines {"maxResults":"many"}
            400 SerializationException: STRING_VALUE cannot be converted to Integer
        ListStateMachines {"maxResults":[1]}
            400 SerializationException: LIST_VALUE cannot be converted to Integer
        ListStateMachines {"nextToken":true}
            400 SerializationException: TRUE_VALUE cannot be converted to String
        CreateActivity {"name":""}
            400 ValidationException: 1 validation error detected: Value '' at 'name' failed to satisfy constraint: Member must have length greater than or equal to 1
        CreateActivity {"name":"x","encryptionConfiguration":{"type":"CUSTOMER_MANAGED_KMS_KEY","kmsKeyId":null}}
            400 InvalidEncryptionConfiguration: Invalid Encryption Configuration: `kmsKeyId` is required for CUSTOMER_MANAGED_KMS_KEY
        CreateActivity {"name":"x","encryptionConfiguration":{"type":"AWS_OWNED_KEY","kmsKeyId":"key"}}
            400 InvalidEncryptionConfiguration: Invalid Encryption Configuration: `kmsKeyId` is not allowed for AWS_OWNED_KEY
        UpdateStateMachine {"stateMachineArn":"arn:aws:states:us-east-1:123456789012:stateMachine:ferry","loggingConfiguration":{"level":"ALL","destinations":…
            400 InvalidLoggingConfiguration: Invalid Logging Configuration: Log Destination must be specified.
        UpdateStateMachine {"stateMachineArn":"arn:aws:states:us-east-1:123456789012:stateMachine:ferry:1","roleArn":"arn:aws:iam::123456789012:role/test"}
            400 ValidationException: the ARN of a state machine is wanted, not that of a version or alias
        UpdateStateMachine {"stateMachineArn":"arn:aws:states:us-east-1:123456789012:stateMachine:ferry"}
            400 MissingRequiredParameter: Either the definition, the role ARN, the LoggingConfiguration, or the TracingConfiguration must be specified
        StartExecution {"stateMachineArn":"arn:aws:states:us-east-1:123456789012:stateMachine:hydrofoil"}
            400 StateMachineTypeNotSupported: executions of EXPRESS state machines are not served yet
        StartExecution {"stateMachineArn":"arn:aws:states:us-east-1:123456789012:stateMachine:ferry","input":"\"éééééééééééééééééééééééééééééééééééééééééééééé…
            400 InvalidExecutionInput: Invalid State Machine Execution Input: 'The input is 262146 bytes long, and 262144 is the most'
        StartExecution {"stateMachineArn":"arn:aws:states:us-east-1:123456789012:stateMachine:ferry","traceHeader":"a\u0007"}
            400 ValidationException: the trace header is to be at most 256 printable ASCII characters
        StartSyncExecution {"stateMachineArn":"arn:aws:states:us-east-1:123456789012:stateMachine:hydrofoil"}
            400 UnknownOperationException: the operation `StartSyncExecution` of Step Functions is not served yet
        PublishStateMachineVersion {"stateMachineArn":"arn:aws:states:us-east-1:123456789012:stateMachine:ferry","revisionId":"0"}
            400 ConflictException: the given revision is not the current one of 'arn:aws:states:us-east-1:123456789012:stateMachine:ferry'
        DeleteStateMachineVersion {"stateMachineVersionArn":"arn:aws:states:us-east-1:123456789012:stateMachine:ferry"}
            400 ValidationException: the ARN of a version is wanted
        TagResource {"resourceArn":"arn:aws:states:us-east-1:123456789012:stateMachine:ferry","tags":[{"value":"v"}]}
            400 ValidationException: a tag is a key of 1 to 128 characters and a value of at most 256
        TagResource {"resourceArn":"arn:aws:states:us-east-1:123456789012:stateMachine:ferry","tags":[{"key":"k\u0000"}]}
            400 ValidationException: the character U+0000 is not allowed in `tags`
        SendTaskSuccess {"taskToken":"AAAA","output":" "}
            400 InvalidOutput: Invalid Output: 'Invalid output.'
        SendTaskSuccess {"taskToken":"AAAA","output":"\"éééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééé…
            400 InvalidOutput: Invalid Output: 'The output is 262146 bytes long, and 262144 is the most'
        ListStateMachines {
            400 SerializationException: the request body is not JSON as it should be: EOF while parsing an object at line 1 column 1
        ListStateMachines []
            400 SerializationException: the request body is to be a JSON object, and it is an array
        ListStateMachines true
            400 SerializationException: the request body is to be a JSON object, and it is a boolean
        ListStateMachines 1
            400 SerializationException: the request body is to be a JSON object, and it is a number
        ListStateMachines "x"
            400 SerializationException: the request body is to be a JSON object, and it is a string
        ListStateMachines null
            400 SerializationException: the request body is to be a JSON object, and it is null
        nine mebibytes of blanks
            400 RequestTooLargeException: the request body is longer than 4194304 bytes
        without X-Amz-Target
            400 UnknownOperationException: the header `X-Amz-Target` is missing: it names the operation, as in `AWSStepFunctions.ListStateMachines`
    "#]].assert_eq(&told);
    served.stop().await;
}

/// Tells a refusal of AWS's door.
fn tell(told: &mut String, status: u16, answer: &Value) {
    let kind = answer["__type"].as_str().unwrap_or("accepted");
    let message = answer["message"].as_str().unwrap_or_default();
    let _ = writeln!(told, "    {status} {kind}: {message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn scheduler_refuses() {
    let served = served().await;
    let schedule = |more: Value| {
        let mut body = json!({
            "ScheduleExpression": "rate(1 hour)", "FlexibleTimeWindow": { "Mode": "OFF" },
            "Target": { "Arn": MACHINE, "RoleArn": ROLE },
        });
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        body.to_string()
    };
    let target = |more: Value| {
        let mut target = json!({ "Arn": MACHINE, "RoleArn": ROLE });
        for (name, value) in more.as_object().unwrap() {
            target[name] = value.clone();
        }
        schedule(json!({ "Target": target }))
    };
    let mut told = String::new();
    for (request, body) in [
        (
            "POST /schedules/s",
            schedule(json!({ "KmsKeyArn": "arn:aws:kms:us-east-1:123456789012:key/k" })),
        ),
        ("POST /schedules/s", schedule(json!({ "Colour": "blue" }))),
        ("POST /schedules/s", target(json!({ "DeadLetterConfig": {} }))),
        ("POST /schedules/s", target(json!({ "EcsParameters": {} }))),
        ("POST /schedules/s%20", schedule(json!({}))),
        ("POST /schedules/s", schedule(json!({ "ClientToken": "" }))),
        ("POST /schedules/s", schedule(json!({ "GroupName": "none" }))),
        ("POST /schedules/%FF", schedule(json!({}))),
        ("POST /schedules/s", "{".to_owned()),
        ("GET /schedules?MaxResults=%FF", String::new()),
        ("GET /schedules?MaxResults=0", String::new()),
        ("PATCH /schedules/s", String::new()),
        ("GET /schedules/s/more", String::new()),
        ("DELETE /schedule-groups/default", String::new()),
    ] {
        ask(&mut told, &format!("{request} {body}"));
        let (method, path) = request.split_once(' ').unwrap();
        let (status, kind, answer) = served.client.scheduler_raw(method, path, &body).await;
        let message = answer["Message"].as_str().or(answer["message"].as_str());
        let _ = writeln!(told, "    {status} {kind}: {}", message.unwrap_or_default());
    }
    expect![[r#"
        POST /schedules/s {"ScheduleExpression":"rate(1 hour)","FlexibleTimeWindow":{"Mode":"OFF"},"Target":{"Arn":"arn:aws:states:us-east-1:123456789012:stat…
            400 ValidationException: KmsKeyArn is not supported: nothing is encrypted with keys of KMS.
        POST /schedules/s {"ScheduleExpression":"rate(1 hour)","FlexibleTimeWindow":{"Mode":"OFF"},"Target":{"Arn":"arn:aws:states:us-east-1:123456789012:stat…
            400 ValidationException: Colour is not supported.
        POST /schedules/s {"ScheduleExpression":"rate(1 hour)","FlexibleTimeWindow":{"Mode":"OFF"},"Target":{"Arn":"arn:aws:states:us-east-1:123456789012:stat…
            400 ValidationException: DeadLetterConfig is not supported: there is no queue here to deliver to. Firings that fail are kept in the log of their schedule, with the reason.
        POST /schedules/s {"ScheduleExpression":"rate(1 hour)","FlexibleTimeWindow":{"Mode":"OFF"},"Target":{"Arn":"arn:aws:states:us-east-1:123456789012:stat…
            400 ValidationException: Parameters EcsParameters not supported for the target.
        POST /schedules/s%20 {"ScheduleExpression":"rate(1 hour)","FlexibleTimeWindow":{"Mode":"OFF"},"Target":{"Arn":"arn:aws:states:us-east-1:123456789012:s…
            400 ValidationException: 1 validation error detected: Value 's ' at 'name' failed to satisfy constraint: Member must satisfy regular expression pattern: [0-9a-zA-Z-_.]+
        POST /schedules/s {"ScheduleExpression":"rate(1 hour)","FlexibleTimeWindow":{"Mode":"OFF"},"Target":{"Arn":"arn:aws:states:us-east-1:123456789012:stat…
            400 ValidationException: 1 validation error detected: Value '' at 'clientToken' failed to satisfy constraint: Member must have length greater than or equal to 1
        POST /schedules/s {"ScheduleExpression":"rate(1 hour)","FlexibleTimeWindow":{"Mode":"OFF"},"Target":{"Arn":"arn:aws:states:us-east-1:123456789012:stat…
            404 ResourceNotFoundException: Schedule group none does not exist.
        POST /schedules/%FF {"ScheduleExpression":"rate(1 hour)","FlexibleTimeWindow":{"Mode":"OFF"},"Target":{"Arn":"arn:aws:states:us-east-1:123456789012:st…
            400 ValidationException: the path is not UTF-8 when decoded
        POST /schedules/s {
            400 SerializationException: the request body is not JSON as it should be: EOF while parsing an object at line 1 column 1
        GET /schedules?MaxResults=%FF 
            400 SerializationException: STRING_VALUE cannot be converted to Integer
        GET /schedules?MaxResults=0 
            400 ValidationException: 1 validation error detected: Value '0' at 'maxResults' failed to satisfy constraint: Member must have value greater than or equal to 1
        PATCH /schedules/s 
            405 UnknownOperationException: EventBridge Scheduler has no such action
        GET /schedules/s/more 
            404 UnknownOperationException: EventBridge Scheduler has no such action
        DELETE /schedule-groups/default 
            400 ValidationException: This operation cannot be performed on schedule group default.
    "#]].assert_eq(&told);
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rest_refuses() {
    let served = served().await;
    let client = &served.client;
    let create = json!({ "expression": "cron(0 2 * * ? *)", "state_machine": "ferry" });
    let (status, made) = client.rest("PUT", "/v1/schedules/nightly", create.clone()).await;
    assert_eq!(status, 201, "{made}");
    let schedule = |more: Value| {
        let mut body = create.clone();
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        body
    };
    let function = |more: Value| {
        let mut body = json!({ "url": "http://127.0.0.1:9/f" });
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        body
    };
    let headers: Value = (0..101).map(|n| (format!("h{n}"), json!("v"))).collect();
    let backfill = |from: &str, until: &str, per_minute: u32| json!({ "from": from, "until": until, "per_minute": per_minute });
    let zeros = "00000000-0000-0000-0000-000000000000";
    let mut told = String::new();
    for (request, body) in [
        ("POST /v1/state-machines", json!({ "definition": {} })),
        ("POST /v1/state-machines", json!({ "name": "x", "definition": {}, "extra": 1 })),
        ("PUT /v1/state-machines/x", json!({ "name": "y", "definition": {} })),
        ("PUT /v1/state-machines/x", json!({ "definition": "{" })),
        ("PUT /v1/state-machines/x%20y", json!({ "definition": {} })),
        ("GET /v1/state-machines?limit=many", Value::Null),
        ("POST /v1/executions", json!({})),
        ("POST /v1/state-machines/ferry/executions", json!({ "state_machine": "ferry" })),
        (
            "POST /v1/executions",
            json!({ "state_machine": "ferry", "trace_header": "x".repeat(257) }),
        ),
        ("GET /v1/executions?state_machine=ferry&status=LATE", Value::Null),
        ("GET /v1/executions?state_machine=ferry&page_token=x", Value::Null),
        ("GET /v1/executions/ferry:gone", Value::Null),
        ("PUT /v1/functions/a%20b", function(json!({}))),
        ("PUT /v1/functions/f", function(json!({ "url": "http://" }))),
        ("PUT /v1/functions/f", function(json!({ "url": "http://:80/" }))),
        ("PUT /v1/functions/f", function(json!({ "url": "ftp://x" }))),
        ("PUT /v1/functions/f", function(json!({ "url": "http://a:b@x" }))),
        ("PUT /v1/functions/f", function(json!({ "timeout_seconds": 0 }))),
        ("PUT /v1/functions/f", function(json!({ "max_concurrency": 0 }))),
        ("PUT /v1/functions/f", function(json!({ "headers": headers }))),
        ("GET /v1/functions/f", Value::Null),
        ("POST /v1/activities/a%20b/poll", Value::Null),
        ("POST /v1/activities/a/poll", json!({ "worker_name": "" })),
        ("POST /v1/tasks/AAAA/failure", json!({ "error": "x".repeat(257) })),
        ("PUT /v1/schedules/a%20b", schedule(json!({}))),
        ("PUT /v1/schedules/nightly?group=a%20b", schedule(json!({}))),
        ("PUT /v1/schedules/nightly", schedule(json!({ "state_machine": "a b" }))),
        (
            "PUT /v1/schedules/nightly",
            schedule(json!({ "state_machine": "arn:aws:sqs:us-east-1:123456789012:queue" })),
        ),
        (
            "PUT /v1/schedules/nightly",
            schedule(json!({ "state_machine": format!("{MACHINE}:live") })),
        ),
        ("PUT /v1/schedules/nightly", schedule(json!({ "paused_reason": "tired" }))),
        ("PUT /v1/schedules/nightly", schedule(json!({ "max_retries": 186 }))),
        ("PUT /v1/schedules/nightly", schedule(json!({ "description": "x".repeat(513) }))),
        ("PUT /v1/schedules/nightly", schedule(json!({ "input": "x".repeat(300_000) }))),
        (
            "PUT /v1/schedules/nightly",
            schedule(json!({ "start": "2031-01-01T00:00:00Z", "end": "2030-01-01T00:00:00Z" })),
        ),
        ("POST /v1/schedules/nightly/run", json!({ "request_id": zeros })),
        ("GET /v1/schedules/nightly/preview?count=0", Value::Null),
        (
            "POST /v1/schedules/nightly/backfills",
            backfill("2026-01-02T00:00:00Z", "2026-01-01T00:00:00Z", 1),
        ),
        (
            "POST /v1/schedules/nightly/backfills",
            backfill("2026-01-02T00:00:00Z", "2100-01-01T00:00:00Z", 1),
        ),
        (
            "POST /v1/schedules/nightly/backfills",
            backfill("2020-01-02T00:00:00Z", "2026-01-01T00:00:00Z", 1),
        ),
        (
            "POST /v1/schedules/nightly/backfills",
            backfill("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", 0),
        ),
        ("PATCH /v1/state-machines", Value::Null),
        ("GET /v1/executions/%FF", Value::Null),
        ("GET /v2", Value::Null),
    ] {
        ask(&mut told, &format!("{request} {body}"));
        let (method, path) = request.split_once(' ').unwrap();
        let (status, problem) = client.rest(method, path, body).await;
        let (title, detail) = (problem["title"].as_str(), problem["detail"].as_str());
        let place = problem["pointer"].as_str().map(|at| format!(" at {at}")).unwrap_or_default();
        let (title, detail) = (title.unwrap_or("accepted"), detail.unwrap_or_default());
        let _ = writeln!(told, "    {status} {title}: {detail}{place}");
    }
    expect![[r#"
        POST /v1/state-machines {"definition":{}}
            400 Validation: `name` is missing at /name
        POST /v1/state-machines {"name":"x","definition":{},"extra":1}
            400 Serialization: the request body is not as it should be: unknown field `extra`, expected one of `name`, `definition`, `type`, `role_arn`, `tags`, `publish`, `version_description` at line 1 column 35
        PUT /v1/state-machines/x {"name":"y","definition":{}}
            400 Validation: `name` is to be `x`, as in the path, or absent at /name
        PUT /v1/state-machines/x {"definition":"{"}
            422 Invalid definition: Invalid State Machine Definition: 'INVALID_JSON_DESCRIPTION: EOF while parsing an object at line 1 column 1 at /' at /definition
        PUT /v1/state-machines/x%20y {"definition":{}}
            400 Invalid arn: Invalid Arn: 'arn:aws:states:us-east-1:123456789012:stateMachine:x y'
        GET /v1/state-machines?limit=many null
            400 Validation: the query parameters are not as they should be: Failed to deserialize query string: limit: invalid digit found in string
        POST /v1/executions {}
            400 Validation: `state_machine` is missing at /state_machine
        POST /v1/state-machines/ferry/executions {"state_machine":"ferry"}
            400 Validation: `state_machine` is not allowed: the path names it at /state_machine
        POST /v1/executions {"state_machine":"ferry","trace_header":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…
            400 Validation: the trace header is to be at most 256 printable ASCII characters at /trace_header
        GET /v1/executions?state_machine=ferry&status=LATE null
            400 Validation: `status` is to be RUNNING, SUCCEEDED, FAILED, TIMED_OUT or ABORTED, not `LATE`
        GET /v1/executions?state_machine=ferry&page_token=x null
            400 Invalid token: Invalid Token: 'Invalid token'
        GET /v1/executions/ferry:gone null
            404 Execution does not exist: Execution Does Not Exist: 'arn:aws:states:us-east-1:123456789012:execution:ferry:gone'
        PUT /v1/functions/a%20b {"url":"http://127.0.0.1:9/f"}
            400 Validation: the name of a function is to be 1 to 64 letters, digits, hyphens and underscores
        PUT /v1/functions/f {"url":"http://"}
            400 Validation: `url` cannot be read as a URL at /url
        PUT /v1/functions/f {"url":"http://:80/"}
            400 Validation: `url` is to name a host at /url
        PUT /v1/functions/f {"url":"ftp://x"}
            400 Validation: `url` is to begin with `http://` or `https://` at /url
        PUT /v1/functions/f {"url":"http://a:b@x"}
            400 Validation: `url` is not to hold credentials; put them in `headers` at /url
        PUT /v1/functions/f {"url":"http://127.0.0.1:9/f","timeout_seconds":0}
            400 Validation: `timeout_seconds` is to be from 1 to 99999999 at /timeout_seconds
        PUT /v1/functions/f {"url":"http://127.0.0.1:9/f","max_concurrency":0}
            400 Validation: `max_concurrency` is to be from 1 to 100000 at /max_concurrency
        PUT /v1/functions/f {"url":"http://127.0.0.1:9/f","headers":{"h0":"v","h1":"v","h2":"v","h3":"v","h4":"v","h5":"v","h6":"v","h7":"v","h8":"v","h9":"v"…
            400 Validation: `headers` may hold 50 headers of 8192 bytes in all at /headers
        GET /v1/functions/f null
            404 Function does not exist: function `f` is not registered
        POST /v1/activities/a%20b/poll null
            400 Invalid arn: Invalid Arn: 'arn:aws:states:us-east-1:123456789012:activity:a b'
        POST /v1/activities/a/poll {"worker_name":""}
            400 Validation: `worker_name` is to have 1 to 80 characters at /worker_name
        POST /v1/tasks/AAAA/failure {"error":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…
            400 Validation: `error` is to have at most 256 characters at /error
        PUT /v1/schedules/a%20b {"expression":"cron(0 2 * * ? *)","state_machine":"ferry"}
            400 Validation: the name of a schedule is to be 1 to 64 letters, digits, hyphens, underscores and dots
        PUT /v1/schedules/nightly?group=a%20b {"expression":"cron(0 2 * * ? *)","state_machine":"ferry"}
            400 Validation: the name of a group of schedules is to be 1 to 64 letters, digits, hyphens, underscores and dots
        PUT /v1/schedules/nightly {"expression":"cron(0 2 * * ? *)","state_machine":"a b"}
            400 Validation: `state_machine` is to be a name, `name:version`, or an ARN at /state_machine
        PUT /v1/schedules/nightly {"expression":"cron(0 2 * * ? *)","state_machine":"arn:aws:sqs:us-east-1:123456789012:queue"}
            400 Validation: sqs is not a supported service for a target: Statewright starts state machines: the target is to be the ARN of one, or of a version of one at /state_machine
        PUT /v1/schedules/nightly {"expression":"cron(0 2 * * ? *)","state_machine":"arn:aws:states:us-east-1:123456789012:stateMachine:ferry:live"}
            400 Validation: Aliases of state machines are not supported for the target: arn:aws:states:us-east-1:123456789012:stateMachine:ferry:live: aliases are not served yet: the target is to be the ARN of a state machine, or of a version of one at /state_machine
        PUT /v1/schedules/nightly {"expression":"cron(0 2 * * ? *)","state_machine":"ferry","paused_reason":"tired"}
            400 Validation: `paused_reason` is for a schedule whose `state` is `paused` at /paused_reason
        PUT /v1/schedules/nightly {"expression":"cron(0 2 * * ? *)","state_machine":"ferry","max_retries":186}
            400 Validation: `max_retries` is to be from 0 to 185 at /max_retries
        PUT /v1/schedules/nightly {"expression":"cron(0 2 * * ? *)","state_machine":"ferry","description":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…
            400 Validation: `description` is to be 512 characters at most at /description
        PUT /v1/schedules/nightly {"expression":"cron(0 2 * * ? *)","state_machine":"ferry","input":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…
            400 Validation: the input is to be 262144 bytes at most at /input
        PUT /v1/schedules/nightly {"expression":"cron(0 2 * * ? *)","state_machine":"ferry","start":"2031-01-01T00:00:00Z","end":"2030-01-01T00:00:00Z"}
            400 Validation: The StartDate you specify must come before the EndDate. at /end
        POST /v1/schedules/nightly/run {"request_id":"00000000-0000-0000-0000-000000000000"}
            400 Serialization: the request body is not as it should be: unknown field `request_id`, expected `request` at line 1 column 13
        GET /v1/schedules/nightly/preview?count=0 null
            400 Validation: `count` is to be from 1 to 1000
        POST /v1/schedules/nightly/backfills {"from":"2026-01-02T00:00:00Z","until":"2026-01-01T00:00:00Z","per_minute":1}
            400 Validation: `from` is to be before `until` at /until
        POST /v1/schedules/nightly/backfills {"from":"2026-01-02T00:00:00Z","until":"2100-01-01T00:00:00Z","per_minute":1}
            400 Validation: `until` is not to be in the future at /until
        POST /v1/schedules/nightly/backfills {"from":"2020-01-02T00:00:00Z","until":"2026-01-01T00:00:00Z","per_minute":1}
            202 accepted: 
        POST /v1/schedules/nightly/backfills {"from":"2026-01-01T00:00:00Z","until":"2026-01-02T00:00:00Z","per_minute":0}
            400 Validation: `per_minute` is to be from 1 to 6000 at /per_minute
        PATCH /v1/state-machines null
            405 Method Not Allowed: this path does not take this method
        GET /v1/executions/%FF null
            400 Bad Request: the path cannot be read: it is not valid UTF-8 when decoded
        GET /v2 null
            404 Not Found: there is nothing at `/v2`; /openapi.json lists what is
    "#]].assert_eq(&told);
    served.stop().await;
}

/// A server says what it speaks, to whoever looks at it with a browser.
#[tokio::test(flavor = "multi_thread")]
async fn the_root_says_what_is_served() {
    let served = Served::start().await;
    let Client { http, url } = &served.client;
    let root: Value = http.get(url).send().await.unwrap().json().await.unwrap();
    assert_eq!(root["aws"], "POST / with X-Amz-Target: AWSStepFunctions.<Operation>");
    assert_eq!(root["scheduler"], "/schedules, as EventBridge Scheduler");
    let metrics = http.get(format!("{url}/metrics")).send().await.unwrap();
    assert_eq!(metrics.headers()["content-type"], "text/plain; version=0.0.4");
    served.stop().await;
}
