//! Activity workers that hang up: what was on its way to one goes to another.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::Value;

use super::*;

const ACTIVITY: &str = "arn:aws:states:us-east-1:123456789012:activity:a";
const MACHINE: &str = r#"{"StartAt": "T", "States": {"T": {"Type": "Task",
    "Resource": "arn:aws:states:us-east-1:123456789012:activity:a", "End": true}}}"#;

/// Tasks in an ordinary run; `HANG_UP_TASKS` asks for more.
const TASKS: usize = 400;
/// How long impatient workers wait for an answer.
const IMPATIENCE: Duration = Duration::from_millis(25);
const WORKERS: usize = 8;
const CLIENTS: usize = 3;

async fn prepare(client: &Client) -> String {
    client.must("CreateActivity", json!({ "name": "a" })).await;
    client.create("m", MACHINE).await
}

async fn begin(client: &Client, machine: &str, name: &str) -> String {
    let start = json!({ "stateMachineArn": machine, "name": name, "input": "{}" });
    let started = client.must("StartExecution", start).await;
    started["executionArn"].as_str().unwrap().to_owned()
}

/// A connection on which somebody polls.
async fn poll(server: SocketAddr) -> TcpStream {
    let body = json!({ "activityArn": ACTIVITY, "workerName": "w" }).to_string();
    let mut stream = dial(server).await;
    let head = "POST / HTTP/1.1\r\nhost: localhost\r\nx-amz-target: AWSStepFunctions.GetActivityTask\r\n\
                content-type: application/x-amz-json-1.0\r\n";
    say(&mut stream, format!("{head}content-length: {}\r\n\r\n{body}", body.len())).await;
    stream
}

/// The token in the answer to a poll, once all of it has been read.
async fn token(stream: &mut TcpStream) -> Option<String> {
    let mut answer = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&answer).into_owned();
        if let Some((_, body)) = text.split_once("\r\n\r\n")
            && let Ok(body) = serde_json::from_str::<Value>(body)
        {
            return body["taskToken"].as_str().map(str::to_owned);
        }
        if stream.read_buf(&mut answer).await.ok()? == 0 {
            return None;
        }
    }
}

async fn finish(client: &Client, token: &str) {
    let success = json!({ "taskToken": token, "output": "1" });
    client.must("SendTaskSuccess", success).await;
}

/// How often the history says that the task was begun.
async fn begun(client: &Client, arn: &str) -> usize {
    let history = client.history(arn).await;
    history.iter().filter(|event| event["type"] == "ActivityStarted").count()
}

#[tokio::test]
async fn an_answer_that_is_left_unread_gives_its_task_to_the_next_worker() {
    let (_database, server, client) = start(&[]).await;
    let machine = prepare(&client).await;
    let arn = begin(&client, &machine, "n").await;
    let first = poll(server.address()).await;
    // It has arrived, and nobody reads it.
    soon(first.peek(&mut [0])).await.unwrap();
    drop(first);
    let mut second = poll(server.address()).await;
    let token = soon(token(&mut second)).await.expect("the task is offered again");
    finish(&client, &token).await;
    assert_eq!(client.ended(&arn).await["status"], "SUCCEEDED");
    assert_eq!(begun(&client, &arn).await, 2);
}

#[tokio::test]
async fn a_worker_that_has_read_its_answer_keeps_the_task_and_may_hang_up() {
    let (_database, server, client) = start(&[]).await;
    let machine = prepare(&client).await;
    let mut arns = Vec::new();
    for number in 0..20 {
        let arn = begin(&client, &machine, &format!("n{number}")).await;
        let mut worker = poll(server.address()).await;
        let token = soon(token(&mut worker)).await.expect("a task");
        drop(worker);
        arns.push((arn, token));
    }
    for (arn, token) in arns {
        finish(&client, &token).await;
        assert_eq!(client.ended(&arn).await["status"], "SUCCEEDED");
        assert_eq!(begun(&client, &arn).await, 1, "nobody else was given it");
    }
}

/// Polls again and again, hangs up when there is no answer in time, and finishes what it gets.
async fn work(load: Load, patience: Duration) {
    while patience == PATIENCE || !load.is_over.load(Ordering::Relaxed) {
        let mut stream = poll(load.server).await;
        match tokio::time::timeout(patience, token(&mut stream)).await {
            Ok(Some(token)) => {
                finish(&load.client, &token).await;
                load.finished.fetch_add(1, Ordering::Relaxed);
            }
            Ok(None) => {}
            Err(_) => _ = load.hung_up.fetch_add(1, Ordering::Relaxed),
        }
    }
}

#[derive(Clone)]
struct Load {
    server: SocketAddr,
    client: Client,
    finished: Arc<AtomicUsize>,
    hung_up: Arc<AtomicUsize>,
    /// Those who hang up are to end, and keep nothing.
    is_over: Arc<AtomicBool>,
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_that_hang_up_all_the_time_lose_no_task() {
    let tasks = std::env::var("HANG_UP_TASKS").ok().and_then(|n| n.parse().ok()).unwrap_or(TASKS);
    let (_database, server, client) = start(&[]).await;
    let machine = prepare(&client).await;
    let (finished, hung_up, is_over) = Default::default();
    let load =
        Load { server: server.address(), client: client.clone(), finished, hung_up, is_over };
    let mut impatient = tokio::task::JoinSet::new();
    for _ in 0..WORKERS {
        impatient.spawn(work(load.clone(), IMPATIENCE));
    }
    let begun = (0..CLIENTS).map(|first| {
        let (client, machine) = (client.clone(), machine.clone());
        async move {
            for number in (first..tasks).step_by(CLIENTS) {
                begin(&client, &machine, &format!("n{number}")).await;
            }
        }
    });
    futures_util::future::join_all(begun).await;
    load.is_over.store(true, Ordering::Relaxed);
    impatient.join_all().await;
    // One with patience does what is left, and is given it sooner than this, again and again.
    let finished = || load.finished.load(Ordering::Relaxed);
    let by_others = finished();
    let patient = tokio::spawn(work(load.clone(), PATIENCE));
    let mut before = usize::MAX;
    while finished() < tasks && finished() != before {
        before = finished();
        let some_more = async {
            while finished() == before {
                tokio::time::sleep(IMPATIENCE).await;
            }
        };
        let _ = tokio::time::timeout(PATIENCE / 3, some_more).await;
    }
    patient.abort();
    let hung_up = load.hung_up.load(Ordering::Relaxed);
    println!(
        "{tasks} tasks, {by_others} while {hung_up} polls were hung up on, {} in all",
        finished()
    );
    assert_eq!(tasks - finished(), 0, "tasks went to workers that had hung up");
}
