//! One owner is stuck; the node beats on, and hands over what the others let go of.

use uuid::Uuid;

use super::*;
use crate::{EngineOptions, stage};

/// An owner that does at once what it is told.
fn willing(mut mail: mpsc::Receiver<Mail>) {
    tokio::spawn(async move {
        while let Some(mail) = mail.recv().await {
            match mail {
                // Whoever told it may have waited too long.
                Mail::Gained(_, done) | Mail::GiveUp(_, done) => drop(done.send(())),
                other => drop(other),
            }
        }
    });
}

#[tokio::test]
async fn a_stuck_owner_keeps_only_its_own_shards() {
    let lease = Duration::from_secs(3);
    let options = EngineOptions { lease, ..EngineOptions::default() };
    let (cluster, shared, fenced) = stage::shared(options).await;
    // The other node's time stands still, so that nothing of this one's runs out.
    let other = (Uuid::new_v4(), Duration::from_hours(1));
    let then = shared.store.at(shared.store.now().await.unwrap());
    let (owner, mail) = mpsc::channel(1);
    willing(mail);
    let (stuck, unread) = mpsc::channel(1);
    let mut membership = Membership::new(shared.clone(), vec![owner, stuck], fenced);
    membership.beat().await.unwrap();
    assert_eq!(membership.ours.len(), 128);
    assert!(membership.ours.keys().all(|shard| shard % 2 == 0), "half of them is taken in");

    then.beat(other.0, other.1, "").await.unwrap();
    membership.beat().await.unwrap();
    let taken = then.beat(other.0, other.1, "").await.unwrap();
    assert_eq!(taken.owned.len(), 64, "of the surplus, what was let go of");
    assert!(taken.owned.iter().all(|(shard, _)| shard % 2 == 0));
    assert_eq!(membership.ours.len(), 64);

    // Once its mail is read, the stuck one hands over the rest.
    willing(unread);
    membership.beat().await.unwrap();
    let taken = then.beat(other.0, other.1, "").await.unwrap();
    assert_eq!(taken.owned.len(), 128);
    cluster.stop().await;
}
