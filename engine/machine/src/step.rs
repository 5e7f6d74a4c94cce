//! One step: a stimulus arrives, the execution runs as far as it can, and what happened is
//! one turn.

use std::cell::Cell;

use asl::{Payload, Program, StateId, StateKind};

use crate::apply::apply;
use crate::command::{Command, Offer};
use crate::event::{Event, EventKind, FrameId};
use crate::execution::{At, Execution, Frame, Phase, Status};
use crate::limits::Limits;
use crate::milestone::{self, Milestone};
use crate::random::Random;
use crate::states;
use crate::stimulus::{Failure, Stimulus};
use crate::timestamp::Timestamp;
use crate::turn::Turn;

/// Makes the tokens of one execution's tasks: what `$$.Task.Token` is.
pub trait Tokens {
    /// The token of the task with this number; the same whenever it is asked for.
    fn token(&self, task: u64) -> String;
}

/// Lets a stimulus happen to an execution. Late, repeated and foreign stimuli yield a turn
/// without events.
pub fn step(
    program: &Program,
    execution: &mut Execution,
    stimulus: Stimulus,
    now: Timestamp,
    random: &Random,
    limits: &Limits,
    tokens: &dyn Tokens,
) -> Turn {
    let first_event = execution.next_event;
    let mut step = Step::new(program, execution, now, random, limits, tokens);
    if step.is_running() {
        // A heartbeat moves nothing on, so that its turn is always empty.
        let moves = !matches!(stimulus, Stimulus::Heartbeat { .. });
        step.happen(stimulus);
        if moves {
            step.run();
        }
    }
    step.into_turn(first_event)
}

/// What the next iteration of a Map points back to.
fn chain(map: &Frame) -> u64 {
    match &map.at {
        At::Iterations(iterations) => iterations.chain,
        _ => map.last,
    }
}

/// A step in progress. Everything it does goes through [`Step::record`].
pub(crate) struct Step<'a> {
    pub(crate) program: &'a Program,
    pub(crate) execution: &'a mut Execution,
    pub(crate) now: Timestamp,
    pub(crate) random: &'a Random,
    pub(crate) limits: &'a Limits,
    pub(crate) tokens: &'a dyn Tokens,
    events: Vec<Event>,
    commands: Vec<Command>,
    offers: Vec<Offer>,
    withdrawn: Vec<u64>,
    pub(crate) heard: bool,
    /// A Map of JSONata that has found no items in this turn.
    pub(crate) without_items: Option<FrameId>,
    milestones: Vec<Milestone>,
    /// Steps that the evaluations of this turn have taken.
    work: Cell<u64>,
    /// Bytes of the payloads in these events, repeated ones included.
    bytes: usize,
    /// The history has no room for another event.
    is_full: bool,
}

impl<'a> Step<'a> {
    pub(crate) fn new(
        program: &'a Program,
        execution: &'a mut Execution,
        now: Timestamp,
        random: &'a Random,
        limits: &'a Limits,
        tokens: &'a dyn Tokens,
    ) -> Self {
        Self {
            program,
            execution,
            now,
            random,
            limits,
            tokens,
            events: Vec::new(),
            commands: Vec::new(),
            offers: Vec::new(),
            withdrawn: Vec::new(),
            heard: false,
            without_items: None,
            milestones: Vec::new(),
            work: Cell::new(0),
            bytes: 0,
            is_full: false,
        }
    }

    /// The execution was made by this event.
    pub(crate) fn began_with(&mut self, first: Event) {
        self.events.push(first);
    }

    pub(crate) fn into_turn(self, first_event: u64) -> Turn {
        let Self { events, commands, offers, withdrawn, heard, milestones, .. } = self;
        Turn { first_event, events, commands, offers, withdrawn, heard, milestones }
    }

    pub(crate) fn is_running(&self) -> bool {
        self.execution.status == Status::Running
    }

    /// Whether there is room for more in this turn. What is left goes on in the next: timers
    /// that are due stay so.
    pub(crate) fn may_go_on(&self) -> bool {
        self.is_running()
            && !self.is_full
            && self.events.len() < self.limits.turn_events
            && self.bytes < self.limits.turn_bytes
            && self.work.get() < self.limits.turn_steps
    }

