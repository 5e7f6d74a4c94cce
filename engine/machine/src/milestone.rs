//! What became of tasks in a turn, and how long that took: for whoever measures. The log knows it
//! already, so none of this is written.

use crate::event::EventKind;
use crate::execution::{At, OpenTask};
use crate::task_kind::TaskKind;
use crate::timestamp::Timestamp;

/// One point in the life of a task.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Milestone {
    pub family: TaskFamily,
    pub reached: Reached,
}

/// Tasks as AWS's metrics tell them apart.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TaskFamily {
    Activity,
    /// A Lambda function by its ARN.
    Lambda,
    /// An integration, `lambda:invoke` among them, or a URL.
    Service,
}

/// What was reached; times in milliseconds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Reached {
    Scheduled,
    Started { since_scheduled_ms: i64 },
    Ended { outcome: TaskEnd, since_started_ms: i64, since_scheduled_ms: i64 },
}

/// How a task ended that somebody waited for to the end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TaskEnd {
    Succeeded,
    Failed,
    TimedOut,
    HeartbeatTimedOut,
}

impl TaskFamily {
    fn of(kind: &TaskKind) -> Self {
        match kind {
            TaskKind::Activity { .. } => Self::Activity,
            TaskKind::Lambda { .. } => Self::Lambda,
            TaskKind::Integration(_) | TaskKind::Url { .. } => Self::Service,
        }
    }
}

/// What this event, which is about to be applied, is to the task in its frame.
pub(crate) fn reached(event: &EventKind, at: Option<&At>, now: Timestamp) -> Option<Milestone> {
    let open = match at {
        Some(At::Task(task)) => Some(task),
        _ => None,
    };
    let since = |then: Option<Timestamp>| then.map_or(0, |then| now.0.saturating_sub(then.0));
    let since_scheduled_ms = since(open.map(|task| task.scheduled_at));
    let ended = |outcome| {
        let since_started_ms = since(open.and_then(|task| task.started_at));
        Reached::Ended { outcome, since_started_ms, since_scheduled_ms }
    };
    let (kind, reached) = match event {
        EventKind::TaskScheduled { kind, .. } => (kind, Reached::Scheduled),
        EventKind::TaskStarted { kind, .. } => (kind, Reached::Started { since_scheduled_ms }),
        EventKind::TaskSucceeded { kind, .. } => (kind, ended(TaskEnd::Succeeded)),
        EventKind::TaskFailed { kind, .. } => (kind, ended(TaskEnd::Failed)),
        EventKind::TaskTimedOut { kind } => (kind, ended(timeout(open, now))),
        _ => return None,
    };
    Some(Milestone { family: TaskFamily::of(kind), reached })
}

fn timeout(open: Option<&OpenTask>, now: Timestamp) -> TaskEnd {
    let is_over = open.is_some_and(|task| task.deadline.is_some_and(|deadline| deadline <= now));
    if is_over { TaskEnd::TimedOut } else { TaskEnd::HeartbeatTimedOut }
}
