//! Group commit: everything that has queued up while the previous commit was in flight is
//! written in one round trip. Under load batches grow by themselves; when idle a single turn
//! commits at once.
//!
//! Commands and answers go out here, after the commit that contains what led to them, and
//! nowhere else.
//!
//! What a lane decides ([`Lane`]) knows no clock, socket or database; its loop ([`drive`]) writes.

pub(crate) mod drive;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use machine::{Command, Identity, Milestone, Timestamp};
use store::{Answer, AppendError, Appended, Batch, NewTurn};
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use uuid::Uuid;

use crate::clock::Now;
use crate::fair::Fair;
use crate::post::mail::{Key, StartReply, StimulusReply};
use crate::tenure::Tenure;
use crate::tenure::standing::Standing;

/// Most bytes that go into one commit, unless a single turn is longer.
const BATCH_BYTES: usize = 4 * 1024 * 1024;
/// How much of it each state machine has before it is another's turn.
const SHARE_BYTES: usize = 64 * 1024;
/// How long a lane waits before it asks what became of a commit that was not acknowledged; twice as
/// long each time, up to the second.
const PAUSES: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(1));

/// A turn to append, and what goes out once it is there.
pub(crate) struct Write {
    pub(crate) key: Key,
    /// Stands for its state machine: with the turns of others its turns take turns.
    pub(crate) machine: u64,
    /// The tenure of its shard in which it was decided.
    pub(crate) tenure: Tenure,
    /// Absent if nothing happened and only an answer waits for what was written before.
    pub(crate) turn: Option<NewTurn>,
    pub(crate) answer: Option<Answer>,
    /// What is counted once it is there.
    pub(crate) milestones: Vec<Milestone>,
    pub(crate) started_at: Timestamp,
    pub(crate) commands: Vec<Command>,
    pub(crate) identity: Arc<Identity>,
    pub(crate) start: Option<oneshot::Sender<StartReply>>,
    pub(crate) reply: Option<(oneshot::Sender<StimulusReply>, StimulusReply)>,
    /// Room in the queue, given back when the write is done.
    pub(crate) room: Option<OwnedSemaphorePermit>,
}

impl Write {
    /// How much of it is written.
    pub(crate) fn bytes(&self) -> usize {
        self.turn.as_ref().map_or(0, |turn| turn.body.len())
    }
}

/// What an owner must know of its writes, and of which tenure they were.
pub(crate) enum Notice {
    Landed(Key, Tenure),
    /// The execution was not started: its name is taken, its shard is another node's, or its
    /// caller was told that the store is away.
    Refused(Key, Tenure),
    /// These shards are another node's, or what is known of them is not true: nothing of these
    /// tenures is written any more.
    Fenced(Vec<(i16, Tenure)>),
}

/// What a lane wants done next.
pub(crate) enum Next {
    /// Nothing is to be written.
    Rest,
    /// This batch is to be appended; then [`Lane::appended`].
    Append(Batch),
    /// After so long it is to be asked which of the starts of this batch are not there; then
    /// [`Lane::absent`].
    AskAbsent(Batch, Duration),
}

/// What follows from a commit, in this order.
pub(crate) enum Sequel {
    /// It is committed: its commands go out, and whoever waits for it hears so. Where it is in doubt
    /// whether the shard is this node's still, another may have made these calls.
    Out { write: Box<Write>, is_in_doubt: bool },
    /// Its owner hears of it.
    Notice(Notice),
}

/// A lane and all that it has to write.
pub(crate) struct Lane {
    standing: Arc<Standing>,
    queue: Fair<u64, Box<Write>>,
    /// Most turns that go into one commit.
    most: usize,
    /// The batch that is being written, in parts: what cannot be written must not keep the rest from it.
    parts: VecDeque<Vec<Write>>,
    /// The first part may be written: it was not acknowledged. For how long to wait until that is asked.
    in_doubt: Option<Duration>,
    /// The last tenure of each shard that nothing is written of any more.
    fenced: HashMap<i16, Tenure>,
    sequels: Vec<Sequel>,
}