    fn happen(&mut self, stimulus: Stimulus) {
        match stimulus {
            Stimulus::Timer => self.time_passes(),
            Stimulus::Continue => {}
            Stimulus::TaskSucceeded { task, result } => {
                states::task::call_succeeded(self, task, result);
            }
            Stimulus::TaskFailed { task, failure } => {
                states::task::call_failed(self, task, failure);
            }
            Stimulus::TokenFailed { task, failure } => states::task::failed(self, task, failure),
            Stimulus::TaskSubmitted { task, output } => {
                states::task::submitted(self, task, output);
            }
            Stimulus::TokenSucceeded { task, output } => {
                states::task::token_succeeded(self, task, output);
            }
            Stimulus::Heartbeat { task } => self.heard = self.execution.heartbeat(task, self.now),
            Stimulus::ActivityFound { frame, sought } => {
                states::task::activity_found(self, frame, sought);
            }
            Stimulus::ActivityMissing { frame, sought } => {
                states::task::activity_missing(self, frame, sought);
            }
            Stimulus::ActivityStarted { task, worker, claim } => {
                states::task::activity_started(self, task, worker, claim);
            }
            Stimulus::ActivityReturned { task, claim } => {
                states::task::activity_returned(self, task, claim);
            }
            Stimulus::TaskQueued { task } => states::task::queued(self, task),
            Stimulus::TaskDelayed { task } => states::task::delayed(self, task),
            Stimulus::TaskBegan { task } => states::task::began(self, task),
            Stimulus::Stop { error, cause } => {
                self.finish(EventKind::ExecutionAborted { failure: Failure { error, cause } });
            }
        }
    }

    /// Runs what is ready until nothing is, or the turn is long enough to be committed.
    pub(crate) fn run(&mut self) {
        while self.may_go_on() {
            let Some(&id) = self.execution.indexes.ready.front() else { break };
            self.go_on(id);
        }
        if self.is_full && self.is_running() {
            let most = self.limits.history_events.unwrap_or(u64::MAX);
            let cause =
                format!("The execution reached the maximum number of history events ({most}).");
            let failure = Failure::new("States.Runtime", cause);
            self.finish(EventKind::ExecutionFailed { failure, state: None, place: None });
        }
    }

    /// A frame of the ready queue takes its next step.
    fn go_on(&mut self, id: FrameId) {
        let Some(frame) = self.frame(id) else { return };
        if let Some(closing) = &frame.closing {
            let closing = (**closing).clone();
            self.settle(id, closing);
            return;
        }
        match &frame.at {
            At::Ready(state) => {
                let state = state.clone();
                self.enter(id, &state);
            }
            At::Iterations(iterations) if iterations.can_start() => {
                states::map::start_next(self, id);
            }
            // What all succeeded before it failed, and was redriven.
            At::Iterations(_) => states::map::iteration_ended(self, id),
            At::Branches(_) => states::parallel::branch_ended(self, id),
            _ => unreachable!("only frames that can go on are in the ready queue"),
        }
    }

    /// How many more events this turn has room for.
    pub(crate) fn room(&self) -> usize {
        self.limits.turn_events.saturating_sub(self.events.len())
    }

    /// Everything that is due by now happens, the earliest first.
    pub(crate) fn time_passes(&mut self) {
        if self.execution.is_late(self.now) {
            self.finish(EventKind::ExecutionTimedOut);
            return;
        }
        while self.may_go_on() {
            let Some(&(due, id)) = self.execution.indexes.timers.first() else { return };
            if due > self.now {
                return;
            }
            match self.frame(id).map(|frame| &frame.at) {
                Some(At::Waiting(_)) => states::wait::over(self, id),
                Some(At::Retrying(_)) => self.try_again(id),
                Some(At::Task(_)) => states::task::timed_out(self, id),
                _ => unreachable!("only frames that wait for time have timers"),
            }
        }
    }

    /// Enters a state.
    fn enter(&mut self, id: FrameId, state: &str) {
        if self.execution.is_orphan {
            let name = &self.execution.identity().state_machine_name;
            let cause = format!("State machine {name} has been deleted.");
            let failure = Failure::new("States.Runtime", cause);
            self.finish(EventKind::ExecutionFailed { failure, state: None, place: None });
            return;
        }
        let Some(found) = self.program.find(state) else {
            // The definition is pinned, so this log was not written for this program.
            let cause = format!("the definition has no state `{state}`");
            let failure = Failure::new("States.Runtime", cause);
            let (state, place) = (Some(state.to_owned()), Some(id));
            self.finish(EventKind::ExecutionFailed { failure, state, place });
            return;
        };
        let Some(input) = self.frame(id).map(|frame| frame.input.clone()) else { return };
        let of = states::type_of(&self.program.state(found).kind);
        self.record(id, EventKind::StateEntered { state: state.to_owned(), of, input });
        states::enter(self, id, found);
    }

