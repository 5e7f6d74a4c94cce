//! What a schedule starts, on Scheduler's wire: a state machine, and nothing else.

use serde_json::{Value, json};
use store::ScheduleSettings;

use super::super::answer::object;
use super::super::members::{Members, Pattern, Text};
use crate::error::OperationError;
use crate::operations::schedules::{DEFAULT_EVENT_AGE_SECONDS, DEFAULT_RETRIES};

const TARGET_ARN: Text = Text::within(1, 1600);
const ROLE_ARN: Text = Text::within(1, 1600).matching(Pattern {
    spelled: r"arn:aws[a-z-]*:iam::\d{12}:role\/[\w+=,.@\/-]+",
    matches: is_role,
});

/// A target, as far as Statewright knows one.
#[derive(Default)]
pub(super) struct Target {
    pub(super) arn: String,
    pub(super) role_arn: String,
    pub(super) input: Option<String>,
    pub(super) max_event_age_seconds: i32,
    pub(super) max_retries: i32,
    /// Members that were given and have no effect here.
    unsupported: Vec<String>,
}

impl Target {
    /// Reads a target; [`Target::check`] refuses what is not supported.
    pub(super) fn read(target: &mut Members) -> Result<Self, OperationError> {
        let arn = target.required("Arn", TARGET_ARN)?;
        let role_arn = target.required("RoleArn", ROLE_ARN)?;
        let input = target.text("Input", Text::within(1, usize::MAX).sensitive())?;
        let retries = target.structure("RetryPolicy", |policy| {
            let age = policy.number("MaximumEventAgeInSeconds", 60, 86_400)?;
            Ok((age, policy.number("MaximumRetryAttempts", 0, 185)?))
        })?;
        let (age, retries) = retries.unwrap_or_default();
        Ok(Self {
            arn,
            role_arn,
            input,
            max_event_age_seconds: number(age).unwrap_or(DEFAULT_EVENT_AGE_SECONDS),
            max_retries: number(retries).unwrap_or(DEFAULT_RETRIES),
            unsupported: target.unread().map(str::to_owned).collect(),
        })
    }

    /// Refuses members that would be ignored.
    pub(super) fn check(&self) -> Result<(), OperationError> {
        let Some(first) = self.unsupported.first() else { return Ok(()) };
        let message = if first == "DeadLetterConfig" {
            "DeadLetterConfig is not supported: there is no queue here to deliver to. Firings \
             that fail are kept in the log of their schedule, with the reason."
                .to_owned()
        } else {
            format!("Parameters {first} not supported for the target.")
        };
        Err(OperationError::validation(message))
    }
}

/// A target, as `GetSchedule` shows it.
pub(super) fn shown(settings: &ScheduleSettings) -> Value {
    object([
        ("Arn", Some(json!(settings.target_arn))),
        ("RoleArn", Some(json!(settings.role_arn))),
        ("Input", settings.input.as_ref().map(|input| json!(input))),
        (
            "RetryPolicy",
            Some(json!({
                "MaximumEventAgeInSeconds": settings.max_event_age_seconds,
                "MaximumRetryAttempts": settings.max_retries,
            })),
        ),
    ])
}

/// A number of the model, which bounds it far below what the store holds.
pub(super) fn number(number: Option<u32>) -> Option<i32> {
    number.and_then(|number| i32::try_from(number).ok())
}

fn is_role(text: &str) -> bool {
    let fields: Vec<&str> = text.splitn(6, ':').collect();
    let ["arn", partition, "iam", "", account, resource] = fields[..] else { return false };
    let named = |c: char| c.is_ascii_alphanumeric() || "_+=,.@/-".contains(c);
    partition.starts_with("aws")
        && account.len() == 12
        && account.bytes().all(|byte| byte.is_ascii_digit())
        && resource
            .strip_prefix("role/")
            .is_some_and(|name| !name.is_empty() && name.chars().all(named))
}
