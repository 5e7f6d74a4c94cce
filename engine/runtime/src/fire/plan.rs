//! What came due, and what becomes of it: fired, made up for, or passed over.

use std::collections::VecDeque;

use machine::Timestamp;
use machine::schedule::Schedule as Rule;
use store::{CatchUp, FiringKind, NewFiring, Plan, Schedule, ScheduleState};

use crate::clock::moment;

use super::bounds::{Bounds, timestamp};
use super::{GRACE_MS, name, reason};

/// Most due times that are looked at one by one.
const MOST_DUE: usize = 10_000;
/// Most missed firings that are made up for.
pub(super) const MOST_CAUGHT_UP: usize = 1_000;

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

/// Sorts due times, the earliest first, by what becomes of them.
struct Sorting<'a> {
    schedule: &'a Schedule,
    now: Timestamp,
    /// What was due after the first and up to the second came due during a pause.
    pause: Option<(Timestamp, Timestamp)>,
    paused: PassedOver,
    /// What was due before a pause that lasts.
    cut_off: PassedOver,
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
        let began = schedule.paused_at.map(timestamp);
        let since = timestamp(schedule.state_since);
        let pause = match schedule.settings.state {
            ScheduleState::Enabled => began.map(|began| (began, since)),
            ScheduleState::Paused => Some((began.unwrap_or(since), now)),
        };
        Self {
            schedule,
            now,
            pause,
            paused: PassedOver::default(),
            cut_off: PassedOver::default(),
            missed: VecDeque::new(),
            not_made_up_for: PassedOver::default(),
            fired: Vec::new(),
        }
    }

    fn during_the_pause(&self, due: Timestamp) -> bool {
        self.pause.is_some_and(|(began, ended)| began < due && due <= ended)
    }

    /// Notes `count` due times, or more, before the earliest that is sorted.
    fn pass_over(&mut self, first: Option<Timestamp>, before: Option<Timestamp>, count: usize) {
        let Some(first) = first else { return };
        let last = before.map_or(self.now, |before| before.plus_ms(-1)).max(first);
        let during_the_pause = self.during_the_pause(first) && self.during_the_pause(last);
        let passed_over =
            if during_the_pause { &mut self.paused } else { &mut self.not_made_up_for };
        *passed_over = PassedOver { range: Some((first, last)), count };
    }

    fn sort(&mut self, due: Timestamp) {
        if self.during_the_pause(due) {
            return self.paused.add(due);
        }
        if self.schedule.settings.state == ScheduleState::Paused {
            return self.cut_off.add(due);
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
        let mut firings: Vec<NewFiring> = [
            skipped(&self.paused, FiringKind::Scheduled, reason::paused(settings)),
            skipped(&self.cut_off, FiringKind::Scheduled, reason::cut_off(settings)),
            skipped(&self.not_made_up_for, FiringKind::CatchUp, reason::missed(settings)),
        ]
        .into_iter()
        .flatten()
        .collect();
        firings.sort_by_key(|firing| firing.due_at);
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
