//! What a schedule may say, with AWS's complaints where AWS has some.

use asl::arn::{Qualifier, StateMachineArn};
use machine::schedule;
use runtime::Engine;
use store::{ScheduleSettings, ScheduleState};

use crate::error::OperationError;
use crate::operations::{Caller, arn, json_text, tellable};

/// AWS's longest flexible time window.
pub const MAX_WINDOW_MINUTES: i32 = 1_440;
/// AWS's most retries of one firing.
pub const MAX_RETRIES: i32 = 185;
/// AWS's bounds of how long a firing may be retried.
const EVENT_AGE_SECONDS: (i32, i32) = (60, 86_400);
/// A year.
const MAX_CATCH_UP_SECONDS: i32 = 366 * 86_400;
/// AWS's longest description; reasons are held to it too.
const MAX_DESCRIPTION_CHARS: usize = 512;
/// How much of a wrong text is repeated in a complaint.
const MAX_REPEATED_CHARS: usize = 256;

/// Where the targets stand that Statewright can start.
const STARTABLE: &str = "Statewright starts state machines: the target is to be the ARN of one, \
                         or of a version of one";
/// What to do instead of naming an alias.
const NO_ALIASES: &str = "aliases are not served yet: the target is to be the ARN of a state \
                          machine, or of a version of one";

/// What is written into an input when a schedule fires, and what stands for it in a check.
const PLACEHOLDERS: [(&str, &str); 5] = [
    ("<aws.scheduler.schedule-arn>", "x"),
    ("<aws.scheduler.scheduled-time>", "x"),
    ("<aws.scheduler.execution-id>", "x"),
    ("<aws.scheduler.attempt-number>", "1"),
    ("<statewright.schedule-name>", "x"),
];

/// Refuses what cannot be a schedule's settings; the expression that was read.
pub(super) fn check(
    engine: &Engine,
    caller: &Caller,
    settings: &ScheduleSettings,
) -> Result<schedule::Schedule, OperationError> {
    let expression = expression(&settings.expression, &settings.timezone)?;
    for (member, date) in [("start", settings.starts_at), ("end", settings.ends_at)] {
        tellable(member, date).map_err(|refusal| refusal.at(format!("/{member}")))?;
    }
    if let (Some(start), Some(end)) = (settings.starts_at, settings.ends_at)
        && start >= end
    {
        let message = "The StartDate you specify must come before the EndDate.";
        return Err(OperationError::validation(message).at("/end"));
    }
    if let Some(description) = &settings.description {
        short("description", description)?;
    }
    check_state(settings)?;
    check_numbers(settings)?;
    arn::check_role(&settings.role_arn)?;
    check_target(caller, &settings.target_arn)?;
    if let Some(input) = &settings.input {
        check_input(engine, input)?;
    }
    Ok(expression)
}

/// The schedule that this expression is on the clocks of this zone.
pub(super) fn expression(text: &str, zone: &str) -> Result<schedule::Schedule, OperationError> {
    schedule::Schedule::parse(text, zone).map_err(|why| refused(text, zone, &why))
}

/// The refusal of an expression, in AWS's words.
pub(super) fn refused(text: &str, zone: &str, why: &schedule::ScheduleError) -> OperationError {
    let (message, pointer) = if why.field == "time zone" {
        (format!("Invalid Schedule Expression Timezone {}.", short_of(zone)), "/timezone")
    } else {
        (format!("Invalid Schedule Expression {}.", short_of(text)), "/expression")
    };
    OperationError::validation(message).because(why.to_string()).at(pointer)
}

/// Whether a schedule or a group can have this name, or one that begins so.
pub(super) fn is_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (1..=64).contains(&name.len()) && name.bytes().all(allowed)
}

pub(super) fn check_name(name: &str) -> Result<(), OperationError> {
    named("a schedule", name)
}

pub(crate) fn check_group_name(name: &str) -> Result<(), OperationError> {
    named("a group of schedules", name)
}

fn named(what: &str, name: &str) -> Result<(), OperationError> {
    if is_name(name) {
        return Ok(());
    }
    let message = format!(
        "the name of {what} is to be 1 to 64 letters, digits, hyphens, underscores and dots"
    );
    Err(OperationError::validation(message))
}

/// Refuses a reason for a pause that is too long to keep.
pub(super) fn check_reason(reason: Option<&str>) -> Result<(), OperationError> {
    reason.map_or(Ok(()), |reason| short("reason", reason))
}

fn check_state(settings: &ScheduleSettings) -> Result<(), OperationError> {
    let Some(reason) = &settings.paused_reason else { return Ok(()) };
    if settings.state != ScheduleState::Paused {
        let message = "`paused_reason` is for a schedule whose `state` is `paused`";
        return Err(OperationError::validation(message).at("/paused_reason"));
    }
    short("paused_reason", reason)
}

fn check_numbers(settings: &ScheduleSettings) -> Result<(), OperationError> {
    if let Some(minutes) = settings.window_minutes {
        within("window_minutes", minutes, (1, MAX_WINDOW_MINUTES))?;
    }
    within("catch_up_seconds", settings.catch_up_seconds, (0, MAX_CATCH_UP_SECONDS))?;
    within("max_event_age_seconds", settings.max_event_age_seconds, EVENT_AGE_SECONDS)?;
    within("max_retries", settings.max_retries, (0, MAX_RETRIES))
}

fn within(member: &str, number: i32, (least, most): (i32, i32)) -> Result<(), OperationError> {
    if (least..=most).contains(&number) {
        return Ok(());
    }
    let message = format!("`{member}` is to be from {least} to {most}");
    Err(OperationError::validation(message).at(format!("/{member}")))
}

