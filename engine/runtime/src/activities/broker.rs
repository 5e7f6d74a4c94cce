//! Brings tasks and pollers together: claims, begins, hands over.

use std::time::Duration;

use store::{OfferedTask, WantedTasks};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::pollers::{Handed, Poller};
use super::{ActivityKey, ActivityTask};
use crate::engine::Engine;
use crate::mail::Key;

/// How often the table is looked at while somebody polls and no hint arrives.
const EVERY: Duration = Duration::from_secs(2);
/// Most tasks claimed at once; their inputs are held in memory.
const AT_ONCE: i64 = 100;
/// Most tasks that are being begun.
const MOST_DELIVERIES: usize = 400;
/// How long a claim holds. Beginning a task takes less; if this node dies, the task is offered
/// again after that.
const HOLD: Duration = Duration::from_secs(10);
/// How long news of tasks is collected before the other nodes are told.
const GATHER: Duration = Duration::from_millis(10);
/// Pause before what could not be done is tried again; it doubles, up to a second.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
/// How long deliveries under way may take when the node stops.
const PATIENCE: Duration = Duration::from_secs(5);

/// The broker of a node.
pub(crate) struct Broker {
    engine: Engine,
    deliveries: JoinSet<()>,
    /// The activity served last when there were more tasks than could be claimed at once: the
    /// next one comes first.
    last: Option<ActivityKey>,
    /// The other nodes are being told of news.
    telling: JoinSet<()>,
}

impl Broker {
    pub(crate) fn new(engine: Engine) -> Self {
        Self { engine, deliveries: JoinSet::new(), last: None, telling: JoinSet::new() }
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
        let ended = async { while self.deliveries.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(PATIENCE, ended).await;
    }

    /// Claims for all who wait; whether there is reason to look again at once.
    async fn look(&mut self, stop: &CancellationToken) -> bool {
        while self.deliveries.try_join_next().is_some() {}
        while self.deliveries.len() >= MOST_DELIVERIES {
            self.deliveries.join_next().await;
        }
        let shared = self.engine.shared.clone();
        let wanted = shared.pollers.wanted(self.last.as_ref());
        if wanted.is_empty() || shared.is_away() {
            return false;
        }
        let offered = match shared.store.claim_activity_tasks(&wanted, HOLD, AT_ONCE).await {
            Ok(offered) => offered,
            Err(error) => {
                shared.set_away(error.is_unavailable(), &error.to_string());
                tracing::debug!(%error, "tasks cannot be claimed; tried again later");
                return false;
            }
        };
        // Where everybody got a task there may be more, and somebody else may have come since.
        let full = i64::try_from(offered.len()).is_ok_and(|count| count >= AT_ONCE);
        let satisfied = wanted.iter().any(|wanted| got(wanted, &offered) >= wanted.places);
        self.last = if full { last_served(&wanted, &offered) } else { None };
        for task in offered {
            self.deliver(task, stop);
        }
        full || satisfied
    }

    /// Lets others take what was begun for workers who are gone.
    fn take_back(&mut self, stop: &CancellationToken) {
        for handed in self.engine.shared.pollers.take_returned() {
            self.deliveries.spawn(take_back(self.engine.clone(), handed, stop.clone()));
        }
    }

    /// Gives a claimed task to whoever has waited longest, or back.
    fn deliver(&mut self, offered: OfferedTask, stop: &CancellationToken) {
        let engine = self.engine.clone();
        let activity =
            ActivityKey { account: offered.account.clone(), name: offered.activity.clone() };
        match engine.shared.pollers.take(&activity) {
            Some(poller) => {
                self.deliveries.spawn(deliver(engine, activity, offered, poller, stop.clone()));
            }
            None => {
                self.deliveries.spawn(async move { release(&engine, &offered).await });
            }
        }
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

/// Begins a task for this poller and hands it over.
async fn deliver(
    engine: Engine,
    activity: ActivityKey,
    offered: OfferedTask,
    poller: Poller,
    stop: CancellationToken,
) {
    let key = Key { shard: offered.shard, id: offered.execution_id };
    let pollers = &engine.shared.pollers;
    let Ok(number) = u64::try_from(offered.task) else { return };
    let (claim, _) = Uuid::new_v4().as_u64_pair();
    match begin(&engine, key, number, &poller, claim, &stop).await {
        Some(true) => {
            let Ok(input) = String::from_utf8(offered.input.to_vec()) else { return };
            let token = engine.token(&activity.account, key, number);
            let task = ActivityTask { token, input };
            if let Err(handed) = poller.serve(Handed { task, key, number, claim }) {
                pollers.give_back(handed);
            }
        }
        Some(false) => pollers.put_back(&activity, poller),
        None => release(&engine, &offered).await,
    }
}

/// Whether the task is this poller's; `None` if it was not begun.
///
/// When the database is away in between, the beginning may have been recorded without our
/// knowing: then it is asked for, under the same claim, until there is an answer.
async fn begin(
    engine: &Engine,
    key: Key,
    task: u64,
    poller: &Poller,
    claim: u64,
    stop: &CancellationToken,
) -> Option<bool> {
    let mut in_doubt = false;
    let mut pause = FIRST_PAUSE;
    loop {
        if !in_doubt && !poller.is_open() {
            return None;
        }
        match engine.begin_activity(key, task, poller.worker.clone(), claim).await {
            Ok(begun) => return Some(begun),
            Err(error) => {
                tracing::debug!(?error, "a task cannot be begun; trying again");
                in_doubt = true;
            }
        }
        if !may_try_again(&mut pause, stop).await {
            return None;
        }
    }
}

/// Takes a task back that its worker did not get, however long the store is away.
async fn take_back(engine: Engine, handed: Handed, stop: CancellationToken) {
    let mut pause = FIRST_PAUSE;
    while engine.return_activity(handed.key, handed.number, handed.claim).await.is_err() {
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
async fn release(engine: &Engine, offered: &OfferedTask) {
    let shared = engine.shared.clone();
    if let Err(error) = shared.store.release_activity_task(offered).await {
        tracing::debug!(%error, "a claimed task cannot be given back; it is free in seconds");
        return;
    }
    // Somebody may have come meanwhile, here or elsewhere.
    shared.pollers.scheduled();
}
