//! A node that comes back has what it had at once; and where nobody is, that is said at once.

use std::time::{Duration, Instant};

use serde_json::json;
use tests::database::Durable;
use tests::psql::psql;

use super::*;

/// Far less than the lease, and enough for a busy machine.
const AT_ONCE: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_node_has_its_shards_again_when_it_says_that_it_is_ready() {
    let database = Durable::start().await;
    let (server, client) = new_node(database.url(), &[]).await;
    let address = server.address();
    let machine = client.create("passes", PASSES).await;
    server.kill().unwrap();
    let began = Instant::now();
    let (_server, client) = node(database.url(), address, &[]).await;
    let (status, body) = readiness(&client).await;
    assert_eq!(status, 200);
    assert_eq!(body["shards"], json!({ "owned": 256, "due": 256 }), "{body}");
    for arn in start(&client, &machine, "n", 20).await {
        assert_eq!(client.ended(&arn).await["status"], "SUCCEEDED");
    }
    assert!(began.elapsed() < AT_ONCE, "it waited for a lease");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_of_another_name_says_that_it_is_not_ready_until_it_owns_its_share() {
    let database = Durable::start().await;
    let short = [("STATEWRIGHT_LEASE_SECONDS", "4")];
    let (server, _) = new_node(database.url(), &short).await;
    server.kill().unwrap();
    let (url, address) = (database.url().to_owned(), free_address().unwrap());
    let spawn = move || Server::spawn(&url, address, &options(&short));
    let server = tokio::task::spawn_blocking(spawn).await.unwrap().unwrap();
    let client = Client::new(format!("http://{address}"));
    let mut was_unready = false;
    for _ in 0..3_000 {
        if let Some(answer) = client.get("/readyz").await {
            if answer.status().as_u16() == 200 {
                let body: Value = answer.json().await.unwrap();
                assert_eq!(body["shards"]["owned"], 256, "{body} {}", server.log());
                assert!(was_unready, "it was ready before the other's lease was over");
                return;
            }
            was_unready = true;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it does not become ready");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_for_a_node_that_is_gone_is_refused_at_once() {
    let database = Durable::start().await;
    let (one, _) = new_node(database.url(), &[]).await;
    let (_other, other) = new_node(database.url(), &[]).await;
    let machine = other.create("passes", PASSES).await;
    one.kill().unwrap();
    let (mut refused, mut served) = (0, 0);
    for number in 0..20 {
        let body = json!({ "stateMachineArn": machine, "name": format!("n{number}") });
        let began = Instant::now();
        let answer = other.aws("StartExecution", &body).await.expect("it is answered");
        if answer.status().is_success() {
            served += 1;
            continue;
        }
        // The longest wait before was eight seconds.
        assert!(began.elapsed() < Duration::from_secs(6), "{:?}", began.elapsed());
        assert_eq!(answer.status().as_u16(), 503);
        assert_eq!(answer.headers()["retry-after"], "1");
        let body: Value = answer.json().await.unwrap();
        assert_eq!(body["__type"], "ServiceUnavailable");
        assert!(body["message"].as_str().unwrap().contains("is gone"), "{body}");
        refused += 1;
    }
    assert!(refused > 0 && served > 0, "{refused} refused, {served} served");
    let path = "/v1/state-machines/passes/executions";
    for number in 0..20 {
        let answer = other.post(path, &json!({ "name": format!("r{number}") })).await.unwrap();
        if answer.status().as_u16() == 503 {
            assert_eq!(answer.headers()["retry-after"], "1");
            return;
        }
    }
    panic!("none is refused over REST");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_of_one_name_do_no_harm() {
    let database = Durable::start().await;
    let slow = Slow::serve(Duration::from_millis(20)).await;
    let named = [("STATEWRIGHT_NODE_NAME", "the same"), ("STATEWRIGHT_LEASE_SECONDS", "5")];
    let (_one, client) = new_node(database.url(), &named).await;
    slow.register(&client, "at-least-once").await;
    let machine = client.create("m", &TWO_TASKS.replace("FUNCTION", "at-least-once")).await;
    let mut arns = start(&client, &machine, "one", 20).await;
    // As behind a pooler: the other takes what an earlier process of its name has, and it lives.
    let lock = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'";
    psql(database.url(), lock).unwrap();
    let (_two, other) = new_node(database.url(), &named).await;
    arns.extend(start_at_last(&other, &machine, "two", 20).await);
    arns.extend(start_at_last(&client, &machine, "three", 20).await);
    for arn in &arns {
        let execution = other.ended(arn).await;
        assert_eq!(execution["status"], "SUCCEEDED", "{execution:#}");
        let events = client.history(arn).await;
        let ids: Vec<u64> = events.iter().map(|event| event["id"].as_u64().unwrap()).collect();
        assert!(ids.iter().copied().eq(1..=ids.len() as u64), "one line: {ids:?}");
    }
    // They settle: each keeps a share, and no shard goes on changing hands.
    let owners = "SELECT count(DISTINCT owner), sum(epoch) FROM shards WHERE expires_at > now()";
    let mut before = String::new();
    for _ in 0..60 {
        let now = psql(database.url(), owners).unwrap();
        if now == before && now.starts_with("2|") {
            return;
        }
        before = now;
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
    panic!("they do not settle: {before}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_whose_name_another_has_keeps_its_work_when_that_one_is_started_again() {
    let database = Durable::start().await;
    let named = [("STATEWRIGHT_NODE_NAME", "the same"), ("STATEWRIGHT_LOG_LEVEL", "warn")];
    let (first, _) = new_node(database.url(), &named).await;
    let address = first.address();
    let (second, _) = new_node(database.url(), &named).await;
    for _ in 0..3_000 {
        if second.log().contains("another process has this node's name: set `node_name`") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let log = second.log();
    assert_eq!(log.matches("another process has this node's name").count(), 1, "{log}");
    assert!(!first.log().contains("another process"), "{}", first.log());
    let theirs = "SELECT string_agg(shard || ':' || epoch, ' ' ORDER BY shard) FROM shards
        WHERE owner = (SELECT id FROM nodes WHERE name = '')";
    let before = psql(database.url(), theirs).unwrap();
    first.kill().unwrap();
    let (_first, client) = node(database.url(), address, &named).await;
    assert_eq!(readiness(&client).await.1["shards"]["owned"], 128);
    assert_eq!(psql(database.url(), theirs).unwrap(), before);
    assert_eq!(before.split(' ').count(), 128);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_whose_connections_are_cut_is_not_said_to_be_gone_and_has_its_name_again() {
    let database = Durable::start().await;
    let (_one, _) = new_node(database.url(), &[("STATEWRIGHT_NODE_NAME", "one")]).await;
    let (_two, client) = new_node(database.url(), &[("STATEWRIGHT_NODE_NAME", "two")]).await;
    let machine = client.create("passes", PASSES).await;
    let held =
        "SELECT string_agg(pid::text, ' ' ORDER BY pid) FROM pg_locks WHERE locktype = 'advisory'";
    let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'";
    for round in 0..3 {
        let before = psql(database.url(), held).unwrap();
        psql(database.url(), cut).unwrap();
        // Each start is for whichever node has its shard, and a node that lives is not said to be gone.
        for number in 0..10 {
            let body = json!({ "stateMachineArn": machine, "name": format!("n{round}-{number}") });
            let answer = client.aws("StartExecution", &body).await.expect("it is answered");
            let text = answer.text().await.unwrap();
            assert!(!text.contains("is gone"), "{text}");
        }
        until_two_hold_their_names(database.url(), held, &before).await;
    }
}

/// Waits until two other sessions hold names.
async fn until_two_hold_their_names(url: &str, held: &str, before: &str) {
    let is_new = |now: &str| now.split(' ').count() == 2 && now != before;
    for _ in 0..3_000 {
        if is_new(&psql(url, held).unwrap_or_default()) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the names stay free");
}

/// Starts executions on a node whose shards may be changing hands.
async fn start_at_last(client: &Client, machine: &str, prefix: &str, count: usize) -> Vec<String> {
    let mut arns = Vec::new();
    for number in 0..count {
        let start = json!({ "stateMachineArn": machine, "name": format!("{prefix}-{number}") });
        let mut started = client.call("StartExecution", &start).await;
        for _ in 0..300 {
            if started.is_ok() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
            started = client.call("StartExecution", &start).await;
        }
        arns.push(started.unwrap()["executionArn"].as_str().unwrap().to_owned());
    }
    arns
}
