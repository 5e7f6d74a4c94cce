//! What a schedule looks like in REST, coming and going.

use chrono::{DateTime, Utc};
use runtime::Engine;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::error::OperationError;
use crate::operations::Caller;
use crate::operations::schedules::{
    self, CatchUp, DEFAULT_CATCH_UP, DEFAULT_CATCH_UP_SECONDS, DEFAULT_EVENT_AGE_SECONDS,
    DEFAULT_RETRIES, ScheduleSettings, ScheduleState,
};

/// How a schedule is to be set up.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewSchedule {
    /// `cron(minutes hours day-of-month month day-of-week year)`, `rate(value unit)` or
    /// `at(yyyy-mm-ddThh:mm:ss)`.
    #[schema(max_length = 256)]
    expression: String,
    /// The IANA time zone whose clocks `cron` and `at` go by.
    #[schema(max_length = 50, default = "UTC")]
    timezone: Option<String>,
    /// What is started: the name of a state machine, `name:version`, or its ARN.
    state_machine: String,
    /// Any JSON value. In its strings, `<aws.scheduler.schedule-arn>`,
    /// `<aws.scheduler.scheduled-time>`, `<aws.scheduler.execution-id>`,
    /// `<aws.scheduler.attempt-number>` and `<statewright.schedule-name>` are replaced at each
    /// firing. Without it, the input is an event of `EventBridge` about the firing.
    #[schema(value_type = Option<Value>)]
    input: Option<Box<RawValue>>,
    /// For whoever reads it.
    #[schema(max_length = 512)]
    description: Option<String>,
    /// Nothing is due before; a rate counts from here. Ignored for `at`.
    start: Option<DateTime<Utc>>,
    /// Nothing is due after. Ignored for `at`.
    end: Option<DateTime<Utc>>,
    #[serde(default)]
    state: State,
    /// Why it is paused, if it is.
    #[schema(max_length = 512)]
    paused_reason: Option<String>,
    /// Each firing is delayed by a part of this window.
    #[schema(minimum = 1, maximum = 1440)]
    window_minutes: Option<i32>,
    #[serde(default)]
    overlap: Overlap,
    /// `one` by default.
    catch_up: Option<CatchUpWord>,
    /// How far back missed firings are made up for.
    #[schema(minimum = 0, maximum = 31_622_400, default = 86_400)]
    catch_up_seconds: Option<i32>,
    /// How long a start that fails is retried.
    #[schema(minimum = 60, maximum = 86_400, default = 86_400)]
    max_event_age_seconds: Option<i32>,
    /// How often a start that fails is retried.
    #[schema(minimum = 0, maximum = 185, default = 185)]
    max_retries: Option<i32>,
    /// Whether the schedule is deleted after its last firing.
    #[serde(default)]
    delete_after_completion: bool,
    /// Kept and echoed; by default a role of the schedule's name in the account.
    role_arn: Option<String>,
}

/// A schedule.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Schedule {
    arn: String,
    name: String,
    group: String,
    expression: String,
    timezone: String,
    /// The ARN of what is started.
    state_machine: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Value>)]
    input: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    start: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end: Option<DateTime<Utc>>,
    state: State,
    #[serde(skip_serializing_if = "Option::is_none")]
    paused_reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    window_minutes: Option<i32>,
    overlap: Overlap,
    catch_up: CatchUpWord,
    catch_up_seconds: i32,
    max_event_age_seconds: i32,
    max_retries: i32,
    delete_after_completion: bool,
    role_arn: String,
    created_at: DateTime<Utc>,
    modified_at: DateTime<Utc>,
    /// When it is due next, before jitter; absent if it is paused or never due again.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_due_at: Option<DateTime<Utc>>,
    /// What its creator should know: that it never fires, or that nothing is there to start.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

/// Whether a schedule fires.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ScheduleState)]
pub(crate) enum State {
    #[default]
    Enabled,
    /// What comes due does not run, then or later.
    Paused,
}

/// What becomes of a firing while an execution of an earlier one runs.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Overlap {
    /// It starts all the same.
    #[default]
    Allow,
    /// It does not start.
    Skip,
    /// One waits for the others to end; a second one does not start.
    QueueOne,
    /// The earlier executions are stopped; then it starts.
    CancelPrevious,
}

/// What becomes of firings that were missed because nothing ran.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = CatchUp)]
pub(crate) enum CatchUpWord {
    /// None is made up for.
    Skip,
    /// The latest is made up for.
    One,
    /// All are made up for.
    All,
}

