//! The loop of an owner, on a thread of its own: tells it what happens and when, and does what it wants
//! done.

mod deaths;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc};
use tokio::time::Instant;

use super::{Effect, Owner, takeover};
use crate::clock::Now;
use crate::lane::{Notice, Write};
use crate::loops::Pulse;
use crate::metrics::{METRICS, Part, whole};
use crate::post::mail::{Key, Mail, StimulusMail, StimulusReply};
use crate::shared::Shared;
use crate::sleep::fall_asleep::FallingAsleep;

/// Longest sleep: the wall's clock may be set, or the machine may have slept itself.
const LONGEST_SLEEP: Duration = Duration::from_secs(1);
/// Most executions whose time has come before mail is looked at again.
const AT_ONCE: usize = 100;
/// What a turn counts at least, in the queue of a lane.
const LEAST_BYTES: usize = 512;
/// How much may wait for its commit when an execution goes on whose turn was cut.
const BACKLOG_BYTES: usize = 4 * 1024 * 1024;
/// How long mail waits that comes again because the store was away.
const AGAIN: Duration = Duration::from_secs(1);

/// An owner's loop.
pub(crate) struct Drive {
    pub(crate) shared: Arc<Shared>,
    pub(crate) owner: Owner,
    pub(crate) pulse: Arc<Pulse>,
    pub(crate) mail: mpsc::Receiver<Mail>,
    /// For the loop's own errands; weak, so that the loop ends when all others are gone.
    pub(crate) mailbox: mpsc::WeakSender<Mail>,
    pub(crate) lane: mpsc::Sender<Box<Write>>,
    pub(crate) notices: mpsc::UnboundedReceiver<Notice>,
    /// Bytes that may wait in the lane's queue.
    pub(crate) room: Arc<Semaphore>,
    /// How long executions went on last of all that had been cut: so long mail comes first.
    pub(crate) owed: Duration,
    /// To be put to sleep; at most one entry for each execution in memory.
    pub(crate) sleepers: mpsc::UnboundedSender<FallingAsleep>,
}

impl Drive {
    /// Runs until every sender of mail is gone.
    pub(crate) async fn run(mut self) {
        // How many, for whoever asks for the figures.
        let mut in_memory = Part::of(&METRICS.executions.in_memory);
        loop {
            let until_due = self.until_due();
            let goes_on = self.may_go_on();
            tokio::select! {
                biased;
                Some(notice) = self.notices.recv() => {
                    self.pulse.begin();
                    let now = self.now();
                    self.owner.note(notice, now);
                }
                () = tokio::time::sleep(until_due), if !until_due.is_zero() => {}
                () = std::future::ready(()), if until_due.is_zero() => {
                    self.pulse.begin();
                    self.fire().await;
                }
                mail = self.mail.recv() => {
                    self.pulse.begin();
                    match mail {
                        Some(mail) => self.take(mail),
                        None => return,
                    }
                }
                () = std::future::ready(()), if goes_on => self.pulse.begin(),
            }
            self.perform().await;
            if self.may_go_on() && (self.mail.is_empty() || self.owed.is_zero()) {
                let (now, began) = (self.now(), Instant::now());
                timed(|| self.owner.go_on(now));
                self.owed = began.elapsed();
                self.perform().await;
            }
            self.pulse.done();
            in_memory.set(whole(self.owner.in_memory()));
        }
    }

    fn now(&self) -> Now {
        self.shared.clock.moment()
    }

    fn until_due(&self) -> Duration {
        let Some(due) = self.owner.next_due() else { return LONGEST_SLEEP };
        let ms = due.0.saturating_sub(self.shared.now().0).max(0);
        Duration::from_millis(ms.unsigned_abs()).min(LONGEST_SLEEP)
    }

    fn take(&mut self, mail: Mail) {
        let (now, began) = (self.now(), Instant::now());
        if matches!(mail, Mail::Start(_) | Mail::Stimulus(_)) {
            timed(|| self.owner.take(mail, now));
        } else {
            self.owner.take(mail, now);
        }
        self.owed = self.owed.saturating_sub(began.elapsed());
    }

    /// Whether an execution may go on whose turn was cut: not while much waits for its commit, since others
    /// would wait behind that.
    fn may_go_on(&self) -> bool {
        let waiting = crate::ROOM_BYTES.saturating_sub(self.room.available_permits());
        self.owner.is_unfinished() && waiting < BACKLOG_BYTES
    }

