//! Long logs are folded as they arrive: however many of them a node takes over at once, it needs memory
//! for what they come to, not for them.
//!
//! `LONG_LOGS=64 LONG_LOG_MIB=100` is the long form.

use std::time::Duration;

use asl::Payload;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use machine::{Identity, Limits, Random, Stimulus, Timestamp, Tokens, Turn};
use serde_json::{Map, json};
use store::{Batch, Lane, NewExecution, NewTurn};
use tests::database::Database;
use tests::psql::psql;
use uuid::Uuid;

use super::{PATIENCE, serve};

const ACCOUNT: &str = "123456789012";
/// How much more memory a node may have needed than one that had nothing to take over.
const MOST_MIB: u64 = 256;
/// What flows from state to state.
const PAYLOAD_BYTES: usize = 200_000;

struct NoTokens;

impl Tokens for NoTokens {
    fn token(&self, _: u64) -> String {
        String::new()
    }
}

fn number(name: &str, otherwise: usize) -> usize {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// So many states, each of which makes something new of what came in, and then a long wait.
fn definition(states: usize) -> String {
    let mut all = Map::new();
    for number in 0..states {
        let next = format!("S{}", number + 1);
        let parameters = json!({"text.$": "$.text", "number": number});
        let state = json!({"Type": "Pass", "Parameters": parameters, "Next": next});
        all.insert(format!("S{number}"), state);
    }
    all.insert(format!("S{states}"), json!({"Type": "Wait", "Seconds": 3_600, "End": true}));
    json!({"StartAt": "S0", "States": all}).to_string()
}

/// The turns of an execution of this definition up to its wait.
fn turns(program: &asl::Program, name: &str, now: DateTime<Utc>) -> Vec<Turn> {
    let identity = Identity {
        arn: format!("arn:aws:states:us-east-1:{ACCOUNT}:execution:long:{name}"),
        name: name.to_owned(),
        state_machine_arn: format!("arn:aws:states:us-east-1:{ACCOUNT}:stateMachine:long"),
        state_machine_name: "long".to_owned(),
        role_arn: "arn:aws:iam::123456789012:role/r".to_owned(),
        region: "us-east-1".to_owned(),
        version_arn: None,
        alias_arn: None,
    };
    let input = Payload::from_text(json!({"text": "x".repeat(PAYLOAD_BYTES)}).to_string()).unwrap();
    let now = Timestamp(now.timestamp_millis());
    let (random, limits) = (Random::seeded(1), Limits::lifted());
    let (mut execution, first) =
        machine::start(program, identity, input, now, &random, &limits, &NoTokens);
    let mut turns = vec![first];
    while execution.wants_to_continue() {
        let (go_on, tokens) = (Stimulus::Continue, &NoTokens);
        turns.push(machine::step(program, &mut execution, go_on, now, &random, &limits, tokens));
    }
    turns
}

fn row(name: &str, (revision_id, life): (Uuid, Uuid), now: DateTime<Utc>) -> Box<NewExecution> {
    Box::new(NewExecution {
        account: ACCOUNT.to_owned(),
        state_machine: "long".to_owned(),
        life,
        name: name.to_owned(),
        revision_id,
        version: None,
        alias: None,
        input: Bytes::from_static(b"{}"),
        started_at: now,
        trace_header: None,
    })
}

/// What a process has had in memory at most, in MiB.
fn most_resident(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1_024
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_of_whatever_length_are_taken_over_within_little_memory() {
    let (logs, mib) = (number("LONG_LOGS", 24), number("LONG_LOG_MIB", 16));
    let database = Database::private().await;
    let (idle, client) = serve(&database.url, &["--limits", "lifted"]).await;
    let text = definition(mib * 1_024 * 1_024 / PAYLOAD_BYTES);
    let machine =
        json!({"name": "long", "definition": text, "roleArn": "arn:aws:iam::123456789012:role/r"});
    client.must("CreateStateMachine", machine).await;
    let baseline = most_resident(idle.pid());
    idle.stop().unwrap();

    let url = &database.url;
    let revision = psql(url, "SELECT id FROM revisions").unwrap().parse().unwrap();
    let life = psql(url, "SELECT life FROM state_machines").unwrap().parse().unwrap();
    let writer = Uuid::new_v4();
    let now = database.store.now().await.unwrap();
    let owned = database.store.beat(writer, Duration::from_hours(1), "").await.unwrap().owned;
    let mut lane = Lane::new(&database.store, writer);
    let program = asl::compile(&text).unwrap();
    let mut bytes = 0;
    for number in 0..logs {
        let name = format!("n{number}");
        let (shard, id) = (store::shard_of(ACCOUNT, "long", &name), Uuid::new_v4());
        let epoch = owned.iter().find(|(owned, _)| *owned == shard).unwrap().1;
        for turn in turns(&program, &name, now) {
            let body = Bytes::from(machine::log::encode(&turn.events));
            bytes += body.len();
            let new = NewTurn {
                shard,
                execution_id: id,
                first_event: i64::try_from(turn.first_event).unwrap(),
                event_count: i32::try_from(turn.events.len()).unwrap(),
                epoch,
                body,
                start: (turn.first_event == 0).then(|| row(&name, (revision, life), now)),
                end: None,
                wakes: false,
                offers: Vec::new(),
                withdrawn: Vec::new(),
            };
            lane.append(&Batch { turns: vec![new], answers: Vec::new() }).await.unwrap();
        }
    }
    database.store.leave(writer).await.unwrap();
    database.store.release(writer, &(0..256).collect::<Vec<i16>>()).await.unwrap();
    let written = u64::try_from(bytes / 1_024 / 1_024).unwrap();
    assert!(written * 10 > u64::try_from(logs * mib).unwrap() * 9, "{written} MiB of logs");

    let (node, _) = serve(url, &["--limits", "lifted"]).await;
    // What waits for long goes to sleep as soon as it is there.
    let asleep = "SELECT count(*) FROM executions WHERE wake_at IS NOT NULL";
    let all_asleep = async {
        while psql(url, asleep).unwrap() != logs.to_string() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE + Duration::from_secs(written / 10), all_asleep).await.unwrap();
    let needed = most_resident(node.pid()).saturating_sub(baseline);
    println!("{logs} logs, {written} MiB in all: {needed} MiB over the {baseline} of an idle node");
    assert!(needed < MOST_MIB, "{needed} MiB over idle for {written} MiB of logs");
    node.stop().unwrap();
}
