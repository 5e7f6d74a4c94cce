//! An execution begins: at the first state of its machine, or at any.

use asl::{Payload, Program};

use crate::apply::begin;
use crate::event::{Event, EventKind, FrameId, Identity};
use crate::execution::Execution;
use crate::limits::Limits;
use crate::random::Random;
use crate::step::{Step, Tokens};
use crate::timestamp::Timestamp;
use crate::turn::Turn;

/// Where an execution begins, and with what.
#[derive(Clone, Debug, PartialEq)]
pub struct Beginning {
    /// Name of the state: any of the program's. One inside a Parallel or Map runs as a machine of its own,
    /// which ends where the branch or iteration would.
    pub state: String,
    pub input: Payload,
    /// An object of the variables it sees.
    pub variables: Option<Payload>,
}

impl Beginning {
    /// The beginning of the machine.
    pub(crate) fn of(program: &Program, input: Payload) -> Self {
        let state = program.state(program.start()).name.to_string();
        Self { state, input, variables: None }
    }
}

/// Begins an execution and runs it as far as it goes.
pub fn start(
    program: &Program,
    identity: Identity,
    input: Payload,
    now: Timestamp,
    random: &Random,
    limits: &Limits,
    tokens: &dyn Tokens,
) -> (Execution, Turn) {
    let beginning = Beginning::of(program, input);
    start_at(program, identity, beginning, now, random, limits, tokens)
}

/// Begins an execution at any state, and runs it as far as it goes. Where the program has no such state it
/// fails with `States.Runtime`.
pub fn start_at(
    program: &Program,
    identity: Identity,
    beginning: Beginning,
    now: Timestamp,
    random: &Random,
    limits: &Limits,
    tokens: &dyn Tokens,
) -> (Execution, Turn) {
    let first = first_event(program, identity, beginning, now);
    let mut execution = begin(&first).expect("an ExecutionStarted begins an execution");
    let mut step = Step::new(program, &mut execution, now, random, limits, tokens);
    step.began_with(first);
    step.run();
    let turn = step.into_turn(0);
    (execution, turn)
}

/// What the log of an execution begins with.
pub(crate) fn first_event(
    program: &Program,
    identity: Identity,
    beginning: Beginning,
    now: Timestamp,
) -> Event {
    let Beginning { state, input, variables } = beginning;
    let kind = EventKind::ExecutionStarted {
        identity: Box::new(identity),
        input,
        start: state,
        deadline: program.timeout_seconds().map(|seconds| now.plus_seconds(seconds)),
        variables,
    };
    Event { id: 1, previous: 0, at: now, frame: FrameId::ROOT, kind }
}
