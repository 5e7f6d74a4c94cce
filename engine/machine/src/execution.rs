//! What is in memory while an execution runs. Only `apply` changes it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use asl::{Payload, Variables};
use serde::{Deserialize, Serialize};

use crate::apply::Kept;
use crate::event::{Closing, FrameId, Identity};
use crate::indexes::Indexes;
use crate::stimulus::Failure;
use crate::task_kind::TaskKind;
use crate::timestamp::Timestamp;

/// One run of a state machine.
#[derive(Clone, Debug, PartialEq)]
pub struct Execution {
    pub(crate) identity: Arc<Identity>,
    pub(crate) input: Payload,
    pub(crate) started_at: Timestamp,
    /// When its last event happened: nothing happens before that.
    pub(crate) last_at: Timestamp,
    pub(crate) status: Status,
    pub(crate) ending: Option<Ending>,
    /// When the whole execution times out.
    pub(crate) deadline: Option<Timestamp>,
    pub(crate) frames: BTreeMap<FrameId, Frame>,
    pub(crate) indexes: Indexes,
    pub(crate) next_frame: FrameId,
    /// Place in the log of the next event, internal events included; counts from 0.
    pub(crate) next_event: u64,
    /// AWS's id of the next visible event; counts from 1.
    pub(crate) next_id: u64,
    /// Its state machine has been deleted, as whoever runs it knows: the log does not say so.
    pub(crate) is_orphan: bool,
    /// What failed and has not been dealt with; once it has ended, all that had not succeeded.
    pub(crate) kept: Kept,
    pub(crate) redrives: u32,
    pub(crate) redriven_at: Option<Timestamp>,
}

/// Where an execution is in life.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Status {
    Running,
    Succeeded,
    Failed,
    TimedOut,
    Aborted,
}

/// How an execution ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Ending {
    pub at: Timestamp,
    pub output: Option<Payload>,
    pub failure: Failure,
    /// The innermost state that failed, if one did, and where that was.
    pub state: Option<String>,
    pub(crate) place: Option<FrameId>,
}

/// One place where control stands; a snapshot has its payloads and variables another way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Frame<P = Payload, V = Variables> {
    pub id: FrameId,
    /// The Parallel's or Map's frame, and which branch or iteration this is.
    pub parent: Option<(FrameId, u32)>,
    pub state: Arc<str>,
    /// The state's raw input.
    pub input: P,
    /// What the state's expressions see as `$name`.
    pub variables: V,
    /// Id of the state's `…StateEntered` event, and its time.
    pub entered: u64,
    /// What that event points back to.
    pub before: u64,
    pub entered_at: Timestamp,
    /// Id of the last visible event in this frame's chain: the next one's `previousEventId`.
    pub last: u64,
    /// How often each retrier has been used in this visit of the state.
    pub retries: Vec<u32>,
    /// How often the state has been retried in this visit, by whichever retrier.
    pub retry_count: u32,
    pub at: At<P>,
    /// Why this Parallel or Map is being closed, if its end takes more than one turn.
    pub(crate) closing: Option<Box<Closing>>,
    /// It is below a frame that is being closed: it only waits for its end.
    pub(crate) is_doomed: bool,
    /// The log says that this iteration has ended, though not yet what was under way in it.
    pub(crate) is_over: bool,
}

/// What a frame is about to do, or waits for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum At<P = Payload> {
    /// About to enter this state.
    Ready(Arc<str>),
    /// Inside a state; never seen between turns.
    Entered,
    /// Until it is known whether the activity exists.
    Seeking(Sought<P>),
    Task(OpenTask<P>),
    /// In a Wait state.
    Waiting(Timestamp),
    /// Until the state is tried again.
    Retrying(Timestamp),
    Branches(Branches<P>),
    Iterations(Iterations<P>),
    /// At the end of a branch, with its output; never seen between turns.
    Done(P),
}

/// A task whose outcome is awaited.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OpenTask<P = Payload> {
    /// Id of the task's `…Scheduled` event.
    pub id: u64,
    pub kind: TaskKind,
    pub parameters: P,
    pub timeout_seconds: Option<u64>,
    pub heartbeat_seconds: Option<u64>,
    pub phase: Phase,
    /// Its call has certainly not begun, and does not begin before the log says so.
    pub queued: bool,
    /// Which hand-over gave it to the worker that has it.
    pub claim: Option<u64>,
    pub deadline: Option<Timestamp>,
    pub scheduled_at: Timestamp,
    /// When somebody last began it.
    pub started_at: Option<Timestamp>,
    /// When the next heartbeat is missed, if any is expected. Not in the log: see
    /// [`Execution::heartbeat`].
    pub heartbeat_due: Option<Timestamp>,
}

/// How far a task has come.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub enum Phase {
    /// Its call is under way, or waits for a place.
    Calling,
    /// Its call was answered; it waits for its token.
    Submitted,
    /// It waits for a worker.
    Offered,
    /// A worker has it.
    Taken,
}

