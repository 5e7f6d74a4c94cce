//! boto3 and the AWS CLI, unmodified, with nothing but the endpoint set; and a client that is
//! generated from the `OpenAPI` document.
//!
//! Each test runs one script of this folder against a server of its own. `./prepare` puts the
//! clients into `target/clients-venv`, once.

use std::path::Path;
use std::process::Command;

use tests::database::Database;
use tests::server::{Server, ServerOptions, workspace};

#[tokio::test]
async fn boto3_leads_a_state_machine_through_its_life() {
    run("state_machines.py").await;
}

#[tokio::test]
async fn boto3_starts_follows_lists_and_stops_executions() {
    run("executions.py").await;
}

#[tokio::test]
async fn tasks_call_functions_that_boto3s_user_registered() {
    run("functions.py").await;
}

#[tokio::test]
async fn boto3_sets_up_schedules_and_groups() {
    run("schedules.py").await;
}

#[tokio::test]
async fn the_aws_cli_sets_up_a_schedule() {
    run("schedules.sh").await;
}

#[tokio::test]
async fn activity_workers_and_holders_of_tokens_do_their_part() {
    run("activities.py").await;
}

#[tokio::test]
async fn a_client_generated_from_the_document_does_everything() {
    run("generated.py").await;
}

#[tokio::test]
async fn the_aws_cli_takes_a_first_walk() {
    run("cli.sh").await;
}

/// Runs a script with a fresh server and fails with its output.
async fn run(script: &str) {
    let folder = workspace().join("tests/clients");
    let prepared = Command::new(folder.join("prepare")).output().unwrap();
    assert!(prepared.status.success(), "{}", String::from_utf8_lossy(&prepared.stderr));
    let programs = workspace().join("target/clients-venv/bin");

    let database = Database::private().await;
    let server = Server::start(&database.url, &ServerOptions::default()).unwrap();
    let mut command = match Path::new(script).extension().and_then(|ending| ending.to_str()) {
        Some("py") => Command::new(programs.join("python")),
        _ => Command::new("bash"),
    };
    let path = std::env::var("PATH").unwrap_or_default();
    let output = command
        .arg(folder.join(script))
        .env("PATH", format!("{}:{path}", programs.display()))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("STATEWRIGHT_URL", server.url())
        .env("AWS_ENDPOINT_URL_SFN", server.url())
        .env("AWS_ENDPOINT_URL_SCHEDULER", server.url())
        .env("AWS_REGION", "us-east-1")
        .env("AWS_DEFAULT_REGION", "us-east-1")
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .env("AWS_CONFIG_FILE", "/dev/null")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
        .env("AWS_PAGER", "")
        .env("NO_PROXY", "127.0.0.1")
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{script} ended with {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
}
