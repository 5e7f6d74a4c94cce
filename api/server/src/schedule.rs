//! `statewright schedule preview`: when a schedule would fire, before it is created.

use std::fmt::Write as _;
use std::io::Write;

use chrono::DateTime;
use clap::{Args, Subcommand, ValueEnum};
use machine::Timestamp;
use machine::schedule::{DEFAULT_ZONE, Firing, Firings, Note, Schedule, Skipped};
use serde_json::json;

use crate::exit::Exit;

/// What can be asked about schedules.
#[derive(Debug, Subcommand)]
pub enum Question {
    /// Print the next firings of an expression, in local time and UTC
    ///
    /// Exit codes: 0 printed, though there may be none; 2 the expression or an option is refused.
    #[command(after_help = crate::examples::PREVIEW)]
    Preview(PreviewArgs),
}

/// An expression, and which of its firings are wanted.
#[derive(Debug, Args)]
pub struct PreviewArgs {
    /// `cron(…)`, `rate(…)` or `at(…)`, as EventBridge Scheduler writes them
    expression: String,
    /// The clocks that `cron(…)` and `at(…)` go by: a name of the IANA database
    #[arg(long, value_name = "ZONE", default_value = DEFAULT_ZONE)]
    timezone: String,
    /// Firings strictly after this instant, RFC 3339; now, if it is not given
    #[arg(long, value_name = "INSTANT", value_parser = instant)]
    after: Option<Timestamp>,
    /// The instant that `rate(…)` counts from; that of `--after`, if it is not given
    #[arg(long, value_name = "INSTANT", value_parser = instant)]
    start: Option<Timestamp>,
    /// How many firings, at most
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=1000))]
    count: u16,
    /// How they are written
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// How firings are written.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Format {
    /// A line each: local time, UTC, and what a change of the clocks does to it.
    Text,
    /// `{"firings": […]}`, instants in UTC.
    Json,
}

fn instant(text: &str) -> Result<Timestamp, String> {
    DateTime::parse_from_rfc3339(text)
        .map(|instant| Timestamp(instant.timestamp_millis()))
        .map_err(|_| "expected an instant such as 2026-11-23T00:00:00Z".to_owned())
}

/// Writes the answer to `out`.
///
/// # Errors
/// The expression or the zone is refused; `out` cannot be written.
pub fn answer(question: &Question, now: Timestamp, out: &mut impl Write) -> anyhow::Result<Exit> {
    let Question::Preview(args) = question;
    let schedule = Schedule::parse(&args.expression, &args.timezone)?;
    let after = args.after.unwrap_or(now);
    let mut firings = schedule.firings(after, args.start.unwrap_or(after));
    let text = match args.format {
        Format::Text => as_text(&mut firings, args, after),
        Format::Json => {
            let instants: Vec<_> =
                firings.take(args.count.into()).map(|firing| firing.at.iso()).collect();
            serde_json::to_string_pretty(&json!({ "firings": instants }))? + "\n"
        }
    };
    out.write_all(text.as_bytes())?;
    Ok(Exit::Done)
}

fn as_text(firings: &mut Firings<'_>, args: &PreviewArgs, after: Timestamp) -> String {
    let mut text = format!("{:<25}  UTC\n", args.timezone);
    let mut last = None;
    for _ in 0..args.count {
        let Some(firing) = firings.next() else {
            for skipped in firings.skipped_at_end() {
                let _ = writeln!(text, "{}", skip_as_text(skipped));
            }
            let last = last.unwrap_or(after);
            let _ = writeln!(text, "none after {}", last.iso());
            break;
        };
        last = Some(firing.at);
        text.push_str(&firing_as_text(&firing));
    }
    text
}

/// What was skipped before it, on lines of their own, and the firing.
fn firing_as_text(firing: &Firing) -> String {
    let mut text = String::new();
    if let Some(Note::Skipped(skipped)) = &firing.note {
        for skipped in skipped {
            let _ = writeln!(text, "{}", skip_as_text(skipped));
        }
    }
    let _ = write!(text, "{}  {}", firing.local.to_rfc3339(), firing.at.iso());
    match &firing.note {
        None | Some(Note::Skipped(_)) => {}
        Some(Note::Once { not_again }) => {
            let again = not_again.iso();
            let _ = write!(text, "  once: the clocks go back and show this time again at {again}");
        }
        Some(Note::Moved { from, to }) => {
            let minutes = (to.local_minus_utc() - from.local_minus_utc()) / 60;
            let direction = if minutes > 0 { "earlier" } else { "later" };
            let minutes = minutes.abs();
            let _ = write!(
                text,
                "  moved: {minutes} minutes {direction} in UTC, the clocks went from {from} to {to}"
            );
        }
    }
    text.push('\n');
    text
}

