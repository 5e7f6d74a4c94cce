//! What the engine asks of others, and the answers on their way to it.

use machine::{Command, Stimulus};

use super::World;

/// After how long a message that was lost is sent again: before a heartbeat is missed.
const AGAIN_MS: i64 = 500;

impl World<'_> {
    pub(super) fn carry_out(&mut self, command: Command, repeated: bool) {
        match command {
            Command::Invoke(call) => self.call(call, repeated),
            Command::FindActivity { frame, sought, .. } => {
                self.send_perhaps_twice(5, Stimulus::ActivityFound { frame, sought });
            }
            Command::Abandon { .. } => {}
        }
    }

    pub(super) fn send_perhaps_twice(&mut self, mut delay: i64, stimulus: Stimulus) {
        if self.faults.loses() {
            delay += AGAIN_MS;
        }
        self.send(delay, stimulus.clone());
        if self.faults.repeats() {
            self.send(delay + 1, stimulus.clone());
        }
        if self.faults.is_late() {
            self.send(delay + 3_600_000, stimulus);
        }
    }

    pub(super) fn send(&mut self, delay: i64, stimulus: Stimulus) {
        self.sent += 1;
        self.answers.insert((self.now.plus_ms(delay), self.sent), stimulus);
    }
}
