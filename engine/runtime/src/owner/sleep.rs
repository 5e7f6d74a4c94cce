//! How executions fall asleep, which is to leave memory, and wake. One that waits for a token or a worker does
//! not at once, since many are answered within moments, and going and coming costs more than a little memory.

use std::time::Duration;

use machine::{Stimulus, Timestamp};
use uuid::Uuid;

use super::running::Asleep;
use super::stepping::number;
use super::{Effect, Owner, Shard};
use crate::clock::moment;
use crate::post::mail::{Key, Slept, StimulusMail};
use crate::sleep::fall_asleep::FallingAsleep;
use crate::tenure::Tenure;

/// How long nothing must have happened to it.
const IDLE: Duration = Duration::from_secs(10);
/// The same while memory is tight.
const HURRIED: Duration = Duration::from_secs(1);

impl Owner {
    /// Nothing is under way for this execution, perhaps: then it may leave memory, at once if it
    /// waits for nothing but time.
    pub(super) fn may_sleep(&mut self, key: Key) {
        let Some(running) = self.running.get(&key.id) else { return };
        if running.is_far() {
            self.fall_asleep(key);
        } else if running.execution.has_open_tasks() || running.asleep != Asleep::No {
            self.note_idle(key);
        } else {
            self.fall_asleep(key);
        }
    }

    /// If nothing happens to this execution for a while, it leaves memory.
    pub(super) fn note_idle(&mut self, key: Key) {
        let Some(running) = self.running.get_mut(&key.id) else { return };
        if running.only_waits() && running.idle_since.replace(self.now.wall).is_none() {
            self.idle.push_back((self.now.wall, key));
        }
    }

    fn idle_ms(&self) -> i64 {
        let idle = if self.standing.memory.is_tight() { HURRIED } else { IDLE };
        let idle = idle.min(self.rules.sleep_after);
        i64::try_from(idle.as_millis()).unwrap_or(i64::MAX)
    }

    /// When the next of them is to be looked at.
    pub(super) fn next_look(&self) -> Option<Timestamp> {
        self.idle.front().map(|(since, _)| since.plus_ms(self.idle_ms()))
    }

    /// Puts those to sleep to whom nothing has happened meanwhile.
    pub(super) fn look_at_idle(&mut self) {
        let now = self.now.wall;
        let idle = self.idle_ms();
        let not_before = self.sleeps_beyond();
        while let Some((_, key)) = self.idle.pop_front_if(|(since, _)| since.plus_ms(idle) <= now) {
            let Some(running) = self.running.get_mut(&key.id) else { continue };
            let Some(since) = running.idle_since else { continue };
            if since.plus_ms(idle) > now {
                self.idle.push_back((since, key));
                continue;
            }
            running.idle_since = None;
            if running.asleep == Asleep::Yes && running.may_sleep_until(not_before).is_some() {
                // Nothing has happened to it since it was read: the store says so already.
                self.leave_memory(key.id);
            } else {
                self.fall_asleep(key);
            }
        }
    }

    /// An execution is asleep, in the store: nothing of it is left here.
    fn leave_memory(&mut self, id: Uuid) {
        if self.running.remove(&id).is_some_and(|running| !running.far.is_empty()) {
            // It is made anew when its turn is near.
            self.effects.push(Effect::Abandon(id));
        }
    }

    /// The call of this task waits for a place far behind.
    pub(super) fn waits_far(&mut self, key: Key, task: u64) {
        let Some(running) = self.running.get_mut(&key.id) else { return };
        running.far.insert(task);
        self.may_sleep(key);
    }

    /// The turn of a call that waited far behind is near. Who is being loaded asks for its place anyway.
    pub(super) fn is_near(&mut self, key: Key, task: u64) {
        match self.running.get_mut(&key.id) {
            Some(running) => {
                running.far.remove(&task);
                self.effects.push(Effect::Near(key.id, task));
            }
            None => self.wake(key),
        }
    }

    /// A sleeping execution's time is near: it comes back into memory.
    pub(super) fn wake(&mut self, key: Key) {
        if self.running.contains_key(&key.id) || self.awaited.contains_key(&key.id) {
            return;
        }
        self.load(StimulusMail::new(key, Stimulus::Timer));
    }

    /// What wants to be woken later than this may leave memory.
    pub(super) fn sleeps_beyond(&self) -> Timestamp {
        let after = self.rules.sleep_after.as_millis();
        self.now.wall.plus_ms(i64::try_from(after).unwrap_or(i64::MAX))
    }

    /// Puts an execution to sleep if it only waits, and for long.
    pub(super) fn fall_asleep(&mut self, key: Key) {
        let not_before = self.sleeps_beyond();
        let Some(Shard { epoch, tenure, .. }) = self.shards.get(&key.shard) else { return };
        let Some(running) = self.running.get_mut(&key.id) else { return };
        let Some(until) = running.may_sleep_until(not_before) else { return };
        running.is_falling_asleep = true;
        let (shard, execution_id) = (key.shard, key.id);
        let next_event = number(running.execution.next_event());
        let (epoch, tenure, wake_at) = (*epoch, *tenure, moment(until));
        let waits_for_place = running.is_far();
        let (snapshot, room) = self.snapshot(key.id).unzip();
        let sleeper = store::Sleeper {
            shard,
            execution_id,
            wake_at,
            epoch,
            next_event,
            snapshot,
            waits_for_place,
        };
        self.effects.push(Effect::PutToSleep(FallingAsleep { sleeper, tenure, room }));
        *self.falling_asleep.entry(key.shard).or_default() += 1;
    }

    pub(super) fn slept(&mut self, key: Key, tenure: Tenure, outcome: Slept) {
        if let Some(count) = self.falling_asleep.get_mut(&key.shard) {
            *count -= 1;
            if *count == 0 {
                self.falling_asleep.remove(&key.shard);
                self.begin_what_returns();
            }
        }
        let is_present = self.tenure(key.shard) == Some(tenure);
        let Some(running) = self.running.get_mut(&key.id) else { return };
        // If not, the attempt was made in an earlier tenure; it has been read again since.
        let is_answered = is_present && std::mem::take(&mut running.is_falling_asleep);
        // In doubt it stays in memory, and its next turn clears `wake_at` to be sure.
        running.asleep = match outcome {
            Slept::Asleep if is_answered => Asleep::Yes,
            Slept::Asleep | Slept::InDoubt => Asleep::Perhaps,
            Slept::Awake => running.asleep,
        };
        if is_answered && outcome == Slept::Asleep && running.has_fresh_snapshot {
            running.tail = 0;
        }
        running.has_fresh_snapshot = false;
        let is_idle = running.deferred.is_empty() && running.only_waits();
        if running.asleep == Asleep::Yes && is_answered && is_idle {
            self.leave_memory(key.id);
            return;
        }
        self.goes_on(key.id);
        // What could not be put to sleep is tried again when it has rested.
        self.note_idle(key);
    }
}
