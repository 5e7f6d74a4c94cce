//! The function registry, cached for a moment: a change is seen by every node within a second.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use store::{Function, Store};
use tokio::time::Instant;

/// How long what was read is believed.
const FRESH: Duration = Duration::from_millis(500);
/// Pause before the store is asked again while it is away.
const PAUSE: Duration = Duration::from_millis(250);
/// Names kept; when there are more, all are forgotten.
const CAPACITY: usize = 10_000;

type Key = (String, String);
/// Locked while its function is being read, so that it is read once.
type Entry = Arc<tokio::sync::Mutex<Option<(Instant, Option<Arc<Function>>)>>>;

/// Registered functions by account and name.
pub(super) struct Registry {
    store: Store,
    entries: Mutex<HashMap<Key, Entry>>,
}

impl Registry {
    pub(super) fn new(store: Store) -> Self {
        Self { store, entries: Mutex::default() }
    }

    /// The function of this name, if it is registered. Waits while the store is away: a task
    /// must not fail for that.
    pub(super) async fn function(&self, account: &str, name: &str) -> Option<Arc<Function>> {
        let entry = self.entry(account, name);
        let mut known = entry.lock().await;
        if let Some((read, function)) = &*known
            && read.elapsed() < FRESH
        {
            return function.clone();
        }
        let mut told = false;
        loop {
            match self.store.function(account, name).await {
                Ok(function) => {
                    let function = function.map(Arc::new);
                    *known = Some((Instant::now(), function.clone()));
                    return function;
                }
                Err(error) => {
                    if error.sealing().is_some() && !told {
                        // A node that has no key for it must not fail others' tasks.
                        tracing::error!("function `{name}` cannot be called from here: {error}");
                        told = true;
                    }
                    if let Some((_, Some(function))) = &*known {
                        return Some(function.clone());
                    }
                    tracing::debug!(%error, "the function registry cannot be read; trying again");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    fn entry(&self, account: &str, name: &str) -> Entry {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() > CAPACITY {
            entries.clear();
        }
        entries.entry((account.to_owned(), name.to_owned())).or_default().clone()
    }
}
