//! `statewright serve`: how it starts, logs and ends.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use store::{Cluster, ClusterOptions};
use tests::client::client;
use tests::server::{Server, ServerOptions};

use super::Folder;

async fn cluster(folder: &Folder) -> Cluster {
    Cluster::start(ClusterOptions::new(folder.path("data")).for_tests()).await.unwrap()
}

/// Starts it on a thread that may wait.
async fn start(url: String, options: ServerOptions) -> Server {
    tokio::task::spawn_blocking(move || Server::start(&url, &options).unwrap()).await.unwrap()
}

async fn put_napping_machine(server: &Server) {
    let definition = json!({ "StartAt": "A", "States": {
        "A": { "Type": "Wait", "Seconds": 600, "End": true } } });
    let url = format!("{}/v1/state-machines/nap", server.url());
    let answer = client().put(url).json(&json!({ "definition": definition })).send().await.unwrap();
    assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
}

#[tokio::test]
async fn sigterm_ends_it_with_0_although_something_runs_and_somebody_watches() {
    let folder = Folder::new();
    let cluster = cluster(&folder).await;
    let server = start(cluster.url(), ServerOptions::default()).await;
    put_napping_machine(&server).await;
    let url = format!("{}/v1/state-machines/nap/executions", server.url());
    client().post(url).json(&json!({ "name": "one" })).send().await.unwrap();
    let url = format!("{}/v1/executions/nap:one/events", server.url());
    let mut watching = client().get(url).send().await.unwrap();
    assert!(watching.chunk().await.unwrap().is_some());

    let began = Instant::now();
    let status = tokio::task::spawn_blocking(|| server.stop()).await.unwrap().unwrap();
    assert_eq!(status.code(), Some(0));
    assert!(began.elapsed() < Duration::from_secs(30), "the bound of a shutdown");
    let mut rest = String::new();
    while let Some(chunk) = watching.chunk().await.unwrap() {
        rest.push_str(&String::from_utf8_lossy(&chunk));
    }
    assert!(rest.contains("this node ends its connections; go on, here or elsewhere"), "{rest}");

    // Shards were handed over: the next node owns them at once and knows the execution.
    let server = start(cluster.url(), ServerOptions::default()).await;
    let url = format!("{}/v1/executions/nap:one/stop", server.url());
    let stopped = client().post(url).json(&json!({})).send().await.unwrap();
    assert!(stopped.status().is_success(), "{}", stopped.text().await.unwrap());
    drop(server);
    cluster.stop().await;
}

#[tokio::test]
async fn json_logs_are_one_object_a_line_without_the_password() {
    let folder = Folder::new();
    let cluster = cluster(&folder).await;
    let options = ServerOptions {
        args: vec!["--log-format".into(), "json".into(), "--log-level".into(), "debug".into()],
        ..ServerOptions::default()
    };
    let separator = if cluster.url().contains('?') { '&' } else { '?' };
    let url = format!("{}{separator}password=hush-hush", cluster.url());
    let server = start(url, options).await;
    let log = server.log();
    // The last line may be half written.
    let log = &log[..log.rfind('\n').expect("it logs")];
    for line in log.lines() {
        let line: Value = serde_json::from_str(line).expect(line);
        assert!(line["level"].is_string() && line["timestamp"].is_string(), "{line}");
    }
    assert!(!log.contains("hush-hush"), "{log}");
    drop(server);
    cluster.stop().await;
}
