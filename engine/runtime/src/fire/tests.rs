//! What follows from a schedule and a clock alone.

mod holds;

use chrono::{DateTime, Utc};
use machine::Timestamp;
use machine::schedule::Schedule as Rule;
use store::{
    Attempt, CatchUp, Firing, FiringKey, FiringKind, FiringState, NewFiring, Overlap, Plan,
    Schedule, ScheduleSettings, ScheduleState,
};
use uuid::Uuid;

use crate::clock::moment;

use super::bounds::Bounds;
use super::{input, name, plan, reason};

fn at(text: &str) -> DateTime<Utc> {
    format!("{text}Z").parse().unwrap()
}

/// A schedule that was created, and looked at last, at noon of the first day of 2026.
fn schedule(expression: &str) -> Schedule {
    let noon = at("2026-01-01T12:00:00");
    Schedule {
        id: Uuid::from_u128(7),
        account: "123456789012".to_owned(),
        group: "default".to_owned(),
        name: "nightly".to_owned(),
        settings: ScheduleSettings {
            description: None,
            expression: expression.to_owned(),
            timezone: "UTC".to_owned(),
            starts_at: None,
            ends_at: None,
            state: ScheduleState::Enabled,
            paused_reason: None,
            target_arn: String::new(),
            role_arn: String::new(),
            input: None,
            window_minutes: None,
            overlap: Overlap::Allow,
            catch_up: CatchUp::All,
            catch_up_seconds: 86_400,
            max_event_age_seconds: 86_400,
            max_retries: 185,
            dead_letter_arn: None,
            kms_key_arn: None,
            delete_after_completion: false,
        },
        state_since: noon,
        paused_at: None,
        client_token: None,
        created_at: noon,
        modified_at: noon,
        anchor: noon,
        decided_until: noon,
        next_due_at: None,
        changes: 0,
    }
}

fn plan_at(schedule: &Schedule, now: &str) -> Plan {
    let rule = Rule::parse(&schedule.settings.expression, &schedule.settings.timezone).unwrap();
    plan::plan(schedule, &rule, Timestamp(at(now).timestamp_millis()))
}

/// A plan as a few words: `12:01 scheduled`, `12:00..12:05 6 skipped`, `next 12:06`.
fn told(plan: &Plan) -> Vec<String> {
    let time = |at: DateTime<Utc>| at.format("%H:%M").to_string();
    let firing = |firing: &NewFiring| match (&firing.skipped, firing.since) {
        (None, _) => format!("{} {}", time(firing.due_at), firing.kind.as_str()),
        (Some(_), None) => format!("{} skipped", time(firing.due_at)),
        (Some(_), Some(since)) => {
            format!("{}..{} {} skipped", time(since), time(firing.due_at), firing.due_count)
        }
    };
    let next = plan.next_due_at.map(|next| format!("next {}", time(next)));
    plan.firings.iter().map(firing).chain(next).collect()
}

fn firing(kind: FiringKind, due: &str) -> Firing {
    Firing {
        schedule_id: Uuid::from_u128(7),
        key: FiringKey { due_at: at(due), request: Uuid::nil() },
        kind,
        state: FiringState::Pending,
        fire_at: at(due),
        next_try_at: None,
        attempts: 0,
        refusals: 0,
        first_tried_at: None,
        target_arn: None,
        decided_at: None,
        reason: None,
        since: None,
        due_count: 1,
        started: None,
    }
}

#[test]
fn what_is_due_fires_and_the_next_time_is_known() {
    let schedule = schedule("cron(0/5 * * * ? *)");
    assert_eq!(told(&plan_at(&schedule, "2026-01-01T12:04:59")), ["next 12:05"]);
    let due = plan_at(&schedule, "2026-01-01T12:05:00");
    assert_eq!(told(&due), ["12:05 scheduled", "next 12:10"]);
}

#[test]
fn a_clock_that_went_back_finds_nothing_due() {
    let schedule = schedule("rate(1 minute)");
    let back = plan_at(&schedule, "2026-01-01T11:00:00");
    assert_eq!(told(&back), ["next 12:01"]);
    assert_eq!(back.decided_until, schedule.decided_until);
}

