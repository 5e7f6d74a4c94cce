//! Schedules: what starts by itself, as its user set it up.
//!
//! Everything a user changes tells the engine's nodes to look (`wake_at`), and raises `changes`,
//! so that a node which is looking already notices. Hint afterwards ([`Store::hint_schedules`]).

use chrono::{DateTime, Utc};
use sqlx::Row;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use crate::status::word;
use crate::texts::{given, kept};
use crate::{Error, Store, in_time};

/// The columns of a schedule.
macro_rules! columns {
    () => {
        "schedules.id, schedules.account, schedules.group_name, schedules.name,
         schedules.description, schedules.expression, schedules.timezone, schedules.starts_at,
         schedules.ends_at, schedules.state, schedules.paused_reason, schedules.state_since,
         schedules.paused_at, schedules.target_arn, schedules.role_arn, schedules.input,
         schedules.window_minutes, schedules.overlap, schedules.catch_up, schedules.catch_up_seconds,
         schedules.max_event_age_seconds, schedules.max_retries, schedules.dead_letter_arn,
         schedules.kms_key_arn, schedules.delete_after_completion, schedules.client_token,
         schedules.created_at, schedules.modified_at, schedules.anchor, schedules.decided_until,
         schedules.next_due_at, schedules.changes"
    };
}

/// A statement that writes schedules and returns them as they are then.
macro_rules! returning {
    ($statement:literal) => {
        concat!(include_str!($statement), "RETURNING ", columns!())
    };
}

mod attempts;
mod backfills;
mod claims;
mod firings;
mod groups;
mod words;

pub use attempts::{Attempt, Decision, Postponed, RunningFiring, Waiting};
pub use backfills::{Backfill, BackfillAsked, NewBackfill};
pub use claims::{Claimed, NewFiring, NextSchedule, Plan};
pub use firings::{Firing, FiringFilter, FiringKey, RunAsked, StartedExecution};
pub use groups::{DEFAULT_GROUP, NewScheduleGroup, ScheduleGroup};
pub use words::{BackfillState, CatchUp, FiringKind, FiringState, Overlap, ScheduleState};

/// Everything about a schedule that an update can change.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ScheduleSettings {
    /// What the user says about it.
    pub description: Option<String>,
    /// `cron(…)`, `rate(…)` or `at(…)`, known to be valid.
    pub expression: String,
    /// An IANA time zone.
    pub timezone: String,
    /// Nothing is due before; a rate counts from here.
    pub starts_at: Option<DateTime<Utc>>,
    /// Nothing is due after.
    pub ends_at: Option<DateTime<Utc>>,
    /// Whether it fires.
    pub state: ScheduleState,
    /// Why it is paused.
    pub paused_reason: Option<String>,
    /// The ARN of a state machine, of a version or of an alias.
    pub target_arn: String,
    /// The role the user named.
    pub role_arn: String,
    /// The input as the user wrote it, with placeholders; `None` for a notification of the
    /// firing, as AWS sends it.
    pub input: Option<String>,
    /// Each firing is delayed by a part of this window; above zero.
    pub window_minutes: Option<i32>,
    /// What becomes of a firing while an execution of an earlier one runs.
    pub overlap: Overlap,
    /// What becomes of firings that were missed because nothing ran.
    pub catch_up: CatchUp,
    /// How far back missed firings are made up for.
    pub catch_up_seconds: i32,
    /// How long a firing may be retried.
    pub max_event_age_seconds: i32,
    /// How often a firing may be retried.
    pub max_retries: i32,
    /// Kept and echoed.
    pub dead_letter_arn: Option<String>,
    /// Kept and echoed.
    pub kms_key_arn: Option<String>,
    /// Whether it goes when it has fired for the last time.
    pub delete_after_completion: bool,
}

/// In whose words a schedule is set up anew.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Wording {
    /// Ours, which say everything.
    Own,
    /// AWS's, which have none for overlap, catching up and the reason of a pause: these stay as
    /// they are, the reason while the pause goes on.
    Aws,
}

/// A schedule to create.
#[derive(Clone, Debug)]
pub struct NewSchedule {
    /// Made by the creator.
    pub id: Uuid,
    /// Twelve digits.
    pub account: String,
    /// The group; [`DEFAULT_GROUP`] is made if it is not there.
    pub group: String,
    /// Unique in the group.
    pub name: String,
    /// How it is set up.
    pub settings: ScheduleSettings,
    /// So that a repeated creation is known as such.
    pub client_token: Option<String>,
    /// Nothing before is due. A rate without start date is due at this very instant.
    pub created_at: DateTime<Utc>,
}

