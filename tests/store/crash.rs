//! Postgres dies while a batch is on its way.

use std::collections::HashSet;

use store::{AppendError, Batch, Lane};
use tests::database::{connect, private_cluster};
use uuid::Uuid;

use super::{batch, start, turn};

#[tokio::test]
async fn a_database_that_is_away_says_so() {
    let mut cluster = private_cluster().await;
    let store = connect(&cluster.database("s").await.unwrap(), 2).await;
    store.migrate().await.unwrap();
    cluster.kill_nine().await;
    let mut lane = Lane::new(&store, Uuid::new_v4());
    let id = Uuid::new_v4();
    let first = batch([start(id, "a")]);
    match lane.append(&first).await {
        Err(AppendError::Unavailable(error)) => assert!(error.is_unavailable(), "{error}"),
        other => panic!("{other:?}"),
    }
    assert!(store.ping().await.unwrap_err().is_unavailable());
    assert!(lane.absent(&first).await.unwrap_err().is_unavailable());
    cluster.start_again().await.unwrap();
    assert_eq!(lane.absent(&first).await.unwrap(), HashSet::from([id]));
    lane.append(&first).await.unwrap();
    store.ping().await.unwrap();
    cluster.stop().await;
}

#[tokio::test]
async fn after_a_kill_every_turn_is_there_once() {
    let mut cluster = private_cluster().await;
    let store = connect(&cluster.database("s").await.unwrap(), 2).await;
    store.migrate().await.unwrap();
    let mut lane = Lane::new(&store, Uuid::new_v4());
    let (id, name) = (Uuid::new_v4(), "a");
    lane.append(&batch([start(id, name)])).await.unwrap();
    let mut next = 2;
    for _ in 0..5 {
        next = append_until_killed(&mut cluster, &mut lane, id, next).await;
    }
    let turns = store.turns(turn(id, name, 1, "").shard, id, 0, 1_000_000).await.unwrap();
    let firsts: Vec<i64> = turns.iter().map(|turn| turn.first_event).collect();
    assert_eq!(firsts, (1..next).collect::<Vec<_>>(), "each once, none missing");
    cluster.stop().await;
}

/// Appends turn after turn, one batch in flight, until the database is gone; then settles the
/// last one. Returns the number of the next event.
async fn append_until_killed(
    cluster: &mut store::Cluster,
    lane: &mut Lane,
    id: Uuid,
    mut next: i64,
) -> i64 {
    let appending = async {
        loop {
            let one: Batch = batch([turn(id, "a", next, "turn")]);
            match lane.append(&one).await {
                Ok(_) => next += 1,
                Err(error) => return (one, error),
            }
        }
    };
    let ((one, error), ()) = tokio::join!(appending, cluster.kill_nine());
    assert!(matches!(error, AppendError::Unavailable { .. }), "{error}");
    cluster.start_again().await.unwrap();
    // Whether it has landed or not, to append it again is right.
    lane.append(&one).await.unwrap();
    next + 1
}
