//! The AWS view of the log: the events a user sees, in the shape of `GetExecutionHistory`
//! (botocore `stepfunctions/2016-11-23`, and recordings of AWS).

mod family;

use asl::Payload;
use serde_json::{Map, Value, json};

use crate::event::{Event, EventKind};
use crate::stimulus::Failure;
use crate::task_kind::TaskKind;
use crate::timestamp::Timestamp;
use family::{Family, described};

/// One event of a history.
#[derive(Clone, Debug, PartialEq)]
pub struct HistoryEvent {
    pub id: u64,
    pub previous: u64,
    pub at: Timestamp,
    /// AWS's event type, such as `TaskStateEntered`.
    pub name: String,
    /// The member that holds the details, and the details, if this type has any.
    pub details: Option<(&'static str, Value)>,
}

impl HistoryEvent {
    /// The event as AWS's API writes it: timestamps are seconds since 1970.
    pub fn to_aws(&self) -> Value {
        let mut event = Map::new();
        event.insert("timestamp".to_owned(), json!(self.at.epoch_seconds()));
        event.insert("type".to_owned(), json!(self.name));
        event.insert("id".to_owned(), json!(self.id));
        event.insert("previousEventId".to_owned(), json!(self.previous));
        if let Some((member, details)) = &self.details {
            event.insert((*member).to_owned(), details.clone());
        }
        Value::Object(event)
    }
}

/// How much of an event to show.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// Region of the execution; part of `TaskScheduled`.
    pub region: &'a str,
    /// `includeExecutionData`: whether inputs, outputs and parameters are shown.
    pub with_data: bool,
}

