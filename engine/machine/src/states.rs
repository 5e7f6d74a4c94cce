//! What each state does: the same eight names as in `asl`, which says what each may say.

pub(crate) mod choice;
pub(crate) mod fail;
pub(crate) mod map;
pub(crate) mod parallel;
pub(crate) mod pass;
pub(crate) mod succeed;
pub(crate) mod task;
pub(crate) mod wait;

use asl::program::Next;
use asl::{EvaluationError, Payload, StateId, StateKind};

use crate::event::{EventKind, FrameId, StateType};
use crate::execution::At;
use crate::step::Step;
use crate::stimulus::Failure;

/// The type of a state, as history events name it.
pub(crate) fn type_of(kind: &StateKind) -> StateType {
    match kind {
        StateKind::Pass(_) => StateType::Pass,
        StateKind::Task(_) => StateType::Task,
        StateKind::Choice(_) => StateType::Choice,
        StateKind::Wait(_) => StateType::Wait,
        StateKind::Succeed(_) => StateType::Succeed,
        StateKind::Fail(_) => StateType::Fail,
        StateKind::Parallel(_) => StateType::Parallel,
        StateKind::Map(_) => StateType::Map,
    }
}

/// Does what a state does when it has just been entered.
pub(crate) fn enter(step: &mut Step<'_>, id: FrameId, state: StateId) {
    let program = step.program;
    let outcome = match &program.state(state).kind {
        StateKind::Pass(pass) => pass::enter(step, id, pass),
        StateKind::Task(task) => task::perform(step, id, task),
        StateKind::Choice(choice) => choice::enter(step, id, choice),
        StateKind::Wait(wait) => wait::enter(step, id, wait),
        StateKind::Succeed(succeed) => succeed::enter(step, id, succeed),
        StateKind::Fail(fail) => fail::enter(step, id, fail),
        StateKind::Parallel(parallel) => parallel::begin(step, id, parallel),
        StateKind::Map(map) => map::begin(step, id, map),
    };
    if let Err(failure) = outcome {
        step.fail(id, failure);
    }
}

/// Does again what a state with `Retry` does, after its delay.
pub(crate) fn try_again(step: &mut Step<'_>, id: FrameId, state: StateId) {
    let program = step.program;
    let outcome = match &program.state(state).kind {
        StateKind::Task(task) => task::perform(step, id, task),
        StateKind::Parallel(parallel) => parallel::begin(step, id, parallel),
        StateKind::Map(map) => map::begin(step, id, map),
        StateKind::Pass(_)
        | StateKind::Choice(_)
        | StateKind::Wait(_)
        | StateKind::Succeed(_)
        | StateKind::Fail(_) => unreachable!("only Task, Parallel and Map have `Retry`"),
    };
    if let Err(failure) = outcome {
        step.fail(id, failure);
    }
}

impl Step<'_> {
    /// Leaves a state with its output, and whatever follows from that.
    pub(crate) fn leave(
        &mut self,
        id: FrameId,
        output: Payload,
        next: Next,
    ) -> Result<(), Failure> {
        let output = self.within_limit(id, output)?;
        let Some(state) = self.state_of(id) else { return Ok(()) };
        let program = self.program;
        let next = match next {
            Next::State(next) => Some(program.state(next).name.to_string()),
            Next::End => None,
        };
        let ends = next.is_none();
        let state = program.state(state);
        self.record(
            id,
            EventKind::StateExited {
                state: state.name.to_string(),
                of: type_of(&state.kind),
                output,
                next,
            },
        );
        if ends {
            self.end_branch(id);
        }
        Ok(())
    }

    /// A frame has left its last state: the execution has succeeded, or one branch of it has.
    fn end_branch(&mut self, id: FrameId) {
        let Some(frame) = self.frame(id) else { return };
        let At::Done(output) = &frame.at else { return };
        match frame.parent {
            None => {
                let output = output.clone();
                self.finish(EventKind::ExecutionSucceeded { output });
            }
            Some((parent, index)) => {
                match self.frame(parent).map(|frame| (&frame.at, &frame.state)) {
                    Some((At::Branches(_), _)) => {
                        self.record(id, EventKind::BranchSucceeded);
                        parallel::branch_ended(self, parent);
                    }
                    Some((At::Iterations(_), map)) => {
                        let map = map.to_string();
                        self.record(id, EventKind::IterationSucceeded { map, index });
                        map::iteration_ended(self, parent);
                    }
                    _ => unreachable!("a branch ends while its Parallel or Map is under way"),
                }
            }
        }
    }

    /// The payload, if it is no longer than an output may be.
    fn within_limit(&self, id: FrameId, output: Payload) -> Result<Payload, Failure> {
        self.limited(id, output, "returned a result")
    }

    /// The payload, if it is no longer than an effective input may be.
    pub(crate) fn limited_input(&self, id: FrameId, input: Payload) -> Result<Payload, Failure> {
        self.limited(id, input, "provided parameters")
    }

    fn limited(&self, id: FrameId, payload: Payload, did: &str) -> Result<Payload, Failure> {
        if payload.size_bytes() <= self.limits.payload_bytes {
            return Ok(payload);
        }
        let state = self.frame(id).map(|frame| frame.state.to_string()).unwrap_or_default();
        Err(too_large(&state, did))
    }

    /// The error of an expression that has no value, in AWS's words.
    pub(crate) fn runtime_failure(&self, id: FrameId, error: &EvaluationError) -> Failure {
        let (state, entered) = self
            .frame(id)
            .map(|frame| (frame.state.to_string(), frame.entered))
            .unwrap_or_default();
        Failure::new(
            "States.Runtime",
            format!(
                "An error occurred while executing the state '{state}' \
                 (entered at the event id #{entered}). {}",
                error.cause
            ),
        )
    }
}

/// `States.DataLimitExceeded`, in AWS's words; `did` is "returned a result" or
/// "provided parameters".
pub(crate) fn too_large(who: &str, did: &str) -> Failure {
    Failure::new(
        "States.DataLimitExceeded",
        format!(
            "The state/task '{who}' {did} with a size exceeding the maximum number of bytes \
             service limit."
        ),
    )
}
