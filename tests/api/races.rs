//! Two requests that meet: one of them has not committed yet when the other comes.

use serde_json::{Value, json};
use tests::psql::{Session, psql};

use super::{Client, ROLE, Served, pass};

const STATES: &str = "arn:aws:states:us-east-1:123456789012";
const GROUP: &str = "arn:aws:scheduler:us-east-1:123456789012:schedule-group/met";

#[tokio::test(flavor = "multi_thread")]
async fn an_update_over_awss_wire_keeps_what_rest_set_meanwhile() {
    let served = Served::start().await;
    let client = &served.client;
    let path = "/v1/schedules/nightly";
    let new = json!({ "expression": "rate(1 day)", "state_machine": "report", "state": "paused" });
    client.rest("PUT", path, new).await;
    let mut other = Session::start(&served.cluster.url());
    other.run(
        "BEGIN;
         UPDATE schedules SET overlap = 'skip', catch_up = 'all', catch_up_seconds = 600,
             paused_reason = 'holidays', changes = changes + 1;",
    );
    let update = json!({
        "ScheduleExpression": "rate(2 days)", "FlexibleTimeWindow": { "Mode": "OFF" },
        "State": "DISABLED",
        "Target": { "Arn": format!("{STATES}:stateMachine:report"), "RoleArn": ROLE },
    })
    .to_string();
    let update = client.scheduler_raw("PUT", "/schedules/nightly", &update);
    let (status, _, answer) = meets(&served, update, other).await;
    assert_eq!(status, 200, "{answer}");
    let (_, seen) = client.rest("GET", path, Value::Null).await;
    for (member, value) in [
        ("expression", json!("rate(2 days)")),
        ("overlap", json!("skip")),
        ("catch_up", json!("all")),
        ("catch_up_seconds", json!(600)),
        ("paused_reason", json!("holidays")),
    ] {
        assert_eq!(seen[member], value, "{member} of {seen}");
    }
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tags_of_what_is_being_deleted_are_refused_and_not_inherited() {
    let served = Served::start().await;
    for (table, arn) in [
        ("activities", format!("{STATES}:activity:met")),
        ("state_machines", format!("{STATES}:stateMachine:met")),
        ("schedule_groups", GROUP.to_owned()),
    ] {
        let client = &served.client;
        create(client, table).await;
        let mut other = Session::start(&served.cluster.url());
        other.run(&format!("BEGIN; DELETE FROM {table} WHERE name = 'met';"));
        let status = meets(&served, tag(client, &arn), other).await;
        assert!([400, 404].contains(&status), "{arn}: {status}");
        create(client, table).await;
        assert_eq!(tags(&served), "", "{arn}");
    }
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_takes_the_tags_along_that_are_written_meanwhile() {
    let served = Served::start().await;
    let client = &served.client;
    create(client, "activities").await;
    let mut other = Session::start(&served.cluster.url());
    other.run(
        "BEGIN;
         SELECT 1 FROM activities WHERE name = 'met' FOR NO KEY UPDATE;
         INSERT INTO tags (account, resource, key, value)
         VALUES ('123456789012', 'activity:met', 'late', '1');",
    );
    let arn = format!("{STATES}:activity:met");
    let delete = client.aws("DeleteActivity", json!({ "activityArn": arn }));
    assert_eq!(meets(&served, delete, other).await.0, 200);
    assert_eq!(tags(&served), "");
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_group_is_gone_though_a_node_was_at_work_on_a_schedule_of_it() {
    let served = Served::start().await;
    let client = &served.client;
    let new = json!({ "expression": "rate(1 day)", "state_machine": "report", "state": "paused" });
    client.rest("PUT", "/v1/schedules/nightly?group=met", new).await;
    let mut other = Session::start(&served.cluster.url());
    other.run("BEGIN; SELECT 1 FROM schedules WHERE name = 'nightly' FOR UPDATE;");
    let delete = client.scheduler_raw("DELETE", "/schedule-groups/met", "");
    assert_eq!(meets(&served, delete, other).await.0, 200);
    assert_eq!(client.scheduler_raw("GET", "/schedule-groups/met", "").await.0, 404);
    served.stop().await;
}

/// The answer to a request that comes before `other` commits.
async fn meets<T>(served: &Served, request: impl Future<Output = T>, mut other: Session) -> T {
    let mut request = Box::pin(request);
    let waits = async {
        let url = served.cluster.url();
        while psql(&url, "SELECT 1 FROM pg_locks WHERE NOT granted LIMIT 1").unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    let early = tokio::select! {
        answer = &mut request => Some(answer),
        () = waits => None,
    };
    other.run("COMMIT;");
    match early {
        Some(answer) => answer,
        None => request.await,
    }
}

async fn create(client: &Client, table: &str) {
    let status = match table {
        "activities" => client.aws("CreateActivity", json!({ "name": "met" })).await.0,
        "state_machines" => {
            let new = json!({ "name": "met", "definition": pass(), "roleArn": ROLE });
            client.aws("CreateStateMachine", new).await.0
        }
        _ => client.scheduler_raw("POST", "/schedule-groups/met", "").await.0,
    };
    assert_eq!(status, 200, "{table}");
}

async fn tag(client: &Client, arn: &str) -> u16 {
    if arn == GROUP {
        let tags = json!({ "Tags": [{ "Key": "late", "Value": "1" }] }).to_string();
        return client.scheduler_raw("POST", &format!("/tags/{arn}"), &tags).await.0;
    }
    let tags = json!({ "resourceArn": arn, "tags": [{ "key": "late", "value": "1" }] });
    client.aws("TagResource", tags).await.0
}

fn tags(served: &Served) -> String {
    psql(&served.cluster.url(), "SELECT resource, key FROM tags").unwrap()
}
