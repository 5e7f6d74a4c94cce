//! boto3, the AWS CLI and curl, unmodified, with nothing but the endpoint set; and a client that is
//! generated from the `OpenAPI` document.
//!
//! Each test runs one script of this folder against a server of its own, which wants an access key
//! or is open to everybody. `./prepare` puts the clients into `target/clients-venv`, once.

use std::path::Path;
use std::process::Command;

use tests::database::Database;
use tests::server::{Server, ServerOptions, workspace};

#[tokio::test]
async fn boto3_leads_a_state_machine_through_its_life() {
    run("state_machines.py", Door::Closed).await;
}

#[tokio::test]
async fn boto3_starts_follows_lists_and_stops_executions() {
    run("executions.py", Door::Open).await;
}

#[tokio::test]
async fn tasks_call_functions_that_boto3s_user_registered() {
    run("functions.py", Door::Closed).await;
}

#[tokio::test]
async fn boto3_sets_up_schedules_and_groups() {
    run("schedules.py", Door::Closed).await;
}

#[tokio::test]
async fn the_aws_cli_sets_up_a_schedule() {
    run("schedules.sh", Door::Open).await;
}

#[tokio::test]
async fn activity_workers_and_holders_of_tokens_do_their_part() {
    run("activities.py", Door::Open).await;
}

#[tokio::test]
async fn a_client_generated_from_the_document_does_everything() {
    run("generated.py", Door::Closed).await;
}

#[tokio::test]
async fn the_aws_cli_takes_a_first_walk() {
    run("cli.sh", Door::Closed).await;
}

#[tokio::test]
async fn boto3_signs_and_is_refused_as_on_aws() {
    run("keys.py", Door::Closed).await;
}

#[tokio::test]
async fn the_aws_cli_and_curl_sign_and_are_refused() {
    run("keys.sh", Door::Closed).await;
}

/// Whether the server wants a key.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Door {
    Open,
    Closed,
}

/// The access keys of a closed server, as its configuration has them: the first is what a script
/// finds in its environment, the others it may take for itself.
const KEYS: &str = "clients-admin:a-secret-for-everything,\
                    clients-read:a-secret-to-look:123456789012:read,\
                    clients-other:a-secret-of-others:210987654321:admin";

/// Runs a script with a fresh server and fails with its output.
async fn run(script: &str, door: Door) {
    let folder = workspace().join("tests/clients");
    let prepared = Command::new(folder.join("prepare")).output().unwrap();
    assert!(prepared.status.success(), "{}", String::from_utf8_lossy(&prepared.stderr));
    let programs = workspace().join("target/clients-venv/bin");

    let database = Database::private().await;
    let mut options = ServerOptions::default();
    let (mut key, mut secret) = ("test", "test");
    if door == Door::Closed {
        options.env.push(("STATEWRIGHT_ACCESS_KEYS".to_owned(), KEYS.to_owned()));
        (key, secret) = ("clients-admin", "a-secret-for-everything");
    }
    let server = Server::start(&database.url, &options).unwrap();
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
        .env("AWS_ACCESS_KEY_ID", key)
        .env("AWS_SECRET_ACCESS_KEY", secret)
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