#[test]
fn what_was_missed_is_made_up_for_as_the_policy_says() {
    let mut schedule = schedule("rate(1 hour)");
    let check = |schedule: &Schedule, wanted: &[&str]| {
        assert_eq!(told(&plan_at(schedule, "2026-01-01T16:00:30")), wanted);
    };
    check(
        &schedule,
        &["13:00 catch_up", "14:00 catch_up", "15:00 catch_up", "16:00 scheduled", "next 17:00"],
    );
    schedule.settings.catch_up_seconds = 7_200;
    check(
        &schedule,
        &["13:00..14:00 2 skipped", "15:00 catch_up", "16:00 scheduled", "next 17:00"],
    );
    schedule.settings.catch_up = CatchUp::One;
    schedule.settings.catch_up_seconds = 86_400;
    check(
        &schedule,
        &["13:00..14:00 2 skipped", "15:00 catch_up", "16:00 scheduled", "next 17:00"],
    );
    schedule.settings.catch_up = CatchUp::Skip;
    check(&schedule, &["13:00..15:00 3 skipped", "16:00 scheduled", "next 17:00"]);
}

#[test]
fn after_a_very_long_time_a_thousand_are_made_up_for_and_the_rest_is_one_row() {
    let mut schedule = schedule("rate(1 minute)");
    schedule.settings.catch_up_seconds = i32::MAX;
    let plan = plan_at(&schedule, "2027-01-01T12:00:30");
    assert_eq!(plan.firings.len(), 1_002);
    let (passed_over, rest) = plan.firings.split_first().unwrap();
    assert!(passed_over.due_count >= 10_000);
    assert_eq!(passed_over.since, Some(at("2026-01-01T12:01:00")));
    let made_up_for = rest.iter().filter(|firing| firing.kind == FiringKind::CatchUp);
    assert_eq!(made_up_for.count(), 1_000);
    assert_eq!(rest[1_000].due_at, at("2027-01-01T12:00:00"));
    assert_eq!(rest[1_000].kind, FiringKind::Scheduled);
}

#[test]
fn what_comes_due_during_a_pause_never_runs() {
    let mut schedule = schedule("rate(1 minute)");
    schedule.settings.state = ScheduleState::Paused;
    let paused = plan_at(&schedule, "2026-01-01T12:02:00");
    assert_eq!(told(&paused), ["12:01..12:02 2 skipped", "next 12:03"]);
    schedule.settings.state = ScheduleState::Enabled;
    schedule.paused_at = Some(at("2026-01-01T12:00:00"));
    schedule.state_since = at("2026-01-01T12:02:30");
    let enabled = plan_at(&schedule, "2026-01-01T12:03:00");
    assert_eq!(told(&enabled), ["12:01..12:02 2 skipped", "12:03 scheduled", "next 12:04"]);
}

#[test]
fn what_came_due_before_a_pause_did_not_come_due_during_it() {
    let mut schedule = schedule("rate(1 minute)");
    schedule.paused_at = Some(at("2026-01-01T12:02:30"));
    schedule.settings.state = ScheduleState::Paused;
    schedule.settings.paused_reason = Some("the month is being closed".to_owned());
    schedule.state_since = at("2026-01-01T12:02:30");
    let paused = plan_at(&schedule, "2026-01-01T12:04:00");
    let all = ["12:01..12:02 2 skipped", "12:03..12:04 2 skipped", "next 12:05"];
    assert_eq!(told(&paused), all);
    let whys: Vec<&str> =
        paused.firings.iter().filter_map(|firing| firing.skipped.as_deref()).collect();
    assert_eq!(
        whys,
        [
            "the schedule was paused before this could start: the month is being closed",
            "the schedule is paused: the month is being closed",
        ]
    );
    // Enabled again, and nobody has looked: what the pause did not reach was missed.
    schedule.settings.state = ScheduleState::Enabled;
    schedule.state_since = at("2026-01-01T12:04:30");
    let enabled = plan_at(&schedule, "2026-01-01T12:05:00");
    assert_eq!(
        told(&enabled),
        [
            "12:03..12:04 2 skipped",
            "12:01 catch_up",
            "12:02 catch_up",
            "12:05 scheduled",
            "next 12:06"
        ]
    );
}

