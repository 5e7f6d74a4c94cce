//! SQL against Postgres, and Postgres against the model of it.

mod access_keys;
mod activities;
mod append;
mod cluster;
mod crash;
mod deaths;
mod differential;
mod executions;
mod firings;
mod inbox;
mod schedules;
mod sealing;
mod shards;
mod state_machines;
mod succession;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use store::{Batch, Ending, NewExecution, NewTurn, Status, shard_of};
use uuid::Uuid;

const ACCOUNT: &str = "000000000000";
const MACHINE: &str = "orders";

/// So many seconds into the tests' time.
fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_700_000_000 + seconds, 0).unwrap()
}

/// The turn that starts an execution.
fn start(id: Uuid, name: &str) -> NewTurn {
    let start = NewExecution {
        account: ACCOUNT.to_owned(),
        state_machine: MACHINE.to_owned(),
        life: Uuid::nil(),
        name: name.to_owned(),
        revision_id: Uuid::nil(),
        version: None,
        alias: None,
        input: Bytes::from_static(b"{}"),
        started_at: at(0),
        trace_header: None,
    };
    NewTurn { start: Some(Box::new(start)), ..turn(id, name, 1, "started") }
}

/// A turn of one event.
fn turn(id: Uuid, name: &str, first_event: i64, body: &'static str) -> NewTurn {
    NewTurn {
        shard: shard_of(ACCOUNT, MACHINE, name),
        execution_id: id,
        first_event,
        event_count: 1,
        // That of a shard nobody has owned yet.
        epoch: 0,
        body: Bytes::from_static(body.as_bytes()),
        start: None,
        end: None,
        wakes: false,
        offers: Vec::new(),
        withdrawn: Vec::new(),
    }
}

/// The same turn, as the last one.
fn ending(turn: NewTurn, status: Status, seconds: i64) -> NewTurn {
    let output = (status == Status::Succeeded).then(|| Bytes::from_static(b"1"));
    let failed = status == Status::Failed;
    let ending = Ending {
        status,
        ended_at: at(seconds),
        output,
        error: failed.then(|| "Broken".to_owned()),
        cause: failed.then(|| "it broke\0".to_owned()),
        failed_state: failed.then(|| "Pay".to_owned()),
    };
    NewTurn { end: Some(Box::new(ending)), ..turn }
}

fn batch(turns: impl IntoIterator<Item = NewTurn>) -> Batch {
    Batch { turns: turns.into_iter().collect(), answers: Vec::new() }
}
