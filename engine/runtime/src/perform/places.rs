//! Places for calls: so many for each function, and so many in all.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{Progress, Report};

/// Functions remembered; when there are more, those that are not being called are forgotten.
const CAPACITY: usize = 10_000;

/// The places of one node.
pub(super) struct Places {
    all: Arc<Semaphore>,
    /// Most places that one function gets.
    half: usize,
    /// By account and name; another `max_concurrency` makes new places.
    functions: Mutex<HashMap<Key, Own>>,
}

/// Account, and name or URL.
type Key = (String, String);
/// How many places a function has, and the places.
type Own = (usize, Arc<Semaphore>);

/// A place, held as long as the call is under way.
pub(super) struct Place {
    _function: Option<OwnedSemaphorePermit>,
    _all: Option<OwnedSemaphorePermit>,
}

impl Places {
    pub(super) fn new(all: usize) -> Self {
        let all = all.max(1);
        Self {
            all: Arc::new(Semaphore::new(all)),
            half: all.div_ceil(2),
            functions: Mutex::default(),
        }
    }

    /// Waits for a place, first come first served. The function's own place comes first, so
    /// that calls that wait for a slow function hold none of the places of all; and since one
    /// function gets at most half of those, it holds up no other.
    pub(super) async fn take(
        &self,
        account: &str,
        function: &str,
        max_concurrency: Option<i32>,
        progress: Report<'_>,
    ) -> Place {
        let own = self.of(account, function, max_concurrency);
        let mut queued = false;
        let function = take_one(own, &mut queued, progress).await;
        let all = take_one(self.all.clone(), &mut queued, progress).await;
        if queued {
            progress(Progress::Began);
        }
        Place { _function: function, _all: all }
    }

    fn of(&self, account: &str, function: &str, max_concurrency: Option<i32>) -> Arc<Semaphore> {
        let most = max_concurrency.and_then(|most| usize::try_from(most).ok());
        let most = most.map_or(self.half, |most| most.clamp(1, self.half));
        let mut functions = self.functions.lock().unwrap_or_else(PoisonError::into_inner);
        if functions.len() > CAPACITY {
            // Who holds a place or waits for one holds on to its semaphore.
            functions.retain(|_, (_, places)| Arc::strong_count(places) > 1);
        }
        let key = (account.to_owned(), function.to_owned());
        let places = functions.entry(key).or_insert_with(|| (most, Arc::new(Semaphore::new(most))));
        if places.0 != most {
            *places = (most, Arc::new(Semaphore::new(most)));
        }
        places.1.clone()
    }
}

async fn take_one(
    places: Arc<Semaphore>,
    queued: &mut bool,
    progress: Report<'_>,
) -> Option<OwnedSemaphorePermit> {
    if let Ok(place) = places.clone().try_acquire_owned() {
        return Some(place);
    }
    if !*queued {
        *queued = true;
        progress(Progress::Queued);
    }
    // Semaphores of ours are never closed.
    places.acquire_owned().await.ok()
}
