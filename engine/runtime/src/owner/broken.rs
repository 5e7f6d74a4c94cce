//! A panic in a step costs one execution: it ends with `States.Runtime`, and a line in the log says what
//! repeats it. What memory has of it is dropped, since nobody knows what the panic left; its log is read
//! once all its turns have landed, and gets one turn more.

use std::panic::{AssertUnwindSafe, catch_unwind};

use machine::{Failure, Identity, Stimulus, Timestamp, Turn};
use uuid::Uuid;

use super::running::Running;
use super::stepping::With;
use super::{Effect, Owner};
use crate::loops::said;
use crate::post::mail::{Key, StimulusMail};

/// A turn, and its events as the log has them.
pub(super) struct Decided {
    pub(super) turn: Turn,
    pub(super) body: Vec<u8>,
}

/// Decides a turn, and what comes with it; what a panic says, if it came to one.
pub(super) fn decide<T>(step: impl FnOnce() -> (T, Turn)) -> Result<(T, Decided), String> {
    let decided = catch_unwind(AssertUnwindSafe(|| {
        let (with, turn) = step();
        let body =
            if turn.events.is_empty() { Vec::new() } else { machine::log::encode(&turn.events) };
        (with, Decided { turn, body })
    }));
    decided.map_err(|panic| said(panic.as_ref()))
}

/// Says what repeats a panic: what happened, when, and from where in the log its execution was read with
/// which seed.
pub(super) fn tell(
    identity: &Identity,
    key: Key,
    stimulus: &str,
    (now, read_up_to, seed): (Timestamp, u64, u64),
    panic: &str,
) {
    tracing::error!(
        execution.arn = identity.arn,
        execution.id = %key.id,
        stimulus,
        now_ms = now.0,
        read_up_to,
        seed,
        panic,
        "a step panicked, and its execution is ended; to repeat it, fold the log and let the stimulus \
         happen"
    );
}

/// What an execution ends with whose step panicked.
pub(super) fn failure(panic: &str) -> Failure {
    Failure::new("States.Runtime", format!("The execution could not go on: {panic}"))
}

impl Owner {
    /// A step of this execution has panicked: nothing happens to it any more but its end.
    pub(super) fn broke(&mut self, key: Key, stimulus: &'static str, panic: String) {
        let Some(running) = self.running.get_mut(&key.id) else { return };
        let when = (self.now.wall, running.read_up_to, running.seed);
        tell(&running.identity, key, stimulus, when, &panic);
        running.broken = Some(panic);
        running.timer = None;
        self.touch(key);
        self.mend(key.id);
    }

    /// Has a broken execution read anew, once nothing of it is in flight.
    pub(super) fn mend(&mut self, id: Uuid) {
        let Some(running) = self.running.get(&id) else { return };
        if running.broken.is_none() || running.in_flight > 0 || self.awaited.contains_key(&id) {
            return;
        }
        let key = Key { shard: running.shard, id };
        self.await_load(key, Vec::new());
    }

    /// A broken execution was read from its log: it ends. What happened to it meanwhile comes after that.
    pub(super) fn mended(&mut self, key: Key, broken: Running, mut mended: Running) {
        mended.deferred = broken.deferred;
        let failure = failure(broken.broken.as_deref().unwrap_or_default());
        let Running { program, execution, .. } = &mut mended;
        let (now, limits) = (self.now.wall, &self.rules.limits);
        let ended = decide(|| ((), machine::break_off(program, execution, failure, now, limits)));
        self.running.insert(key.id, mended);
        match ended {
            Ok(((), decided)) => {
                self.touch(key);
                self.write(key, decided, With::default());
            }
            Err(panic) => {
                tracing::error!(
                    execution.id = %key.id,
                    panic,
                    "an execution cannot be ended either; it is left as it is"
                );
                self.forget(key.id);
            }
        }
    }

    /// A broken execution could not be read now.
    pub(super) fn not_mended(&mut self, key: Key) {
        let again = StimulusMail::new(key, Stimulus::Continue);
        self.effects.push(Effect::Again(Box::new(again)));
    }
}

/// What a stimulus is called.
pub(super) fn name_of(stimulus: &Stimulus) -> &'static str {
    match stimulus {
        Stimulus::Timer => "Timer",
        Stimulus::Continue => "Continue",
        Stimulus::TaskSucceeded { .. } => "TaskSucceeded",
        Stimulus::TaskFailed { .. } => "TaskFailed",
        Stimulus::TaskSubmitted { .. } => "TaskSubmitted",
        Stimulus::TaskQueued { .. } => "TaskQueued",
        Stimulus::TaskDelayed { .. } => "TaskDelayed",
        Stimulus::TaskBegan { .. } => "TaskBegan",
        Stimulus::TokenSucceeded { .. } => "TokenSucceeded",
        Stimulus::TokenFailed { .. } => "TokenFailed",
        Stimulus::Heartbeat { .. } => "Heartbeat",
        Stimulus::ActivityFound { .. } => "ActivityFound",
        Stimulus::ActivityMissing { .. } => "ActivityMissing",
        Stimulus::ActivityStarted { .. } => "ActivityStarted",
        Stimulus::ActivityReturned { .. } => "ActivityReturned",
        Stimulus::Stop { .. } => "Stop",
    }
}
