//! Leases among nodes, and sleep under an epoch.

use std::collections::HashSet;
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use store::{Beat, Lane, Sleeper, Store};
use tests::database::Database;
use uuid::Uuid;

use super::{at, batch, start, turn};

const LEASE: Duration = Duration::from_secs(10);

/// Before everything that sleeps.
const FIRST: (DateTime<Utc>, Uuid) = (DateTime::<Utc>::UNIX_EPOCH, Uuid::nil());

async fn beat(store: &Store, node: Uuid, seconds: i64) -> Beat {
    store.at(at(seconds)).beat(node, LEASE, "here").await.unwrap()
}

fn counts(beat: &Beat) -> (usize, usize, i64) {
    (beat.owned.len(), beat.surplus.len(), beat.live_nodes)
}

#[tokio::test]
async fn three_nodes_come_to_share_all_shards() {
    let database = Database::private().await;
    let store = &database.store;
    let [a, b, c] = std::array::from_fn(|_| Uuid::new_v4());
    assert_eq!(counts(&beat(store, a, 0).await), (256, 0, 1));
    assert_eq!(counts(&beat(store, b, 0).await), (0, 0, 2));
    let first = beat(store, a, 1).await;
    assert_eq!(counts(&first), (256, 128, 2));
    store.release(a, &first.surplus).await.unwrap();
    assert_eq!(counts(&beat(store, b, 1).await), (128, 0, 2));
    assert_eq!(counts(&beat(store, c, 2).await), (0, 0, 3));
    for node in [a, b] {
        let surplus = beat(store, node, 3).await.surplus;
        assert_eq!(surplus.len(), 42);
        store.release(node, &surplus).await.unwrap();
    }
    assert_eq!(counts(&beat(store, c, 4).await), (84, 0, 3));
}

#[tokio::test]
async fn a_dead_nodes_shards_move_when_its_lease_runs_out_and_not_before() {
    let database = Database::private().await;
    let store = &database.store;
    let [a, b] = std::array::from_fn(|_| Uuid::new_v4());
    beat(store, a, 0).await;
    assert_eq!(counts(&beat(store, b, 9).await), (0, 0, 2));
    let taken = beat(store, b, 10).await;
    assert_eq!(counts(&taken), (256, 0, 1));
    assert!(taken.owned.iter().all(|(_, epoch)| *epoch == 2), "a claim raises the epoch");
    assert_eq!(beat(store, a, 11).await.owned, [], "nothing is its own any more");
}

#[tokio::test]
async fn a_late_node_keeps_what_nobody_claimed() {
    let database = Database::private().await;
    let store = &database.store;
    let a = Uuid::new_v4();
    let before = beat(store, a, 0).await;
    assert_eq!(beat(store, a, 1000).await.owned, before.owned, "in the same epochs");
}

#[tokio::test]
async fn a_node_that_leaves_makes_room_at_once() {
    let database = Database::private().await;
    let store = &database.store;
    let [a, b] = std::array::from_fn(|_| Uuid::new_v4());
    let owned = beat(store, a, 0).await.owned;
    let all: Vec<i16> = owned.iter().map(|(shard, _)| *shard).collect();
    store.release(a, &all).await.unwrap();
    store.leave(a).await.unwrap();
    assert_eq!(counts(&beat(store, b, 1).await), (256, 0, 1));
}

#[tokio::test]
async fn only_the_shards_present_owner_puts_an_execution_to_sleep() {
    let database = Database::private().await;
    let store = &database.store;
    let (node, a) = (Uuid::new_v4(), Uuid::new_v4());
    beat(store, node, 0).await;
    let mut lane = Lane::new(store, node);
    let mut first = start(a, "a");
    first.epoch = 1;
    lane.append(&batch([first])).await.unwrap();
    let shard = turn(a, "a", 1, "").shard;

    let sleeper = |epoch| Sleeper {
        shard,
        execution_id: a,
        wake_at: at(100),
        epoch,
        next_event: 2,
        snapshot: None,
        waits_for_place: false,
    };
    assert!(
        store.put_to_sleep("", &[sleeper(0)]).await.unwrap().is_empty(),
        "an epoch of the past"
    );
    assert_eq!(store.put_to_sleep("", &[sleeper(1)]).await.unwrap(), HashSet::from([a]));
    assert_eq!(store.due_wakes(&[shard], FIRST, at(99), 10).await.unwrap(), []);
    assert_eq!(store.due_wakes(&[shard], FIRST, at(100), 10).await.unwrap(), [(shard, a, at(100))]);

    let shown = |text: &'static str| Some(Bytes::from_static(text.as_bytes()));
    let seen = Sleeper { snapshot: shown("seen"), ..sleeper(1) };
    assert_eq!(store.put_to_sleep("1", &[seen]).await.unwrap(), HashSet::from([a]));
    let outdated = Sleeper { next_event: 1, snapshot: shown("outdated"), ..sleeper(1) };
    assert!(store.put_to_sleep("1", &[outdated]).await.unwrap().is_empty(), "its log has gone on");
    let kept = store.snapshot("1", shard, a).await.unwrap();
    assert_eq!(kept, Some((2, Bytes::from_static(b"seen"))), "of what it was when it fell asleep");
    assert_eq!(store.snapshot("2", shard, a).await.unwrap(), None, "and of no other release");
    let known =
        async |release| store.loadable(release, shard, a).await.unwrap().unwrap().snapshot_at;
    assert_eq!((known("1").await, known("2").await), (Some(2), None));

    let mut waking = turn(a, "a", 2, "woken");
    (waking.epoch, waking.wakes) = (1, true);
    lane.append(&batch([waking])).await.unwrap();
    assert_eq!(store.due_wakes(&[shard], FIRST, at(100), 10).await.unwrap(), []);
    assert_eq!(store.loadable("", shard, a).await.unwrap().unwrap().head.wake_at, None);
}
