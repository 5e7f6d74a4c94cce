//! A node's name: what the process of this name before this one owned is this one's at once.
//!
//! A process holds a lock on its name over a connection that it keeps for its life. When it dies, the
//! kernel closes the connection and the database lets go of the lock: that nobody had it proves that no
//! session of an earlier process is left. What that one owned is claimed as anything is claimed, in a
//! new epoch; so that two processes of one name do no more harm than take shards from each other once,
//! at their start.

use std::sync::Arc;
use std::time::Duration;

use store::NameLock;
use tokio::time::Instant;

use crate::shared::Shared;

/// How long after its start a node may take what an earlier process of its name owned: the server
/// process of one that was killed takes a moment to notice.
const AT_START: Duration = Duration::from_secs(2);
/// How often the name is tried meanwhile.
const SOON: Duration = Duration::from_millis(50);
/// How often the lock is looked at later, and tried if it was lost.
const EVERY: Duration = Duration::from_secs(5);

/// This process's hold of its node's name.
pub(crate) struct Name {
    shared: Arc<Shared>,
    lock: Option<NameLock>,
    began: Instant,
    /// The name became this process's at its start, and what an earlier one owned is not taken yet.
    owes_succession: bool,
}

impl Name {
    /// Tries once, and takes over what an earlier process left.
    pub(crate) async fn take(shared: Arc<Shared>) -> Self {
        let mut name = Self { shared, lock: None, began: Instant::now(), owes_succession: false };
        name.try_it().await;
        name
    }

    /// Keeps the name until the node has left.
    pub(crate) async fn keep(mut self) {
        let left = self.shared.left.clone();
        loop {
            let is_young = self.began.elapsed() < AT_START;
            let is_soon = (self.lock.is_none() && is_young) || self.owes_succession;
            let pause = if is_soon { SOON } else { EVERY };
            tokio::select! {
                () = left.cancelled() => break,
                () = tokio::time::sleep(pause) => {}
            }
            match self.lock.as_mut() {
                None => self.try_it().await,
                Some(lock) => {
                    if !lock.holds().await {
                        tracing::debug!("the connection that holds the node's name was lost");
                        self.lock = None;
                        // Somebody else may have had the name since: what is owed moves by its lease.
                        self.owes_succession = false;
                        self.try_it().await;
                    } else if self.owes_succession {
                        self.succeed().await;
                    }
                }
            }
        }
        if let Some(lock) = self.lock {
            lock.release().await;
        }
    }

    async fn try_it(&mut self) {
        let options = &self.shared.options;
        if options.name.is_empty() {
            return;
        }
        // Later it only holds what it lost, or what another process has let go of in good order.
        let is_start = self.began.elapsed() <= AT_START;
        match self.shared.store.lock_name(&options.name).await {
            Ok(lock) => self.lock = lock,
            Err(error) => tracing::debug!(%error, "the node's name cannot be locked now"),
        }
        if self.lock.is_some() && is_start {
            self.owes_succession = true;
            self.succeed().await;
        }
    }

    /// Takes what an earlier process of this name owned; tried again until the database has answered.
    async fn succeed(&mut self) {
        let options = &self.shared.options;
        match self.shared.store.succeed(options.node, &options.name, options.lease).await {
            Ok(0) => self.owes_succession = false,
            Ok(count) => {
                self.owes_succession = false;
                tracing::info!(count, "took over what this node owned before it was started again");
                self.shared.beat.notify_one();
            }
            Err(error) => {
                tracing::debug!(%error, "what an earlier process owned is asked for again");
            }
        }
    }
}
