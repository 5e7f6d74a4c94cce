//! An owner: holds the running executions of some shards in memory; takes what happens to them, lets
//! each step, and has the turns written by its lane.
//!
//! It knows no clock, socket or database: it is told what happens and when, and says what is to be done
//! ([`Effect`]). Its loop ([`drive`]) does that; the simulation does it, too.
//!
//! It may step an execution again before its previous turn is committed: lanes keep the order,
//! and only commands and answers wait for the commit.

mod broken;
pub(crate) mod drive;
mod effect;
mod load;
mod note;
mod running;
mod set_aside;
mod shards;
mod sleep;
mod snapshots;
mod stepping;
pub(crate) mod takeover;
#[cfg(test)]
mod tests;
mod timers;
mod trial;

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use machine::{Identity, Limits, Stimulus, Timestamp};
use tokio::sync::oneshot;
use uuid::Uuid;

pub(crate) use self::effect::Effect;
use self::running::Running;
use self::timers::Timers;
use crate::clock::Now;
use crate::fair::Fair;
use crate::lane::Notice;
use crate::metrics::{METRICS, seconds};
use crate::post::mail::{Gained, Key, LoadId, Mail, StimulusMail, StimulusReply};
use crate::task::token::Seal;
use crate::tenure::Tenure;
use crate::tenure::standing::Standing;

/// Most stimuli that wait for one execution.
const MOST_DEFERRED: usize = 10_000;

/// Most executions that are being loaded because somebody waits for what happens to them.
const MOST_AWAITED: usize = 10_000;

/// How late a timer is when its loop must have stood still.
const STOOD_STILL_MS: i64 = 1_000;

/// What an owner goes by.
#[derive(Clone)]
pub(crate) struct Rules {
    pub(crate) limits: Limits,
    /// An execution that only waits, and for longer than this, leaves memory.
    pub(crate) sleep_after: Duration,
    /// An execution that leaves memory has a snapshot if its log has grown by so many bytes.
    pub(crate) snapshot_after: usize,
    pub(crate) seal: Seal,
    /// Called before each step, for trials of what a step may do to a node.
    pub(crate) before_step: Option<fn(&Identity)>,
}

impl Rules {
    fn trial(&self, identity: &Identity) {
        if let Some(trial) = self.before_step {
            trial(identity);
        }
    }
}

/// An owner and all it holds.
pub(crate) struct Owner {
    pub(crate) standing: Arc<Standing>,
    rules: Rules,
    /// The moment in which it decides.
    now: Now,
    effects: Vec<Effect>,
    pub(crate) shards: HashMap<i16, Shard>,
    pub(crate) running: HashMap<Uuid, Running>,
    /// Executions that are being loaded.
    pub(crate) awaited: HashMap<Uuid, Awaited>,
    pub(crate) last_load: LoadId,
    /// Executions that have something to go on with: a turn that was cut for its length, or mail that
    /// had to wait. The machines take turns.
    unfinished: Fair<u64, Uuid>,
    timers: Timers,
    /// Executions that wait for a token or a worker, and since when nothing had happened to them.
    idle: VecDeque<(Timestamp, Key)>,
    closing: Vec<Closing>,
    leaving: Vec<Leaving>,
    /// Tenures that begin once nothing of an earlier one of their shards is in flight.
    returning: Vec<Gained>,
    /// How many executions of which shards are being put to sleep, whatever their tenures.
    falling_asleep: HashMap<i16, u32>,
    /// The execution to which something may happen now, because it was noted.
    on_trial: Option<Uuid>,
}

/// A shard this loop owns.
pub(crate) struct Shard {
    pub(crate) epoch: i64,
    pub(crate) tenure: Tenure,
    /// While the shard is being taken over: executions that have been here already, so that
    /// an older image of them, still on its way, is recognised.
    pub(crate) touched: Option<HashSet<Uuid>>,
    pub(crate) is_leaving: bool,
    /// Executions that are set aside, whose end is on its way to the log.
    pub(crate) ending: HashSet<Uuid>,
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
    pub(crate) fn new(standing: Arc<Standing>, rules: Rules, now: Now) -> Self {
        Self {
            standing,
            rules,
            now,
            effects: Vec::new(),
            shards: HashMap::new(),
            running: HashMap::new(),
            awaited: HashMap::new(),
            last_load: 0,
            unfinished: Fair::new(1),
            timers: Timers::default(),
            idle: VecDeque::new(),
            closing: Vec::new(),
            leaving: Vec::new(),
            returning: Vec::new(),
            falling_asleep: HashMap::new(),
            on_trial: None,
        }
    }

    /// What is to be done by now, in its order.
    pub(crate) fn effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    /// How many executions are in memory.
    pub(crate) fn in_memory(&self) -> usize {
        self.running.len()
    }

    /// When it wants [`Owner::fire`] to be called, if ever.
    pub(crate) fn next_due(&self) -> Option<Timestamp> {
        self.timers.next().into_iter().chain(self.next_look()).min()
    }

    /// Whether it wants [`Owner::go_on`] to be called.
    pub(crate) fn is_unfinished(&self) -> bool {
        !self.unfinished.is_empty()
    }

