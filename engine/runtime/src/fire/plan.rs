//! What came due, and what becomes of it: fired, made up for, or passed over.

use std::collections::VecDeque;

use chrono::{DateTime, Utc};
use machine::Timestamp;
use machine::schedule::Schedule as Rule;
use store::{CatchUp, FiringKind, NewFiring, Plan, Schedule, ScheduleState};

use crate::owner::moment;

use super::name;

/// A firing that could have started this long ago was missed.
const GRACE_MS: i64 = 60_000;
/// Most due times that are looked at one by one.
const MOST_DUE: usize = 10_000;
/// Most missed firings that are made up for.
const MOST_CAUGHT_UP: usize = 1_000;

/// What came due since the schedule was looked at last, up to `now`.
pub(super) fn plan(schedule: &Schedule, rule: &Rule, now: Timestamp) -> Plan {
    let bounds = Bounds::of(schedule, rule);
    let began = timestamp(schedule.decided_until);
    let due = bounds.due(began, now, MOST_DUE);
    let mut sorting = Sorting::new(schedule, now);
    if due.len() < MOST_DUE {
        for due in due {
            sorting.sort(due);
        }
    } else {
        // Nobody looked for so long that only the latest can matter. Nothing is due more often
        // than once in a minute, which bounds how many of them are still in time.
        let window = schedule.settings.window_minutes.and_then(|it| usize::try_from(it).ok());
        let still_in_time = window.unwrap_or(0) + 2;
        let latest = bounds.latest(began, now, MOST_CAUGHT_UP + still_in_time);
        let first = due.first().copied();
        sorting.pass_over(first, latest.front().copied(), MOST_DUE);
        for due in latest {
            sorting.sort(due);
        }
    }
    let decided_until = began.max(now);
    Plan {
        decided_until: moment(decided_until),
        next_due_at: bounds.next(decided_until).map(moment),
        firings: sorting.firings(),
    }
}

/// When a schedule can be due.
pub(super) struct Bounds<'a> {
    rule: &'a Rule,
    anchor: Timestamp,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
}

impl<'a> Bounds<'a> {
    /// AWS ignores start and end date of a one-time schedule.
    fn of(schedule: &Schedule, rule: &'a Rule) -> Self {
        let heeded = !rule.is_one_time();
        let bound = |date: Option<DateTime<Utc>>| date.filter(|_| heeded).map(timestamp);
        Self {
            first: bound(schedule.settings.starts_at),
            last: bound(schedule.settings.ends_at),
            ..Self::without_dates(schedule, rule)
        }
    }

    /// Start and end date left aside: they are about firings, not about backfills.
    pub(super) fn without_dates(schedule: &Schedule, rule: &'a Rule) -> Self {
        Self { rule, anchor: timestamp(schedule.anchor), first: None, last: None }
    }

