//! An owner loop: holds the running executions of some shards in memory; takes what happens to
//! them, lets each step, and hands the turns to its lane.
//!
//! It may step an execution again before its previous turn is committed: lanes keep the order,
//! and only commands and answers wait for the commit.

mod load;
mod rest;
mod running;
mod shards;
mod stepping;
mod takeover;
#[cfg(test)]
mod tests;
mod timers;

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use machine::Timestamp;
use tokio::sync::{Semaphore, mpsc, oneshot};
use uuid::Uuid;

use self::running::Running;
use self::timers::Timers;
use crate::lane::{Notice, Write};
use crate::metrics::{METRICS, Part, seconds, whole};
use crate::post::mail::{Gained, Key, LoadId, Mail, StimulusMail, StimulusReply};
use crate::shared::Shared;
use crate::tenure::Tenure;

/// Most stimuli that wait for one execution.
const MOST_DEFERRED: usize = 10_000;

/// Most executions that are being loaded because somebody waits for what happens to them.
const MOST_AWAITED: usize = 10_000;

/// How late a timer is when its loop must have stood still.
const STOOD_STILL_MS: i64 = 1_000;

/// An owner loop and all it holds.
pub(crate) struct Owner {
    pub(crate) shared: Arc<Shared>,
    pub(crate) mail: mpsc::Receiver<Mail>,
    /// For the loop's own errands; weak, so that the loop ends when all others are gone.
    pub(crate) mailbox: mpsc::WeakSender<Mail>,
    pub(crate) lane: mpsc::Sender<Box<Write>>,
    pub(crate) notices: mpsc::UnboundedReceiver<Notice>,
    /// Bytes that may wait in the lane's queue.
    pub(crate) room: Arc<Semaphore>,
    pub(crate) shards: HashMap<i16, Shard>,
    pub(crate) running: HashMap<Uuid, Running>,
    /// How many, for whoever asks for the figures.
    in_memory: Part,
    /// Executions that are being loaded.
    pub(crate) awaited: HashMap<Uuid, Awaited>,
    pub(crate) last_load: LoadId,
    /// Executions whose last turn was cut for its length.
    pub(crate) unfinished: VecDeque<Uuid>,
    pub(crate) timers: Timers,
    /// Executions that wait for a token or a worker, and when to look whether they still do.
    drowsy: VecDeque<(Timestamp, Key)>,
    pub(crate) closing: Vec<Closing>,
    pub(crate) leaving: Vec<Leaving>,
    /// Tenures that begin once nothing of an earlier one of their shards is in flight.
    pub(crate) returning: Vec<Gained>,
    /// How many executions of which shards are being put to sleep, whatever their tenures.
    pub(crate) tired: HashMap<i16, u32>,
    /// To be put to sleep; at most one entry for each execution in memory.
    pub(crate) sleepers: mpsc::UnboundedSender<(store::Sleeper, Tenure)>,
}

/// A shard this loop owns.
pub(crate) struct Shard {
    pub(crate) epoch: i64,
    pub(crate) tenure: Tenure,
    /// While the shard is being taken over: executions that have been here already, so that
    /// an older image of them, still on its way, is recognised.
    pub(crate) touched: Option<HashSet<Uuid>>,
    pub(crate) is_leaving: bool,
    pub(crate) in_flight: u32,
    /// Turns that have been in flight and are no more.
    pub(crate) landed: u64,
}

/// Shards whose gates are closed, and how many of their turns must have landed until all commands
/// from before that are out.
pub(crate) struct Closing {
    pub(crate) until: Vec<(i16, Tenure, u64)>,
    pub(crate) done: oneshot::Sender<()>,
}

/// Tenures that end once nothing of them is in flight.
pub(crate) struct Leaving {
    pub(crate) tenures: Vec<(i16, Tenure)>,
    pub(crate) done: oneshot::Sender<()>,
}

/// An execution that is being loaded.
pub(crate) struct Awaited {
    pub(crate) shard: i16,
    pub(crate) load: LoadId,
    /// What happens to it once it is there.
    pub(crate) mail: Vec<StimulusMail>,
}

impl Owner {
    pub(crate) fn new(
        shared: Arc<Shared>,
        mail: mpsc::Receiver<Mail>,
        mailbox: mpsc::WeakSender<Mail>,
        lane: mpsc::Sender<Box<Write>>,
        notices: mpsc::UnboundedReceiver<Notice>,
        sleepers: mpsc::UnboundedSender<(store::Sleeper, Tenure)>,
    ) -> Self {
        Self {
            shared,
            mail,
            mailbox,
            lane,
            notices,
            sleepers,
            room: Arc::new(Semaphore::new(crate::ROOM_BYTES)),
            shards: HashMap::new(),
            running: HashMap::new(),
            in_memory: Part::of(&METRICS.executions.in_memory),
            awaited: HashMap::new(),
            last_load: 0,
            unfinished: VecDeque::new(),
            timers: Timers::default(),
            closing: Vec::new(),
            leaving: Vec::new(),
            returning: Vec::new(),
            tired: HashMap::new(),
            drowsy: VecDeque::new(),
        }
    }

    /// Runs until every sender of mail is gone.
    pub(crate) async fn run(mut self) {
        loop {
            let until_timer = self.until_timer();
            tokio::select! {
                biased;
                Some(notice) = self.notices.recv() => self.note(notice).await,
                () = tokio::time::sleep(until_timer) => self.fire().await,
                mail = self.mail.recv() => match mail {
                    Some(mail) => self.take(mail).await,
                    None => return,
                },
                () = std::future::ready(()), if !self.unfinished.is_empty() => {}
            }
            self.go_on().await;
            self.in_memory.set(whole(self.running.len()));
        }
    }

