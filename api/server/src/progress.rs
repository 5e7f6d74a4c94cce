//! What a person sees of an execution while it runs: one line for each thing that happens.

use std::collections::HashMap;

use machine::{Event, EventKind, FrameId, TaskKind, Timestamp};

/// Longest cause that is shown; functions may answer a page of stack trace.
const CAUSE_CHARACTERS: usize = 200;

/// Turns the events of one execution, in their order, into lines.
#[derive(Debug, Default)]
pub struct Progress {
    began: Option<Timestamp>,
    /// `Map[2].` for what runs in an iteration or a branch.
    prefixes: HashMap<FrameId, String>,
    places: HashMap<FrameId, Place>,
}

/// The state in which a frame is.
#[derive(Debug)]
struct Place {
    state: String,
    entered: Timestamp,
    retries: u32,
    /// Whether what it did last failed; leaving it then is a catcher's doing.
    failed: bool,
}

impl Progress {
    /// The line for an event, without a newline; `None` if there is nothing to say.
    pub fn line(&mut self, event: &Event) -> Option<String> {
        let began = *self.began.get_or_insert(event.at);
        self.note(event);
        let words = self.words(event)?;
        Some(format!("{:>9.3} s  {words}", seconds(began, event.at)))
    }

    fn words(&mut self, event: &Event) -> Option<String> {
        match &event.kind {
            EventKind::StateEntered { state, .. } => {
                let place =
                    Place { state: state.clone(), entered: event.at, retries: 0, failed: false };
                self.places.insert(event.frame, place);
                Some(format!("{}  entered", self.name(event.frame)))
            }
            EventKind::StateExited { next, .. } => Some(self.exited(event, next.as_deref())),
            EventKind::StateAborted { .. } => {
                Some(format!("{}  stopped: something beside it failed", self.name(event.frame)))
            }
            EventKind::RetryScheduled { until, .. } => {
                let retry = self.count_retry(event.frame);
                let delay = duration(event.at, *until);
                Some(format!("{}  retry {retry} in {delay}", self.name(event.frame)))
            }
            EventKind::WaitScheduled { until } => {
                let delay = duration(event.at, *until);
                Some(format!("{}  waits for {delay}", self.name(event.frame)))
            }
            EventKind::ParallelStarted { first, starts, .. } => {
                for branch in 0..u32::try_from(starts.len()).unwrap_or(u32::MAX) {
                    let prefix = format!("{}[{branch}].", self.name(event.frame));
                    self.prefixes.insert(FrameId(first.0.saturating_add(branch)), prefix);
                }
                None
            }
            EventKind::IterationStarted { index, child, .. } => {
                let prefix = format!("{}[{index}].", self.name(event.frame));
                self.prefixes.insert(*child, prefix);
                None
            }
            EventKind::ParallelFailed | EventKind::MapFailed => {
                Some(format!("{}  failed", self.name(event.frame)))
            }
            EventKind::EvaluationFailed { failure, .. } => {
                let why = failure_text(failure.error.as_deref(), failure.cause.as_deref());
                Some(format!("{}  {why}", self.name(event.frame)))
            }
            EventKind::ExecutionSucceeded { .. } => Some(self.ended("SUCCEEDED", event)),
            EventKind::ExecutionFailed { failure, .. } => {
                let why = failure_text(failure.error.as_deref(), failure.cause.as_deref());
                Some(format!("{}: {why}", self.ended("FAILED", event)))
            }
            EventKind::ExecutionTimedOut => Some(self.ended("TIMED_OUT", event)),
            EventKind::ExecutionAborted { .. } => Some(self.ended("ABORTED", event)),
            EventKind::TaskScheduled { .. }
            | EventKind::TaskStarted { .. }
            | EventKind::TaskSubmitted { .. }
            | EventKind::TaskSucceeded { .. }
            | EventKind::TaskFailed { .. }
            | EventKind::TaskTimedOut { .. }
            | EventKind::TaskQueued
            | EventKind::TaskBegan { .. }
            | EventKind::ActivitySought { .. }
            | EventKind::ActivityReturned => self.task_words(event),
            EventKind::ExecutionStarted { .. }
            | EventKind::ExecutionRedriven { .. }
            | EventKind::ParallelSucceeded
            | EventKind::MapStarted { .. }
            | EventKind::MapSucceeded
            | EventKind::IterationSucceeded { .. }
            | EventKind::IterationFailed { .. }
            | EventKind::IterationAborted { .. }
            | EventKind::BranchSucceeded
            | EventKind::BranchFailed
            | EventKind::ClosingStarted { .. }
            | EventKind::MapNarrowed { .. } => None,
        }
    }

    fn task_words(&self, event: &Event) -> Option<String> {
        let name = self.name(event.frame);
        match &event.kind {
            EventKind::TaskFailed { failure, .. } => {
                let why = failure_text(failure.error.as_deref(), failure.cause.as_deref());
                Some(format!("{name}  failed: {why}"))
            }
            EventKind::TaskTimedOut { .. } => Some(format!("{name}  timed out")),
            EventKind::TaskQueued => Some(format!("{name}  waits for a free place")),
            EventKind::TaskSubmitted { .. } => Some(format!("{name}  waits for its token")),
            EventKind::TaskScheduled { kind: TaskKind::Activity { .. }, .. } => {
                Some(format!("{name}  waits for a worker"))
            }
            EventKind::TaskStarted { worker: Some(worker), .. } => {
                Some(format!("{name}  taken by {}", worker.escape_debug()))
            }
            _ => None,
        }
    }

