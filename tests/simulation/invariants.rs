//! What must hold in every run, whatever went wrong.

use std::collections::{HashMap, HashSet};

use machine::{Event, EventKind};

use super::ended::Ended;

/// All of them; the first that is broken is named.
pub(super) fn all(run: &Ended) -> Result<(), String> {
    ids_are_sequential(&run.log)?;
    previous_ids_point_back(&run.log)?;
    there_is_one_end_and_it_is_last(&run.log)?;
    time_never_runs_backwards(&run.log)?;
    what_is_entered_is_left(&run.log)?;
    an_outcome_is_applied_once(&run.log)?;
    no_outcome_without_its_schedule(&run.log)?;
    a_task_is_taken_once(&run.log)?;
    a_forger_is_not_heard(&run.log)?;
    the_log_is_what_memory_was(run)
}

fn ids_are_sequential(log: &[Event]) -> Result<(), String> {
    let ids: Vec<u64> = log.iter().map(|event| event.id).filter(|id| *id != 0).collect();
    let wanted: Vec<u64> = (1..=ids.len() as u64).collect();
    if ids == wanted { Ok(()) } else { Err(format!("event ids are {ids:?}")) }
}

fn previous_ids_point_back(log: &[Event]) -> Result<(), String> {
    match log.iter().find(|event| event.id != 0 && event.previous >= event.id) {
        None => Ok(()),
        Some(event) => Err(format!("event {} points to {}", event.id, event.previous)),
    }
}

fn there_is_one_end_and_it_is_last(log: &[Event]) -> Result<(), String> {
    let ends = log.iter().filter(|event| event.kind.is_terminal()).count();
    let last = log.last().is_some_and(|event| event.kind.is_terminal());
    if ends == 1 && last { Ok(()) } else { Err(format!("{ends} ends, the last event: {last}")) }
}

fn time_never_runs_backwards(log: &[Event]) -> Result<(), String> {
    if log.is_sorted_by_key(|event| event.at) {
        Ok(())
    } else {
        Err("time runs backwards".to_owned())
    }
}

/// Every frame enters and leaves in turn; what is not left ended by a failure or an abort.
fn what_is_entered_is_left(log: &[Event]) -> Result<(), String> {
    let mut inside: HashMap<u32, &str> = HashMap::new();
    for event in log {
        match &event.kind {
            EventKind::StateEntered { state, .. } => {
                if let Some(other) = inside.insert(event.frame.0, state) {
                    return Err(format!("`{state}` is entered inside `{other}`"));
                }
            }
            EventKind::StateExited { state, .. }
                if inside.remove(&event.frame.0) != Some(state) =>
            {
                return Err(format!("`{state}` is left without having been entered"));
            }
            _ => {}
        }
    }
    let succeeded =
        matches!(log.last().map(|e| &e.kind), Some(EventKind::ExecutionSucceeded { .. }));
    let open = inside.get(&0);
    match open {
        Some(state) if succeeded => Err(format!("it succeeded inside `{state}`")),
        _ => Ok(()),
    }
}

fn outcome(event: &Event) -> bool {
    matches!(
        event.kind,
        EventKind::TaskSucceeded { .. }
            | EventKind::TaskFailed { .. }
            | EventKind::TaskTimedOut { .. }
    )
}

/// In each frame schedules and outcomes alternate.
fn an_outcome_is_applied_once(log: &[Event]) -> Result<(), String> {
    let mut open: HashSet<u32> = HashSet::new();
    for event in log {
        if matches!(event.kind, EventKind::TaskScheduled { .. }) && !open.insert(event.frame.0) {
            return Err(format!("event {} schedules while a task is open", event.id));
        }
        if outcome(event) && !open.remove(&event.frame.0) {
            return Err(format!("event {} is an outcome of no open task", event.id));
        }
    }
    Ok(())
}

/// Each schedule is followed by one worker, at most, and by one answer that says "later".
fn a_task_is_taken_once(log: &[Event]) -> Result<(), String> {
    let (mut taken, mut submitted) = (HashSet::new(), HashSet::new());
    for event in log {
        match &event.kind {
            EventKind::TaskScheduled { .. } => {
                taken.remove(&event.frame.0);
                submitted.remove(&event.frame.0);
            }
            EventKind::TaskSubmitted { .. } if !submitted.insert(event.frame.0) => {
                return Err(format!("event {} says again that the task goes on", event.id));
            }
            EventKind::TaskStarted { .. } if !taken.insert(event.frame.0) => {
                return Err(format!("event {} starts a task that has started", event.id));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Nothing is a forger's doing. What he says in success shows in the story.
fn a_forger_is_not_heard(log: &[Event]) -> Result<(), String> {
    let forged = log.iter().find(|event| match &event.kind {
        EventKind::TaskFailed { failure, .. } => failure.name() == "Forged",
        EventKind::ActivityReturned => true,
        _ => false,
    });
    match forged {
        None => Ok(()),
        Some(event) => Err(format!("a forger was heard: {:?}", event.kind)),
    }
}

fn no_outcome_without_its_schedule(log: &[Event]) -> Result<(), String> {
    let mut scheduled = 0_i64;
    for event in log {
        scheduled += i64::from(matches!(event.kind, EventKind::TaskScheduled { .. }));
        scheduled -= i64::from(outcome(event));
        if scheduled < 0 {
            return Err(format!("event {} has no schedule before it", event.id));
        }
    }
    Ok(())
}

fn the_log_is_what_memory_was(run: &Ended) -> Result<(), String> {
    match machine::fold(&run.log) {
        Some(folded) if folded == run.memory => Ok(()),
        Some(_) => Err("folding the log gives another execution than the one in memory".to_owned()),
        None => Err("the log does not fold".to_owned()),
    }
}
