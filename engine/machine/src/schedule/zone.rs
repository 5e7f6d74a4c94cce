//! The clocks of a time zone: which local times exist, and when.

use chrono::{
    DateTime, Datelike as _, FixedOffset, MappedLocalTime, NaiveDate, NaiveDateTime, Offset as _,
    TimeDelta, TimeZone as _, Utc,
};
use chrono_tz::Tz;

use super::error::ScheduleError;
use crate::Timestamp;

/// AWS's quota.
const MAX_NAME_CHARS: usize = 50;

/// The library's tables know changes of the clocks until the end of 2099. Rules go by month,
/// week and weekday, so later years follow one of the last years of the same shape.
const LAST_KNOWN_YEAR: i32 = 2098;

/// A time zone of the IANA database.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Zone(Tz);

/// Whether and when the clocks show a local time.
pub(super) enum Local {
    /// They went forward over it; the first time that exists again.
    Never { until: NaiveDateTime },
    /// At `first`, and a second time if they went back over it.
    Occurs { first: Timestamp, again: Option<Timestamp> },
}

impl Zone {
    pub(super) fn parse(name: &str) -> Result<Self, ScheduleError> {
        let short = name.chars().count() <= MAX_NAME_CHARS;
        name.parse::<Tz>().ok().filter(|_| short).map(Self).ok_or_else(|| {
            let shown = if short { format!("`{name}`") } else { "so long a name".to_owned() };
            ScheduleError::new(
                "time zone",
                format!("{shown} is not in the IANA database"),
                "a name such as `Europe/Berlin` or `UTC`",
            )
        })
    }

    /// What the clocks show; `None` far outside of the years of the calendar.
    pub(super) fn local(self, instant: Timestamp) -> Option<DateTime<FixedOffset>> {
        let utc = DateTime::<Utc>::from_timestamp_millis(instant.0)?.naive_utc();
        // Keeps the sum with any offset inside of what the calendar can hold.
        (-9999..=9999).contains(&utc.year()).then(|| self.offset(utc).from_utc_datetime(&utc))
    }

    fn offset(self, utc: NaiveDateTime) -> FixedOffset {
        self.0.offset_from_utc_datetime(&(utc - days_to_known(utc))).fix()
    }

    /// When the clocks show this time.
    pub(super) fn occurs(self, local: NaiveDateTime) -> Local {
        let shift = days_to_known(local);
        let instant = |it: DateTime<Tz>| Timestamp((it.to_utc() + shift).timestamp_millis());
        match self.0.from_local_datetime(&(local - shift)) {
            MappedLocalTime::Single(it) => Local::Occurs { first: instant(it), again: None },
            MappedLocalTime::Ambiguous(first, again) => {
                Local::Occurs { first: instant(first), again: Some(instant(again)) }
            }
            MappedLocalTime::None => Local::Never { until: self.first_existing_after(local) },
        }
    }

    /// The time that the clocks show right after they went forward over this one.
    fn first_existing_after(self, local: NaiveDateTime) -> NaiveDateTime {
        let shows = |second: i64| {
            let utc = local + TimeDelta::seconds(second);
            utc + TimeDelta::seconds(self.offset(utc).local_minus_utc().into())
        };
        // No offset from UTC is as long as 26 hours, so the change lies between these seconds.
        let (mut before, mut after) = (-26 * 3600, 26 * 3600);
        while after - before > 1 {
            let middle = i64::midpoint(before, after);
            if shows(middle) > local {
                after = middle;
            } else {
                before = middle;
            }
        }
        shows(after)
    }
}

/// How far before this time is the same time of a year that the tables know and that has the same
/// days on the same weekdays; no days at all before the tables end.
fn days_to_known(time: NaiveDateTime) -> TimeDelta {
    let year = time.year();
    if year <= LAST_KNOWN_YEAR {
        return TimeDelta::zero();
    }
    let shape = |year: i32| {
        NaiveDate::from_ymd_opt(year, 1, 1).map(|first| (first.weekday(), first.leap_year()))
    };
    // Twenty-eight years without a leap year left out have every shape.
    let known = (LAST_KNOWN_YEAR - 27..=LAST_KNOWN_YEAR).find(|known| shape(*known) == shape(year));
    let first_of = |year| NaiveDate::from_ymd_opt(year, 1, 1);
    match (first_of(year), known.and_then(first_of)) {
        (Some(first), Some(known)) => first - known,
        _ => TimeDelta::zero(),
    }
}
