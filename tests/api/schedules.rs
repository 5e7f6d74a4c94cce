//! Schedules in REST: put, paused, run, filled up, previewed, and their decision log.

use serde_json::{Value, json};

use super::{Client, Served};

#[tokio::test(flavor = "multi_thread")]
async fn schedules_are_put_paused_and_previewed() {
    let served = Served::start().await;
    let client = &served.client;
    let definition = json!({ "StartAt": "A", "States": { "A": { "Type": "Pass", "End": true } } });
    client.rest("PUT", "/v1/state-machines/report", json!({ "definition": definition })).await;
    a_schedule_lives(client).await;
    a_schedule_is_paused_and_resumed(client).await;
    schedules_are_listed(client).await;
    who_creates_what_never_fires_is_told(client).await;
    firings_are_previewed(client).await;
    runs_and_backfills_are_asked_for(client).await;
    bad_schedules_are_refused(client).await;
    bad_requests_are_refused(client).await;
    served.stop().await;
}

fn shown(name: &str) -> Value {
    json!({
        "arn": format!("arn:aws:scheduler:us-east-1:123456789012:schedule/default/{name}"),
        "name": name, "group": "default",
        "expression": "cron(0 2 * * ? *)", "timezone": "UTC",
        "state_machine": "arn:aws:states:us-east-1:123456789012:stateMachine:report",
        "state": "enabled", "overlap": "allow", "catch_up": "one", "catch_up_seconds": 86400,
        "max_event_age_seconds": 86400, "max_retries": 185, "delete_after_completion": false,
        "role_arn": format!("arn:aws:iam::123456789012:role/{name}"),
        "created_at": "<time>", "modified_at": "<time>", "next_due_at": "<time>",
    })
}

fn changed(mut value: Value, members: &[(&str, Value)]) -> Value {
    for (name, to) in members {
        if to.is_null() {
            value.as_object_mut().unwrap().remove(*name);
        } else {
            value[*name] = to.clone();
        }
    }
    value
}

async fn a_schedule_lives(client: &Client) {
    let least = json!({ "expression": "cron(0 2 * * ? *)", "state_machine": "report" });
    client.check_rest("PUT /v1/schedules/nightly", least.clone(), 201, shown("nightly")).await;
    client.check_rest("PUT /v1/schedules/nightly", least, 200, shown("nightly")).await;
    client.check_rest("GET /v1/schedules/nightly", Value::Null, 200, shown("nightly")).await;

    let full = json!({
        "expression": "rate(2 hours)", "timezone": "America/New_York",
        "state_machine": "report:3", "input": { "b": 2.50, "a": "<aws.scheduler.scheduled-time>" },
        "description": "every other hour", "start": "2030-01-01T00:00:00Z",
        "end": "2031-01-01T00:00:00Z", "window_minutes": 10, "overlap": "queue_one",
        "catch_up": "all", "catch_up_seconds": 3600, "max_event_age_seconds": 60,
        "max_retries": 3, "delete_after_completion": true,
        "role_arn": "arn:aws:iam::123456789012:role/other",
    });
    let mut expected = changed(
        full.clone(),
        &[
            ("arn", json!("arn:aws:scheduler:us-east-1:123456789012:schedule/late/often")),
            ("name", json!("often")),
            ("group", json!("late")),
            ("state_machine", json!("arn:aws:states:us-east-1:123456789012:stateMachine:report:3")),
            ("state", json!("enabled")),
            ("created_at", json!("<time>")),
            ("modified_at", json!("<time>")),
            ("next_due_at", json!("2030-01-01T00:00:00Z")),
        ],
    );
    // A group is made with its first schedule.
    let path = "PUT /v1/schedules/often?group=late";
    client.check_rest(path, full, 201, expected.clone()).await;
    let path = "GET /v1/schedules/often?group=late";
    client.check_rest(path, Value::Null, 200, expected.clone()).await;
    // What is left out goes to its default.
    let least = json!({ "expression": "rate(2 hours)", "state_machine": "report" });
    expected = changed(
        shown("often"),
        &[("group", json!("late")), ("expression", json!("rate(2 hours)"))],
    );
    expected["arn"] = json!("arn:aws:scheduler:us-east-1:123456789012:schedule/late/often");
    client.check_rest("PUT /v1/schedules/often?group=late", least, 200, expected).await;
    let path = "DELETE /v1/schedules/often?group=late";
    client.check_rest(path, Value::Null, 204, Value::Null).await;
    let (status, problem) = client.rest("GET", "/v1/schedules/often?group=late", Value::Null).await;
    assert_eq!((status, &problem["detail"]), (404, &json!("Schedule often does not exist.")));
}

