//! One batch, one commit: what is written, what is refused, what is shut out.

use std::collections::HashSet;
use std::time::Duration;

use bytes::Bytes;
use store::{Answer, AppendError, Appended, Batch, Lane, Message, NewTurn, Offer, Status};
use tests::database::Database;
use tests::model::load;
use tests::psql::psql;
use uuid::Uuid;

use super::{ACCOUNT, MACHINE, at, batch, ending, start, turn};

fn ids<const N: usize>() -> [Uuid; N] {
    std::array::from_fn(|_| Uuid::new_v4())
}

fn offer() -> Offer {
    Offer {
        task: 1,
        account: ACCOUNT.to_owned(),
        activity: "paint".to_owned(),
        input: "{}".into(),
        scheduled_at: at(0),
    }
}

async fn log(database: &Database, id: Uuid, name: &str) -> Option<Vec<String>> {
    let loaded = load(&database.store, turn(id, name, 1, "").shard, id).await.unwrap()?;
    Some(loaded.turns.iter().map(|body| String::from_utf8_lossy(body).into_owned()).collect())
}

async fn append(lane: &mut Lane, batch: &Batch) -> Appended {
    lane.append(batch).await.unwrap()
}

#[tokio::test]
async fn a_start_and_its_later_turns_are_written_in_order() {
    let database = Database::private().await;
    let [node, a] = ids();
    let mut lane = Lane::new(&database.store, node);
    append(&mut lane, &batch([start(a, "a"), turn(a, "a", 2, "second")])).await;
    append(&mut lane, &batch([turn(a, "a", 3, "third")])).await;
    assert_eq!(log(&database, a, "a").await.unwrap(), ["started", "second", "third"]);
}

#[tokio::test]
async fn a_taken_name_leaves_nothing_of_the_second_start() {
    let database = Database::private().await;
    let [node, a, b, c] = ids();
    let mut lane = Lane::new(&database.store, node);
    append(&mut lane, &batch([start(a, "a")])).await;
    let second = batch([start(b, "a"), turn(b, "a", 2, "never"), start(c, "c")]);
    assert_eq!(append(&mut lane, &second).await.refused, [b]);
    assert_eq!(log(&database, b, "a").await, None);
    let never = database.store.turns(turn(b, "a", 1, "").shard, b, 0, 10).await.unwrap();
    assert!(never.is_empty());
    assert_eq!(log(&database, c, "c").await.unwrap(), ["started"]);
}

#[tokio::test]
async fn of_two_starts_of_one_name_in_a_batch_the_first_wins() {
    let database = Database::private().await;
    let [node, a, b] = ids();
    let mut lane = Lane::new(&database.store, node);
    let both = batch([start(a, "a"), start(b, "a")]);
    assert_eq!(append(&mut lane, &both).await.refused, [b]);
    assert_eq!(append(&mut lane, &both).await.refused, [b], "and again after a doubt");
}

#[tokio::test]
async fn a_batch_that_is_repeated_has_succeeded() {
    let database = Database::private().await;
    let [node, a, b] = ids();
    let mut lane = Lane::new(&database.store, node);
    append(&mut lane, &batch([start(a, "a")])).await;
    for repeated in [
        batch([start(b, "b")]),
        batch([start(b, "b"), turn(b, "b", 2, "second")]),
        batch([turn(a, "a", 2, "second"), start(Uuid::new_v4(), "a")]),
        batch([ending(turn(a, "a", 3, "third"), Status::Succeeded, 1)]),
    ] {
        // The second has met its start, but not its second turn.
        let first = lane.append(&repeated).await;
        if let Ok(first) = first {
            assert_eq!(append(&mut lane, &repeated).await, first);
        }
    }
    assert_eq!(log(&database, a, "a").await.unwrap(), ["started", "second", "third"]);
    assert_eq!(log(&database, b, "b").await.unwrap(), ["started"]);
}

#[tokio::test]
async fn a_second_writer_is_shut_out_with_its_whole_batch() {
    let database = Database::private().await;
    let [first, second, a, b, c] = ids();
    let mut owner = Lane::new(&database.store, first);
    let mut late = Lane::new(&database.store, second);
    append(&mut owner, &batch([start(a, "a"), start(b, "b")])).await;
    append(&mut owner, &batch([turn(a, "a", 2, "the owner's")])).await;
    let shut_out = batch([
        start(c, "c"),
        turn(b, "b", 2, "late"),
        ending(turn(a, "a", 2, "late"), Status::Failed, 9),
    ]);
    assert!(matches!(late.append(&shut_out).await, Err(AppendError::Fenced)));
    assert_eq!(log(&database, a, "a").await.unwrap(), ["started", "the owner's"]);
    assert_eq!(log(&database, b, "b").await.unwrap(), ["started"]);
    assert_eq!(log(&database, c, "c").await, None);
    let row = database.store.describe(ACCOUNT, MACHINE, "a").await.unwrap().unwrap();
    assert_eq!(row.head.status, Status::Running);
}

