//! What `/metrics` prints is what is declared, and what the README's table says.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use runtime::metrics::{METRICS, Metric};
use serde_json::{Value, json};
use tests::database::Database;
use tests::server::{Server, ServerOptions, workspace};
use tests::wire::{Client, serve_function};

/// The table's head, and what its last row is followed by.
const HEAD: &str =
    "| metric | kind | labels | tells | as `CloudWatch`'s |\n|---|---|---|---|---|\n";

const WORKS: &str = r#"{"StartAt": "F", "States": {
    "F": {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:work",
          "Next": "W"},
    "W": {"Type": "Wait", "Seconds": 1, "Next": "A"},
    "A": {"Type": "Task", "Resource": "arn:aws:states:us-east-1:123456789012:activity:pick",
          "End": true}}}"#;
const FAILS: &str = r#"{"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "No"}}}"#;

fn row(metric: &Metric) -> String {
    let Metric { name, kind, labels, help } = metric;
    let labels: Vec<String> = labels.iter().map(|label| format!("`{label}`")).collect();
    let aws: Vec<&str> = metric.cloudwatch().collect();
    let (labels, aws) = (labels.join(", "), aws.join(", "));
    format!("| `{name}` | {} | {labels} | {} | {aws} |\n", kind.name(), help.trim_end_matches('.'))
}

/// Run with `UPDATE=1` to write the table anew.
#[test]
fn the_readme_has_a_row_for_each_metric_that_is_declared_and_for_no_other() {
    let path = workspace().join("README.md");
    let readme = fs::read_to_string(&path).unwrap();
    let (before, rest) = readme.split_once(HEAD).expect("the README has the table of metrics");
    let rows = rest.split_inclusive('\n').take_while(|line| line.starts_with('|'));
    let end = rows.map(str::len).sum();
    let table: String = METRICS.list().iter().map(row).collect();
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, format!("{before}{HEAD}{table}{}", &rest[end..])).unwrap();
        return;
    }
    let update = "run `UPDATE=1 cargo nextest run -p tests the_readme_has_a_row`";
    assert_eq!(&rest[..end], table, "{update}");
}

#[test]
fn every_metric_of_cloudwatch_is_told_by_one_that_is_declared() {
    let told: Vec<&str> = METRICS.list().iter().flat_map(Metric::cloudwatch).collect();
    let names: BTreeSet<&str> = told.iter().copied().collect();
    assert_eq!(told.len(), names.len(), "one is told twice");
    for family in ["Activity", "LambdaFunction", "ServiceIntegration"] {
        let families =
            if family == "Activity" { "Activities".to_owned() } else { format!("{family}s") };
        for what in ["Scheduled", "Started", "Succeeded", "Failed", "TimedOut"] {
            assert!(names.contains(format!("{families}{what}").as_str()), "{families}{what}");
        }
        for time in ["ScheduleTime", "RunTime", "Time"] {
            assert!(names.contains(format!("{family}{time}").as_str()), "{family}{time}");
        }
    }
    for name in ["Started", "Succeeded", "Failed", "TimedOut", "Aborted"] {
        assert!(names.contains(format!("Executions{name}").as_str()), "{name}");
    }
    for name in ["ExecutionTime", "ExecutionThrottled", "ActivitiesHeartbeatTimedOut"] {
        assert!(names.contains(name), "{name}");
    }
}

/// What a node prints: by name its kind, its help, and the labels and values of its figures.
#[derive(Default)]
struct Printed {
    kinds: BTreeMap<String, String>,
    helps: BTreeMap<String, String>,
    figures: BTreeMap<String, f64>,
}

impl Printed {
    fn of(text: &str) -> Self {
        let mut printed = Self::default();
        for line in text.lines() {
            let (rest, value) = line.rsplit_once(' ').expect("a name and a value");
            if let Some(help) = line.strip_prefix("# HELP ") {
                let (name, help) = help.split_once(' ').expect("a name and its help");
                printed.helps.insert(name.to_owned(), help.to_owned());
            } else if let Some(name) = rest.strip_prefix("# TYPE ") {
                printed.kinds.insert(name.to_owned(), value.to_owned());
            } else {
                printed.figures.insert(rest.to_owned(), value.parse().expect("a number"));
            }
        }
        printed
    }

    /// The value of this figure, such as `name{label="value"}`.
    fn value(&self, figure: &str) -> Option<f64> {
        self.figures.get(figure).copied()
    }

    /// Which labels the figures of this metric have.
    fn labels(&self, metric: &Metric) -> BTreeSet<Vec<String>> {
        let figures = self.figures.keys().filter(|figure| {
            let name = figure.split('{').next().expect("split gives one part");
            let stem = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
            name == metric.name || (metric.kind.name() == "histogram" && stem == Some(metric.name))
        });
        let labels = |figure: &String| {
            let inside = figure.split_once('{').map_or("", |(_, labels)| labels);
            let names = inside.split("\",").filter_map(|pair| pair.split_once("=\""));
            names.map(|(name, _)| name.to_owned()).filter(|name| name != "le").collect()
        };
        figures.map(labels).collect()
    }
}

