//! Executions over which nodes die, and shards whose owners do.

use std::time::Duration;

use machine::Random;
use store::model::ModelStore;
use store::{Beat, DEATHS, Lane, Store, Survived, Trial};
use tests::database::Database;
use uuid::Uuid;

use super::{at, batch, start};

const LEASE: Duration = Duration::from_secs(10);

async fn beat(store: &Store, node: Uuid, seconds: i64) -> Beat {
    store.at(at(seconds)).beat(node, LEASE, &node.to_string()).await.unwrap()
}

fn trial(execution_id: Uuid, shard: i16, is_load: bool) -> Trial {
    Trial { shard, execution_id, is_load }
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
    for deaths in 0..DEATHS {
        let node = Uuid::new_v4();
        let tried = store.try_execution(node, "1", &trial(id, shard, false)).await.unwrap();
        assert_eq!(tried, deaths);
    }
    assert_eq!(store.set_aside(shard, id).await.unwrap(), None);
    let node = Uuid::new_v4();
    for _ in 0..2 {
        let tried = store.try_execution(node, "1", &trial(id, shard, false)).await.unwrap();
        assert_eq!(tried, DEATHS, "however often it is asked");
    }
    let mark = store.set_aside(shard, id).await.unwrap().unwrap();
    assert_eq!(mark.deaths, DEATHS);
    let of = async |release: &str| store.suspects(release, &[shard]).await.unwrap();
    assert!(of("1").await[0].is_set_aside);
    assert!(!of("2").await[0].is_set_aside, "another release tries it again");
    let again = store.try_execution(node, "2", &trial(id, shard, false)).await.unwrap();
    assert_eq!(again, 0, "and counts anew");
    let survived = Survived { trial: trial(id, shard, false), progressed: true };
    store.survived(node, &survived).await.unwrap();
    assert_eq!(of("1").await, []);
}

#[tokio::test]
async fn who_leaves_takes_back_what_it_noted() {
    let database = Database::private().await;
    let store = &database.store;
    let id = Uuid::new_v4();
    for _ in 0..2 * DEATHS {
        let node = Uuid::new_v4();
        assert_eq!(store.try_execution(node, "1", &trial(id, 7, true)).await.unwrap(), 0);
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
        let trial = trial(executions[up_to(2)], 7, is_load);
        if up_to(2) > 0 {
            let tried = store.try_execution(node, "1", &trial).await.unwrap();
            assert_eq!(tried, model.try_execution(node, &trial));
        } else {
            let survived = Survived { trial, progressed: up_to(5) == 0 };
            store.survived(node, &survived).await.unwrap();
            model.survived(node, &survived);
        }
        for id in &executions {
            let aside = store.set_aside(7, *id).await.unwrap().is_some();
            assert_eq!(aside, model.all_set_aside().contains(&(7, *id)));
        }
    }
}
