//! What the API asks of a node.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use asl::Payload;
use bytes::Bytes;
use machine::{Identity, Limits, Timestamp};
use store::{Lane, Store};
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::activities::Broker;
use crate::fire::Fire;
use crate::inbox::{self, Inbox};
use crate::lane::LaneLoop;
use crate::mail::{Key, Mail, Message, StartMail, StartReply, StimulusMail, StimulusReply};
use crate::membership::Membership;
use crate::options::EngineOptions;
use crate::owner::{Owner, moment, owner_of};
use crate::passivate;
use crate::perform::Perform;
use crate::programs::ProgramError;
use crate::shared::Shared;
use crate::sleepers::Sleepers;
use crate::token::Seal;

/// How long a caller waits before it is told that the store is away.
const PATIENCE: Duration = Duration::from_secs(8);
/// Names tried for a start without one, until one falls into a shard of ours.
const MOST_NAMES: usize = 2_000;

/// A node's engine. Clones share it.
#[derive(Clone)]
pub struct Engine {
    pub(crate) shared: Arc<Shared>,
    owners: Arc<Mutex<Vec<mpsc::Sender<Mail>>>>,
    loops: Arc<Mutex<Vec<JoinHandle<()>>>>,
    stop: CancellationToken,
}

/// An engine that is not kept running for its sake.
#[derive(Clone)]
pub struct WeakEngine {
    shared: Weak<Shared>,
    owners: Arc<Mutex<Vec<mpsc::Sender<Mail>>>>,
    loops: Arc<Mutex<Vec<JoinHandle<()>>>>,
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
}

/// An execution to start; everything in it has been checked.
#[derive(Clone, Debug)]
pub struct Start {
    pub account: String,
    pub state_machine: String,
    /// As the start names it: with version or alias, if it has one.
    pub state_machine_arn: String,
    pub revision_id: Uuid,
    pub role_arn: String,
    /// `None`: a new name is made.
    pub name: Option<String>,
    pub input: Payload,
    pub version: Option<i64>,
    pub alias: Option<String>,
    pub trace_header: Option<String>,
    /// Whether repeating this start, all of it, finds the execution also after its end.
    pub idempotent: bool,
}

/// An execution that has been started, durably.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Started {
    pub arn: String,
    pub name: String,
    pub started_at: Timestamp,
}

/// Why an execution was not started. Nothing of it is left behind.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("an execution of this name exists: {arn}")]
    AlreadyExists { arn: String },
    #[error("the queue of starts is full")]
    Throttled,
    #[error("the database is away")]
    Unavailable,
    #[error(transparent)]
    Program(ProgramError),
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
}

/// Why nothing could happen to an execution.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum StimulateError {
    Throttled,
    Unavailable,
}

impl From<StimulateError> for StopError {
    fn from(error: StimulateError) -> Self {
        match error {
            StimulateError::Throttled => Self::Throttled,
            StimulateError::Unavailable => Self::Unavailable,
        }
    }
}

impl Engine {
    /// Starts all loops of a node; returns once it owns its share of the shards.
    pub async fn start(
        store: Store,
        options: EngineOptions,
        performer: Arc<dyn Perform>,
    ) -> Result<Self, StartupError> {
        let lanes = options.lanes.max(1);
        let seal = Seal::of(&store).await?;
        let (shared, fenced) = Shared::new(store, options, performer, seal);
        let stop = CancellationToken::new();
        let (mut owners, mut loops) = (Vec::new(), Vec::new());
        for _ in 0..lanes {
            let (owner, handles) = spawn_owner(&shared);
            owners.push(owner);
            loops.extend(handles);
        }
        let mut membership = Membership::new(shared.clone(), owners.clone(), fenced);
        membership.beat().await?;
        let sleepers =
            Sleepers { shared: shared.clone(), owners: owners.clone(), seen: HashMap::new() };
        let inbox = Inbox {
            shared: shared.clone(),
            owners: owners.clone(),
            taken: HashMap::new(),
            swept: Timestamp::default(),
        };
        loops.push(tokio::spawn(membership.run(stop.clone())));
        loops.push(tokio::spawn(sleepers.run(stop.clone())));
        loops.push(tokio::spawn(inbox.run(stop.clone())));
        let (owners, loops) = (Arc::new(Mutex::new(owners)), Arc::new(Mutex::new(loops)));
        let engine = Self { shared: shared.clone(), owners, loops, stop: stop.clone() };
        let broker = tokio::spawn(Broker::new(engine.clone()).run(stop.clone()));
        let fire = tokio::spawn(Fire::new(engine.clone(), shared, stop).run());
        engine.loops.lock().unwrap_or_else(PoisonError::into_inner).extend([broker, fire]);
        Ok(engine)
    }

