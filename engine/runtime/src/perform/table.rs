//! Who performs which integration of AWS: one row each.
//!
//! To have another performed, `sqs:sendMessage` say: write a file that performs it, and add its row.

use asl::program::Integration;
use asl::program::Pattern::{self, RequestResponse, WaitForTaskToken};
use futures_util::future::BoxFuture;
use machine::Failure;

use super::{Call, Outcome, Performers, Report, function, own_api};

/// How a call ended, or why it failed.
pub(super) type Performed = Result<Outcome, Failure>;

/// Performs the calls of one row.
pub(super) type Performer =
    for<'a> fn(&'a Performers, &'a Call, &'a Integration, Report<'a>) -> BoxFuture<'a, Performed>;

struct Row {
    /// As ARNs name it: `lambda`, `aws-sdk:sfn`.
    service: &'static str,
    /// All that AWS offers of the service, if there is none.
    action: Option<&'static str>,
    patterns: &'static [Pattern],
    performer: Performer,
}

const ROWS: &[Row] = &[
    Row {
        service: "lambda",
        action: Some("invoke"),
        patterns: &[RequestResponse, WaitForTaskToken],
        performer: function::by_invoke,
    },
    Row {
        service: "aws-sdk:sfn",
        action: None,
        patterns: &[RequestResponse, WaitForTaskToken],
        performer: own_api::perform,
    },
];

/// Who performs this integration, if anybody does.
pub(super) fn performer(integration: &Integration) -> Option<Performer> {
    let row = ROWS.iter().find(|row| {
        row.service == integration.resource_type()
            && row.action.is_none_or(|action| *action == *integration.action)
            && row.patterns.contains(&integration.pattern)
    })?;
    Some(row.performer)
}

/// The failure of a task that nobody performs.
pub(super) fn not_served(arn: &str) -> Failure {
    Failure::new(
        "Statewright.IntegrationNotServed",
        format!(
            "`{arn}` is not served here: a task may call a Lambda function by ARN, \
             `arn:aws:states:::lambda:invoke`, an activity, an `http(s)://` URL, or Step \
             Functions itself by `arn:aws:states:::aws-sdk:sfn:…`"
        ),
    )
}

#[cfg(test)]
mod tests {
    use asl::Payload;

    use super::*;

    #[track_caller]
    fn of(name: &str) -> Integration {
        Integration::of_task(&format!("arn:aws:states:::{name}")).unwrap()
    }

    #[test]
    fn what_has_no_row_is_not_performed() {
        for (name, is_performed) in [
            ("lambda:invoke", true),
            ("lambda:invoke.waitForTaskToken", true),
            ("lambda:invoke.sync", false),
            ("lambda:invoke.later", false),
            ("aws-sdk:lambda:invoke", false),
            ("aws-sdk:sfn:startExecution", true),
            ("aws-sdk:sfn:sendTaskSuccess.waitForTaskToken", true),
            ("states:startExecution.sync:2", false),
            ("sqs:sendMessage", false),
        ] {
            assert_eq!(performer(&of(name)).is_some(), is_performed, "{name}");
        }
    }

    #[test]
    fn what_is_performed_leaves_out_nothing_that_its_author_asks_for() {
        let unknown = Payload::from_text(r#"{"Unheard":1}"#).unwrap();
        for row in ROWS {
            let action = row.action.unwrap_or("startExecution");
            let refusal = of(&format!("{}:{action}", row.service)).check(&unknown).unwrap_err();
            assert!(refusal.cause.contains(r#""Unheard" is not supported"#), "{}", row.service);
        }
    }
}
