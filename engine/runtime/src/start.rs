//! Starting an execution, on whichever node its shard is.

use std::sync::Arc;
use std::time::Duration;

use asl::{Payload, Program};
use bytes::Bytes;
use machine::{Identity, Timestamp};
use tokio::sync::oneshot;
use tokio::time::Instant;
use uuid::Uuid;

use crate::clock::moment;
use crate::engine::{Absent, ELSEWHERE, Engine, PATIENCE};
use crate::metrics::METRICS;
use crate::post::NotPosted;
use crate::post::ask::{Unanswered, ask};
use crate::post::mail::{Answer, Key, Mail, Message, StartMail, StartReply};
use crate::programs::ProgramError;

/// Names tried for a start without one, until one falls into a shard of ours.
const MOST_NAMES: usize = 2_000;

/// An execution to start; everything in it has been checked.
#[derive(Clone, Debug)]
pub struct Start {
    pub account: String,
    pub state_machine: String,
    /// Which life of the state machine's name it is a start of.
    pub life: Uuid,
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
    Absent(#[from] Absent),
    #[error(transparent)]
    Program(ProgramError),
}

/// A start with the name and the shard it has got.
struct Named {
    key: Key,
    identity: Identity,
    name: String,
    started_at: Timestamp,
    start: Start,
}

impl Engine {
    /// Starts an execution and returns once it is committed. The same name with the same input
    /// while it runs is the same start, as on AWS; for ever, if the start is `idempotent`.
    pub async fn start_execution(&self, start: Start) -> Result<Started, StartError> {
        if self.shared.is_away() {
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
        let arn = identity.arn.clone();
        let started_at = self.now();
        let named = Named { key, identity, name, started_at, start };
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let (reply, started_at) = if self.shared.owns(shard) {
                (self.start_here(&named, &program, left).await?, started_at)
            } else {
                self.start_elsewhere(&named, left).await?
            };
            match reply {
                StartReply::Started => {
                    return Ok(Started { arn, name: named.name, started_at });
                }
                StartReply::Unavailable => return Err(StartError::Unavailable),
                StartReply::Taken => {
                    return self.same_start(&named.start, arn, named.name, key.id).await;
                }
                // Its shard went to another node while it was on its way; it is the same start there,
                // whatever became of it.
                StartReply::Elsewhere if left > ELSEWHERE => {
                    tokio::time::sleep(ELSEWHERE).await;
                }
                StartReply::Elsewhere => return Err(StartError::Absent(Absent::Silent)),
            }
        }
    }

    /// Has the owner loop of a shard of ours start it.
    async fn start_here(
        &self,
        named: &Named,
        program: &Arc<Program>,
        patience: Duration,
    ) -> Result<StartReply, StartError> {
        let Named { key, identity, name, started_at, start } = named;
        let row = store::NewExecution {
            account: start.account.clone(),
            state_machine: start.state_machine.clone(),
            life: start.life,
            name: name.clone(),
            revision_id: start.revision_id,
            version: start.version,
            alias: start.alias.clone(),
            input: Bytes::copy_from_slice(start.input.raw().as_bytes()),
            started_at: moment(*started_at),
            trace_header: start.trace_header.clone(),
        };
        let Some(memory) = self.shared.standing.memory.admit(start.input.size_bytes()) else {
            METRICS.executions.throttled.inc();
            return Err(StartError::Throttled);
        };
        let (reply, outcome) = oneshot::channel();
        let mail = Mail::Start(Box::new(StartMail {
            key: *key,
            program: program.clone(),
            identity: identity.clone(),
            row,
            input: start.input.clone(),
            memory,
            reply: Some(reply),
            message: None,
        }));
        match self.post(key.shard, mail) {
            Ok(()) => {}
            Err(NotPosted::Full) => return Err(StartError::Throttled),
            Err(NotPosted::Gone) => return Ok(StartReply::Elsewhere),
        }
        let outcome = tokio::time::timeout(patience, outcome).await;
        Ok(outcome.ok().and_then(Result::ok).unwrap_or(StartReply::Unavailable))
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

    /// Asks the owner of a shard that is not ours; what became of it, and when it was begun if it was.
    async fn start_elsewhere(
        &self,
        named: &Named,
        patience: Duration,
    ) -> Result<(StartReply, Timestamp), StartError> {
        let start = &named.start;
        let message = Message::Start {
            revision: start.revision_id,
            identity: Box::new(named.identity.clone()),
            version: start.version,
            alias: start.alias.clone(),
            trace_header: start.trace_header.clone(),
            account: start.account.clone(),
            input: start.input.raw().to_owned(),
            life: Some(start.life),
        };
        let answered = ask(&self.shared, named.key, &message, patience).await;
        let answered = answered.map_err(|why| match why {
            Unanswered::Store => StartError::Unavailable,
            Unanswered::Orphaned => StartError::Absent(Absent::Orphaned),
            Unanswered::Silent => StartError::Absent(Absent::Silent),
        })?;
        match answered.answer {
            Answer::Start(reply, at) => Ok((reply, at)),
            Answer::Full => Err(StartError::Throttled),
            Answer::Elsewhere => Ok((StartReply::Elsewhere, named.started_at)),
            Answer::Stimulus(_) | Answer::Followed | Answer::Unknown => {
                Err(StartError::Unavailable)
            }
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
}
