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
use asl::{EvaluationError, Made, Payload, Raised, StateId, StateKind};

use crate::data::Left;
use crate::event::{EventKind, FrameId, StateType};
use crate::execution::At;
use crate::step::Step;
use crate::stimulus::Failure;

/// AWS's quota for all variables of an execution, in bytes; at least as much as four payloads.
const MOST_VARIABLES_BYTES: usize = 10 * 1024 * 1024;

/// The type of a state, as history events name it.
pub(crate) fn type_of(kind: &StateKind) -> StateType {
    match kind {
        StateKind::Pass(_) => StateType::Pass,
        StateKind::Task(_) => StateType::Task,
        StateKind::Choice(_) => StateType::Choice,
        StateKind::Wait(_) => StateType::Wait,
        StateKind::Succeed => StateType::Succeed,
        StateKind::Fail(_) => StateType::Fail,
        StateKind::Parallel(_) => StateType::Parallel,
        StateKind::Map(_) => StateType::Map,
    }
}

/// Does what a state does when it has just been entered, or is tried again.
pub(crate) fn enter(step: &mut Step<'_>, id: FrameId, state: StateId) {
    let program = step.program;
    let outcome = match &program.state(state).kind {
        StateKind::Pass(pass) => pass::enter(step, id, pass),
        StateKind::Task(task) => task::perform(step, id, task),
        StateKind::Choice(choice) => choice::enter(step, id, choice),
        StateKind::Wait(wait) => wait::enter(step, id, wait),
        StateKind::Succeed => succeed::enter(step, id),
        StateKind::Fail(fail) => fail::enter(step, id, fail),
        StateKind::Parallel(parallel) => parallel::begin(step, id, parallel),
        StateKind::Map(map) => map::begin(step, id, map),
    };
    if let Err(failure) = outcome {
        step.fail(id, failure);
    }
}

impl Step<'_> {
    /// Leaves a state with its output, and whatever follows from that.
    pub(crate) fn leave(&mut self, id: FrameId, left: Left, next: Next) -> Result<(), Failure> {
        let output = self.within_limit(id, left.output)?;
        let assigned = left.assigned.map(|it| self.within_limit(id, it)).transpose()?;
        if let Some(assigned) = &assigned {
            self.limited_variables(id, assigned)?;
        }
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
                assigned,
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
        self.limited(id, output, Made::Result)
    }

    /// Whether the variables that are seen here may become these more, all together.
    fn limited_variables(&self, id: FrameId, assigned: &Payload) -> Result<(), Failure> {
        let seen = self.frame(id).map_or(0, |frame| frame.variables.size_bytes());
        let most = MOST_VARIABLES_BYTES.max(4 * self.limits.payload_bytes);
        if seen + assigned.size_bytes() <= most {
            return Ok(());
        }
        Err(too_large(&self.maker(id, Made::Result), Made::Result))
    }

    /// The payload, if it is no longer than an effective input may be.
    pub(crate) fn limited_input(&self, id: FrameId, input: Payload) -> Result<Payload, Failure> {
        self.limited(id, input, Made::Parameters)
    }

    fn limited(&self, id: FrameId, payload: Payload, made: Made) -> Result<Payload, Failure> {
        if payload.size_bytes() <= self.limits.payload_bytes {
            return Ok(payload);
        }
        Err(too_large(&self.maker(id, made), made))
    }

    /// Whether the execution may go on to hold what it holds; else this Map or Parallel fails.
    pub(crate) fn within_memory(&self, id: FrameId, made: Made) -> Result<(), Failure> {
        if self.execution.held_bytes() <= self.limits.most_bytes() {
            return Ok(());
        }
        Err(too_large(&self.maker(id, made), made))
    }

    /// Whom AWS names as the maker of a value that is too long: the task for its parameters, else the
    /// state.
    fn maker(&self, id: FrameId, made: Made) -> String {
        let kind = self.state_of(id).map(|state| &self.program.state(state).kind);
        match (kind, made) {
            (Some(StateKind::Task(task)), Made::Parameters) => {
                task::kind_of(&task.resource).named().to_owned()
            }
            _ => self.frame(id).map(|frame| frame.state.to_string()).unwrap_or_default(),
        }
    }

    /// The error of an expression that has no value, in AWS's words. What JSONata raises has an event of
    /// its own, which is recorded here.
    pub(crate) fn evaluation_failure(&mut self, id: FrameId, error: &EvaluationError) -> Failure {
        let (state, entered) = self
            .frame(id)
            .map(|frame| (frame.state.to_string(), frame.entered))
            .unwrap_or_default();
        let name = match error.raised {
            Raised::Runtime => asl::error_name::RUNTIME,
            Raised::Query => asl::error_name::QUERY_EVALUATION_ERROR,
            Raised::DataLimit(made) => return too_large(&self.maker(id, made), made),
        };
        let cause = format!(
            "An error occurred while executing the state '{state}' \
             (entered at the event id #{entered}). {}",
            error.cause
        );
        let failure = Failure::new(name, cause);
        if error.raised == Raised::Query {
            let location = error.location.as_deref().map(str::to_owned);
            let failure = failure.clone();
            self.record(id, EventKind::EvaluationFailed { state, location, failure });
        }
        failure
    }
}

/// `States.DataLimitExceeded`, in AWS's words.
pub(crate) fn too_large(who: &str, made: Made) -> Failure {
    let did = match made {
        Made::Parameters => "provided parameters",
        Made::Result => "returned a result",
    };
    Failure::new(
        "States.DataLimitExceeded",
        format!(
            "The state/task '{who}' {did} with a size exceeding the maximum number of bytes \
             service limit."
        ),
    )
}
