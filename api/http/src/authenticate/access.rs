//! Whether the doors are open: everybody's, or for holders of keys alone.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use runtime::Engine;
use store::Store;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use crate::error::OperationError;

/// How long it is taken for granted that there is still no key.
const EVERY: Duration = Duration::from_secs(2);
/// How long the store may take to say whether there is one.
const PATIENCE: Duration = Duration::from_secs(2);

/// Who is let in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Access {
    /// Whoever has an access key.
    Closed,
    /// Everybody, as the configured account.
    Open(Reach),
    /// Everybody until there is an access key; from then on, for good, whoever has one.
    OpenUntilKey(Reach),
}

/// From where the server can be reached.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Reach {
    /// From this machine alone.
    Loopback,
    /// From others, too.
    Network,
}

/// Knows whether the doors are open now.
pub(super) struct Gate {
    access: Access,
    store: Store,
    /// There has been a key; there is no way back.
    closed: AtomicBool,
    /// When it was last seen that there is none, and who tells that there may be one now.
    seen: Mutex<Seen>,
    /// Held by whoever looks.
    looking: tokio::sync::Mutex<()>,
}

struct Seen {
    at: Option<Instant>,
    /// When the store last did not say.
    unsaid: Option<Instant>,
    changed: watch::Receiver<()>,
}

impl Seen {
    /// What was seen before, and what was heard, counts no more.
    fn forget(&mut self) {
        self.changed.mark_unchanged();
        self.at = None;
    }
}

impl Gate {
    pub(super) fn new(access: Access, engine: &Engine) -> Self {
        Self {
            access,
            store: engine.store().clone(),
            closed: AtomicBool::new(false),
            seen: Mutex::new(Seen {
                at: None,
                unsaid: None,
                changed: engine.access_keys_changed(),
            }),
            looking: tokio::sync::Mutex::new(()),
        }
    }

    /// From where everybody is let in; `None` if a key is needed.
    ///
    /// # Errors
    /// The store does not say now whether there is a key: nobody is let in on a guess.
    pub(super) async fn is_open(&self) -> Result<Option<Reach>, OperationError> {
        match self.access {
            Access::Closed => Ok(None),
            Access::Open(reach) => Ok(Some(reach)),
            Access::OpenUntilKey(_) if self.closed.load(Ordering::Acquire) => Ok(None),
            Access::OpenUntilKey(reach) => {
                if !self.was_open_lately() {
                    self.look().await?;
                }
                Ok((!self.closed.load(Ordering::Acquire)).then_some(reach))
            }
        }
    }

    /// Whether it was seen lately, and nothing was heard since.
    fn was_open_lately(&self) -> bool {
        let seen = self.seen();
        let is_quiet = seen.changed.has_changed().is_ok_and(|changed| !changed);
        is_quiet && seen.at.is_some_and(|at| at.elapsed() < EVERY)
    }

    /// Asks the store; one at a time, and the others wait for what it says.
    async fn look(&self) -> Result<(), OperationError> {
        let began = Instant::now();
        let _one = self.looking.lock().await;
        if self.was_open_lately() || self.closed.load(Ordering::Acquire) {
            return Ok(());
        }
        // Whoever was before us has just heard nothing.
        if self.seen().unsaid.is_some_and(|unsaid| unsaid > began) {
            return Err(OperationError::unavailable());
        }
        // What changes while the store is asked is looked at again, and what was seen before counts no more.
        self.seen().forget();
        let said = timeout(PATIENCE, self.store.access_keys_there()).await;
        let there = said.map_err(|_| OperationError::unavailable()).and_then(|said| {
            said.map_err(|error| {
                tracing::debug!(%error, "whether there are access keys is not known: {error}");
                OperationError::unavailable()
            })
        });
        match there {
            Ok(there) if there.ever => {
                self.closed.store(true, Ordering::Release);
                tracing::warn!(
                    "there is an access key: from now on requests need one, until this process ends"
                );
            }
            Ok(_) => self.seen().at = Some(Instant::now()),
            Err(unsaid) => {
                self.seen().unsaid = Some(Instant::now());
                return Err(unsaid);
            }
        }
        Ok(())
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().expect("nobody panics while holding this")
    }
}
