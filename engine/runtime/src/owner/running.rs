//! One execution in an owner's memory.

use std::collections::{BTreeSet, VecDeque};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use asl::Program;
use machine::{Execution, Identity, Random, Status, Timestamp};
use uuid::Uuid;

use crate::memory::Held;
use crate::post::mail::StimulusMail;
use crate::task::calls::account_of;

/// The year 9999: later than anything that wakes by itself.
const NEVER: Timestamp = Timestamp(253_370_764_800_000);

/// How long an execution sleeps at most until it asks for its places again.
const FAR_MS: i64 = 3 * 60 * 60 * 1_000;

/// Most turns of one execution that wait for their commits when another is decided only because the last
/// was cut.
const MOST_CUT: u32 = 2;

/// What the store says of an execution that is in memory.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Asleep {
    No,
    Yes,
    /// An attempt to put it to sleep was not answered.
    Perhaps,
}

/// One execution in an owner's memory.
#[expect(clippy::struct_excessive_bools, reason = "it waits for many things at once")]
pub(crate) struct Running {
    pub(crate) execution: Execution,
    pub(crate) program: Arc<Program>,
    pub(crate) identity: Arc<Identity>,
    pub(crate) shard: i16,
    /// Stands for its state machine: with those of others it takes turns.
    pub(crate) machine: u64,
    /// The life of its state machine.
    pub(crate) life: Uuid,
    pub(crate) random: Random,
    /// What its random numbers come from, and up to which event its log had been read then.
    pub(crate) seed: u64,
    pub(crate) read_up_to: u64,
    /// What a panic said in a step of it: it is read anew, and ends.
    pub(crate) broken: Option<String>,
    /// Turns handed to the lane and not yet committed.
    pub(crate) in_flight: u32,
    /// Its first turn is not committed: its name may yet turn out to be taken.
    pub(crate) is_starting: bool,
    /// What happens to it next waits until that is noted.
    pub(crate) is_on_trial: bool,
    /// Nodes may have died over it.
    pub(crate) is_suspect: bool,
    /// There is a snapshot of it, perhaps.
    pub(crate) has_snapshot: bool,
    /// How many bytes of its log come after that.
    pub(crate) tail: usize,
    /// It is being put to sleep with a snapshot of what it is now.
    pub(crate) has_fresh_snapshot: bool,
    /// It is being put to sleep; whatever happens meanwhile waits.
    pub(crate) is_falling_asleep: bool,
    /// Whether `wake_at` is set in the store: then the next turn clears it.
    pub(crate) asleep: Asleep,
    /// It will leave memory if nothing happens to it for a while; when something last did.
    pub(crate) idle_since: Option<Timestamp>,
    /// It is among those that have something to go on with.
    pub(crate) is_unfinished: bool,
    /// Stimuli that wait for the start's commit or for the end of falling asleep.
    pub(crate) deferred: VecDeque<StimulusMail>,
    /// Tasks whose calls wait for their places far behind.
    pub(crate) far: BTreeSet<u64>,
    /// The earliest timer that has been set for it.
    pub(crate) timer: Option<Timestamp>,
    /// Its room in memory.
    memory: Held,
}

impl Running {
    pub(crate) fn new(
        execution: Execution,
        program: Arc<Program>,
        (shard, life): (i16, Uuid),
        seed: u64,
        memory: Held,
    ) -> Self {
        let read_up_to = execution.next_event();
        let machine = of_machine(execution.identity());
        let mut running = Self {
            identity: Arc::new(execution.identity().clone()),
            execution,
            program,
            shard,
            machine,
            life,
            random: Random::seeded(seed),
            seed,
            read_up_to,
            broken: None,
            in_flight: 0,
            is_starting: false,
            is_on_trial: false,
            is_suspect: false,
            has_snapshot: false,
            has_fresh_snapshot: false,
            tail: 0,
            is_falling_asleep: false,
            asleep: Asleep::No,
            idle_since: None,
            is_unfinished: false,
            deferred: VecDeque::new(),
            far: BTreeSet::new(),
            timer: None,
            memory,
        };
        running.weigh();
        running
    }

    /// Notes how much memory it takes now.
    pub(crate) fn weigh(&mut self) {
        self.memory.set(self.execution.held_bytes());
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.execution.status() != Status::Running
    }

    /// Whether stimuli must wait.
    pub(crate) fn must_wait(&self) -> bool {
        self.is_starting || self.is_falling_asleep || self.is_on_trial || self.broken.is_some()
    }

    /// Whether its last turn was cut and another may be decided now: one that goes on and on must not
    /// fill its lane's queue.
    pub(crate) fn may_continue(&self) -> bool {
        self.execution.wants_to_continue() && self.in_flight < MOST_CUT
    }

    /// Whether it waits for nothing but places that are far off.
    pub(crate) fn is_far(&self) -> bool {
        !self.far.is_empty() && self.execution.waits_only_for(&self.far)
    }

    /// Whether it may leave memory, as far as it is about what it waits for.
    pub(crate) fn only_waits(&self) -> bool {
        self.execution.only_waits() || self.is_far()
    }

    /// When it wants to be woken, if it may leave memory until then; [`NEVER`] if only a token
    /// or a worker ends its waiting.
    pub(crate) fn may_sleep_until(&self, not_before: Timestamp) -> Option<Timestamp> {
        let idle = self.in_flight == 0 && !self.must_wait() && self.deferred.is_empty();
        if !idle || !self.only_waits() {
            return None;
        }
        if self.is_far() {
            // It is woken when its turn is near; this is for who does not know of that.
            return Some(not_before.plus_ms(FAR_MS));
        }
        let due = self.execution.next_timer().unwrap_or(NEVER);
        (due > not_before).then_some(due)
    }
}

/// A number for the state machine of an execution; another's may be the same, which does little harm.
fn of_machine(identity: &Identity) -> u64 {
    let mut hasher = DefaultHasher::new();
    (account_of(identity), &identity.state_machine_name).hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
impl std::fmt::Debug for Running {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Running")
            .field("in_flight", &self.in_flight)
            .field("is_starting", &self.is_starting)
            .field("is_falling_asleep", &self.is_falling_asleep)
            .field("is_on_trial", &self.is_on_trial)
            .field("asleep", &self.asleep)
            .field("deferred", &self.deferred.len())
            .field("timer", &self.timer)
            .field("next_timer", &self.execution.next_timer())
            .field("wants_to_continue", &self.execution.wants_to_continue())
            .finish_non_exhaustive()
    }
}
