//! Nothing is replaced by surprise: databases, state machines, schedules and functions of a person's.

use std::net::{Ipv4Addr, TcpListener};

use serde_json::{Value, json};
use server::samples::SAMPLES;
use store::{Cluster, ClusterOptions};
use tests::client::client;
use tests::database::{Database, SEALING_KEY};
use tests::psql::psql;
use tests::server::{Server, ServerOptions};

use super::dev::{Dev, wait};
use super::{Folder, run, statewright, stderr, stdout};

const OTHER_ACCOUNT: &str = "222222222222";

/// Where a person's own functions are; nobody need be there.
const OWN: &str = "http://127.0.0.1:9/mine";

#[test]
fn a_bare_call_prints_help_and_starts_nothing() {
    let folder = Folder::new();
    let home = folder.path("home");
    let output = statewright(&[]).env("HOME", &home).env("XDG_DATA_HOME", &home).output().unwrap();
    assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(2), ""));
    let said = stderr(&output);
    for part in ["Usage: statewright", "dev ", "serve ", "migrate ", "run "] {
        assert!(said.contains(part), "{said}");
    }
    assert!(!std::path::Path::new(&home).exists());
}

#[test]
fn dev_does_not_even_connect_to_a_database_that_it_was_not_told_of() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let url = format!("postgres://me:hush-hush@{address}/prod");
    let folder = Folder::new();
    let (data, file) = (folder.path("data"), folder.file("nap.asl.json", &wait(1)));
    folder.file("nap.schedule.json", r#"{"expression": "rate(9 days)", "state_machine": "nap"}"#);
    let config = folder.file("s.toml", &format!("database_url = '{url}'"));

    let check = |variable: Option<&str>, arguments: &[&str], expected: &[&str]| {
        let mut command = statewright(&["dev", "--data-dir", &data]);
        let output = command.args(arguments).envs(variable.map(|name| (name, &url))).output();
        let output = output.unwrap();
        let said = stderr(&output);
        assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(2), ""), "{said}");
        let shown = format!("a database that `dev` did not make: postgres://me@{address}/prod");
        for part in expected.iter().chain(&[shown.as_str(), "migrate its schema"]) {
            assert!(said.contains(part), "`{part}` is missing:\n{said}");
        }
        assert!(!said.contains("hush-hush"), "{said}");
    };
    let (samples, schedule) = ("trip_saga", "nightly_report\n");
    let unset = "unset DATABASE_URL";
    let told = "dev --database-url \"$DATABASE_URL\"";
    let names = ["`DATABASE_URL` names", unset, told, samples, schedule, "charge-card"];
    check(Some("DATABASE_URL"), &[], &names);
    check(Some("STATEWRIGHT_DATABASE_URL"), &[], &["unset STATEWRIGHT_DATABASE_URL"]);
    let in_file = "take `database_url` out of the configuration file";
    check(None, &["--config", &config], &[in_file, "--database-url URL"]);
    check(Some("STATEWRIGHT_CONFIG"), &["--config", &config], &[in_file]);
    let both = ["state machines  nap\n", "schedules       nap\n", "charge-card"];
    check(Some("DATABASE_URL"), &[&file], &both);

    assert!(listener.accept().is_err(), "it connected");
    assert!(!std::path::Path::new(&data).exists(), "it started a database of its own");
}