fn short(member: &str, text: &str) -> Result<(), OperationError> {
    let pointer = format!("/{member}");
    if text.chars().count() > MAX_DESCRIPTION_CHARS {
        let message = format!("`{member}` is to be {MAX_DESCRIPTION_CHARS} characters at most");
        return Err(OperationError::validation(message).at(pointer));
    }
    Ok(())
}

/// Refuses a target that cannot be started. It need not be there yet.
fn check_target(caller: &Caller, target: &str) -> Result<(), OperationError> {
    let refuse = |message: String| OperationError::validation(message).at("/state_machine");
    let malformed = || refuse("Provided Arn is not in correct format.".to_owned());
    let fields: Vec<&str> = target.splitn(6, ':').collect();
    let ["arn", _, service, region, account, resource] = fields[..] else {
        return Err(malformed());
    };
    if service == "scheduler" && resource.starts_with("aws-sdk:") {
        let message = format!("Universal targets are not supported: {}.", short_of(target));
        return Err(refuse(message).because(STARTABLE));
    }
    if service != "states" {
        let message = format!("{} is not a supported service for a target.", short_of(service));
        return Err(refuse(message).because(STARTABLE));
    }
    match StateMachineArn::parse(target) {
        Ok(StateMachineArn { label: None, qualifier, .. }) => {
            if let Some(Qualifier::Alias(_)) = qualifier {
                let message = format!(
                    "Aliases of state machines are not supported for the target: {}.",
                    short_of(target)
                );
                return Err(refuse(message).because(NO_ALIASES));
            }
        }
        Ok(_) | Err(_) => return Err(malformed().because(STARTABLE)),
    }
    if region != caller.region {
        let message =
            format!("The target ARN provided does not match the current region {}.", caller.region);
        return Err(refuse(message));
    }
    if account != caller.account {
        let message = format!(
            "The target ARN provided does not match the current account {}.",
            caller.account
        );
        return Err(refuse(message));
    }
    Ok(())
}

/// Enough of a text to recognise it in a message.
fn short_of(text: &str) -> String {
    text.chars().take(MAX_REPEATED_CHARS).collect()
}

/// Refuses an input that would be no JSON once its placeholders are filled in.
fn check_input(engine: &Engine, input: &str) -> Result<(), OperationError> {
    let refuse = |message: &str| OperationError::validation(message).at("/input");
    let most = engine.limits().payload_bytes;
    if input.len() > most {
        return Err(refuse(&format!("the input is to be {most} bytes at most")));
    }
    let mut filled = input.to_owned();
    for (placeholder, value) in PLACEHOLDERS {
        filled = filled.replace(placeholder, value);
    }
    let payload = json_text::parse(&filled)
        .map_err(|why| refuse("JSON syntax error in input for the target.").because(why));
    payload.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller() -> Caller {
        Caller { account: "123456789012".to_owned(), region: "us-east-1".to_owned() }
    }

    #[test]
    fn targets_are_state_machines_of_the_caller() {
        let machine = "arn:aws:states:us-east-1:123456789012:stateMachine:m";
        for target in [machine.to_owned(), format!("{machine}:7")] {
            assert!(check_target(&caller(), &target).is_ok(), "{target}");
        }
        for (target, complaint) in [
            ("m", "Provided Arn is not in correct format."),
            ("arn:aws:states:us-east-1:123456789012", "Provided Arn is not in correct format."),
            (
                "arn:aws:states:us-east-1:123456789012:activity:a",
                "Provided Arn is not in correct format.",
            ),
            (
                "arn:aws:states:us-east-1:123456789012:stateMachine:m/label",
                "Provided Arn is not in correct format.",
            ),
            (
                "arn:aws:states:us-east-1:123456789012:stateMachine:m:live",
                "Aliases of state machines are not supported for the target: \
                 arn:aws:states:us-east-1:123456789012:stateMachine:m:live.",
            ),
            (
                "arn:aws:sqs:us-east-1:123456789012:q",
                "sqs is not a supported service for a target.",
            ),
            (
                "arn:aws:scheduler:::aws-sdk:sfn:startExecution",
                "Universal targets are not supported: \
                 arn:aws:scheduler:::aws-sdk:sfn:startExecution.",
            ),
            (
                "arn:aws:states:eu-west-1:123456789012:stateMachine:m",
                "The target ARN provided does not match the current region us-east-1.",
            ),
            (
                "arn:aws:states:us-east-1:999999999999:stateMachine:m",
                "The target ARN provided does not match the current account 123456789012.",
            ),
        ] {
            let refusal = check_target(&caller(), target).unwrap_err();
            assert_eq!(refusal.message, complaint, "{target}");
        }
    }

    #[test]
    fn a_refused_expression_says_so_in_awss_words_and_why_beside_them() {
        let refusal = expression("cron(60 9 * * ? *)", "UTC").unwrap_err();
        assert_eq!(refusal.message, "Invalid Schedule Expression cron(60 9 * * ? *).");
        assert_eq!(refusal.pointer.as_deref(), Some("/expression"));
        let reason = refusal.reason.unwrap();
        assert_eq!(&*reason, "minutes: `60` is out of range; expected 0-59");
        let refusal = expression("rate(1 day)", "Mars").unwrap_err();
        assert_eq!(refusal.pointer.as_deref(), Some("/timezone"));
    }

    #[test]
    fn names_are_awss() {
        for name in ["a", "A-1_.b", &"x".repeat(64)] {
            assert!(check_name(name).is_ok(), "{name}");
        }
        for name in ["", "a b", "a/b", "ä", &"x".repeat(65)] {
            assert!(check_name(name).is_err(), "{name}");
        }
    }
}
