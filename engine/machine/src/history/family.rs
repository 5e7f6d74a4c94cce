//! The families of events that tasks have, and how AWS spells them.

use serde_json::{Value, json};

use crate::task_kind::TaskKind;

/// The three families of events that tasks have.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(super) enum Family {
    Lambda,
    Activity,
    Task,
}

impl Family {
    pub(super) fn of(kind: &TaskKind) -> Self {
        match kind {
            TaskKind::Lambda { .. } => Self::Lambda,
            TaskKind::Activity { .. } => Self::Activity,
            TaskKind::Integration(_) | TaskKind::Url { .. } => Self::Task,
        }
    }

    /// What the names of its event types begin with.
    pub(super) fn prefix(self) -> &'static str {
        match self {
            Self::Lambda => "LambdaFunction",
            Self::Activity => "Activity",
            Self::Task => "Task",
        }
    }

    /// The member that holds the details of an event.
    pub(super) fn member(self, what: &str) -> &'static str {
        match (self, what) {
            (Self::Lambda, "Scheduled") => "lambdaFunctionScheduledEventDetails",
            (Self::Lambda, "Succeeded") => "lambdaFunctionSucceededEventDetails",
            (Self::Lambda, "Failed") => "lambdaFunctionFailedEventDetails",
            (Self::Lambda, _) => "lambdaFunctionTimedOutEventDetails",
            (Self::Activity, "Scheduled") => "activityScheduledEventDetails",
            (Self::Activity, "Started") => "activityStartedEventDetails",
            (Self::Activity, "Succeeded") => "activitySucceededEventDetails",
            (Self::Activity, "Failed") => "activityFailedEventDetails",
            (Self::Activity, _) => "activityTimedOutEventDetails",
            (Self::Task, "Scheduled") => "taskScheduledEventDetails",
            (Self::Task, "Started") => "taskStartedEventDetails",
            (Self::Task, "Submitted") => "taskSubmittedEventDetails",
            (Self::Task, "Succeeded") => "taskSucceededEventDetails",
            (Self::Task, "Failed") => "taskFailedEventDetails",
            (Self::Task, _) => "taskTimedOutEventDetails",
        }
    }
}

/// What every event of a task says about it.
pub(super) fn described(kind: &TaskKind) -> Value {
    match kind {
        TaskKind::Integration(integration) => json!({
            "resourceType": integration.resource_type(),
            "resource": integration.resource(),
        }),
        TaskKind::Url { waits_for_token: false, .. } => {
            json!({ "resourceType": "http", "resource": "invoke" })
        }
        TaskKind::Url { waits_for_token: true, .. } => {
            json!({ "resourceType": "http", "resource": "invoke.waitForTaskToken" })
        }
        TaskKind::Lambda { .. } | TaskKind::Activity { .. } => json!({}),
    }
}