/// An activity that is being looked up, and the task that will be scheduled if it exists.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sought<P = Payload> {
    pub arn: String,
    /// Place in the log of the event that says so.
    pub at: u64,
    pub parameters: P,
    pub timeout_seconds: Option<u64>,
    pub heartbeat_seconds: Option<u64>,
}

/// The branches of a Parallel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Branches<P = Payload> {
    pub results: Vec<Option<P>>,
    pub open: u32,
}

/// The iterations of a Map.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Iterations<P = Payload> {
    pub items: P,
    pub results: Vec<Option<P>>,
    pub open: u32,
    /// Index of the next item to start.
    pub next: u32,
    pub concurrency: u32,
    pub start: Arc<str>,
    /// What the next `MapIterationStarted` points back to: the Map's start, later the last
    /// event inside the iteration that ended last.
    pub chain: u64,
    /// What the `ItemSelector` selects from, once it was needed.
    #[serde(skip)]
    pub(crate) selected_from: Memo,
}

/// A payload that follows from the rest and is made at most once. No part of what an execution is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Memo(OnceLock<Payload>);

impl PartialEq for Memo {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Memo {
    /// The payload; made now if it has not been.
    pub(crate) fn get<E>(&self, make: impl FnOnce() -> Result<Payload, E>) -> Result<Payload, E> {
        if let Some(payload) = self.0.get() {
            return Ok(payload.clone());
        }
        let payload = make()?;
        Ok(self.0.get_or_init(|| payload).clone())
    }
}

impl At {
    /// What branches or iterations have brought so far.
    pub(crate) fn results(&self) -> &[Option<Payload>] {
        match self {
            Self::Branches(branches) => &branches.results,
            Self::Iterations(iterations) => &iterations.results,
            _ => &[],
        }
    }
}

impl Iterations {
    /// Whether all iterations have succeeded.
    pub(crate) fn are_done(&self) -> bool {
        self.open == 0 && self.next as usize == self.results.len()
    }

    /// Whether another iteration may start now.
    pub(crate) fn can_start(&self) -> bool {
        (self.next as usize) < self.results.len() && self.open < self.concurrency
    }
}

impl Execution {
    /// Its state machine has been deleted: it ends when it would enter its next state.
    pub fn orphan(&mut self) {
        self.is_orphan = true;
    }

    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    pub fn input(&self) -> &Payload {
        &self.input
    }

    pub fn started_at(&self) -> Timestamp {
        self.started_at
    }

    pub fn status(&self) -> Status {
        self.status
    }

    /// How it ended, if it has.
    pub fn ending(&self) -> Option<&Ending> {
        self.ending.as_ref()
    }

    /// Place in the log of the next event.
    pub fn next_event(&self) -> u64 {
        self.next_event
    }

    /// When it wants to be woken by [`crate::Stimulus::Timer`], if ever.
    pub fn next_timer(&self) -> Option<Timestamp> {
        if self.status != Status::Running {
            return None;
        }
        let earliest = self.indexes.timers.first().map(|(due, _)| *due);
        match (earliest, self.deadline) {
            (Some(timer), Some(deadline)) => Some(timer.min(deadline)),
            (one, other) => one.or(other),
        }
    }

    /// Whether the last turn was cut: it wants [`crate::Stimulus::Continue`].
    pub fn wants_to_continue(&self) -> bool {
        self.status == Status::Running && !self.indexes.ready.is_empty()
    }

    /// Whether it waits for nothing but time, tokens and workers: no call is under way, no
    /// heartbeat expected, nothing ready. Such an execution may leave memory.
    pub fn only_waits(&self) -> bool {
        self.status == Status::Running && self.indexes.ready.is_empty() && self.indexes.tied == 0
    }

    /// Whether it waits for nothing but the turns of these tasks, whose calls have certainly not begun, and
    /// never for time.
    pub fn waits_only_for(&self, tasks: &BTreeSet<u64>) -> bool {
        let is_queued = |task: &&u64| {
            let frame = self.indexes.tasks.get(task).and_then(|id| self.frames.get(id));
            frame
                .and_then(Frame::open_task)
                .is_some_and(|open| open.phase == Phase::Calling && open.queued)
        };
        self.status == Status::Running
            && self.indexes.ready.is_empty()
            && self.next_timer().is_none()
            && self.indexes.tied > 0
            && self.indexes.tied == tasks.iter().filter(is_queued).count()
    }

    /// Whether the outcome of a task is awaited.
    pub fn has_open_tasks(&self) -> bool {
        !self.indexes.tasks.is_empty()
    }

