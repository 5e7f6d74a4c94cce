//! Lists and logs, a page at a time.

use store::{ExecutionFilter, Lane, ListedAfter, NewTurn, Status, Store, TurnRow, shard_of};
use tests::database::Database;
use tests::model::load_active;
use uuid::Uuid;

use super::{ACCOUNT, MACHINE, at, batch, ending, start, turn};

fn filter() -> ExecutionFilter<'static> {
    ExecutionFilter {
        account: ACCOUNT,
        state_machine: MACHINE,
        life: Uuid::nil(),
        since: at(0),
        status: None,
        version: None,
        alias: None,
        after: None,
        limit: 100,
    }
}

/// The names of all pages of this size.
async fn names(store: &Store, filter: &ExecutionFilter<'_>, page: i64) -> Vec<String> {
    let mut filter = ExecutionFilter { limit: page, ..filter.clone() };
    let mut names = Vec::new();
    loop {
        let heads = store.list(&filter).await.unwrap();
        let Some(last) = heads.last() else { return names };
        filter.after = Some(ListedAfter::from(last));
        names.extend(heads.into_iter().map(|head| head.name));
    }
}

/// `run-0` starts first; every third has failed, ten seconds after the last start.
async fn twelve(store: &Store) {
    let mut lane = Lane::new(store, Uuid::new_v4());
    for n in 0..12 {
        let (id, name) = (Uuid::new_v4(), format!("run-{n}"));
        let mut first = start(id, &name);
        let row = first.start.as_mut().unwrap();
        row.started_at = at(n);
        row.version = (n % 2 == 0).then_some(7);
        row.alias = (n % 4 == 0).then(|| "live".to_owned());
        lane.append(&batch([first])).await.unwrap();
        if n % 3 == 0 {
            let last = ending(turn(id, &name, 2, "failed"), Status::Failed, 20 + n);
            lane.append(&batch([last])).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_list_is_newest_first_and_its_pages_fit_together() {
    let database = Database::private().await;
    let store = &database.store;
    twelve(store).await;
    let all = names(store, &filter(), 100).await;
    let expected = [9, 6, 3, 0, 11, 10, 8, 7, 5, 4, 2, 1].map(|n| format!("run-{n}"));
    assert_eq!(all, expected, "the ended ones by their end");
    for page in [1, 2, 5, 11, 12] {
        assert_eq!(names(store, &filter(), page).await, all, "pages of {page}");
    }
    let failed = ExecutionFilter { status: Some(Status::Failed), ..filter() };
    assert_eq!(names(store, &failed, 3).await, ["run-9", "run-6", "run-3", "run-0"]);
    let version = ExecutionFilter { version: Some(7), ..filter() };
    assert_eq!(
        names(store, &version, 4).await,
        ["run-6", "run-0", "run-10", "run-8", "run-4", "run-2"]
    );
    let alias = ExecutionFilter { alias: Some("live"), ..filter() };
    assert_eq!(names(store, &alias, 2).await, ["run-0", "run-8", "run-4"]);
    let other = ExecutionFilter { account: "111111111111", ..filter() };
    assert_eq!(names(store, &other, 2).await, [""; 0]);
    assert!(store.has_running(ACCOUNT, MACHINE).await.unwrap());
    assert!(!store.has_running(ACCOUNT, "other").await.unwrap());
}

#[tokio::test]
async fn a_new_owner_reads_all_that_runs_and_nothing_else() {
    let database = Database::private().await;
    let store = &database.store;
    let mut lane = Lane::new(store, Uuid::new_v4());
    let count = 150;
    let started: Vec<_> = (0..count).map(|n| (Uuid::new_v4(), format!("run-{n}"))).collect();
    let turns = started.iter().flat_map(|(id, name)| {
        let ends = name.ends_with('0').then(|| ending(turn(*id, name, 3, "3"), Status::Aborted, 1));
        [start(*id, name), turn(*id, name, 2, "2")].into_iter().chain(ends)
    });
    lane.append(&batch(turns)).await.unwrap();
    let shards: Vec<i16> = (0..256).collect();
    let loaded: Vec<_> = load_active(store, &shards).await.unwrap();
    assert_eq!(loaded.len(), 135);
    assert!(loaded.iter().all(|one| one.turns == ["started", "2"]));
    assert!(
        loaded.windows(2).all(|two| {
            (two[0].head.shard, two[0].head.id) < (two[1].head.shard, two[1].head.id)
        })
    );
    let half: Vec<_> = load_active(store, &shards[..128]).await.unwrap();
    assert_eq!(half.len(), loaded.iter().filter(|one| one.head.shard < 128).count());
}

#[tokio::test]
async fn turns_are_read_from_the_one_that_holds_an_event() {
    let database = Database::private().await;
    let store = &database.store;
    let mut lane = Lane::new(store, Uuid::new_v4());
    let (id, name) = (Uuid::new_v4(), "a");
    let mut second = turn(id, name, 2, "2 to 4");
    second.event_count = 3;
    lane.append(&batch([start(id, name), second, turn(id, name, 5, "5")])).await.unwrap();
    let shard = shard_of(ACCOUNT, MACHINE, name);
    for (from, limit, expected) in [
        (0, 10, &[1, 2, 5][..]),
        (1, 2, &[1, 2]),
        (3, 10, &[2, 5]),
        (4, 1, &[2]),
        (5, 10, &[5]),
        (6, 10, &[5]),
    ] {
        let turns = store.turns(shard, id, from, limit).await.unwrap();
        let firsts: Vec<i64> = turns.iter().map(|turn| turn.first_event).collect();
        assert_eq!(firsts, expected, "from {from}");
    }
}

#[tokio::test]
async fn long_turns_are_read_a_few_at_a_time() {
    let database = Database::private().await;
    let store = &database.store;
    let mut lane = Lane::new(store, Uuid::new_v4());
    let (id, name) = (Uuid::new_v4(), "a");
    let long = |first_event, mebibytes: usize| {
        let body = vec![b' '; mebibytes << 20].into();
        NewTurn { body, ..turn(id, name, first_event, "") }
    };
    let first = start(id, name);
    let turns = [first, long(2, 3), long(3, 3), long(4, 5), turn(id, name, 5, "5")];
    lane.append(&batch(turns)).await.unwrap();
    let shard = shard_of(ACCOUNT, MACHINE, name);
    let firsts =
        |turns: Vec<TurnRow>| -> Vec<i64> { turns.iter().map(|turn| turn.first_event).collect() };
    for (from, expected) in [(0, &[1, 2, 3][..]), (3, &[3, 4]), (4, &[4]), (5, &[5])] {
        let turns = store.turns(shard, id, from, 32).await.unwrap();
        assert_eq!(firsts(turns), expected, "from {from}");
    }
    for (bytes, expected) in [(1, &[1][..]), (1 << 20, &[1, 2]), (4 << 20, &[1, 2, 3])] {
        let turns = store.turns_within(shard, id, 0, 32, bytes).await.unwrap();
        assert_eq!(firsts(turns), expected, "within {bytes}");
    }
    for (before, expected) in [(9, &[5, 4][..]), (5, &[4]), (4, &[3, 2]), (3, &[2, 1])] {
        let turns = store.turns_before(shard, id, before, 32).await.unwrap();
        assert_eq!(firsts(turns), expected, "before {before}");
    }
}

#[tokio::test]
async fn one_look_tells_where_many_logs_end() {
    let database = Database::private().await;
    let store = &database.store;
    let mut lane = Lane::new(store, Uuid::new_v4());
    let (long, short) = (Uuid::new_v4(), Uuid::new_v4());
    let mut second = turn(long, "long", 2, "2 to 4");
    second.event_count = 3;
    lane.append(&batch([start(long, "long"), second, start(short, "short")])).await.unwrap();
    let key = |id, name: &str| (shard_of(ACCOUNT, MACHINE, name), id);
    let asked = [key(long, "long"), key(Uuid::new_v4(), "never"), key(short, "short")];
    let mut ends = store.log_ends(&asked).await.unwrap();
    ends.sort_by_key(|(_, end)| *end);
    assert_eq!(ends, [(short, 2), (long, 5)]);
    assert_eq!(store.log_ends(&[]).await.unwrap(), []);
}
