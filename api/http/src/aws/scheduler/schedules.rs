//! Schedules on Scheduler's wire.

use chrono::{DateTime, TimeDelta, Utc};
use machine::schedule::{DEFAULT_ZONE, Schedule as Rule};
use runtime::Engine;
use serde_json::{Value, json};
use store::Schedule;

use super::super::answer::{moment, object};
use super::super::members::{Members, Pattern, Text};
use super::target::{self, Target, number};
use super::{Answer, CLIENT_TOKEN, NAME, NEXT_TOKEN};
use crate::error::OperationError;
use crate::operations::schedules::{
    self, DEFAULT_CATCH_UP, DEFAULT_CATCH_UP_SECONDS, Filter, Key, MAX_WINDOW_MINUTES, Overlap,
    ScheduleSettings, ScheduleState, Wording,
};
use crate::operations::{self, Caller};

const EXPRESSION: Text = Text::within(1, 256);
const TIMEZONE: Text = Text::within(1, 50);
const DESCRIPTION: Text = Text::within(0, 512);
const KMS_KEY_ARN: Text = Text::within(1, 2048).matching(Pattern {
    spelled: r"arn:aws[a-z-]*:kms:[a-z0-9\-]+:\d{12}:(key|alias)\/[0-9a-zA-Z-_]*",
    matches: |text| text.starts_with("arn:aws") && text.contains(":kms:"),
});
const STATES: [&str; 2] = ["ENABLED", "DISABLED"];
/// How long ago a recurring schedule may begin, at its creation.
const GRACE: TimeDelta = TimeDelta::minutes(5);

/// A schedule as `CreateSchedule` and `UpdateSchedule` carry it.
struct Given {
    key: Key,
    settings: ScheduleSettings,
    client_token: Option<String>,
}

pub(super) async fn create(
    engine: &Engine,
    caller: &Caller,
    members: Members,
) -> Result<Answer, OperationError> {
    let Given { key, settings, client_token } = read(members)?;
    let now = operations::moment(engine.now());
    let rule = Rule::parse(&settings.expression, &settings.timezone);
    let is_recurring = rule.is_ok_and(|rule| !rule.is_one_time());
    if is_recurring && settings.starts_at.is_some_and(|start| start < now - GRACE) {
        let message = "The StartDate you specify cannot be earlier than 5 minutes ago.";
        return Err(OperationError::validation(message));
    }
    let created = schedules::create(engine, caller, &key, settings, client_token).await?;
    accepted(caller, &created)
}

pub(super) async fn update(
    engine: &Engine,
    caller: &Caller,
    members: Members,
) -> Result<Answer, OperationError> {
    let Given { key, settings, .. } = read(members)?;
    // What AWS does not know it cannot mean to reset.
    let updated = schedules::update(engine, caller, &key, &settings, Wording::Aws).await?;
    accepted(caller, &updated)
}

pub(super) async fn get(
    engine: &Engine,
    caller: &Caller,
    mut members: Members,
) -> Result<Answer, OperationError> {
    let key = key(&mut members)?;
    members.check()?;
    let schedule = schedules::describe(engine, caller, &key).await?;
    Ok(shown(caller, &schedule).into())
}

pub(super) async fn delete(
    engine: &Engine,
    caller: &Caller,
    mut members: Members,
) -> Result<Answer, OperationError> {
    let key = key(&mut members)?;
    members.text("ClientToken", CLIENT_TOKEN)?;
    members.check()?;
    schedules::delete(engine, caller, &key).await?;
    Ok(json!({}).into())
}

pub(super) async fn list(
    engine: &Engine,
    caller: &Caller,
    mut members: Members,
) -> Result<Answer, OperationError> {
    let group = members.text("GroupName", NAME)?;
    let prefix = members.text("NamePrefix", NAME)?;
    let state = members.one_of("State", &STATES)?.map(|state| state_of(&state));
    let max_results = members.number("MaxResults", 1, 100)?;
    let token = members.text("NextToken", NEXT_TOKEN)?;
    members.check()?;
    let filter = Filter { group, prefix, state };
    let page = schedules::list(engine, caller, &filter, max_results, token.as_deref()).await?;
    let items: Vec<Value> = page.items.iter().map(|item| summary(caller, item)).collect();
    Ok(object([
        ("Schedules", Some(Value::from(items))),
        ("NextToken", page.next_token.map(Value::from)),
    ])
    .into())
}

fn key(members: &mut Members) -> Result<Key, OperationError> {
    let name = members.required("Name", NAME)?;
    Ok(Key::new(members.text("GroupName", NAME)?, name))
}

