//! What reaches an owner loop, and how it answers.

use std::sync::Arc;

use asl::Program;
use bytes::Bytes;
use machine::{Execution, Failure, Identity, Stimulus, Timestamp};
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::memory::Held;
use crate::tenure::Tenure;
use crate::tenure::gates::Busy;

/// Which execution: enough to find it in memory and in the store.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash)]
pub(crate) struct Key {
    pub(crate) shard: i16,
    pub(crate) id: Uuid,
}

/// One thing for an owner loop to do.
pub(crate) enum Mail {
    Start(Box<StartMail>),
    Stimulus(Box<StimulusMail>),
    /// These shards are ours from now on; answered once the owner knows.
    Gained(Vec<Gained>, oneshot::Sender<()>),
    /// No call of these shards begins any more; answered once the commands of all turns that were
    /// decided before that are out.
    Close(Vec<i16>, oneshot::Sender<()>),
    /// These shards are to be given up; answered once nothing of them is in flight.
    GiveUp(Vec<i16>, oneshot::Sender<()>),
    /// An execution, folded from its log.
    Loaded(Box<Loaded>),
    /// All executions of these shards have been loaded.
    TakenOver(Vec<(i16, Tenure)>),
    /// This load found nothing, or could not be done now.
    NotLoaded(Key, LoadId, NotLoaded),
    /// The end of an execution that is set aside can be written; nothing if the store is away.
    Outlined(Box<StimulusMail>, Tenure, Option<Box<Outline>>),
    /// A sleeping execution's time is near.
    Wake(Key),
    /// The call of this task waits for a place far behind: meanwhile its execution may sleep.
    Far(Key, u64),
    /// The turn of a call that waited far behind is near.
    Near(Key, u64),
    /// The attempt to put an execution to sleep, made in this tenure, is over.
    Slept(Key, Tenure, Slept),
}

/// A shard that begins to be ours.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gained {
    pub(crate) shard: i16,
    pub(crate) epoch: i64,
    pub(crate) tenure: Tenure,
}

/// What is known of an execution whose log is not opened.
pub(crate) struct Outline {
    pub(crate) head: store::ExecutionHead,
    pub(crate) region: String,
    /// The number of the event that its log would go on with.
    pub(crate) next_event: i64,
    pub(crate) last: machine::log::Last,
    /// Its tasks that workers may take.
    pub(crate) offered: Vec<i64>,
}

/// Tells the loads of one owner apart.
pub(crate) type LoadId = u64;

/// Whether an execution was put to sleep.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Slept {
    Asleep,
    /// The shard has another owner now.
    Awake,
    /// The store did not answer.
    InDoubt,
}

/// A start that has been checked and named.
pub(crate) struct StartMail {
    pub(crate) key: Key,
    pub(crate) program: Arc<Program>,
    pub(crate) identity: Identity,
    pub(crate) row: store::NewExecution,
    pub(crate) input: asl::Payload,
    /// Its room in memory.
    pub(crate) memory: Held,
    pub(crate) reply: Option<oneshot::Sender<StartReply>>,
    /// The inbox message that asked for it, if another node did.
    pub(crate) message: Option<Uuid>,
}

/// What became of a start.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub(crate) enum StartReply {
    Started,
    /// Another execution has this name.
    Taken,
    /// Its shard has gone to another node; nothing was written.
    Elsewhere,
    /// The store is away.
    Unavailable,
}

pub(crate) struct StimulusMail {
    pub(crate) key: Key,
    pub(crate) stimulus: Stimulus,
    pub(crate) reply: Option<oneshot::Sender<StimulusReply>>,
    pub(crate) message: Option<Uuid>,
    /// The call whose outcome it is: under way until the lane has what came of it.
    pub(crate) call: Option<Busy>,
}

impl StimulusMail {
    /// A stimulus that nobody waits for.
    pub(crate) fn new(key: Key, stimulus: Stimulus) -> Self {
        Self { key, stimulus, reply: None, message: None, call: None }
    }

    /// The same for somebody who waits for what becomes of it.
    pub(crate) fn asked(key: Key, stimulus: Stimulus) -> (Self, oneshot::Receiver<StimulusReply>) {
        let (reply, outcome) = oneshot::channel();
        (Self { reply: Some(reply), ..Self::new(key, stimulus) }, outcome)
    }
}