#[test]
fn a_backfill_of_a_rate_reaches_back_before_it_counts() {
    let schedule = schedule("rate(7 minutes)");
    let rule = Rule::parse(&schedule.settings.expression, "UTC").unwrap();
    let instant = |text: &str| Timestamp(at(text).timestamp_millis());
    let due = |from: &str, until: &str| {
        let bounds = Bounds::of_backfill(&schedule, &rule, instant(from));
        let due = bounds.due(instant(from).plus_ms(-1), instant(until), 100);
        due.into_iter().map(|due| moment(due).format("%H:%M").to_string()).collect::<Vec<_>>()
    };
    let around = due("2026-01-01T11:46:00", "2026-01-01T12:14:00");
    assert_eq!(around, ["11:46", "11:53", "12:00", "12:07", "12:14"]);
    assert_eq!(due("2026-01-01T11:47:00", "2026-01-01T11:59:00"), ["11:53"]);
    assert_eq!(due("2026-01-01T12:01:00", "2026-01-01T12:08:00"), ["12:07"]);
}

#[test]
fn nothing_is_due_outside_of_the_dates_but_a_one_time_schedule_ignores_them() {
    let mut schedule = schedule("rate(1 minute)");
    schedule.settings.starts_at = Some(at("2026-01-01T12:02:00"));
    schedule.settings.ends_at = Some(at("2026-01-01T12:03:00"));
    schedule.anchor = at("2026-01-01T12:02:00");
    assert_eq!(told(&plan_at(&schedule, "2026-01-01T12:01:30")), ["next 12:02"]);
    let all = plan_at(&schedule, "2026-01-01T12:04:00");
    assert_eq!(told(&all), ["12:02 catch_up", "12:03 scheduled"]);
    schedule.settings.expression = "at(2026-01-01T12:10:00)".to_owned();
    assert_eq!(told(&plan_at(&schedule, "2026-01-01T12:04:00")), ["next 12:10"]);
}

#[test]
fn jitter_stays_within_the_window_and_never_changes() {
    let mut schedule = schedule("rate(1 minute)");
    schedule.settings.window_minutes = Some(3);
    let mut delays = Vec::new();
    for minute in 0..200 {
        let due = Timestamp(at("2026-01-01T12:00:00").timestamp_millis() + minute * 60_000);
        let delay = name::fire_at(&schedule, due).0 - due.0;
        assert_eq!(name::fire_at(&schedule, due).0 - due.0, delay);
        assert!((0..180_000).contains(&delay), "{delay}");
        delays.push(delay);
    }
    delays.sort_unstable();
    assert!(delays[0] < 20_000 && delays[199] > 160_000, "all of the window is used");
    schedule.settings.window_minutes = None;
    assert_eq!(name::fire_at(&schedule, Timestamp(5)), Timestamp(5));
}

#[test]
fn a_late_firing_is_not_missed_while_its_window_is_open() {
    let mut schedule = schedule("rate(1 hour)");
    schedule.settings.window_minutes = Some(1_440);
    let plan = plan_at(&schedule, "2026-01-01T13:00:05");
    assert_eq!(told(&plan), ["13:00 scheduled", "next 14:00"]);
    assert!(plan.firings[0].fire_at > plan.firings[0].due_at);
}

#[test]
fn the_name_of_an_execution_tells_schedule_and_due_time() {
    let mut schedule = schedule("rate(1 hour)");
    let due = "2026-11-25T02:00:00";
    let named = |schedule: &Schedule, kind| name::execution_name(schedule, &firing(kind, due));
    assert_eq!(named(&schedule, FiringKind::Scheduled), "nightly-20261125T020000Z");
    assert_eq!(named(&schedule, FiringKind::CatchUp), "nightly-20261125T020000Z");
    let run_now = named(&schedule, FiringKind::RunNow);
    assert!(run_now.starts_with("nightly-20261125T020000Z-run-"), "{run_now}");
    let backfill = named(&schedule, FiringKind::Backfill);
    assert!(backfill.starts_with("nightly-20261125T020000Z-backfill-"), "{backfill}");
    schedule.name = "n".repeat(64);
    let long = named(&schedule, FiringKind::Backfill);
    assert_eq!(long.len(), 80);
    assert!(asl::arn::valid_name(&long));
    schedule.group = "reports".to_owned();
    assert_ne!(named(&schedule, FiringKind::Backfill), long);
}