    /// Takes in one piece of mail.
    pub(crate) fn take(&mut self, mail: Mail, now: Now) {
        self.now = now;
        match mail {
            Mail::Start(start) => self.start(*start),
            Mail::Stimulus(stimulus) => self.stimulate(*stimulus),
            Mail::Gained(shards, done) => self.gain(shards, done),
            Mail::Close(shards, done) => self.close(&shards, done),
            Mail::GiveUp(shards, done) => self.give_up(shards, done),
            Mail::Loaded(loaded) => self.loaded(*loaded),
            Mail::TakenOver(shards) => self.taken_over(shards),
            Mail::NotLoaded(key, load, why) => self.not_loaded(key, load, why),
            Mail::Wake(key) => self.wake(key),
            Mail::Far(key, task) => self.waits_far(key, task),
            Mail::Near(key, task) => self.is_near(key, task),
            Mail::Outlined(mail, tenure, outline) => self.outlined(*mail, tenure, outline),
            Mail::Slept(key, tenure, outcome) => self.slept(key, tenure, outcome),
        }
    }

    /// Hears of its lane what became of a turn.
    pub(crate) fn note(&mut self, notice: Notice, now: Now) {
        self.now = now;
        match notice {
            Notice::Landed(key, tenure) => {
                if self.count_landed(key.shard, tenure) {
                    self.landed(key);
                }
            }
            Notice::Refused(key, tenure) => {
                if self.count_landed(key.shard, tenure) {
                    self.has_not_ended_aside(key);
                    self.forget(key.id);
                }
            }
            Notice::Fenced(shards) => self.fenced(shards),
        }
        self.say_what_is_closed();
        self.leave_what_is_done();
    }

    /// A turn is committed.
    fn landed(&mut self, key: Key) {
        let Some(running) = self.running.get_mut(&key.id) else {
            return self.has_ended_aside(key);
        };
        running.in_flight = running.in_flight.saturating_sub(1);
        if running.in_flight == 0 && std::mem::take(&mut running.is_suspect) {
            self.effects.push(Effect::Acquit(key));
        }
        if running.broken.is_some() {
            self.mend(key.id);
            return;
        }
        if running.has_ended() {
            running.is_starting = false;
            if running.in_flight == 0 {
                if running.has_snapshot {
                    self.effects.push(Effect::ForgetSnapshot(key));
                }
                self.forget(key.id);
            }
            return;
        }
        running.is_starting = false;
        self.goes_on(key.id);
        self.may_sleep(key);
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

    /// The next execution whose time has come; whether there was one. Whatever had arrived before this
    /// moment must have been taken in: an answer that was in time must not find its task timed out.
    pub(crate) fn fire(&mut self, now: Now) -> bool {
        self.now = now;
        self.look_at_idle();
        while let Some((due, id)) = self.timers.pop_due(now.wall) {
            let Some(running) = self.running.get_mut(&id) else { continue };
            if running.timer != Some(due) {
                continue;
            }
            running.timer = None;
            let late_ms = now.wall.0 - due.0;
            METRICS.loops.timer_lateness.observe(seconds(late_ms));
            if late_ms > STOOD_STILL_MS || self.standing.was_away(now.wall) {
                // Heartbeats may have found nobody.
                running.execution.resume(now.wall);
            }
            let key = Key { shard: running.shard, id };
            self.stimulate(StimulusMail::new(key, Stimulus::Timer));
            return true;
        }
        false
    }

    /// One more turn for one of those that have something to go on with.
    pub(crate) fn go_on(&mut self, now: Now) {
        self.now = now;
        let Some(id) = self.unfinished.pop() else { return };
        let Some(running) = self.running.get_mut(&id) else { return };
        running.is_unfinished = false;
        if running.must_wait() {
            // The end of the waiting brings it here again.
            return;
        }
        let key = Key { shard: running.shard, id };
        match running.deferred.pop_front() {
            Some(mail) => self.happen(mail),
            None if running.may_continue() => {
                self.happen(StimulusMail::new(key, Stimulus::Continue));
            }
            None => {}
        }
        self.goes_on(id);
    }

    /// This execution may have something to go on with.
    fn goes_on(&mut self, id: Uuid) {
        let Some(running) = self.running.get_mut(&id) else { return };
        let has_more = !running.deferred.is_empty() || running.may_continue();
        if has_more && !running.must_wait() && !running.is_unfinished {
            running.is_unfinished = true;
            self.unfinished.push(running.machine, id, 1);
        }
    }

    /// Something happens to an execution, wherever it is.
    fn stimulate(&mut self, mail: StimulusMail) {
        let id = mail.key.id;
        match self.running.get_mut(&id) {
            // It comes again because the log could not be read; its end is all that is left to happen.
            Some(running) if running.broken.is_some() && mail.stimulus == Stimulus::Continue => {
                self.mend(id);
            }
            Some(running) if running.must_wait() || !running.deferred.is_empty() => {
                // What nobody would say again must not be lost; of that there is no more than there are
                // calls under way.
                let is_said_once = mail.reply.is_none() && mail.message.is_none();
                if is_said_once || running.deferred.len() < MOST_DEFERRED {
                    running.deferred.push_back(mail);
                } else {
                    answer(mail.reply, StimulusReply::Unavailable);
                }
                self.goes_on(id);
            }
            Some(_) => {
                self.happen(mail);
                self.goes_on(id);
            }
            None => self.load(mail),
        }
    }
}

pub(crate) fn answer<T>(reply: Option<oneshot::Sender<T>>, with: T) {
    if let Some(reply) = reply {
        // A caller that has gone away needs no answer.
        let _ = reply.send(with);
    }
}
