//! Who waits for a task: in memory, first come first served per activity.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use store::WantedTasks;
use tokio::sync::{Notify, oneshot};

use super::{ActivityKey, ActivityTask, PollError};
use crate::post::mail::Key;

/// Most pollers of one activity on a node: AWS's quota.
const MOST_PER_ACTIVITY: usize = 1_000;
/// Most pollers of a node.
const MOST: usize = 20_000;

/// All pollers of a node. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct Pollers {
    inner: Arc<Inner>,
}

impl std::fmt::Debug for Pollers {
    /// Without those who wait: they are many.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pollers").finish_non_exhaustive()
    }
}

#[derive(Default)]
struct Inner {
    waiting: Mutex<Waiting>,
    /// Rings when there may be something to claim.
    bell: Notify,
    /// Tasks were scheduled of which other nodes may not know.
    news: AtomicBool,
    /// Tasks that were begun for workers who were gone before they got them.
    returned: Mutex<Vec<Claimed>>,
}

#[derive(Default)]
struct Waiting {
    queues: BTreeMap<ActivityKey, VecDeque<Poller>>,
    /// How many pollers there are, closed ones included.
    count: usize,
    /// The node stops: nobody is to wait any more.
    closed: bool,
}

/// Somebody who waits for a task.
pub(crate) struct Poller {
    /// What the worker calls itself.
    pub(crate) worker: Option<String>,
    reply: oneshot::Sender<Handed>,
}

/// A task on its way to a worker.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Handed {
    pub(crate) task: ActivityTask,
    pub(crate) claimed: Claimed,
}

/// What it takes to take a task back.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Claimed {
    pub(crate) key: Key,
    pub(crate) number: u64,
    pub(crate) claim: u64,
}

/// The place of a poller, as it sees it. Dropping it gives a task back that it has got and not
/// taken away.
pub(crate) struct Place {
    pollers: Pollers,
    served: oneshot::Receiver<Handed>,
    handed: Option<Handed>,
}

/// A task that was begun for a worker and may not have reached him. Dropping it has the task offered to
/// others, unless it is over by then.
#[derive(Debug)]
pub struct Undelivered {
    pollers: Pollers,
    claimed: Option<Claimed>,
}

impl Undelivered {
    /// The worker has it.
    pub fn delivered(mut self) {
        self.claimed = None;
    }
}

impl Drop for Undelivered {
    fn drop(&mut self) {
        if let Some(claimed) = self.claimed.take() {
            self.pollers.give_back(claimed);
        }
    }
}

impl Pollers {
    /// Takes a place at the end of the queue; `None` if the node stops.
    pub(crate) fn join(
        &self,
        activity: ActivityKey,
        worker: Option<String>,
    ) -> Result<Option<Place>, PollError> {
        let mut waiting = self.lock();
        if waiting.closed {
            return Ok(None);
        }
        if waiting.count >= MOST {
            waiting.forget_closed();
        }
        if waiting.count >= MOST {
            return Err(PollError::Throttled);
        }
        let Waiting { queues, count, .. } = &mut *waiting;
        let queue = queues.entry(activity).or_default();
        if queue.len() >= MOST_PER_ACTIVITY {
            let before = queue.len();
            queue.retain(Poller::is_open);
            *count -= before - queue.len();
            if queue.len() >= MOST_PER_ACTIVITY {
                return Err(PollError::WorkerLimit);
            }
        }
        let (reply, served) = oneshot::channel();
        // Whoever waits already knows that there is nothing, and will hear of news.
        let first = queue.iter().all(|poller| !poller.is_open());
        queue.push_back(Poller { worker, reply });
        *count += 1;
        drop(waiting);
        if first {
            self.inner.bell.notify_one();
        }
        Ok(Some(Place { pollers: self.clone(), served, handed: None }))
    }

    /// Tasks were scheduled on this node, and committed.
    pub(crate) fn scheduled(&self) {
        self.inner.news.store(true, Ordering::Release);
        self.inner.bell.notify_one();
    }

    /// Somewhere tasks may have been scheduled.
    pub(crate) fn ring(&self) {
        self.inner.bell.notify_one();
    }

    /// Waits until there may be something to claim.
    pub(crate) async fn rung(&self) {
        self.inner.bell.notified().await;
    }

    /// Whether tasks were scheduled since this was asked last.
    pub(super) fn take_news(&self) -> bool {
        self.inner.news.swap(false, Ordering::AcqRel)
    }

    /// Whether anybody waits.
    pub(super) fn any(&self) -> bool {
        self.lock().count > 0
    }

    /// How many wait.
    pub(super) fn count(&self) -> usize {
        let mut waiting = self.lock();
        waiting.forget_closed();
        waiting.count
    }