    /// A task gives a sign of life: the time until its next heartbeat begins anew. Says whether
    /// the task is still open.
    ///
    /// The one change that no event tells of, so that a heartbeat costs no write: whoever reads
    /// the execution from its log calls [`Execution::resume`].
    pub fn heartbeat(&mut self, task: u64, now: Timestamp) -> bool {
        let Self { frames, indexes, .. } = self;
        let Some(frame) = indexes.tasks.get(&task).and_then(|id| frames.get_mut(id)) else {
            return false;
        };
        let At::Task(open) = &frame.at else { return false };
        if open.phase == Phase::Offered {
            return false;
        }
        if let (Some(_), Some(seconds)) = (open.heartbeat_due, open.heartbeat_seconds) {
            indexes.remove(frame);
            if let At::Task(open) = &mut frame.at {
                open.heartbeat_due = Some(now.plus_seconds(seconds));
            }
            indexes.add(frame);
        }
        true
    }

    /// Goes on after a time in which nobody could receive heartbeats: each task that owes one
    /// gets the whole time for it.
    pub fn resume(&mut self, now: Timestamp) {
        let owing: Vec<u64> = self.indexes.tasks.keys().copied().collect();
        for task in owing {
            self.heartbeat(task, now);
        }
    }

    /// Bytes that its payloads take, a text that is shared once. An estimate, not the same after the
    /// execution was read from its log.
    pub fn held_bytes(&self) -> usize {
        self.indexes.held.bytes()
    }

    /// Whether its own time has run out by then, so that the next step ends it.
    pub fn is_late(&self, now: Timestamp) -> bool {
        self.deadline.is_some_and(|deadline| deadline <= now)
    }

    /// The frames, oldest first.
    pub fn frames(&self) -> impl Iterator<Item = &Frame> {
        self.frames.values()
    }

    pub(crate) fn frame(&self, id: FrameId) -> Option<&Frame> {
        self.frames.get(&id)
    }
}

impl Frame {
    /// The task whose outcome is awaited here, if one is.
    pub(crate) fn open_task(&self) -> Option<&OpenTask> {
        match &self.at {
            At::Task(task) if !self.is_doomed => Some(task),
            _ => None,
        }
    }

    /// The payloads it holds, but for results and variables.
    pub(crate) fn payloads(&self) -> impl Iterator<Item = &Payload> {
        let more = match &self.at {
            At::Seeking(sought) => Some(&sought.parameters),
            At::Task(task) => Some(&task.parameters),
            At::Iterations(iterations) => Some(&iterations.items),
            At::Done(output) => Some(output),
            At::Ready(_) | At::Entered | At::Waiting(_) | At::Retrying(_) | At::Branches(_) => None,
        };
        [&self.input].into_iter().chain(more)
    }

    /// Bytes it takes beside its payloads. The items of a Map, and what is selected from, stay parsed.
    pub(crate) fn weight(&self) -> usize {
        const RESULT_AND_ITEM: usize = 64;
        let parsed = match &self.at {
            At::Iterations(iterations) => {
                let texts = iterations.items.size_bytes() + self.input.size_bytes();
                texts + RESULT_AND_ITEM * iterations.results.len()
            }
            at => RESULT_AND_ITEM * at.results().len(),
        };
        size_of::<Self>() + parsed
    }

    /// When this frame wants to be woken.
    pub(crate) fn due(&self) -> Option<Timestamp> {
        if self.is_doomed {
            return None;
        }
        match &self.at {
            At::Waiting(until) | At::Retrying(until) => Some(*until),
            At::Task(task) => match (task.deadline, task.heartbeat_due) {
                (Some(deadline), Some(heartbeat)) => Some(deadline.min(heartbeat)),
                (one, other) => one.or(other),
            },
            At::Ready(_)
            | At::Entered
            | At::Seeking(_)
            | At::Branches(_)
            | At::Iterations(_)
            | At::Done(_) => None,
        }
    }

    /// Whether it waits for something that only memory knows of.
    pub(crate) fn is_tied(&self) -> bool {
        if self.is_doomed {
            return false;
        }
        match &self.at {
            At::Seeking(_) => true,
            At::Task(task) => task.phase == Phase::Calling || task.heartbeat_due.is_some(),
            At::Ready(_)
            | At::Entered
            | At::Waiting(_)
            | At::Retrying(_)
            | At::Branches(_)
            | At::Iterations(_)
            | At::Done(_) => false,
        }
    }

    /// Whether this frame can go on without waiting for anything.
    pub(crate) fn is_ready(&self) -> bool {
        if self.is_doomed || self.closing.is_some() {
            return !self.is_doomed;
        }
        match &self.at {
            At::Ready(_) => true,
            At::Iterations(iterations) => iterations.can_start() || iterations.are_done(),
            At::Branches(branches) => branches.open == 0,
            At::Entered
            | At::Seeking(_)
            | At::Task(_)
            | At::Waiting(_)
            | At::Retrying(_)
            | At::Done(_) => false,
        }
    }
}
