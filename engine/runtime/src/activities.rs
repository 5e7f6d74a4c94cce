//! Hands tasks to activity workers.
//!
//! ```text
//! worker ──► poll_activity ──► pollers (in memory, first come first served)
//!                                 ▲ │ how many, of which activities
//!                        one task │ ▼
//!                              broker ──► claim: one query for all activities with pollers
//!                                 │
//!                                 └─────► begin: `ActivityStarted`, in the execution's owner
//! ```
//!
//! A worker gets a task only when `ActivityStarted` is committed. Thousands of pollers cost no
//! query each: the broker looks when tasks have been scheduled, when somebody polls an activity
//! that nobody polled, and every two seconds while anybody polls.

mod broker;
mod delivery;
mod pollers;
mod silence;

use std::time::Duration;

use crate::engine::Engine;

pub(crate) use broker::Broker;
pub(crate) use pollers::Pollers;
pub use pollers::Undelivered;

/// How long a poll waits for a task. Clients give up on an answer after 60 seconds.
pub(crate) const LONG_POLL: Duration = Duration::from_secs(56);

/// A task, handed to an activity worker.
#[derive(Clone, Eq, PartialEq)]
pub struct ActivityTask {
    /// What the worker answers with.
    pub token: String,
    /// JSON text.
    pub input: String,
}

impl std::fmt::Debug for ActivityTask {
    /// Without the token, which no log may show.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ActivityTask").field("input", &self.input).finish_non_exhaustive()
    }
}

/// Why nobody may wait for a task now.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum PollError {
    #[error("as many activity workers as are allowed wait for tasks of this activity")]
    WorkerLimit,
    #[error("as many activity workers as this node can bear wait for tasks")]
    Throttled,
}

/// Which activity.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct ActivityKey {
    pub(crate) account: String,
    pub(crate) name: String,
}

impl Engine {
    /// Waits for a task of this activity; `None` if there was none for almost a minute, or if
    /// this node stops. Whoever waits longest is served first. Dropping the future, as happens
    /// when a connection is closed, loses no task: one that had been begun for it is offered
    /// again.
    ///
    /// # Errors
    /// Too many wait already.
    pub async fn poll_activity(
        &self,
        account: &str,
        activity: &str,
        worker: Option<String>,
    ) -> Result<Option<ActivityTask>, PollError> {
        let polled = self.poll_from_afar(account, activity, worker).await?;
        Ok(polled.map(|(task, undelivered)| {
            undelivered.delivered();
            task
        }))
    }

    /// The same for a worker who may be gone before the task reaches him: until somebody says that it
    /// has, it is not his.
    ///
    /// # Errors
    /// Too many wait already.
    pub async fn poll_from_afar(
        &self,
        account: &str,
        activity: &str,
        worker: Option<String>,
    ) -> Result<Option<(ActivityTask, Undelivered)>, PollError> {
        let key = ActivityKey { account: account.to_owned(), name: activity.to_owned() };
        let Some(mut place) = self.shared.pollers.join(key, worker)? else { return Ok(None) };
        let _ = tokio::time::timeout(self.options().long_poll, place.served()).await;
        Ok(place.leave())
    }

    /// How many activity workers wait on this node.
    pub fn waiting_workers(&self) -> usize {
        self.shared.pollers.count()
    }
}
