//! Loads whose mailbox is full.

use uuid::Uuid;

use super::*;
use crate::shared::LOADS;
use crate::{EngineOptions, stage};

#[tokio::test]
async fn loads_that_wait_for_room_in_a_mailbox_let_others_pass() {
    let (cluster, shared, _) = stage::shared(EngineOptions::default()).await;
    let (full, _unread) = mpsc::channel(1);
    let (free, mut received) = mpsc::channel(1);
    let key = |shard| Key { shard, id: Uuid::new_v4() };
    for load in 0..=LOADS {
        load_one(shared.clone(), key(0), load.try_into().unwrap(), full.downgrade());
    }
    load_one(shared.clone(), key(1), 100, free.downgrade());
    let mail = received.recv().await.unwrap();
    assert!(matches!(mail, Mail::NotLoaded(Key { shard: 1, .. }, 100, NotLoaded::Nothing)));
    cluster.stop().await;
}
