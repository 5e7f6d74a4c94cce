//! What happens when a state fails: Retry, then Catch, then the state around it, and so on
//! outwards until somebody deals with it or the execution has failed.

use asl::program::{self, Catcher, Next, Retrier};
use asl::{Payload, Program, StateKind};
use serde_json::{Value, json};

use crate::data::Data;
use crate::event::{Closing, EventKind, FrameId, StateType};
use crate::execution::{At, Execution};
use crate::retry;
use crate::states::type_of;
use crate::step::Step;
use crate::stimulus::Failure;

impl Step<'_> {
    /// The state a frame is in has failed.
    pub(crate) fn fail(&mut self, id: FrameId, failure: Failure) {
        self.fail_as(id, failure, None);
    }

    /// The state a frame is in has failed; `also` is another name that retriers and catchers
    /// may know the error by.
    pub(crate) fn fail_as(&mut self, id: FrameId, failure: Failure, also: Option<&str>) {
        let state = self.frame(id).map(|frame| frame.state.to_string());
        let also = also.map(str::to_owned);
        self.settle(id, Closing { failure, also, state, place: Some(id), failed: None });
    }

    /// Deals with a failure here or further out. Where more is under way than this turn can end, the
    /// next one goes on.
    pub(crate) fn settle(&mut self, mut id: FrameId, why: Closing) {
        let mut why = why;
        loop {
            if !self.end_children(id, &why) {
                return;
            }
            let (failure, also) = (&why.failure, why.also.as_deref());
            if self.retries(id, failure, also) {
                return;
            }
            self.close(id);
            match self.catches(id, failure, also) {
                Caught::Yes => return,
                Caught::No => {}
                Caught::Failed(another) => (why.failure, why.also) = (another, None),
            }
            let Some((parent, _)) = self.execution.frame(id).and_then(|frame| frame.parent) else {
                let Closing { failure, state, place, .. } = why;
                self.finish(EventKind::ExecutionFailed { failure, state, place });
                return;
            };
            why.failed = Some(id);
            id = parent;
        }
    }

    /// Whether a retrier takes the failure on; then the next attempt is scheduled.
    fn retries(&mut self, id: FrameId, failure: &Failure, also: Option<&str>) -> bool {
        let (retriers, _) = policies(self.program, self.execution, id);
        let Some(frame) = self.execution.frame(id) else { return false };
        let Some(again) =
            retry::decide(retriers, &frame.retries, &names(failure, also), self.random)
        else {
            return false;
        };
        let until = self.now.plus_ms(again.delay_ms);
        self.record(id, EventKind::RetryScheduled { retrier: again.retrier, until });
        true
    }

    /// A Parallel or Map that fails is closed. One that has not begun, or is over, has nothing to
    /// close; but as recorded on AWS, so is a Map of JSONata that found no items.
    fn close(&mut self, id: FrameId) {
        let closing = match self.execution.frame(id).map(|frame| &frame.at) {
            Some(At::Branches(_)) => EventKind::ParallelFailed,
            Some(At::Iterations(_)) => EventKind::MapFailed,
            Some(_) if self.without_items == Some(id) => EventKind::MapFailed,
            _ => return,
        };
        self.record(id, closing);
    }

    /// Goes where the first matching catcher says, with the error as data.
    fn catches(&mut self, id: FrameId, failure: &Failure, also: Option<&str>) -> Caught {
        let names = names(failure, also);
        let (_, catchers) = policies(self.program, self.execution, id);
        let Some(catcher) = catchers.iter().find(|catcher| {
            names.iter().any(|name| asl::error_name::matches(&catcher.error_equals, name))
        }) else {
            return Caught::No;
        };
        let assign = catcher.assign.as_ref();
        let left = Data::of(self, id)
            .and_then(|data| {
                let error = Payload::from_value(error_output(failure))?;
                match &catcher.output {
                    program::Caught::Path(path) => data.caught_at(&error, path, assign),
                    program::Caught::Query(output) => data.caught(&error, output.as_ref(), assign),
                }
            })
            .map_err(|error| self.evaluation_failure(id, &error));
        match left.and_then(|left| self.leave(id, left, Next::State(catcher.next))) {
            Ok(()) => Caught::Yes,
            Err(another) => Caught::Failed(another),
        }
    }

    /// Ends everything under way below this frame, which has failed. Says whether that is done; if
    /// not, the turn is full, and the log says how to go on.
    fn end_children(&mut self, id: FrameId, why: &Closing) -> bool {
        let Some(frame) = self.execution.frame(id) else { return true };
        if frame.closing.is_none() {
            // A frame takes two events at most.
            let most = self.room() / 2;
            if self.execution.indexes.below(id).nth(most).is_some() {
                let closing = Box::new(why.clone());
                self.record(id, EventKind::ClosingStarted { closing });
            }
        }
        // As recorded on AWS, all that ends with it points back to the event that failed. Once its
        // own branch has ended, that is the last of the frame around it.
        let failed = why.failed.filter(|failed| self.execution.frame(*failed).is_some());
        let from = self.execution.frame(failed.unwrap_or(id)).map_or(0, |frame| frame.last);
        self.end_below(id, failed, from)
    }

    /// Ends what is under way below this frame, in the order of the branches or items: nobody waits
    /// for it any more. Says whether that is done.
    fn end_below(&mut self, id: FrameId, failed: Option<FrameId>, from: u64) -> bool {
        let mut next = self.execution.indexes.children_of(id).next();
        while let Some(child) = next {
            if !self.end_child(child, failed == Some(child), from) {
                return false;
            }
            next = self.execution.indexes.child_after(id, child);
        }
        true
    }

    /// Ends a branch or an iteration, which has failed itself or is cut off. As recorded on AWS, an
    /// iteration is said to end before what it was in.
    fn end_child(&mut self, id: FrameId, has_failed: bool, from: u64) -> bool {
        let Some(frame) = self.execution.frame(id) else { return true };
        let has_begun = !matches!(frame.at, At::Ready(_));
        let state = self.state_of(id).filter(|_| has_begun);
        let was_in = state.map(|state| type_of(&self.program.state(state).kind));
        if !self.may_end(id) {
            return false;
        }
        self.abandon(id);
        self.end_iteration(id, has_failed, from);
        if !self.end_below(id, None, from) || !self.may_end(id) {
            return false;
        }
        // Of states that have failed, only tasks are said to be over.
        if let Some(of) = was_in.filter(|of| !has_failed || *of == StateType::Task) {
            self.record_after(from, id, EventKind::StateAborted { of });
        }
        true
    }

    /// Whether there is room in this turn for the end of a frame that may also end in a later one.
    fn may_end(&self, id: FrameId) -> bool {
        self.may_go_on() || !self.execution.frame(id).is_some_and(|frame| frame.is_doomed)
    }

    /// Says that an iteration ends, unless that was said already, or that a branch has failed.
    fn end_iteration(&mut self, id: FrameId, has_failed: bool, from: u64) {
        let Some(frame) = self.execution.frame(id).filter(|frame| !frame.is_over) else { return };
        let iteration =
            frame.parent.and_then(|(parent, index)| Some((self.map_around(parent)?, index)));
        let ended = match (iteration, has_failed) {
            (Some((map, index)), true) => EventKind::IterationFailed { map, index },
            (Some((map, index)), false) => EventKind::IterationAborted { map, index },
            (None, true) => EventKind::BranchFailed,
            (None, false) => return,
        };
        self.record_after(from, id, ended);
    }

    /// The name of the Map state whose iterations run in this frame, if any do.
    fn map_around(&self, id: FrameId) -> Option<String> {
        let frame = self.execution.frame(id)?;
        matches!(frame.at, At::Iterations(_)).then(|| frame.state.to_string())
    }
}

