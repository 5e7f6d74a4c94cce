//! One task on its way to an activity worker: begun, then handed over, or given back.

use std::time::Duration;

use store::OfferedTask;
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::pollers::{Claimed, Handed, Poller};
use super::silence::Silence;
use super::{ActivityKey, ActivityTask};
use crate::engine::Engine;
use crate::post::mail::Key;

/// After how long without an answer the worker need not wait for this task any longer.
const SILENT: Duration = Duration::from_secs(3);
/// Longest input that is kept in memory beyond that, in bytes. A longer one is read again.
const KEPT_BYTES: usize = 16 * 1024;
/// Pause before what could not be done is tried again; it doubles, up to a second.
const FIRST_PAUSE: Duration = Duration::from_millis(20);

/// A claimed task, and what its delivery needs.
pub(super) struct Delivery {
    pub(super) engine: Engine,
    pub(super) silence: Silence,
    pub(super) stop: CancellationToken,
    pub(super) activity: ActivityKey,
    pub(super) offered: OfferedTask,
    /// Room for the input in memory.
    pub(super) held: OwnedSemaphorePermit,
}

impl Delivery {
    /// Begins the task for this poller and hands it over. If the task's owner does not answer, the
    /// poller goes back to its place and gets another; what becomes of this one shows later.
    pub(super) async fn to(self, poller: Poller) {
        let Self { engine, silence, stop, activity, mut offered, held } = self;
        if !poller.is_open() {
            release(&engine, &offered).await;
            return;
        }
        let pollers = &engine.shared.pollers;
        let key = Key { shard: offered.shard, id: offered.execution_id };
        let Ok(number) = u64::try_from(offered.task) else { return };
        let (claim, _) = Uuid::new_v4().as_u64_pair();
        let claimed = Claimed { key, number, claim };
        let worker = poller.worker.clone();
        let begun = begin(&engine, claimed, worker.clone(), &stop);
        tokio::pin!(begun);
        let in_time = tokio::time::timeout(SILENT, &mut begun).await;
        let (begun, poller) = if let Ok(begun) = in_time {
            (begun, Some(poller))
        } else {
            let _waiting = silence.of(key.shard);
            pollers.put_back(&activity, poller);
            let is_kept = offered.input.len() <= KEPT_BYTES;
            if !is_kept {
                offered.input.clear();
            }
            drop(held);
            let begun = begun.await;
            // The history names the worker: it must be one of the same name.
            let again = (begun == Some(true) && is_kept)
                .then(|| pollers.take_named(&activity, worker.as_deref()));
            (begun, again.flatten())
        };
        match (begun, poller) {
            (Some(true), Some(poller)) => {
                let Ok(input) = String::from_utf8(offered.input.to_vec()) else { return };
                let token = engine.token(&activity.account, key, number);
                let task = ActivityTask { token, input };
                if let Err(handed) = poller.serve(Handed { task, claimed }) {
                    pollers.give_back(handed.claimed);
                }
            }
            (Some(true), None) => pollers.give_back(claimed),
            (Some(false), Some(poller)) => pollers.put_back(&activity, poller),
            (Some(false), None) => {}
            (None, _) => release(&engine, &offered).await,
        }
    }
}

/// Whether the task is this worker's; `None` if the node stops before that is known.
///
/// When the database is away in between, the beginning may have been recorded without our
/// knowing: then it is asked for, under the same claim, until there is an answer.
async fn begin(
    engine: &Engine,
    claimed: Claimed,
    worker: Option<String>,
    stop: &CancellationToken,
) -> Option<bool> {
    let Claimed { key, number, claim } = claimed;
    let mut pause = FIRST_PAUSE;
    loop {
        match engine.begin_activity(key, number, worker.clone(), claim).await {
            Ok(begun) => return Some(begun),
            Err(error) => tracing::debug!(?error, "a task cannot be begun; trying again"),
        }
        if !may_try_again(&mut pause, stop).await {
            return None;
        }
    }
}

/// Takes a task back that its worker did not get, however long the store is away.
pub(super) async fn take_back(engine: Engine, claimed: Claimed, stop: CancellationToken) {
    let Claimed { key, number, claim } = claimed;
    let mut pause = FIRST_PAUSE;
    while engine.return_activity(key, number, claim).await.is_err() {
        if !may_try_again(&mut pause, &stop).await {
            tracing::warn!("a task was begun for a worker that is gone; it will time out");
            return;
        }
    }
}

/// Waits before another try, longer each time; `false` if the node stops.
async fn may_try_again(pause: &mut Duration, stop: &CancellationToken) -> bool {
    tokio::select! {
        () = stop.cancelled() => false,
        () = tokio::time::sleep(*pause) => {
            *pause = (*pause * 2).min(Duration::from_secs(1));
            true
        }
    }
}

/// Lets others claim the task at once.
pub(super) async fn release(engine: &Engine, offered: &OfferedTask) {
    let shared = engine.shared.clone();
    if let Err(error) = shared.store.release_activity_task(offered).await {
        tracing::debug!(%error, "a claimed task cannot be given back; it is free in seconds");
        return;
    }
    // Somebody may have come meanwhile, here or elsewhere.
    shared.pollers.scheduled();
}