#[test]
fn placeholders_are_replaced_once_and_anything_else_is_left_alone() {
    let mut schedule = schedule("rate(1 hour)");
    let firing = firing(FiringKind::Scheduled, "2026-11-25T02:00:00");
    let input = |schedule: &Schedule| {
        let (target_arn, input) = (String::new(), schedule.settings.input.clone());
        let attempt = Attempt { number: 2, target_arn, input };
        let made = input::input(schedule, &firing, &attempt, "us-east-1", 1_000);
        made.map(|payload| payload.raw().to_owned())
    };
    let with = |text: &str| {
        let mut schedule = schedule.clone();
        schedule.settings.input = Some(text.to_owned());
        input(&schedule)
    };
    assert_eq!(
        with(r#"{"a": "<aws.scheduler.scheduled-time>", "n": <aws.scheduler.attempt-number>}"#),
        Ok(r#"{"a": "2026-11-25T02:00:00Z", "n": 2}"#.to_owned())
    );
    assert_eq!(
        with(r#""<aws.scheduler.schedule-arn> <statewright.schedule-name>""#),
        Ok(r#""arn:aws:scheduler:us-east-1:123456789012:schedule/default/nightly nightly""#
            .to_owned())
    );
    assert_eq!(with(r#""<b> < <<aws.scheduler.x>>""#), Ok(r#""<b> < <<aws.scheduler.x>>""#.into()));
    assert_eq!(with(r#""<<statewright.schedule-name>>""#), Ok(r#""<nightly>""#.into()));
    assert!(with("{").unwrap_err().starts_with("the input is not JSON"));
    assert!(with(&"1".repeat(1_001)).unwrap_err().contains("1001 bytes"));
    schedule.settings.input = None;
    let sent: serde_json::Value = serde_json::from_str(&input(&schedule).unwrap()).unwrap();
    assert_eq!(
        (&sent["source"], &sent["detail-type"]),
        (&"aws.scheduler".into(), &"Scheduled Event".into())
    );
    assert_eq!(sent["time"], "2026-11-25T02:00:00Z");
}

#[test]
fn the_log_says_why_a_firing_runs() {
    let told = |kind, delay_s: u64| {
        let mut firing = firing(kind, "2026-01-01T13:00:00");
        firing.fire_at += std::time::Duration::from_secs(delay_s);
        reason::runs(&firing)
    };
    assert_eq!(told(FiringKind::Scheduled, 0), "it was due");
    assert_eq!(
        told(FiringKind::Scheduled, 90),
        "it was due, and delayed by 90 s within its window"
    );
    assert_eq!(told(FiringKind::CatchUp, 90), "it was due and missed; made up for 90 s later");
    assert_eq!(told(FiringKind::RunNow, 90), "a user asked for it");
    assert_eq!(told(FiringKind::Backfill, 90), "a user asked for a backfill");
    let again = reason::runs_already(&firing(FiringKind::RunNow, "2026-01-01T13:00:00"));
    assert_eq!(again, "a user asked for it; its execution was there already");
}

#[test]
fn the_log_says_why_what_was_missed_stays_so() {
    let mut settings = schedule("rate(1 hour)").settings;
    let mut told = |policy| {
        settings.catch_up = policy;
        reason::missed(&settings)
    };
    assert_eq!(
        told(CatchUp::Skip),
        "nothing could be fired at the time, and the catch-up policy is `skip`"
    );
    assert_eq!(
        told(CatchUp::One),
        "nothing could be fired at the time, and the catch-up policy `one` makes up for the latest \
         only, within 86400 s"
    );
    assert_eq!(
        told(CatchUp::All),
        "nothing could be fired at the time, and the catch-up policy `all` goes back 86400 s and \
         1000 firings"
    );
}

#[test]
fn an_input_that_cannot_be_one_fails_its_firing() {
    let schedule = schedule("rate(1 hour)");
    let firing = firing(FiringKind::Scheduled, "2026-01-01T13:00:00");
    let told = |text: &str| {
        let attempt =
            Attempt { number: 1, target_arn: String::new(), input: Some(text.to_owned()) };
        input::input(&schedule, &firing, &attempt, "us-east-1", 30).unwrap_err()
    };
    let filled_in = told(r#""<aws.scheduler.execution-id>""#);
    assert_eq!(filled_in, "the input is 38 bytes long, and 30 is the most");
    assert_eq!(
        told("<aws.scheduler.attempt-number>x"),
        "the input is not JSON: trailing characters at line 1 column 2"
    );
}