    /// How many tasks of which activities have takers, beginning with the activity after this one
    /// and going round.
    pub(super) fn wanted(&self, after: Option<&ActivityKey>) -> Vec<WantedTasks> {
        let mut waiting = self.lock();
        waiting.forget_closed();
        let bound = after.map_or(Bound::Unbounded, Bound::Excluded);
        let behind = waiting.queues.range::<ActivityKey, _>((bound, Bound::Unbounded));
        let before = waiting.queues.iter().take_while(|(key, _)| Some(*key) <= after);
        let polled = behind.chain(before).filter(|(_, queue)| !queue.is_empty());
        let wanted = polled.map(|(key, queue)| WantedTasks {
            account: key.account.clone(),
            activity: key.name.clone(),
            places: i64::try_from(queue.len()).unwrap_or(i64::MAX),
        });
        wanted.collect()
    }

    /// The one who has waited longest and is still there.
    pub(super) fn take(&self, activity: &ActivityKey) -> Option<Poller> {
        let mut waiting = self.lock();
        let queue = waiting.queues.get_mut(activity)?;
        let mut gone = 0;
        let poller = loop {
            match queue.pop_front() {
                Some(poller) if poller.is_open() => break Some(poller),
                Some(_) => gone += 1,
                None => break None,
            }
        };
        waiting.count -= gone + usize::from(poller.is_some());
        poller
    }

    /// The one of this name who has waited longest and is still there.
    pub(super) fn take_named(&self, activity: &ActivityKey, name: Option<&str>) -> Option<Poller> {
        let mut waiting = self.lock();
        let queue = waiting.queues.get_mut(activity)?;
        let is_it = |poller: &Poller| poller.is_open() && poller.worker.as_deref() == name;
        let poller = queue.remove(queue.iter().position(is_it)?)?;
        waiting.count -= 1;
        Some(poller)
    }

    /// Gives a poller its place at the front back: its task was none.
    pub(super) fn put_back(&self, activity: &ActivityKey, poller: Poller) {
        let mut waiting = self.lock();
        if waiting.closed {
            return;
        }
        waiting.queues.entry(activity.clone()).or_default().push_front(poller);
        waiting.count += 1;
        self.inner.bell.notify_one();
    }

    /// A task was begun for somebody who is gone: others are to have it.
    pub(super) fn give_back(&self, claimed: Claimed) {
        self.returned().push(claimed);
        self.inner.bell.notify_one();
    }

    /// What was given back since this was asked last.
    pub(super) fn take_returned(&self) -> Vec<Claimed> {
        std::mem::take(&mut *self.returned())
    }

    fn returned(&self) -> MutexGuard<'_, Vec<Claimed>> {
        self.inner.returned.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The node stops: everybody is told that there is no task, now and from now on.
    pub(crate) fn close(&self) {
        let mut waiting = self.lock();
        waiting.closed = true;
        waiting.count = 0;
        waiting.queues.clear();
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.inner.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn forget_closed(&mut self) {
        for queue in self.queues.values_mut() {
            queue.retain(Poller::is_open);
        }
        self.queues.retain(|_, queue| !queue.is_empty());
        self.count = self.queues.values().map(VecDeque::len).sum();
    }
}

impl Poller {
    /// Whether somebody still waits at the other end.
    pub(super) fn is_open(&self) -> bool {
        !self.reply.is_closed()
    }

    /// Hands a task over, or back if nobody is there any more.
    pub(super) fn serve(self, handed: Handed) -> Result<(), Handed> {
        self.reply.send(handed)
    }
}

impl Place {
    /// Waits until there is a task, or none will come.
    pub(super) async fn served(&mut self) {
        if let Ok(handed) = (&mut self.served).await {
            self.handed = Some(handed);
        }
    }

    /// Gives the place up, with the task if there is one.
    pub(super) fn leave(mut self) -> Option<(ActivityTask, Undelivered)> {
        let Handed { task, claimed } = self.take_handed()?;
        Some((task, Undelivered { pollers: self.pollers.clone(), claimed: Some(claimed) }))
    }