#[tokio::test]
async fn another_turn_in_the_same_place_is_another_writers() {
    let database = Database::private().await;
    let [node, a] = ids();
    let mut lane = Lane::new(&database.store, node);
    append(&mut lane, &batch([start(a, "a"), turn(a, "a", 2, "same")])).await;
    let other = batch([turn(a, "a", 2, "another decision")]);
    assert!(matches!(lane.append(&other).await, Err(AppendError::Fenced)));
}

/// Posts a message for the execution of this turn.
async fn message_for(database: &Database, turn: &NewTurn) -> Uuid {
    let (id, stimulus) = (Uuid::new_v4(), Bytes::from_static(b"stop"));
    let NewTurn { shard, execution_id, .. } = *turn;
    let message = Message { id, shard, execution_id, stimulus };
    // Somebody owns the shard for that moment; its epoch stays, and it is nobody's again.
    let owned = "owner = gen_random_uuid(), expires_at = 'infinity'";
    let (url, by_shard) = (&database.url, format!("WHERE shard = {shard}"));
    psql(url, &format!("UPDATE shards SET {owned} {by_shard}")).unwrap();
    assert!(database.store.post(&message, &[]).await.unwrap());
    psql(url, &format!("UPDATE shards SET owner = NULL, expires_at = NULL {by_shard}")).unwrap();
    id
}

/// Has another node own every shard from now on.
async fn lose_all(database: &Database) {
    let lease = Duration::from_secs(10);
    let beat = database.store.at(at(0)).beat(Uuid::new_v4(), lease, "").await.unwrap();
    assert_eq!(beat.owned.len(), 256);
}

#[tokio::test]
async fn an_owner_of_the_past_cannot_write_anything() {
    let database = Database::private().await;
    let [node, a, b, c] = ids();
    let mut lane = Lane::new(&database.store, node);
    append(&mut lane, &batch([start(a, "a"), start(b, "b")])).await;
    lose_all(&database).await;
    let shard = turn(a, "a", 1, "").shard;
    let message = message_for(&database, &turn(a, "a", 1, "")).await;
    let present = |turn| NewTurn { epoch: 1, ..turn };
    let decided = [
        turn(a, "a", 2, "plain"),
        NewTurn { wakes: true, ..turn(a, "a", 2, "wakes") },
        ending(turn(a, "a", 2, "ends"), Status::Succeeded, 1),
        NewTurn { offers: vec![offer()], ..turn(a, "a", 2, "offers") },
        NewTurn { withdrawn: vec![1], ..turn(a, "a", 2, "withdraws") },
    ];
    for last in decided {
        let done = Bytes::from_static(b"done");
        let answers = vec![Answer { message_id: message, shard, epoch: 0, answer: done }];
        let turns = vec![present(turn(b, "b", 2, "in time")), last, present(start(c, "c"))];
        for answers in [Vec::new(), answers] {
            let batch = Batch { turns: turns.clone(), answers };
            match lane.append(&batch).await {
                Err(AppendError::Lost(shards)) => assert_eq!(shards, [shard]),
                other => panic!("{other:?}"),
            }
        }
        let plain = batch(turns[..2].iter().cloned());
        assert!(matches!(lane.append(&plain).await, Err(AppendError::Lost(_))));
    }
    assert_eq!(log(&database, a, "a").await.unwrap(), ["started"]);
    assert_eq!(log(&database, b, "b").await.unwrap(), ["started"], "nothing of the batch");
    assert_eq!(log(&database, c, "c").await, None);
    assert_eq!(database.store.answer(message).await.unwrap(), None);
    let row = database.store.describe(ACCOUNT, MACHINE, "a").await.unwrap().unwrap();
    assert_eq!(row.head.status, Status::Running);
    append(&mut lane, &batch([present(turn(b, "b", 2, "in time")), present(start(c, "c"))])).await;
}

