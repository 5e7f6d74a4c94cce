//! When an execution that waits for a token or a worker leaves memory: not at once, since many
//! are answered within moments, and going and coming costs more than a little memory.

use std::time::Duration;

use machine::Timestamp;

use super::Owner;
use super::running::Asleep;
use crate::post::mail::Key;

/// How long nothing must have happened to it.
const IDLE: Duration = Duration::from_secs(10);
/// The same while memory is tight.
const HURRIED: Duration = Duration::from_secs(1);

impl Owner {
    /// Nothing is under way for this execution, perhaps: then it may leave memory, at once if it
    /// waits for nothing but time.
    pub(super) fn rest(&mut self, key: Key) {
        let Some(running) = self.running.get(&key.id) else { return };
        if running.execution.has_open_tasks() || running.asleep != Asleep::No {
            self.drowse(key);
        } else {
            self.maybe_passivate(key);
        }
    }

    /// If nothing happens to this execution for a while, it leaves memory.
    pub(super) fn drowse(&mut self, key: Key) {
        let Some(running) = self.running.get_mut(&key.id) else { return };
        if running.execution.only_waits() && running.idle_since.replace(self.now.wall).is_none() {
            self.drowsy.push_back((self.now.wall, key));
        }
    }

    fn idle_ms(&self) -> i64 {
        let idle = if self.standing.memory.is_tight() { HURRIED } else { IDLE };
        let idle = idle.min(self.rules.passivate_after);
        i64::try_from(idle.as_millis()).unwrap_or(i64::MAX)
    }

    /// When the next of them is to be looked at.
    pub(super) fn next_look(&self) -> Option<Timestamp> {
        self.drowsy.front().map(|(since, _)| since.plus_ms(self.idle_ms()))
    }

    /// Puts those to sleep to whom nothing has happened meanwhile.
    pub(super) fn doze(&mut self) {
        let now = self.now.wall;
        let idle = self.idle_ms();
        let not_before = self.sleeps_beyond();
        while let Some((_, key)) = self.drowsy.pop_front_if(|(since, _)| since.plus_ms(idle) <= now)
        {
            let Some(running) = self.running.get_mut(&key.id) else { continue };
            let Some(since) = running.idle_since else { continue };
            if since.plus_ms(idle) > now {
                self.drowsy.push_back((since, key));
                continue;
            }
            running.idle_since = None;
            if running.asleep == Asleep::Yes && running.may_sleep_until(not_before).is_some() {
                // Nothing has happened to it since it was read: the store says so already.
                self.running.remove(&key.id);
            } else {
                self.maybe_passivate(key);
            }
        }
    }
}
