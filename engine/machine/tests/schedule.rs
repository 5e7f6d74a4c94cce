//! When schedules fire: the rules at changes of the clocks, what is refused, and a comparison with
//! another implementation.

#![expect(clippy::unwrap_used, reason = "a failed setup should fail the test")]
#![expect(clippy::needless_raw_string_hashes, reason = "expect-test writes them")]

use std::fmt::Write as _;

use chrono::{DateTime, Utc};
use croner::parser::{CronParser, Seconds, Year};
use expect_test::{Expect, expect};
use machine::schedule::{Note, Schedule};
use machine::{Random, Timestamp};

fn instant(text: &str) -> Timestamp {
    Timestamp(DateTime::parse_from_rfc3339(text).unwrap().timestamp_millis())
}

/// The next firings in UTC, to the minute.
fn next(expression: &str, zone: &str, after: &str, count: usize) -> Vec<String> {
    let schedule = Schedule::parse(expression, zone).unwrap();
    let after = instant(after);
    let minute = |at: Timestamp| {
        let at = DateTime::<Utc>::from_timestamp_millis(at.0).unwrap();
        at.format("%Y-%m-%dT%H:%MZ").to_string()
    };
    schedule.firings(after, after).take(count).map(|firing| minute(firing.at)).collect()
}

/// Expressions in UTC after 2026-11-23T00:00Z, and their next firings at 09:00.
#[test]
fn special_days_are_found() {
    for (days, expected) in [
        ("15W * ?", ["2026-12-15", "2027-01-15", "2027-02-15"]),
        ("LW * ?", ["2026-11-30", "2026-12-31", "2027-01-29"]),
        ("L * ?", ["2026-11-30", "2026-12-31", "2027-01-31"]),
        ("L 2 ?", ["2027-02-28", "2028-02-29", "2029-02-28"]),
        ("L-30 * ?", ["2026-12-01", "2027-01-01", "2027-03-01"]),
        ("1W 8 ?", ["2027-08-02", "2028-08-01", "2029-08-01"]),
        ("31W 1 ?", ["2027-01-29", "2028-01-31", "2029-01-31"]),
        ("? * 2#1", ["2026-12-07", "2027-01-04", "2027-02-01"]),
        ("? * mon#5", ["2026-11-30", "2027-03-29", "2027-05-31"]),
        ("? * L", ["2026-11-28", "2026-12-05", "2026-12-12"]),
        ("? * MON,6L", ["2026-11-23", "2026-11-27", "2026-11-30"]),
        ("? NOV-FEB 1", ["2026-11-29", "2026-12-06", "2026-12-13"]),
        ("? * FRI-2/2", ["2026-11-27", "2026-11-29", "2026-12-04"]),
        ("1,L 1,12 ?", ["2026-12-01", "2026-12-31", "2027-01-01"]),
        ("25-2/4 12-1 ?", ["2026-12-02", "2026-12-25", "2026-12-29"]),
    ] {
        let expression = format!("cron(0 9 {days} *)");
        let expected = expected.map(|day| format!("{day}T09:00Z"));
        assert_eq!(next(&expression, "UTC", "2026-11-23T00:00:00Z", 3), expected, "{expression}");
    }
}

#[test]
fn a_date_that_never_comes_is_never() {
    for expression in [
        "cron(0 0 30 2 ? *)",
        "cron(0 0 31W 4,6,9,11 ? *)",
        "cron(0 0 29 2 ? 2027/4)",
        "cron(* * ? 2 1#5 2029-2031)",
        "cron(59 23 31 12 ? 1970-2025)",
        "at(2026-11-23T00:00:00)",
    ] {
        assert!(next(expression, "UTC", "2026-11-23T00:00:00Z", 1).is_empty(), "{expression}");
    }
    // Due each year, and each year in the hour that does not exist.
    let gap = "cron(* 2 ? 3 1#2 2027-2199)";
    assert!(next(gap, "America/New_York", "2026-11-23T00:00:00Z", 1).is_empty());
}