/// A schedule.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Schedule {
    /// Names it inside the engine.
    pub id: Uuid,
    /// Twelve digits.
    pub account: String,
    /// Its group.
    pub group: String,
    /// Unique in the group.
    pub name: String,
    /// How it is set up.
    pub settings: ScheduleSettings,
    /// Since when it is enabled or paused.
    pub state_since: DateTime<Utc>,
    /// When the pause began that lasts, or that ended at `state_since`; `None`: there was none.
    pub paused_at: Option<DateTime<Utc>>,
    /// What its creator passed.
    pub client_token: Option<String>,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When it was changed last.
    pub modified_at: DateTime<Utc>,
    /// Where a rate counts from.
    pub anchor: DateTime<Utc>,
    /// Whatever is due up to here has been decided; what comes next is due after.
    pub decided_until: DateTime<Utc>,
    /// The next time it is due, as the engine last saw it: `None` also right after a change.
    pub next_due_at: Option<DateTime<Utc>>,
    /// Rises with every change by a user.
    pub changes: i64,
}

/// What became of a creation.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ScheduleCreated {
    /// It is there now.
    Created(Box<Schedule>),
    /// One of this name was there already and stays as it is.
    Existing(Box<Schedule>),
    /// There is no such group, or it is being deleted.
    NoGroup,
}

/// Which schedules of an account to list.
#[derive(Clone, Debug, Default)]
pub struct ScheduleFilter<'a> {
    /// Only of this group.
    pub group: Option<&'a str>,
    /// Only those whose names begin so.
    pub prefix: Option<&'a str>,
    /// Only these.
    pub state: Option<ScheduleState>,
    /// Group and name of the last one of the page before.
    pub after: Option<(&'a str, &'a str)>,
    /// Most rows to return.
    pub limit: i64,
}

impl Store {
    /// Creates a schedule, unless there is one of its name or its group is not there, or is being
    /// deleted. One commit.
    pub async fn create_schedule(&self, new: &NewSchedule) -> Result<ScheduleCreated, Error> {
        if new.group == DEFAULT_GROUP {
            self.make_default_group(&new.account, new.created_at).await?;
        }
        let statement = sqlx::query(returning!("../sql/create_schedule.sql"))
            .bind(&new.account)
            .bind(&new.group)
            .bind(&new.name)
            .bind(new.created_at);
        let statement =
            bind_settings(statement, &new.settings).bind(new.id).bind(&new.client_token);
        let row = in_time(statement.fetch_optional(&self.pool)).await?;
        if let Some(row) = row {
            return Ok(ScheduleCreated::Created(Box::new(schedule(&row)?)));
        }
        let there = self.schedule(&new.account, &new.group, &new.name).await?;
        Ok(there.map_or(ScheduleCreated::NoGroup, |it| ScheduleCreated::Existing(Box::new(it))))
    }

    /// Sets a schedule up anew; `None` if it is not there. If it is due at other times now, it
    /// is due after `at` only; the first time that was due before and that nobody has looked at yet
    /// is to be fired, others of them are lost.
    pub async fn update_schedule(
        &self,
        (account, group, name): (&str, &str, &str),
        settings: &ScheduleSettings,
        wording: Wording,
        at: DateTime<Utc>,
    ) -> Result<Option<Schedule>, Error> {
        let statement = sqlx::query(returning!("../sql/update_schedule.sql"))
            .bind(account)
            .bind(group)
            .bind(name)
            .bind(at);
        let statement = bind_settings(statement, settings).bind(wording == Wording::Aws);
        let row = in_time(statement.fetch_optional(&self.pool)).await?;
        Ok(row.as_ref().map(schedule).transpose()?)
    }

    /// The schedule of this name.
    pub async fn schedule(
        &self,
        account: &str,
        group: &str,
        name: &str,
    ) -> Result<Option<Schedule>, Error> {
        let row = in_time(
            sqlx::query(concat!(
                "SELECT ",
                columns!(),
                " FROM schedules WHERE account = $1 AND group_name = $2 AND name = $3"
            ))
            .bind(account)
            .bind(group)
            .bind(name)
            .fetch_optional(&self.pool),
        )
        .await?;
        Ok(row.as_ref().map(schedule).transpose()?)
    }

    /// Schedules of an account by group and name. Served by the key of names.
    pub async fn schedules(
        &self,
        account: &str,
        filter: &ScheduleFilter<'_>,
    ) -> Result<Vec<Schedule>, Error> {
        let (after_group, after_name) = filter.after.unwrap_or(("", ""));
        let rows = in_time(
            sqlx::query(concat!(
                "SELECT ",
                columns!(),
                " FROM schedules
                 WHERE account = $1 AND (group_name, name) > ($2, $3)
                     AND ($4::text IS NULL OR group_name = $4)
                     AND ($5::text IS NULL OR starts_with(name, $5))
                     AND ($6::text IS NULL OR state = $6)
                 ORDER BY group_name, name
                 LIMIT $7"
            ))
            .bind(account)
            .bind(after_group)
            .bind(after_name)
            .bind(filter.group)
            .bind(filter.prefix)
            .bind(filter.state.map(ScheduleState::as_str))
            .bind(filter.limit)
            .fetch_all(&self.pool),
        )
        .await?;
        Ok(rows.iter().map(schedule).collect::<Result<_, _>>()?)
    }