/// A node on which a bit of everything has happened.
async fn busy_node(client: &Client) {
    let (url, _function) = serve_function(|_, input| (200, input)).await;
    client.register("work", &url).await;
    client.must("CreateActivity", json!({ "name": "pick" })).await;
    let works = client.create("works", WORKS).await;
    let fails = client.create("fails", FAILS).await;
    let start = json!({ "stateMachineArn": works, "name": "one", "input": "{}" });
    let one = client.must("StartExecution", start).await;
    let schedule = json!({ "expression": "rate(1 day)", "state_machine": "fails" });
    client.rest("PUT", "/v1/schedules/daily", schedule).await.unwrap();
    let refused =
        client.rest_with("GET", "/v1/functions", &[("host", "evil.example")], Value::Null);
    assert_eq!(refused.await.unwrap_err().status(), 421);
    let activity = "arn:aws:states:us-east-1:123456789012:activity:pick";
    let task = client.must("GetActivityTask", json!({ "activityArn": activity })).await;
    let answer = json!({ "taskToken": task["taskToken"], "output": "{}" });
    client.must("SendTaskSuccess", answer).await;
    assert_eq!(client.ended(one["executionArn"].as_str().unwrap()).await["status"], "SUCCEEDED");
    let of_fails = json!({ "stateMachineArn": fails, "statusFilter": "FAILED" });
    while client.must("ListExecutions", of_fails.clone()).await["executions"] == json!([]) {
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    while client.metric("statewright_firings_total{outcome=\"started\"}").await != Some(1.0) {
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_declared_is_printed_and_nothing_else() {
    let database = Database::private().await;
    let url = database.url.clone();
    let server = tokio::task::spawn_blocking(move || {
        Server::start(&url, &ServerOptions::default()).unwrap()
    });
    let server = server.await.unwrap();
    let client = Client::new(server.url());
    busy_node(&client).await;
    let printed = Printed::of(&client.rest_text("/metrics").await);

    let declared: BTreeSet<&str> = METRICS.list().iter().map(|metric| metric.name).collect();
    let known: BTreeSet<&str> = printed.kinds.keys().map(String::as_str).collect();
    assert_eq!(known, declared);
    for metric in METRICS.list() {
        let Metric { name, kind, labels, help } = metric;
        assert_eq!(printed.kinds[*name], kind.name(), "{name}");
        assert_eq!(printed.helps[*name], *help, "{name}");
        let mut labels: Vec<String> = labels.iter().map(|label| (*label).to_owned()).collect();
        labels.sort();
        assert_eq!(printed.labels(metric), BTreeSet::from([labels]), "{name}");
    }
    let counted = [
        ("executions_started_total{machine=\"works\"}", 1.0),
        ("executions_started_total{machine=\"other\"}", 0.0),
        ("executions_ended_total{machine=\"works\",status=\"SUCCEEDED\"}", 1.0),
        ("executions_ended_total{machine=\"fails\",status=\"FAILED\"}", 1.0),
        ("execution_seconds_count{status=\"SUCCEEDED\"}", 1.0),
        ("execution_seconds_bucket{status=\"SUCCEEDED\",le=\"0.5\"}", 0.0),
        ("execution_seconds_bucket{status=\"SUCCEEDED\",le=\"+Inf\"}", 1.0),
        ("tasks_ended_total{kind=\"lambda\",outcome=\"succeeded\"}", 1.0),
        ("tasks_ended_total{kind=\"activity\",outcome=\"succeeded\"}", 1.0),
        ("tasks_started_total{kind=\"activity\"}", 1.0),
        ("activity_schedule_seconds_count", 1.0),
        ("call_seconds_count{outcome=\"succeeded\"}", 1.0),
        ("call_wait_seconds_count", 1.0),
        ("schedule_lag_seconds_count", 1.0),
        ("executions_in_memory", 0.0),
        ("calls_open", 0.0),
        ("nodes", 1.0),
        ("shards_owned", 256.0),
        ("shards_due", 256.0),
        ("database_connections_most", 16.0),
    ];
    for (name, value) in counted {
        assert_eq!(printed.value(&format!("statewright_{name}")), Some(value), "{name}");
    }
    let turns = printed.value("statewright_turns_appended_total").unwrap();
    assert!(turns >= 5.0, "{turns}");
    assert!(printed.value("statewright_commit_seconds_count").unwrap() > 0.0);
    assert!(printed.value("statewright_lease_seconds").unwrap() > 0.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_account_reads_the_names_of_anothers_state_machines() {
    let database = Database::private().await;
    let ours = database.key("123456789012", store::Scope::Admin).await;
    let theirs = database.key("210987654321", store::Scope::Admin).await;
    let url = database.url.clone();
    let server = tokio::task::spawn_blocking(move || {
        Server::start(&url, &ServerOptions::default()).unwrap()
    });
    let server = server.await.unwrap();
    let (us, them) =
        (Client::new(server.url()).with_key(ours), Client::new(server.url()).with_key(theirs));
    let secret = them.create("secret_plan", FAILS).await;
    them.must("StartExecution", json!({ "stateMachineArn": secret, "input": "{}" })).await;
    let seen = async |client: &Client, machine: &str| {
        let name = format!("statewright_executions_started_total{{machine=\"{machine}\"}}");
        client.metric(&name).await
    };
    assert_eq!(seen(&them, "secret_plan").await, Some(1.0));
    assert_eq!(seen(&us, "secret_plan").await, None);
    assert_eq!(seen(&us, "other").await, Some(1.0));
}
