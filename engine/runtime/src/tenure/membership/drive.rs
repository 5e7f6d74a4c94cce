//! The loop of the signs of life, on a thread of its own: beats, tells owners, hands shards over.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use machine::Timestamp;
use store::{Beat, Store};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

use super::shed::LOOK;
use super::{Membership, News};
use crate::clock::Clock;
use crate::post::Mailboxes;
use crate::post::mail::{Gained, Mail};
use crate::shared::Shared;
use crate::tenure::Tenure;

/// A tenure that was fenced waits at least this long for the next one: if it is fenced again
/// and again, the database has a rest in between.
const FENCED: Duration = Duration::from_millis(50);

/// Pause before a beat that somebody asked for: many may ask at once.
const ASKED: Duration = Duration::from_millis(5);

/// The loop of a node's signs of life.
pub(crate) struct Drive {
    pub(super) shared: Arc<Shared>,
    /// Signs of life must not wait behind what others ask of the database.
    pub(super) store: Store,
    owners: Vec<mpsc::Sender<Mail>>,
    /// Tenures that are over because what is in memory may be wrong.
    fenced: mpsc::UnboundedReceiver<Vec<(i16, Tenure)>>,
    pub(super) membership: Membership,
}

impl Drive {
    pub(crate) fn new(
        shared: Arc<Shared>,
        owners: Vec<mpsc::Sender<Mail>>,
        fenced: mpsc::UnboundedReceiver<Vec<(i16, Tenure)>>,
    ) -> Self {
        let store = shared.store.apart();
        let membership = Membership::new(shared.standing.clone(), shared.options.lease);
        Self { shared, store, owners, fenced, membership }
    }

    /// Shows signs of life until told to stop.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        let mut beats = interval(self.patience());
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        beats.reset();
        loop {
            let mut is_beat = true;
            let is_shedding = self.membership.is_shedding();
            tokio::select! {
                () = stop.cancelled() => break,
                _ = beats.tick() => {}
                () = self.shared.beat.notified() => {
                    tokio::time::sleep(ASKED).await;
                    beats.reset();
                }
                Some(fenced) = self.fenced.recv() => {
                    self.membership.forget(fenced);
                    tokio::time::sleep(FENCED).await;
                }
                () = self.shared.standing.gates.quiet(), if is_shedding => is_beat = false,
                () = tokio::time::sleep(LOOK), if is_shedding => is_beat = false,
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

    /// One sign of life: renews what is ours, takes what is free, gives back what is too much.
    pub(crate) async fn beat(&mut self) -> Result<(), store::Error> {
        while let Ok(fenced) = self.fenced.try_recv() {
            self.membership.forget(fenced);
        }
        let (node, lease) = (self.shared.options.node, self.shared.options.lease);
        let asked = Instant::now();
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
        let News { gained, lost } = self.membership.told(&beat, asked, is_draining);
        self.note(&beat, asked, is_draining);
        if !lost.is_empty() {
            tracing::info!(count = lost.len(), "shards have gone to another node");
        }
        if !gained.is_empty() {
            tracing::info!(count = gained.len(), nodes = beat.live_nodes, "shards gained");
        }
        let (gained, left) = tokio::join!(self.gain(gained), self.give_up(&lost));
        self.membership.taken_in(&gained);
        self.membership.let_go(&left);
        self.look_around().await;
        self.shed().await
    }

    /// Says where other nodes reach this one, and learns where to reach them. What cannot be learnt now
    /// goes through the inbox.
    async fn look_around(&self) {
        let Some(direct) = self.shared.direct.get() else { return };
        match self.store.neighbours(self.shared.options.node, direct.address()).await {
            Ok(neighbours) => direct.see(neighbours),
            Err(error) => tracing::debug!(%error, "it cannot be read where other nodes are"),
        }
    }

    /// Notes for others what a beat told.
    fn note(&self, beat: &Beat, asked: Instant, is_draining: bool) {
        self.shared.set_nodes(beat.live_nodes + i64::from(is_draining));
        let orphans = usize::try_from(beat.orphans).unwrap_or(0);
        let others = usize::try_from(beat.live_nodes - 1).unwrap_or(0);
        let due = beat.fair_share();
        let fewest = usize::from(store::SHARDS.unsigned_abs()).saturating_sub(due * others);
        self.shared.share.set((due, fewest), orphans, asked, self.shared.options.lease);
    }

    /// Gives away what is to go and is quiet. Where the node stops, that is everything.
    pub(super) async fn shed(&mut self) -> Result<(), store::Error> {
        let is_draining = self.shared.draining.is_cancelled();
        let chosen = self.membership.choose(is_draining, Instant::now());
        let unsettled = self.membership.unsettled(&chosen);
        if !unsettled.is_empty() {
            let patience = self.patience() / 4;
            let out = self.tell(unsettled, |shard| *shard, Mail::Close, patience).await;
            self.membership.settled(&out);
        }
        let quiet = self.membership.quiet(&chosen);
        if self.membership.keeps_all(is_draining) {
            // Nobody is there to go on with them: they are kept until nothing is under way at all.
            if quiet.len() == chosen.len() {
                self.shared.drained.cancel();
            }
            return Ok(());
        }
        self.give_away(&quiet).await?;
        if is_draining && self.membership.all().is_empty() {
            self.shared.drained.cancel();
        }
        Ok(())
    }

    /// Has owners let go of these shards, and others have them.
    async fn give_away(&mut self, quiet: &[i16]) -> Result<(), store::Error> {
        if quiet.is_empty() {
            return Ok(());
        }
        self.membership.giving_away(quiet);
        let left = self.give_up(quiet).await;
        self.membership.given_away(&left);
        if left.is_empty() {
            return Ok(());
        }
        let given = self.store.hand_over(self.shared.options.node, &left).await?;
        tracing::info!(count = left.len(), given, "shards handed over");
        // Whoever has them now need not wait for its next beat.
        let _ = self.store.hint_nodes().await;
        Ok(())
    }

    /// Tells owners what is theirs; gives what they have taken in.
    async fn gain(&self, gained: Vec<Gained>) -> Vec<Gained> {
        self.tell(gained, |gained| gained.shard, Mail::Gained, self.patience() / 2).await
    }

    /// Has owners let go of these shards; gives those of which nothing is in flight any more.
    async fn give_up(&self, shards: &[i16]) -> Vec<i16> {
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
    pub(super) async fn leave(&mut self) {
        let ours = self.membership.all();
        self.membership.giving_away(&ours);
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
        let ours = self.membership.all();
        let kept = |shard: &i16| ours.contains(shard) && !left.contains(shard);
        given.retain(|shard| !kept(shard));
        self.store.hand_over(node, &given).await?;
        // Whoever has them now need not wait for its next beat.
        let _ = self.store.hint_nodes().await;
        Ok(())
    }
}
