//! A statement that is still at work: when its caller has given up, when another node comes.

use std::collections::HashSet;
use std::process::Command;
use std::time::Duration;

use bytes::Bytes;
use chrono::DateTime;
use sqlx::{ConnectOptions, PgConnection};
use uuid::Uuid;

use super::{IDLE, Session, end_session};
use crate::{
    AppendError, Batch, Cluster, ClusterOptions, Lane, NewExecution, NewTurn, SealingKeys, Store,
};

fn batch() -> Batch {
    let start = NewExecution {
        account: "000000000000".to_owned(),
        state_machine: "m".to_owned(),
        life: Uuid::nil(),
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

/// A Postgres of the test's own, and connected to it.
async fn private(name: &str) -> (Cluster, Store) {
    let name = format!("statewright-{name}-{}", Uuid::new_v4());
    let options = ClusterOptions::new(std::env::temp_dir().join(name)).for_tests();
    let cluster = Cluster::start(options).await.unwrap();
    // A busy machine may take its time.
    let patience = Duration::from_secs(30);
    let store = Store::connect_patiently(&cluster.url(), 2, patience).await.unwrap();
    let store = store.sealed_with(SealingKeys::random());
    store.migrate().await.unwrap();
    (cluster, store)
}

/// The same on which a lane has written the batch.
async fn private_with_lane(name: &str) -> (Cluster, Store, Lane) {
    let (cluster, store) = private(name).await;
    let mut lane = Lane::new(&store, Uuid::nil());
    lane.append(&batch()).await.unwrap();
    (cluster, store, lane)
}

/// A later turn of the same execution.
fn later(first_event: i64) -> Batch {
    let mut batch = batch();
    (batch.turns[0].first_event, batch.turns[0].start) = (first_event, None);
    batch
}

#[tokio::test]
async fn a_shard_in_which_turns_are_being_written_has_no_new_owner_before_they_are_there() {
    let (cluster, store, mut lane) = private_with_lane("late").await;
    let mut blocker = store.options.connect().await.unwrap();
    let mut observer = store.options.connect().await.unwrap();
    // Somebody else is about to write the same turn, and thinks better of it.
    sqlx::query("BEGIN").execute(&mut blocker).await.unwrap();
    let same = "INSERT INTO turns SELECT shard, execution_id, 2, 1, 0, writer, body FROM turns";
    sqlx::query(same).execute(&mut blocker).await.unwrap();
    let second = later(2);
    let claimed = async {
        somebody_waits(&mut observer).await;
        let others = store.beat(Uuid::from_u128(1), Duration::from_secs(10), "").await.unwrap();
        sqlx::query("ROLLBACK").execute(&mut blocker).await.unwrap();
        others.owned
    };
    let (appended, others) = tokio::join!(lane.append(&second), claimed);
    appended.unwrap();
    assert_eq!(others.len(), 255);
    assert!(others.iter().all(|(shard, _)| *shard != 0), "its turn is not there yet");
    let all = store.beat(Uuid::from_u128(1), Duration::from_secs(10), "").await.unwrap();
    assert_eq!(all.owned.len(), 256);
    cluster.stop().await;
}

#[tokio::test]
async fn turns_that_wait_for_a_claim_come_too_late_and_those_that_wait_for_a_beat_do_not() {
    let (cluster, store, mut lane) = private_with_lane("claim").await;
    let mut blocker = store.options.connect().await.unwrap();
    let mut observer = store.options.connect().await.unwrap();
    for (epoch, wakes) in [(0, false), (1, true)] {
        for (what, is_lost) in [
            ("UPDATE shards SET owner = $1, expires_at = now() WHERE shard = 0", false),
            (
                "UPDATE shards SET owner = $1, epoch = epoch + 1, expires_at = now() WHERE shard = 0",
                true,
            ),
        ] {
            let mut next = later(2 + 2 * epoch + i64::from(is_lost));
            (next.turns[0].wakes, next.turns[0].epoch) = (wakes, epoch);
            sqlx::query("BEGIN").execute(&mut blocker).await.unwrap();
            sqlx::query(what).bind(Uuid::nil()).execute(&mut blocker).await.unwrap();
            let commits = async {
                somebody_waits(&mut observer).await;
                sqlx::query("COMMIT").execute(&mut blocker).await.unwrap();
            };
            let (appended, ()) = tokio::join!(lane.append(&next), commits);
            match appended {
                Ok(_) => assert!(!is_lost),
                Err(AppendError::Lost(shards)) => assert!(is_lost && shards == [0]),
                Err(other) => panic!("{other}"),
            }
        }
    }
    cluster.stop().await;
}

#[tokio::test]
async fn what_is_absent_stays_absent() {
    let (cluster, store) = private("doubt").await;
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

/// The lane's session, after it has been idle.
fn idle(lane: &mut Lane) -> Session {
    let open = lane.open.as_mut().unwrap();
    open.used_at -= IDLE;
    open.session
}

/// A session that does nothing, and says nothing, until this is dropped.
struct Stopped(Session);

impl Stopped {
    fn now(session: Session) -> Self {
        signal(session, "STOP");
        Self(session)
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        signal(self.0, "CONT");
    }
}

fn signal(session: Session, signal: &str) {
    Command::new("kill").args(["-s", signal, &session.pid.to_string()]).status().unwrap();
}

#[tokio::test]
async fn a_connection_that_died_while_it_was_idle_is_no_outage() {
    let (cluster, store, mut lane) = private_with_lane("idle").await;
    let mut observer = store.options.connect().await.unwrap();
    let gone = idle(&mut lane);
    end_session(&mut observer, gone).await.unwrap();
    lane.append(&later(2)).await.unwrap();

    // Nobody says that it has died, either.
    let silent = Stopped::now(idle(&mut lane));
    lane.append(&later(3)).await.unwrap();
    drop(silent);

    // One that works is kept, unless it takes its time to say so.
    let (mut is_kept, mut next) = (false, 4..20);
    while !is_kept {
        let before = idle(&mut lane);
        lane.append(&later(next.next().expect("it is never kept"))).await.unwrap();
        is_kept = lane.open.as_ref().unwrap().session.pid == before.pid;
    }
    cluster.stop().await;
    idle(&mut lane);
    assert!(matches!(lane.append(&later(20)).await, Err(AppendError::Unavailable(_))));
}