async fn a_schedule_is_paused_and_resumed(client: &Client) {
    let paused = changed(
        shown("nightly"),
        &[
            ("state", json!("paused")),
            ("paused_reason", json!("the books are closed")),
            ("next_due_at", Value::Null),
        ],
    );
    let why = json!({ "reason": "the books are closed" });
    client.check_rest("POST /v1/schedules/nightly/pause", why, 200, paused.clone()).await;
    client.check_rest("GET /v1/schedules/nightly", Value::Null, 200, paused.clone()).await;
    let paused = changed(paused, &[("paused_reason", Value::Null)]);
    client.check_rest("POST /v1/schedules/nightly/pause", Value::Null, 200, paused).await;
    let path = "POST /v1/schedules/nightly/resume";
    client.check_rest(path, Value::Null, 200, shown("nightly")).await;
}

async fn schedules_are_listed(client: &Client) {
    for (name, group, state) in [
        ("list-a", "default", "enabled"),
        ("list-b", "default", "paused"),
        ("list-c", "z", "enabled"),
    ] {
        let body =
            json!({ "expression": "rate(1 day)", "state_machine": "report", "state": state });
        client.rest("PUT", &format!("/v1/schedules/{name}?group={group}"), body).await;
    }
    let names = |answer: &Value| -> Vec<String> {
        let schedules = answer["schedules"].as_array().unwrap();
        schedules.iter().map(|it| it["name"].as_str().unwrap().to_owned()).collect()
    };
    for (query, expected) in [
        ("prefix=list-", &["list-a", "list-b", "list-c"][..]),
        ("prefix=list-&group=z", &["list-c"]),
        ("prefix=list-&state=paused", &["list-b"]),
        ("prefix=nothing", &[]),
        ("prefix=%00", &[]),
    ] {
        let path = format!("/v1/schedules?{query}");
        let (status, answer) = client.rest("GET", &path, Value::Null).await;
        assert_eq!(
            (status, names(&answer)),
            (200, expected.iter().map(ToString::to_string).collect())
        );
    }
    let (_, first) = client.rest("GET", "/v1/schedules?prefix=list-&limit=2", Value::Null).await;
    let token = first["next_page_token"].as_str().unwrap();
    let path = format!("/v1/schedules?prefix=list-&limit=2&page_token={token}");
    let (_, second) = client.rest("GET", &path, Value::Null).await;
    assert_eq!(
        (names(&second), &second["next_page_token"]),
        (vec!["list-c".to_owned()], &Value::Null)
    );
    let (status, _) = client.rest("GET", "/v1/schedules?group=nowhere", Value::Null).await;
    assert_eq!(status, 404);
}

async fn who_creates_what_never_fires_is_told(client: &Client) {
    for (body, warning) in [
        (
            json!({ "expression": "at(2020-01-01T00:00:00)" }),
            "`at(2020-01-01T00:00:00)` never fires: nothing is due after …",
        ),
        (
            json!({ "expression": "at(2030-03-31T02:30:00)", "timezone": "Europe/Berlin" }),
            "`at(2030-03-31T02:30:00)` never fires: the clocks of Europe/Berlin go forward over \
             2030-03-31T02:30:00",
        ),
        (
            json!({ "expression": "at(2030-10-27T02:30:00)", "timezone": "Europe/Berlin" }),
            "the clocks of Europe/Berlin show 02:30:00 twice; it fires the first time, at \
             2030-10-27 02:30:00 +02:00",
        ),
        (json!({ "expression": "cron(0 0 30 2 ? *)" }), "`cron(0 0 30 2 ? *)` never fires: …"),
        (
            json!({ "expression": "rate(1 day)", "end": "2020-01-01T00:00:00Z" }),
            "`rate(1 day)` never fires: nothing is due after …",
        ),
        (
            json!({ "expression": "rate(1 day)", "state_machine": "absent" }),
            "there is no state machine `absent`: until there is, firings fail",
        ),
    ] {
        let mut new = json!({ "state_machine": "report" });
        for (name, value) in body.as_object().unwrap() {
            new[name] = value.clone();
        }
        let (status, answer) = client.rest("PUT", "/v1/schedules/told", new).await;
        assert!(status < 300, "{answer}");
        super::check("PUT told", (0, &answer["warnings"]), (0, &json!([warning])));
    }
    // AWS takes them; its wire has room for the warning beside the answer.
    let body = json!({
        "ScheduleExpression": "at(2020-01-01T00:00:00)",
        "FlexibleTimeWindow": { "Mode": "OFF" },
        "Target": {
            "Arn": "arn:aws:states:us-east-1:123456789012:stateMachine:report",
            "RoleArn": super::ROLE,
        },
    });
    let path = format!("{}/schedules/past", client.url);
    let answer = client.http.post(path).json(&body).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 200);
    let warning = answer.headers()["statewright-warning"].to_str().unwrap();
    assert!(warning.contains("never fires"), "{warning}");
}

