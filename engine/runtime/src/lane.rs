//! Group commit: everything that has queued up while the previous commit was in flight is
//! written in one round trip. Under load batches grow by themselves; when idle a single turn
//! commits at once.
//!
//! Commands and answers go out here, after the commit that contains what led to them, and
//! nowhere else.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use machine::{Command, Identity, Milestone, Timestamp};
use store::{Answer, AppendError, Appended, Batch, Lane, NewTurn};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use tokio::time::Instant;

use crate::ended;
use crate::metrics::{METRICS, measure};
use crate::post::mail::{Key, Mail, StartReply, StimulusReply};
use crate::shared::Shared;
use crate::task::calls::account_of;
use crate::tenure::Tenure;

#[cfg(test)]
mod tests;

/// Most bytes that go into one commit, unless a single turn is longer.
const BATCH_BYTES: usize = 8 * 1024 * 1024;

/// A turn to append, and what goes out once it is there.
pub(crate) struct Write {
    pub(crate) key: Key,
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

/// The queues of a node's lanes.
#[derive(Default)]
pub(crate) struct Lanes(Mutex<Vec<mpsc::WeakSender<Box<Write>>>>);

impl Lanes {
    pub(crate) fn add(&self, lane: &mpsc::Sender<Box<Write>>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(lane.downgrade());
    }

    /// How many turns wait for a commit.
    pub(crate) fn waiting(&self) -> usize {
        let lanes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let open = lanes.iter().filter_map(mpsc::WeakSender::upgrade);
        open.map(|lane| lane.max_capacity() - lane.capacity()).sum()
    }
}

/// The loop of one lane.
pub(crate) struct LaneLoop {
    pub(crate) shared: Arc<Shared>,
    pub(crate) lane: Lane,
    pub(crate) items: mpsc::Receiver<Box<Write>>,
    pub(crate) notices: mpsc::UnboundedSender<Notice>,
    pub(crate) mailbox: mpsc::WeakSender<Mail>,
    /// The last tenure of each shard that nothing is written of any more.
    pub(crate) fenced: HashMap<i16, Tenure>,
}

impl LaneLoop {
    /// Runs until the owner is gone and everything is written, or the node has left.
    pub(crate) async fn run(mut self) {
        let mut queue = VecDeque::new();
        let mut incoming = Vec::new();
        loop {
            if queue.is_empty() {
                let most = self.shared.options.batch_turns;
                if self.items.recv_many(&mut incoming, most).await == 0 {
                    return;
                }
                queue.extend(incoming.drain(..));
            }
            if !self.shared.standing.lease.holds().await {
                return;
            }
            let writes = self.take_batch(&mut queue);
            if !writes.is_empty() {
                self.write(writes).await;
            }
        }
    }

    /// The next writes, up to a batch's size; those of fenced tenures are dropped, and answers of
    /// tenures that are over.
    fn take_batch(&mut self, queue: &mut VecDeque<Box<Write>>) -> Vec<Write> {
        let mut writes: Vec<Write> = Vec::new();
        let mut bytes = 0;
        while let Some(write) = queue.pop_front() {
            if self.is_fenced(&write) || self.is_outdated(&write) {
                continue;
            }
            // Its caller has been told that the database is away, and must not be belied.
            if write.start.as_ref().is_some_and(oneshot::Sender::is_closed) {
                let _ = self.notices.send(Notice::Refused(write.key, write.tenure));
                continue;
            }
            let size = write.bytes();
            if !writes.is_empty() && bytes + size > BATCH_BYTES {
                queue.push_front(write);
                break;
            }
            bytes += size;
            writes.push(*write);
        }
        writes
    }

    fn is_fenced(&self, write: &Write) -> bool {
        self.fenced.get(&write.key.shard).is_some_and(|fenced| write.tenure <= *fenced)
    }

    /// Whether an answer that nothing is written for may have become untrue: a new owner, of which
    /// the node knows by now, may have gone on. Of what is written the store judges.
    fn is_outdated(&self, write: &Write) -> bool {
        write.turn.is_none()
            && self.shared.standing.tenures.of(write.key.shard) != Some(write.tenure)
    }

    /// Writes a batch, however long the store is away meanwhile.
    async fn write(&mut self, writes: Vec<Write>) {
        let mut parts = VecDeque::from([writes]);
        while let Some(mut writes) = parts.pop_front() {
            writes.retain(|write| !self.is_fenced(write));
            let began = Instant::now();
            match self.append(&mut writes).await {
                Ok(appended) => {
                    METRICS.loops.commit_time.observe(began.elapsed().as_secs_f64());
                    METRICS.loops.commit_turns.observe(measure(writes.len()));
                    self.landed(writes, &appended);
                }
                Err(AppendError::Refused(_)) if writes.len() > 1 => {
                    // The others must not suffer for what cannot be written.
                    let rest = writes.split_off(writes.len() / 2);
                    parts.push_front(rest);
                    parts.push_front(writes);
                }
                Err(AppendError::Refused(error)) => {
                    tracing::error!(%error, "the database refuses a turn");
                    self.refuse(writes);
                }
                Err(AppendError::Lost(shards)) => {
                    let is_lost = |write: &mut Write| shards.contains(&write.key.shard);
                    let late: Vec<Write> = writes.extract_if(.., is_lost).collect();
                    self.fence(&late);
                    parts.push_front(writes);
                }
                Err(AppendError::Fenced | AppendError::Unavailable(_)) => self.fence(&writes),
            }
        }
    }

