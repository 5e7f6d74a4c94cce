//! The days of a month on which a cron expression is due.

use chrono::{Datelike as _, NaiveDate};

/// The days of one of the two day fields, the one that is not `?`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Days {
    /// Bit 1 to 31.
    pub(super) of_month: u32,
    /// Bit 1, Sunday, to bit 7, Saturday.
    pub(super) of_week: u32,
    /// Those that differ from month to month.
    pub(super) special: Vec<Special>,
}

/// A day that has another number in each month. Weekdays are 1, Sunday, to 7, Saturday.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Special {
    /// `L`, `L-3`: the last day, or so many before it.
    BeforeLast(u32),
    /// `LW`: the last day from Monday to Friday.
    LastWorkday,
    /// `15W`: the day from Monday to Friday of this month that is nearest to the 15th.
    NearestWorkday(u32),
    /// `6L`: the last Friday.
    LastWeekday(u32),
    /// `2#1`: the first Monday.
    NthWeekday { weekday: u32, nth: u32 },
}

impl Days {
    /// Bit 1 to 31 for each day of this month that is due.
    pub(super) fn in_month(&self, year: i32, month: u32) -> u32 {
        let Some(first) = NaiveDate::from_ymd_opt(year, month, 1) else { return 0 };
        let length = u32::from(first.num_days_in_month());
        let first_weekday = first.weekday().num_days_from_sunday();
        let weekday = |day: u32| (first_weekday + day - 1) % 7 + 1;
        let of_week = (1..=length)
            .filter(|day| self.of_week & (1 << weekday(*day)) != 0)
            .fold(0, |days, day| days | 1 << day);
        let special = self
            .special
            .iter()
            .filter_map(|special| special.day(length, weekday))
            .fold(0, |days, day| days | 1 << day);
        let all = (2_u32 << length).wrapping_sub(2);
        (self.of_month | of_week | special) & all
    }
}

impl Special {
    /// The day of a month of this length, if it has one.
    fn day(self, length: u32, weekday: impl Fn(u32) -> u32) -> Option<u32> {
        match self {
            Self::BeforeLast(days) => length.checked_sub(days).filter(|day| *day > 0),
            Self::LastWorkday => Some(nearest_workday(length, length, weekday)),
            Self::NearestWorkday(day) => {
                (day <= length).then(|| nearest_workday(day, length, weekday))
            }
            Self::LastWeekday(wanted) => (length - 6..=length).find(|day| weekday(*day) == wanted),
            Self::NthWeekday { weekday: wanted, nth } => {
                let first = (1..=7).find(|day| weekday(*day) == wanted)?;
                Some(first + (nth - 1) * 7).filter(|day| *day <= length)
            }
        }
    }
}

/// Never leaves the month: the 1st on a Saturday gives Monday the 3rd.
fn nearest_workday(day: u32, length: u32, weekday: impl Fn(u32) -> u32) -> u32 {
    match weekday(day) {
        7 if day == 1 => 3,
        7 => day - 1,
        1 if day == length => day - 2,
        1 => day + 1,
        _ => day,
    }
}
