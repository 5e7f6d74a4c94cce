//! One field of a cron expression: lists of numbers, names, ranges and steps.

use std::collections::BTreeSet;
use std::str::FromStr;

use super::error::ScheduleError;

/// What a field may hold.
pub(super) struct Field {
    /// As AWS calls it.
    pub(super) name: &'static str,
    least: u16,
    most: u16,
    /// Names of the numbers from `least` on.
    names: &'static [&'static str],
    /// Whether a range may run over the end and on from the start, as `NOV-FEB` does. AWS does
    /// not document it.
    wraps: bool,
}

const NUMBER: Field = Field { name: "", least: 0, most: 0, names: &[], wraps: true };

pub(super) const MINUTES: Field = Field { name: "minutes", most: 59, ..NUMBER };
pub(super) const HOURS: Field = Field { name: "hours", most: 23, ..NUMBER };
pub(super) const DAY_OF_MONTH: Field = Field { name: "day-of-month", least: 1, most: 31, ..NUMBER };
pub(super) const MONTH: Field = Field {
    name: "month",
    least: 1,
    most: 12,
    names: &["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"],
    wraps: true,
};
pub(super) const DAY_OF_WEEK: Field = Field {
    name: "day-of-week",
    least: 1,
    most: 7,
    names: &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"],
    wraps: true,
};
pub(super) const YEAR: Field =
    Field { name: "year", least: 1970, most: 2199, names: &[], wraps: false };

impl Field {
    fn error(&self, wrong: impl Into<String>) -> ScheduleError {
        let Self { least, most, .. } = self;
        let names = match (self.names.first(), self.names.last()) {
            (Some(first), Some(last)) => format!(" or {first}-{last}"),
            _ => String::new(),
        };
        ScheduleError::new(self.name, wrong, format!("{least}-{most}{names}"))
    }
}

/// The numbers that a list means: `10,20-30/5`. Never empty.
///
/// # Errors
/// A part of the list is not what this field may hold.
pub(super) fn numbers(field: &Field, list: &str) -> Result<BTreeSet<u16>, ScheduleError> {
    let mut all = BTreeSet::new();
    for item in list.split(',') {
        all.extend(item_numbers(field, item)?);
    }
    Ok(all)
}

/// `*`, `5`, `1-5`, and each of them with a step: `*/6`, `0/15`, `20-30/5`.
fn item_numbers(field: &Field, item: &str) -> Result<Vec<u16>, ScheduleError> {
    let (range, step) = match item.split_once('/') {
        Some((range, step)) => (range, Some(step_of(field, item, step)?)),
        None => (item, None),
    };
    let (from, to) = match (range.split_once('-'), range) {
        (Some((from, to)), _) => (number(field, from)?, number(field, to)?),
        (None, "*") => (field.least, field.most),
        (None, _) => {
            let from = number(field, range)?;
            (from, if step.is_some() { field.most } else { from })
        }
    };
    let step = usize::from(step.unwrap_or(1));
    if from <= to {
        return Ok((from..=to).step_by(step).collect());
    }
    if !field.wraps {
        return Err(field.error(format!("the range `{range}` ends before it starts")));
    }
    Ok((from..=field.most).chain(field.least..=to).step_by(step).collect())
}

fn step_of(field: &Field, item: &str, step: &str) -> Result<u16, ScheduleError> {
    // A longer step would mean the first number only, which nobody who writes one wants.
    let longest = field.most - field.least + 1;
    digits(step).filter(|step| (1..=longest).contains(step)).ok_or_else(|| {
        let wrong = format!("`{item}` has the step `{step}`");
        ScheduleError::new(field.name, wrong, format!("a step from 1 to {longest}"))
    })
}

/// One number or name of the field; names in any case.
pub(super) fn number(field: &Field, text: &str) -> Result<u16, ScheduleError> {
    let name = field.names.iter().position(|name| name.eq_ignore_ascii_case(text));
    if let Some(index) = name.and_then(|index| u16::try_from(index).ok()) {
        return Ok(field.least + index);
    }
    match digits(text) {
        Some(number) if (field.least..=field.most).contains(&number) => Ok(number),
        Some(_) => Err(field.error(format!("`{text}` is out of range"))),
        None if text.is_empty() => Err(field.error("a value is missing")),
        None => Err(field.error(format!("`{text}` is no value of this field"))),
    }
}

/// A number in digits alone: no sign, no space.
pub(super) fn digits<N: FromStr>(text: &str) -> Option<N> {
    text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()))
}
