//! What kind of work a task is: decides its events and who performs it.

use asl::program::{Integration, Pattern};
use asl::resource::WAIT_FOR_TASK_TOKEN;
use serde::{Deserialize, Serialize};

/// What kind of work a task is. Written in the log as the resource the definition names.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(into = "String", from = "String")]
pub enum TaskKind {
    /// A Lambda function by ARN; events are `LambdaFunction…`.
    Lambda { arn: String },
    /// An integration (`arn:aws:states:::SERVICE:ACTION[.PATTERN]`); events are `Task…`.
    Integration(Integration),
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
            Self::Integration(integration) => integration.pattern == Pattern::WaitForTaskToken,
            Self::Url { waits_for_token, .. } => *waits_for_token,
            Self::Lambda { .. } | Self::Activity { .. } => false,
        }
    }

    /// Whether AWS's history has an event for the end of its call, `TaskSubmitted`.
    pub(crate) fn shows_submission(&self) -> bool {
        match self {
            Self::Integration(_) | Self::Url { .. } => true,
            Self::Lambda { .. } | Self::Activity { .. } => false,
        }
    }

    /// How AWS names the task in the texts about its size.
    pub(crate) fn named(&self) -> &str {
        match self {
            Self::Lambda { arn } | Self::Activity { arn } => arn,
            Self::Integration(integration) => integration.resource_type(),
            Self::Url { url, .. } => url,
        }
    }
}

impl From<TaskKind> for String {
    fn from(kind: TaskKind) -> Self {
        match kind {
            TaskKind::Lambda { arn } | TaskKind::Activity { arn } => arn,
            TaskKind::Integration(integration) => integration.arn.to_string(),
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
        match Integration::of_task(&resource) {
            Some(integration) => Self::Integration(integration),
            None => Self::Lambda { arn: resource },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::TaskKind;

    #[track_caller]
    fn check(resource: &str, expected: &str) {
        let kind = TaskKind::from(resource.to_owned());
        let found = match &kind {
            TaskKind::Lambda { .. } => "lambda".to_owned(),
            TaskKind::Url { url, waits_for_token } => format!("url {url} {waits_for_token}"),
            TaskKind::Activity { .. } => "activity".to_owned(),
            TaskKind::Integration(it) => {
                format!("{} {} {:?}", it.resource_type(), it.resource(), it.pattern)
            }
        };
        assert_eq!(found, expected, "{resource}");
        assert_eq!(kind.resource(), resource, "it is written as it was read");
    }

    #[test]
    fn a_resource_in_the_log_is_read_as_the_definitions_was() {
        check("arn:aws:lambda:us-east-1:123456789012:function:f", "lambda");
        check("arn:aws:swf:us-east-1:123456789012:task:a", "lambda");
        check("arn:aws:states:us-east-1:123456789012:activity:a", "activity");
        check("http://localhost/f.waitForTaskToken", "url http://localhost/f true");
        check("arn:aws:states:::lambda:invoke", "lambda invoke RequestResponse");
        check(
            "arn:aws:states:::aws-sdk:sfn:startExecution.waitForTaskToken",
            "aws-sdk:sfn startExecution.waitForTaskToken WaitForTaskToken",
        );
        check(
            "arn:aws:states:::states:startExecution.sync:2",
            "states startExecution.sync:2 Sync2",
        );
        // What is refused today may have been begun once.
        check("arn:aws:states:::nowhere:go.later", "nowhere go.later RequestResponse");
    }
}
