//! What the log says.

use axum::http::HeaderMap;
use serde_json::{Value, json};
use tests::database::{Database, Durable};
use tests::psql::psql;
use tests::server::Server;
use tests::wire::{Client, serve_function};

use super::sessions::statement_that_waits;
use super::{lines, serve, until};

/// The complete lines of a JSON log.
fn told(server: &Server) -> Vec<Value> {
    let log = server.log();
    let complete = log.rfind('\n').map_or("", |end| &log[..end]);
    complete.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
}

/// The lines about this execution.
fn of_execution(server: &Server, arn: &str) -> Vec<Value> {
    told(server).into_iter().filter(|line| line["execution.arn"] == arn).collect()
}

async fn execute(client: &Client, machine: &str, definition: &Value, input: &str) -> String {
    let machine = client.create(machine, &definition.to_string()).await;
    let start = json!({ "stateMachineArn": machine, "name": "one", "input": input });
    let started = client.must("StartExecution", start).await;
    started["executionArn"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_execution_that_fails_or_times_out_is_one_line_without_its_data() {
    let database = Database::private().await;
    let (server, client) = serve(&database.url, &["--log-format", "json"]).await;
    let input = r#"{"secret": "hush-hush"}"#;
    let cause = format!("it is\n{}", "so ".repeat(500));
    let fails = json!({ "StartAt": "Pay", "States": {
        "Pay": { "Type": "Fail", "Error": "Card.Declined", "Cause": cause } } });
    let failed = execute(&client, "fails", &fails, input).await;
    let waits = |name: &str| {
        json!({ "StartAt": name, "States": {
            name: { "Type": "Wait", "Seconds": 3600, "End": true } } })
    };
    let slow = json!({ "StartAt": "B", "TimeoutSeconds": 1, "States": {
        "B": { "Type": "Parallel", "Branches": [waits("W"), waits("V")], "End": true } } });
    let timed_out = execute(&client, "slow", &slow, input).await;
    let passes = json!({ "StartAt": "P", "States": { "P": { "Type": "Pass", "End": true } } });
    let succeeded = execute(&client, "passes", &passes, input).await;
    let aborted = execute(&client, "waits", &waits("W"), input).await;
    client.must("StopExecution", json!({ "executionArn": aborted, "error": "Enough" })).await;

    until("the timeout is told", async || of_execution(&server, &timed_out).len() == 1).await;
    until("the failure is told", async || !of_execution(&server, &failed).is_empty()).await;
    let line = &of_execution(&server, &failed)[..];
    let [line] = line else { panic!("{line:?}") };
    assert_eq!(line["level"], "INFO");
    assert_eq!(line["message"], format!("execution `{failed}` failed"));
    assert_eq!((&line["state"], &line["error"]), (&json!("Pay"), &json!("Card.Declined")));
    let head: String = cause.replace('\n', "\\n").chars().take(201).collect();
    assert_eq!(line["cause"], format!("{head}…"));
    let line = &of_execution(&server, &timed_out)[0];
    assert_eq!(line["message"], format!("execution `{timed_out}` timed out"));
    assert_eq!((&line["state"], &line["error"]), (&json!("W, V"), &json!("States.Timeout")));
    assert_eq!(line["cause"], "the execution's `TimeoutSeconds` ran out");
    client.ended(&succeeded).await;
    client.ended(&aborted).await;
    assert!(
        of_execution(&server, &succeeded).is_empty() && of_execution(&server, &aborted).is_empty()
    );
    assert!(!server.log().contains("hush-hush"));
}

/// States that fail, each with a cause that quotes its input, and what of it is logged at the end.
fn that_quote() -> Vec<(&'static str, Value, Value, &'static str)> {
    let task = |resource: &str| json!({ "Type": "Task", "Resource": resource, "End": true });
    let jsonata = |output: &str| json!({ "Type": "Pass", "QueryLanguage": "JSONata", "Output": output, "End": true });
    let of_lambda = json!({ "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": { "FunctionName": "own", "Payload.$": "$" }, "End": true });
    let seconds = json!({ "Type": "Wait", "SecondsPath": "$.s", "End": true });
    let timestamp = json!({ "Type": "Wait", "TimestampPath": "$.s", "End": true });
    let missing = json!({ "Type": "Pass", "Parameters": { "a.$": "$.none" }, "End": true });
    let map = json!({ "Type": "Map", "QueryLanguage": "JSONata", "Items": "{% $states.input.s %}", "End": true,
        "ItemProcessor": { "StartAt": "P", "States": { "P": { "Type": "Pass", "End": true } } } });
    let failing =
        json!({ "Type": "Fail", "Error": "Own.Error", "CausePath": "States.JsonToString($)" });
    let named = json!({ "Type": "Fail", "ErrorPath": "$.s", "Cause": "c" });
    let start = json!({ "Type": "Task", "Resource": "arn:aws:states:::aws-sdk:sfn:startExecution",
        "Parameters": { "StateMachineArn.$": "$.s", "Input": {} }, "End": true });
    let text = json!({ "s": "hush-hush" });
    vec![
        ("seconds-text", seconds.clone(), text.clone(), ": "),
        ("seconds-object", seconds.clone(), json!({ "s": { "a": "hush-hush" } }), ": "),
        ("seconds-array", seconds, json!({ "s": ["hush-hush"] }), ": "),
        ("timestamp", timestamp, text.clone(), ": "),
        ("missing-object", missing.clone(), text.clone(), "in the input '"),
        ("missing-array", missing.clone(), json!(["hush-hush"]), "in the input '"),
        ("missing-text", missing, json!("hush-hush"), "in the input '"),
        ("evaluation", jsonata("{% $number($states.input.s) %}"), text.clone(), ": "),
        ("thrown", jsonata("{% $error($states.input.s) %}"), text.clone(), ": "),
        ("items", map, text.clone(), "but was '…"),
        ("named", named, json!({ "s": ["hush-hush"] }), "refers to value "),
        ("failing", failing, text.clone(), "…"),
        ("own", task("arn:aws:lambda:us-east-1:123456789012:function:own"), text.clone(), "no: …"),
        (
            "status",
            task("arn:aws:lambda:us-east-1:123456789012:function:status"),
            text.clone(),
            ": ",
        ),
        ("lambda", of_lambda, text.clone(), "no: …"),
        ("sdk", start, text, ": "),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_cause_quotes_of_the_data_is_not_logged() {
    let database = Database::private().await;
    let (server, client) = serve(&database.url, &["--log-format", "json"]).await;
    let own = |_: &HeaderMap, input: Value| {
        (500, json!({ "errorType": "Own.Error", "errorMessage": format!("no: {input}") }))
    };
    let (own_url, own) = serve_function(own).await;
    let (status_url, status) = serve_function(|_: &HeaderMap, input| (503, input)).await;
    client.register("own", &own_url).await;
    client.register("status", &status_url).await;
    for (name, state, input, ends) in that_quote() {
        let definition = json!({ "StartAt": "S", "States": { "S": state } });
        let arn = execute(&client, name, &definition, &input.to_string()).await;
        let ended = client.ended(&arn).await;
        assert!(ended["cause"].as_str().is_some_and(|it| it.contains("hush-hush")), "{ended:#}");
        until("it is told", async || !of_execution(&server, &arn).is_empty()).await;
        let line = &of_execution(&server, &arn)[0];
        let cause = line["cause"].as_str().unwrap();
        assert!(cause.ends_with(ends), "{name}: {line:#}");
        assert_eq!(line["state"], "S", "{line:#}");
    }
    assert!(!server.log().contains("hush-hush"), "{}", server.log());
    own.abort();
    status.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_are_logged_on_request_by_route_and_without_what_was_asked() {
    let database = Database::private().await;
    let flags = ["--log-format", "json"];
    let (silent, client) = serve(&database.url, &flags).await;
    client.get("/v1/executions?state_machine=hush-hush").await.unwrap();
    let (server, client) = serve(&database.url, &[&flags[..], &["--log-requests"]].concat()).await;
    let answer = client.get("/v1/executions/m:hush-hush?reverse=hush-hush").await.unwrap();
    let id = answer.headers()["x-amzn-requestid"].to_str().unwrap();
    let (line, aws) = (
        line_of(&server, id).await,
        client.aws("ListStateMachines", &json!({ "maxResults": 7 })).await.unwrap(),
    );
    assert_eq!(line["level"], "INFO");
    assert_eq!((&line["method"], &line["status"]), (&json!("GET"), &json!(400)));
    assert_eq!(line["route"], "/v1/executions/{id}");
    assert!(line["elapsed_ms"].as_f64().is_some_and(|elapsed| elapsed > 0.0), "{line}");
    let line = line_of(&server, aws.headers()["x-amzn-requestid"].to_str().unwrap()).await;
    assert_eq!(
        (&line["method"], &line["route"], &line["operation"], &line["status"]),
        (&json!("POST"), &json!("/"), &json!("ListStateMachines"), &json!(200))
    );
    assert!(!server.log().contains("hush-hush"), "{}", server.log());
    assert!(!told(&silent).iter().any(|line| line["request.id"].is_string()));
}

/// The line about the request with this id.
async fn line_of(server: &Server, id: &str) -> Value {
    let mut found = None;
    until("the request is logged", async || {
        found = told(server).into_iter().find(|line| line["request.id"] == id);
        found.is_some()
    })
    .await;
    found.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_has_no_noise_at_the_first_start_the_next_one_or_while_the_database_is_away() {
    let mut database = Durable::start().await;
    psql(database.url(), "CREATE DATABASE new").unwrap();
    let url = database.url().replace("/statewright?", "/new?");
    let (server, _) = serve(&url, &[]).await;
    check_noise(&server);
    drop(server);
    let (server, client) = serve(&url, &[]).await;
    // A connection that is at work then, too.
    let (_blocker, asked) = statement_that_waits(&url, client).await;
    database.kill().await;
    assert!(asked.await.unwrap().is_err());
    let away = "the database is away; writes are refused meanwhile";
    until("it is away", async || lines(&server, away) == 1).await;
    database.start_again().await;
    until("it is back", async || lines(&server, "the database is back") == 1).await;
    check_noise(&server);
    assert_eq!(lines(&server, away), 1);
}

fn check_noise(server: &Server) {
    let log = server.log();
    for noise in ["already exists", "after_release", "ping on idle", "sqlx"] {
        assert!(!log.contains(noise), "`{noise}`: {log}");
    }
}
