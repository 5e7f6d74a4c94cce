//! When a schedule fires next: `rate(…)`, `at(…)` and `cron(…)` of EventBridge Scheduler.
//!
//! Pure: the caller says what time it is. A cron or one-time expression is about local times of
//! an IANA zone, a rate about instants. Where clocks go forward, a local time that does not exist
//! is skipped; where they go back, one that occurs twice fires once, the first time.

mod calendar;
mod days;
mod error;
mod field;
mod zone;

use chrono::{DateTime, FixedOffset, NaiveDateTime, Timelike as _};

use crate::Timestamp;
use calendar::Calendar;
pub use error::ScheduleError;
use zone::{Local, Zone};

/// The zone of an expression for which none is named.
pub const DEFAULT_ZONE: &str = "UTC";

/// AWS's quota.
const MAX_EXPRESSION_CHARS: usize = 256;

/// The first instant after the last year of a cron expression, 2199: nothing fires from here on.
const END: Timestamp = Timestamp(7_258_118_400_000);

/// A schedule expression and its time zone, known to be valid.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    rule: Rule,
    zone: Zone,
}

#[derive(Clone, Debug, PartialEq)]
enum Rule {
    Rate { period_ms: i64 },
    At(NaiveDateTime),
    Cron(Box<Calendar>),
}

/// One time that a schedule comes due.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Firing {
    /// When.
    pub at: Timestamp,
    /// The same on the clocks of the schedule's zone, with their offset from UTC.
    pub local: DateTime<FixedOffset>,
    /// What a change of the clocks has to do with it; never there for a rate, which counts
    /// instants and looks at no clock.
    pub note: Option<Note>,
}

/// What a change of the zone's clocks does to a firing; of several, the first of this list.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Note {
    /// Between the instant that was asked about and this firing, others were due at times that
    /// do not exist. One entry for each change, in order.
    Skipped(Vec<Skipped>),
    /// This local time occurs twice, and this is the first; at the second nothing fires.
    Once { not_again: Timestamp },
    /// The clocks were changed since the instant that was asked about: the same local time is
    /// now another time in UTC.
    Moved { from: FixedOffset, to: FixedOffset },
}

/// What was due while the clocks went forward.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Skipped {
    /// The first time that was due and does not exist. Others of the same change may follow it.
    pub due: NaiveDateTime,
    /// The first time that exists again.
    pub until: NaiveDateTime,
}

impl Schedule {
    /// Reads `rate(N minute|minutes|hour|hours|day|days)`, `at(yyyy-mm-ddThh:mm:ss)` or
    /// `cron(minutes hours day-of-month month day-of-week year)`, of at most 256 characters, for
    /// the clocks of an IANA time zone ([`DEFAULT_ZONE`] is `UTC`).
    ///
    /// # Errors
    /// The expression or the zone is not valid: what is wrong where, and what was expected.
    pub fn parse(expression: &str, zone: &str) -> Result<Self, ScheduleError> {
        let schedule = Self::parse_kept(expression, zone)?;
        refuse_blanks(expression)?;
        Ok(schedule)
    }

    /// The same of what was taken before: earlier releases did not mind blanks.
    ///
    /// # Errors
    /// As above.
    pub fn parse_kept(expression: &str, zone: &str) -> Result<Self, ScheduleError> {
        let zone = Zone::parse(zone)?;
        Ok(Self { rule: Rule::parse(expression)?, zone })
    }

    /// The first firing strictly after `instant`, or `None` if there is none until the end of
    /// 2199. A rate counts from `anchor`, its start date or creation, and its first firing is the
    /// anchor itself: it comes after whatever lies just before.
    pub fn next_after(&self, instant: Timestamp, anchor: Timestamp) -> Option<Firing> {
        self.look(instant, anchor).0
    }