fn read(mut members: Members) -> Result<Given, OperationError> {
    let key = key(&mut members)?;
    let client_token = members.text("ClientToken", CLIENT_TOKEN)?;
    let expression = members.required("ScheduleExpression", EXPRESSION)?;
    let timezone = members.text("ScheduleExpressionTimezone", TIMEZONE)?;
    let starts_at = members.moment("StartDate")?;
    let ends_at = members.moment("EndDate")?;
    let description = members.text("Description", DESCRIPTION)?;
    let state = members.one_of("State", &STATES)?;
    let kms_key_arn = members.text("KmsKeyArn", KMS_KEY_ARN)?;
    let window = members.structure("FlexibleTimeWindow", window)?;
    let target = members.structure("Target", Target::read)?;
    let action = members.one_of("ActionAfterCompletion", &["NONE", "DELETE"])?;
    let unknown = members.unread().next().map(str::to_owned);
    for (name, is_missing) in
        [("FlexibleTimeWindow", window.is_none()), ("Target", target.is_none())]
    {
        if is_missing {
            members.missing(name);
        }
    }
    members.check()?;
    let target = target.unwrap_or_default();
    target.check()?;
    if kms_key_arn.is_some() {
        let message = "KmsKeyArn is not supported: nothing is encrypted with keys of KMS.";
        return Err(OperationError::validation(message));
    }
    if let Some(name) = unknown {
        return Err(OperationError::validation(format!("{name} is not supported.")));
    }
    let settings = ScheduleSettings {
        description,
        expression,
        timezone: timezone.unwrap_or_else(|| DEFAULT_ZONE.to_owned()),
        starts_at,
        ends_at,
        state: state.map_or(ScheduleState::Enabled, |state| state_of(&state)),
        paused_reason: None,
        target_arn: target.arn,
        role_arn: target.role_arn,
        input: target.input,
        window_minutes: minutes(window.unwrap_or_default())?,
        overlap: Overlap::Allow,
        catch_up: DEFAULT_CATCH_UP,
        catch_up_seconds: DEFAULT_CATCH_UP_SECONDS,
        max_event_age_seconds: target.max_event_age_seconds,
        max_retries: target.max_retries,
        dead_letter_arn: None,
        kms_key_arn: None,
        delete_after_completion: action.as_deref() == Some("DELETE"),
    };
    Ok(Given { key, settings, client_token })
}

/// A flexible time window: whether it is one, and how long.
type Window = (bool, Option<u32>);

fn window(members: &mut Members) -> Result<Window, OperationError> {
    let mode = members.one_of("Mode", &["OFF", "FLEXIBLE"])?;
    if mode.is_none() && !members.has("Mode") {
        members.missing("Mode");
    }
    let most = i64::from(MAX_WINDOW_MINUTES);
    let minutes = members.number("MaximumWindowInMinutes", 1, most)?;
    Ok((mode.as_deref() == Some("FLEXIBLE"), minutes))
}

fn minutes((is_flexible, minutes): Window) -> Result<Option<i32>, OperationError> {
    let wrong = match (is_flexible, minutes) {
        (true, None) => "must be provided when FlexibleTimeWindowMode is set to FLEXIBLE.",
        (false, Some(_)) => "must not be provided when FlexibleTimeWindowMode is set to OFF.",
        (true, Some(_)) | (false, None) => return Ok(number(minutes)),
    };
    Err(OperationError::validation(format!("MaximumWindowInMinutes {wrong}")))
}

fn accepted(caller: &Caller, schedule: &Schedule) -> Result<Answer, OperationError> {
    let arn = caller.schedule_arn(&schedule.group, &schedule.name);
    let answer = Answer::from(json!({ "ScheduleArn": arn }));
    Ok(answer.warning(schedules::never(schedule)?))
}

fn shown(caller: &Caller, schedule: &Schedule) -> Value {
    let settings = &schedule.settings;
    let date = |at: Option<DateTime<Utc>>| at.map(moment);
    let window = match settings.window_minutes {
        Some(minutes) => json!({ "Mode": "FLEXIBLE", "MaximumWindowInMinutes": minutes }),
        None => json!({ "Mode": "OFF" }),
    };
    let action = if settings.delete_after_completion { "DELETE" } else { "NONE" };
    object([
        ("Arn", Some(json!(caller.schedule_arn(&schedule.group, &schedule.name)))),
        ("GroupName", Some(json!(schedule.group))),
        ("Name", Some(json!(schedule.name))),
        ("ScheduleExpression", Some(json!(settings.expression))),
        ("ScheduleExpressionTimezone", Some(json!(settings.timezone))),
        ("StartDate", date(settings.starts_at)),
        ("EndDate", date(settings.ends_at)),
        ("Description", settings.description.as_ref().map(|text| json!(text))),
        ("State", Some(json!(state_word(settings.state)))),
        ("FlexibleTimeWindow", Some(window)),
        ("Target", Some(target::shown(settings))),
        ("ActionAfterCompletion", Some(json!(action))),
        ("CreationDate", Some(moment(schedule.created_at))),
        ("LastModificationDate", Some(moment(schedule.modified_at))),
    ])
}

fn summary(caller: &Caller, schedule: &Schedule) -> Value {
    json!({
        "Arn": caller.schedule_arn(&schedule.group, &schedule.name),
        "GroupName": schedule.group,
        "Name": schedule.name,
        "State": state_word(schedule.settings.state),
        "Target": { "Arn": schedule.settings.target_arn },
        "CreationDate": moment(schedule.created_at),
        "LastModificationDate": moment(schedule.modified_at),
    })
}

fn state_word(state: ScheduleState) -> &'static str {
    match state {
        ScheduleState::Enabled => "ENABLED",
        ScheduleState::Paused => "DISABLED",
    }
}

fn state_of(word: &str) -> ScheduleState {
    if word == "DISABLED" { ScheduleState::Paused } else { ScheduleState::Enabled }
}