    fn take_handed(&mut self) -> Option<Handed> {
        // After this nothing can be sent any more, so that nothing falls in between.
        self.served.close();
        self.handed.take().or_else(|| self.served.try_recv().ok())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(handed) = self.take_handed() {
            self.pollers.give_back(handed.claimed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn activity(name: &str) -> ActivityKey {
        ActivityKey { account: "123456789012".to_owned(), name: name.to_owned() }
    }

    fn handed(token: &str) -> Handed {
        let task = ActivityTask { token: token.to_owned(), input: "{}".to_owned() };
        let key = Key { shard: 1, id: uuid::Uuid::from_u128(1) };
        Handed { task, claimed: Claimed { key, number: 3, claim: 7 } }
    }

    fn join(pollers: &Pollers, name: &str, worker: &str) -> Place {
        pollers.join(activity(name), Some(worker.to_owned())).unwrap().unwrap()
    }

    fn wanted(pollers: &Pollers, after: Option<&str>) -> Vec<(String, i64)> {
        let wanted = pollers.wanted(after.map(activity).as_ref());
        wanted.into_iter().map(|wanted| (wanted.activity, wanted.places)).collect()
    }

    #[test]
    fn who_came_first_is_served_first_and_who_left_is_skipped() {
        let pollers = Pollers::default();
        let gone = join(&pollers, "a", "gone");
        let _first = join(&pollers, "a", "first");
        let _second = join(&pollers, "a", "second");
        drop(gone);
        assert_eq!(wanted(&pollers, None), [("a".to_owned(), 2)]);
        let first = pollers.take(&activity("a")).unwrap();
        assert_eq!(first.worker.as_deref(), Some("first"));
        pollers.put_back(&activity("a"), first);
        for expected in ["first", "second"] {
            let poller = pollers.take(&activity("a")).unwrap();
            assert_eq!(poller.worker.as_deref(), Some(expected));
        }
        assert!(pollers.take(&activity("a")).is_none());
        assert!(!pollers.any());
    }

    #[test]
    fn a_task_that_was_begun_late_goes_to_a_worker_of_its_name() {
        let pollers = Pollers::default();
        let gone = join(&pollers, "a", "w");
        let places = ["v", "w", "w"].map(|name| join(&pollers, "a", name));
        drop(gone);
        let poller = pollers.take_named(&activity("a"), Some("w")).unwrap();
        poller.serve(handed("t")).unwrap();
        assert!(pollers.take_named(&activity("a"), None).is_none());
        assert_eq!(wanted(&pollers, None), [("a".to_owned(), 2)]);
        let got = places.map(|place| place.leave().is_some());
        assert_eq!(got, [false, true, false]);
    }

    #[test]
    fn a_task_begun_for_somebody_who_left_is_given_back() {
        let pollers = Pollers::default();
        let stays = join(&pollers, "a", "stays");
        let leaves = join(&pollers, "a", "leaves");
        for token in ["t1", "t2"] {
            let poller = pollers.take(&activity("a")).unwrap();
            poller.serve(handed(token)).unwrap();
        }
        drop(leaves);
        let (task, undelivered) = stays.leave().unwrap();
        assert_eq!(task, handed("t1").task);
        assert_eq!(pollers.take_returned(), [handed("t2").claimed]);
        undelivered.delivered();
        assert_eq!(pollers.take_returned(), []);
    }

    #[test]
    fn a_task_that_does_not_reach_its_worker_is_given_back() {
        let pollers = Pollers::default();
        let place = join(&pollers, "a", "w");
        pollers.take(&activity("a")).unwrap().serve(handed("t")).unwrap();
        let (_, undelivered) = place.leave().unwrap();
        assert_eq!(pollers.take_returned(), []);
        drop(undelivered);
        assert_eq!(pollers.take_returned(), [handed("t").claimed]);
    }

    #[test]
    fn all_activities_get_their_turn() {
        let pollers = Pollers::default();
        let _places: Vec<Place> = ["a", "b", "b", "c"].map(|name| join(&pollers, name, "w")).into();
        let of = |name: &str, places| (name.to_owned(), places);
        assert_eq!(wanted(&pollers, None), [of("a", 1), of("b", 2), of("c", 1)]);
        assert_eq!(wanted(&pollers, Some("b")), [of("c", 1), of("a", 1), of("b", 2)]);
        assert_eq!(wanted(&pollers, Some("bb")), [of("c", 1), of("a", 1), of("b", 2)]);
    }

    #[test]
    fn a_thousand_may_wait_for_one_activity() {
        let pollers = Pollers::default();
        let mut places: Vec<Place> =
            (0..MOST_PER_ACTIVITY).map(|_| join(&pollers, "a", "w")).collect();
        let refused = pollers.join(activity("a"), None).err();
        assert_eq!(refused, Some(PollError::WorkerLimit));
        join(&pollers, "b", "w");
        places.pop();
        join(&pollers, "a", "w");
    }

    #[test]
    fn a_node_that_stops_lets_everybody_go() {
        let pollers = Pollers::default();
        let waits = join(&pollers, "a", "w");
        pollers.close();
        assert!(waits.leave().is_none());
        assert!(pollers.join(activity("a"), None).unwrap().is_none());
        assert!(!pollers.any());
    }

    #[test]
    fn only_the_first_poller_of_an_activity_asks_for_a_look() {
        use futures_util::FutureExt as _;
        let pollers = Pollers::default();
        let _first = join(&pollers, "a", "w");
        assert!(pollers.rung().now_or_never().is_some());
        let _second = join(&pollers, "a", "w");
        assert!(pollers.rung().now_or_never().is_none());
        assert!(!pollers.take_news());
        pollers.scheduled();
        assert!(pollers.rung().now_or_never().is_some() && pollers.take_news());
    }
}