    /// The firings strictly after `instant`, in order.
    pub fn firings(&self, instant: Timestamp, anchor: Timestamp) -> Firings<'_> {
        Firings { schedule: self, instant, anchor, skipped_at_end: Vec::new() }
    }

    /// Where a rate may count from as well without being due at other times, but not later than
    /// `instant`: whole periods before `anchor`. For anything else, `anchor`.
    pub fn anchor_before(&self, instant: Timestamp, anchor: Timestamp) -> Timestamp {
        match &self.rule {
            Rule::Rate { period_ms } if instant < anchor => {
                let later_ms = anchor.0.saturating_sub(instant.0);
                let periods = later_ms / period_ms + i64::from(later_ms % period_ms > 0);
                Timestamp(anchor.0.saturating_sub(periods.saturating_mul(*period_ms)))
            }
            Rule::Rate { .. } | Rule::At(_) | Rule::Cron(_) => anchor,
        }
    }

    /// Whether this is `at(…)`: due once, whatever start and end date are given beside it.
    pub fn is_one_time(&self) -> bool {
        match self.rule {
            Rule::At(_) => true,
            Rule::Rate { .. } | Rule::Cron(_) => false,
        }
    }

    /// The next firing, and what is skipped before it or, if there is none, before the end.
    fn look(&self, instant: Timestamp, anchor: Timestamp) -> (Option<Firing>, Vec<Skipped>) {
        // Before 1970 nothing is due; a day's margin, since local time may be ahead of UTC.
        let from = instant.max(Timestamp(-86_400_000));
        let (due, skipped) = match &self.rule {
            Rule::Rate { period_ms } => (next_of_rate(*period_ms, instant, anchor), Vec::new()),
            Rule::At(time) => {
                self.next_local(from, |earliest| (*time >= earliest).then_some(*time))
            }
            Rule::Cron(calendar) => self.next_local(from, |earliest| calendar.first_from(earliest)),
        };
        let firing = due.filter(|(at, _)| *at < END).and_then(|(at, again)| {
            let local = self.zone.local(at)?;
            let note = match &self.rule {
                Rule::Rate { .. } => None,
                Rule::At(_) | Rule::Cron(_) => self.note(from, local, &skipped, again),
            };
            Some(Firing { at, local, note })
        });
        (firing, skipped)
    }

    /// Walks over local times, each the first that is due from a given one on, to the first that
    /// exists and is later than `instant`; says when it occurs again, and what was skipped.
    ///
    /// Bounded: a change of the clocks is left behind at once when they went forward, and is
    /// walked through minute by minute, an hour or so, when they went back.
    fn next_local(
        &self,
        instant: Timestamp,
        due_from: impl Fn(NaiveDateTime) -> Option<NaiveDateTime>,
    ) -> (Option<(Timestamp, Option<Timestamp>)>, Vec<Skipped>) {
        let mut skipped = Vec::new();
        let Some(local) = self.zone.local(instant) else { return (None, skipped) };
        let mut earliest = second_after(local.naive_local());
        while let Some(due) = due_from(earliest) {
            match self.zone.occurs(due) {
                Local::Never { until } => {
                    skipped.push(Skipped { due, until });
                    earliest = until;
                }
                Local::Occurs { first, again } if first > instant => {
                    return (Some((first, again)), skipped);
                }
                // The clocks went back, and this is the second time round.
                Local::Occurs { .. } => earliest = second_after(due),
            }
        }
        (None, skipped)
    }

    fn note(
        &self,
        instant: Timestamp,
        local: DateTime<FixedOffset>,
        skipped: &[Skipped],
        again: Option<Timestamp>,
    ) -> Option<Note> {
        if !skipped.is_empty() {
            return Some(Note::Skipped(skipped.to_vec()));
        }
        if let Some(not_again) = again {
            return Some(Note::Once { not_again });
        }
        let (from, to) = (*self.zone.local(instant)?.offset(), *local.offset());
        (from != to).then_some(Note::Moved { from, to })
    }
}

/// The firings of a schedule from an instant on, as [`Schedule::firings`] gives them.
#[derive(Clone, Debug)]
pub struct Firings<'a> {
    schedule: &'a Schedule,
    instant: Timestamp,
    anchor: Timestamp,
    skipped_at_end: Vec<Skipped>,
}

impl Firings<'_> {
    /// What would have been due after the last firing, had its local time existed. Empty as long
    /// as the iterator has not returned `None`: until then the firings' notes say it.
    pub fn skipped_at_end(&self) -> &[Skipped] {
        &self.skipped_at_end
    }
}

