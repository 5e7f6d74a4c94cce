//! Calls that begin at once, and calls that have to wait. What the log calls queued has never been
//! made.

use machine::{At, Event, EventKind, FrameId, Invocation, Stimulus, Turn};

use super::World;

/// After how long a call that waits begins.
const WAITS_MS: i64 = 20;

impl World<'_> {
    /// Makes a call, at once or later; `repeated`: an earlier owner may have made it.
    pub(super) fn call(&mut self, call: Invocation, repeated: bool) {
        let task = call.task;
        if call.queued {
            assert!(!self.made.contains(&task), "task {task} was called, and the log denies it");
            self.waiting.insert(task, call);
            self.send(WAITS_MS, Stimulus::TaskBegan { task });
            return;
        }
        if !self.faults.queues() {
            if call.delayed {
                self.send(1, Stimulus::TaskBegan { task });
            }
            self.make(&call);
            return;
        }
        let waits =
            if repeated { Stimulus::TaskDelayed { task } } else { Stimulus::TaskQueued { task } };
        self.send(1, waits);
        self.send(WAITS_MS, Stimulus::TaskBegan { task });
        if repeated {
            // Nothing has to be known before it begins.
            self.make(&call);
        } else {
            self.waiting.insert(task, call);
        }
    }

    fn make(&mut self, call: &Invocation) {
        self.made.insert(call.task);
        let Some((delay, stimulus)) = self.machine.outcome(call) else { return };
        if matches!(stimulus, Stimulus::TaskSubmitted { .. }) && self.faults.repeats() {
            // Whoever was called uses the token before it answers the call.
            self.use_early(call);
        }
        self.send_perhaps_twice(delay, stimulus);
    }

    /// Calls that waited begin when the log says so.
    pub(super) fn notice_begun(&mut self, turn: &Turn) {
        let begins = |event: &&Event| matches!(event.kind, EventKind::TaskBegan { .. });
        let begun: Vec<FrameId> =
            turn.events.iter().filter(begins).map(|event| event.frame).collect();
        if begun.is_empty() {
            return;
        }
        let committed = machine::fold(&self.log).expect("the log begins with a start");
        for frame in committed.frames().filter(|frame| begun.contains(&frame.id)) {
            let At::Task(open) = &frame.at else { continue };
            if !open.queued
                && let Some(call) = self.waiting.remove(&open.id)
            {
                self.make(&call);
            }
        }
    }

    /// What waits is known to its owner alone, and so is what it says of itself.
    pub(super) fn nothing_waits_any_more(&mut self) {
        self.waiting.clear();
        self.answers.retain(|_, stimulus| {
            !matches!(
                stimulus,
                Stimulus::TaskQueued { .. }
                    | Stimulus::TaskDelayed { .. }
                    | Stimulus::TaskBegan { .. }
            )
        });
    }
}