#[test]
fn a_schedule_ends_with_the_year_2199() {
    let last = "2199-12-31T23:59:00Z";
    assert_eq!(next("cron(* * * * ? *)", "UTC", "2199-12-31T23:58:59Z", 2), ["2199-12-31T23:59Z"]);
    assert!(next("cron(* * * * ? *)", "UTC", last, 1).is_empty());
    assert!(next("rate(1 minute)", "UTC", last, 1).is_empty());
    let schedule = Schedule::parse("rate(4294967295 days)", "UTC").unwrap();
    for far in [Timestamp(i64::MAX), Timestamp(i64::MAX - 1)] {
        assert_eq!(schedule.next_after(far, Timestamp(0)), None);
        assert_eq!(schedule.next_after(far, Timestamp(i64::MIN)), None);
        let cron = Schedule::parse("cron(* * * * ? *)", "Asia/Tokyo").unwrap();
        assert_eq!(cron.next_after(far, far), None);
        let first = cron.next_after(Timestamp(i64::MIN), far).unwrap();
        assert_eq!(first.at.iso(), "1969-12-31T15:00:00Z", "an early start of 1970");
    }
}

#[test]
fn a_rate_counts_from_its_anchor() {
    let next = |rate: &str, after: &str, anchor: &str| {
        let schedule = Schedule::parse(rate, "America/New_York").unwrap();
        let firing = schedule.next_after(instant(after), instant(anchor)).unwrap();
        assert_eq!(firing.note, None);
        firing.at.iso()
    };
    let anchor = "2026-03-07T12:00:30Z";
    assert_eq!(next("rate(5 minutes)", anchor, anchor), "2026-03-07T12:05:30Z");
    assert_eq!(next("rate(5 minutes)", "2026-03-07T12:05:29Z", anchor), "2026-03-07T12:05:30Z");
    assert_eq!(next("rate(5 minutes)", "2026-03-07T12:05:30Z", anchor), "2026-03-07T12:10:30Z");
    assert_eq!(next("rate(1 hours)", "2026-03-01T00:00:00Z", anchor), anchor);
    // A day is 24 hours, on the day the clocks change too.
    assert_eq!(next("rate(1 day)", "2026-03-08T00:00:00Z", anchor), "2026-03-08T12:00:30Z");
}

#[test]
fn seconds_of_the_instant_do_not_hide_a_firing() {
    let every = "cron(* * * * ? *)";
    assert_eq!(next(every, "UTC", "2026-11-23T00:07:59.999Z", 1), ["2026-11-23T00:08Z"]);
    assert_eq!(next(every, "UTC", "2026-11-23T00:08:00Z", 1), ["2026-11-23T00:09Z"]);
    assert_eq!(next("at(2026-11-23T00:07:30)", "UTC", "2026-11-23T00:07:29.5Z", 1).len(), 1);
    assert_eq!(next("at(2026-11-23T00:07:30)", "UTC", "2026-11-23T00:07:30Z", 1).len(), 0);
}

/// Prints the next firings: local time, UTC, and what changes of the clocks do.
fn check(expression: &str, zone: &str, after: &str, count: usize, expected: &Expect) {
    let schedule = Schedule::parse(expression, zone).unwrap();
    let after = instant(after);
    let mut firings = schedule.firings(after, after);
    let mut text = String::new();
    for firing in firings.by_ref().take(count) {
        let _ = write!(text, "{} {}", firing.local.format("%F %R %:z"), firing.at.iso());
        let _ = match firing.note {
            None => writeln!(text),
            Some(Note::Skipped(skipped)) => {
                let skips = skipped.iter().map(|it| format!("{} until {}", it.due, it.until));
                writeln!(text, " skipped {}", skips.collect::<Vec<_>>().join(", "))
            }
            Some(Note::Once { not_again }) => writeln!(text, " not again {}", not_again.iso()),
            Some(Note::Moved { from, to }) => writeln!(text, " moved {from} to {to}"),
        };
    }
    for skipped in firings.skipped_at_end() {
        let _ = writeln!(text, "at the end skipped {} until {}", skipped.due, skipped.until);
    }
    expected.assert_eq(&text);
}