impl Iterator for Firings<'_> {
    type Item = Firing;

    fn next(&mut self) -> Option<Firing> {
        let (firing, skipped) = self.schedule.look(self.instant, self.anchor);
        match &firing {
            Some(firing) => self.instant = firing.at,
            None => self.skipped_at_end = skipped,
        }
        firing
    }
}

impl Rule {
    fn parse(expression: &str) -> Result<Self, ScheduleError> {
        if expression.chars().count() > MAX_EXPRESSION_CHARS {
            return Err(ScheduleError::too_long(MAX_EXPRESSION_CHARS));
        }
        let inside =
            |keyword: &str| expression.strip_prefix(keyword)?.strip_prefix('(')?.strip_suffix(')');
        if let Some(rate) = inside("rate") {
            return parse_rate(rate);
        }
        if let Some(time) = inside("at") {
            return parse_at(time);
        }
        match inside("cron") {
            Some(fields) => Ok(Self::Cron(Box::new(Calendar::parse(fields)?))),
            None => Err(ScheduleError::new(
                "expression",
                format!("`{expression}` is of no known form"),
                "`rate(…)`, `at(…)` or `cron(…)`",
            )),
        }
    }
}

/// As on AWS, one blank stands between two words, and none elsewhere.
fn refuse_blanks(expression: &str) -> Result<(), ScheduleError> {
    let inside = expression.split_once('(').map_or("", |(_, rest)| rest.trim_end_matches(')'));
    if inside.split(' ').all(|word| !word.is_empty() && !word.contains(char::is_whitespace)) {
        return Ok(());
    }
    let wrong = format!("`{expression}` has blanks where none are allowed");
    Err(ScheduleError::new("expression", wrong, "one blank between two words, and no others"))
}

fn parse_rate(text: &str) -> Result<Rule, ScheduleError> {
    let mut words = text.split_ascii_whitespace();
    let (Some(value), Some(unit), None) = (words.next(), words.next(), words.next()) else {
        let wrong = format!("`{text}` is not a number and a unit");
        return Err(ScheduleError::new("rate", wrong, "for example `rate(5 minutes)`"));
    };
    // AWS takes singular and plural with any number.
    let unit_ms: i64 = match unit {
        "minute" | "minutes" => 60_000,
        "hour" | "hours" => 3_600_000,
        "day" | "days" => 86_400_000,
        _ => {
            let wrong = format!("`{unit}` is no unit");
            return Err(ScheduleError::new("rate", wrong, "`minutes`, `hours` or `days`"));
        }
    };
    match field::digits::<u32>(value) {
        Some(number) if number > 0 => Ok(Rule::Rate { period_ms: i64::from(number) * unit_ms }),
        _ => Err(ScheduleError::new(
            "rate",
            format!("`{value}` is not a positive number"),
            format!("a whole number from 1 to {}", u32::MAX),
        )),
    }
}

fn parse_at(text: &str) -> Result<Rule, ScheduleError> {
    // The calendar library is lax about digits and leap seconds; the form is not.
    let shaped = text.len() == "yyyy-mm-ddThh:mm:ss".len()
        && !text.contains(|it: char| !(it.is_ascii_digit() || "-T:".contains(it)));
    NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S")
        .ok()
        .filter(|time| shaped && time.nanosecond() == 0)
        .map(Rule::At)
        .ok_or_else(|| {
            let wrong = format!("`{text}` is not a local date and time");
            ScheduleError::new("at", wrong, "`yyyy-mm-ddThh:mm:ss` without offset")
        })
}

/// The first `anchor + k * period` with k ≥ 0 after `instant`; it does not occur "again".
fn next_of_rate(
    period_ms: i64,
    instant: Timestamp,
    anchor: Timestamp,
) -> Option<(Timestamp, Option<Timestamp>)> {
    let due = if instant < anchor {
        anchor.0
    } else {
        let periods = instant.0.checked_sub(anchor.0)? / period_ms + 1;
        anchor.0.checked_add(periods.checked_mul(period_ms)?)?
    };
    Some((Timestamp(due), None))
}

/// The first whole second after this time: no expression is finer.
fn second_after(time: NaiveDateTime) -> NaiveDateTime {
    let whole = time.with_nanosecond(0).unwrap_or(time);
    whole.checked_add_signed(chrono::TimeDelta::seconds(1)).unwrap_or(whole)
}
