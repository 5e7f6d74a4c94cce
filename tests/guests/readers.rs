//! Readers of event streams that do not read: they cost little, and are cut.

use std::fs;

use serde_json::json;
use store::Scope;
use tests::client::silent_client;
use tests::server::{Server, ServerOptions};
use tests::signing::Key;
use tokio::net::TcpStream;

use super::{blocking, dial, execute, get, hear, hear_all, say, start, until};

/// Goes round for as long as the test lasts, with all that it was given.
const LOOPS: &str = r#"{"StartAt": "A", "States": {
    "A": {"Type": "Pass", "Next": "B"},
    "B": {"Type": "Choice", "Default": "W", "Choices": [
        {"Variable": "$.never", "IsPresent": true, "Next": "C"}]},
    "W": {"Type": "Wait", "Seconds": 1, "Next": "A"},
    "C": {"Type": "Succeed"}}}"#;
const NAPS: &str = r#"{"StartAt": "W", "States": {
    "W": {"Type": "Wait", "Seconds": 3600, "End": true}}}"#;

/// What the process holds in memory, in MiB.
fn resident(pid: u32) -> usize {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().split(' ').next().unwrap().parse::<usize>().unwrap() / 1024
}

async fn follow(server: std::net::SocketAddr, execution: &str) -> TcpStream {
    let mut stream = dial(server).await;
    say(&mut stream, get(&format!("/v1/executions/{execution}/events"))).await;
    stream
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_that_do_not_read_cost_little_and_are_cut() {
    let (_database, server, client) = start(&["--connections-reader-seconds", "3"]).await;
    let input = json!({ "large": "x".repeat(100_000) }).to_string();
    execute(&client, "loops", LOOPS, &input).await;
    // Each event is 100 kB: before anybody reads them, there are some megabytes.
    let mut reader = follow(server.address(), "loops:loops").await;
    for _ in 0..5 {
        hear(&mut reader, "event: WaitStateEntered").await;
    }
    let before = resident(server.pid());
    let mut deaf = Vec::new();
    for _ in 0..300 {
        deaf.push(follow(server.address(), "loops:loops").await);
    }
    let cut = "statewright_connections_ended_total{reason=\"reader\"}";
    let mut most = 0;
    until("all of them are cut", async || {
        most = most.max(resident(server.pid()));
        // Who reads goes on hearing.
        hear(&mut reader, "event: WaitStateEntered").await;
        client.metric(cut).await == Some(300.0)
    })
    .await;
    assert!(most < before + 64, "{before} MiB grew to {most} MiB");
    assert!(server.log().contains("an answer was not read"), "{}", server.log());
    client.rest("GET", "/v1/executions/loops:loops", json!(null)).await.unwrap();
}

/// So many states one after the other, all of which pass on what they get.
fn passes(count: usize) -> String {
    let mut states = serde_json::Map::new();
    for number in 1..count {
        let next = format!("S{}", number + 1);
        states.insert(format!("S{number}"), json!({ "Type": "Pass", "Next": next }));
    }
    states.insert(format!("S{count}"), json!({ "Type": "Succeed" }));
    json!({ "StartAt": "S1", "States": states }).to_string()
}

/// Follows an execution with this key, and hears nothing yet.
async fn follow_with(server: &Server, key: &Key, execution: &str, after: usize) -> TcpStream {
    let mut stream = dial(server.address()).await;
    let head = format!(
        "GET /v1/executions/{execution}/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: {}\r\n\
         Last-Event-ID: {after}\r\n\r\n",
        key.bearer()
    );
    say(&mut stream, head).await;
    stream
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_of_one_account_take_no_room_from_those_of_another() {
    let (database, server, client) = start(&[]).await;
    let input = json!({ "large": "x".repeat(100_000) }).to_string();
    execute(&client, "long", &passes(200), &input).await;
    let ours = database.key("123456789012", Scope::Admin).await;
    let theirs = database.key("210987654321", Scope::Admin).await;
    let rest = async |method: reqwest::Method, path: &str, body: serde_json::Value| {
        let url = format!("{}{path}", server.url());
        let request = silent_client().request(method, url).header("authorization", theirs.bearer());
        request.json(&body).send().await.unwrap().status().as_u16()
    };
    let definition: serde_json::Value = serde_json::from_str(&passes(2)).unwrap();
    let machine = json!({ "definition": definition });
    // As long as they are open, everybody is the first account.
    until("the doors are closed", async || {
        let url = format!("{}/v1/state-machines", server.url());
        silent_client().get(url).send().await.unwrap().status().as_u16() == 401
    })
    .await;
    assert_eq!(rest(reqwest::Method::PUT, "/v1/state-machines/short", machine).await, 201);
    let start = json!({ "name": "short" });
    let path = "/v1/state-machines/short/executions";
    assert_eq!(rest(reqwest::Method::POST, path, start).await, 201);
    // Each holds a part of its own, of two events, and what its connection takes without being read.
    let mut deaf = Vec::new();
    for after in 0..360 {
        deaf.push(follow_with(&server, &ours, "long:long", after).await);
    }
    let mut last = follow_with(&server, &ours, "long:long", 17).await;
    let word = "this node has no room for what its streams have to send; go on later with \
                `Last-Event-ID`";
    hear(&mut last, word).await;
    let mut other = follow_with(&server, &theirs, "short:short", 0).await;
    let heard = hear(&mut other, "\r\n0\r\n").await;
    assert!(heard.contains("event: ExecutionSucceeded"), "{heard}");
}

#[tokio::test(flavor = "multi_thread")]
async fn there_are_so_many_streams_and_no_more() {
    let flags = ["--connections-streams", "3", "--connections-streams-per-execution", "2"];
    let (_database, server, client) = start(&flags).await;
    for name in ["one", "two"] {
        execute(&client, name, NAPS, "{}").await;
    }
    let mut open = Vec::new();
    for execution in ["one:one", "one:one", "two:two"] {
        let mut stream = follow(server.address(), execution).await;
        hear(&mut stream, "event: WaitStateEntered").await;
        open.push(stream);
    }
    open.pop();
    until("there is room for another execution only", async || {
        let mut third = follow(server.address(), "one:one").await;
        let heard = hear(&mut third, "try again later").await;
        if heard.contains("3 streams of events are open on this node") {
            // The one that was closed still counts.
            return false;
        }
        assert!(heard.contains("2 streams of this execution are open, which is the most there may be; try again later"), "{heard}");
        assert!(
            heard.starts_with("HTTP/1.1 503") && heard.contains("\r\nretry-after: "),
            "{heard}"
        );
        client.metric("statewright_event_streams").await == Some(2.0)
    })
    .await;
    let mut other = follow(server.address(), "two:two").await;
    hear(&mut other, "event: WaitStateEntered").await;
    let mut beyond = follow(server.address(), "two:two").await;
    hear(&mut beyond, "3 streams of events are open on this node").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_come_on_every_node() {
    let (database, one, client) = start(&[]).await;
    let url = database.url.clone();
    let other = blocking(move || Server::start(&url, &ServerOptions::default()).unwrap()).await;
    let waits = r#"{"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 2, "End": true}}}"#;
    execute(&client, "waits", waits, "{}").await;
    for server in [&one, &other] {
        let mut stream = follow(server.address(), "waits:waits").await;
        let heard = hear(&mut stream, "event: ExecutionSucceeded").await;
        assert!(heard.contains("event: WaitStateEntered"), "{heard}");
    }
    // What has ended already is sent whole, or from where a client was cut off.
    let mut rest = dial(other.address()).await;
    say(
        &mut rest,
        "GET /v1/executions/waits:waits/events HTTP/1.1\r\nHost: localhost\r\nLast-Event-ID: 3\r\n\
         Connection: close\r\n\r\n",
    )
    .await;
    let heard = hear_all(&mut rest).await;
    assert_eq!(heard.matches("event: ").count(), 1, "{heard}");
    let mut none = dial(other.address()).await;
    let beyond = "GET /v1/executions/waits:waits/events HTTP/1.1\r\nHost: localhost\r\nLast-Event-ID: \
                  9223372036854775807\r\nConnection: close\r\n\r\n";
    say(&mut none, beyond).await;
    assert!(hear_all(&mut none).await.ends_with("0\r\n\r\n"), "it has ended");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_ends_streams_with_a_word() {
    let (_database, server, client) = start(&[]).await;
    execute(&client, "naps", NAPS, "{}").await;
    let mut stream = follow(server.address(), "naps:naps").await;
    hear(&mut stream, "event: WaitStateEntered").await;
    let stopped = tokio::spawn(blocking(move || server.stop().unwrap()));
    let heard = hear_all(&mut stream).await;
    assert!(heard.contains("event: error\ndata: {\"message\":"), "{heard}");
    let word = "this node ends its connections; go on, here or elsewhere, with `Last-Event-ID`";
    assert!(heard.contains(word) && heard.ends_with("0\r\n\r\n"), "{heard}");
    assert_eq!(stopped.await.unwrap().code(), Some(0));
}
