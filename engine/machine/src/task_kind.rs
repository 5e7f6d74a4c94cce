//! What kind of work a task is: decides its events and who performs it.

use asl::program::Pattern;
use asl::resource::WAIT_FOR_TASK_TOKEN;
use serde::{Deserialize, Serialize};

/// What kind of work a task is. Written in the log as the resource the definition names.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(into = "String", from = "String")]
pub enum TaskKind {
    /// A Lambda function by ARN; events are `LambdaFunction…`.
    Lambda { arn: String },
    /// An integration (`arn:aws:states:::TYPE:RESOURCE`); events are `Task…` with this
    /// `resourceType` and `resource`.
    Integration { arn: String, resource_type: String, resource: String },
    /// The effective input, posted to a URL; events are `Task…`.
    Url { url: String, waits_for_token: bool },
    /// An activity: a worker fetches the effective input; events are `Activity…`.
    Activity { arn: String },
}

impl TaskKind {
    /// The resource as the definition names it.
    pub fn resource(&self) -> String {
        String::from(self.clone())
    }

    /// Whether the answer of the call does not end the task, only its token does.
    pub fn waits_for_token(&self) -> bool {
        match self {
            Self::Integration { resource, .. } => {
                Pattern::split(resource).is_some_and(|(_, it)| it == Pattern::WaitForTaskToken)
            }
            Self::Url { waits_for_token, .. } => *waits_for_token,
            Self::Lambda { .. } | Self::Activity { .. } => false,
        }
    }

    /// Whether AWS's history has an event for the end of its call, `TaskSubmitted`.
    pub(crate) fn shows_submission(&self) -> bool {
        match self {
            Self::Integration { .. } | Self::Url { .. } => true,
            Self::Lambda { .. } | Self::Activity { .. } => false,
        }
    }

    /// How AWS names the task in the texts about its size.
    pub(crate) fn named(&self) -> &str {
        match self {
            Self::Lambda { arn } | Self::Activity { arn } => arn,
            Self::Integration { resource_type, .. } => resource_type,
            Self::Url { url, .. } => url,
        }
    }
}

impl From<TaskKind> for String {
    fn from(kind: TaskKind) -> Self {
        match kind {
            TaskKind::Lambda { arn }
            | TaskKind::Integration { arn, .. }
            | TaskKind::Activity { arn } => arn,
            TaskKind::Url { url, waits_for_token: false } => url,
            TaskKind::Url { url, waits_for_token: true } => url + WAIT_FOR_TASK_TOKEN,
        }
    }
}

impl From<String> for TaskKind {
    /// The kind of this resource; the same reading as the one that compiled it.
    fn from(resource: String) -> Self {
        if let Some((url, pattern)) = asl::resource::url(&resource) {
            let waits_for_token = pattern == Pattern::WaitForTaskToken;
            return Self::Url { url: url.to_owned(), waits_for_token };
        }
        if asl::arn::ActivityArn::parse(&resource).is_ok() {
            return Self::Activity { arn: resource };
        }
        let integration = resource.split_once(":states:::").and_then(|(_, name)| {
            let (kind, api) = name.rsplit_once(':')?;
            Some((kind.to_owned(), api.to_owned()))
        });
        match integration {
            Some((resource_type, resource_name)) => {
                Self::Integration { arn: resource, resource_type, resource: resource_name }
            }
            None => Self::Lambda { arn: resource },
        }
    }
}