async fn firings_are_previewed(client: &Client) {
    let ask = json!({
        "expression": "cron(30 2 * * ? *)", "timezone": "Europe/Berlin",
        "after": "2027-03-26T12:00:00Z", "count": 3,
    });
    let expected = json!({
        "is_over": false,
        "firings": [
            { "at": "2027-03-27T01:30:00Z", "local": "2027-03-27T02:30:00+01:00" },
            {
                "at": "2027-03-29T00:30:00Z", "local": "2027-03-29T02:30:00+02:00",
                "skipped": [{ "due": "2027-03-28T02:30:00", "until": "2027-03-28T03:00:00" }],
            },
            { "at": "2027-03-30T00:30:00Z", "local": "2027-03-30T02:30:00+02:00" },
        ],
    });
    client.check_rest("POST /v1/schedules:preview", ask, 200, expected).await;
    let ask = json!({
        "expression": "cron(30 2 * * ? *)", "timezone": "Europe/Berlin",
        "after": "2026-10-24T12:00:00Z", "end": "2026-10-26T12:00:00Z",
    });
    let expected = json!({
        "is_over": true,
        "firings": [
            {
                "at": "2026-10-25T00:30:00Z", "local": "2026-10-25T02:30:00+02:00",
                "not_again_at": "2026-10-25T01:30:00Z",
            },
            {
                "at": "2026-10-26T01:30:00Z", "local": "2026-10-26T02:30:00+01:00",
                "moved": { "from": "+02:00", "to": "+01:00" },
            },
        ],
    });
    client.check_rest("POST /v1/schedules:preview", ask, 200, expected).await;
    let ask = json!({
        "expression": "rate(5 minutes)", "start": "2030-01-01T00:00:30Z",
        "after": "2029-01-01T00:00:00Z", "count": 2,
    });
    let expected = json!({
        "is_over": false,
        "firings": [
            { "at": "2030-01-01T00:00:30Z", "local": "2030-01-01T00:00:30+00:00" },
            { "at": "2030-01-01T00:05:30Z", "local": "2030-01-01T00:05:30+00:00" },
        ],
    });
    client.check_rest("POST /v1/schedules:preview", ask, 200, expected).await;
    let path = "/v1/schedules/nightly/preview?after=2030-06-01T00:00:00Z&count=2";
    let expected = json!({
        "is_over": false,
        "firings": [
            { "at": "2030-06-01T02:00:00Z", "local": "2030-06-01T02:00:00+00:00" },
            { "at": "2030-06-02T02:00:00Z", "local": "2030-06-02T02:00:00+00:00" },
        ],
    });
    client.check_rest(&format!("GET {path}"), Value::Null, 200, expected).await;
    let refusal = json!({
        "expression": "cron(60 9 * * ? *)",
    });
    let (status, problem) = client.rest("POST", "/v1/schedules:preview", refusal).await;
    let detail = "Invalid Schedule Expression cron(60 9 * * ? *): minutes: `60` is out of range; \
                  expected 0-59";
    assert_eq!((status, problem["detail"].as_str().unwrap()), (400, detail));
}

async fn runs_and_backfills_are_asked_for(client: &Client) {
    let id = "0191b0c0-0000-7000-8000-000000000001";
    let run = "POST /v1/schedules/nightly/run";
    let asked = json!({
        "due_at": "<time>", "fire_at": "<time>", "kind": "run_now", "state": "pending",
        "attempts": 0, "next_try_at": "<time>", "due_count": 1, "request": id,
    });
    let (status, first) =
        client.rest("POST", "/v1/schedules/nightly/run", json!({ "request": id })).await;
    super::check(run, (status, &first), (202, &asked));
    let (status, again) =
        client.rest("POST", "/v1/schedules/nightly/run", json!({ "request": id })).await;
    assert_eq!((status, &again["due_at"]), (202, &first["due_at"]), "asked twice, it runs once");
    let (_, log) = client.rest("GET", "/v1/schedules/nightly/firings", Value::Null).await;
    let firings = log["firings"].as_array().unwrap();
    assert_eq!((firings.len(), &firings[0]["request"]), (1, &json!(id)), "{log}");

    let range = json!({
        "from": "2026-01-01T00:00:00Z", "until": "2026-01-03T00:00:00Z", "per_minute": 600,
        "id": "0191b0c0-0000-7000-8000-000000000002",
    });
    let path = "/v1/schedules/nightly/backfills";
    let expected = json!({
        "id": "<uuid>", "from": "2026-01-01T00:00:00Z", "until": "2026-01-03T00:00:00Z",
        "per_minute": 600, "state": "running", "firings": 0, "created_at": "<time>",
    });
    client.check_rest(&format!("POST {path}"), range, 202, expected).await;
    let (_, listed) = client.rest("GET", path, Value::Null).await;
    assert_eq!(listed["backfills"].as_array().unwrap().len(), 1, "{listed}");
    let cancel = format!("DELETE {path}/0191b0c0-0000-7000-8000-000000000002");
    client.check_rest(&cancel, Value::Null, 204, Value::Null).await;
    client.check_rest(&format!("DELETE {path}/none"), Value::Null, 204, Value::Null).await;
}

