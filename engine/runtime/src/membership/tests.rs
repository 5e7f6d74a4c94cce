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
                Mail::Gained(_, done) | Mail::Close(_, done) | Mail::GiveUp(_, done) => {
                    drop(done.send(()))
                }
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
    let taken_in = |membership: &Membership| {
        let told = membership.ours.iter().filter(|(_, told)| told.is_taken_in);
        told.map(|(shard, _)| *shard).collect::<Vec<i16>>()
    };
    assert_eq!(taken_in(&membership).len(), 128);
    assert!(taken_in(&membership).iter().all(|shard| shard % 2 == 0), "half of them is taken in");

    then.beat(other.0, other.1, "").await.unwrap();
    membership.beat().await.unwrap();
    let taken = then.beat(other.0, other.1, "").await.unwrap();
    assert_eq!(taken.owned.len(), 64, "of the surplus, what was let go of");
    assert!(taken.owned.iter().all(|(shard, _)| shard % 2 == 0));
    assert_eq!(taken_in(&membership).len(), 64);

    // Once its mail is read, the stuck one hands over the rest.
    willing(unread);
    membership.beat().await.unwrap();
    let taken = then.beat(other.0, other.1, "").await.unwrap();
    assert_eq!(taken.owned.len(), 128);
    cluster.stop().await;
}

#[tokio::test]
async fn what_is_lost_before_an_owner_heard_of_it_does_not_begin() {
    let lease = Duration::from_secs(1);
    let options = EngineOptions { lease, ..EngineOptions::default() };
    let (cluster, shared, fenced) = stage::shared(options).await;
    let now = shared.store.now().await.unwrap();
    let (owner, mut unread) = mpsc::channel(8);
    let mut membership = Membership::new(shared.clone(), vec![owner], fenced);
    membership.store = shared.store.at(now);
    membership.beat().await.unwrap();
    // All of it expires and is another's before the owner has read its mail.
    let later = shared.store.at(now + Duration::from_secs(9));
    let other = later.beat(Uuid::new_v4(), Duration::from_hours(1), "").await.unwrap();
    assert_eq!(other.owned.len(), 256);
    membership.beat().await.unwrap();
    let Some(Mail::Gained(gained, _)) = unread.recv().await else { panic!("it was told") };
    assert_eq!(gained.len(), 256);
    for Gained { shard, tenure, .. } in gained {
        assert!(!shared.tenures.begin(shard, tenure));
    }
    assert!(matches!(unread.recv().await, Some(Mail::GiveUp(shards, _)) if shards.len() == 256));
    cluster.stop().await;
}

#[tokio::test]
async fn a_slow_owner_hears_the_same_again_until_it_has_begun() {
    let lease = Duration::from_secs(1);
    let options = EngineOptions { lease, ..EngineOptions::default() };
    let (cluster, shared, fenced) = stage::shared(options).await;
    let (owner, mut unread) = mpsc::channel(8);
    let mut membership = Membership::new(shared.clone(), vec![owner], fenced);
    let mut told = Vec::new();
    for _ in 0..2 {
        membership.beat().await.unwrap();
        let Some(Mail::Gained(gained, _)) = unread.recv().await else { panic!("it was told") };
        let tenures: HashMap<i16, Tenure> =
            gained.iter().map(|gained| (gained.shard, gained.tenure)).collect();
        told.push(tenures);
    }
    assert_eq!(told[0].len(), 256);
    assert_eq!(told[0], told[1]);
    for (shard, tenure) in &told[0] {
        assert!(shared.tenures.begin(*shard, *tenure));
    }
    membership.beat().await.unwrap();
    assert!(unread.try_recv().is_err(), "nothing is new");
    cluster.stop().await;
}