#[tokio::test]
async fn a_database_that_dev_is_told_of_gets_what_is_named_and_no_samples() {
    let database = Database::private().await;
    let snapshot = || {
        let sql = "SELECT pg_snapshot_xmax(pg_current_snapshot());
                   SELECT oid, relname FROM pg_class WHERE relnamespace = 'public'::regnamespace
                       ORDER BY oid;
                   SELECT * FROM nodes; SELECT * FROM functions;";
        psql(&database.url, sql).unwrap()
    };
    database.store.put_function(&function_of_mine("charge-card")).await.unwrap();

    let before = snapshot();
    let output = statewright(&["dev"]).env("DATABASE_URL", &database.url).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    assert_eq!(snapshot(), before);

    let folder = Folder::new();
    let file = folder.file("nap.asl.json", &wait(1));
    folder.file("nap.schedule.json", r#"{"expression": "rate(9 days)", "state_machine": "nap"}"#);
    for arguments in
        [&["--database-url", &database.url, &file][..], &["--database-url", &database.url]]
    {
        let dev = Dev::start_with(arguments);
        let named = arguments.len() == 3;
        assert_eq!(dev.names("/v1/state-machines", "state_machines").await, ["nap"]);
        assert_eq!(dev.names("/v1/schedules", "schedules").await, ["nap"]);
        assert_eq!(dev.names("/v1/functions", "functions").await, ["charge-card"]);
        assert_eq!(dev.get("/v1/functions/charge-card").await["url"], OWN);
        assert_eq!(dev.guide.contains("state machines  nap\n"), named, "{}", dev.guide);
        assert_eq!(dev.guide.contains("none deployed"), !named, "{}", dev.guide);
        assert_eq!(dev.interrupt(), Some(0));
    }

    let output = run(&["dev", "--database-url", &database.url, "--data-dir", "x"]);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
}

fn function_of_mine(name: &str) -> store::Function {
    let at = chrono::DateTime::UNIX_EPOCH;
    store::Function {
        account: "123456789012".to_owned(),
        name: name.to_owned(),
        url: OWN.to_owned(),
        protocol: store::Protocol::Lambda,
        timeout_seconds: None,
        headers: std::collections::BTreeMap::new(),
        max_concurrency: None,
        delivery: store::Delivery::AtLeastOnce,
        created_at: at,
        updated_at: at,
    }
}

#[tokio::test]
async fn what_a_person_did_stays_so_at_every_next_start() {
    let folder = Folder::new();
    before_dev_ever_ran(&folder).await;

    let dev = Dev::start(&folder, &[]);
    changed_before_the_samples_came(&dev).await;
    succeeds(&dev, "nightly_report", "first").await;
    change(&dev).await;
    assert_eq!(dev.interrupt(), Some(0));

    let dev = Dev::start(&folder, &[]);
    changed_before_the_samples_came(&dev).await;
    is_as_changed(&dev).await;
    let schedule = dev.get("/v1/schedules/nightly_report").await;
    assert_eq!((&schedule["state"], &schedule["paused_reason"]), (&json!("paused"), &json!("no")));
    assert!(dev.guide.contains("Schedule nightly_report is paused."), "{}", dev.guide);
    succeeds(&dev, "nightly_report", "second").await;
    dev.delete("/v1/schedules/nightly_report").await;
    let port = demo_port(&dev).await;
    assert_eq!(dev.interrupt(), Some(0));

    // The demo functions have to move: only those go along that are as `dev` registered them.
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
    let dev = Dev::start(&folder, &[]);
    changed_before_the_samples_came(&dev).await;
    is_as_changed(&dev).await;
    assert!(!dev.has("/v1/schedules/nightly_report").await);
    assert!(!dev.guide.contains("Schedule nightly_report"), "{}", dev.guide);
    assert_ne!(demo_port(&dev).await, port);
    let edited = dev.get("/v1/functions/quote-shipping").await;
    assert_eq!(edited["url"], format!("http://127.0.0.1:{port}/quote-shipping"));
    succeeds(&dev, "nightly_report", "third").await;
    assert_eq!(dev.interrupt(), Some(0));
    drop(taken);

    without_marks(&folder).await;
    in_another_account(&folder).await;
}

/// Another program had this database first.
async fn before_dev_ever_ran(folder: &Folder) {
    let cluster = Cluster::start(ClusterOptions::new(folder.path("data"))).await.unwrap();
    folder.file("data/sealing-key", SEALING_KEY);
    let own_report = json!({ "definition": serde_json::from_str::<Value>(&wait(7)).unwrap() });
    for (account, path, body) in [
        ("123456789012", "/v1/state-machines/poll_until_done", &own_report),
        ("123456789012", "/v1/functions/book-hotel", &json!({ "url": OWN, "protocol": "lambda" })),
        (OTHER_ACCOUNT, "/v1/state-machines/nightly_report", &own_report),
    ] {
        let url = cluster.url();
        let args = vec!["--account".to_owned(), account.to_owned()];
        let options = ServerOptions { args, ..ServerOptions::default() };
        let server = tokio::task::spawn_blocking(move || Server::start(&url, &options).unwrap());
        let server = server.await.unwrap();
        let put = client().put(format!("{}{path}", server.url())).json(body).send().await.unwrap();
        assert!(put.status().is_success(), "{}", put.text().await.unwrap());
        tokio::task::spawn_blocking(|| server.stop()).await.unwrap().unwrap();
    }
    cluster.stop().await;
}

async fn changed_before_the_samples_came(dev: &Dev) {
    assert_eq!(seconds(dev, "poll_until_done").await, 7);
    assert_eq!(dev.get("/v1/functions/book-hotel").await["url"], OWN);
    assert!(left(dev).contains(&"book-hotel"), "{}", dev.guide);
}

/// What a person may do to samples and demo functions.
async fn change(dev: &Dev) {
    let own = json!({ "definition": serde_json::from_str::<Value>(&wait(3)).unwrap() });
    dev.put("/v1/state-machines/image_pipeline", own).await;
    dev.delete("/v1/state-machines/trip_saga").await;
    dev.post("/v1/schedules/nightly_report/pause", json!({ "reason": "no" })).await;
    dev.put("/v1/functions/charge-card", json!({ "url": OWN, "protocol": "lambda" })).await;
    dev.delete("/v1/functions/book-car").await;
    // At the very same address, but not as `dev` would have it.
    let url = dev.get("/v1/functions/quote-shipping").await["url"].clone();
    let edited = json!({ "url": url, "protocol": "lambda", "timeout_seconds": 5 });
    dev.put("/v1/functions/quote-shipping", edited).await;
}

async fn is_as_changed(dev: &Dev) {
    assert_eq!(seconds(dev, "image_pipeline").await, 3);
    assert!(!dev.has("/v1/state-machines/trip_saga").await);
    assert!(!dev.guide.contains("trip_saga"), "{}", dev.guide);
    assert_eq!(dev.get("/v1/functions/charge-card").await["url"], OWN);
    assert!(!dev.has("/v1/functions/book-car").await);
    assert_eq!(dev.get("/v1/functions/quote-shipping").await["timeout_seconds"], 5);
    assert_eq!(left(dev), ["book-car", "book-hotel", "charge-card", "quote-shipping"]);
}

/// What is missing is deployed anew, and what is `dev`'s own is known from the registrations.
async fn without_marks(folder: &Folder) {
    std::fs::remove_file(folder.path("data/samples.json")).unwrap();
    let dev = Dev::start(folder, &[]);
    assert!(dev.has("/v1/state-machines/trip_saga").await);
    assert!(dev.has("/v1/schedules/nightly_report").await);
    assert_eq!(seconds(&dev, "image_pipeline").await, 3);
    assert_eq!(dev.get("/v1/functions/charge-card").await["url"], OWN);
    assert_eq!(left(&dev), ["book-hotel", "charge-card", "quote-shipping"]);
    succeeds(&dev, "nightly_report", "fourth").await;
    assert_eq!(dev.interrupt(), Some(0));
}

/// The samples are another account's, too; and no schedule is put beside a person's state machine.
async fn in_another_account(folder: &Folder) {
    let dev = Dev::start(folder, &["--account", OTHER_ACCOUNT]);
    let mut samples: Vec<&str> = SAMPLES.iter().map(|sample| sample.name).collect();
    samples.sort_unstable();
    assert_eq!(dev.names("/v1/state-machines", "state_machines").await, samples);
    assert_eq!(seconds(&dev, "nightly_report").await, 7);
    assert!(!dev.has("/v1/schedules/nightly_report").await);
    assert_eq!(left(&dev), [""; 0]);
    assert_eq!(dev.interrupt(), Some(0));
}

async fn seconds(dev: &Dev, machine: &str) -> Value {
    let machine = dev.get(&format!("/v1/state-machines/{machine}")).await;
    machine["definition"]["States"]["A"]["Seconds"].clone()
}

/// Which demo functions it says are not provided.
fn left(dev: &Dev) -> Vec<&str> {
    let line = dev.guide.lines().find(|line| line.contains("demo functions"));
    let mut names: Vec<&str> =
        line.map_or_else(Vec::new, |line| line.split(": ").last().unwrap().split(", ").collect());
    names.sort_unstable();
    names
}

async fn demo_port(dev: &Dev) -> u16 {
    let function = dev.get("/v1/functions/collect-figures").await;
    let url = function["url"].as_str().unwrap();
    let port = url.strip_prefix("http://127.0.0.1:").and_then(|rest| rest.split('/').next());
    port.unwrap().parse().unwrap()
}

/// A sample runs to its end, so that the demo functions it calls are there.
async fn succeeds(dev: &Dev, machine: &str, name: &str) {
    let sample = SAMPLES.iter().find(|sample| sample.name == machine).unwrap();
    let input: Value = serde_json::from_str(sample.input).unwrap();
    let path = format!("/v1/state-machines/{machine}/executions");
    dev.post(&path, json!({ "name": name, "input": input })).await;
    let ended = dev.ended(&format!("{machine}:{name}")).await;
    assert_eq!(ended["status"], "SUCCEEDED", "{ended}");
}

#[tokio::test]
async fn a_sample_that_was_named_on_the_command_line_is_not_deployed_again() {
    let folder = Folder::new();
    let file = folder.file("nightly_report.asl.json", &wait(5));
    let schedule = r#"{"expression": "rate(9 days)", "state_machine": "nightly_report"}"#;
    folder.file("nightly_report.schedule.json", schedule);
    let dev = Dev::start(&folder, &[&file]);
    assert_eq!(dev.names("/v1/state-machines", "state_machines").await, ["nightly_report"]);
    dev.delete("/v1/schedules/nightly_report").await;
    assert_eq!(dev.interrupt(), Some(0));

    let dev = Dev::start(&folder, &[]);
    assert_eq!(seconds(&dev, "nightly_report").await, 5);
    assert!(!dev.has("/v1/schedules/nightly_report").await);
    assert!(dev.has("/v1/state-machines/trip_saga").await);
}
