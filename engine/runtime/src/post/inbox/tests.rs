//! Messages wait for room in a mailbox, and do not outlive their posters.

use tokio::sync::mpsc;
use uuid::Uuid;

use super::*;
use crate::post::mail::Message;
use crate::{EngineOptions, stage};

fn key(shard: i16) -> Key {
    Key { shard, id: Uuid::new_v4() }
}

/// Somebody owns all shards.
async fn own_all(shared: &Shared) {
    let lease = Duration::from_hours(1);
    let beat = shared.store.beat(Uuid::new_v4(), lease, "").await.unwrap();
    assert_eq!(beat.owned.len(), 256);
}

fn stop() -> Message {
    Message::Stop { error: None, cause: None }
}

#[tokio::test]
async fn a_full_mailbox_keeps_no_other_owner_waiting() {
    let (cluster, shared, _) = stage::shared(EngineOptions::default()).await;
    own_all(&shared).await;
    let (full, mut waiting) = mpsc::channel(1);
    let (free, mut received) = mpsc::channel(8);
    assert!(full.try_send(Mail::Wake(key(0))).is_ok());
    for shard in [0, 1] {
        assert!(shared.standing.tenures.begin(shard, shared.standing.tenures.grant(shard)));
        let stimulus = serde_json::to_vec(&stop()).unwrap().into();
        let Key { shard, id: execution_id } = key(shard);
        let message = store::Message { id: Uuid::now_v7(), shard, execution_id, stimulus };
        assert!(shared.store.post(&message, &[]).await.unwrap());
    }
    let (owners, swept) = (Mailboxes::new(vec![full, free]), Timestamp::default());
    let mut inbox = Inbox { shared, owners, swept };
    assert!(inbox.look().await, "one is left for later");
    assert!(matches!(received.try_recv(), Ok(Mail::Stimulus(_))));
    assert!(matches!(waiting.try_recv(), Ok(Mail::Wake(_))));
    assert!(!inbox.look().await);
    assert!(matches!(waiting.try_recv(), Ok(Mail::Stimulus(_))));
    assert!(received.try_recv().is_err(), "nothing comes twice");
    cluster.stop().await;
}