/// The Retry and Catch of the state a frame is in.
fn policies<'p>(
    program: &'p Program,
    execution: &Execution,
    id: FrameId,
) -> (&'p [Retrier], &'p [Catcher]) {
    let state = execution.frame(id).and_then(|frame| program.find(&frame.state));
    match state.map(|state| &program.state(state).kind) {
        Some(StateKind::Task(task)) => (&task.retry, &task.catch),
        Some(StateKind::Parallel(parallel)) => (&parallel.retry, &parallel.catch),
        Some(StateKind::Map(map)) => (&map.retry, &map.catch),
        _ => (&[], &[]),
    }
}

/// The names retriers and catchers may know a failure by.
fn names<'a>(failure: &'a Failure, also: Option<&'a str>) -> Vec<&'a str> {
    std::iter::once(failure.name()).chain(also).collect()
}

/// What the catchers made of a failure.
enum Caught {
    Yes,
    No,
    /// A catcher took it, and failed itself: its `ResultPath` does not fit the input.
    Failed(Failure),
}

/// The error as the data a catcher passes on. AWS's own timeouts carry an empty cause.
fn error_output(failure: &Failure) -> Value {
    let cause = failure.cause.clone().or_else(|| failure.error.as_ref().map(|_| String::new()));
    json!({ "Error": failure.error, "Cause": cause })
}
