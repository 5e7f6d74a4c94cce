//! What the API asks of a node.

use std::sync::{Arc, Weak};
use std::time::Duration;

use asl::Program;
use machine::{Limits, Timestamp};
use store::{Life, Store};
use tokio::sync::{broadcast, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::loops::{Dead, Loops};
use crate::metrics::METRICS;
use crate::options::EngineOptions;
use crate::post::ask::{Unanswered, ask};
use crate::post::mail::{Key, Mail, Message, StimulusMail, StimulusReply};
use crate::post::{Mailboxes, NotPosted};
use crate::programs::ProgramError;
use crate::shared::Shared;
use crate::tenure::share::Readiness;
use crate::tenure::skew::Comparison;

/// How long a caller waits before it is told that the store is away.
pub(crate) const PATIENCE: Duration = Duration::from_secs(8);
/// Pause before whoever finds that a shard has just gone elsewhere asks there.
pub(crate) const ELSEWHERE: Duration = Duration::from_millis(20);

/// A node's engine. Clones share it.
#[derive(Clone)]
pub struct Engine {
    pub(crate) shared: Arc<Shared>,
    pub(crate) owners: Mailboxes,
    pub(crate) loops: Loops,
    pub(crate) stop: CancellationToken,
}

/// An engine that is not kept running for its sake.
#[derive(Clone)]
pub struct WeakEngine {
    shared: Weak<Shared>,
    owners: Mailboxes,
    loops: Loops,
    stop: CancellationToken,
}

impl WeakEngine {
    /// The engine, unless it is gone.
    pub fn upgrade(&self) -> Option<Engine> {
        let Self { shared, owners, loops, stop } = self.clone();
        Some(Engine { shared: shared.upgrade()?, owners, loops, stop })
    }
}

/// Why an engine did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartupError {
    #[error("the database does not answer: {0}")]
    Store(#[from] store::Error),
    #[error("the system gives no thread: {0}")]
    Thread(#[from] std::io::Error),
}

/// An execution to end.
#[derive(Clone, Debug)]
pub struct StopRequest {
    pub account: String,
    pub state_machine: String,
    pub name: String,
    pub error: Option<String>,
    pub cause: Option<String>,
}

/// Why an execution was not stopped.
#[derive(Debug, thiserror::Error)]
pub enum StopError {
    #[error("there is no such execution")]
    NotFound,
    #[error("the queue is full")]
    Throttled,
    #[error("the database is away")]
    Unavailable,
    #[error(transparent)]
    Absent(#[from] Absent),
}

/// Why nobody did what was asked for, though the database is there.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Absent {
    #[error("the node that has this execution is gone, and its work is not taken over yet")]
    Orphaned,
    #[error("the node that has this execution did not answer in time")]
    Silent,
}

impl From<Unanswered> for StimulateError {
    fn from(why: Unanswered) -> Self {
        match why {
            Unanswered::Store => Self::Unavailable,
            Unanswered::Orphaned => Self::Absent(Absent::Orphaned),
            Unanswered::Silent => Self::Absent(Absent::Silent),
        }
    }
}

/// Why nothing could happen to an execution.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum StimulateError {
    Throttled,
    Unavailable,
    Absent(Absent),
}

impl From<StimulateError> for StopError {
    fn from(error: StimulateError) -> Self {
        match error {
            StimulateError::Throttled => Self::Throttled,
            StimulateError::Unavailable => Self::Unavailable,
            StimulateError::Absent(why) => Self::Absent(why),
        }
    }
}

impl Engine {
    /// For those whom the engine itself holds.
    pub fn downgrade(&self) -> WeakEngine {
        let Self { shared, owners, loops, stop } = self.clone();
        WeakEngine { shared: Arc::downgrade(&shared), owners, loops, stop }
    }

    pub fn store(&self) -> &Store {
        &self.shared.store
    }

    /// The compiled definition of this revision.
    pub async fn program(&self, revision: Uuid) -> Result<Arc<Program>, ProgramError> {
        self.shared.programs.of(revision).await
    }

    pub fn now(&self) -> Timestamp {
        self.shared.now()
    }

    /// A state machine has been deleted: its executions end at their next transitions, here and on
    /// all nodes.
    pub async fn end_life(&self, life: Life) {
        self.shared.standing.lives.end(life);
        // Whoever does not hear of it looks within seconds.
        let _ = self.shared.store.hint_lives().await;
    }

    /// Whether a state machine has been deleted in this life of its name, as far as this node has heard.
    pub fn has_ended(&self, account: &str, state_machine: &str, life: Uuid) -> bool {
        self.shared.standing.lives.includes(account, state_machine, life)
    }

    /// Returns when one of the node's loops has ended though nobody told it to: then the process should
    /// end, so that others take over.
    pub async fn dead(&self) -> Dead {
        self.loops.dead().await
    }

    /// Why no call to this URL will ever be made, where that can be told beforehand.
    pub async fn objection(&self, url: &str) -> Option<String> {
        self.shared.calls.objection(url).await
    }

    pub fn limits(&self) -> &Limits {
        &self.shared.options.limits
    }

    pub fn options(&self) -> &EngineOptions {
        &self.shared.options
    }

    /// Whether this node is ready to be given work, and what it owns.
    pub fn readiness(&self) -> Readiness {
        let shared = &self.shared;
        let owned = shared.standing.tenures.taken_over();
        let (due, is_settled) = shared.share.is_settled(owned);
        let is_draining = shared.draining.is_cancelled();
        let holds = shared.standing.lease.holds_now();
        let mut stuck = shared.pulses.stuck();
        if !holds {
            let seconds = -shared.standing.lease.seconds_left();
            stuck.push(format!("the node's lease ran out {seconds:.0} s ago"));
        }
        let works = !self.stop.is_cancelled() && !shared.is_away() && stuck.is_empty();
        let is_ready = works && is_settled && !is_draining;
        let set_aside = METRICS.executions.set_aside.get();
        Readiness { is_ready, owned, due, is_draining, stuck, set_aside }
    }

    /// This node's clock beside the database's, as of the last beat.
    pub fn clock(&self) -> Comparison {
        self.shared.skew.last()
    }

    /// How many shards this node owns.
    pub fn shards(&self) -> usize {
        self.shared.owned().len()
    }

    /// Whether this node works on the shard: then it hears of all that happens in it.
    pub fn owns(&self, shard: i16) -> bool {
        self.shared.owns(shard)
    }

    /// Ids of executions that get new turns on this node. A listener that lags misses some and
    /// reads the log instead.
    pub fn appended(&self) -> broadcast::Receiver<Uuid> {
        self.shared.appended.subscribe()
    }

    /// Changes whenever an access key may have been made or revoked, here or elsewhere: what is
    /// remembered of them is to be read again. A change may go unheard while the database is away.
    pub fn access_keys_changed(&self) -> watch::Receiver<()> {
        self.shared.access_keys.subscribe()
    }

    /// Ends an execution; returns when it ended. One that has ended already is left as it is.
    pub async fn stop_execution(&self, stop: StopRequest) -> Result<Timestamp, StopError> {
        if self.shared.is_away() {
            return Err(StopError::Unavailable);
        }
        // The first look finds an execution that has ended; the second one that ended while
        // it was being stopped.
        for _ in 0..2 {
            let row = self
                .shared
                .store
                .describe(&stop.account, &stop.state_machine, &stop.name)
                .await
                .map_err(|_| StopError::Unavailable)?
                .ok_or(StopError::NotFound)?;
            if let Some(ended_at) = row.head.ended_at {
                return Ok(Timestamp(ended_at.timestamp_millis()));
            }
            let key = Key { shard: row.head.shard, id: row.head.id };
            let (error, cause) = (stop.error.clone(), stop.cause.clone());
            match self.stimulate(key, Message::Stop { error, cause }).await? {
                StimulusReply::Applied { at } => return Ok(at),
                StimulusReply::Stale => {}
                StimulusReply::Unavailable => return Err(StopError::Unavailable),
                StimulusReply::Elsewhere => return Err(StopError::Absent(Absent::Silent)),
            }
        }
        Err(StopError::Unavailable)
    }

    /// Lets something happen to an execution, on whichever node it is; returns once that is
    /// committed.
    pub(crate) async fn stimulate(
        &self,
        key: Key,
        message: Message,
    ) -> Result<StimulusReply, StimulateError> {
        // A heartbeat for an execution in memory needs no store.
        let needs_store = !matches!(message, Message::Heartbeat { .. });
        if needs_store && self.shared.is_away() {
            return Err(StimulateError::Unavailable);
        }
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let reply = self.stimulate_once(key, &message, left).await?;
            // Its shard went to another node while it was on its way.
            if reply != StimulusReply::Elsewhere || left <= ELSEWHERE {
                return Ok(reply);
            }
            tokio::time::sleep(ELSEWHERE).await;
        }
    }

    async fn stimulate_once(
        &self,
        key: Key,
        message: &Message,
        patience: Duration,
    ) -> Result<StimulusReply, StimulateError> {
        if !self.shared.owns(key.shard) {
            if let Message::Heartbeat { task } = message {
                return Ok(match self.shared.heartbeats.ask(key, *task).await {
                    Some(true) => StimulusReply::Applied { at: self.now() },
                    Some(false) => StimulusReply::Stale,
                    None if self.is_orphaned(key.shard).await => {
                        return Err(StimulateError::Absent(Absent::Orphaned));
                    }
                    None => StimulusReply::Elsewhere,
                });
            }
            let answer = ask(&self.shared, key, message, patience).await?;
            return Ok(serde_json::from_slice(&answer).unwrap_or(StimulusReply::Unavailable));
        }
        let Some(stimulus) = message.stimulus() else { return Ok(StimulusReply::Stale) };
        let (mail, outcome) = StimulusMail::asked(key, stimulus);
        match self.post(key.shard, Mail::Stimulus(Box::new(mail))) {
            Ok(()) => {}
            Err(NotPosted::Full) => return Err(StimulateError::Throttled),
            Err(NotPosted::Gone) => return Ok(StimulusReply::Elsewhere),
        }
        let outcome = tokio::time::timeout(patience, outcome).await;
        Ok(outcome.ok().and_then(Result::ok).unwrap_or(StimulusReply::Unavailable))
    }

    async fn is_orphaned(&self, shard: i16) -> bool {
        matches!(self.shared.store.orphaned(shard).await, Ok(Some(_)))
    }

    /// Puts mail into the box of a shard's owner; what finds it full is counted.
    pub(crate) fn post(&self, shard: i16, mail: Mail) -> Result<(), NotPosted> {
        self.owners.post(shard, mail).inspect_err(|why| {
            if *why == NotPosted::Full {
                METRICS.executions.throttled.inc();
            }
        })
    }
}
