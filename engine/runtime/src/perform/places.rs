//! Places for calls: so many for each function, and so many in all.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use store::Function;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{Progress, Report};

/// The places of one node.
pub(super) struct Places {
    all: Arc<Semaphore>,
    /// By account and name; another `max_concurrency` makes new places.
    functions: Mutex<HashMap<Key, Own>>,
}

/// Account and name.
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
        Self { all: Arc::new(Semaphore::new(all.max(1))), functions: Mutex::default() }
    }

    /// Waits for a place, first come first served. The function's own place comes first, so
    /// that calls that wait for a slow function hold none of the places of all.
    pub(super) async fn take(
        &self,
        function: Option<&Arc<Function>>,
        progress: Report<'_>,
    ) -> Place {
        let own = function.and_then(|function| self.of(function));
        let mut queued = false;
        let function = match own {
            None => None,
            Some(own) => Some(take_one(own, &mut queued, progress).await),
        };
        let all = take_one(self.all.clone(), &mut queued, progress).await;
        if queued {
            progress(Progress::Began);
        }
        Place { _function: function.flatten(), _all: all }
    }

    fn of(&self, function: &Function) -> Option<Arc<Semaphore>> {
        let most = usize::try_from(function.max_concurrency?).ok()?;
        let mut functions = self.functions.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (function.account.clone(), function.name.clone());
        let places = functions.entry(key).or_insert_with(|| (most, Arc::new(Semaphore::new(most))));
        if places.0 != most {
            *places = (most, Arc::new(Semaphore::new(most)));
        }
        Some(places.1.clone())
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