fn skip_as_text(skipped: &Skipped) -> String {
    let form = "%Y-%m-%dT%H:%M:%S";
    let (due, until) = (skipped.due.format(form), skipped.until.format(form));
    format!("{due:<25}  skipped: the clocks go forward and show no time from here to {until}")
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(subcommand)]
        question: Question,
    }

    fn ask(arguments: &[&str]) -> Result<String, String> {
        let line = Line::try_parse_from(["schedule", "preview"].iter().chain(arguments))
            .map_err(|error| error.to_string())?;
        let now = Timestamp(1_795_392_000_000); // 2026-11-23T00:00:00Z
        let mut out = Vec::new();
        match answer(&line.question, now, &mut out) {
            Ok(exit) => assert_eq!(exit, Exit::Done),
            Err(error) => return Err(format!("{error:#}")),
        }
        String::from_utf8(out).map_err(|error| error.to_string())
    }

    #[track_caller]
    fn check(arguments: &[&str], expected: &str) {
        assert_eq!(ask(arguments).as_deref(), Ok(expected));
    }

    #[test]
    fn a_skipped_firing_is_told_where_it_would_have_been() {
        let arguments = ["cron(30 2 * * ? *)", "--timezone", "America/New_York", "--count", "2"];
        check(
            &[&arguments[..], &["--after", "2026-03-07T00:00:00Z"]].concat(),
            "America/New_York           UTC\n\
             2026-03-07T02:30:00-05:00  2026-03-07T07:30:00Z\n\
             2026-03-08T02:30:00        skipped: the clocks go forward and show no time from here to 2026-03-08T03:00:00\n\
             2026-03-09T02:30:00-04:00  2026-03-09T06:30:00Z\n",
        );
    }

    #[test]
    fn a_time_that_occurs_twice_and_a_move_in_utc_are_told() {
        let arguments = ["cron(30 1 * * ? *)", "--timezone", "America/New_York", "--count", "2"];
        check(
            &[&arguments[..], &["--after", "2026-10-31T12:00:00Z"]].concat(),
            "America/New_York           UTC\n\
             2026-11-01T01:30:00-04:00  2026-11-01T05:30:00Z  once: the clocks go back and show this time again at 2026-11-01T06:30:00Z\n\
             2026-11-02T01:30:00-05:00  2026-11-02T06:30:00Z  moved: 60 minutes later in UTC, the clocks went from -04:00 to -05:00\n",
        );
    }

    #[test]
    fn the_end_of_a_schedule_is_told() {
        check(
            &["cron(0 0 1 1 ? 2030)"],
            "UTC                        UTC\n\
             2030-01-01T00:00:00+00:00  2030-01-01T00:00:00Z\n\
             none after 2030-01-01T00:00:00Z\n",
        );
        check(
            &["at(2027-03-28T02:30:00)", "--timezone", "Europe/Berlin"],
            "Europe/Berlin              UTC\n\
             2027-03-28T02:30:00        skipped: the clocks go forward and show no time from here to 2027-03-28T03:00:00\n\
             none after 2026-11-23T00:00:00Z\n",
        );
    }

    #[test]
    fn json_holds_the_instants() {
        check(
            &["rate(5 minutes)", "--count", "2", "--format", "json"],
            "{\n  \"firings\": [\n    \"2026-11-23T00:05:00Z\",\n    \"2026-11-23T00:10:00Z\"\n  ]\n}\n",
        );
        let start = ["--start", "2026-11-22T23:59:30Z", "--count", "1", "--format", "json"];
        check(
            &[&["rate(1 hour)"], &start[..]].concat(),
            "{\n  \"firings\": [\n    \"2026-11-23T00:59:30Z\"\n  ]\n}\n",
        );
        check(&["cron(0 0 30 2 ? *)", "--format", "json"], "{\n  \"firings\": []\n}\n");
    }

    #[test]
    fn a_refusal_says_why() {
        for (arguments, why) in [
            (&["cron(60 9 * * ? *)"][..], "minutes: `60` is out of range; expected 0-59"),
            (&["rate(1 day)", "--timezone", "Mars"], "time zone: `Mars` is not in the IANA"),
            (&["rate(1 day)", "--after", "noon"], "expected an instant such as"),
            (&["rate(1 day)", "--count", "0"], "0 is not in 1..=1000"),
            (&["rate(1 day)", "--count", "1001"], "1001 is not in 1..=1000"),
        ] {
            let refusal = ask(arguments).expect_err("refused");
            assert!(refusal.contains(why), "{refusal}");
        }
    }
}
