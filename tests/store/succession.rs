//! Shards from one node to the next: handed over, or left behind by a process that died.

use std::time::Duration;

use store::{Beat, Orphaned, Store};
use tests::database::Database;
use tests::psql::psql;
use uuid::Uuid;

use super::at;

const LEASE: Duration = Duration::from_secs(10);

async fn beat(store: &Store, node: Uuid, name: &str) -> Beat {
    store.at(at(0)).beat(node, LEASE, name).await.unwrap()
}

fn shards(beat: &Beat) -> Vec<i16> {
    beat.owned.iter().map(|(shard, _)| *shard).collect()
}

#[tokio::test]
async fn a_shard_that_is_handed_over_has_an_owner_all_the_time_and_a_new_epoch() {
    let database = Database::private().await;
    let store = database.store.at(at(0));
    let [a, b, c] = std::array::from_fn(|_| Uuid::new_v4());
    let all = shards(&beat(&store, a, "a").await);
    assert_eq!(beat(&store, b, "b").await.owned, []);
    // Whose name nobody holds is gone, though its lease lasts.
    let _process = store.lock_name("b").await.unwrap().expect("nobody has it");
    assert_eq!(store.beat_draining(c, LEASE, "c").await.unwrap().live_nodes, 2);
    assert_eq!(store.hand_over(a, &all[..100]).await.unwrap(), 100);
    let given = beat(&store, b, "b").await;
    assert_eq!(shards(&given), all[..100], "to b: c takes nothing more");
    assert!(given.owned.iter().all(|(_, epoch)| *epoch == 2));
    // What is another's by now is not given again.
    assert_eq!(store.hand_over(a, &all[99..101]).await.unwrap(), 1);
    assert_eq!(store.shards_of(a).await.unwrap(), all[101..]);
}

#[tokio::test]
async fn what_nobody_can_be_given_is_free() {
    let database = Database::private().await;
    let store = database.store.at(at(0));
    let [a, b] = std::array::from_fn(|_| Uuid::new_v4());
    let all = shards(&beat(&store, a, "a").await);
    store.beat_draining(b, LEASE, "b").await.unwrap();
    assert_eq!(store.hand_over(a, &all).await.unwrap(), 0);
    assert_eq!(store.orphaned(7).await.unwrap(), Some(Orphaned { owner: None }));
    assert_eq!(beat(&store, Uuid::new_v4(), "c").await.owned.len(), 128);
}

#[tokio::test]
async fn a_node_that_stops_makes_room_in_the_others_shares() {
    let database = Database::private().await;
    let store = database.store.at(at(0));
    let [a, b] = std::array::from_fn(|_| Uuid::new_v4());
    beat(&store, a, "a").await;
    let stopping = store.beat_draining(a, LEASE, "a").await.unwrap();
    assert_eq!((stopping.owned.len(), stopping.live_nodes), (256, 0), "it keeps what it has");
    assert_eq!(beat(&store, b, "b").await.fair_share(), 256);
}

#[tokio::test]
async fn a_name_is_one_sessions_and_free_when_that_is_gone() {
    let database = Database::private().await;
    let store = &database.store;
    let mut held = store.lock_name("n").await.unwrap().expect("nobody has it");
    assert!(store.lock_name("n").await.unwrap().is_none());
    let other = store.lock_name("m").await.unwrap().expect("another name");
    assert!(held.holds().await);
    held.release().await;
    other.release().await;
    // The server process takes a moment to end.
    for _ in 0..3_000 {
        if store.lock_name("n").await.unwrap().is_some() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the name stays taken");
}

#[tokio::test]
async fn who_comes_after_has_what_earlier_processes_of_its_name_owned_in_a_new_epoch() {
    let database = Database::private().await;
    let store = database.store.at(at(0));
    let [old, other, new] = std::array::from_fn(|_| Uuid::new_v4());
    let all = shards(&beat(&store, old, "n").await);
    store.release(old, &all[..128]).await.unwrap();
    assert_eq!(beat(&store, other, "m").await.owned.len(), 128);
    assert_eq!(store.succeed(new, "n", LEASE).await.unwrap(), 128);
    let taken = beat(&store, new, "n").await;
    assert_eq!((taken.owned.len(), taken.live_nodes), (128, 2), "the earlier one does not count");
    assert!(taken.owned.iter().all(|(shard, epoch)| *epoch == 2 && *shard >= 128));
    assert_eq!(beat(&store, old, "n").await.owned, [], "should it live, nothing is its own");
    assert_eq!(beat(&store, other, "m").await.owned.len(), 128);
}

#[tokio::test]
async fn a_shard_is_orphaned_when_its_owner_is_gone_though_its_lease_holds() {
    let database = Database::private().await;
    let store = database.store.at(at(0));
    let node = Uuid::new_v4();
    let name = store.lock_name("n").await.unwrap().unwrap();
    beat(&store, node, "n").await;
    assert_eq!(store.orphaned(7).await.unwrap(), None);
    assert_eq!(store.at(at(10)).orphaned(7).await.unwrap(), Some(Orphaned { owner: Some(node) }));
    name.release().await;
    for _ in 0..3_000 {
        if store.orphaned(7).await.unwrap().is_some() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(store.orphaned(7).await.unwrap(), Some(Orphaned { owner: Some(node) }));
    // One that has no name is believed.
    beat(&store, node, "").await;
    assert_eq!(store.orphaned(7).await.unwrap(), None);
    store.leave(node).await.unwrap();
    assert_eq!(store.orphaned(7).await.unwrap(), Some(Orphaned { owner: Some(node) }));
}

#[tokio::test]
async fn who_holds_a_name_notices_at_once_that_its_connection_is_gone() {
    let database = Database::private().await;
    let store = &database.store;
    let mut held = store.lock_name("n").await.unwrap().expect("nobody has it");
    let cut = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'";
    psql(&database.url, cut).unwrap();
    tokio::time::timeout(Duration::from_mins(1), held.lost()).await.expect("it is noticed");
    assert!(store.lock_name("n").await.unwrap().is_some(), "the session has ended before that");
    assert!(!held.holds().await);
}
