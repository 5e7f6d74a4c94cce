//! Who performs which integration of AWS.
//!
//! To have another performed, `sqs:sendMessage` say: name it in `asl`'s [`Served`], write a file that performs
//! it, and add it here.

use asl::program::Pattern::{RequestResponse, WaitForTaskToken};
use asl::program::{Integration, Served};
use futures_util::future::BoxFuture;
use machine::Failure;

use super::{Call, Outcome, Performers, Report, function, own_api};

/// How a call ended, or why it failed.
pub(super) type Performed = Result<Outcome, Failure>;

/// Performs the calls of one row.
pub(super) type Performer =
    for<'a> fn(&'a Performers, &'a Call, &'a Integration, Report<'a>) -> BoxFuture<'a, Performed>;

/// Who performs this integration, if anybody does.
pub(super) fn performer(integration: &Integration) -> Option<Performer> {
    if !matches!(integration.pattern, RequestResponse | WaitForTaskToken) {
        return None;
    }
    Some(match integration.served()? {
        Served::Lambda => function::by_invoke,
        Served::StepFunctions => own_api::perform,
    })
}

/// The failure of a task that nobody performs.
pub(super) fn not_served(arn: &str) -> Failure {
    let served = Served::ALL.map(|served| {
        let (service, action) = served.name();
        format!("`arn:aws:states:::{service}:{}`", action.unwrap_or("…"))
    });
    Failure::new(
        "Statewright.IntegrationNotServed",
        format!(
            "`{arn}` is not served here: a task may call a Lambda function by ARN, an activity, an \
             `http(s)://` URL, or {}",
            served.join(" or ")
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
        for served in Served::ALL {
            let (service, action) = served.name();
            let action = action.unwrap_or("startExecution");
            let refusal = of(&format!("{service}:{action}")).check(&unknown).unwrap_err();
            assert!(refusal.cause.contains(r#""Unheard" is not supported"#), "{service}");
        }
    }
}