    /// Removes a schedule with its log; whether there was one. Executions it started go on.
    pub async fn delete_schedule(
        &self,
        account: &str,
        group: &str,
        name: &str,
    ) -> Result<bool, Error> {
        let done = in_time(
            sqlx::query(
                "DELETE FROM schedules WHERE account = $1 AND group_name = $2 AND name = $3",
            )
            .bind(account)
            .bind(group)
            .bind(name)
            .execute(&self.pool),
        )
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Pauses a schedule, or enables it again; `None` if it is not there. What comes due while
    /// it is paused does not run, then or later. Pausing a paused one changes its reason.
    pub async fn set_schedule_state(
        &self,
        (account, group, name): (&str, &str, &str),
        state: ScheduleState,
        paused_reason: Option<&str>,
        at: DateTime<Utc>,
    ) -> Result<Option<Schedule>, Error> {
        let row = in_time(
            sqlx::query(returning!("../sql/set_schedule_state.sql"))
                .bind(account)
                .bind(group)
                .bind(name)
                .bind(state.as_str())
                .bind(paused_reason.filter(|_| state == ScheduleState::Paused).map(kept))
                .bind(at)
                .fetch_optional(&self.pool),
        )
        .await?;
        Ok(row.as_ref().map(schedule).transpose()?)
    }
}

type Statement<'a> = sqlx::query::Query<'a, sqlx::Postgres, sqlx::postgres::PgArguments>;

/// Parameters 5 to 23.
fn bind_settings<'a>(statement: Statement<'a>, settings: &'a ScheduleSettings) -> Statement<'a> {
    let paused = settings.state == ScheduleState::Paused;
    statement
        .bind(settings.description.as_deref().map(kept))
        .bind(&settings.expression)
        .bind(&settings.timezone)
        .bind(settings.starts_at)
        .bind(settings.ends_at)
        .bind(settings.state.as_str())
        .bind(settings.paused_reason.as_deref().filter(|_| paused).map(kept))
        .bind(&settings.target_arn)
        .bind(&settings.role_arn)
        .bind(&settings.input)
        .bind(settings.window_minutes)
        .bind(settings.overlap.as_str())
        .bind(settings.catch_up.as_str())
        .bind(settings.catch_up_seconds)
        .bind(settings.max_event_age_seconds)
        .bind(settings.max_retries)
        .bind(&settings.dead_letter_arn)
        .bind(&settings.kms_key_arn)
        .bind(settings.delete_after_completion)
}

/// Reads the columns of a schedule.
fn schedule(row: &PgRow) -> Result<Schedule, sqlx::Error> {
    Ok(Schedule {
        id: row.try_get("id")?,
        account: row.try_get("account")?,
        group: row.try_get("group_name")?,
        name: row.try_get("name")?,
        settings: ScheduleSettings {
            description: row.try_get::<Option<_>, _>("description")?.map(given),
            expression: row.try_get("expression")?,
            timezone: row.try_get("timezone")?,
            starts_at: row.try_get("starts_at")?,
            ends_at: row.try_get("ends_at")?,
            state: word(row, "state")?,
            paused_reason: row.try_get::<Option<_>, _>("paused_reason")?.map(given),
            target_arn: row.try_get("target_arn")?,
            role_arn: row.try_get("role_arn")?,
            input: row.try_get("input")?,
            window_minutes: row.try_get("window_minutes")?,
            overlap: word(row, "overlap")?,
            catch_up: word(row, "catch_up")?,
            catch_up_seconds: row.try_get("catch_up_seconds")?,
            max_event_age_seconds: row.try_get("max_event_age_seconds")?,
            max_retries: row.try_get("max_retries")?,
            dead_letter_arn: row.try_get("dead_letter_arn")?,
            kms_key_arn: row.try_get("kms_key_arn")?,
            delete_after_completion: row.try_get("delete_after_completion")?,
        },
        state_since: row.try_get("state_since")?,
        paused_at: row.try_get("paused_at")?,
        client_token: row.try_get("client_token")?,
        created_at: row.try_get("created_at")?,
        modified_at: row.try_get("modified_at")?,
        anchor: row.try_get("anchor")?,
        decided_until: row.try_get("decided_until")?,
        next_due_at: row.try_get("next_due_at")?,
        changes: row.try_get("changes")?,
    })
}