    /// The first due time after an instant.
    fn next(&self, after: Timestamp) -> Option<Timestamp> {
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
    fn latest(&self, after: Timestamp, until: Timestamp, most: usize) -> VecDeque<Timestamp> {
        let until = self.last.map_or(until, |last| last.min(until));
        let mut back_ms = GRACE_MS;
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

/// Sorts due times, the earliest first, by what becomes of them.
struct Sorting<'a> {
    schedule: &'a Schedule,
    now: Timestamp,
    /// What was due up to then came due while the schedule was paused.
    paused_until: Timestamp,
    paused: PassedOver,
    missed: VecDeque<Timestamp>,
    not_made_up_for: PassedOver,
    fired: Vec<NewFiring>,
}

/// Due times that are passed over for one reason.
#[derive(Default)]
struct PassedOver {
    range: Option<(Timestamp, Timestamp)>,
    count: usize,
}

impl PassedOver {
    fn add(&mut self, due: Timestamp) {
        let first = self.range.map_or(due, |(first, _)| first);
        self.range = Some((first, due));
        self.count += 1;
    }
}

impl<'a> Sorting<'a> {
    fn new(schedule: &'a Schedule, now: Timestamp) -> Self {
        let paused_until = match schedule.settings.state {
            ScheduleState::Enabled => timestamp(schedule.state_since),
            ScheduleState::Paused => now,
        };
        Self {
            schedule,
            now,
            paused_until,
            paused: PassedOver::default(),
            missed: VecDeque::new(),
            not_made_up_for: PassedOver::default(),
            fired: Vec::new(),
        }
    }

    /// Notes `count` due times, or more, before the earliest that is sorted.
    fn pass_over(&mut self, first: Option<Timestamp>, before: Option<Timestamp>, count: usize) {
        let Some(first) = first else { return };
        let last = before.map_or(self.now, |before| before.plus_ms(-1)).max(first);
        let passed_over =
            if last <= self.paused_until { &mut self.paused } else { &mut self.not_made_up_for };
        *passed_over = PassedOver { range: Some((first, last)), count };
    }

    fn sort(&mut self, due: Timestamp) {
        if due <= self.paused_until {
            return self.paused.add(due);
        }
        let fire_at = name::fire_at(self.schedule, due);
        if fire_at.0 < self.now.0 - GRACE_MS {
            return self.miss(due);
        }
        self.fired.push(pending(due, FiringKind::Scheduled, fire_at));
    }

    /// Keeps what may be made up for.
    fn miss(&mut self, due: Timestamp) {
        let settings = &self.schedule.settings;
        let most = match settings.catch_up {
            CatchUp::Skip => 0,
            CatchUp::One => 1,
            CatchUp::All => MOST_CAUGHT_UP,
        };
        let earliest = self.now.plus_ms(-i64::from(settings.catch_up_seconds) * 1_000);
        if most == 0 || due < earliest {
            return self.not_made_up_for.add(due);
        }
        self.missed.push_back(due);
        if self.missed.len() > most
            && let Some(oldest) = self.missed.pop_front()
        {
            self.not_made_up_for.add(oldest);
        }
    }

    fn firings(self) -> Vec<NewFiring> {
        let settings = &self.schedule.settings;
        let paused = match (&settings.state, &settings.paused_reason) {
            (ScheduleState::Enabled, _) => "the schedule was paused".to_owned(),
            (ScheduleState::Paused, None) => "the schedule is paused".to_owned(),
            (ScheduleState::Paused, Some(why)) => format!("the schedule is paused: {why}"),
        };
        let why = match settings.catch_up {
            CatchUp::Skip => "and the catch-up policy is `skip`".to_owned(),
            CatchUp::One => format!(
                "and the catch-up policy `one` makes up for the latest only, within {} s",
                settings.catch_up_seconds
            ),
            CatchUp::All => format!(
                "and the catch-up policy `all` goes back {} s and {MOST_CAUGHT_UP} firings",
                settings.catch_up_seconds
            ),
        };
        let missed = format!("nothing could be fired at the time, {why}");
        let mut firings = Vec::new();
        firings.extend(skipped(&self.paused, FiringKind::Scheduled, paused));
        firings.extend(skipped(&self.not_made_up_for, FiringKind::CatchUp, missed));
        let made_up_for = self.missed.iter();
        firings.extend(made_up_for.map(|due| pending(*due, FiringKind::CatchUp, self.now)));
        firings.extend(self.fired);
        firings
    }
}

pub(super) fn pending(due: Timestamp, kind: FiringKind, fire_at: Timestamp) -> NewFiring {
    NewFiring {
        due_at: moment(due),
        kind,
        fire_at: moment(fire_at),
        skipped: None,
        since: None,
        due_count: 1,
    }
}

fn skipped(times: &PassedOver, kind: FiringKind, reason: String) -> Option<NewFiring> {
    let (first, last) = times.range?;
    Some(NewFiring {
        skipped: Some(reason),
        since: (times.count > 1).then(|| moment(first)),
        due_count: i64::try_from(times.count).unwrap_or(i64::MAX),
        ..pending(last, kind, last)
    })
}

pub(super) fn timestamp(instant: DateTime<Utc>) -> Timestamp {
    Timestamp(instant.timestamp_millis())
}
