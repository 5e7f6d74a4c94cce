//! What a node owns of the shards, what it should own, and whether it is ready to be given work.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use tokio::time::Instant;

/// What of the shards this node should own, as the last beat told.
#[derive(Default)]
pub(crate) struct Share(Mutex<State>);

#[derive(Default)]
struct State {
    /// None before the first beat.
    due: Option<usize>,
    /// Shards without a living owner.
    orphans: usize,
    /// When the first beat was.
    since: Option<Instant>,
    /// It has owned what it was due once: what nodes that come later take away from it, or those that
    /// die leave behind, makes it no less ready.
    is_settled: bool,
}

/// Whether a node is ready, and why not.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Readiness {
    /// Its loops run, it owns what it should or did so once, and the database did answer lately.
    pub is_ready: bool,
    /// Shards that it owns and has taken over.
    pub owned: usize,
    /// Its fair share of the shards.
    pub due: usize,
    /// It was told to stop, and takes no new work.
    pub is_draining: bool,
}

impl Share {
    /// Notes what a beat told.
    pub(crate) fn set(&self, due: usize, orphans: usize) {
        let mut state = self.state();
        state.due = Some(due);
        state.orphans = orphans;
        state.since.get_or_insert_with(Instant::now);
    }

    /// Its fair share, and whether the node owns it or did so once. Others give shards up as soon as
    /// nothing is under way there; whoever has waited so long for theirs has what it can get.
    pub(crate) fn is_settled(&self, owned: usize, patience: Duration) -> (usize, bool) {
        let mut state = self.state();
        let due = state.due.unwrap_or(usize::MAX);
        let has_waited =
            state.orphans == 0 && state.since.is_some_and(|at| at.elapsed() > patience);
        state.is_settled |= owned >= due || has_waited;
        (state.due.unwrap_or(0), state.is_settled)
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_hours(1);

    #[test]
    fn who_owned_his_share_once_stays_settled() {
        let share = Share::default();
        assert!(!share.is_settled(256, LONG).1, "nothing is known yet");
        share.set(256, 256);
        assert_eq!(share.is_settled(255, LONG), (256, false));
        assert_eq!(share.is_settled(256, LONG), (256, true));
        share.set(128, 3);
        assert_eq!(share.is_settled(100, LONG), (128, true));
    }

    #[test]
    fn who_waited_long_for_what_others_keep_has_what_there_is() {
        let share = Share::default();
        share.set(128, 1);
        assert!(!share.is_settled(5, Duration::ZERO).1, "there is a shard that nobody has");
        share.set(128, 0);
        assert!(!share.is_settled(5, LONG).1);
        assert!(share.is_settled(5, Duration::ZERO).1);
    }
}
