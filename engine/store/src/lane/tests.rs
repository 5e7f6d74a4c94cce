//! A statement that is still at work when its caller has given up.

use bytes::Bytes;
use sqlx::{ConnectOptions, PgConnection};
use uuid::Uuid;

use crate::{Batch, Cluster, ClusterOptions, Lane, NewTurn, Store};

fn batch() -> Batch {
    let turn = NewTurn {
        shard: 0,
        execution_id: Uuid::nil(),
        first_event: 1,
        event_count: 1,
        epoch: 1,
        body: Bytes::from_static(b"turn"),
        start: None,
        end: None,
        wakes: false,
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
async fn what_has_not_landed_cannot_land_any_more() {
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
    assert!(!lane.landed(&batch).await.unwrap());
    sqlx::query("COMMIT").execute(&mut blocker).await.unwrap();
    assert!(!lane.landed(&batch).await.unwrap(), "its statement was ended, not only left");
    lane.append(&batch).await.unwrap();
    assert!(lane.landed(&batch).await.unwrap());
    cluster.stop().await;
}