    fn exited(&self, event: &Event, next: Option<&str>) -> String {
        let place = self.places.get(&event.frame);
        let took = duration(place.map_or(event.at, |place| place.entered), event.at);
        let name = self.name(event.frame);
        match next.filter(|_| place.is_some_and(|place| place.failed)) {
            Some(next) => format!("{name}  caught after {took}: on to {}", next.escape_debug()),
            None => format!("{name}  done in {took}"),
        }
    }

    /// Remembers whether the state's last try failed.
    fn note(&mut self, event: &Event) {
        let failed = matches!(
            event.kind,
            EventKind::TaskFailed { .. }
                | EventKind::TaskTimedOut { .. }
                | EventKind::ParallelFailed
                | EventKind::MapFailed
        );
        let tried_again = matches!(event.kind, EventKind::TaskScheduled { .. });
        if let Some(place) = self.places.get_mut(&event.frame).filter(|_| failed || tried_again) {
            place.failed = failed;
        }
    }

    fn count_retry(&mut self, frame: FrameId) -> u32 {
        self.places.get_mut(&frame).map_or(1, |place| {
            place.retries += 1;
            place.failed = false;
            place.retries
        })
    }

    /// `Ship[1].Pack`: the state a frame is in, with the iterations and branches around it.
    fn name(&self, frame: FrameId) -> String {
        let prefix = self.prefixes.get(&frame).map_or("", String::as_str);
        let state = self.places.get(&frame).map_or("", |place| &place.state);
        format!("{prefix}{}", state.escape_debug())
    }

    fn ended(&self, status: &str, event: &Event) -> String {
        let began = self.began.unwrap_or(event.at);
        format!("execution {status} after {}", duration(began, event.at))
    }
}

/// Error and cause on one line, no longer than a person reads.
pub fn failure_text(error: Option<&str>, cause: Option<&str>) -> String {
    let mut text = error.unwrap_or("an error without a name").escape_debug().to_string();
    if let Some(cause) = cause.filter(|cause| !cause.is_empty()) {
        text.push_str(": ");
        // Quotes stay as they are: causes are often JSON. Control characters do not.
        let shown = cause.chars().take(CAUSE_CHARACTERS);
        text.extend(shown.map(|it| if it.is_control() { ' ' } else { it }));
        if cause.chars().nth(CAUSE_CHARACTERS).is_some() {
            text.push('…');
        }
    }
    text
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds fit a double for 285,000 years")]
fn seconds(from: Timestamp, to: Timestamp) -> f64 {
    (to.0 - from.0) as f64 / 1000.0
}

fn duration(from: Timestamp, to: Timestamp) -> String {
    let ms = to.0 - from.0;
    if ms < 1000 { format!("{ms} ms") } else { format!("{:.1} s", seconds(from, to)) }
}

#[cfg(test)]
mod tests {
    use asl::Payload;
    use machine::{Failure, StateType, TaskKind};

    use super::*;

    #[track_caller]
    fn check(events: Vec<(i64, u32, EventKind)>, expected: &str) {
        let mut progress = Progress::default();
        let lines: Vec<String> = events
            .into_iter()
            .filter_map(|(at, frame, kind)| {
                let (at, frame) = (Timestamp(at), FrameId(frame));
                progress.line(&Event { id: 0, previous: 0, at, frame, kind })
            })
            .collect();
        assert_eq!(lines.join("\n"), expected);
    }

    fn entered(state: &str, of: StateType) -> EventKind {
        EventKind::StateEntered { state: state.to_owned(), of, input: Payload::empty_object() }
    }

    #[test]
    fn a_retry_is_told_with_its_reason_and_its_delay() {
        let kind = TaskKind::Url { url: "http://x".to_owned(), waits_for_token: false };
        let failure =
            Failure { error: Some("Busy".to_owned()), cause: Some("ask\nagain".to_owned()) };
        check(
            vec![
                (5_000, 0, entered("Pay", StateType::Task)),
                (5_012, 0, EventKind::TaskFailed { kind, failure }),
                (5_012, 0, EventKind::RetryScheduled { retrier: 0, until: Timestamp(6_012) }),
                (
                    6_020,
                    0,
                    EventKind::StateExited {
                        state: "Pay".to_owned(),
                        of: StateType::Task,
                        output: Payload::empty_object(),
                        next: None,
                        assigned: None,
                    },
                ),
                (6_020, 0, EventKind::ExecutionSucceeded { output: Payload::empty_object() }),
            ],
            "    0.000 s  Pay  entered\n    \
             0.012 s  Pay  failed: Busy: ask again\n    \
             0.012 s  Pay  retry 1 in 1.0 s\n    \
             1.020 s  Pay  done in 1.0 s\n    \
             1.020 s  execution SUCCEEDED after 1.0 s",
        );
    }

    #[test]
    fn what_runs_in_an_iteration_is_named_with_it() {
        check(
            vec![
                (0, 0, entered("Ship", StateType::Map)),
                (
                    0,
                    0,
                    EventKind::IterationStarted {
                        map: "Ship".to_owned(),
                        index: 3,
                        child: FrameId(4),
                        input: Payload::empty_object(),
                    },
                ),
                (1, 4, entered("Pack", StateType::Pass)),
            ],
            "    0.000 s  Ship  entered\n    0.001 s  Ship[3].Pack  entered",
        );
    }
}