async fn bad_schedules_are_refused(client: &Client) {
    for (members, pointer) in [
        (json!({ "expression": "cron(0 0 * * * *)" }), "/expression"),
        (json!({ "expression": "x".repeat(100_000) }), "/expression"),
        (json!({ "timezone": "Nowhere" }), "/timezone"),
        (json!({ "state_machine": "a/b" }), "/state_machine"),
        (json!({ "state_machine": "report:live" }), "/state_machine"),
        (json!({ "state_machine": "arn:aws:sqs:us-east-1:123456789012:q" }), "/state_machine"),
        (json!({ "start": "2030-01-01T00:00:00Z", "end": "2029-01-01T00:00:00Z" }), "/end"),
        (json!({ "window_minutes": 1441 }), "/window_minutes"),
        (json!({ "max_retries": 186 }), "/max_retries"),
        (json!({ "max_event_age_seconds": 59 }), "/max_event_age_seconds"),
        (json!({ "catch_up_seconds": -1 }), "/catch_up_seconds"),
        (json!({ "description": "d".repeat(513) }), "/description"),
        (json!({ "expression": "rate( 10 minutes )" }), "/expression"),
        (json!({ "expression": "cron( 0 10 * * ? * )" }), "/expression"),
        (json!({ "paused_reason": "why" }), "/paused_reason"),
        (json!({ "role_arn": "nobody" }), "/role_arn"),
        (json!({ "input": "i".repeat(300_000) }), "/input"),
    ] {
        let mut new = json!({ "expression": "rate(1 day)", "state_machine": "report" });
        for (name, value) in members.as_object().unwrap() {
            new[name] = value.clone();
        }
        let (status, problem) = client.rest("PUT", "/v1/schedules/bad", new).await;
        assert_eq!((status, problem["pointer"].as_str()), (400, Some(pointer)), "{problem}");
        assert!(problem["detail"].as_str().unwrap().len() < 1_000, "{problem}");
    }
}

async fn bad_requests_are_refused(client: &Client) {
    let least = || json!({ "expression": "rate(1 day)", "state_machine": "report" });
    for (method, path, body, status) in [
        ("PUT", "/v1/schedules/a%20b", least(), 400),
        ("PUT", "/v1/schedules/bad?group=a%2Fb", least(), 400),
        ("PUT", "/v1/schedules/bad", json!({ "expression": "rate(1 day)" }), 400),
        ("PUT", "/v1/schedules/bad", json!({ "unknown": 1 }), 400),
        ("GET", "/v1/schedules/bad", Value::Null, 404),
        ("GET", "/v1/schedules/%00", Value::Null, 404),
        ("GET", "/v1/schedules/bad?group=%00", Value::Null, 404),
        ("GET", "/v1/schedules/bad/firings", Value::Null, 404),
        ("GET", "/v1/schedules/bad/preview", Value::Null, 404),
        ("POST", "/v1/schedules/bad/run", Value::Null, 404),
        ("POST", "/v1/schedules/bad/pause", Value::Null, 404),
        ("POST", "/v1/schedules/bad/resume", Value::Null, 404),
        ("DELETE", "/v1/schedules/bad/backfills/x", Value::Null, 204),
        ("GET", "/v1/schedules/nightly/preview?count=1001", Value::Null, 400),
        ("GET", "/v1/schedules/nightly/firings?state=odd", Value::Null, 400),
        ("GET", "/v1/schedules/nightly/firings?page_token=x", Value::Null, 400),
        ("POST", "/v1/schedules/nightly/pause", json!({ "reason": "r".repeat(513) }), 400),
        (
            "POST",
            "/v1/schedules/nightly/run",
            json!({ "request": "00000000-0000-0000-0000-000000000000" }),
            400,
        ),
        (
            "POST",
            "/v1/schedules/nightly/backfills",
            json!({ "from": "2026-01-02T00:00:00Z", "until": "2026-01-01T00:00:00Z" }),
            400,
        ),
        (
            "POST",
            "/v1/schedules/nightly/backfills",
            json!({ "from": "2026-01-02T00:00:00Z", "until": "2999-01-01T00:00:00Z" }),
            400,
        ),
        (
            "POST",
            "/v1/schedules/nightly/backfills",
            json!({ "from": "2000-01-02T00:00:00Z", "until": "2026-01-01T00:00:00Z" }),
            400,
        ),
    ] {
        let (got, problem) = client.rest(method, path, body.clone()).await;
        assert_eq!(got, status, "{method} {path} {body}: {problem}");
    }
}
