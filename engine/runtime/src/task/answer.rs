//! What reaches a task from outside: answers and heartbeats of whoever holds its token, and
//! workers that take it.

use asl::Payload;
use machine::Failure;

use crate::engine::{Absent, Engine, StimulateError};
use crate::post::mail::{Key, Message, StimulusReply};

/// What the holder of a task's token says.
#[derive(Clone, Debug)]
pub enum TaskAnswer {
    Success(Payload),
    Failure { error: Option<String>, cause: Option<String> },
    Heartbeat,
}

/// Why an answer changed nothing.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum TokenError {
    #[error("it is no token of this database")]
    Invalid,
    #[error("its execution does not exist")]
    DoesNotExist,
    #[error("its task is over")]
    TimedOut,
    #[error("the queue is full")]
    Throttled,
    #[error("the database is away")]
    Unavailable,
    #[error(transparent)]
    Absent(#[from] Absent),
}

impl From<StimulateError> for TokenError {
    fn from(error: StimulateError) -> Self {
        match error {
            StimulateError::Throttled => Self::Throttled,
            StimulateError::Unavailable => Self::Unavailable,
            StimulateError::Absent(why) => Self::Absent(why),
        }
    }
}

impl Engine {
    /// Whether this is the token of a task of this database, over or not, and of this account if
    /// one is given. Nobody is asked.
    pub fn is_task_token(&self, account: Option<&str>, token: &str) -> bool {
        self.shared.seal.open(token, account).is_some()
    }

    /// Brings an answer to its task, on whichever node its execution runs; returns once it is
    /// committed. A heartbeat is not written: it is received.
    /// With an account the token must be of that; who holds a token needs nothing else otherwise.
    pub async fn send_task(
        &self,
        account: Option<&str>,
        token: &str,
        answer: TaskAnswer,
    ) -> Result<(), TokenError> {
        let (key, task) = self.shared.seal.open(token, account).ok_or(TokenError::Invalid)?;
        let message = match answer {
            TaskAnswer::Success(output) => {
                Message::TokenSucceeded { task, output: output.raw().to_owned() }
            }
            TaskAnswer::Failure { error, cause } => {
                Message::TokenFailed { task, failure: Failure::of(error, cause) }
            }
            TaskAnswer::Heartbeat => Message::Heartbeat { task },
        };
        match self.stimulate(key, message).await? {
            StimulusReply::Applied { .. } => Ok(()),
            StimulusReply::Unavailable => Err(TokenError::Unavailable),
            StimulusReply::Elsewhere => Err(TokenError::Absent(Absent::Silent)),
            StimulusReply::Stale => {
                match self.shared.store.execution_exists(key.shard, key.id).await {
                    Ok(true) => Err(TokenError::TimedOut),
                    Ok(false) => Err(TokenError::DoesNotExist),
                    Err(_) => Err(TokenError::Unavailable),
                }
            }
        }
    }

    /// Gives an activity's task to a worker. `true` once that is committed, also when it was by
    /// an earlier question with the same claim; `false` if somebody else has it, or it is over.
    pub(crate) async fn begin_activity(
        &self,
        key: Key,
        task: u64,
        worker: Option<String>,
        claim: u64,
    ) -> Result<bool, StimulateError> {
        self.is_so(key, Message::ActivityStarted { task, worker, claim }).await
    }

    /// Takes a task back from a worker that did not get it, so that others may take it. `false`
    /// if it is not that worker's any more.
    pub(crate) async fn return_activity(
        &self,
        key: Key,
        task: u64,
        claim: u64,
    ) -> Result<bool, StimulateError> {
        self.is_so(key, Message::ActivityReturned { task, claim }).await
    }

    async fn is_so(&self, key: Key, message: Message) -> Result<bool, StimulateError> {
        match self.stimulate(key, message).await? {
            StimulusReply::Applied { .. } => Ok(true),
            StimulusReply::Stale => Ok(false),
            StimulusReply::Unavailable => Err(StimulateError::Unavailable),
            StimulusReply::Elsewhere => Err(StimulateError::Absent(Absent::Silent)),
        }
    }

    /// The token of a task.
    pub(crate) fn token(&self, account: &str, key: Key, task: u64) -> String {
        self.shared.seal.token(key, task, account)
    }

    /// Whether there is such an activity, as of half a second ago at most.
    pub async fn has_activity(&self, account: &str, name: &str) -> Result<bool, store::Error> {
        self.shared.calls.lookups().is_there(account, name).await
    }

    /// The activity was deleted by this node, which need not believe any longer that it is there.
    pub fn forget_activity(&self, account: &str, name: &str) {
        self.shared.calls.lookups().forget(account, name);
    }
}
