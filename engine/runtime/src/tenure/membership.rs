//! Which shards this node owns: signs of life, leases, gaining and giving back.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use machine::Timestamp;
use store::Store;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::post::Mailboxes;
use crate::post::mail::{Gained, Mail};
use crate::shared::Shared;
use crate::tenure::Tenure;

mod shed;
#[cfg(test)]
mod tests;

use shed::{LOOK, Shedding};

/// A tenure that was fenced waits at least this long for the next one: if it is fenced again
/// and again, the database has a rest in between.
const FENCED: Duration = Duration::from_millis(50);

/// Pause before a beat that somebody asked for: many may ask at once.
const ASKED: Duration = Duration::from_millis(5);

/// The membership of this node.
pub(crate) struct Membership {
    shared: Arc<Shared>,
    /// Signs of life must not wait behind what others ask of the database.
    store: Store,
    owners: Vec<mpsc::Sender<Mail>>,
    /// Tenures that are over because what is in memory may be wrong.
    fenced: mpsc::UnboundedReceiver<Vec<(i16, Tenure)>>,
    /// What owners were told to be theirs, by shard.
    ours: HashMap<i16, Told>,
    /// What is on its way to other nodes.
    shedding: Shedding,
}

/// What an owner was told of a shard.
#[derive(Clone, Copy)]
struct Told {
    epoch: i64,
    tenure: Tenure,
    /// It has said that it knows.
    is_taken_in: bool,
}

impl Membership {
    pub(crate) fn new(
        shared: Arc<Shared>,
        owners: Vec<mpsc::Sender<Mail>>,
        fenced: mpsc::UnboundedReceiver<Vec<(i16, Tenure)>>,
    ) -> Self {
        let store = shared.store.apart();
        let (ours, shedding) = (HashMap::new(), Shedding::default());
        Self { shared, store, owners, fenced, ours, shedding }
    }