    /// Appends, again and again while the store is away. Starts that are not there by then are
    /// taken out: their callers have been told "unavailable", and must not be belied.
    async fn append(&mut self, writes: &mut Vec<Write>) -> Result<Appended, AppendError> {
        let mut pause = Duration::from_millis(20);
        loop {
            let batch = batch_of(writes);
            match self.lane.append(&batch).await {
                Ok(appended) => {
                    self.shared.set_away(false, "");
                    return Ok(appended);
                }
                Err(AppendError::Unavailable(error)) => {
                    self.shared.set_away(true, &error.to_string());
                    refuse_starts(writes);
                }
                Err(error) => return Err(error),
            }
            let absent = loop {
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(Duration::from_secs(1));
                if let Ok(absent) = self.lane.absent(&batch).await {
                    break absent;
                }
            };
            writes.retain(|write| {
                let is_absent = absent.contains(&write.key.id);
                if is_absent {
                    let _ = self.notices.send(Notice::Refused(write.key, write.tenure));
                }
                !is_absent
            });
            if !self.shared.standing.lease.holds().await {
                return Err(AppendError::Fenced);
            }
        }
    }

    fn landed(&self, writes: Vec<Write>, appended: &Appended) {
        for write in writes {
            // The lease may have run out meanwhile.
            if write.turn.is_none()
                && (!self.shared.standing.lease.holds_now() || self.is_outdated(&write))
            {
                continue;
            }
            let key = write.key;
            let not_started = if appended.refused.contains(&key.id) {
                Some(StartReply::Taken)
            } else {
                appended.unowned.contains(&key.id).then_some(StartReply::Elsewhere)
            };
            if let Some(not_started) = not_started {
                if let Some(start) = write.start {
                    let _ = start.send(not_started);
                }
                let _ = self.notices.send(Notice::Refused(key, write.tenure));
                continue;
            }
            count(&write);
            for command in write.commands {
                let mailbox = self.mailbox.clone();
                self.shared.calls.carry_out(key, &write.identity, command, false, mailbox);
            }
            if let Some(start) = write.start {
                let _ = start.send(StartReply::Started);
            }
            if let Some((reply, answer)) = write.reply {
                let _ = reply.send(answer);
            }
            if let Some(turn) = &write.turn {
                if let Some(ending) = &turn.end {
                    ended::tell(&write.identity, ending);
                }
                if !turn.offers.is_empty() {
                    self.shared.pollers.scheduled();
                }
                let _ = self.shared.appended.send(key.id);
                let _ = self.notices.send(Notice::Landed(key, write.tenure));
            }
        }
    }

    /// Another writer has been here: nothing of the batch is written, and nothing that the
    /// owner decided since can be.
    fn fence(&mut self, writes: &[Write]) {
        let mut fenced: HashMap<i16, Tenure> = HashMap::new();
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
        let _ = self.notices.send(Notice::Fenced(fenced.into_iter().collect()));
    }

    /// These writes are given up: a start never was, and other executions are read again.
    fn refuse(&mut self, mut writes: Vec<Write>) {
        refuse_starts(&mut writes);
        let (starts, turns): (Vec<_>, Vec<_>) = writes
            .into_iter()
            .partition(|write| write.turn.as_ref().is_some_and(|turn| turn.start.is_some()));
        for write in starts {
            let _ = self.notices.send(Notice::Refused(write.key, write.tenure));
        }
        if !turns.is_empty() {
            self.fence(&turns);
        }
    }
}

/// Counts what is committed.
fn count(write: &Write) {
    let Some(turn) = &write.turn else { return };
    METRICS.loops.turns.inc();
    for milestone in &write.milestones {
        METRICS.task(milestone);
    }
    if turn.start.is_none() && turn.end.is_none() {
        return;
    }
    let (account, machine) = (account_of(&write.identity), &write.identity.state_machine_name);
    if turn.start.is_some() {
        METRICS.execution_started(account, machine);
    }
    if let Some(end) = &turn.end {
        let ms = end.ended_at.timestamp_millis().saturating_sub(write.started_at.0);
        METRICS.execution_ended(account, machine, end.status, ms);
    }
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
