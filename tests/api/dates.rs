//! Dates outside the years 1 to 9999, which not everybody can tell, are refused by name.

use serde_json::{Value, json};

use super::{Client, Served, pass};

/// One beyond each end, what the database cannot keep, and what falls outside once it is UTC.
const UNTELLABLE: [&str; 5] = [
    "0000-12-31T23:59:59Z",
    "+10000-01-01T00:00:00Z",
    "-262000-01-01T00:00:00Z",
    "0001-01-01T00:00:00+01:00",
    "9999-12-31T23:59:59-01:00",
];

#[tokio::test(flavor = "multi_thread")]
async fn dates_that_cannot_be_told_are_refused_by_name() {
    let served = Served::start().await;
    let client = &served.client;
    let machine = json!({ "definition": serde_json::from_str::<Value>(&pass()).unwrap() });
    client.rest("PUT", "/v1/state-machines/report", machine).await;
    let schedule = json!({ "expression": "rate(1 day)", "state_machine": "report" });
    client.rest("PUT", "/v1/schedules/nightly", schedule).await;
    for date in UNTELLABLE {
        bodies_are_refused(client, date).await;
        queries_are_refused(client, date).await;
    }
    the_ends_are_served(client).await;
    seconds_are_refused(client).await;
    served.stop().await;
}

async fn bodies_are_refused(client: &Client, date: &str) {
    let schedule = || json!({ "expression": "rate(1 day)", "state_machine": "report" });
    let tried = || json!({ "expression": "rate(1 day)" });
    let range = || json!({ "from": "2020-01-01T00:00:00Z", "until": "2020-01-02T00:00:00Z" });
    let (put, fill) = ("PUT /v1/schedules/new", "POST /v1/schedules/nightly/backfills");
    for (request, mut body, member) in [
        (put, schedule(), "start"),
        (put, schedule(), "end"),
        ("POST /v1/schedules:preview", tried(), "start"),
        ("POST /v1/schedules:preview", tried(), "end"),
        ("POST /v1/schedules:preview", tried(), "after"),
        (fill, range(), "from"),
        (fill, range(), "until"),
    ] {
        body[member] = json!(date);
        let (method, path) = request.split_once(' ').unwrap();
        let (status, problem) = client.rest(method, path, body).await;
        let detail = format!("`{member}` is to be within the years 1 to 9999");
        assert_eq!((status, &problem["detail"]), (400, &json!(detail)), "{request} {date}");
        assert_eq!(problem["pointer"], format!("/{member}"), "{request} {date}");
    }
}

async fn queries_are_refused(client: &Client, date: &str) {
    let date = date.replace('+', "%2B");
    for (path, member) in [("preview", "after"), ("firings", "from"), ("firings", "until")] {
        let path = format!("/v1/schedules/nightly/{path}?{member}={date}");
        let (status, problem) = client.rest("GET", &path, Value::Null).await;
        let detail = format!("`{member}` is to be within the years 1 to 9999");
        assert_eq!((status, &problem["detail"]), (400, &json!(detail)), "{path}");
    }
}

async fn the_ends_are_served(client: &Client) {
    for date in ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"] {
        for path in ["preview?after", "firings?from", "firings?until"] {
            let path = format!("/v1/schedules/nightly/{path}={date}");
            assert_eq!(client.rest("GET", &path, Value::Null).await.0, 200, "{path}");
        }
        for (member, body) in [
            ("start", json!({ "start": date })),
            ("end", json!({ "end": date })),
            ("both", json!({ "start": "0001-01-01T00:00:00Z", "end": "9999-12-31T23:59:59Z" })),
        ] {
            for expression in ["rate(1 day)", "rate(1 minute)", "cron(0 2 * * ? *)"] {
                let mut tried = body.clone();
                tried["expression"] = json!(expression);
                let (status, answer) =
                    client.rest("POST", "/v1/schedules:preview", tried.clone()).await;
                assert_eq!(status, 200, "{tried} {answer}");
                tried["state_machine"] = json!("report");
                let path = format!("/v1/schedules/{member}");
                let (status, answer) = client.rest("PUT", &path, tried.clone()).await;
                assert!([200, 201].contains(&status), "{tried} {answer}");
                let path = format!("/schedules/{member}");
                let (status, _, answer) = client.scheduler_raw("GET", &path, "").await;
                assert_eq!(status, 200, "{tried} {answer}");
            }
        }
    }
}

async fn seconds_are_refused(client: &Client) {
    for seconds in ["-62135596801", "253402300800", "-253402300799", "1e300", "-1e300"] {
        for (member, place) in [("StartDate", "startDate"), ("EndDate", "endDate")] {
            let body = json!({
                "ScheduleExpression": "rate(1 day)", "FlexibleTimeWindow": { "Mode": "OFF" },
                "Target": {
                    "Arn": "arn:aws:states:us-east-1:123456789012:stateMachine:report",
                    "RoleArn": super::ROLE,
                },
            });
            let body = body.to_string().replacen('{', &format!("{{\"{member}\": {seconds}, "), 1);
            for (method, path) in [("POST", "/schedules/dated"), ("PUT", "/schedules/nightly")] {
                let (status, kind, answer) = client.scheduler_raw(method, path, &body).await;
                assert_eq!((status, kind.as_str()), (400, "ValidationException"), "{answer}");
                let message = answer["Message"].as_str().unwrap();
                let told = message.contains(&format!("at '{place}'"))
                    && message.ends_with("Member must be within the years 1 to 9999");
                assert!(told, "{message}");
            }
        }
    }
}
