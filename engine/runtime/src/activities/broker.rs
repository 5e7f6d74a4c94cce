//! Brings tasks and pollers together: claims for those who wait, and has it delivered.

use std::sync::Arc;
use std::time::Duration;

use store::{MostTasks, OfferedTask, WantedTasks};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::ActivityKey;
use super::delivery::{Delivery, release, take_back};
use super::silence::Silence;
use crate::engine::Engine;

/// How often the table is looked at while somebody polls and no hint arrives.
const EVERY: Duration = Duration::from_secs(2);
/// Most tasks claimed at once.
const AT_ONCE: i64 = 100;
/// Most tasks that are being begun, those apart whose owners do not answer.
const MOST_DELIVERIES: usize = 400;
/// Most of both together.
const MOST_IN_DOUBT: usize = 4_000;
/// Bytes of the inputs of tasks that are being begun, and what one more brings above that.
const MOST_BYTES: usize = 16 * 1024 * 1024;
/// How long a claim holds. Beginning a task takes less; if this node dies, the task is offered
/// again after that.
const HOLD: Duration = Duration::from_secs(10);
/// How long news of tasks is collected before the other nodes are told.
const GATHER: Duration = Duration::from_millis(10);
/// How long deliveries under way may take when the node stops.
const PATIENCE: Duration = Duration::from_secs(5);

/// The broker of a node.
pub(crate) struct Broker {
    engine: Engine,
    deliveries: JoinSet<()>,
    /// Tasks on their way back from workers who are gone.
    returns: JoinSet<()>,
    silence: Silence,
    /// Bytes of inputs for which there is room.
    room: Arc<Semaphore>,
    /// The activity served last when there were more tasks than could be claimed at once: the
    /// next one comes first.
    last: Option<ActivityKey>,
    /// The other nodes are being told of news.
    telling: JoinSet<()>,
}

impl Broker {
    pub(crate) fn new(engine: Engine) -> Self {
        Self {
            engine,
            deliveries: JoinSet::new(),
            returns: JoinSet::new(),
            silence: Silence::default(),
            room: Arc::new(Semaphore::new(MOST_BYTES)),
            last: None,
            telling: JoinSet::new(),
        }
    }