    /// Some of the executions whose time has come; what had arrived before this moment comes first.
    async fn fire(&mut self) {
        let now = self.now();
        for _ in 0..self.mail.len() {
            let Ok(mail) = self.mail.try_recv() else { break };
            self.take(mail);
            self.perform().await;
        }
        for _ in 0..AT_ONCE {
            if !timed(|| self.owner.fire(now)) {
                break;
            }
            self.perform().await;
        }
    }

    /// Does what is to be done. Waits while the lane's queue is full: then mail queues up, and starts
    /// are refused at the door.
    async fn perform(&mut self) {
        loop {
            let effects = self.owner.effects();
            if effects.is_empty() {
                return;
            }
            for effect in effects {
                match effect {
                    Effect::Write(write) => self.write(write).await,
                    // One step, which tries nothing more.
                    Effect::Try(key) => self.try_step(key).await,
                    effect => self.hand_out(effect),
                }
            }
        }
    }

    /// Has others do what takes time: on the runtime beside this thread.
    fn hand_out(&self, effect: Effect) {
        let _beside = self.shared.main.enter();
        match effect {
            Effect::Write(_) | Effect::Try(_) => {
                unreachable!("its order counts, and it may have to wait")
            }
            Effect::Call(key, identity, command) => {
                let mailbox = self.mailbox.clone();
                self.shared.calls.carry_out(key, &identity, command, true, mailbox);
            }
            Effect::Abandon(execution) => self.shared.calls.abandon_all(execution),
            Effect::Load(key, load) => {
                takeover::load_one(self.shared.clone(), key, load, self.mailbox.clone());
            }
            Effect::TakeOver(tenures) => {
                // What waits in the inbox, or sleeps, is this node's from now on.
                self.shared.begun.send_replace(());
                takeover::spawn(self.shared.clone(), tenures, self.mailbox.clone());
            }
            Effect::PutToSleep(one) => {
                // It fails only in a process that is ending.
                let _ = self.sleepers.send(one);
            }
            Effect::ForgetSnapshot(key) => self.forget_snapshot(key),
            Effect::Acquit(key) => self.acquit(key),
            Effect::Outline(mail, tenure) => self.outline(mail, tenure),
            Effect::Near(execution, task) => self.shared.calls.is_near(execution, task),
            Effect::PassOver(message) => self.pass_over(message),
            Effect::Again(mail) => self.again(mail),
            Effect::Fenced(tenures) => {
                // The membership is gone only in a process that is ending.
                let _ = self.shared.fenced.send(tenures);
            }
        }
    }

    async fn write(&mut self, mut write: Box<Write>) {
        let bytes = write.bytes().clamp(LEAST_BYTES, crate::ROOM_BYTES);
        let permits = u32::try_from(bytes).unwrap_or(u32::MAX);
        write.room = self.room.clone().acquire_many_owned(permits).await.ok();
        // The lane outlives the owner, so this fails only in a process that is ending.
        let _ = self.lane.send(write).await;
    }

    fn pass_over(&self, message: uuid::Uuid) {
        let store = self.shared.store.clone();
        let answer = StimulusReply::Stale.encoded();
        tokio::spawn(async move {
            if let Err(error) = store.answer_alone(message, &answer).await {
                tracing::debug!(%error, "a message is not answered; it is taken up again");
            }
        });
    }

    fn forget_snapshot(&self, Key { shard, id }: Key) {
        let store = self.shared.store.clone();
        tokio::spawn(async move {
            if let Err(error) = store.forget_snapshot(shard, id).await {
                tracing::debug!(%error, execution.id = %id, "a snapshot is left that nobody needs");
            }
        });
    }

    fn again(&self, mail: Box<StimulusMail>) {
        let mailbox = self.mailbox.clone();
        tokio::spawn(async move {
            tokio::time::sleep(AGAIN).await;
            if let Some(mailbox) = mailbox.upgrade() {
                let _ = mailbox.send(Mail::Stimulus(mail)).await;
            }
        });
    }
}

/// Steps, and notes how long that took.
fn timed<T>(step: impl FnOnce() -> T) -> T {
    let began = Instant::now();
    let stepped = step();
    METRICS.loops.step_time.observe(began.elapsed().as_secs_f64());
    stepped
}

#[cfg(test)]
mod tests;
