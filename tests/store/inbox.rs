//! Messages to other nodes' executions, and hints.

use std::time::Duration;

use bytes::Bytes;
use store::{Answer, Batch, Hint, Lane, Message};
use tests::database::Database;
use uuid::Uuid;

use super::{at, batch, start, turn};

/// Has a node own all shards, so that somebody is there to answer; in epoch 1.
async fn owned(database: &Database) -> Uuid {
    let (node, lease) = (Uuid::new_v4(), Duration::from_hours(1));
    assert_eq!(database.store.at(at(0)).beat(node, lease, "").await.unwrap().owned.len(), 256);
    node
}

fn message(execution_id: Uuid, name: &str) -> Message {
    Message {
        id: Uuid::new_v4(),
        shard: turn(execution_id, name, 1, "").shard,
        execution_id,
        stimulus: Bytes::from_static(b"stop"),
    }
}

#[tokio::test]
async fn an_answer_is_written_with_the_turn_that_applies_the_message() {
    let database = Database::private().await;
    let store = &database.store;
    let (node, a) = (owned(&database).await, Uuid::new_v4());
    let in_epoch = |turn: store::NewTurn| store::NewTurn { epoch: 1, ..turn };
    let mut lane = Lane::new(store, node);
    lane.append(&batch([in_epoch(start(a, "a"))])).await.unwrap();
    let first = message(a, "a");
    assert!(store.at(at(1)).post(&first, &[]).await.unwrap());
    assert!(store.at(at(2)).post(&first, &[]).await.unwrap());
    let second = message(a, "a");
    assert!(store.at(at(2)).post(&second, &[]).await.unwrap());
    assert_eq!(store.inbox(&[first.shard], 10).await.unwrap(), [first.clone(), second.clone()]);
    assert_eq!(store.answer(first.id).await.unwrap(), None);

    let stopped = Bytes::from_static(b"stopped");
    let answer = Answer { message_id: first.id, shard: first.shard, epoch: 1, answer: stopped };
    let applied =
        Batch { turns: vec![in_epoch(turn(a, "a", 2, "stopped"))], answers: vec![answer] };
    lane.append(&applied).await.unwrap();
    assert_eq!(store.answer(first.id).await.unwrap().as_deref(), Some(&b"stopped"[..]));
    assert_eq!(store.inbox(&[first.shard], 10).await.unwrap(), [second]);

    let age = Duration::from_mins(5);
    assert_eq!(store.at(at(301)).sweep_inbox(age).await.unwrap(), 0);
    assert_eq!(store.at(at(302)).sweep_inbox(age).await.unwrap(), 1);
    assert_eq!(store.answer(first.id).await.unwrap(), None);
}

#[tokio::test]
async fn an_answer_to_a_forgotten_message_is_no_mistake() {
    let database = Database::private().await;
    let mut lane = Lane::new(&database.store, Uuid::new_v4());
    let posted = message(Uuid::new_v4(), "a");
    owned(&database).await;
    assert!(database.store.at(at(1)).post(&posted, &[]).await.unwrap());
    database.store.forget(posted.id).await.unwrap();
    let (message_id, shard) = (posted.id, posted.shard);
    let answer = Answer { message_id, shard, epoch: 1, answer: Bytes::new() };
    let only_answer = Batch { turns: Vec::new(), answers: vec![answer] };
    lane.append(&only_answer).await.unwrap();
    lane.append(&only_answer).await.unwrap();
}

#[tokio::test]
async fn nothing_is_posted_where_nobody_would_answer() {
    let database = Database::private().await;
    let store = &database.store;
    let message = message(Uuid::new_v4(), "a");
    let shards = [message.shard];
    assert!(!store.post(&message, &[]).await.unwrap(), "nobody has the shard");
    let node = owned(&database).await;
    assert!(
        !store.at(at(1)).post(&message, &[node]).await.unwrap(),
        "who has it is known to be gone"
    );
    assert!(!store.at(at(3_600)).post(&message, &[]).await.unwrap(), "its lease is over");
    assert_eq!(store.inbox(&shards, 10).await.unwrap(), []);
    assert!(store.at(at(3_599)).post(&message, &[Uuid::new_v4()]).await.unwrap());
    assert!(store.withdraw(message.id).await.unwrap());
    assert!(!store.withdraw(message.id).await.unwrap(), "once");
    assert_eq!(store.inbox(&shards, 10).await.unwrap(), []);
}

#[tokio::test]
async fn a_hint_reaches_who_listens() {
    let database = Database::private().await;
    let mut hints = database.store.listen().await.unwrap();
    database.store.hint(&[3, 200]).await.unwrap();
    database.store.hint_functions().await.unwrap();
    assert_eq!(hints.recv().await.unwrap(), Hint::Shards(vec![3, 200]));
    assert_eq!(hints.recv().await.unwrap(), Hint::Functions);
}
