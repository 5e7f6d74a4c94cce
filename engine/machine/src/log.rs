//! How a turn's events are written into one row, and read back.
//!
//! A row is a JSON object: `v`, the format's version; `p`, the payloads, each once and as the
//! very text it came as; `e`, the events, which name payloads by their place in `p`. A person
//! can read it with `convert_from(body, 'utf8')` in psql.

mod last;

use asl::Payload;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::event::{Event, EventKind, FrameId};
use crate::timestamp::Timestamp;

pub use last::Last;

const VERSION: u32 = 1;

/// Why a row cannot be read.
#[derive(Debug)]
pub enum LogError {
    /// It was written by a newer release.
    Version(u32),
    /// It is not what `encode` writes.
    Broken(String),
}

impl std::fmt::Display for LogError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Version(version) => write!(
                f,
                "the log has format {version}, and this release reads up to {VERSION}: \
                 it was written by a newer release"
            ),
            Self::Broken(why) => write!(f, "a row of the log cannot be read: {why}"),
        }
    }
}

impl std::error::Error for LogError {}

#[derive(Serialize, Deserialize)]
struct Row<'a> {
    v: u32,
    #[serde(borrow)]
    p: Vec<&'a RawValue>,
    e: Vec<WireEvent>,
}

#[derive(Serialize, Deserialize)]
struct WireEvent {
    #[serde(default, skip_serializing_if = "is_zero")]
    id: u64,
    #[serde(default, skip_serializing_if = "is_zero")]
    prev: u64,
    at: Timestamp,
    #[serde(default, skip_serializing_if = "is_root")]
    frame: FrameId,
    is: EventKind<u32>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_root(frame: &FrameId) -> bool {
    *frame == FrameId::ROOT
}

/// One row for these events.
pub fn encode(events: &[Event]) -> Vec<u8> {
    let mut payloads: Vec<Payload> = Vec::new();
    let mut place = |payload: &Payload| {
        let found = payloads.iter().rposition(|known| known == payload).unwrap_or_else(|| {
            payloads.push(payload.clone());
            payloads.len() - 1
        });
        u32::try_from(found).expect("a turn has far fewer than 2^32 payloads")
    };
    let e = events
        .iter()
        .map(|event| WireEvent {
            id: event.id,
            prev: event.previous,
            at: event.at,
            frame: event.frame,
            is: event.kind.map_payload(&mut place),
        })
        .collect();
    let p = payloads
        .iter()
        .map(|payload| {
            serde_json::from_str(payload.raw()).expect("a payload is JSON: its constructors check")
        })
        .collect();
    serde_json::to_vec(&Row { v: VERSION, p, e }).expect("plain structs of strings and numbers")
}

/// The events of one row.
pub fn decode(row: &[u8]) -> Result<Vec<Event>, LogError> {
    let row: Row<'_> = serde_json::from_slice(row).map_err(|why| broken(row, &why))?;
    if row.v > VERSION {
        return Err(LogError::Version(row.v));
    }
    let payloads = row
        .p
        .iter()
        .map(|raw| Payload::from_text(raw.get()).map_err(|why| LogError::Broken(why.to_string())))
        .collect::<Result<Vec<_>, _>>()?;
    row.e
        .into_iter()
        .map(|event| {
            let mut missing = None;
            let kind = event.is.map_payload(&mut |place| {
                payloads.get(*place as usize).cloned().unwrap_or_else(|| {
                    missing = Some(*place);
                    Payload::empty_object()
                })
            });
            match missing {
                Some(place) => Err(LogError::Broken(format!("it has no payload {place}"))),
                None => Ok(Event {
                    id: event.id,
                    previous: event.prev,
                    at: event.at,
                    frame: event.frame,
                    kind,
                }),
            }
        })
        .collect()
}

/// A newer format may not even parse as ours; then its version is the better answer.
fn broken(row: &[u8], why: &serde_json::Error) -> LogError {
    #[derive(Deserialize)]
    struct Version {
        v: u32,
    }
    match serde_json::from_slice::<Version>(row) {
        Ok(Version { v }) if v > VERSION => LogError::Version(v),
        Ok(_) | Err(_) => LogError::Broken(why.to_string()),
    }
}

impl<P> EventKind<P> {
    /// The same event with its payloads held another way.
    #[expect(clippy::too_many_lines, reason = "one line for each event there is")]
    fn map_payload<Q>(&self, f: &mut impl FnMut(&P) -> Q) -> EventKind<Q> {
        use EventKind as K;
        match self {
            K::ExecutionStarted { identity, input, start, deadline, variables } => {
                K::ExecutionStarted {
                    identity: identity.clone(),
                    input: f(input),
                    start: start.clone(),
                    deadline: *deadline,
                    variables: variables.as_ref().map(&mut *f),
                }
            }
            K::ExecutionSucceeded { output } => K::ExecutionSucceeded { output: f(output) },
            K::ExecutionFailed { failure, state, place } => {
                K::ExecutionFailed { failure: failure.clone(), state: state.clone(), place: *place }
            }
            K::ExecutionTimedOut => K::ExecutionTimedOut,
            K::ExecutionAborted { failure } => K::ExecutionAborted { failure: failure.clone() },
            K::ExecutionRedriven { count, deadline, anew } => {
                K::ExecutionRedriven { count: *count, deadline: *deadline, anew: *anew }
            }
            K::StateEntered { state, of, input } => {
                K::StateEntered { state: state.clone(), of: *of, input: f(input) }
            }
            K::StateExited { state, of, output, next, assigned } => K::StateExited {
                state: state.clone(),
                of: *of,
                output: f(output),
                next: next.clone(),
                assigned: assigned.as_ref().map(&mut *f),
            },
            K::EvaluationFailed { state, location, failure } => K::EvaluationFailed {
                state: state.clone(),
                location: location.clone(),
                failure: failure.clone(),
            },
            K::StateAborted { of } => K::StateAborted { of: *of },
            K::TaskScheduled { kind, parameters, timeout_seconds, heartbeat_seconds } => {
                K::TaskScheduled {
                    kind: kind.clone(),
                    parameters: f(parameters),
                    timeout_seconds: *timeout_seconds,
                    heartbeat_seconds: *heartbeat_seconds,
                }
            }
            K::TaskStarted { kind, deadline, worker, claim } => K::TaskStarted {
                kind: kind.clone(),
                deadline: *deadline,
                worker: worker.clone(),
                claim: *claim,
            },
            K::ActivityReturned => K::ActivityReturned,
            K::TaskSubmitted { kind, output } => {
                K::TaskSubmitted { kind: kind.clone(), output: f(output) }
            }
            K::ActivitySought { arn, parameters, timeout_seconds, heartbeat_seconds } => {
                K::ActivitySought {
                    arn: arn.clone(),
                    parameters: f(parameters),
                    timeout_seconds: *timeout_seconds,
                    heartbeat_seconds: *heartbeat_seconds,
                }
            }
            K::TaskSucceeded { kind, result } => {
                K::TaskSucceeded { kind: kind.clone(), result: f(result) }
            }
            K::TaskFailed { kind, failure } => {
                K::TaskFailed { kind: kind.clone(), failure: failure.clone() }
            }
            K::TaskTimedOut { kind } => K::TaskTimedOut { kind: kind.clone() },
            K::ParallelStarted { first, starts, input } => {
                K::ParallelStarted { first: *first, starts: starts.clone(), input: f(input) }
            }
            K::ParallelSucceeded => K::ParallelSucceeded,
            K::ParallelFailed => K::ParallelFailed,
            K::MapStarted { items, length, concurrency, start } => K::MapStarted {
                items: f(items),
                length: *length,
                concurrency: *concurrency,
                start: start.clone(),
            },
            K::MapSucceeded => K::MapSucceeded,
            K::MapFailed => K::MapFailed,
            K::IterationStarted { map, index, child, input } => K::IterationStarted {
                map: map.clone(),
                index: *index,
                child: *child,
                input: f(input),
            },
            K::IterationSucceeded { map, index } => {
                K::IterationSucceeded { map: map.clone(), index: *index }
            }
            K::IterationFailed { map, index } => {
                K::IterationFailed { map: map.clone(), index: *index }
            }
            K::IterationAborted { map, index } => {
                K::IterationAborted { map: map.clone(), index: *index }
            }
            K::WaitScheduled { until } => K::WaitScheduled { until: *until },
            K::RetryScheduled { retrier, until } => {
                K::RetryScheduled { retrier: *retrier, until: *until }
            }
            K::TaskQueued => K::TaskQueued,
            K::TaskBegan { deadline } => K::TaskBegan { deadline: *deadline },
            K::BranchSucceeded => K::BranchSucceeded,
            K::BranchFailed => K::BranchFailed,
            K::MapNarrowed { concurrency } => K::MapNarrowed { concurrency: *concurrency },
            K::ClosingStarted { closing } => K::ClosingStarted { closing: closing.clone() },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::decode;

    #[track_caller]
    fn refused(row: &str, expected: &str) {
        assert_eq!(decode(row.as_bytes()).unwrap_err().to_string(), expected);
    }

    #[test]
    fn a_row_of_a_newer_release_says_so() {
        let expected = "the log has format 7, and this release reads up to 1: \
                        it was written by a newer release";
        refused(r#"{"v": 7, "p": [], "e": []}"#, expected);
        refused(r#"{"v": 7, "anything": "else"}"#, expected);
    }

    #[test]
    fn a_broken_row_says_what_is_wrong() {
        refused(
            r#"{"v": 1, "p": [], "e": [{"at": 0, "is": {"ExecutionSucceeded": {"output": 2}}}]}"#,
            "a row of the log cannot be read: it has no payload 2",
        );
        refused(
            r#"{"v": 1, "p": []}"#,
            "a row of the log cannot be read: missing field `e` at line 1 column 17",
        );
    }
}
