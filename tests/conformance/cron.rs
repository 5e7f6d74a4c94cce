//! When schedules fire, against what AWS recorded.

use std::fmt::Write as _;
use std::fs;

use chrono::{DateTime, Utc};
use machine::Timestamp;
use machine::schedule::Schedule;
use serde_json::Value;

use crate::data;

/// The next three firings in UTC, to the minute, as the records have them.
fn next(expression: &str, zone: &str, after: &str) -> Value {
    let Ok(schedule) = Schedule::parse(expression, zone) else {
        return Value::from("invalid");
    };
    let after = Timestamp(DateTime::parse_from_rfc3339(after).unwrap().timestamp_millis());
    let minute = |at: Timestamp| {
        let at = DateTime::<Utc>::from_timestamp_millis(at.0).unwrap();
        at.format("%Y-%m-%dT%H:%MZ").to_string()
    };
    let firings: Vec<String> =
        schedule.firings(after, after).take(3).map(|firing| minute(firing.at)).collect();
    if firings.is_empty() { Value::from("none") } else { Value::from(firings) }
}

#[test]
fn the_recorded_cases_hold() {
    let path = data::find("cron/cases.json").unwrap();
    let cases: Vec<Value> = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    let mut wrong = String::new();
    for case in &cases {
        let text = |key: &str| case[key].as_str().unwrap();
        let (expression, zone) = (text("expr"), text("tz"));
        let found = next(expression, zone, text("after"));
        if found != case["expect"] {
            let _ = writeln!(wrong, "{expression} in {zone}: {found}, not {}", case["expect"]);
        }
    }
    assert!(!cases.is_empty() && wrong.is_empty(), "\n{wrong}");
}
