//! A node's name: what the process of this name before this one owned is this one's at once.
//!
//! A process holds a lock on its name over a connection that it keeps for its life. When it dies, the
//! kernel closes the connection and the database lets go of the lock: that nobody had it proves that no
//! session of an earlier process is left. What that one owned is claimed as anything is claimed, in a
//! new epoch; so that two processes of one name do no more harm than take shards from each other once,
//! at their start. One that another keeps from the name lives without: nobody comes after it.

use std::sync::Arc;
use std::time::Duration;

use store::NameLock;
use tokio::time::Instant;

use crate::shared::Shared;

/// How long after its start a node may take what an earlier process of its name owned: the server
/// process of one that was killed takes a moment to notice.
const AT_START: Duration = Duration::from_secs(2);
/// How soon the name is tried again at first; the pause doubles while another session has it.
const SOON: Duration = Duration::from_millis(50);
/// How often the name is tried while the database is away.
const AWAY: Duration = Duration::from_millis(250);
/// How often the lock is looked at, or tried, at least.
const EVERY: Duration = Duration::from_secs(5);
/// For how long another session must have had the name until that is told: it may be an earlier one of
/// this very process, or of one that has just died.
const DENIED: Duration = Duration::from_secs(5);

/// This process's hold of its node's name.
pub(crate) struct Name {
    shared: Arc<Shared>,
    lock: Option<NameLock>,
    began: Instant,
    /// The name became this process's at its start, and what an earlier one owned is not taken yet.
    owes_succession: bool,
    /// Until the name is tried again.
    pause: Duration,
    /// Since when another session has had it.
    denied_since: Option<Instant>,
    has_told: bool,
}

impl Name {
    /// Tries once, and takes over what an earlier process left.
    pub(crate) async fn take(shared: Arc<Shared>) -> Self {
        let mut name = Self {
            shared,
            lock: None,
            began: Instant::now(),
            owes_succession: false,
            pause: SOON,
            denied_since: None,
            has_told: false,
        };
        name.try_it().await;
        name
    }

    /// Keeps the name until the node has left.
    pub(crate) async fn keep(mut self) {
        let left = self.shared.left.clone();
        loop {
            let pause = self.pause();
            let is_lost = tokio::select! {
                () = left.cancelled() => break,
                () = tokio::time::sleep(pause) => false,
                () = lost(self.lock.as_mut()) => true,
            };
            match self.lock.as_mut() {
                None => self.try_it().await,
                Some(lock) => {
                    if is_lost || !lock.holds().await {
                        self.lose().await;
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

    fn pause(&self) -> Duration {
        let is_young = self.began.elapsed() < AT_START;
        match self.lock {
            Some(_) if self.owes_succession => SOON,
            Some(_) => EVERY,
            None if is_young => SOON,
            None => self.pause,
        }
    }

    /// The lock has gone with its connection: whoever has had the name since, what is owed moves by its
    /// lease. The name is tried at once, so that others do not take this node to be gone.
    async fn lose(&mut self) {
        tracing::debug!("the connection that holds the node's name was lost");
        self.lock = None;
        self.owes_succession = false;
        self.pause = SOON;
        self.try_it().await;
    }

    async fn try_it(&mut self) {
        let options = &self.shared.options;
        if options.name.is_empty() {
            self.pause = EVERY;
            return;
        }
        // Later it only holds what it lost, or what another process has let go of in good order.
        let is_start = self.began.elapsed() <= AT_START;
        match self.shared.store.lock_name(&options.name).await {
            Ok(Some(lock)) => {
                self.lock = Some(lock);
                self.denied_since = None;
                self.shared.set_named(true);
            }
            Ok(None) => self.is_denied(),
            Err(error) => {
                self.pause = AWAY;
                self.denied_since = None;
                tracing::debug!(%error, "the node's name cannot be locked now");
            }
        }
        if self.lock.is_some() && is_start {
            self.owes_succession = true;
            self.succeed().await;
        }
    }

    /// Another session has the name. Under it this node would be taken for that one's predecessor, so it
    /// goes without a name.
    fn is_denied(&mut self) {
        self.pause = (self.pause * 2).min(EVERY);
        self.shared.set_named(false);
        let since = *self.denied_since.get_or_insert_with(Instant::now);
        if since.elapsed() >= DENIED && !self.has_told {
            self.has_told = true;
            tracing::warn!(
                node.name = self.shared.options.name,
                "another process has this node's name: set `node_name` to one of its own; until then, \
                 its work waits for its lease when it is killed"
            );
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

/// Ends when the name is lost; never where there is none.
async fn lost(lock: Option<&mut NameLock>) {
    match lock {
        Some(lock) => lock.lost().await,
        None => std::future::pending().await,
    }
}
