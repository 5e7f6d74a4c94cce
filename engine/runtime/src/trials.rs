//! What is touched in shards that are watched: noted in the store before, and struck out after, so that a
//! node that dies over an execution leaves its name behind.
//!
//! One trial at a time on a node, whichever owner's it is: what is found of a node that has died is all
//! that it was touching.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use store::{Store, Trial};
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use crate::mail::{Key, LoadId, Mail};
use crate::shared::{LOADS, Shared};
use crate::takeover;
use crate::tenures::Tenure;

/// Pause before the store is asked again while it is away; it grows.
const PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// An execution that is to be touched.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    pub(crate) key: Key,
    /// The tenure of its shard that asks, and its epoch.
    pub(crate) tenure: Tenure,
    pub(crate) epoch: i64,
    pub(crate) what: Touch,
}

/// How it is touched.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Touch {
    /// Read from its log.
    Load(LoadId),
    /// Stepped; AWS's id of its next event.
    Step(u64),
}

impl Asked {
    fn trial(&self) -> Trial {
        let next_id = match self.what {
            Touch::Load(_) => None,
            Touch::Step(next) => i64::try_from(next).ok(),
        };
        let Key { shard, id: execution_id } = self.key;
        Trial { shard, execution_id, epoch: self.epoch, next_id }
    }
}

/// Has the owner touch these executions, each named once, while they are on trial.
pub(crate) fn spawn(shared: Arc<Shared>, asked: Vec<Asked>, mailbox: mpsc::WeakSender<Mail>) {
    tokio::spawn(async move {
        let store = shared.trial.lock().await;
        let noted = begin(&shared, &store, &asked).await;
        send(&mailbox, Mail::TrialBegan(noted.clone())).await;
        let loads = asked.iter().filter_map(|asked| match asked.what {
            Touch::Load(load) if noted.contains(&asked.key.id) => Some((asked.key, load)),
            Touch::Load(_) | Touch::Step(_) => None,
        });
        let load = async |(key, load)| {
            send(&mailbox, takeover::read(&shared, key, load).await).await;
        };
        stream::iter(loads).for_each_concurrent(LOADS, load).await;
        let (touched, is_over) = oneshot::channel();
        send(&mailbox, Mail::TrialOver(touched)).await;
        // An owner that is gone touches nothing.
        let went_on = is_over.await.unwrap_or_default();
        end(&shared, &store, &asked, &went_on).await;
    });
}

/// Notes what is to be touched, however long the store is away, as long as the shards are ours. Gives what is
/// noted: nothing else may be touched.
async fn begin(shared: &Shared, store: &Store, asked: &[Asked]) -> HashSet<Uuid> {
    let mut pause = PAUSE;
    loop {
        let ours: Vec<Trial> = ours(shared, asked).map(Asked::trial).collect();
        if ours.is_empty() {
            return HashSet::new();
        }
        match store.begin_trials(shared.options.node, &ours).await {
            Ok(noted) => return noted,
            Err(error) => wait(shared, &error, &mut pause).await,
        }
    }
}

/// Strikes out what has been touched. In doubt that is done again; what is another node's by now has been
/// judged by it.
async fn end(shared: &Shared, store: &Store, asked: &[Asked], went_on: &[Uuid]) {
    let trials: Vec<Trial> = asked.iter().map(Asked::trial).collect();
    let mut pause = PAUSE;
    while let Err(error) = store.end_trials(shared.options.node, &trials, went_on).await {
        if ours(shared, asked).next().is_none() {
            return;
        }
        wait(shared, &error, &mut pause).await;
    }
}

fn ours<'a>(shared: &'a Shared, asked: &'a [Asked]) -> impl Iterator<Item = &'a Asked> {
    asked.iter().filter(|asked| shared.tenures.of(asked.key.shard) == Some(asked.tenure))
}

async fn wait(shared: &Shared, error: &store::Error, pause: &mut Duration) {
    shared.set_away(error.is_unavailable(), &error.to_string());
    tracing::debug!(%error, "trials cannot be noted; trying again");
    tokio::time::sleep(*pause).await;
    *pause = (*pause * 2).min(LONGEST_PAUSE);
}

async fn send(mailbox: &mpsc::WeakSender<Mail>, mail: Mail) {
    if let Some(mailbox) = mailbox.upgrade() {
        // An owner that is gone needs nothing.
        let _ = mailbox.send(mail).await;
    }
}
