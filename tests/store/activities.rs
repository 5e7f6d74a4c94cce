//! Activities, and the tasks that wait for their workers.

use std::time::Duration;

use bytes::Bytes;
use store::{
    Activity, CreatedActivity, Hint, Lane, MostTasks, NewTurn, Offer, OfferedTask, Resource,
    Status, Store, WantedTasks,
};
use tests::database::Database;
use uuid::Uuid;

use super::{ACCOUNT, at, batch, ending, start, turn};

const HOLD: Duration = Duration::from_secs(10);
const MOST: MostTasks = MostTasks { count: 100, bytes: 1_000_000 };

fn activity(name: &str) -> Activity {
    Activity {
        account: ACCOUNT.to_owned(),
        name: name.to_owned(),
        encryption: None,
        created_at: at(0),
    }
}

fn wanted(activity: &str, places: i64) -> WantedTasks {
    WantedTasks { account: ACCOUNT.to_owned(), activity: activity.to_owned(), places }
}

/// The same turn, scheduling tasks of an activity: their numbers, and when.
fn offering(turn: NewTurn, activity: &str, tasks: &[(i64, i64)]) -> NewTurn {
    let offer = |(task, seconds): &(i64, i64)| Offer {
        task: *task,
        account: ACCOUNT.to_owned(),
        activity: activity.to_owned(),
        input: Bytes::from(format!(r#"{{"task": {task}}}"#)),
        scheduled_at: at(*seconds),
    };
    NewTurn { offers: tasks.iter().map(offer).collect(), ..turn }
}

/// The numbers of the tasks that so many workers of an activity get at this time.
async fn claim(store: &Store, seconds: i64, wants: &[WantedTasks]) -> Vec<i64> {
    claim_at_most(store, seconds, wants, 100).await
}

async fn claim_at_most(store: &Store, seconds: i64, wants: &[WantedTasks], count: i64) -> Vec<i64> {
    claim_some(store, seconds, wants, &[], MostTasks { count, ..MOST }).await
}

async fn claim_some(
    store: &Store,
    seconds: i64,
    wants: &[WantedTasks],
    without: &[i16],
    most: MostTasks,
) -> Vec<i64> {
    let store = store.at(at(seconds));
    let claimed = store.claim_activity_tasks(wants, without, HOLD, most).await.unwrap();
    for task in &claimed {
        assert_eq!(task.input, format!(r#"{{"task": {}}}"#, task.task));
    }
    claimed.into_iter().map(|task| task.task).collect()
}

#[tokio::test]
async fn an_activity_is_created_once_and_takes_its_tags_along() {
    let database = Database::private().await;
    let store = &database.store;
    let tags = [("team".to_owned(), "red".to_owned())];
    let created = store.create_activity(&activity("b"), &tags).await.unwrap();
    assert_eq!(created, CreatedActivity::Created);
    let again = Activity { created_at: at(9), ..activity("b") };
    let existing = store.create_activity(&again, &[]).await.unwrap();
    assert_eq!(existing, CreatedActivity::Existing(activity("b")));
    assert_eq!(store.tags(ACCOUNT, &Resource::Activity("b".to_owned())).await.unwrap(), tags);
    store.create_activity(&activity("a"), &[]).await.unwrap();
    store.create_activity(&activity("c"), &[]).await.unwrap();
    assert_eq!(store.activities(ACCOUNT, None, 2).await.unwrap(), [activity("a"), activity("b")]);
    assert_eq!(store.activities(ACCOUNT, Some("b"), 2).await.unwrap(), [activity("c")]);
    assert_eq!(store.activities("999999999999", None, 2).await.unwrap(), []);
    assert!(store.delete_activity(ACCOUNT, "b").await.unwrap());
    assert!(!store.delete_activity(ACCOUNT, "b").await.unwrap());
    assert_eq!(store.activity(ACCOUNT, "b").await.unwrap(), None);
    assert_eq!(store.tags(ACCOUNT, &Resource::Activity("b".to_owned())).await.unwrap(), []);
}

#[tokio::test]
async fn tasks_are_claimed_oldest_first_and_by_one_node_only() {
    let database = Database::private().await;
    let store = &database.store;
    let mut lane = Lane::new(store, Uuid::new_v4());
    let (x, y) = (Uuid::new_v4(), Uuid::new_v4());
    let first = offering(start(x, "x"), "a", &[(3, 5), (4, 1)]);
    let second = offering(start(y, "y"), "b", &[(5, 2)]);
    lane.append(&batch([first, second])).await.unwrap();
    lane.append(&batch([offering(turn(x, "x", 2, "more"), "a", &[(6, 3)])])).await.unwrap();

    assert_eq!(claim(store, 10, &[]).await, [0; 0]);
    assert_eq!(claim(store, 10, &[wanted("other", 9)]).await, [0; 0]);
    assert_eq!(claim(store, 10, &[wanted("a", 2), wanted("b", 9)]).await, [4, 5, 6]);
    assert_eq!(claim(store, 19, &[wanted("a", 9), wanted("b", 9)]).await, [3]);
    // What was claimed and not begun is free again after a while, or when it is given back.
    assert_eq!(claim(store, 20, &[wanted("a", 9), wanted("b", 0)]).await, [4, 6]);
    let given_back = OfferedTask {
        shard: turn(x, "x", 1, "").shard,
        execution_id: x,
        task: 6,
        account: ACCOUNT.to_owned(),
        activity: "a".to_owned(),
        input: Bytes::new(),
    };
    store.release_activity_task(&given_back).await.unwrap();
    assert_eq!(claim(store, 21, &[wanted("a", 9)]).await, [6]);
    // Where the limit is short, what is named first comes first.
    let wants = [wanted("b", 9), wanted("a", 9)];
    assert_eq!(claim_at_most(store, 50, &wants, 2).await, [4, 5]);
    assert_eq!(claim_at_most(store, 50, &wants, 9).await, [6, 3]);
}

#[tokio::test]
async fn a_task_waits_exactly_until_it_begins_or_is_over() {
    let database = Database::private().await;
    let store = &database.store;
    let mut lane = Lane::new(store, Uuid::new_v4());
    let (x, y) = (Uuid::new_v4(), Uuid::new_v4());
    let first = offering(start(x, "x"), "a", &[(3, 1), (4, 2), (5, 3)]);
    lane.append(&batch([first, start(y, "y")])).await.unwrap();
    let begins = NewTurn { withdrawn: vec![3], ..turn(x, "x", 2, "begins") };
    lane.append(&batch([begins])).await.unwrap();
    assert_eq!(claim(store, 1, &[wanted("a", 9)]).await, [4, 5]);
    // A batch is written whole or not at all: here another writer was first.
    let fenced = offering(turn(y, "y", 1, "fenced"), "a", &[(9, 1)]);
    lane.append(&batch([fenced])).await.unwrap_err();
    assert_eq!(claim(store, 2, &[wanted("a", 9)]).await, [0; 0]);
    // An end in the batch of the last offer takes it along.
    let last = offering(turn(x, "x", 3, "last"), "a", &[(7, 4)]);
    let end = NewTurn {
        withdrawn: vec![4, 5, 7],
        ..ending(turn(x, "x", 4, "end"), Status::Succeeded, 9)
    };
    lane.append(&batch([last, end])).await.unwrap();
    assert_eq!(claim(store, 1000, &[wanted("a", 9)]).await, [0; 0]);
}

#[tokio::test]
async fn a_claim_ends_with_the_task_that_fills_the_memory_it_may_take() {
    let database = Database::private().await;
    let store = &database.store;
    let mut lane = Lane::new(store, Uuid::new_v4());
    let tasks: Vec<(i64, i64)> = (1..=9).map(|task| (task, task)).collect();
    lane.append(&batch([offering(start(Uuid::new_v4(), "x"), "a", &tasks)])).await.unwrap();
    // Each input is eleven bytes long.
    for (bytes, expected) in [(0, vec![]), (1, vec![1]), (11, vec![2]), (12, vec![3, 4])] {
        let most = MostTasks { bytes, ..MOST };
        assert_eq!(claim_some(store, 10, &[wanted("a", 9)], &[], most).await, expected);
    }
    assert_eq!(claim(store, 10, &[wanted("a", 9)]).await, [5, 6, 7, 8, 9]);
}

#[tokio::test]
async fn tasks_of_shards_that_are_left_out_stay_for_others() {
    let database = Database::private().await;
    let store = &database.store;
    let mut lane = Lane::new(store, Uuid::new_v4());
    let (x, y) = (start(Uuid::new_v4(), "x"), start(Uuid::new_v4(), "y"));
    let (left_out, other) = (x.shard, y.shard);
    assert_ne!(left_out, other);
    let both = [offering(x, "a", &[(3, 1), (4, 2)]), offering(y, "a", &[(5, 3)])];
    lane.append(&batch(both)).await.unwrap();
    let wants = [wanted("a", 1)];
    assert_eq!(claim_some(store, 10, &wants, &[left_out], MOST).await, [5]);
    assert_eq!(claim_some(store, 10, &wants, &[left_out], MOST).await, [0; 0]);
    assert_eq!(claim_some(store, 10, &wants, &[other], MOST).await, [3]);
}

#[tokio::test]
async fn nodes_that_claim_at_the_same_time_share_the_tasks() {
    let database = Database::private().await;
    let store = &database.store;
    let mut lane = Lane::new(store, Uuid::new_v4());
    let tasks: Vec<(i64, i64)> = (1..=200).map(|task| (task, task)).collect();
    lane.append(&batch([offering(start(Uuid::new_v4(), "x"), "a", &tasks)])).await.unwrap();
    let mut claims = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let store = store.at(at(1));
        claims.spawn(async move {
            let mut all = Vec::new();
            loop {
                let most = MostTasks { count: 5, ..MOST };
                let claimed =
                    store.claim_activity_tasks(&[wanted("a", 7)], &[], HOLD, most).await.unwrap();
                if claimed.is_empty() {
                    return all;
                }
                all.extend(claimed.into_iter().map(|task| task.task));
            }
        });
    }
    let mut claimed = claims.join_all().await.concat();
    claimed.sort_unstable();
    assert_eq!(claimed, (1..=200).collect::<Vec<i64>>());
}

#[tokio::test]
async fn nodes_hear_that_tasks_wait() {
    let database = Database::private().await;
    let mut hints = database.store.listen().await.unwrap();
    database.store.hint_activities().await.unwrap();
    assert_eq!(hints.recv().await.unwrap(), Hint::Activities);
}
