//! Who holds tokens and works on activities: what they do with a task in their hands, and do
//! again when nobody answered.

use machine::{
    At, EventKind, Execution, Failure, Frame, FrameId, Invocation, Phase, Stimulus, TaskKind, Turn,
};

use super::{Numbered, Owner, World, owner_of};

/// The number of a task that never was.
const NO_TASK: u64 = 1_000_000;
/// A claim that nobody made.
const NO_CLAIM: u64 = 99;

/// Before anything else that is under way, even if the clock is set back.
const AT_ONCE: i64 = -86_400_000;

impl World<'_> {
    /// Workers and holders of tokens who were not answered do again what they did.
    pub(super) fn try_again(&mut self, execution: &Execution) {
        for frame in execution.frames() {
            self.use_token(frame);
        }
        for task in self.offers.clone() {
            self.take(task);
        }
    }

    /// A task waits for a worker from now on. Before one is there, nobody has a token to answer with.
    pub(super) fn offered(&mut self, task: u64) {
        if self.faults.forges() {
            self.forge(task, AT_ONCE);
        }
        self.take(task);
    }

    /// A worker asks for a task; perhaps another does, too, and only one of them may get it.
    fn take(&mut self, task: u64) {
        let take = |claim| {
            let worker = Some("worker".to_owned());
            Stimulus::ActivityStarted { task, worker, claim }
        };
        self.send_perhaps_twice(500, take(1));
        if self.faults.forges() {
            self.send_perhaps_twice(600, take(2));
        }
    }

    /// Answers for a task that whoever gives them does not hold.
    fn forge(&mut self, task: u64, delay: i64) {
        let output = asl::Payload::null();
        let failure = Failure::new("Forged", "");
        for forged in [
            Stimulus::Heartbeat { task },
            Stimulus::TokenSucceeded { task, output },
            Stimulus::TokenFailed { task, failure },
            Stimulus::ActivityReturned { task, claim: NO_CLAIM },
        ] {
            self.send(delay, forged);
        }
    }

    /// Whoever holds the token of the task in this frame goes to work with it.
    fn use_token(&mut self, frame: &Frame) {
        let At::Task(open) = &frame.at else { return };
        if !matches!(open.phase, Phase::Submitted | Phase::Taken) {
            return;
        }
        for (delay, stimulus) in self.machine.token_use(frame, open) {
            self.send_perhaps_twice(delay, stimulus);
        }
        if self.faults.forges() {
            self.forge(NO_TASK, 1);
        }
        if self.faults.forges() {
            // Somebody who has not got the task gives it back.
            let task = open.id;
            self.send(1, Stimulus::ActivityReturned { task, claim: NO_CLAIM });
            // The call was made twice, and the second one fails after the first was answered.
            self.send(1, Stimulus::TaskFailed { task, failure: Failure::new("Forged", "") });
        }
    }

    /// Tasks that are in somebody's hands from this turn on.
    pub(super) fn notice_holders(&mut self, turn: &Turn) {
        let handed: Vec<FrameId> = turn
            .events
            .iter()
            .filter(|event| match &event.kind {
                EventKind::TaskSubmitted { .. } => true,
                EventKind::TaskStarted { kind, .. } => matches!(kind, TaskKind::Activity { .. }),
                _ => false,
            })
            .map(|event| event.frame)
            .collect();
        if handed.is_empty() {
            return;
        }
        let committed = machine::fold(&self.log).expect("the log begins with a start");
        for frame in committed.frames().filter(|frame| handed.contains(&frame.id)) {
            self.use_token(frame);
        }
    }

    pub(super) fn use_early(&mut self, call: &Invocation) {
        let Some(execution) = machine::fold(&self.log) else { return };
        let held = execution.frames().find_map(|frame| match &frame.at {
            At::Task(open) if open.id == call.task => Some((frame, open)),
            _ => None,
        });
        let Some((frame, open)) = held else { return };
        if let Some((_, ending)) = self.machine.token_use(frame, open).pop()
            && !matches!(ending, Stimulus::Heartbeat { .. })
        {
            self.send(1, ending);
        }
    }

    /// Heartbeats move nothing on, whatever the execution is in the middle of.
    pub(super) fn beat_between_turns(&mut self) {
        let Owner { execution, random, .. } = owner_of(&mut self.owner);
        let (program, limits) = (&self.machine.program, &self.limits);
        let open = |frame: &Frame| match &frame.at {
            At::Task(open) => Some(open.id),
            _ => None,
        };
        let tasks: Vec<u64> = execution.frames().filter_map(open).collect();
        for task in tasks {
            let beat = Stimulus::Heartbeat { task };
            let turn = machine::step(program, execution, beat, self.now, random, limits, &Numbered);
            assert!(turn.events.is_empty() && turn.commands.is_empty() && turn.offers.is_empty());
        }
    }
}
