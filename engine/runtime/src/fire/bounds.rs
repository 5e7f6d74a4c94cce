//! When a schedule can be due: what its expression says, between its dates.

use std::collections::VecDeque;

use chrono::{DateTime, Utc};
use machine::Timestamp;
use machine::schedule::Schedule as Rule;
use store::Schedule;

/// How far back the latest due times are looked for first.
const LOOK_BACK_MS: i64 = 60_000;

/// When a schedule can be due.
pub(super) struct Bounds<'a> {
    rule: &'a Rule,
    anchor: Timestamp,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
}

impl<'a> Bounds<'a> {
    /// AWS ignores start and end date of a one-time schedule.
    pub(super) fn of(schedule: &Schedule, rule: &'a Rule) -> Self {
        let heeded = !rule.is_one_time();
        let bound = |date: Option<DateTime<Utc>>| date.filter(|_| heeded).map(timestamp);
        Self {
            first: bound(schedule.settings.starts_at),
            last: bound(schedule.settings.ends_at),
            ..Self::without_dates(rule, timestamp(schedule.anchor))
        }
    }

    /// Those of a backfill. Start and end date are left aside: they are about firings. A rate
    /// that counts from a later instant is counted back from there.
    pub(super) fn of_backfill(schedule: &Schedule, rule: &'a Rule, from: Timestamp) -> Self {
        Self::without_dates(rule, rule.anchor_before(from, timestamp(schedule.anchor)))
    }

    fn without_dates(rule: &'a Rule, anchor: Timestamp) -> Self {
        Self { rule, anchor, first: None, last: None }
    }

    /// The first due time after an instant.
    pub(super) fn next(&self, after: Timestamp) -> Option<Timestamp> {
        let just_before = self.first.map(|first| first.plus_ms(-1));
        let after = just_before.map_or(after, |before| before.max(after));
        let next = self.rule.next_after(after, self.anchor)?.at;
        self.last.is_none_or(|last| next <= last).then_some(next)
    }

    /// The first `most` due times after one instant and not after another.
    pub(super) fn due(&self, after: Timestamp, until: Timestamp, most: usize) -> Vec<Timestamp> {
        let mut found = Vec::new();
        let mut from = after;
        while found.len() < most
            && let Some(due) = self.next(from).filter(|due| *due <= until)
        {
            found.push(due);
            from = due;
        }
        found
    }

    /// The last `most` due times after one instant and not after another: looks back twice as
    /// far until there are as many.
    pub(super) fn latest(
        &self,
        after: Timestamp,
        until: Timestamp,
        most: usize,
    ) -> VecDeque<Timestamp> {
        let until = self.last.map_or(until, |last| last.min(until));
        let mut back_ms = LOOK_BACK_MS;
        loop {
            let from = until.plus_ms(-back_ms).max(after);
            let mut latest = VecDeque::new();
            let mut last = from;
            while let Some(due) = self.next(last).filter(|due| *due <= until) {
                latest.push_back(due);
                if latest.len() > most {
                    latest.pop_front();
                }
                last = due;
            }
            if latest.len() == most || from == after {
                return latest;
            }
            back_ms = back_ms.saturating_mul(2);
        }
    }
}

pub(super) fn timestamp(instant: DateTime<Utc>) -> Timestamp {
    Timestamp(instant.timestamp_millis())
}
