//! A statement that is still at work when its caller has given up.

use std::collections::HashSet;

use bytes::Bytes;
use chrono::DateTime;
use sqlx::{ConnectOptions, PgConnection};
use uuid::Uuid;

use crate::{Batch, Cluster, ClusterOptions, Lane, NewExecution, NewTurn, Store};

fn batch() -> Batch {
    let start = NewExecution {
        account: "000000000000".to_owned(),
        state_machine: "m".to_owned(),
        name: "a".to_owned(),
        revision_id: Uuid::nil(),
        version: None,
        alias: None,
        input: Bytes::from_static(b"{}"),
        started_at: DateTime::UNIX_EPOCH,
        trace_header: None,
    };
    let turn = NewTurn {
        shard: 0,
        execution_id: Uuid::nil(),
        first_event: 1,
        event_count: 1,
        epoch: 0,
        body: Bytes::from_static(b"turn"),
        start: Some(Box::new(start)),
        end: None,
        wakes: false,
        offers: Vec::new(),
        withdrawn: Vec::new(),
    };
    Batch { turns: vec![turn], answers: Vec::new() }
}

/// Waits until a statement stands before a lock.
async fn somebody_waits(connection: &mut PgConnection) {
    let waiting = "SELECT 1 FROM pg_locks WHERE NOT granted";
    while sqlx::query(waiting).fetch_optional(&mut *connection).await.unwrap().is_none() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn what_is_absent_stays_absent() {
    let name = format!("statewright-doubt-{}", std::process::id());
    let options = ClusterOptions::new(std::env::temp_dir().join(name)).for_tests();
    let cluster = Cluster::start(options).await.unwrap();
    let store = Store::connect(&cluster.url(), 2).await.unwrap();
    store.migrate().await.unwrap();
    let mut lane = Lane::new(&store, Uuid::nil());
    let batch = batch();

    let mut blocker = store.options.connect().await.unwrap();
    let mut observer = store.options.connect().await.unwrap();
    sqlx::query("BEGIN").execute(&mut blocker).await.unwrap();
    sqlx::query("LOCK TABLE turns IN EXCLUSIVE MODE").execute(&mut blocker).await.unwrap();
    tokio::select! {
        _ = lane.append(&batch) => panic!("the lock holds it back"),
        () = somebody_waits(&mut observer) => {}
    }
    let absent = HashSet::from([Uuid::nil()]);
    assert_eq!(lane.absent(&batch).await.unwrap(), absent);
    sqlx::query("COMMIT").execute(&mut blocker).await.unwrap();
    let still = lane.absent(&batch).await.unwrap();
    assert_eq!(still, absent, "its statement was ended, not only left");
    lane.append(&batch).await.unwrap();
    assert_eq!(lane.absent(&batch).await.unwrap(), HashSet::new());
    cluster.stop().await;
}