    /// Shows signs of life until told to stop.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        let mut beats = interval(self.patience());
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        beats.reset();
        loop {
            let mut is_beat = true;
            tokio::select! {
                () = stop.cancelled() => break,
                _ = beats.tick() => {}
                () = self.shared.beat.notified() => {
                    tokio::time::sleep(ASKED).await;
                    beats.reset();
                }
                Some(fenced) = self.fenced.recv() => {
                    self.forget(fenced);
                    tokio::time::sleep(FENCED).await;
                }
                () = self.shared.standing.gates.quiet(), if self.shedding.is_under_way() => is_beat = false,
                () = tokio::time::sleep(LOOK), if self.shedding.is_under_way() => is_beat = false,
            }
            let done = if is_beat { self.beat().await } else { self.shed().await };
            match done {
                Ok(()) => self.shared.set_away(false, ""),
                Err(error) => self.shared.set_away(true, &error.to_string()),
            }
        }
        self.leave().await;
        self.shared.left.cancel();
    }

    /// How long owners have to take in what changed, so that the next beat comes in time.
    fn patience(&self) -> Duration {
        self.shared.options.lease / 3
    }

    /// A fenced tenure is over. The shard may still be ours: a beat that begins from now on tells.
    fn forget(&mut self, fenced: Vec<(i16, Tenure)>) {
        for (shard, tenure) in fenced {
            if self.ours.get(&shard).is_some_and(|told| told.tenure == tenure) {
                self.ours.remove(&shard);
            }
        }
    }

    /// One sign of life: renews what is ours, takes what is free, gives back what is too much.
    pub(crate) async fn beat(&mut self) -> Result<(), store::Error> {
        while let Ok(fenced) = self.fenced.try_recv() {
            self.forget(fenced);
        }
        let (node, lease) = (self.shared.options.node, self.shared.options.lease);
        // The database's lease begins later than this, and so ends later.
        let asked = Instant::now();
        let until = asked + lease;
        let name = self.shared.name();
        let is_draining = self.shared.draining.is_cancelled();
        let beat = if is_draining {
            self.store.beat_draining(node, lease, name).await?
        } else {
            self.store.beat(node, lease, name).await?
        };
        let (took, told_at) = (asked.elapsed(), Timestamp(beat.told_at.timestamp_millis()));
        if self.shared.skew.compare(told_at, took, Clock::of_system()) {
            self.shared.schedules.notify_one();
        }
        let (surplus, due) = (beat.surplus.len(), beat.fair_share());
        let owned: HashMap<i16, i64> = beat.owned.iter().copied().collect();
        // Before the lease holds again, so that nobody is told what others may have made untrue.
        for (shard, told) in &self.ours {
            if owned.get(shard) != Some(&told.epoch) {
                self.shared.standing.tenures.revoke(*shard);
            }
        }
        self.shared.standing.lease.renew(until);
        self.shared.set_nodes(beat.live_nodes + i64::from(is_draining));
        let orphans = usize::try_from(beat.orphans).unwrap_or(0);
        let others = usize::try_from(beat.live_nodes - 1).unwrap_or(0);
        let fewest = usize::from(store::SHARDS.unsigned_abs()).saturating_sub(due * others);
        self.shared.share.set((due, fewest), orphans, asked, lease);
        self.shedding.surplus = surplus;
        self.shedding.has_heirs = beat.live_nodes > i64::from(!is_draining);

        let lost: Vec<i16> =
            self.ours.keys().filter(|shard| !owned.contains_key(shard)).copied().collect();
        let gained: Vec<Gained> =
            owned.into_iter().filter_map(|(shard, epoch)| self.news_of(shard, epoch)).collect();
        if !lost.is_empty() {
            tracing::info!(count = lost.len(), "shards have gone to another node");
        }
        if !gained.is_empty() {
            tracing::info!(count = gained.len(), nodes = beat.live_nodes, "shards gained");
        }
        let (gained, left) = tokio::join!(self.gain(gained), self.give_up(&lost));
        for Gained { shard, .. } in gained {
            if let Some(told) = self.ours.get_mut(&shard) {
                told.is_taken_in = true;
            }
        }
        // What an owner has not let go of yet is given up again by the next beat, or, if it is
        // to stay after all, gained anew.
        for shard in &left {
            self.ours.remove(shard);
            self.shedding.forget(*shard);
        }
        self.shed().await
    }

    /// What an owner is to hear of a shard that is its own. Told already and not taken in, it hears the
    /// same again: a slow owner must not lose what it is about to begin.
    fn news_of(&mut self, shard: i16, epoch: i64) -> Option<Gained> {
        let tenures = &self.shared.standing.tenures;
        let told = self.ours.get_mut(&shard).filter(|told| told.epoch == epoch);
        if let Some(told) = told {
            let has_begun = tenures.of(shard) == Some(told.tenure);
            if told.is_taken_in || has_begun {
                told.is_taken_in = true;
                return None;
            }
            if tenures.awaits(shard, told.tenure) {
                return Some(Gained { shard, epoch, tenure: told.tenure });
            }
        }
        let tenure = tenures.grant(shard);
        self.shedding.forget(shard);
        if !self.shared.draining.is_cancelled() {
            self.shared.standing.gates.open([shard]);
        }
        // Known from now on, whether the owner says so in time or not.
        self.ours.insert(shard, Told { epoch, tenure, is_taken_in: false });
        Some(Gained { shard, epoch, tenure })
    }

    /// Tells owners what is theirs; gives what they have taken in.
    async fn gain(&self, gained: Vec<Gained>) -> Vec<Gained> {
        self.tell(gained, |gained| gained.shard, Mail::Gained, self.patience() / 2).await
    }

    /// Has owners let go of these shards; gives those of which nothing is in flight any more.
    async fn give_up(&self, shards: &[i16]) -> Vec<i16> {
        for shard in shards {
            self.shared.standing.tenures.revoke(*shard);
        }
        self.tell(shards.to_vec(), |shard| *shard, Mail::GiveUp, self.patience() / 2).await
    }

    /// Sends every owner what concerns it, and waits until it has done so. An owner that takes
    /// too long keeps nobody else waiting: what it was told is left out of the answer.
    async fn tell<T: Clone>(
        &self,
        items: Vec<T>,
        shard: impl Fn(&T) -> i16,
        mail: impl Fn(Vec<T>, oneshot::Sender<()>) -> Mail,
        patience: Duration,
    ) -> Vec<T> {
        let mut groups = vec![Vec::new(); self.owners.len()];
        for item in items {
            let index = Mailboxes::index(shard(&item), groups.len());
            groups[index].push(item);
        }
        let groups = self.owners.iter().zip(groups).filter(|(_, items)| !items.is_empty());
        let done = join_all(groups.map(async |(owner, items)| {
            let (done, is_done) = oneshot::channel();
            let mail = mail(items.clone(), done);
            let told = timeout(patience, async {
                owner.send(mail).await.is_ok() && is_done.await.is_ok()
            });
            if told.await.unwrap_or(false) { items } else { Vec::new() }
        }));
        done.await.concat()
    }

    /// Hands everything over at once, for a shutdown.
    async fn leave(&mut self) {
        let ours: Vec<i16> = self.ours.keys().copied().collect();
        let left = self.give_up(&ours).await;
        self.shared.standing.lease.end();
        if let Err(error) = self.hand_over_all(&left).await {
            tracing::warn!(%error, "shards could not be handed over; they move when the lease ends");
        }
    }

    /// Off the list first, so that nobody gives this node anything more; then whatever has come to it
    /// since the last beat goes on to others, too.
    async fn hand_over_all(&self, left: &[i16]) -> Result<(), store::Error> {
        let node = self.shared.options.node;
        self.store.leave(node).await?;
        let mut given = self.store.shards_of(node).await?;
        let kept = |shard: &i16| self.ours.contains_key(shard) && !left.contains(shard);
        given.retain(|shard| !kept(shard));
        self.store.hand_over(node, &given).await?;
        // Whoever has them now need not wait for its next beat.
        let _ = self.store.hint_nodes().await;
        Ok(())
    }
}