    /// Works until told to stop; then all pollers are let go.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        loop {
            let pollers = &self.engine.shared.pollers;
            tokio::select! {
                () = stop.cancelled() => break,
                () = pollers.rung() => {}
                () = tokio::time::sleep(EVERY), if pollers.any() => {}
                Some(_) = self.telling.join_next() => {}
            }
            self.tell_others();
            self.take_back(&stop);
            while !stop.is_cancelled() && self.look(&stop).await {}
        }
        self.engine.shared.pollers.close();
        let ended = async {
            while self.deliveries.join_next().await.is_some() {}
            while self.returns.join_next().await.is_some() {}
        };
        let _ = tokio::time::timeout(PATIENCE, ended).await;
    }

    /// Claims for all who wait; whether there is reason to look again at once.
    async fn look(&mut self, stop: &CancellationToken) -> bool {
        while self.deliveries.try_join_next().is_some() {}
        while is_busy(
            self.deliveries.len(),
            self.silence.deliveries(),
            self.room.available_permits(),
        ) {
            tokio::select! {
                _ = self.deliveries.join_next() => {}
                () = self.silence.spreads() => {}
            }
        }
        let shared = self.engine.shared.clone();
        let wanted = shared.pollers.wanted(self.last.as_ref());
        if wanted.is_empty() || shared.is_away() {
            return false;
        }
        let room = i64::try_from(self.room.available_permits()).unwrap_or(i64::MAX);
        let most = MostTasks { count: AT_ONCE, bytes: room };
        let silent = self.silence.shards();
        let claimed = shared.store.claim_activity_tasks(&wanted, &silent, HOLD, most).await;
        let offered = match claimed {
            Ok(offered) => offered,
            Err(error) => {
                shared.set_away(error.is_unavailable(), &error.to_string());
                tracing::debug!(%error, "tasks cannot be claimed; tried again later");
                return false;
            }
        };
        // Where everybody got a task there may be more, and somebody else may have come since.
        let bytes: usize = offered.iter().map(|task| task.input.len()).sum();
        let full = i64::try_from(offered.len()).is_ok_and(|count| count >= most.count)
            || i64::try_from(bytes).is_ok_and(|bytes| bytes >= most.bytes);
        let satisfied = wanted.iter().any(|wanted| got(wanted, &offered) >= wanted.places);
        self.last = if full { last_served(&wanted, &offered) } else { None };
        for task in offered {
            self.deliver(task, stop);
        }
        full || satisfied
    }

    /// Lets others take what was begun for workers who are gone.
    fn take_back(&mut self, stop: &CancellationToken) {
        while self.returns.try_join_next().is_some() {}
        for claimed in self.engine.shared.pollers.take_returned() {
            self.returns.spawn(take_back(self.engine.clone(), claimed, stop.clone()));
        }
    }

    /// Gives a claimed task to whoever has waited longest, or back.
    fn deliver(&mut self, offered: OfferedTask, stop: &CancellationToken) {
        let engine = self.engine.clone();
        let activity =
            ActivityKey { account: offered.account.clone(), name: offered.activity.clone() };
        let Some(poller) = engine.shared.pollers.take(&activity) else {
            self.deliveries.spawn(async move { release(&engine, &offered).await });
            return;
        };
        let bytes = offered.input.len().min(self.room.available_permits());
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let held = self.room.clone().try_acquire_many_owned(bytes);
        let held = held.expect("nobody else takes room");
        let (silence, stop) = (self.silence.clone(), stop.clone());
        let delivery = Delivery { engine, silence, stop, activity, offered, held };
        self.deliveries.spawn(delivery.to(poller));
    }

    /// Tells the other nodes of tasks that were scheduled here, a little later, so that one
    /// hint does for many.
    fn tell_others(&mut self) {
        let shared = self.engine.shared.clone();
        if !self.telling.is_empty() || !shared.pollers.take_news() || shared.is_alone() {
            return;
        }
        let engine = self.engine.clone();
        self.telling.spawn(async move {
            tokio::time::sleep(GATHER).await;
            // A lost hint only costs the others their next look.
            let _ = engine.shared.store.hint_activities().await;
        });
    }
}

/// Whether nothing more may be begun for now.
fn is_busy(deliveries: usize, silent: usize, room: usize) -> bool {
    deliveries.saturating_sub(silent) >= MOST_DELIVERIES || deliveries >= MOST_IN_DOUBT || room == 0
}

/// The last of these activities of which there was a task.
fn last_served(wanted: &[WantedTasks], offered: &[OfferedTask]) -> Option<ActivityKey> {
    let is_served = |wanted: &&WantedTasks| got(wanted, offered) > 0;
    let WantedTasks { account, activity, .. } = wanted.iter().rfind(is_served)?;
    Some(ActivityKey { account: account.clone(), name: activity.clone() })
}

/// How many of these tasks are of the activity that is wanted.
fn got(wanted: &WantedTasks, offered: &[OfferedTask]) -> i64 {
    let same =
        |task: &&OfferedTask| task.account == wanted.account && task.activity == wanted.activity;
    i64::try_from(offered.iter().filter(same).count()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_whose_owners_do_not_answer_hold_up_nobody_else() {
        assert!(!is_busy(MOST_DELIVERIES - 1, 0, 1));
        assert!(is_busy(MOST_DELIVERIES, 0, 1));
        assert!(!is_busy(MOST_DELIVERIES, 1, 1));
        assert!(!is_busy(MOST_IN_DOUBT - 1, MOST_IN_DOUBT - 1, 1));
        assert!(is_busy(MOST_IN_DOUBT, MOST_IN_DOUBT, 1));
        assert!(is_busy(1, 0, 0), "no room for another input");
    }
}
