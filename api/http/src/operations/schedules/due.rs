//! When a schedule is due next: of one that is there, or of an expression that is to be tried.

use chrono::{DateTime, Utc};
use machine::Timestamp;
use machine::schedule::{self, Firing, Note, Skipped};
use runtime::Engine;
use store::{Schedule, ScheduleState};

use crate::error::OperationError;
use crate::operations::{Caller, arn, failed, moment, tellable};

use super::{Key, describe, rules};

/// Most firings of one preview.
const MOST_FIRINGS: u32 = 1_000;
/// How many are shown if nothing is said.
const DEFAULT_FIRINGS: u32 = 10;

/// What is due, and when.
struct Due {
    /// An expression on the clocks of a zone.
    schedule: schedule::Schedule,
    /// Where a rate counts from.
    anchor: DateTime<Utc>,
    /// Nothing is due before.
    start: Option<DateTime<Utc>>,
    /// Nothing is due after.
    end: Option<DateTime<Utc>>,
}

/// Firings to come.
#[derive(Clone, Debug, Default)]
pub struct Preview {
    /// In order.
    pub firings: Vec<Firing>,
    /// Whether there are none after these.
    pub is_over: bool,
    /// What would have been due after the last, had its local time existed.
    pub skipped_at_end: Vec<Skipped>,
}

impl Due {
    /// Of a schedule that is there.
    fn of(kept: &Schedule) -> Result<Self, OperationError> {
        let settings = &kept.settings;
        let dates = (settings.starts_at, settings.ends_at);
        let rule = schedule::Schedule::parse_kept(&settings.expression, &settings.timezone)
            .map_err(|why| rules::refused(&settings.expression, &settings.timezone, &why))?;
        Ok(Self::within(rule, dates, kept.anchor))
    }

    /// Of an expression between two dates, which AWS ignores where it is due but once.
    fn within(
        schedule: schedule::Schedule,
        dates: (Option<DateTime<Utc>>, Option<DateTime<Utc>>),
        anchor: DateTime<Utc>,
    ) -> Self {
        let (start, end) = if schedule.is_one_time() { (None, None) } else { dates };
        Self { schedule, anchor, start, end }
    }

    /// The first `count` firings after an instant.
    fn firings(&self, after: DateTime<Utc>, count: usize) -> Preview {
        let mut preview = Preview::default();
        let end = self.end.map(timestamp);
        let mut firings = self.schedule.firings(self.from(after), timestamp(self.anchor));
        while preview.firings.len() < count {
            match firings.next() {
                Some(firing) if end.is_none_or(|end| firing.at <= end) => {
                    preview.firings.push(firing);
                }
                Some(_) => {
                    preview.is_over = true;
                    break;
                }
                None => {
                    preview.is_over = true;
                    preview.skipped_at_end = firings.skipped_at_end().to_vec();
                    break;
                }
            }
        }
        preview
    }

    /// The last instant before anything can be due.
    fn from(&self, after: DateTime<Utc>) -> Timestamp {
        let after = timestamp(after);
        self.start.map_or(after, |start| after.max(timestamp(start).plus_ms(-1)))
    }
}

/// The next firings of a schedule, as if it were enabled.
pub async fn preview(
    engine: &Engine,
    caller: &Caller,
    key: &Key,
    after: Option<DateTime<Utc>>,
    count: Option<u32>,
) -> Result<Preview, OperationError> {
    let count = count_of(count)?;
    tellable("after", after)?;
    let schedule = describe(engine, caller, key).await?;
    let after = after.unwrap_or_else(|| moment(engine.now()));
    Ok(Due::of(&schedule)?.firings(after, count))
}

/// The next firings of an expression that no schedule has yet. Without a start, a rate counts
/// from `after`.
pub fn preview_of(
    engine: &Engine,
    (expression, timezone): (&str, &str),
    dates: (Option<DateTime<Utc>>, Option<DateTime<Utc>>),
    after: Option<DateTime<Utc>>,
    count: Option<u32>,
) -> Result<Preview, OperationError> {
    for (member, date) in [("start", dates.0), ("end", dates.1), ("after", after)] {
        tellable(member, date).map_err(|refusal| refusal.at(format!("/{member}")))?;
    }
    let after = after.unwrap_or_else(|| moment(engine.now()));
    let count = count_of(count)?;
    let anchor = dates.0.unwrap_or(after);
    let rule = rules::expression(expression, timezone)?;
    Ok(Due::within(rule, dates, anchor).firings(after, count))
}

fn count_of(asked: Option<u32>) -> Result<usize, OperationError> {
    let count = asked.unwrap_or(DEFAULT_FIRINGS);
    if (1..=MOST_FIRINGS).contains(&count) {
        return Ok(count as usize);
    }
    Err(OperationError::validation(format!("`count` is to be from 1 to {MOST_FIRINGS}")))
}

/// When a schedule fires next, as things stand.
pub fn next(engine: &Engine, schedule: &Schedule) -> Option<DateTime<Utc>> {
    if schedule.settings.state == ScheduleState::Paused {
        return None;
    }
    let due = Due::of(schedule).ok()?;
    let after = moment(engine.now()).max(schedule.decided_until);
    due.firings(after, 1).firings.first().map(|firing| moment(firing.at))
}

/// What the creator of a schedule should know: that it never fires, or has nothing to start.
pub async fn warnings(
    engine: &Engine,
    caller: &Caller,
    schedule: &Schedule,
) -> Result<Vec<String>, OperationError> {
    let mut warnings = never(schedule)?;
    let machine = arn::state_machine(caller, &schedule.settings.target_arn)?;
    if engine.store().state_machine(&caller.account, &machine.name).await.map_err(failed)?.is_none()
    {
        let name = &machine.name;
        warnings.push(format!("there is no state machine `{name}`: until there is, firings fail"));
    }
    Ok(warnings)
}

/// Why a schedule never fires, if it does not.
pub fn never(schedule: &Schedule) -> Result<Vec<String>, OperationError> {
    let due = Due::of(schedule)?;
    let preview = due.firings(schedule.decided_until, 1);
    let settings = &schedule.settings;
    let expression = &settings.expression;
    let zone = &settings.timezone;
    let mut warnings = Vec::new();
    match preview.firings.first() {
        None => {
            let after = Timestamp(schedule.decided_until.timestamp_millis()).iso();
            warnings.push(match preview.skipped_at_end.first() {
                Some(Skipped { due, .. }) => format!(
                    "`{expression}` never fires: the clocks of {zone} go forward over {}",
                    due.format("%Y-%m-%dT%H:%M:%S")
                ),
                None => format!("`{expression}` never fires: nothing is due after {after}"),
            });
        }
        Some(Firing { note: Some(Note::Once { .. }), local, .. }) if due.schedule.is_one_time() => {
            warnings.push(format!(
                "the clocks of {zone} show {} twice; it fires the first time, at {local}",
                local.format("%H:%M:%S")
            ));
        }
        Some(_) => {}
    }
    Ok(warnings)
}

fn timestamp(at: DateTime<Utc>) -> Timestamp {
    Timestamp(at.timestamp_millis())
}
