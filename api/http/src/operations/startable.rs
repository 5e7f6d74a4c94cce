//! What a start of each state machine runs, remembered for a moment, so that many starts of one
//! state machine ask the database once.
//!
//! A change made through this node is seen by its next start. One made through another node is
//! seen within a second; AWS promises no more (`UpdateStateMachine` is eventually consistent).

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use machine::Timestamp;
use uuid::Uuid;

use super::state_machines::MachineType;

/// For how long an answer of the database is good.
const GOOD_FOR_MS: i64 = 1_000;

/// Most entries kept.
const CAPACITY: usize = 10_000;

/// What a start runs.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Startable {
    pub(super) kind: MachineType,
    pub(super) version: Option<i64>,
    /// The state machine's life.
    pub(super) life: Uuid,
    pub(super) revision_id: Uuid,
    pub(super) role_arn: String,
}

/// What starts of state machines run, by the ARN that a start names.
#[derive(Debug, Default)]
pub struct Startables(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    by_arn: HashMap<String, (Timestamp, Startable)>,
    /// Rises with every change, so that what was read before one is not remembered after it.
    changes: u64,
}

impl Startables {
    /// What is known of this ARN.
    pub(super) fn of(&self, arn: &str, now: Timestamp) -> Option<Startable> {
        let known = self.known();
        let (read_at, startable) = known.by_arn.get(arn)?;
        let age_ms = now.0.saturating_sub(read_at.0);
        (0..=GOOD_FOR_MS).contains(&age_ms).then(|| startable.clone())
    }

    /// How many changes there were; to be asked before the database is.
    pub(super) fn changes(&self) -> u64 {
        self.known().changes
    }

    /// Remembers what was read at this time, if nothing has changed since `changes`.
    pub(super) fn remember(
        &self,
        arn: &str,
        startable: &Startable,
        read_at: Timestamp,
        changes: u64,
    ) {
        let mut known = self.known();
        if known.changes != changes {
            return;
        }
        if known.by_arn.len() >= CAPACITY {
            known.by_arn.clear();
        }
        known.by_arn.insert(arn.to_owned(), (read_at, startable.clone()));
    }

    /// Something has changed: the database is asked again.
    pub(super) fn forget(&self) {
        let mut known = self.known();
        known.by_arn.clear();
        known.changes += 1;
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn startable() -> Startable {
        Startable {
            kind: MachineType::Standard,
            version: None,
            life: Uuid::nil(),
            revision_id: Uuid::nil(),
            role_arn: String::new(),
        }
    }

    #[test]
    fn an_answer_is_good_for_a_second() {
        let startables = Startables::default();
        startables.remember("a", &startable(), Timestamp(5_000), startables.changes());
        assert_eq!(startables.of("a", Timestamp(6_000)), Some(startable()));
        assert_eq!(startables.of("a", Timestamp(6_001)), None);
        assert_eq!(startables.of("b", Timestamp(5_000)), None);
    }

    #[test]
    fn what_was_read_before_a_change_is_not_remembered() {
        let startables = Startables::default();
        let before = startables.changes();
        startables.forget();
        startables.remember("a", &startable(), Timestamp(0), before);
        assert_eq!(startables.of("a", Timestamp(0)), None);
    }
}
