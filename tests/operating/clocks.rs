//! Clocks that differ: the database's is shifted, by a function that stands before Postgres' own.

use serde_json::{Value, json};
use tests::database::Database;
use tests::psql::psql;

use super::{lines, readyz, serve, until, warnings};

/// A short lease, so that beats come often.
const FLAGS: [&str; 2] = ["--lease-seconds", "2"];

/// Sets the database's clock so many seconds ahead; connections that come later go by it.
fn shift(database: &Database, seconds: i32) {
    let sql = format!(
        "CREATE OR REPLACE FUNCTION public.now() RETURNS timestamptz STABLE LANGUAGE sql
             AS $$ SELECT pg_catalog.now() + interval '{seconds} s' $$;
         DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET search_path = public, pg_catalog',
             current_database()); END $$"
    );
    psql(&database.url, &sql).unwrap();
}

/// Waits until the node has beaten so many times more.
async fn beats(database: &Database, count: usize) {
    let mut last = String::new();
    for _ in 0..=count {
        until("a beat", async || {
            let now = psql(&database.url, "SELECT max(expires_at) FROM nodes").unwrap();
            std::mem::replace(&mut last, now.clone()) != now
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_differs_by_more_than_a_second_is_told_once_and_shown() {
    let database = Database::private().await;
    shift(&database, 4);
    let (server, client) = serve(&database.url, &FLAGS).await;
    let told = "s behind the database's, and deadlines and schedules go by it";
    beats(&database, 3).await;
    let clock = readyz(&client).await["clock"].clone();
    let number = |name: &str| clock[name].as_i64().unwrap();
    let mistake = (number("ahead_ms") + 4_000).abs();
    assert!(mistake <= number("uncertainty_ms") + 1, "{clock}");
    let gauge = client.metric("statewright_clock_ahead_seconds").await.unwrap();
    assert!(gauge < -1.0, "{gauge}");
    let shown = warnings(&client).await;
    assert!(shown.iter().any(|warning| warning.contains(told)), "{shown:?}");
    assert_eq!(readyz(&client).await["clock"]["fires_schedules"], true);
    assert_eq!(lines(&server, told), 1, "once, not with every beat");

    shift(&database, 0);
    let mended = "this node's clock agrees with the database's again";
    until("the clocks agree", async || lines(&server, mended) == 1).await;
    assert!(!warnings(&client).await.iter().any(|warning| warning.contains(told)));
    assert_eq!(lines(&server, told), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn by_a_clock_that_is_wrong_no_schedule_fires_until_it_is_mended() {
    let database = Database::private().await;
    shift(&database, -60);
    let (server, client) = serve(&database.url, &FLAGS).await;
    let told = "s ahead of the database's, and it fires no schedules until they agree";
    assert_eq!(lines(&server, told), 1);
    assert_eq!(readyz(&client).await["clock"]["fires_schedules"], false);
    let shown = warnings(&client).await;
    assert!(shown.iter().any(|warning| warning.contains(told)), "{shown:?}");

    client
        .create("quick", r#"{"StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}}"#)
        .await;
    // Due at once, and again long after this test.
    let schedule = json!({ "expression": "rate(9 days)", "state_machine": "quick" });
    client.rest("PUT", "/v1/schedules/now", schedule).await.unwrap();
    let firings = async || {
        let log = client.rest("GET", "/v1/schedules/now/firings", Value::Null).await.unwrap();
        log["firings"].as_array().unwrap().clone()
    };
    // What came due long ago is backfilled at once.
    let schedule = json!({ "expression": "rate(1 minute)", "state_machine": "quick",
        "start": "2020-01-01T00:00:00Z", "state": "paused" });
    client.rest("PUT", "/v1/schedules/past", schedule).await.unwrap();
    let range = json!({ "from": "2020-01-01T00:00:00Z", "until": "2020-01-01T00:02:30Z" });
    client.rest("POST", "/v1/schedules/past/backfills", range).await.unwrap();
    let backfilled = async || {
        let log = client.rest("GET", "/v1/schedules/past/firings", Value::Null).await.unwrap();
        log["firings"].as_array().unwrap().clone()
    };
    beats(&database, 3).await;
    assert_eq!(firings().await, Vec::<Value>::new());
    assert_eq!(backfilled().await, Vec::<Value>::new());
    assert_eq!(lines(&server, told), 1);

    shift(&database, 0);
    until("it fires", async || firings().await.iter().any(|firing| firing["state"] == "started"))
        .await;
    until("it backfills", async || {
        let log = backfilled().await;
        log.iter().any(|it| it["state"] == "started" && it["kind"] == "backfill")
    })
    .await;
    assert_eq!(readyz(&client).await["clock"]["fires_schedules"], true);
}
