//! One batch of turns: what is to be written in one commit, and what became of it.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::offers::Offer;
use crate::{Error, Status};

/// What is written in one commit: all of it, or nothing but the refusal of starts.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// In the order they were decided; turns of one execution follow each other.
    pub turns: Vec<NewTurn>,
    /// Answers to inbox messages that these turns have applied.
    pub answers: Vec<Answer>,
}

/// One turn to append to the log of its execution.
#[derive(Clone, Debug)]
pub struct NewTurn {
    /// The execution's shard.
    pub shard: i16,
    /// The execution.
    pub execution_id: Uuid,
    /// The number of its first event.
    pub first_event: i64,
    /// How many events it holds; at least one.
    pub event_count: i32,
    /// The epoch under which the writer owns the shard.
    pub epoch: i64,
    /// The events, encoded.
    pub body: Bytes,
    /// Present on the first turn of an execution.
    pub start: Option<Box<NewExecution>>,
    /// Present on the turn that ends it.
    pub end: Option<Box<Ending>>,
    /// Whether the execution was asleep and is in memory from now on.
    pub wakes: bool,
    /// Tasks that workers may take from now on.
    pub offers: Vec<Offer>,
    /// Tasks that were offered and are not any more.
    pub withdrawn: Vec<i64>,
}

/// The row of an execution that starts.
#[derive(Clone, Debug)]
pub struct NewExecution {
    /// Twelve digits.
    pub account: String,
    /// The state machine's name.
    pub state_machine: String,
    /// The state machine's life.
    pub life: Uuid,
    /// The execution's name.
    pub name: String,
    /// The revision it is pinned to.
    pub revision_id: Uuid,
    /// The version it is started by, if any.
    pub version: Option<i64>,
    /// The alias it is started by, if any.
    pub alias: Option<String>,
    /// JSON text as it came.
    pub input: Bytes,
    /// When.
    pub started_at: DateTime<Utc>,
    /// What the caller passed to join a trace.
    pub trace_header: Option<String>,
}

/// How an execution ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Ending {
    /// Any but RUNNING.
    pub status: Status,
    /// When.
    pub ended_at: DateTime<Utc>,
    /// JSON text; only with SUCCEEDED.
    pub output: Option<Bytes>,
    /// The error's name.
    pub error: Option<String>,
    /// The cause.
    pub cause: Option<String>,
    /// The state that failed, or those in which it was when its time ran out.
    pub failed_state: Option<String>,
}

/// The answer to an inbox message.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The message.
    pub message_id: Uuid,
    /// The shard of its execution.
    pub shard: i16,
    /// The epoch under which the writer owns the shard; in any other nothing is answered.
    pub epoch: i64,
    /// What its poster gets.
    pub answer: Bytes,
}

/// What became of a batch: all of it was written, except that of the executions named here
/// neither their row nor any of their turns was.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Appended {
    /// Not started because another execution has their name, or because they were started
    /// before, in another batch, and have ended.
    pub refused: Vec<Uuid>,
    /// Not started because their shard was no longer in the writer's epoch.
    pub unowned: Vec<Uuid>,
}

/// Why a batch was not acknowledged.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// These shards are no longer in the writer's epoch: what memory holds of them may be wrong.
    /// Nothing of the batch was written.
    #[error("the shards {0:?} are another writer's")]
    Lost(Vec<i16>),
    /// Somebody else has appended to one of these executions: what memory holds of it is wrong.
    /// Nothing of the batch was written, unless it is a start that was written before.
    #[error("another writer has appended to an execution of this batch")]
    Fenced,
    /// Something in the batch cannot be written, now or later; nothing of it was.
    #[error("the batch was refused: {0}")]
    Refused(Error),
    /// The database is away; the batch may have been written all the same.
    #[error("the batch was not acknowledged: {0}")]
    Unavailable(Error),
}