#[test]
fn a_time_that_does_not_exist_is_skipped() {
    let daily = "cron(30 2 * * ? *)";
    check(
        daily,
        "America/New_York",
        "2026-03-07T00:00:00Z",
        3,
        &expect![[r#"
        2026-03-07 02:30 -05:00 2026-03-07T07:30:00Z
        2026-03-09 02:30 -04:00 2026-03-09T06:30:00Z skipped 2026-03-08 02:30:00 until 2026-03-08 03:00:00
        2026-03-10 02:30 -04:00 2026-03-10T06:30:00Z
    "#]],
    );
    check(
        "cron(0/30 * * * ? *)",
        "Europe/Berlin",
        "2027-03-28T00:00:00Z",
        3,
        &expect![[r#"
        2027-03-28 01:30 +01:00 2027-03-28T00:30:00Z
        2027-03-28 03:00 +02:00 2027-03-28T01:00:00Z skipped 2027-03-28 02:00:00 until 2027-03-28 03:00:00
        2027-03-28 03:30 +02:00 2027-03-28T01:30:00Z
    "#]],
    );
    // Midnight, half an hour, and a whole day.
    check(
        "cron(0 0 * * ? *)",
        "America/Sao_Paulo",
        "2018-11-03T04:00:00Z",
        2,
        &expect![[r#"
        2018-11-05 00:00 -02:00 2018-11-05T02:00:00Z skipped 2018-11-04 00:00:00 until 2018-11-04 01:00:00
        2018-11-06 00:00 -02:00 2018-11-06T02:00:00Z
    "#]],
    );
    check(
        "cron(15 2 * * ? *)",
        "Australia/Lord_Howe",
        "2026-10-03T00:00:00Z",
        2,
        &expect![[r#"
        2026-10-05 02:15 +11:00 2026-10-04T15:15:00Z skipped 2026-10-04 02:15:00 until 2026-10-04 02:30:00
        2026-10-06 02:15 +11:00 2026-10-05T15:15:00Z
    "#]],
    );
    check(
        "cron(0 9 * * ? *)",
        "Pacific/Apia",
        "2011-12-29T12:00:00Z",
        3,
        &expect![[r#"
        2011-12-29 09:00 -10:00 2011-12-29T19:00:00Z
        2011-12-31 09:00 +14:00 2011-12-30T19:00:00Z skipped 2011-12-30 09:00:00 until 2011-12-31 00:00:00
        2012-01-01 09:00 +14:00 2011-12-31T19:00:00Z
    "#]],
    );
    // Once for all.
    check(
        "at(2026-03-08T02:30:00)",
        "America/New_York",
        "2026-01-01T00:00:00Z",
        1,
        &expect![[r#"
        at the end skipped 2026-03-08 02:30:00 until 2026-03-08 03:00:00
    "#]],
    );
}

#[test]
fn a_time_that_occurs_twice_fires_once() {
    check(
        "cron(30 1 * * ? *)",
        "America/New_York",
        "2026-10-31T12:00:00Z",
        3,
        &expect![[r#"
        2026-11-01 01:30 -04:00 2026-11-01T05:30:00Z not again 2026-11-01T06:30:00Z
        2026-11-02 01:30 -05:00 2026-11-02T06:30:00Z moved -04:00 to -05:00
        2026-11-03 01:30 -05:00 2026-11-03T06:30:00Z
    "#]],
    );
    check(
        "cron(0/30 * * * ? *)",
        "Europe/London",
        "2026-10-25T00:00:00Z",
        4,
        &expect![[r#"
        2026-10-25 01:30 +01:00 2026-10-25T00:30:00Z not again 2026-10-25T01:30:00Z
        2026-10-25 02:00 +00:00 2026-10-25T02:00:00Z moved +01:00 to +00:00
        2026-10-25 02:30 +00:00 2026-10-25T02:30:00Z
        2026-10-25 03:00 +00:00 2026-10-25T03:00:00Z
    "#]],
    );
    // Asked in the middle of the second time round.
    check(
        "cron(0/15 * * * ? *)",
        "Europe/London",
        "2026-10-25T01:20:00Z",
        1,
        &expect![[r#"
        2026-10-25 02:00 +00:00 2026-10-25T02:00:00Z
    "#]],
    );
    check(
        "cron(45 1 * * ? *)",
        "Australia/Lord_Howe",
        "2026-04-04T00:00:00Z",
        2,
        &expect![[r#"
        2026-04-05 01:45 +11:00 2026-04-04T14:45:00Z not again 2026-04-04T15:15:00Z
        2026-04-06 01:45 +10:30 2026-04-05T15:15:00Z moved +11:00 to +10:30
    "#]],
    );
    check(
        "at(2026-11-01T01:30:00)",
        "America/New_York",
        "2026-01-01T00:00:00Z",
        1,
        &expect![[r#"
        2026-11-01 01:30 -04:00 2026-11-01T05:30:00Z not again 2026-11-01T06:30:00Z
    "#]],
    );
}

#[test]
fn local_time_stays_when_the_clocks_change() {
    check(
        "cron(0 9 ? * SUN *)",
        "Europe/Berlin",
        "2026-10-18T00:00:00Z",
        3,
        &expect![[r#"
        2026-10-18 09:00 +02:00 2026-10-18T07:00:00Z
        2026-10-25 09:00 +01:00 2026-10-25T08:00:00Z moved +02:00 to +01:00
        2026-11-01 09:00 +01:00 2026-11-01T08:00:00Z
    "#]],
    );
    // The tables of zones end before the years of cron expressions do.
    check(
        "cron(0 9 ? * SUN *)",
        "Europe/Berlin",
        "2150-10-18T00:00:00Z",
        3,
        &expect![[r#"
        2150-10-18 09:00 +02:00 2150-10-18T07:00:00Z
        2150-10-25 09:00 +01:00 2150-10-25T08:00:00Z moved +02:00 to +01:00
        2150-11-01 09:00 +01:00 2150-11-01T08:00:00Z
    "#]],
    );
    check(
        "cron(30 2 8-14 3 ? 2197/2)",
        "America/New_York",
        "2199-03-09T00:00:00Z",
        3,
        &expect![[r#"
            2199-03-09 02:30 -05:00 2199-03-09T07:30:00Z
            2199-03-11 02:30 -04:00 2199-03-11T06:30:00Z skipped 2199-03-10 02:30:00 until 2199-03-10 03:00:00
            2199-03-12 02:30 -04:00 2199-03-12T06:30:00Z
        "#]],
    );
    check(
        "cron(30 23 31 12 ? *)",
        "Asia/Kolkata",
        "2097-01-01T00:00:00Z",
        3,
        &expect![[r#"
        2097-12-31 23:30 +05:30 2097-12-31T18:00:00Z
        2098-12-31 23:30 +05:30 2098-12-31T18:00:00Z
        2099-12-31 23:30 +05:30 2099-12-31T18:00:00Z
    "#]],
    );
    check(
        "cron(30 23 31 12 ? *)",
        "Australia/Sydney",
        "2097-01-01T00:00:00Z",
        3,
        &expect![[r#"
        2097-12-31 23:30 +11:00 2097-12-31T12:30:00Z
        2098-12-31 23:30 +11:00 2098-12-31T12:30:00Z
        2099-12-31 23:30 +11:00 2099-12-31T12:30:00Z
    "#]],
    );
}

/// Expressions, and why they are refused.
const REFUSALS: &str = "\
0 9 * * ? * => expression: `0 9 * * ? *` is of no known form; expected `rate(…)`, `at(…)` or `cron(…)`
cron(0 9 * * ? * => expression: `cron(0 9 * * ? *` is of no known form; expected `rate(…)`, `at(…)` or `cron(…)`
every(5 minutes) => expression: `every(5 minutes)` is of no known form; expected `rate(…)`, `at(…)` or `cron(…)`
rate() => rate: `` is not a number and a unit; expected for example `rate(5 minutes)`
rate(5) => rate: `5` is not a number and a unit; expected for example `rate(5 minutes)`
rate(0 minutes) => rate: `0` is not a positive number; expected a whole number from 1 to 4294967295
rate(-1 minutes) => rate: `-1` is not a positive number; expected a whole number from 1 to 4294967295
rate(+1 minutes) => rate: `+1` is not a positive number; expected a whole number from 1 to 4294967295
rate(1.5 hours) => rate: `1.5` is not a positive number; expected a whole number from 1 to 4294967295
rate(4294967296 days) => rate: `4294967296` is not a positive number; expected a whole number from 1 to 4294967295
rate(5 seconds) => rate: `seconds` is no unit; expected `minutes`, `hours` or `days`
rate(5 minutes 3) => rate: `5 minutes 3` is not a number and a unit; expected for example `rate(5 minutes)`
rate( 10 minutes ) => expression: `rate( 10 minutes )` has blanks where none are allowed; expected one blank between two words, and no others
rate(10  minutes) => expression: `rate(10  minutes)` has blanks where none are allowed; expected one blank between two words, and no others
cron( 0 9 * * ? *) => expression: `cron( 0 9 * * ? *)` has blanks where none are allowed; expected one blank between two words, and no others
cron(0 9 * * ? * ) => expression: `cron(0 9 * * ? * )` has blanks where none are allowed; expected one blank between two words, and no others
at(2026-11-23) => at: `2026-11-23` is not a local date and time; expected `yyyy-mm-ddThh:mm:ss` without offset
at(2026-02-30T00:00:00) => at: `2026-02-30T00:00:00` is not a local date and time; expected `yyyy-mm-ddThh:mm:ss` without offset
at(2026-11-23T24:00:00) => at: `2026-11-23T24:00:00` is not a local date and time; expected `yyyy-mm-ddThh:mm:ss` without offset
at(2026-11-23T23:59:60) => at: `2026-11-23T23:59:60` is not a local date and time; expected `yyyy-mm-ddThh:mm:ss` without offset
at(2026-11-23T00:00:00Z) => at: `2026-11-23T00:00:00Z` is not a local date and time; expected `yyyy-mm-ddThh:mm:ss` without offset
at(2026-11-23 00:00:00) => at: `2026-11-23 00:00:00` is not a local date and time; expected `yyyy-mm-ddThh:mm:ss` without offset
cron() => cron: `` has 0 fields; expected six: minutes, hours, day-of-month, month, day-of-week, year
cron(0 9 * * ?) => cron: `0 9 * * ?` has 5 fields; expected six: minutes, hours, day-of-month, month, day-of-week, year
cron(0 0 9 * * ? *) => cron: `0 0 9 * * ? *` has 7 fields; expected six: minutes, hours, day-of-month, month, day-of-week, year
cron(0 9 ? * ? *) => day-of-month and day-of-week: both are `?`; expected `?` in exactly one of them
cron(0 9 * * * *) => day-of-month and day-of-week: `*` and `*` are both given; expected `?` in exactly one of them
cron(0 9 15 * MON *) => day-of-month and day-of-week: `15` and `MON` are both given; expected `?` in exactly one of them
cron(60 9 * * ? *) => minutes: `60` is out of range; expected 0-59
cron(? 9 * * ? *) => minutes: `?` is no value of this field; expected 0-59
cron(+1 9 * * ? *) => minutes: `+1` is no value of this field; expected 0-59
cron(1, 9 * * ? *) => minutes: a value is missing; expected 0-59
cron(-5 9 * * ? *) => minutes: a value is missing; expected 0-59
cron(1-2-3 9 * * ? *) => minutes: `2-3` is no value of this field; expected 0-59
cron(0/0 9 * * ? *) => minutes: `0/0` has the step `0`; expected a step from 1 to 60
cron(0/61 9 * * ? *) => minutes: `0/61` has the step `61`; expected a step from 1 to 60
cron(0/ 9 * * ? *) => minutes: `0/` has the step ``; expected a step from 1 to 60
cron(/5 9 * * ? *) => minutes: a value is missing; expected 0-59
cron(0/5/5 9 * * ? *) => minutes: `0/5/5` has the step `5/5`; expected a step from 1 to 60
cron(99999 9 * * ? *) => minutes: `99999` is no value of this field; expected 0-59
cron(0 24 * * ? *) => hours: `24` is out of range; expected 0-23
cron(0 L * * ? *) => hours: `L` is no value of this field; expected 0-23
cron(0 9 0 * ? *) => day-of-month: `0` is out of range; expected 1-31
cron(0 9 32 * ? *) => day-of-month: `32` is out of range; expected 1-31
cron(0 9 32W * ? *) => day-of-month: `32W` is not the weekday nearest to a day; expected `1W` to `31W`, or `LW`
cron(0 9 W * ? *) => day-of-month: `W` is not the weekday nearest to a day; expected `1W` to `31W`, or `LW`
cron(0 9 L-0 * ? *) => day-of-month: `L-0` is not so many days before the last; expected `L-1` to `L-30`
cron(0 9 L-31 * ? *) => day-of-month: `L-31` is not so many days before the last; expected `L-1` to `L-30`
cron(0 9 1-L * ? *) => day-of-month: `L` is no value of this field; expected 1-31
cron(0 9 ?,1 * ? *) => day-of-month: `?` is no value of this field; expected 1-31
cron(0 9 * 13 ? *) => month: `13` is out of range; expected 1-12 or JAN-DEC
cron(0 9 * FOO ? *) => month: `FOO` is no value of this field; expected 1-12 or JAN-DEC
cron(0 9 ? * 0 *) => day-of-week: `0` is out of range; expected 1-7 or SUN-SAT
cron(0 9 ? * 8 *) => day-of-week: `8` is out of range; expected 1-7 or SUN-SAT
cron(0 9 ? * MON#6 *) => day-of-week: `MON#6` is in no month; expected a number from 1 to 5 after `#`
cron(0 9 ? * MON#0 *) => day-of-week: `MON#0` is in no month; expected a number from 1 to 5 after `#`
cron(0 9 ? * 3#1,6#3 *) => day-of-week: `3#1,6#3` has a `#` among several; expected it alone
cron(0 9 ? * 8L *) => day-of-week: `8` is out of range; expected 1-7 or SUN-SAT
cron(0 9 ? * MON-L *) => day-of-week: `MON-` is no value of this field; expected 1-7 or SUN-SAT
cron(0 9 * * ? 1969) => year: `1969` is out of range; expected 1970-2199
cron(0 9 * * ? 2200) => year: `2200` is out of range; expected 1970-2199
cron(0 9 * * ? 2030-2026) => year: the range `2030-2026` ends before it starts; expected 1970-2199
cron(0 9 * * ? é) => year: `é` is no value of this field; expected 1970-2199
 => expression: `` is of no known form; expected `rate(…)`, `at(…)` or `cron(…)`
 cron(0 9 * * ? *) => expression: ` cron(0 9 * * ? *)` is of no known form; expected `rate(…)`, `at(…)` or `cron(…)`
";

#[test]
fn a_refusal_says_where_what_and_what_was_expected() {
    for line in REFUSALS.lines() {
        let (expression, expected) = line.split_once(" => ").unwrap();
        let error = Schedule::parse(expression, "UTC").expect_err(expression);
        assert_eq!(error.to_string(), expected, "{expression}");
    }
    let long = format!("cron({} * * * ? *)", "1,".repeat(200));
    let error = Schedule::parse(&long, "UTC").unwrap_err().to_string();
    assert_eq!(error, "expression: too long; expected at most 256 characters");
}

#[test]
fn a_zone_is_one_of_the_database() {
    let long = "x".repeat(51);
    for (zone, shown) in [
        ("", "``"),
        ("Mars/Olympus", "`Mars/Olympus`"),
        ("europe/berlin", "`europe/berlin`"),
        ("+01:00", "`+01:00`"),
        (&long, "so long a name"),
    ] {
        let error = Schedule::parse("rate(1 day)", zone).unwrap_err().to_string();
        let expected = "expected a name such as `Europe/Berlin` or `UTC`";
        let expected = format!("time zone: {shown} is not in the IANA database; {expected}");
        assert_eq!(error, expected);
    }
}

/// One field of an expression that both implementations understand.
fn random_field(random: &mut Random, least: u64, most: u64) -> String {
    let pick = |from: u64, to: u64| from + random.up_to(to - from);
    match pick(0, 5) {
        0 | 1 => "*".to_owned(),
        2 => pick(least, most).to_string(),
        3 => format!("{},{}", pick(least, most), pick(least, most)),
        4 => format!("*/{}", pick(1, most - least)),
        _ => {
            let from = pick(least, most - 1);
            format!("{from}-{}/{}", pick(from + 1, most), pick(1, 3))
        }
    }
}

#[test]
fn another_implementation_agrees_on_what_both_know() {
    let parser = CronParser::builder()
        .seconds(Seconds::Required)
        .year(Year::Required)
        .alternative_weekdays(true)
        .dom_and_dow(true)
        .build();
    let mut random = Random::seeded(20);
    for _ in 0..2_000 {
        let minutes = random_field(&mut random, 0, 59);
        let hours = random_field(&mut random, 0, 23);
        let month = random_field(&mut random, 1, 12);
        let number = 1 + random.up_to(6);
        let (day_of_month, day_of_week) = match random.up_to(6) {
            0 | 1 => (random_field(&mut random, 1, 31), "?".to_owned()),
            2 => ("?".to_owned(), random_field(&mut random, 1, 7)),
            3 => ("?".to_owned(), format!("{number}L")),
            4 => ("?".to_owned(), format!("{number}#{}", 1 + random.up_to(4))),
            5 => (["L", "LW"][usize::from(number > 3)].to_owned(), "?".to_owned()),
            _ => (format!("{}W", 1 + random.up_to(27)), "?".to_owned()),
        };
        let fields = format!("{minutes} {hours} {day_of_month} {month} {day_of_week} *");
        let schedule = Schedule::parse(&format!("cron({fields})"), "UTC").unwrap();
        let theirs = parser.parse(&format!("0 {}", fields.replace('?', "*"))).unwrap();
        // Any minute of the years 2000 to 2094.
        let after =
            Timestamp(946_684_800_000 + 60_000 * i64::try_from(random.up_to(50_000_000)).unwrap());
        let start = DateTime::<Utc>::from_timestamp_millis(after.0).unwrap();
        let expected: Vec<i64> =
            theirs.iter_after(start).take(5).map(|it| it.timestamp_millis()).collect();
        let ours: Vec<i64> = schedule.firings(after, after).take(5).map(|it| it.at.0).collect();
        assert_eq!(ours, expected, "cron({fields}) after {start}");
    }
}
