//! Which shards this node owns: signs of life, leases, gaining and giving back.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::mail::Mail;
use crate::shared::Shared;
use crate::takeover;

/// The membership of this node.
pub(crate) struct Membership {
    pub(crate) shared: Arc<Shared>,
    pub(crate) owners: Vec<mpsc::Sender<Mail>>,
    /// Epoch of each shard that is ours.
    pub(crate) ours: HashMap<i16, i64>,
}

impl Membership {
    /// Shows signs of life until told to stop.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        let pause = self.shared.options.lease / 3;
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                () = tokio::time::sleep(pause) => {}
            }
            match self.beat().await {
                Ok(()) => self.shared.set_away(false, ""),
                Err(error) => self.shared.set_away(true, &error.to_string()),
            }
        }
        self.leave().await;
    }

    /// One sign of life: renews what is ours, takes what is free, gives back what is too much.
    pub(crate) async fn beat(&mut self) -> Result<(), store::Error> {
        let options = &self.shared.options;
        let beat = self.shared.store.beat(options.node, options.lease, "").await?;
        let owned: HashMap<i16, i64> = beat.owned.iter().copied().collect();
        let lost: Vec<i16> = self
            .ours
            .iter()
            .filter(|(shard, epoch)| owned.get(shard) != Some(epoch))
            .map(|(shard, _)| *shard)
            .collect();
        let gained: Vec<(i16, i64)> = owned
            .iter()
            .filter(|(shard, epoch)| self.ours.get(shard) != Some(epoch))
            .map(|(shard, epoch)| (*shard, *epoch))
            .collect();
        self.ours = owned;
        #[expect(clippy::cast_precision_loss, reason = "at most 256")]
        metrics::gauge!("statewright_shards_owned")
            .set((self.ours.len() - beat.surplus.len()) as f64);
        if !lost.is_empty() {
            tracing::info!(count = lost.len(), "shards have gone to another node");
            self.give_up(&lost).await;
        }
        if !gained.is_empty() {
            tracing::info!(count = gained.len(), nodes = beat.live_nodes, "shards gained");
            self.gain(gained).await;
        }
        if !beat.surplus.is_empty() {
            self.give_up(&beat.surplus).await;
            // Even if the release fails: the next beat then finds them gained anew.
            for shard in &beat.surplus {
                self.ours.remove(shard);
            }
            self.shared.store.release(self.shared.options.node, &beat.surplus).await?;
        }
        Ok(())
    }

    async fn gain(&self, gained: Vec<(i16, i64)>) {
        for (owner, shards) in self.by_owner(gained, |(shard, _)| *shard) {
            let numbers = shards.iter().map(|(shard, _)| *shard).collect();
            // Mail is taken in order: the owner knows of the shards before anything of them
            // arrives.
            for (shard, epoch) in &shards {
                self.shared.set_epoch(*shard, Some(*epoch));
            }
            if owner.send(Mail::Gained(shards)).await.is_ok() {
                takeover::spawn(self.shared.clone(), numbers, owner.downgrade());
            }
        }
    }

    /// Has owners let go of these shards, and waits until nothing of them is in flight.
    async fn give_up(&self, shards: &[i16]) {
        let mut pending = Vec::new();
        for shard in shards {
            self.shared.set_epoch(*shard, None);
        }
        for (owner, shards) in self.by_owner(shards.to_vec(), |shard| *shard) {
            let (done, given_up) = oneshot::channel();
            if owner.send(Mail::GiveUp(shards, done)).await.is_ok() {
                pending.push(given_up);
            }
        }
        for given_up in pending {
            // Bounded by the lease: after that another node may take the shard anyway.
            let _ = tokio::time::timeout(self.shared.options.lease, given_up).await;
        }
    }

    /// Hands everything over at once, for a shutdown.
    async fn leave(&mut self) {
        let ours: Vec<i16> = self.ours.keys().copied().collect();
        self.give_up(&ours).await;
        let (store, node) = (&self.shared.store, self.shared.options.node);
        let released = match store.release(node, &ours).await {
            Ok(()) => store.leave(node).await,
            Err(error) => Err(error),
        };
        if let Err(error) = released {
            tracing::warn!(%error, "shards could not be handed over; they move when the lease ends");
        }
    }

    fn by_owner<T>(
        &self,
        items: Vec<T>,
        shard: impl Fn(&T) -> i16,
    ) -> Vec<(mpsc::Sender<Mail>, Vec<T>)> {
        let mut groups: Vec<(mpsc::Sender<Mail>, Vec<T>)> =
            self.owners.iter().map(|owner| (owner.clone(), Vec::new())).collect();
        for item in items {
            let index = usize::try_from(shard(&item)).unwrap_or(0) % groups.len();
            groups[index].1.push(item);
        }
        groups.retain(|(_, items)| !items.is_empty());
        groups
    }
}