/// What became of a stimulus that somebody waits for.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub(crate) enum StimulusReply {
    /// It happened, and is committed.
    Applied {
        at: Timestamp,
    },
    /// It changed nothing: it was stale, or the execution has ended.
    Stale,
    Unavailable,
    /// Its shard has gone to another node; nothing happened.
    Elsewhere,
}

impl StimulusReply {
    /// As the inbox has it.
    pub(crate) fn encoded(self) -> Bytes {
        Bytes::from(serde_json::to_vec(&self).expect("a plain enum"))
    }
}

/// What another node says to a message.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub(crate) enum Answer {
    /// What became of a start, and when it was begun, if it was.
    Start(StartReply, Timestamp),
    Stimulus(StimulusReply),
    /// It tells from now on when the log of the execution grows.
    Followed,
    /// The owner's mailbox is full: nothing happened.
    Full,
    /// That node does not own the shard: nothing happened there.
    Elsewhere,
    /// That node cannot say; it may have happened, or may yet.
    Unknown,
}

impl Answer {
    /// As the inbox has it, where it would be the same if the message came again.
    pub(crate) fn to_keep(self) -> Option<Bytes> {
        match self {
            // The row tells which of them it was.
            Self::Start(StartReply::Started | StartReply::Taken, _) => {
                Some(Bytes::from_static(b"{}"))
            }
            Self::Stimulus(reply @ (StimulusReply::Applied { .. } | StimulusReply::Stale)) => {
                Some(reply.encoded())
            }
            Self::Start(..)
            | Self::Stimulus(_)
            | Self::Followed
            | Self::Full
            | Self::Elsewhere
            | Self::Unknown => None,
        }
    }
}

pub(crate) struct Loaded {
    pub(crate) key: Key,
    pub(crate) execution: Execution,
    pub(crate) program: Arc<Program>,
    /// The life of its state machine.
    pub(crate) life: Uuid,
    /// It was asleep: the next turn must clear its `wake_at`.
    pub(crate) asleep: bool,
    /// Nodes may have died over it.
    pub(crate) is_suspect: bool,
    /// Whether there is a snapshot of it, and how many bytes of its log come after that.
    pub(crate) has_snapshot: bool,
    pub(crate) tail: usize,
    pub(crate) reason: Reason,
}

/// Why an execution was loaded.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Reason {
    /// This tenure of its shard began.
    Takeover(Tenure),
    /// Something happened to it.
    Load(LoadId),
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum NotLoaded {
    /// It does not exist, or has ended.
    Nothing,
    /// It runs, and this release cannot read its log or its definition.
    Unreadable,
    Unavailable,
    /// Nodes have died over it.
    SetAside,
}

/// A stimulus in another node's inbox.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Message {
    Start {
        revision: Uuid,
        identity: Box<Identity>,
        version: Option<i64>,
        alias: Option<String>,
        trace_header: Option<String>,
        account: String,
        input: String,
        /// The state machine's; earlier releases do not say it.
        #[serde(default)]
        life: Option<Uuid>,
    },
    Stop {
        error: Option<String>,
        cause: Option<String>,
    },
    TokenSucceeded {
        task: u64,
        output: String,
    },
    TokenFailed {
        task: u64,
        failure: Failure,
    },
    Heartbeat {
        task: u64,
    },
    ActivityStarted {
        task: u64,
        worker: Option<String>,
        claim: u64,
    },
    ActivityReturned {
        task: u64,
        claim: u64,
    },
}

impl Message {
    /// The same, for who may have to say it again.
    pub(crate) fn stimulus(&self) -> Option<Stimulus> {
        self.clone().into_stimulus()
    }

    /// What happens to the execution; `None` for a start, which is no stimulus, and for an
    /// output that is not JSON.
    pub(crate) fn into_stimulus(self) -> Option<Stimulus> {
        Some(match self {
            Self::Start { .. } => return None,
            Self::Stop { error, cause } => Stimulus::Stop { error, cause },
            Self::TokenSucceeded { task, output } => {
                Stimulus::TokenSucceeded { task, output: asl::Payload::from_text(output).ok()? }
            }
            Self::TokenFailed { task, failure } => Stimulus::TokenFailed { task, failure },
            Self::Heartbeat { task } => Stimulus::Heartbeat { task },
            Self::ActivityStarted { task, worker, claim } => {
                Stimulus::ActivityStarted { task, worker, claim }
            }
            Self::ActivityReturned { task, claim } => Stimulus::ActivityReturned { task, claim },
        })
    }
}
