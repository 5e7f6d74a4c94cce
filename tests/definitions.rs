//! Everything in `definitions/` compiles and gives its recorded output, on the real engine and
//! with the demo functions.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use runtime::Engine;
use serde_json::{Value, json};
use server::demo::Demo;
use server::{deploy, node};
use store::{Cluster, ClusterOptions, ExecutionRow, Status};
use tests::damage::damaged;
use tests::server::workspace;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

const ACCOUNT: &str = "123456789012";

/// One input of one sample, and what is to come of it.
struct Case {
    machine: String,
    name: String,
    input: String,
    expected: Value,
}

fn folder() -> PathBuf {
    workspace().join("definitions")
}

/// The files of `definitions/` that end so, by what stands before.
fn texts(ending: &str) -> BTreeMap<String, String> {
    let files = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let named = files.filter_map(|path| {
        let name = path.file_name()?.to_str()?.strip_suffix(ending)?.to_owned();
        Some((name, fs::read_to_string(&path).unwrap()))
    });
    named.collect()
}

fn cases() -> Vec<Case> {
    let (outputs, errors) = (texts(".output.json"), texts(".error.json"));
    let parse = |text: &String| serde_json::from_str::<Value>(text).unwrap();
    texts(".input.json")
        .into_iter()
        .map(|(case, input)| {
            let expected = match (outputs.get(&case), errors.get(&case)) {
                (Some(output), None) => json!({ "output": parse(output) }),
                (None, Some(error)) => parse(error),
                (None, None) | (Some(_), Some(_)) => panic!("`{case}` needs one expectation"),
            };
            let machine = case.split('.').next().unwrap().to_owned();
            Case { machine, name: case.replace('.', "-"), input, expected }
        })
        .collect()
}

#[test]
fn every_sample_compiles_and_has_an_input() {
    let inputs = texts(".input.json");
    let definitions = texts(".asl.json");
    assert!(!definitions.is_empty());
    for (name, text) in definitions {
        assert_eq!(asl::check(&text, asl::MachineKind::Standard), [], "{name}");
        assert!(asl::compile(&text).is_ok(), "{name}");
        assert!(inputs.contains_key(&name), "{name} has no input");
    }
}

#[test]
fn the_program_carries_every_sample() {
    let carried: Vec<&str> = server::samples::SAMPLES.iter().map(|sample| sample.name).collect();
    for name in texts(".asl.json").keys() {
        assert!(carried.contains(&name.as_str()), "{name} is not in samples.rs");
    }
}

#[tokio::test]
async fn every_sample_gives_its_recorded_output() -> Result<()> {
    server::install_tls();
    let data_dir = std::env::temp_dir().join(format!("statewright-samples-{}", Uuid::new_v4()));
    let cluster = Cluster::start(ClusterOptions::new(data_dir).for_tests()).await?;
    let store = tests::database::connect(&cluster.url(), 16).await;
    store.migrate().await?;
    let engine = node::start_engine(store, runtime::EngineOptions::default(), &[]).await?;
    let stop = CancellationToken::new();
    let complaints = run_all(&engine, &stop).await;
    stop.cancel();
    engine.shutdown().await;
    engine.store().close().await;
    cluster.stop().await;
    let complaints = complaints?;
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
    Ok(())
}

/// Starts all cases at once; what they gave that they should not.
async fn run_all(engine: &Engine, stop: &CancellationToken) -> Result<Vec<String>> {
    let router = http_api::router(engine.clone(), http_api::HttpOptions::default());
    Demo::start(router.clone(), stop.clone()).await?.register(&router).await?;
    for (name, definition) in texts(".asl.json") {
        deploy::deploy(&router, &name, &definition).await?;
    }
    let cases = cases();
    for case in &cases {
        let path = format!("/v1/state-machines/{}/executions", case.machine);
        let body = format!(r#"{{"name":"{}","input":{}}}"#, case.name, case.input);
        deploy::ask(&router, axum::http::Method::POST, &path, body).await?;
    }
    let mut complaints = scheduled(engine, &router).await?;
    for case in &cases {
        let row = ended(engine, &case.machine, &case.name).await?;
        let found = match row.output {
            Some(output) => json!({ "output": serde_json::from_slice::<Value>(&output)? }),
            None => json!({ "error": row.error, "cause": row.cause }),
        };
        if found != case.expected {
            complaints.push(format!("{}: gave {found}, not {}", case.name, case.expected));
        }
    }
    Ok(complaints)
}

/// Puts every sample's schedule in place and has it run now; complains of what did not succeed.
async fn scheduled(engine: &Engine, router: &axum::Router) -> Result<Vec<String>> {
    let mut complaints = Vec::new();
    for (name, settings) in texts(".schedule.json") {
        let next = deploy::schedule(router, &name, &settings).await?;
        assert!(next.is_some(), "the schedule of {name} is never due");
        let run = format!("/v1/schedules/{name}/run");
        deploy::ask(router, axum::http::Method::POST, &run, String::new()).await?;
        let execution = started_by(engine, router, &name).await?;
        assert!(execution.starts_with(&format!("{name}-")), "{execution} does not say why");
        let row = ended(engine, &name, &execution).await?;
        if row.head.status != Status::Succeeded {
            complaints.push(format!("{execution}: {:?} {:?}", row.error, row.cause));
        }
    }
    Ok(complaints)
}

/// The name of the execution that the only firing of this schedule started.
async fn started_by(engine: &Engine, router: &axum::Router, schedule: &str) -> Result<String> {
    let mut appended = engine.appended();
    let log = format!("/v1/schedules/{schedule}/firings");
    let started = async {
        loop {
            let log = deploy::ask(router, axum::http::Method::GET, &log, String::new()).await?;
            if let Some(arn) = log["firings"][0]["execution_arn"].as_str() {
                return Ok(arn.rsplit(':').next().unwrap_or_default().to_owned());
            }
            let _ = tokio::time::timeout(Duration::from_millis(200), appended.recv()).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), started)
        .await
        .with_context(|| format!("{schedule} does not run"))?
}

/// The execution after its end.
async fn ended(engine: &Engine, machine: &str, name: &str) -> Result<ExecutionRow> {
    let mut appended = engine.appended();
    let end = async {
        loop {
            let row = engine.store().describe(ACCOUNT, machine, name).await?;
            let row = row.with_context(|| format!("{name} is not there"))?;
            if row.head.status != Status::Running {
                return Ok(row);
            }
            // News of any execution is a reason to look, and so is a while without any.
            let _ = tokio::time::timeout(Duration::from_secs(1), appended.recv()).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), end)
        .await
        .with_context(|| format!("{name} does not end"))?
}

#[test]
fn whatever_is_left_of_a_sample_is_compiled_or_refused_with_a_reason() {
    for (name, text) in texts(".asl.json") {
        for text in damaged(&text) {
            if let Err(errors) = asl::compile(&text) {
                assert!(!errors.is_empty(), "`{name}` is refused without a reason:\n{text}");
            }
        }
    }
}