    fn until_timer(&self) -> Duration {
        let look = self.next_look();
        let due = self.timers.next().into_iter().chain(look).min();
        let Some(due) = due else { return Duration::from_hours(1) };
        let ms = due.0.saturating_sub(self.shared.now().0).clamp(0, 3_600_000);
        Duration::from_millis(ms.unsigned_abs())
    }

    async fn take(&mut self, mail: Mail) {
        match mail {
            Mail::Start(start) => self.start(*start).await,
            Mail::Stimulus(stimulus) => self.stimulate(*stimulus).await,
            Mail::Gained(shards, done) => self.gain(shards, done),
            Mail::Close(shards, done) => self.close(&shards, done),
            Mail::GiveUp(shards, done) => self.give_up(shards, done),
            Mail::Loaded(loaded) => self.loaded(*loaded).await,
            Mail::TakenOver(shards) => self.taken_over(shards),
            Mail::NotLoaded(key, load, why) => self.not_loaded(key, load, why).await,
            Mail::Wake(key) => self.wake(key),
            Mail::Passivated(key, tenure, outcome) => self.passivated(key, tenure, outcome).await,
        }
    }

    async fn note(&mut self, notice: Notice) {
        match notice {
            Notice::Landed(key, tenure) => {
                if self.count_landed(key.shard, tenure) {
                    self.landed(key).await;
                }
            }
            Notice::Refused(key, tenure) => {
                if self.count_landed(key.shard, tenure) {
                    self.forget(key.id);
                }
            }
            Notice::Fenced(shards) => self.fenced(shards),
        }
        self.say_what_is_closed();
        self.leave_what_is_done();
    }

    /// A turn is committed.
    async fn landed(&mut self, key: Key) {
        let Some(running) = self.running.get_mut(&key.id) else { return };
        running.in_flight = running.in_flight.saturating_sub(1);
        if running.is_starting {
            running.is_starting = false;
            if running.execution.wants_to_continue() {
                self.unfinished.push_back(key.id);
            }
            self.take_deferred(key.id).await;
        }
        let Some(running) = self.running.get_mut(&key.id) else { return };
        if running.has_ended() {
            if running.in_flight == 0 {
                self.forget(key.id);
            }
            return;
        }
        self.rest(key);
    }

    /// One turn less is on its way; whether it was one of the present tenure.
    fn count_landed(&mut self, shard: i16, tenure: Tenure) -> bool {
        match self.shards.get_mut(&shard) {
            Some(shard) if shard.tenure == tenure => {
                shard.in_flight = shard.in_flight.saturating_sub(1);
                shard.landed += 1;
                true
            }
            Some(_) | None => false,
        }
    }

    /// Everything that waited for this execution happens now, in its order.
    pub(crate) async fn take_deferred(&mut self, id: Uuid) {
        loop {
            let Some(running) = self.running.get_mut(&id) else { return };
            if running.must_wait() {
                return;
            }
            let Some(mail) = running.deferred.pop_front() else { return };
            self.happen(mail).await;
        }
    }

    /// The executions whose time has come. What had arrived before this loop looked at the time
    /// comes first: an answer that was in time must not find its task timed out.
    async fn fire(&mut self) {
        for _ in 0..self.mail.len() {
            let Ok(mail) = self.mail.try_recv() else { break };
            self.take(mail).await;
        }
        self.doze();
        let now = self.shared.now();
        while let Some((due, id)) = self.timers.pop_due(now) {
            let Some(running) = self.running.get_mut(&id) else { continue };
            if running.timer != Some(due) {
                continue;
            }
            running.timer = None;
            METRICS.loops.timer_lateness.observe(seconds(now.0 - due.0));
            if now.0 - due.0 > STOOD_STILL_MS || self.shared.was_away(now) {
                // Heartbeats may have found nobody.
                running.execution.resume(now);
            }
            let key = Key { shard: running.shard, id };
            self.stimulate(StimulusMail::new(key, machine::Stimulus::Timer)).await;
        }
    }

    /// One more turn for one of those that were cut.
    async fn go_on(&mut self) {
        let Some(id) = self.unfinished.pop_front() else { return };
        let Some(running) = self.running.get(&id) else { return };
        let key = Key { shard: running.shard, id };
        self.stimulate(StimulusMail::new(key, machine::Stimulus::Continue)).await;
    }

    /// Something happens to an execution, wherever it is.
    async fn stimulate(&mut self, mail: StimulusMail) {
        let id = mail.key.id;
        match self.running.get_mut(&id) {
            Some(running) if running.must_wait() => {
                // What nobody would say again must not be lost; of that there is no more than there are
                // calls under way.
                let is_said_once = mail.reply.is_none() && mail.message.is_none();
                if is_said_once || running.deferred.len() < MOST_DEFERRED {
                    running.deferred.push_back(mail);
                } else {
                    answer(mail.reply, StimulusReply::Unavailable);
                }
            }
            Some(_) => self.happen(mail).await,
            None => self.load(mail),
        }
    }
}

pub(crate) fn answer(reply: Option<oneshot::Sender<StimulusReply>>, with: StimulusReply) {
    if let Some(reply) = reply {
        // A caller that has gone away needs no answer.
        let _ = reply.send(with);
    }
}
