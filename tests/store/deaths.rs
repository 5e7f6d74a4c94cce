//! Executions over which nodes die, and shards whose owners do.

use std::time::Duration;

use machine::Random;
use store::model::ModelStore;
use store::{Beat, DEATHS, Lane, Store, Suspicion, Trial};
use tests::database::Database;
use uuid::Uuid;

use super::{at, batch, start};

const LEASE: Duration = Duration::from_secs(10);

async fn beat(store: &Store, node: Uuid, seconds: i64) -> Beat {
    store.at(at(seconds)).beat(node, LEASE, &node.to_string()).await.unwrap()
}

/// Over how many deaths it is found, asked by a node of this release.
async fn tried(store: &Store, node: Uuid, release: &str, trial: &Trial) -> i64 {
    let deaths = store.try_executions(node, release, trial).await.unwrap();
    deaths[&trial.executions[0].1]
}

#[tokio::test]
async fn shards_are_watched_for_an_hour_after_two_deaths_within_one() {
    let database = Database::private().await;
    let store = &database.store;
    let [a, b, c, d] = std::array::from_fn(|_| Uuid::new_v4());
    assert_eq!(beat(store, a, 0).await.watched, Vec::<i16>::new());
    assert_eq!(beat(store, b, 20).await.watched, Vec::<i16>::new(), "one death is no reason");
    let second = beat(store, c, 40).await;
    assert_eq!(second.watched.len(), 256);
    assert_eq!(beat(store, c, 45).await.watched.len(), 256);
    // It gives them back in good order: whoever takes them next goes on watching for as long.
    let all: Vec<i16> = (0..store::SHARDS).collect();
    store.release(c, &all).await.unwrap();
    assert_eq!(beat(store, d, 56).await.watched.len(), 256);
    for seconds in (65..3_630).step_by(9) {
        beat(store, d, seconds).await;
    }
    assert_eq!(beat(store, d, 3_639).await.watched.len(), 256);
    assert_eq!(beat(store, d, 3_641).await.watched, Vec::<i16>::new());
    // Two deaths more than an hour apart are one and one.
    let later = beat(store, a, 3_700).await;
    assert_eq!((later.owned.len(), later.watched.len()), (256, 0));
}

#[tokio::test]
async fn what_is_set_aside_is_told_of_one_release_and_of_what_runs() {
    let database = Database::private().await;
    let store = &database.store;
    let id = Uuid::new_v4();
    let turn = start(id, "killer");
    let shard = turn.shard;
    let mut lane = Lane::new(store, Uuid::new_v4());
    lane.append(&batch([turn])).await.unwrap();
    let step = Trial::of(shard, id, false);
    for deaths in 0..DEATHS {
        assert_eq!(tried(store, Uuid::new_v4(), "1", &step).await, deaths);
    }
    assert_eq!(store.set_aside(shard, id).await.unwrap(), None);
    let node = Uuid::new_v4();
    for _ in 0..2 {
        assert_eq!(tried(store, node, "1", &step).await, DEATHS, "however often it is asked");
    }
    let mark = store.set_aside(shard, id).await.unwrap().unwrap();
    assert_eq!(mark.deaths, DEATHS);
    let of = async |release: &str| {
        let loadable = store.loadable(release, shard, id).await.unwrap().unwrap();
        let active = store.active_executions(release, &[shard], (-1, Uuid::nil())).await.unwrap();
        assert_eq!(active[0], loadable);
        (loadable.suspicion, store.count_set_aside(&[shard]).await.unwrap())
    };
    assert_eq!(of("1").await, (Suspicion::SetAside, 1));
    assert_eq!(of("2").await, (Suspicion::Suspect, 1), "another release tries it again");
    assert_eq!(tried(store, node, "2", &step).await, 0, "and counts anew");
    store.survived(node, &step, true).await.unwrap();
    assert_eq!(of("1").await, (Suspicion::None, 0));
}

#[tokio::test]
async fn what_is_read_together_is_noted_together_and_whatever_was_read_is_no_suspect() {
    let database = Database::private().await;
    let store = &database.store;
    let ids: Vec<Uuid> = (0..3).map(|_| Uuid::new_v4()).collect();
    let page = Trial { executions: ids.iter().map(|id| (7, *id)).collect(), is_load: true };
    for deaths in 0..2 {
        let found = store.try_executions(Uuid::new_v4(), "1", &page).await.unwrap();
        assert!(ids.iter().all(|id| found[id] == deaths), "{found:?}");
    }
    let node = Uuid::new_v4();
    store.survived(node, &Trial::of(7, ids[0], true), false).await.unwrap();
    let found = store.try_executions(node, "1", &page).await.unwrap();
    assert_eq!(ids.iter().map(|id| found[id]).collect::<Vec<_>>(), [0, 2, 2]);
}

#[tokio::test]
async fn who_leaves_takes_back_what_it_noted() {
    let database = Database::private().await;
    let store = &database.store;
    let id = Uuid::new_v4();
    for _ in 0..2 * DEATHS {
        let node = Uuid::new_v4();
        assert_eq!(tried(store, node, "1", &Trial::of(7, id, true)).await, 0);
        store.leave(node).await.unwrap();
    }
}

#[tokio::test]
async fn the_model_counts_as_the_store_does() {
    let database = Database::private().await;
    let store = &database.store;
    let random = Random::seeded(7);
    let up_to = |most: u64| usize::try_from(random.up_to(most)).unwrap();
    let nodes: Vec<Uuid> = (0..6).map(|_| Uuid::new_v4()).collect();
    let executions: Vec<Uuid> = (0..3).map(|_| Uuid::new_v4()).collect();
    let mut model = ModelStore::default();
    for _ in 0..600 {
        let (node, is_load) = (nodes[up_to(5)], up_to(1) == 0);
        let id = executions[up_to(2)];
        let trial = Trial::of(7, id, is_load);
        match up_to(5) {
            0 | 1 => {
                let has_gone_on = up_to(3) == 0;
                store.survived(node, &trial, has_gone_on).await.unwrap();
                model.survived(node, &trial, has_gone_on);
            }
            2 if up_to(5) == 0 => {
                store.leave(node).await.unwrap();
                model.take_back(node);
            }
            _ => {
                let deaths = tried(store, node, "1", &trial).await;
                assert_eq!(deaths, model.try_execution(node, (7, id), is_load));
            }
        }
        for id in &executions {
            let aside = store.set_aside(7, *id).await.unwrap().is_some();
            assert_eq!(aside, model.all_set_aside().contains(&(7, *id)));
        }
    }
}