impl Lane {
    pub(crate) fn new(standing: Arc<Standing>, most: usize) -> Self {
        Self {
            standing,
            queue: Fair::new(SHARE_BYTES),
            most,
            parts: VecDeque::new(),
            in_doubt: None,
            fenced: HashMap::new(),
            sequels: Vec::new(),
        }
    }

    /// Takes in one more turn.
    pub(crate) fn push(&mut self, write: Box<Write>) {
        let size = write.bytes().max(1);
        self.queue.push(write.machine, write, size);
    }

    /// Whether it has nothing to write.
    pub(crate) fn is_idle(&self) -> bool {
        self.queue.is_empty() && self.parts.is_empty()
    }

    /// How many turns wait for a commit, or are being written.
    pub(crate) fn len(&self) -> usize {
        self.queue.len() + self.parts.iter().map(Vec::len).sum::<usize>()
    }

    /// What follows from what was committed by now.
    pub(crate) fn sequels(&mut self) -> Vec<Sequel> {
        std::mem::take(&mut self.sequels)
    }

    /// What is to be done next. The node's lease must hold.
    pub(crate) fn next(&mut self) -> Next {
        if let Some(pause) = self.in_doubt
            && let Some(part) = self.parts.front()
        {
            return Next::AskAbsent(batch_of(part), pause);
        }
        while !self.is_idle() {
            if self.parts.is_empty() {
                let batch = self.take_batch();
                self.parts.push_back(batch);
            }
            let fenced = &self.fenced;
            let Some(part) = self.parts.front_mut() else { break };
            part.retain(|write| !is_fenced(fenced, write));
            if !part.is_empty() {
                return Next::Append(batch_of(part));
            }
            self.parts.pop_front();
        }
        Next::Rest
    }

    /// The next writes, up to a batch's size; those of fenced tenures are dropped, and answers of
    /// tenures that are over.
    fn take_batch(&mut self) -> Vec<Write> {
        let mut writes: Vec<Write> = Vec::new();
        let mut bytes = 0;
        while writes.len() < self.most {
            let room = if writes.is_empty() { usize::MAX } else { BATCH_BYTES - bytes };
            let Some(write) = self.queue.pop_within(room) else { break };
            if is_fenced(&self.fenced, &write) || self.is_outdated(&write) {
                continue;
            }
            // Its caller has been told that the database is away, and must not be belied.
            if write.start.as_ref().is_some_and(oneshot::Sender::is_closed) {
                self.notice(Notice::Refused(write.key, write.tenure));
                continue;
            }
            bytes = (bytes + write.bytes()).min(BATCH_BYTES);
            writes.push(*write);
        }
        writes
    }

    /// Whether an answer that nothing is written for may have become untrue: a new owner, of which
    /// the node knows by now, may have gone on. Of what is written the store judges.
    fn is_outdated(&self, write: &Write) -> bool {
        write.turn.is_none() && self.standing.tenures.of(write.key.shard) != Some(write.tenure)
    }

    /// The store has answered, or has not.
    pub(crate) fn appended(&mut self, answer: Result<Appended, AppendError>, now: Now) {
        let Some(mut writes) = self.parts.pop_front() else { return };
        let pause = self.in_doubt.take();
        match answer {
            Ok(appended) => self.landed(writes, &appended, now),
            Err(AppendError::Refused(_)) if writes.len() > 1 => {
                // The others must not suffer for what cannot be written.
                let rest = writes.split_off(writes.len() / 2);
                self.parts.push_front(rest);
                self.parts.push_front(writes);
            }
            Err(AppendError::Refused(error)) => {
                tracing::error!(%error, "the database refuses a turn");
                self.refuse(writes);
            }
            Err(AppendError::Lost(shards)) => {
                let is_lost = |write: &mut Write| shards.contains(&write.key.shard);
                let late: Vec<Write> = writes.extract_if(.., is_lost).collect();
                self.fence(&late);
                self.parts.push_front(writes);
            }
            Err(AppendError::Fenced) => self.fence(&writes),
            Err(AppendError::Unavailable(_)) => {
                refuse_starts(&mut writes);
                self.parts.push_front(writes);
                self.in_doubt = Some(pause.unwrap_or(PAUSES.0));
            }
        }
    }