/// An event's type, and the member that holds its details.
type Named = (String, Option<(&'static str, Value)>);

impl View<'_> {
    /// The event as a user sees it; `None` for internal events.
    pub fn show(&self, event: &Event) -> Option<HistoryEvent> {
        let (name, details) = self.named(&event.kind)?;
        Some(HistoryEvent { id: event.id, previous: event.previous, at: event.at, name, details })
    }

    fn named(&self, kind: &EventKind) -> Option<Named> {
        use EventKind as K;
        let plain = |name: &str| Some((name.to_owned(), None));
        match kind {
            K::ExecutionStarted { .. }
            | K::ExecutionSucceeded { .. }
            | K::ExecutionFailed { .. }
            | K::ExecutionTimedOut
            | K::ExecutionAborted { .. }
            | K::ExecutionRedriven { .. } => self.of_execution(kind),
            K::StateEntered { state, of, input } => Some((
                format!("{}StateEntered", of.name()),
                Some(("stateEnteredEventDetails", self.input(json!({ "name": state }), input))),
            )),
            K::StateExited { state, of, output, assigned, .. } => Some((
                format!("{}StateExited", of.name()),
                Some((
                    "stateExitedEventDetails",
                    self.assigned(self.output(json!({ "name": state }), output), assigned.as_ref()),
                )),
            )),
            K::EvaluationFailed { state, location, failure: of } => Some((
                "EvaluationFailed".to_owned(),
                Some(("evaluationFailedEventDetails", evaluation(state, location.as_deref(), of))),
            )),
            K::StateAborted { of } => Some((format!("{}StateAborted", of.name()), None)),
            K::TaskScheduled { .. }
            | K::TaskStarted { .. }
            | K::TaskSubmitted { .. }
            | K::TaskSucceeded { .. }
            | K::TaskFailed { .. }
            | K::TaskTimedOut { .. } => self.of_task(kind),
            K::ParallelStarted { .. } => plain("ParallelStateStarted"),
            K::ParallelSucceeded => plain("ParallelStateSucceeded"),
            K::ParallelFailed => plain("ParallelStateFailed"),
            K::MapStarted { length, .. } => Some((
                "MapStateStarted".to_owned(),
                Some(("mapStateStartedEventDetails", json!({ "length": length }))),
            )),
            K::MapSucceeded => plain("MapStateSucceeded"),
            K::MapFailed => plain("MapStateFailed"),
            K::IterationStarted { map, index, .. } => Some(iteration("Started", map, *index)),
            K::IterationSucceeded { map, index } => Some(iteration("Succeeded", map, *index)),
            K::IterationFailed { map, index } => Some(iteration("Failed", map, *index)),
            K::IterationAborted { map, index } => Some(iteration("Aborted", map, *index)),
            K::ActivitySought { .. }
            | K::ActivityReturned
            | K::WaitScheduled { .. }
            | K::RetryScheduled { .. }
            | K::TaskQueued
            | K::TaskBegan { .. }
            | K::BranchSucceeded
            | K::BranchFailed
            | K::ClosingStarted { .. }
            | K::MapNarrowed { .. } => None,
        }
    }

    fn of_execution(&self, kind: &EventKind) -> Option<Named> {
        let (name, member, details) = match kind {
            EventKind::ExecutionStarted { identity, input, .. } => {
                let mut details = self.input(json!({}), input);
                details["roleArn"] = json!(identity.role_arn);
                if let Some(arn) = &identity.alias_arn {
                    details["stateMachineAliasArn"] = json!(arn);
                }
                if let Some(arn) = &identity.version_arn {
                    details["stateMachineVersionArn"] = json!(arn);
                }
                ("ExecutionStarted", "executionStartedEventDetails", details)
            }
            EventKind::ExecutionSucceeded { output } => (
                "ExecutionSucceeded",
                "executionSucceededEventDetails",
                self.output(json!({}), output),
            ),
            EventKind::ExecutionFailed { failure: of, .. } => {
                ("ExecutionFailed", "executionFailedEventDetails", failure(json!({}), of))
            }
            EventKind::ExecutionRedriven { count, .. } => (
                "ExecutionRedriven",
                "executionRedrivenEventDetails",
                json!({ "redriveCount": count }),
            ),
            EventKind::ExecutionTimedOut => {
                let details = json!({ "error": "States.Timeout" });
                ("ExecutionTimedOut", "executionTimedOutEventDetails", details)
            }
            EventKind::ExecutionAborted { failure: of } => {
                ("ExecutionAborted", "executionAbortedEventDetails", failure(json!({}), of))
            }
            _ => return None,
        };
        Some((name.to_owned(), Some((member, details))))
    }

    fn of_task(&self, event: &EventKind) -> Option<Named> {
        use EventKind as K;
        let (K::TaskScheduled { kind, .. }
        | K::TaskStarted { kind, .. }
        | K::TaskSubmitted { kind, .. }
        | K::TaskSucceeded { kind, .. }
        | K::TaskFailed { kind, .. }
        | K::TaskTimedOut { kind }) = event
        else {
            return None;
        };
        let family = Family::of(kind);
        let task = described(kind);
        let (what, details) = match event {
            K::TaskScheduled { parameters, timeout_seconds, heartbeat_seconds, .. } => {
                let seconds = (*timeout_seconds, *heartbeat_seconds);
                ("Scheduled", self.scheduled(kind, parameters, seconds))
            }
            K::TaskStarted { .. } if family == Family::Lambda => {
                return Some(("LambdaFunctionStarted".to_owned(), None));
            }
            K::TaskStarted { worker, .. } => ("Started", started(task, worker.as_deref())),
            K::TaskSubmitted { .. } if !kind.shows_submission() => return None,
            K::TaskSubmitted { output, .. } => ("Submitted", self.output(task, output)),
            K::TaskSucceeded { result, .. } => ("Succeeded", self.output(task, result)),
            K::TaskFailed { failure: of, .. } => ("Failed", failure(task, of)),
            _ => {
                let timeout = Failure { error: Some("States.Timeout".to_owned()), cause: None };
                ("TimedOut", failure(task, &timeout))
            }
        };
        Some((format!("{}{what}", family.prefix()), Some((family.member(what), details))))
    }

    fn scheduled(
        &self,
        kind: &TaskKind,
        parameters: &Payload,
        (timeout_seconds, heartbeat_seconds): (Option<u64>, Option<u64>),
    ) -> Value {
        let family = Family::of(kind);
        let mut details = match family {
            Family::Lambda | Family::Activity => {
                self.input(json!({ "resource": kind.resource() }), parameters)
            }
            Family::Task => {
                let mut details = described(kind);
                details["region"] = json!(self.region);
                if self.with_data {
                    details["parameters"] = json!(parameters.raw());
                }
                details
            }
        };
        if let Some(seconds) = timeout_seconds {
            details["timeoutInSeconds"] = json!(seconds);
        }
        if let Some(seconds) = heartbeat_seconds.filter(|_| family != Family::Lambda) {
            details["heartbeatInSeconds"] = json!(seconds);
        }
        details
    }

    fn input(&self, mut details: Value, input: &Payload) -> Value {
        if self.with_data {
            details["input"] = json!(input.raw());
            details["inputDetails"] = json!({ "truncated": false });
        }
        details
    }

    /// Each variable with its value as a JSON text.
    fn assigned(&self, mut details: Value, assigned: Option<&Payload>) -> Value {
        if let Some(Value::Object(variables)) = assigned.map(Payload::value)
            && self.with_data
            && !variables.is_empty()
        {
            let texts: Map<String, Value> =
                variables.iter().map(|(name, it)| (name.clone(), json!(it.to_string()))).collect();
            details["assignedVariables"] = Value::Object(texts);
            details["assignedVariablesDetails"] = json!({ "truncated": false });
        }
        details
    }

    fn output(&self, mut details: Value, output: &Payload) -> Value {
        if self.with_data {
            details["output"] = json!(output.raw());
            details["outputDetails"] = json!({ "truncated": false });
        }
        details
    }
}

fn started(mut task: Value, worker: Option<&str>) -> Value {
    if let Some(worker) = worker {
        task["workerName"] = json!(worker);
    }
    task
}

fn evaluation(state: &str, location: Option<&str>, of: &Failure) -> Value {
    let mut details = failure(json!({ "state": state }), of);
    if let Some(location) = location {
        details["location"] = json!(location);
    }
    details
}

fn failure(mut details: Value, failure: &Failure) -> Value {
    if let Some(error) = &failure.error {
        details["error"] = json!(error);
    }
    if let Some(cause) = &failure.cause {
        details["cause"] = json!(cause);
    }
    details
}

fn iteration(what: &str, map: &str, index: u32) -> Named {
    let member = match what {
        "Started" => "mapIterationStartedEventDetails",
        "Succeeded" => "mapIterationSucceededEventDetails",
        "Failed" => "mapIterationFailedEventDetails",
        _ => "mapIterationAbortedEventDetails",
    };
    let details = json!({ "name": map, "index": index });
    (format!("MapIteration{what}"), Some((member, details)))
}