    /// For those whom the engine itself holds.
    pub fn downgrade(&self) -> WeakEngine {
        let Self { shared, owners, loops, stop } = self.clone();
        WeakEngine { shared: Arc::downgrade(&shared), owners, loops, stop }
    }

    pub fn store(&self) -> &Store {
        &self.shared.store
    }

    pub fn now(&self) -> Timestamp {
        self.shared.now()
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

    /// Whether this node can take work: its loops run and the store answers.
    pub fn ready(&self) -> bool {
        !self.stop.is_cancelled() && !self.shared.is_away()
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

    /// Starts an execution and returns once it is committed. The same name with the same input
    /// while it runs is the same start, as on AWS; for ever, if the start is `idempotent`.
    pub async fn start_execution(&self, start: Start) -> Result<Started, StartError> {
        if self.shared.is_away() || self.stop.is_cancelled() {
            return Err(StartError::Unavailable);
        }
        let program =
            self.shared.programs.of(start.revision_id).await.map_err(|error| match error {
                ProgramError::Store(error) if error.is_unavailable() => StartError::Unavailable,
                other => StartError::Program(other),
            })?;
        let (name, shard) = self.name_of(&start);
        let key = Key { shard, id: Uuid::now_v7() };
        let identity = self.identity_of(&start, &name);
        let started_at = self.now();
        let row = store::NewExecution {
            account: start.account.clone(),
            state_machine: start.state_machine.clone(),
            name: name.clone(),
            revision_id: start.revision_id,
            version: start.version,
            alias: start.alias.clone(),
            input: Bytes::copy_from_slice(start.input.raw().as_bytes()),
            started_at: moment(started_at),
            trace_header: start.trace_header.clone(),
        };
        let arn = identity.arn.clone();
        let outcome = if self.shared.owns(shard) {
            let (reply, outcome) = oneshot::channel();
            let input = start.input.clone();
            self.post(
                shard,
                Mail::Start(Box::new(StartMail {
                    key,
                    program,
                    identity,
                    row,
                    input,
                    reply: Some(reply),
                    message: None,
                })),
            )
            .map_err(|full| if full { StartError::Throttled } else { StartError::Unavailable })?;
            tokio::time::timeout(PATIENCE, outcome)
                .await
                .ok()
                .and_then(Result::ok)
                .unwrap_or(StartReply::Unavailable)
        } else {
            self.start_elsewhere(key, &start, identity).await
        };
        match outcome {
            StartReply::Started => Ok(Started { arn, name, started_at }),
            StartReply::Unavailable => Err(StartError::Unavailable),
            StartReply::Taken => self.same_start(&start, arn, name, key.id).await,
        }
    }

    /// A name that is taken: by the same start, or by another execution?
    async fn same_start(
        &self,
        start: &Start,
        arn: String,
        name: String,
        id: Uuid,
    ) -> Result<Started, StartError> {
        let row = self
            .shared
            .store
            .describe(&start.account, &start.state_machine, &name)
            .await
            .map_err(|_| StartError::Unavailable)?;
        let Some(row) = row else { return Err(StartError::Unavailable) };
        let same_input = row.input == start.input.raw().as_bytes();
        let same = if start.idempotent {
            let (version, trace) = (row.head.version, &row.head.trace_header);
            same_input && version == start.version && *trace == start.trace_header
        } else {
            same_input && row.head.status == store::Status::Running
        };
        if row.head.id != id && !same {
            return Err(StartError::AlreadyExists { arn });
        }
        let started_at = Timestamp(row.head.started_at.timestamp_millis());
        Ok(Started { arn, name, started_at })
    }

    /// Asks the owner of a shard that is not ours.
    async fn start_elsewhere(&self, key: Key, start: &Start, identity: Identity) -> StartReply {
        let message = Message::Start {
            revision: start.revision_id,
            identity: Box::new(identity),
            version: start.version,
            alias: start.alias.clone(),
            trace_header: start.trace_header.clone(),
            account: start.account.clone(),
            input: start.input.raw().to_owned(),
        };
        match inbox::ask(&self.shared, key, &message, PATIENCE).await {
            // Whether it was started or its name was taken, the row tells.
            Ok(Some(_)) => StartReply::Taken,
            Ok(None) | Err(_) => StartReply::Unavailable,
        }
    }

    /// The name of an execution and its shard. A new name is chosen so that its shard is one
    /// of ours.
    fn name_of(&self, start: &Start) -> (String, i16) {
        let shard = |name: &str| store::shard_of(&start.account, &start.state_machine, name);
        if let Some(name) = &start.name {
            return (name.clone(), shard(name));
        }
        let mut name = Uuid::new_v4().to_string();
        for _ in 0..MOST_NAMES {
            if self.shared.owns(shard(&name)) {
                break;
            }
            name = Uuid::new_v4().to_string();
        }
        let shard = shard(&name);
        (name, shard)
    }

    fn identity_of(&self, start: &Start, name: &str) -> Identity {
        let region = &self.shared.options.region;
        let machine = format!(
            "arn:aws:states:{region}:{}:stateMachine:{}",
            start.account, start.state_machine
        );
        Identity {
            arn: format!(
                "arn:aws:states:{region}:{}:execution:{}:{name}",
                start.account, start.state_machine
            ),
            name: name.to_owned(),
            state_machine_arn: start.state_machine_arn.clone(),
            state_machine_name: start.state_machine.clone(),
            role_arn: start.role_arn.clone(),
            region: region.clone(),
            version_arn: start.version.map(|version| format!("{machine}:{version}")),
            alias_arn: start.alias.as_ref().map(|alias| format!("{machine}:{alias}")),
        }
    }

    /// Ends an execution; returns when it ended. One that has ended already is left as it is.
    pub async fn stop_execution(&self, stop: StopRequest) -> Result<Timestamp, StopError> {
        if self.shared.is_away() || self.stop.is_cancelled() {
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
        if (needs_store && self.shared.is_away()) || self.stop.is_cancelled() {
            return Err(StimulateError::Unavailable);
        }
        if !self.shared.owns(key.shard) {
            if let Message::Heartbeat { task } = message {
                return Ok(match self.shared.heartbeats.ask(key, task).await {
                    Some(true) => StimulusReply::Applied { at: self.now() },
                    Some(false) => StimulusReply::Stale,
                    None => StimulusReply::Unavailable,
                });
            }
            let answer = inbox::ask(&self.shared, key, &message, PATIENCE).await;
            return Ok(match answer {
                Ok(Some(answer)) => {
                    serde_json::from_slice(&answer).unwrap_or(StimulusReply::Unavailable)
                }
                Ok(None) | Err(_) => StimulusReply::Unavailable,
            });
        }
        let Some(stimulus) = message.into_stimulus() else { return Ok(StimulusReply::Stale) };
        let (reply, outcome) = oneshot::channel();
        let mail = StimulusMail { key, stimulus, reply: Some(reply), message: None };
        self.post(key.shard, Mail::Stimulus(Box::new(mail))).map_err(|full| {
            if full { StimulateError::Throttled } else { StimulateError::Unavailable }
        })?;
        let outcome = tokio::time::timeout(PATIENCE, outcome).await;
        Ok(outcome.ok().and_then(Result::ok).unwrap_or(StimulusReply::Unavailable))
    }

    /// Puts mail into the box of a shard's owner. An error says whether the box is full.
    fn post(&self, shard: i16, mail: Mail) -> Result<(), bool> {
        let owners = self.owners.lock().unwrap_or_else(PoisonError::into_inner);
        if owners.is_empty() {
            return Err(false);
        }
        let index = owner_of(shard, owners.len());
        owners[index]
            .try_send(mail)
            .map_err(|error| matches!(error, mpsc::error::TrySendError::Full(_)))
    }

    /// Hands all shards over and ends the loops. What is decided is written first; calls under
    /// way are dropped here and made again by the next owner, with the same idempotency key.
    pub async fn shutdown(&self) {
        self.stop.cancel();
        let loops = std::mem::take(&mut *self.loops.lock().unwrap_or_else(PoisonError::into_inner));
        self.owners.lock().unwrap_or_else(PoisonError::into_inner).clear();
        for ended in loops {
            let _ = tokio::time::timeout(PATIENCE, ended).await;
        }
    }
}

/// One owner loop and its lane.
fn spawn_owner(shared: &Arc<Shared>) -> (mpsc::Sender<Mail>, Vec<JoinHandle<()>>) {
    let (mailbox, mail) = mpsc::channel(shared.options.mailbox);
    let (lane, items) = mpsc::channel(shared.options.mailbox);
    let (notices, heard) = mpsc::unbounded_channel();
    let (sleepers, tired) = mpsc::unbounded_channel();
    let owner = Owner::new(shared.clone(), mail, mailbox.downgrade(), lane, heard, sleepers);
    let lane = LaneLoop {
        lane: Lane::new(&shared.store, shared.options.node),
        shared: shared.clone(),
        items,
        notices,
        mailbox: mailbox.downgrade(),
        fenced: HashMap::new(),
    };
    let loops = vec![
        tokio::spawn(owner.run()),
        tokio::spawn(lane.run()),
        tokio::spawn(passivate::run(shared.clone(), tired, mailbox.downgrade())),
    ];
    (mailbox, loops)
}