    /// Does again what the state of this frame does.
    fn try_again(&mut self, id: FrameId) {
        if let Some(state) = self.state_of(id) {
            states::enter(self, id, state);
        }
    }

    /// Says that something happened, and makes it so.
    pub(crate) fn record(&mut self, frame: FrameId, kind: EventKind) -> u64 {
        let previous = match &kind {
            EventKind::ExecutionTimedOut | EventKind::ExecutionAborted { .. } => 0,
            EventKind::ExecutionRedriven { .. } => self.execution.next_id - 1,
            EventKind::IterationStarted { .. } => self.frame(frame).map_or(0, chain),
            EventKind::EvaluationFailed { .. } => self.evaluated_from(frame),
            _ => self.frame(frame).map_or(0, |frame| frame.last),
        };
        self.record_after(previous, frame, kind)
    }

    /// The same of what points back to this event.
    pub(crate) fn record_after(&mut self, previous: u64, frame: FrameId, kind: EventKind) -> u64 {
        let visible = kind.is_visible();
        let terminal = kind.is_terminal();
        // The last place of a full history is kept for the event that says so.
        if let Some(most) = self.limits.history_events
            && visible
            && !terminal
            && self.execution.next_id >= most
        {
            self.is_full = true;
        }
        if self.is_full && !terminal {
            return 0;
        }
        let (id, previous) = if visible { (self.execution.next_id, previous) } else { (0, 0) };
        let at = self.frame(frame).map(|frame| &frame.at);
        self.milestones.extend(milestone::reached(&kind, at, self.now));
        // Clocks of nodes differ, and are set back; what is due later goes by the clock as it is.
        let at = self.now.max(self.execution.last_at);
        let event = Event { id, previous, at, frame, kind };
        apply(self.execution, &event);
        let payloads = event.kind.payload().into_iter().chain(event.kind.assigned());
        self.bytes += payloads.map(Payload::size_bytes).sum::<usize>();
        self.events.push(event);
        id
    }

    /// An evaluation of this turn has taken so many steps.
    pub(crate) fn worked(&self, steps: u64) {
        self.work.set(self.work.get().saturating_add(steps));
    }

    /// What a failed evaluation points back to. As recorded on AWS: to the event before the state was
    /// entered, if it failed before anything else happened there; a Wait evaluates after it was entered.
    fn evaluated_from(&self, id: FrameId) -> u64 {
        let Some(frame) = self.frame(id) else { return 0 };
        let kind = self.state_of(id).map(|state| &self.program.state(state).kind);
        let at_once = frame.last == frame.entered && !matches!(kind, Some(StateKind::Wait(_)));
        if at_once { frame.before } else { frame.last }
    }

    /// Ends the execution; nobody waits for its open tasks any more.
    pub(crate) fn finish(&mut self, kind: EventKind) {
        let mut open: Vec<(u64, FrameId)> = self
            .execution
            .frames()
            .filter_map(|frame| match &frame.at {
                At::Task(task) => Some((task.id, frame.id)),
                _ => None,
            })
            .collect();
        open.sort_unstable();
        for (_, frame) in open {
            self.abandon(frame);
        }
        self.record(FrameId::ROOT, kind);
    }

    /// Nobody waits for the task in this frame any more.
    pub(crate) fn abandon(&mut self, id: FrameId) {
        let Some(At::Task(task)) = self.frame(id).map(|frame| &frame.at) else { return };
        let (task, phase) = (task.id, task.phase);
        match phase {
            Phase::Offered => self.withdrawn.push(task),
            Phase::Calling | Phase::Submitted | Phase::Taken => {
                self.command(Command::Abandon { task });
            }
        }
    }

    /// Lets workers take a task.
    pub(crate) fn offer(&mut self, offer: Offer) {
        self.offers.push(offer);
    }

    /// A worker has taken a task.
    pub(crate) fn withdraw(&mut self, task: u64) {
        self.withdrawn.push(task);
    }

    pub(crate) fn command(&mut self, command: Command) {
        self.commands.push(command);
    }

    pub(crate) fn frame(&self, id: FrameId) -> Option<&Frame> {
        self.execution.frame(id)
    }

    /// The state a frame is in.
    pub(crate) fn state_of(&self, id: FrameId) -> Option<StateId> {
        self.program.find(&self.frame(id)?.state)
    }
}
