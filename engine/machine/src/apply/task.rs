//! How far the task of a state has come.

use super::{change, shared};
use crate::event::{Event, EventKind};
use crate::execution::{At, Execution, OpenTask, Phase, Sought};
use crate::task_kind::TaskKind;
use crate::timestamp::Timestamp;

/// Events of a task that is open, or about to be.
pub(super) fn change_task_state(execution: &mut Execution, event: &Event) {
    // `apply` has counted this event already.
    let place = execution.next_event - 1;
    change(execution, event, |frame| match &event.kind {
        EventKind::ActivitySought { arn, parameters, timeout_seconds, heartbeat_seconds } => {
            At::Seeking(Sought {
                arn: arn.clone(),
                at: place,
                parameters: shared(&frame.input, parameters),
                timeout_seconds: *timeout_seconds,
                heartbeat_seconds: *heartbeat_seconds,
            })
        }
        EventKind::TaskScheduled { kind, parameters, timeout_seconds, heartbeat_seconds } => {
            At::Task(OpenTask {
                id: event.id,
                kind: kind.clone(),
                parameters: shared(&frame.input, parameters),
                timeout_seconds: *timeout_seconds,
                heartbeat_seconds: *heartbeat_seconds,
                phase: match kind {
                    TaskKind::Activity { .. } => Phase::Offered,
                    TaskKind::Lambda { .. } | TaskKind::Integration(_) | TaskKind::Url { .. } => {
                        Phase::Calling
                    }
                },
                queued: false,
                claim: None,
                deadline: None,
                scheduled_at: event.at,
                started_at: None,
                heartbeat_due: None,
            })
        }
        EventKind::TaskStarted { deadline, claim, .. } => change_task(&frame.at, |task| {
            task.deadline = *deadline;
            task.started_at = Some(event.at);
            if task.phase == Phase::Offered {
                task.phase = Phase::Taken;
                task.claim = *claim;
                expect_heartbeats(task, event.at);
            }
        }),
        EventKind::ActivityReturned => change_task(&frame.at, |task| {
            task.phase = Phase::Offered;
            task.claim = None;
            task.deadline = None;
            task.heartbeat_due = None;
        }),
        EventKind::TaskBegan { deadline } => change_task(&frame.at, |task| {
            task.queued = false;
            task.deadline = *deadline;
            task.started_at = Some(event.at);
        }),
        EventKind::TaskSubmitted { .. } => change_task(&frame.at, |task| {
            task.phase = Phase::Submitted;
            expect_heartbeats(task, event.at);
        }),
        EventKind::TaskQueued => change_task(&frame.at, |task| {
            task.queued = true;
            task.deadline = None;
        }),
        _ => At::Entered,
    });
}

fn change_task(at: &At, change: impl FnOnce(&mut OpenTask)) -> At {
    let mut at = at.clone();
    if let At::Task(task) = &mut at {
        change(task);
    }
    at
}

/// Whoever has the task now owes heartbeats, if the state asks for them.
fn expect_heartbeats(task: &mut OpenTask, now: Timestamp) {
    task.heartbeat_due = task.heartbeat_seconds.map(|seconds| now.plus_seconds(seconds));
}