#[tokio::test]
async fn what_was_written_before_the_shard_was_lost_is_there() {
    let database = Database::private().await;
    let [node, a] = ids();
    let mut lane = Lane::new(&database.store, node);
    append(&mut lane, &batch([start(a, "a")])).await;
    for turns in [
        batch([turn(a, "a", 2, "plain")]),
        batch([ending(turn(a, "a", 3, "ended"), Status::Succeeded, 1)]),
    ] {
        append(&mut lane, &turns).await;
    }
    lose_all(&database).await;
    append(&mut lane, &batch([turn(a, "a", 2, "plain")])).await;
    append(&mut lane, &batch([ending(turn(a, "a", 3, "ended"), Status::Succeeded, 1)])).await;
}

#[tokio::test]
async fn an_owner_of_the_past_cannot_start_anything() {
    let database = Database::private().await;
    let [node, a, b, c] = ids();
    let mut lane = Lane::new(&database.store, node);
    let mut outdated = start(a, "a");
    outdated.epoch = -1;
    let message = message_for(&database, &outdated).await;
    let done = Bytes::from_static(b"{}");
    let answer = Answer { message_id: message, shard: outdated.shard, epoch: -1, answer: done };
    let one = Batch { turns: vec![outdated, start(c, "c")], answers: vec![answer] };
    let expected = Appended { unowned: vec![a], ..Appended::default() };
    assert_eq!(append(&mut lane, &one).await, expected, "the rest is written");
    assert_eq!(append(&mut lane, &one).await, expected, "and again after a doubt");
    assert_eq!(lane.absent(&one).await.unwrap(), HashSet::from([a]));
    assert_eq!(log(&database, c, "c").await.unwrap(), ["started"]);
    assert_eq!(database.store.describe(ACCOUNT, MACHINE, "a").await.unwrap(), None);
    assert_eq!(log(&database, a, "a").await, None);
    assert_eq!(database.store.answer(message).await.unwrap(), None, "the present owner answers");
    append(&mut lane, &batch([start(b, "a")])).await;
}

#[tokio::test]
async fn a_start_that_ends_at_once_is_one_row() {
    let database = Database::private().await;
    let [node, a, b] = ids();
    let mut lane = Lane::new(&database.store, node);
    let whole = batch([
        ending(start(a, "a"), Status::Succeeded, 1),
        start(b, "b"),
        ending(turn(b, "b", 2, "failed"), Status::Failed, 2),
    ]);
    append(&mut lane, &whole).await;
    let a = database.store.describe(ACCOUNT, MACHINE, "a").await.unwrap().unwrap();
    assert_eq!((a.head.status, a.output.as_deref()), (Status::Succeeded, Some(&b"1"[..])));
    let b = database.store.describe(ACCOUNT, MACHINE, "b").await.unwrap().unwrap();
    assert_eq!(b.head.status, Status::Failed);
    assert_eq!(b.cause.as_deref(), Some("it broke\0"), "a NUL does not stop the batch");
}

#[tokio::test]
async fn what_can_never_be_written_is_refused_for_good() {
    let database = Database::private().await;
    let [node, a] = ids();
    let mut lane = Lane::new(&database.store, node);
    let mut empty = start(a, "a");
    empty.event_count = 0;
    match lane.append(&batch([empty])).await {
        Err(AppendError::Refused(error)) => assert!(!error.is_unavailable(), "{error}"),
        other => panic!("{other:?}"),
    }
    append(&mut lane, &batch([start(a, "a")])).await;
}

#[tokio::test]
async fn a_start_that_is_asked_for_again_after_its_end_is_refused() {
    let database = Database::private().await;
    let [node, a, b] = ids();
    let mut lane = Lane::new(&database.store, node);
    append(&mut lane, &batch([start(a, "a")])).await;
    let mut again = start(a, "a");
    again.body = "started later".into();
    let again = batch([again, start(b, "b")]);
    assert!(matches!(lane.append(&again).await, Err(AppendError::Fenced)), "it runs elsewhere");
    append(&mut lane, &batch([ending(turn(a, "a", 2, "ended"), Status::Succeeded, 1)])).await;
    assert_eq!(append(&mut lane, &again).await.refused, [a]);
    assert_eq!(log(&database, a, "a").await.unwrap(), ["started", "ended"]);
}

#[tokio::test]
async fn a_start_that_is_refused_offers_nothing_to_workers() {
    let database = Database::private().await;
    let [node, a, b] = ids();
    let mut lane = Lane::new(&database.store, node);
    let offering = |id| NewTurn { offers: vec![offer()], ..start(id, "a") };
    let first = batch([offering(a)]);
    append(&mut lane, &first).await;
    assert_eq!(append(&mut lane, &first).await, Appended::default(), "and again after a doubt");
    assert_eq!(append(&mut lane, &batch([offering(b)])).await.refused, [b]);
}