impl NewSchedule {
    pub(super) fn into_settings(
        self,
        caller: &Caller,
        name: &str,
    ) -> Result<ScheduleSettings, OperationError> {
        let target_arn = if self.state_machine.starts_with("arn:") {
            self.state_machine
        } else if asl::arn::valid_name(self.state_machine.split(':').next().unwrap_or_default()) {
            caller.state_machine_arn(&self.state_machine)
        } else {
            let message = "`state_machine` is to be a name, `name:version`, or an ARN";
            return Err(OperationError::validation(message).at("/state_machine"));
        };
        let role_arn =
            self.role_arn.unwrap_or_else(|| format!("arn:aws:iam::{}:role/{name}", caller.account));
        Ok(ScheduleSettings {
            description: self.description,
            expression: self.expression,
            timezone: self.timezone.unwrap_or_else(|| machine::schedule::DEFAULT_ZONE.to_owned()),
            starts_at: self.start,
            ends_at: self.end,
            state: self.state.into(),
            paused_reason: self.paused_reason,
            target_arn,
            role_arn,
            input: self.input.map(|input| input.get().to_owned()),
            window_minutes: self.window_minutes,
            overlap: self.overlap.into(),
            catch_up: self.catch_up.map_or(DEFAULT_CATCH_UP, CatchUp::from),
            catch_up_seconds: self.catch_up_seconds.unwrap_or(DEFAULT_CATCH_UP_SECONDS),
            max_event_age_seconds: self.max_event_age_seconds.unwrap_or(DEFAULT_EVENT_AGE_SECONDS),
            max_retries: self.max_retries.unwrap_or(DEFAULT_RETRIES),
            dead_letter_arn: None,
            kms_key_arn: None,
            delete_after_completion: self.delete_after_completion,
        })
    }
}

impl Schedule {
    /// As it is shown to this caller.
    pub(super) fn of(engine: &Engine, caller: &Caller, schedule: store::Schedule) -> Self {
        let next_due_at = schedules::next(engine, &schedule);
        let store::Schedule { group, name, settings, created_at, modified_at, .. } = schedule;
        Self {
            arn: caller.schedule_arn(&group, &name),
            name,
            group,
            expression: settings.expression,
            timezone: settings.timezone,
            state_machine: settings.target_arn,
            input: settings.input.and_then(shown),
            description: settings.description,
            start: settings.starts_at,
            end: settings.ends_at,
            state: settings.state.into(),
            paused_reason: settings.paused_reason,
            window_minutes: settings.window_minutes,
            overlap: settings.overlap.into(),
            catch_up: settings.catch_up.into(),
            catch_up_seconds: settings.catch_up_seconds,
            max_event_age_seconds: settings.max_event_age_seconds,
            max_retries: settings.max_retries,
            delete_after_completion: settings.delete_after_completion,
            role_arn: settings.role_arn,
            created_at,
            modified_at,
            next_due_at,
            warnings: Vec::new(),
        }
    }

    /// The same schedule with what its creator should know.
    pub(super) fn warning(self, warnings: Vec<String>) -> Self {
        Self { warnings, ..self }
    }
}

/// An input as JSON; as text if placeholders stand in it where no JSON could.
fn shown(input: String) -> Option<Box<RawValue>> {
    let text = serde_json::to_string(&input);
    RawValue::from_string(input).or_else(|_| RawValue::from_string(text?)).ok()
}

impl From<State> for ScheduleState {
    fn from(state: State) -> Self {
        match state {
            State::Enabled => Self::Enabled,
            State::Paused => Self::Paused,
        }
    }
}

impl From<ScheduleState> for State {
    fn from(state: ScheduleState) -> Self {
        match state {
            ScheduleState::Enabled => Self::Enabled,
            ScheduleState::Paused => Self::Paused,
        }
    }
}

impl From<Overlap> for schedules::Overlap {
    fn from(overlap: Overlap) -> Self {
        match overlap {
            Overlap::Allow => Self::Allow,
            Overlap::Skip => Self::Skip,
            Overlap::QueueOne => Self::QueueOne,
            Overlap::CancelPrevious => Self::CancelPrevious,
        }
    }
}

impl From<schedules::Overlap> for Overlap {
    fn from(overlap: schedules::Overlap) -> Self {
        match overlap {
            schedules::Overlap::Allow => Self::Allow,
            schedules::Overlap::Skip => Self::Skip,
            schedules::Overlap::QueueOne => Self::QueueOne,
            schedules::Overlap::CancelPrevious => Self::CancelPrevious,
        }
    }
}

impl From<CatchUpWord> for CatchUp {
    fn from(catch_up: CatchUpWord) -> Self {
        match catch_up {
            CatchUpWord::Skip => Self::Skip,
            CatchUpWord::One => Self::One,
            CatchUpWord::All => Self::All,
        }
    }
}

impl From<CatchUp> for CatchUpWord {
    fn from(catch_up: CatchUp) -> Self {
        match catch_up {
            CatchUp::Skip => Self::Skip,
            CatchUp::One => Self::One,
            CatchUp::All => Self::All,
        }
    }
}
