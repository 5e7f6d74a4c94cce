//! Places for calls: who has to wait, and how he hears that it is his turn.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use super::call::{Far, Told, Turn};
use super::crowds::Crowds;
use super::shares::{Key, Shares};
use super::{Progress, Report};

/// The places of one node. Clones share them.
#[derive(Clone)]
pub(super) struct Places {
    queues: Arc<Mutex<Queues>>,
}

struct Queues {
    shares: Shares<oneshot::Sender<()>>,
    crowds: Crowds,
}

/// A place, held as long as the call is under way.
pub(super) struct Place {
    places: Places,
    key: Key,
}

impl Drop for Place {
    fn drop(&mut self) {
        let served = self.places.lock().shares.release(&self.key);
        tell(served);
    }
}

/// Somebody who waits. He may be served at the very moment at which he gives up.
struct Waiting {
    places: Places,
    key: Key,
    ticket: u64,
    has_begun: bool,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if self.has_begun {
            return;
        }
        let shares = &mut self.places.lock().shares;
        if !shares.leave(&self.key, self.ticket) {
            let served = shares.release(&self.key);
            tell(served);
        }
    }
}

impl Waiting {
    /// Once he has been told: what he holds is the place's now.
    fn begin(mut self) -> Place {
        self.has_begun = true;
        Place { places: self.places.clone(), key: self.key.clone() }
    }
}

impl Places {
    pub(super) fn new(all: usize) -> Self {
        let queues = Queues { shares: Shares::new(all.max(1)), crowds: Crowds::default() };
        Self { queues: Arc::new(Mutex::new(queues)) }
    }

    /// Tells calls that wait far behind to come, as many as there is room for; whether any wait.
    pub(super) fn call(&self, tell: impl FnMut(Far) -> Told) -> bool {
        let Queues { shares, crowds } = &mut *self.lock();
        crowds.call(|key| shares.waiting(key), tell)
    }

    /// Waits for a place. Within a function first come is first served; between functions, and
    /// between accounts, whoever holds fewest. A call that has a turn to hear of waits far behind if many wait.
    pub(super) async fn take(
        &self,
        account: &str,
        function: &str,
        max_concurrency: Option<i32>,
        turn: &Turn,
        progress: Report<'_>,
    ) -> Place {
        let most = max_concurrency.and_then(|most| usize::try_from(most).ok());
        let (key, most) = (Key::new(account, function), most.unwrap_or(usize::MAX).max(1));
        let mut was_far = false;
        let (tell_me, told) = oneshot::channel();
        let asked = loop {
            let near = {
                let Queues { shares, crowds } = &mut *self.lock();
                let near =
                    turn.far().filter(|(far, _)| crowds.is_far(&key, *far, shares.waiting(&key)));
                match near {
                    Some((_, near)) => near,
                    None => break shares.ask(&key, most, || tell_me),
                }
            };
            was_far = true;
            progress(Progress::Far);
            near.notified().await;
        };
        tell(asked.served);
        let places = self.clone();
        let Some(ticket) = asked.ticket else {
            if was_far {
                progress(Progress::Began);
            }
            return Place { places, key };
        };
        let waiting = Waiting { places, key, ticket, has_begun: false };
        progress(Progress::Queued);
        // It is told before it is let go of.
        let _ = told.await;
        progress(Progress::Began);
        waiting.begin()
    }

    fn lock(&self) -> MutexGuard<'_, Queues> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Who is gone by now has given his place back, or is about to.
fn tell(served: Vec<oneshot::Sender<()>>) {
    for waiter in served {
        let _ = waiter.send(());
    }
}
