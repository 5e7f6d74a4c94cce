//! What sleeps is woken once in each tenure of its shard.

use bytes::Bytes;
use store::{Batch, Lane, NewExecution, NewTurn, Sleeper};
use tokio::sync::mpsc;

use super::*;
use crate::{EngineOptions, stage};

/// Puts an execution to sleep whose time is near; its shard.
async fn asleep(node: &Shared) -> i16 {
    let (account, machine, name) = ("000000000000", "m", "a");
    let start = NewExecution {
        account: account.to_owned(),
        state_machine: machine.to_owned(),
        life: Uuid::nil(),
        name: name.to_owned(),
        revision_id: Uuid::nil(),
        version: None,
        alias: None,
        input: Bytes::from_static(b"{}"),
        started_at: DateTime::UNIX_EPOCH,
        trace_header: None,
    };
    let shard = store::shard_of(account, machine, name);
    let turn = NewTurn {
        shard,
        execution_id: Uuid::nil(),
        first_event: 0,
        event_count: 1,
        epoch: 0,
        body: Bytes::new(),
        start: Some(Box::new(start)),
        end: None,
        wakes: false,
        offers: Vec::new(),
        withdrawn: Vec::new(),
    };
    let batch = Batch { turns: vec![turn], answers: Vec::new() };
    Lane::new(&node.store, Uuid::nil()).append(&batch).await.unwrap();
    let soon = moment(node.now().plus_ms(1_000));
    let sleeper = Sleeper {
        shard,
        execution_id: Uuid::nil(),
        wake_at: soon,
        epoch: 0,
        next_event: 1,
        snapshot: None,
        waits_for_place: false,
    };
    assert_eq!(node.store.put_to_sleep("", &[sleeper]).await.unwrap().len(), 1);
    shard
}

#[tokio::test]
async fn what_a_tenure_dropped_is_woken_in_the_next() {
    let (cluster, node, _) = stage::shared(EngineOptions::default()).await;
    let shard = asleep(&node).await;
    let (owner, mut woken) = mpsc::channel(1);
    let mut sleepers = Sleepers {
        shared: node.clone(),
        owners: Mailboxes::new(vec![owner]),
        seen: HashMap::new(),
    };
    for _ in 0..2 {
        assert!(node.standing.tenures.begin(shard, node.standing.tenures.grant(shard)));
        assert_eq!(sleepers.wake(AHEAD).await, Next::Later);
        assert_eq!(sleepers.wake(AHEAD).await, Next::Soon, "the mailbox is full");
        assert!(matches!(woken.try_recv(), Ok(Mail::Wake(Key { id, .. })) if id.is_nil()));
        assert_eq!(sleepers.wake(AHEAD).await, Next::Later);
        assert!(woken.try_recv().is_err(), "once is enough");
    }
    cluster.stop().await;
}
