//! One owner is stuck; the node beats on, and hands over what the others let go of.

use store::Cluster;
use tokio::sync::mpsc;
use uuid::Uuid;

use super::drive::Drive;
use super::*;
use crate::post::mail::Mail;
use crate::shared::Shared;
use crate::{EngineOptions, stage};

/// An owner that does at once what it is told.
fn willing(mut mail: mpsc::Receiver<Mail>) {
    tokio::spawn(async move {
        while let Some(mail) = mail.recv().await {
            match mail {
                // Whoever told it may have waited too long.
                Mail::Gained(_, done) | Mail::Close(_, done) | Mail::GiveUp(_, done) => {
                    _ = done.send(());
                }
                other => drop(other),
            }
        }
    });
}

/// A node with one owner, which does at once what it is told, and with all shards.
async fn alone() -> (Cluster, Arc<Shared>, Drive) {
    let (cluster, shared, fenced) = stage::shared(EngineOptions::default()).await;
    let (owner, mail) = mpsc::channel(1);
    willing(mail);
    let mut beats = Drive::new(shared.clone(), vec![owner], fenced);
    beats.beat().await.unwrap();
    (cluster, shared, beats)
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
    let mut beats = Drive::new(shared.clone(), vec![owner, stuck], fenced);
    beats.beat().await.unwrap();
    let taken_in = |beats: &Drive| {
        let told = beats.membership.ours.iter().filter(|(_, told)| told.is_taken_in);
        told.map(|(shard, _)| *shard).collect::<Vec<i16>>()
    };
    assert_eq!(taken_in(&beats).len(), 128);
    assert!(taken_in(&beats).iter().all(|shard| shard % 2 == 0), "half of them is taken in");

    then.beat(other.0, other.1, "").await.unwrap();
    beats.beat().await.unwrap();
    let taken = then.beat(other.0, other.1, "").await.unwrap();
    assert_eq!(taken.owned.len(), 64, "of the surplus, what was let go of");
    assert!(taken.owned.iter().all(|(shard, _)| shard % 2 == 0));
    assert_eq!(taken_in(&beats).len(), 64);

    // Once its mail is read, the stuck one hands over the rest.
    willing(unread);
    beats.beat().await.unwrap();
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
    let mut beats = Drive::new(shared.clone(), vec![owner], fenced);
    beats.store = shared.store.at(now);
    beats.beat().await.unwrap();
    // All of it expires and is another's before the owner has read its mail.
    let later = shared.store.at(now + Duration::from_secs(9));
    let other = later.beat(Uuid::new_v4(), Duration::from_hours(1), "").await.unwrap();
    assert_eq!(other.owned.len(), 256);
    beats.beat().await.unwrap();
    let Some(Mail::Gained(gained, _)) = unread.recv().await else { panic!("it was told") };
    assert_eq!(gained.len(), 256);
    for Gained { shard, tenure, .. } in gained {
        assert!(!shared.standing.tenures.begin(shard, tenure));
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
    let mut beats = Drive::new(shared.clone(), vec![owner], fenced);
    let mut told = Vec::new();
    for _ in 0..2 {
        beats.beat().await.unwrap();
        let Some(Mail::Gained(gained, _)) = unread.recv().await else { panic!("it was told") };
        let tenures: BTreeMap<i16, Tenure> =
            gained.iter().map(|gained| (gained.shard, gained.tenure)).collect();
        told.push(tenures);
    }
    assert_eq!(told[0].len(), 256);
    assert_eq!(told[0], told[1]);
    for (shard, tenure) in &told[0] {
        assert!(shared.standing.tenures.begin(*shard, *tenure));
    }
    beats.beat().await.unwrap();
    assert!(unread.try_recv().is_err(), "nothing is new");
    cluster.stop().await;
}

#[tokio::test]
async fn a_node_that_stops_hands_over_what_is_quiet_and_keeps_what_is_not() {
    let (cluster, shared, mut beats) = alone().await;
    let call = shared.standing.gates.enter(7);
    shared.standing.gates.close_all();
    shared.draining.cancel();
    beats.beat().await.unwrap();
    assert_eq!(beats.membership.ours.len(), 256, "nobody is there to have them");
    assert!(!shared.drained.is_cancelled());
    let other = Uuid::new_v4();
    shared.store.beat(other, Duration::from_hours(1), "").await.unwrap();
    beats.beat().await.unwrap();
    assert_eq!(beats.membership.all(), [7]);
    assert_eq!(shared.store.shards_of(other).await.unwrap().len(), 255);
    assert!(!shared.drained.is_cancelled());
    drop(call);
    shared.standing.gates.quiet().await;
    beats.shed().await.unwrap();
    assert!(beats.membership.all().is_empty() && shared.drained.is_cancelled());
    assert_eq!(shared.store.shards_of(other).await.unwrap().len(), 256);
    cluster.stop().await;
}

#[tokio::test]
async fn the_only_node_keeps_its_shards_until_its_calls_have_ended() {
    let (cluster, shared, mut beats) = alone().await;
    let call = shared.standing.gates.enter(7);
    shared.standing.gates.close_all();
    shared.draining.cancel();
    beats.beat().await.unwrap();
    assert!(!shared.drained.is_cancelled());
    drop(call);
    beats.shed().await.unwrap();
    assert!(shared.drained.is_cancelled());
    assert_eq!(beats.membership.ours.len(), 256, "starts are taken to the end");
    beats.leave().await;
    let node = shared.options.node;
    assert!(shared.store.shards_of(node).await.unwrap().is_empty());
    assert!(shared.store.orphaned(7).await.unwrap().is_some_and(|shard| shard.owner.is_none()));
    cluster.stop().await;
}

#[tokio::test]
async fn for_balance_alone_no_call_is_cut_and_none_waits_for_long() {
    let (cluster, shared, mut beats) = alone().await;
    let busy: Vec<_> = (0..200).map(|shard| shared.standing.gates.enter(shard)).collect();
    let other = Uuid::new_v4();
    shared.store.beat(other, Duration::from_hours(1), "").await.unwrap();
    beats.beat().await.unwrap();
    let kept = beats.membership.all();
    assert_eq!(kept, (0..200).collect::<Vec<i16>>(), "what is quiet has gone");
    let closed = |shared: &Shared| {
        (0..200).filter(|shard| shared.standing.gates.is_closed(*shard)).collect::<Vec<i16>>()
    };
    let first = closed(&shared);
    assert_eq!(first.len(), 72, "as many more as are to go wait for their last call");
    beats.membership.shedding.be_late();
    beats.shed().await.unwrap();
    let second = closed(&shared);
    assert_eq!(second.len(), 72);
    assert!(second.iter().all(|shard| !first.contains(shard)), "the first ones go on");
    drop(busy);
    beats.shed().await.unwrap();
    assert_eq!(beats.membership.ours.len(), 128);
    assert_eq!(shared.store.shards_of(other).await.unwrap().len(), 128);
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_to_go_is_chosen_while_calls_begin_and_end() {
    let (cluster, shared, fenced) = stage::shared(EngineOptions::default()).await;
    let mut beats = Drive::new(shared.clone(), Vec::new(), fenced);
    for shard in 0..256 {
        let told =
            Told { epoch: 1, tenure: shared.standing.tenures.grant(shard), is_taken_in: true };
        beats.membership.ours.insert(shard, told);
    }
    beats.membership.shedding.surplus = 100;
    let (gates, over) = (shared.standing.gates.clone(), shared.draining.clone());
    let calls = tokio::task::spawn_blocking(move || {
        let mut under_way = Vec::new();
        for round in 0_u64.. {
            if over.is_cancelled() {
                return;
            }
            let any = i16::try_from(round * 2_654_435_761 % 256).unwrap();
            under_way.push(gates.enter(any));
            if under_way.len() > 500 {
                under_way.swap_remove(usize::try_from(round % 500).unwrap());
            }
        }
    });
    for _ in 0..2_000 {
        assert_eq!(beats.membership.surplus(Instant::now()).len(), 100);
    }
    shared.draining.cancel();
    calls.await.unwrap();
    cluster.stop().await;
}