    /// Which starts of the part in doubt are not there, or that nobody answers yet. Those that are not
    /// there by then are taken out: their callers have been told "unavailable", and must not be belied.
    pub(crate) fn absent(&mut self, absent: Option<&HashSet<Uuid>>) {
        let Some(absent) = absent else {
            self.in_doubt = self.in_doubt.map(|pause| (pause * 2).min(PAUSES.1));
            return;
        };
        self.in_doubt = None;
        let Some(part) = self.parts.front_mut() else { return };
        let is_absent = |write: &mut Write| absent.contains(&write.key.id);
        let absent: Vec<Write> = part.extract_if(.., is_absent).collect();
        for write in absent {
            self.notice(Notice::Refused(write.key, write.tenure));
        }
    }

    fn landed(&mut self, writes: Vec<Write>, appended: &Appended, now: Now) {
        for mut write in writes {
            let has_turn = write.turn.is_some();
            // The lease may have run out meanwhile.
            let holds = self.standing.lease.holds_at(now.steady);
            if !has_turn && (!holds || self.is_outdated(&write)) {
                continue;
            }
            let (key, tenure) = (write.key, write.tenure);
            let not_started = if appended.refused.contains(&key.id) {
                Some(StartReply::Taken)
            } else {
                appended.unowned.contains(&key.id).then_some(StartReply::Elsewhere)
            };
            if let Some(not_started) = not_started {
                if let Some(start) = write.start.take() {
                    let _ = start.send(not_started);
                }
                self.notice(Notice::Refused(key, tenure));
                continue;
            }
            if self.standing.tenures.of(key.shard) != Some(tenure) {
                // Whoever reads the log next makes these calls.
                write.commands.clear();
            }
            self.sequels.push(Sequel::Out { write: Box::new(write), is_in_doubt: !holds });
            if has_turn {
                self.notice(Notice::Landed(key, tenure));
            }
        }
    }

    /// Another writer has been here: nothing of the batch is written, and nothing that the
    /// owner decided since can be.
    fn fence(&mut self, writes: &[Write]) {
        let mut fenced: BTreeMap<i16, Tenure> = BTreeMap::new();
        for write in writes {
            let last = fenced.entry(write.key.shard).or_insert(write.tenure);
            *last = (*last).max(write.tenure);
        }
        let shards: Vec<&i16> = fenced.keys().collect();
        tracing::warn!(
            ?shards,
            "what was decided of these shards is not written; reading them anew"
        );
        self.fenced.extend(&fenced);
        self.notice(Notice::Fenced(fenced.into_iter().collect()));
    }

    /// These writes are given up: a start never was, and other executions are read again.
    fn refuse(&mut self, mut writes: Vec<Write>) {
        refuse_starts(&mut writes);
        let (starts, turns): (Vec<_>, Vec<_>) = writes
            .into_iter()
            .partition(|write| write.turn.as_ref().is_some_and(|turn| turn.start.is_some()));
        for write in starts {
            self.notice(Notice::Refused(write.key, write.tenure));
        }
        if !turns.is_empty() {
            self.fence(&turns);
        }
    }

    fn notice(&mut self, notice: Notice) {
        self.sequels.push(Sequel::Notice(notice));
    }
}

fn is_fenced(fenced: &HashMap<i16, Tenure>, write: &Write) -> bool {
    fenced.get(&write.key.shard).is_some_and(|fenced| write.tenure <= *fenced)
}

fn batch_of(writes: &[Write]) -> Batch {
    Batch {
        turns: writes.iter().filter_map(|write| write.turn.clone()).collect(),
        answers: writes.iter().filter_map(|write| write.answer.clone()).collect(),
    }
}

/// Whoever starts something hears now that the store is away, and what is not there by the time it is
/// back will never be. Anything else will be written, so that whoever waits for it goes on waiting,
/// as long as he is patient: told that the store is away, he would say again what is recorded, and
/// hear that it is too late.
fn refuse_starts(writes: &mut [Write]) {
    for start in writes.iter_mut().filter_map(|write| write.start.take()) {
        let _ = start.send(StartReply::Unavailable);
    }
}
