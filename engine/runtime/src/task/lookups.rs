//! Whether an activity exists, asked before its task is scheduled.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use asl::arn::ActivityArn;
use machine::{FrameId, Stimulus};
use store::Store;
use tokio::sync::Semaphore;
use tokio::time::Instant;

/// How long an activity that was there is believed to be.
const FRESH: Duration = Duration::from_millis(500);
/// Pause before the store is asked again while it is away.
const PAUSE: Duration = Duration::from_millis(250);
/// Names remembered; when there are more, all are forgotten.
const CAPACITY: usize = 10_000;
/// Questions at the same time: the pool is for all.
const AT_ONCE: usize = 4;

/// Activities by account and name, and when they were last seen.
pub(crate) struct Lookups {
    store: Store,
    seen: Mutex<HashMap<(String, String), Instant>>,
    turns: Semaphore,
}

impl Lookups {
    pub(crate) fn new(store: Store) -> Arc<Self> {
        Arc::new(Self { store, seen: Mutex::default(), turns: Semaphore::new(AT_ONCE) })
    }

    /// Looks an activity up for a frame, however long the store is away. An execution sees only
    /// the activities of its own account.
    pub(crate) async fn find(
        &self,
        arn: &str,
        account: &str,
        frame: FrameId,
        sought: u64,
    ) -> Stimulus {
        match ActivityArn::parse(arn) {
            Ok(activity)
                if activity.account == account && self.exists(account, &activity.name).await =>
            {
                Stimulus::ActivityFound { frame, sought }
            }
            Ok(_) | Err(_) => Stimulus::ActivityMissing { frame, sought },
        }
    }

    async fn exists(&self, account: &str, name: &str) -> bool {
        loop {
            match self.is_there(account, name).await {
                Ok(there) => return there,
                Err(error) => {
                    tracing::debug!(%error, "an activity cannot be looked up; trying again");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    /// Whether there is such an activity, as of half a second ago at most.
    pub(crate) async fn is_there(&self, account: &str, name: &str) -> Result<bool, store::Error> {
        let key = (account.to_owned(), name.to_owned());
        if self.is_known(&key) {
            return Ok(true);
        }
        let _turn = self.turns.acquire().await;
        // Who waited may find that somebody else has asked.
        if self.is_known(&key) {
            return Ok(true);
        }
        let found = self.store.activity(account, name).await?.is_some();
        if found {
            let mut seen = self.seen();
            if seen.len() > CAPACITY {
                seen.clear();
            }
            seen.insert(key, Instant::now());
        }
        Ok(found)
    }

    /// What was seen of this activity is not true any more.
    pub(crate) fn forget(&self, account: &str, name: &str) {
        self.seen().remove(&(account.to_owned(), name.to_owned()));
    }

    fn is_known(&self, key: &(String, String)) -> bool {
        self.seen().get(key).is_some_and(|seen| seen.elapsed() < FRESH)
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, HashMap<(String, String), Instant>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
