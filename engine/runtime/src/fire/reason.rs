//! What the decision log says, in words.

use store::{CatchUp, Firing, FiringKind, ScheduleSettings, ScheduleState};

use super::plan::MOST_CAUGHT_UP;

/// Why what came due during a pause does not run.
pub(super) fn paused(settings: &ScheduleSettings) -> String {
    match settings.state {
        ScheduleState::Enabled => "the schedule was paused".to_owned(),
        ScheduleState::Paused => because("the schedule is paused", settings),
    }
}

/// Why what came due before a pause does not run.
pub(super) fn cut_off(settings: &ScheduleSettings) -> String {
    because("the schedule was paused before this could start", settings)
}

fn because(what: &str, settings: &ScheduleSettings) -> String {
    let why = settings.paused_reason.as_ref();
    why.map_or_else(|| what.to_owned(), |why| format!("{what}: {why}"))
}

/// Why what was missed is not made up for.
pub(super) fn missed(settings: &ScheduleSettings) -> String {
    let within = settings.catch_up_seconds;
    let policy = match settings.catch_up {
        CatchUp::Skip => "and the catch-up policy is `skip`".to_owned(),
        CatchUp::One => {
            format!("and the catch-up policy `one` makes up for the latest only, within {within} s")
        }
        CatchUp::All => format!(
            "and the catch-up policy `all` goes back {within} s and {MOST_CAUGHT_UP} firings"
        ),
    };
    format!("nothing could be fired at the time, {policy}")
}

/// Why a firing runs.
pub(super) fn runs(firing: &Firing) -> String {
    let delay_s = (firing.fire_at - firing.key.due_at).num_seconds();
    match firing.kind {
        FiringKind::Scheduled if delay_s > 0 => {
            format!("it was due, and delayed by {delay_s} s within its window")
        }
        FiringKind::Scheduled => "it was due".to_owned(),
        FiringKind::CatchUp => format!("it was due and missed; made up for {delay_s} s later"),
        FiringKind::RunNow => "a user asked for it".to_owned(),
        FiringKind::Backfill => "a user asked for a backfill".to_owned(),
    }
}

/// Why a firing was started by an attempt that got no answer.
pub(super) fn runs_already(firing: &Firing) -> String {
    format!("{}; its execution was there already", runs(firing))
}
