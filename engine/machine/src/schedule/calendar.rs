//! A cron expression as a walk over local times, which knows no zone.
//!
//! It is ours for what AWS's expressions have and no library: `L`, `W` and `#`, years up to 2199, and
//! that a date which never comes is not looked for day by day.

use std::collections::BTreeSet;

use chrono::{Datelike as _, NaiveDate, NaiveDateTime, NaiveTime, Timelike as _};

use super::days::{Days, Special};
use super::error::ScheduleError;
use super::field::{self, DAY_OF_MONTH, DAY_OF_WEEK, Field, HOURS, MINUTES, MONTH, YEAR};

/// The six fields of a cron expression.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Calendar {
    minutes: BTreeSet<u16>,
    hours: BTreeSet<u16>,
    days: Days,
    months: BTreeSet<u16>,
    years: BTreeSet<u16>,
}

impl Calendar {
    /// Reads what stands between the parentheses of `cron(…)`.
    pub(super) fn parse(text: &str) -> Result<Self, ScheduleError> {
        let fields: Vec<&str> = text.split_ascii_whitespace().collect();
        let &[minutes, hours, day_of_month, month, day_of_week, year] = fields.as_slice() else {
            return Err(ScheduleError::new(
                "cron",
                format!("`{text}` has {} fields", fields.len()),
                "six: minutes, hours, day-of-month, month, day-of-week, year",
            ));
        };
        let minutes = field::numbers(&MINUTES, minutes)?;
        let hours = field::numbers(&HOURS, hours)?;
        let days = parse_days(day_of_month, day_of_week)?;
        let months = field::numbers(&MONTH, month)?;
        let years = field::numbers(&YEAR, year)?;
        Ok(Self { minutes, hours, days, months, years })
    }

    /// The first time that is due at `earliest` or later.
    pub(super) fn first_from(&self, earliest: NaiveDateTime) -> Option<NaiveDateTime> {
        let date = earliest.date();
        if self.first_date_from(date)? == date
            && let Some(time) = self.first_time_from(earliest.time())
        {
            return Some(date.and_time(time));
        }
        let date = self.first_date_from(date.succ_opt()?)?;
        Some(date.and_time(self.first_time_from(NaiveTime::MIN)?))
    }

    /// Looks at each month once, at most 2,760 of them.
    fn first_date_from(&self, earliest: NaiveDate) -> Option<NaiveDate> {
        let start = (earliest.year(), earliest.month());
        for year in self.years.iter().map(|year| i32::from(*year)) {
            let months = self.months.iter().map(|month| u32::from(*month));
            for month in months.filter(|month| (year, *month) >= start) {
                let too_early = if (year, month) == start { earliest.day() } else { 0 };
                let days = self.days.in_month(year, month) >> too_early << too_early;
                if days != 0 {
                    return NaiveDate::from_ymd_opt(year, month, days.trailing_zeros());
                }
            }
        }
        None
    }

    /// The first time of a day at `earliest` or later.
    fn first_time_from(&self, earliest: NaiveTime) -> Option<NaiveTime> {
        let begun = earliest.second() > 0 || earliest.nanosecond() > 0;
        let hours = self.hours.iter().map(|hour| u32::from(*hour));
        hours.skip_while(|hour| *hour < earliest.hour()).find_map(|hour| {
            let this_hour = hour == earliest.hour();
            let least = if this_hour { earliest.minute() + u32::from(begun) } else { 0 };
            let mut minutes = self.minutes.iter().map(|minute| u32::from(*minute));
            NaiveTime::from_hms_opt(hour, minutes.find(|minute| *minute >= least)?, 0)
        })
    }
}

fn parse_days(day_of_month: &str, day_of_week: &str) -> Result<Days, ScheduleError> {
    let mut days = Days::default();
    match (day_of_month, day_of_week) {
        ("?", "?") => Err(ScheduleError::new(
            "day-of-month and day-of-week",
            "both are `?`",
            "`?` in exactly one of them",
        )),
        (of_month, "?") => {
            for item in of_month.split(',') {
                match special_of_month(item)? {
                    Some(special) => days.special.push(special),
                    None => days.of_month |= bits(&DAY_OF_MONTH, item)?,
                }
            }
            Ok(days)
        }
        ("?", of_week) => {
            for item in of_week.split(',') {
                match special_of_week(item)? {
                    // AWS's rule: with a `#`, one entry is all there may be.
                    Some(Special::NthWeekday { .. }) if item != of_week => {
                        let wrong = format!("`{of_week}` has a `#` among several");
                        return Err(ScheduleError::new(DAY_OF_WEEK.name, wrong, "it alone"));
                    }
                    Some(special) => days.special.push(special),
                    // The last day of a week is Saturday.
                    None if item.eq_ignore_ascii_case("L") => days.of_week |= 1 << 7,
                    None => days.of_week |= bits(&DAY_OF_WEEK, item)?,
                }
            }
            Ok(days)
        }
        (of_month, of_week) => Err(ScheduleError::new(
            "day-of-month and day-of-week",
            format!("`{of_month}` and `{of_week}` are both given"),
            "`?` in exactly one of them",
        )),
    }
}

fn bits(field: &Field, item: &str) -> Result<u32, ScheduleError> {
    Ok(field::numbers(field, item)?.iter().fold(0, |bits, number| bits | 1 << number))
}

/// `L`, `L-3`, `LW` or `15W`; `None` if it is nothing of the kind.
fn special_of_month(item: &str) -> Result<Option<Special>, ScheduleError> {
    let upper = item.to_ascii_uppercase();
    if upper == "L" {
        return Ok(Some(Special::BeforeLast(0)));
    }
    if upper == "LW" {
        return Ok(Some(Special::LastWorkday));
    }
    if let Some(days) = upper.strip_prefix("L-") {
        let days = field::digits::<u32>(days).filter(|days| (1..=30).contains(days));
        let days = days.ok_or_else(|| {
            let wrong = format!("`{item}` is not so many days before the last");
            ScheduleError::new(DAY_OF_MONTH.name, wrong, "`L-1` to `L-30`")
        })?;
        return Ok(Some(Special::BeforeLast(days)));
    }
    if let Some(day) = upper.strip_suffix('W') {
        let day = field::digits::<u32>(day).filter(|day| (1..=31).contains(day));
        let day = day.ok_or_else(|| {
            let wrong = format!("`{item}` is not the weekday nearest to a day");
            ScheduleError::new(DAY_OF_MONTH.name, wrong, "`1W` to `31W`, or `LW`")
        })?;
        return Ok(Some(Special::NearestWorkday(day)));
    }
    Ok(None)
}

/// `6L`, `FRIL` or `2#1`; `None` if it is nothing of the kind.
fn special_of_week(item: &str) -> Result<Option<Special>, ScheduleError> {
    let upper = item.to_ascii_uppercase();
    if let Some((weekday, nth)) = upper.split_once('#') {
        let weekday = field::number(&DAY_OF_WEEK, weekday)?.into();
        let nth = field::digits::<u32>(nth).filter(|nth| (1..=5).contains(nth));
        let nth = nth.ok_or_else(|| {
            let wrong = format!("`{item}` is in no month");
            ScheduleError::new(DAY_OF_WEEK.name, wrong, "a number from 1 to 5 after `#`")
        })?;
        return Ok(Some(Special::NthWeekday { weekday, nth }));
    }
    match upper.strip_suffix('L') {
        None | Some("") => Ok(None),
        Some(weekday) => {
            Ok(Some(Special::LastWeekday(field::number(&DAY_OF_WEEK, weekday)?.into())))
        }
    }
}
