//! `EventBridge` Scheduler's wire: its 12 actions, its errors, and what is refused by name.

use serde_json::{Value, json};

use super::{Client, ROLE, Served, check};

const MACHINE: &str = "arn:aws:states:us-east-1:123456789012:stateMachine:report";
const ALIAS: &str = "Aliases of state machines are not supported for the target: \
                     arn:aws:states:us-east-1:123456789012:stateMachine:report:live.";
const GROUP_ARN: &str = "arn:aws:scheduler:us-east-1:123456789012:schedule-group/night";

#[tokio::test(flavor = "multi_thread")]
async fn scheduler_is_answered_as_aws_answers() {
    let served = Served::start().await;
    let client = &served.client;
    a_schedule_lives(client).await;
    an_update_replaces_all_that_aws_knows(client).await;
    repeated_creations_are_told_from_conflicts(client).await;
    groups_live_and_take_their_schedules_along(client).await;
    groups_have_tags(client).await;
    lists_come_in_pages(client).await;
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_scheduler_cannot_do_is_refused_by_name() {
    let served = Served::start().await;
    let client = &served.client;
    what_is_not_there_is_not_found(client).await;
    constraints_are_those_of_the_model(client).await;
    rules_are_told_in_awss_words(client).await;
    what_has_no_effect_here_is_refused(client).await;
    broken_requests_are_refused(client).await;
    let nothing = json!({ "Schedules": [] });
    client.scheduler("GET /schedules", Value::Null, 200, nothing).await;
    served.stop().await;
}

/// The least that AWS takes.
fn minimal() -> Value {
    json!({
        "ScheduleExpression": "rate(1 hour)",
        "FlexibleTimeWindow": { "Mode": "OFF" },
        "Target": { "Arn": MACHINE, "RoleArn": ROLE },
    })
}

/// The same with other members, and without those that are null.
fn with(more: Value) -> Value {
    let mut body = minimal();
    merge(&mut body, more);
    body
}

fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (name, value) in from {
                merge(into.entry(name).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from,
    }
}

fn arn(name: &str) -> String {
    format!("arn:aws:scheduler:us-east-1:123456789012:schedule/{name}")
}

async fn a_schedule_lives(client: &Client) {
    let full = with(json!({
        "ScheduleExpression": "cron(0 2 * * ? *)",
        "ScheduleExpressionTimezone": "Europe/Berlin",
        "StartDate": 4_000_000_000.5,
        "EndDate": 4_100_000_000_u64,
        "Description": "the night's report",
        "State": "DISABLED",
        "FlexibleTimeWindow": { "Mode": "FLEXIBLE", "MaximumWindowInMinutes": 15 },
        "ActionAfterCompletion": "DELETE",
        "ClientToken": "first",
        "Target": {
            "Input": r#"{ "for": "<aws.scheduler.scheduled-time>", "try": <aws.scheduler.attempt-number> }"#,
            "RetryPolicy": { "MaximumEventAgeInSeconds": 3600, "MaximumRetryAttempts": 0 },
        },
    }));
    let created = json!({ "ScheduleArn": arn("default/nightly") });
    client.scheduler("POST /schedules/nightly", full.clone(), 200, created).await;
    let mut described = full;
    described.as_object_mut().unwrap().remove("ClientToken");
    merge(
        &mut described,
        json!({
            "Arn": arn("default/nightly"), "GroupName": "default", "Name": "nightly",
            "CreationDate": "<seconds>", "LastModificationDate": "<seconds>",
            "EndDate": 4_100_000_000.0,
        }),
    );
    client.scheduler("GET /schedules/nightly", Value::Null, 200, described.clone()).await;
    let path = "GET /schedules/nightly?groupName=default";
    client.scheduler(path, Value::Null, 200, described).await;

    client
        .scheduler("POST /schedules/plain", minimal(), 200, json!({ "ScheduleArn": "<any>" }))
        .await;
    let defaults = json!({
        "Arn": arn("default/plain"), "GroupName": "default", "Name": "plain",
        "ScheduleExpression": "rate(1 hour)", "ScheduleExpressionTimezone": "UTC",
        "State": "ENABLED", "FlexibleTimeWindow": { "Mode": "OFF" },
        "Target": {
            "Arn": MACHINE, "RoleArn": ROLE,
            "RetryPolicy": { "MaximumEventAgeInSeconds": 86400, "MaximumRetryAttempts": 185 },
        },
        "ActionAfterCompletion": "NONE",
        "CreationDate": "<seconds>", "LastModificationDate": "<seconds>",
    });
    client.scheduler("GET /schedules/plain", Value::Null, 200, defaults).await;

    client.scheduler("DELETE /schedules/plain?clientToken=t", Value::Null, 200, json!({})).await;
    let gone = json!({ "Message": "Schedule plain does not exist." });
    client.scheduler("DELETE /schedules/plain", Value::Null, 404, gone).await;
}

async fn an_update_replaces_all_that_aws_knows(client: &Client) {
    // What AWS has no word for is not reset by those who use its words.
    let ours = json!({
        "expression": "rate(1 day)", "state_machine": "report", "overlap": "skip",
        "catch_up": "all", "catch_up_seconds": 600, "state": "paused", "paused_reason": "holidays",
        "window_minutes": 5,
    });
    let path = "/v1/schedules/changed";
    client.rest("PUT", path, ours).await;
    let updated = json!({ "ScheduleArn": arn("default/changed") });
    let disabled = with(json!({ "State": "DISABLED" }));
    client.scheduler("PUT /schedules/changed", disabled, 200, updated.clone()).await;
    let (_, seen) = client.rest("GET", path, Value::Null).await;
    assert_eq!(seen["paused_reason"], "holidays");
    assert_eq!(seen["window_minutes"], Value::Null);
    client.scheduler("PUT /schedules/changed", minimal(), 200, updated).await;
    let (_, seen) = client.rest("GET", path, Value::Null).await;
    for (member, value) in [
        ("overlap", json!("skip")),
        ("catch_up", json!("all")),
        ("catch_up_seconds", json!(600)),
        ("state", json!("enabled")),
        ("paused_reason", Value::Null),
        ("expression", json!("rate(1 hour)")),
        ("role_arn", json!(ROLE)),
    ] {
        assert_eq!(seen[member], value, "{member} of {seen}");
    }
    client.scheduler("DELETE /schedules/changed", Value::Null, 200, json!({})).await;
    let gone = json!({ "Message": "Schedule changed does not exist." });
    client.scheduler("PUT /schedules/changed", minimal(), 404, gone).await;
}

async fn repeated_creations_are_told_from_conflicts(client: &Client) {
    let first = with(json!({ "ClientToken": "a-token" }));
    let created = json!({ "ScheduleArn": arn("default/once") });
    client.scheduler("POST /schedules/once", first.clone(), 200, created.clone()).await;
    client.scheduler("POST /schedules/once", first.clone(), 200, created).await;
    let conflict = json!({ "Message": "Schedule once already exists." });
    let mut other = first.clone();
    merge(&mut other, json!({ "Description": "another" }));
    for body in [minimal(), with(json!({ "ClientToken": "another" })), other] {
        client.scheduler("POST /schedules/once", body, 409, conflict.clone()).await;
    }
    client.scheduler("DELETE /schedules/once", Value::Null, 200, json!({})).await;
}

async fn groups_live_and_take_their_schedules_along(client: &Client) {
    let group = |name: &str| {
        json!({
            "Arn": format!("arn:aws:scheduler:us-east-1:123456789012:schedule-group/{name}"),
            "Name": name, "State": "ACTIVE",
            "CreationDate": "<seconds>", "LastModificationDate": "<seconds>",
        })
    };
    client.scheduler("GET /schedule-groups/default", Value::Null, 200, group("default")).await;
    let created = json!({ "ScheduleGroupArn": GROUP_ARN });
    let tagged = json!({ "Tags": [{ "Key": "team", "Value": "a" }], "ClientToken": "g" });
    client.scheduler("POST /schedule-groups/night", tagged.clone(), 200, created.clone()).await;
    client.scheduler("POST /schedule-groups/night", tagged, 200, created).await;
    let conflict = json!({ "Message": "Schedule group night already exists." });
    let other_tags = json!({ "Tags": [{ "Key": "team", "Value": "b" }], "ClientToken": "g" });
    for body in [json!({}), json!({ "ClientToken": "g" }), other_tags] {
        client.scheduler("POST /schedule-groups/night", body, 409, conflict.clone()).await;
    }
    client.scheduler("GET /schedule-groups/night", Value::Null, 200, group("night")).await;
    let both = json!({ "ScheduleGroups": [group("default"), group("night")] });
    client.scheduler("GET /schedule-groups", Value::Null, 200, both).await;
    let one = json!({ "ScheduleGroups": [group("night")] });
    client.scheduler("GET /schedule-groups?NamePrefix=ni", Value::Null, 200, one).await;

    // The same name in two groups is two schedules.
    for body in [minimal(), with(json!({ "GroupName": "night" }))] {
        client
            .scheduler("POST /schedules/twin", body, 200, json!({ "ScheduleArn": "<any>" }))
            .await;
    }
    let (_, _, twin) = client.scheduler_raw("GET", "/schedules/twin?groupName=night", "").await;
    assert_eq!(twin["Arn"], arn("night/twin"));
    client.scheduler("DELETE /schedule-groups/night", Value::Null, 200, json!({})).await;
    let gone = json!({ "Message": "Schedule group night does not exist." });
    for request in [
        "GET /schedule-groups/night",
        "DELETE /schedule-groups/night",
        "GET /schedules/twin?groupName=night",
        "GET /schedules?ScheduleGroup=night",
    ] {
        client.scheduler(request, Value::Null, 404, gone.clone()).await;
    }
    client.scheduler("DELETE /schedules/twin", Value::Null, 200, json!({})).await;
    let refused =
        json!({ "Message": "This operation cannot be performed on schedule group default." });
    client.scheduler("POST /schedule-groups/default", json!({}), 400, refused.clone()).await;
    client.scheduler("DELETE /schedule-groups/default", Value::Null, 400, refused).await;
}

async fn groups_have_tags(client: &Client) {
    client
        .scheduler(
            "POST /schedule-groups/night",
            json!({}),
            200,
            json!({ "ScheduleGroupArn": "<any>" }),
        )
        .await;
    let path = format!("/tags/{}", GROUP_ARN.replace(':', "%3A").replace('/', "%2F"));
    let (add, list) = (format!("POST {path}"), format!("GET {path}"));
    client.scheduler(&list, Value::Null, 200, json!({ "Tags": [] })).await;
    let tags = json!([{ "Key": "a", "Value": "1" }, { "Key": "b", "Value": "2" }]);
    client.scheduler(&add, json!({ "Tags": tags }), 200, json!({})).await;
    client.scheduler(&list, Value::Null, 200, json!({ "Tags": tags })).await;
    let plain = format!("GET /tags/{GROUP_ARN}");
    client.scheduler(&plain, Value::Null, 200, json!({ "Tags": tags })).await;
    let remove = format!("DELETE {path}?TagKeys=a&TagKeys=nothing");
    client.scheduler(&remove, Value::Null, 200, json!({})).await;
    let left = json!({ "Tags": [{ "Key": "b", "Value": "2" }] });
    client.scheduler(&list, Value::Null, 200, left).await;
    let many: Vec<Value> =
        (0..51).map(|n| json!({ "Key": format!("k{n}"), "Value": "v" })).collect();
    let refused = json!({ "Message": format!("Too many tags: '{GROUP_ARN}'") });
    client.scheduler(&add, json!({ "Tags": many }), 400, refused).await;
    client.scheduler("DELETE /schedule-groups/night", Value::Null, 200, json!({})).await;
    let gone = json!({ "Message": "Schedule group night does not exist." });
    client.scheduler(&list, Value::Null, 404, gone).await;
}

async fn lists_come_in_pages(client: &Client) {
    for name in ["page-a", "page-b", "page-c"] {
        let state = if name == "page-b" { "DISABLED" } else { "ENABLED" };
        let body = with(json!({ "State": state }));
        let request = format!("POST /schedules/{name}");
        client.scheduler(&request, body, 200, json!({ "ScheduleArn": "<any>" })).await;
    }
    let item = |name: &str, state: &str| {
        json!({
            "Arn": arn(&format!("default/{name}")), "GroupName": "default", "Name": name,
            "State": state, "Target": { "Arn": MACHINE },
            "CreationDate": "<seconds>", "LastModificationDate": "<seconds>",
        })
    };
    let page = "GET /schedules?NamePrefix=page-&MaxResults=2";
    let first = json!({
        "Schedules": [item("page-a", "ENABLED"), item("page-b", "DISABLED")],
        "NextToken": "<any>",
    });
    let first = client.scheduler(page, Value::Null, 200, first).await;
    let token = first["NextToken"].as_str().unwrap();
    let rest = json!({ "Schedules": [item("page-c", "ENABLED")] });
    client.scheduler(&format!("{page}&NextToken={token}"), Value::Null, 200, rest).await;
    let disabled = json!({ "Schedules": [item("page-b", "DISABLED")] });
    let request = "GET /schedules?NamePrefix=page-&State=DISABLED&ScheduleGroup=default";
    client.scheduler(request, Value::Null, 200, disabled).await;
    let invalid = json!({ "Message": "Invalid Token: 'Invalid token'" });
    for wrong in [
        format!("GET /schedules?NamePrefix=other&NextToken={token}"),
        "GET /schedules?NextToken=nonsense".to_owned(),
    ] {
        client.scheduler(&wrong, Value::Null, 400, invalid.clone()).await;
    }
}

async fn what_is_not_there_is_not_found(client: &Client) {
    let missing = json!({ "Message": "Schedule nothing does not exist." });
    for request in ["GET /schedules/nothing", "DELETE /schedules/nothing"] {
        client.scheduler(request, Value::Null, 404, missing.clone()).await;
    }
    client.scheduler("PUT /schedules/nothing", minimal(), 404, missing).await;
    let no_group = json!({ "Message": "Schedule group nowhere does not exist." });
    let elsewhere = with(json!({ "GroupName": "nowhere" }));
    client.scheduler("POST /schedules/a", elsewhere, 404, no_group.clone()).await;
    let other_region = "arn:aws:scheduler:eu-west-1:123456789012:schedule-group/nowhere";
    for request in ["GET /schedules/a?groupName=nowhere", &format!("GET /tags/{other_region}")] {
        client.scheduler(request, Value::Null, 404, no_group.clone()).await;
    }
}

async fn constraints_are_those_of_the_model(client: &Client) {
    let at = "1 validation error detected: Value";
    let rule = "failed to satisfy constraint: Member must";
    let role_pattern = r"arn:aws[a-z-]*:iam::\d{12}:role\/[\w+=,.@\/-]+";
    for (body, complaint) in [
        (
            json!({ "FlexibleTimeWindow": null }),
            format!("{at} null at 'flexibleTimeWindow' {rule} not be null"),
        ),
        (json!({ "Target": null }), format!("{at} null at 'target' {rule} not be null")),
        (
            json!({ "Target": { "Arn": null } }),
            format!("{at} null at 'target.arn' {rule} not be null"),
        ),
        (
            json!({ "Target": { "RoleArn": "role" } }),
            format!(
                "{at} 'role' at 'target.roleArn' {rule} satisfy regular expression pattern: {role_pattern}"
            ),
        ),
        (
            json!({ "ScheduleExpression": "" }),
            format!(
                "{at} '' at 'scheduleExpression' {rule} have length greater than or equal to 1"
            ),
        ),
        (
            json!({ "State": "PAUSED" }),
            format!("{at} 'PAUSED' at 'state' {rule} satisfy enum value set: [ENABLED, DISABLED]"),
        ),
        (
            json!({ "Target": { "RetryPolicy": { "MaximumRetryAttempts": 186 } } }),
            format!(
                "{at} '186' at 'target.retryPolicy.maximumRetryAttempts' {rule} have value less \
                 than or equal to 185"
            ),
        ),
        (
            json!({ "FlexibleTimeWindow": { "Mode": "FLEXIBLE", "MaximumWindowInMinutes": 0 } }),
            format!(
                "{at} '0' at 'flexibleTimeWindow.maximumWindowInMinutes' {rule} have value \
                 greater than or equal to 1"
            ),
        ),
    ] {
        let expected = json!({ "Message": complaint });
        client.scheduler("POST /schedules/a", with(body), 400, expected).await;
    }
    let two = json!({ "Message": "2 validation errors detected: Value 'a b' at 'name' …" });
    let without_target = with(json!({ "Target": null }));
    client.scheduler("POST /schedules/a%20b", without_target, 400, two).await;
    for request in ["GET /schedules?MaxResults=101", "GET /schedule-groups?MaxResults=101"] {
        let message =
            format!("{at} '101' at 'maxResults' {rule} have value less than or equal to 100");
        client.scheduler(request, Value::Null, 400, json!({ "Message": message })).await;
    }
}

async fn rules_are_told_in_awss_words(client: &Client) {
    let window = |mode: &str| json!({ "FlexibleTimeWindow": { "Mode": mode } });
    let off = json!({ "FlexibleTimeWindow": { "MaximumWindowInMinutes": 5 } });
    for (body, complaint) in [
        (
            json!({ "ScheduleExpression": "cron(0 1 * * * *)" }),
            "Invalid Schedule Expression cron(0 1 * * * *).",
        ),
        (json!({ "ScheduleExpression": "rate(10)" }), "Invalid Schedule Expression rate(10)."),
        (
            json!({ "ScheduleExpression": "at(2021-12-31T23:59:59Z)" }),
            "Invalid Schedule Expression at(2021-12-31T23:59:59Z).",
        ),
        (
            json!({ "ScheduleExpressionTimezone": "Mars/Base" }),
            "Invalid Schedule Expression Timezone Mars/Base.",
        ),
        (
            json!({ "StartDate": 4_000_000_000_u64, "EndDate": 4_000_000_000_u64 }),
            "The StartDate you specify must come before the EndDate.",
        ),
        (
            json!({ "StartDate": 1_600_000_000 }),
            "The StartDate you specify cannot be earlier than 5 minutes ago.",
        ),
        (
            window("FLEXIBLE"),
            "MaximumWindowInMinutes must be provided when FlexibleTimeWindowMode is set to FLEXIBLE.",
        ),
        (
            off,
            "MaximumWindowInMinutes must not be provided when FlexibleTimeWindowMode is set to OFF.",
        ),
        (json!({ "Target": { "Input": "{nope" } }), "JSON syntax error in input for the target."),
        (json!({ "Target": { "Arn": "report" } }), "Provided Arn is not in correct format."),
        (json!({ "Target": { "Arn": format!("{MACHINE}:live") } }), ALIAS),
        (
            json!({ "Target": { "Arn": MACHINE.replace("us-east-1", "eu-west-1") } }),
            "The target ARN provided does not match the current region us-east-1.",
        ),
    ] {
        let expected = json!({ "Message": complaint });
        client.scheduler("POST /schedules/a", with(body), 400, expected).await;
    }
}

async fn what_has_no_effect_here_is_refused(client: &Client) {
    let queue = "arn:aws:sqs:us-east-1:123456789012:queue";
    let sdk = "arn:aws:scheduler:::aws-sdk:sqs:sendMessage";
    let key = "arn:aws:kms:us-east-1:123456789012:key/k";
    for (body, complaint) in [
        (json!({ "Target": { "Arn": queue } }), "sqs is not a supported service for a target."),
        (json!({ "Target": { "Arn": sdk } }), "Universal targets are not supported: …"),
        (
            json!({ "Target": { "DeadLetterConfig": { "Arn": queue } } }),
            "DeadLetterConfig is not supported: …",
        ),
        (json!({ "KmsKeyArn": key }), "KmsKeyArn is not supported: …"),
        (json!({ "Future": 1 }), "Future is not supported."),
    ] {
        let expected = json!({ "Message": complaint });
        client.scheduler("POST /schedules/a", with(body), 400, expected).await;
    }
    for parameters in [
        "EcsParameters",
        "EventBridgeParameters",
        "KinesisParameters",
        "SageMakerPipelineParameters",
        "SqsParameters",
    ] {
        let message = format!("Parameters {parameters} not supported for the target.");
        let body = with(json!({ "Target": { parameters: {} } }));
        client.scheduler("POST /schedules/a", body, 400, json!({ "Message": message })).await;
    }
}

async fn broken_requests_are_refused(client: &Client) {
    for body in ["{", "[]", "\"x\"", r#"{"Target": 3}"#, r#"{"StartDate": "now"}"#] {
        let (status, kind, _) = client.scheduler_raw("POST", "/schedules/a", body).await;
        assert_eq!((status, kind.as_str()), (400, "SerializationException"), "{body}");
    }
    for (method, path, status) in [
        ("PATCH", "/schedules/a", 405),
        ("POST", "/schedules", 405),
        ("GET", "/schedules/a/b", 404),
        ("GET", "/schedule-groups/a/b", 404),
    ] {
        let (got, kind, answer) = client.scheduler_raw(method, path, "").await;
        assert_eq!((got, kind.as_str()), (status, "UnknownOperationException"), "{method} {path}");
        assert!(answer["Message"].is_string(), "{answer}");
    }
    let (status, kind, _) = client.scheduler_raw("GET", "/schedules?MaxResults=x", "").await;
    assert_eq!((status, kind.as_str()), (400, "SerializationException"));
    let (status, kind, _) = client.scheduler_raw("GET", "/schedules/%FF", "").await;
    assert_eq!((status, kind.as_str()), (400, "ValidationException"));
    let long = " ".repeat(9_000_000);
    let (status, kind, _) = client.scheduler_raw("POST", "/schedules/a", &long).await;
    assert_eq!((status, kind.as_str()), (400, "ValidationException"));
}

impl Client {
    /// Asks Scheduler: status, the name of the error if it is one, and the body.
    pub(crate) async fn scheduler_raw(
        &self,
        method: &str,
        path: &str,
        body: &str,
    ) -> (u16, String, Value) {
        let request = self.http.request(method.parse().unwrap(), format!("{}{path}", self.url));
        let answer = request.body(body.to_owned()).send().await.unwrap();
        assert_eq!(answer.headers()["content-type"], "application/json", "{method} {path}");
        assert!(answer.headers().contains_key("x-amzn-requestid"));
        let kind = answer.headers().get("x-amzn-errortype");
        let kind = kind.map(|kind| kind.to_str().unwrap().to_owned()).unwrap_or_default();
        let status = answer.status().as_u16();
        assert_eq!(status >= 400, !kind.is_empty(), "{method} {path}");
        (status, kind, answer.json().await.unwrap())
    }

    /// Asks Scheduler and compares; of errors the name follows from the status.
    async fn scheduler(&self, request: &str, body: Value, status: u16, expected: Value) -> Value {
        let (method, path) = request.split_once(' ').unwrap();
        let text = if body.is_null() { String::new() } else { body.to_string() };
        let (got, kind, answer) = self.scheduler_raw(method, path, &text).await;
        check(&format!("{request} {body}"), (got, &answer), (status, &expected));
        let name = match status {
            400 => "ValidationException",
            404 => "ResourceNotFoundException",
            409 => "ConflictException",
            _ => "",
        };
        assert_eq!(kind, name, "{request} {answer}");
        answer
    }
}
