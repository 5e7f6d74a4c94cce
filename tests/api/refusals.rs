//! What is refused, and how it is told: a transcript for each door, in `refusals/`. Its lines are
//! requests, each above its answer; write a request more, and `UPDATE_EXPECT=1` writes the answer.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use expect_test::{ExpectFile, expect_file};
use regex::{Captures, Regex};
use runtime::{Engine, EngineOptions};
use serde_json::{Value, json};
use tests::database::{Database, PATIENCE};

use super::{Client, Nothing, ROLE, Served, pass};

/// A line with its names replaced by what they stand for, and `<5 x>` by `xxxxx`.
fn filled(line: &str) -> String {
    let machine = "arn:aws:states:us-east-1:123456789012:stateMachine";
    let mut line = line.to_owned();
    for (name, value) in [
        (
            "SCHEDULE",
            r#""ScheduleExpression": "rate(1 hour)", "FlexibleTimeWindow": {"Mode": "OFF"}, "Target": {TARGET}"#,
        ),
        ("TARGET", r#""Arn": "FERRY", "RoleArn": "ROLE""#),
        ("NIGHTLY", r#""expression": "rate(1 hour)", "state_machine": "ferry""#),
        ("URL", r#""url": "http://127.0.0.1:9/f""#),
        ("FERRY", &format!("{machine}:ferry")),
        ("HYDROFOIL", &format!("{machine}:hydrofoil")),
        ("ROLE", ROLE),
    ] {
        line = line.replace(name, value);
    }
    let many = |found: &Captures<'_>| found[2].repeat(found[1].parse().unwrap());
    Regex::new("<([0-9]+) (.)>").unwrap().replace_all(&line, many).into_owned()
}

/// A server with a machine of each type and a schedule.
async fn served() -> Served {
    let served = Served::start().await;
    for (name, kind) in [("ferry", "STANDARD"), ("hydrofoil", "EXPRESS")] {
        let create = json!({ "name": name, "definition": pass(), "roleArn": ROLE, "type": kind });
        let (status, answer) = served.client.aws("CreateStateMachine", create).await;
        assert_eq!(status, 200, "{answer}");
    }
    let nightly = json!({ "expression": "cron(0 2 * * ? *)", "state_machine": "ferry" });
    let (status, made) = served.client.rest("PUT", "/v1/schedules/nightly", nightly).await;
    assert_eq!(status, 201, "{made}");
    served
}

/// What becomes of the requests of a transcript: each line, and below it what is answered.
async fn told(transcript: &ExpectFile, answer: impl AsyncFn(&str) -> String) -> String {
    let mut told = String::new();
    for request in transcript.data().lines().filter(|line| !line.starts_with(' ')) {
        let _ = writeln!(told, "{request}\n    {}", answer(&filled(request)).await);
    }
    assert!(!told.is_empty(), "the transcript has requests");
    told
}

#[tokio::test(flavor = "multi_thread")]
async fn step_functions_refuses() {
    let served = served().await;
    let transcript = expect_file!["refusals/step_functions.txt"];
    let told = told(&transcript, async |request| {
        let (operation, body) = request.split_once(' ').unwrap();
        let (status, answer) = served.client.aws_raw(operation, body.into()).await;
        format!("{status} {}: {}", text(&answer, "__type"), text(&answer, "message"))
    });
    transcript.assert_eq(&told.await);
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn scheduler_refuses() {
    let served = served().await;
    let transcript = expect_file!["refusals/scheduler.txt"];
    let told = told(&transcript, async |request| {
        let (method, rest) = request.split_once(' ').unwrap();
        let (path, body) = rest.split_once(' ').unwrap_or((rest, ""));
        let (status, kind, answer) = served.client.scheduler_raw(method, path, body).await;
        let message = if answer["Message"].is_null() { "message" } else { "Message" };
        format!("{status} {kind}: {}", text(&answer, message))
    });
    transcript.assert_eq(&told.await);
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rest_refuses() {
    let served = served().await;
    let transcript = expect_file!["refusals/rest.txt"];
    let told = told(&transcript, async |request| {
        let (method, rest) = request.split_once(' ').unwrap();
        let (path, body) = rest.split_once(' ').unwrap_or((rest, ""));
        let (status, answer) = served.client.rest_with(method, path, &[], body).await;
        assert!(status >= 400, "{request} is not refused: {status} {answer}");
        let problem: Value = serde_json::from_str(&answer).unwrap();
        let place = problem["pointer"].as_str().map(|at| format!(" at {at}")).unwrap_or_default();
        format!("{status} {}: {}{place}", text(&problem, "title"), text(&problem, "detail"))
    });
    transcript.assert_eq(&told.await);
    served.stop().await;
}

fn text<'a>(answer: &'a Value, member: &str) -> &'a str {
    answer[member].as_str().unwrap_or("none")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_has_ten_backfills_at_once() {
    let served = served().await;
    let year = json!({ "from": "2025-01-01T00:00:00Z", "until": "2025-12-31T00:00:00Z" });
    for number in 1..=11 {
        let path = "/v1/schedules/nightly/backfills";
        let (status, problem) = served.client.rest("POST", path, year.clone()).await;
        if number <= 10 {
            assert_eq!(status, 202, "{problem}");
        } else {
            let expected = "Rate exceeded: ten backfills of this schedule run already";
            assert_eq!((status, text(&problem, "detail")), (429, expected));
        }
    }
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_calls_a_server_that_has_stopped_is_refused() {
    let database = Database::private().await;
    let options = EngineOptions::default();
    let engine = Engine::start(database.store.clone(), options, Arc::new(Nothing)).await.unwrap();
    let api = http_api::own_api(&engine);
    engine.shutdown().await;
    drop(engine);
    // What is under way in it still may hold on to it for a moment.
    let refused = tokio::time::timeout(PATIENCE, async {
        loop {
            match api.answer("123456789012", "ListActivities", &json!({})).await {
                Err(refused) => return refused,
                Ok(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
    });
    let refused = refused.await.unwrap();
    let told = (refused.status, refused.code.as_str(), refused.message.as_str());
    assert_eq!(told, (503, "ServiceUnavailable", "this node is stopping"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_names_no_operation_is_told_how_to() {
    let served = Served::start().await;
    let Client { http, url } = &served.client;
    let answer: Value = http.post(url).body("{}").send().await.unwrap().json().await.unwrap();
    let expected = "the header `X-Amz-Target` is missing: it names the operation, as in \
                    `AWSStepFunctions.ListStateMachines`";
    assert_eq!(answer, super::refused("UnknownOperationException", expected));
    // Whoever looks at the server with a browser finds out what it speaks.
    let root: Value = http.get(url).send().await.unwrap().json().await.unwrap();
    assert_eq!(root["aws"], "POST / with X-Amz-Target: AWSStepFunctions.<Operation>");
    assert_eq!(root["scheduler"], "/schedules, as EventBridge Scheduler");
    let metrics = http.get(format!("{url}/metrics")).send().await.unwrap();
    assert_eq!(metrics.headers()["content-type"], "text/plain; version=0.0.4");
    served.stop().await;
}
