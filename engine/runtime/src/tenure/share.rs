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
    /// How many are enough of it.
    enough: usize,
    /// When the first beat was.
    since: Option<Instant>,
    /// It has owned what it was due once: what nodes that come later take away from it, or those that
    /// die leave behind, makes it no less ready.
    is_settled: bool,
}

/// Whether a node is ready, and why not.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Readiness {
    /// Its loops run, its lease holds, it owns what it should or did so once, and the database did
    /// answer lately.
    pub is_ready: bool,
    /// Shards that it owns and has taken over.
    pub owned: usize,
    /// Its fair share of the shards.
    pub due: usize,
    /// It was told to stop, and takes no new work.
    pub is_draining: bool,
    /// What does not move, in words: a loop that is long at one thing, a lease that has run out.
    pub stuck: Vec<String>,
    /// How many executions of its shards are set aside, because nodes died over them.
    pub set_aside: i64,
}

impl Share {
    /// Notes what a beat that was asked for then told: the fair share, and how many shards have no
    /// living owner. Others give shards up when nothing is under way there: a node that has beaten for
    /// longer than a lease, so that whoever owns what it should have is alive, has what it can get.
    ///
    /// Where shards do not divide evenly, some node has fewer than its share when all others have theirs:
    /// `fewest` is that much.
    pub(crate) fn set(
        &self,
        (due, fewest): (usize, usize),
        orphans: usize,
        asked: Instant,
        lease: Duration,
    ) {
        let mut state = self.state();
        state.due = Some(due);
        state.enough = if orphans == 0 { due.min(fewest) } else { due };
        let since = *state.since.get_or_insert_with(Instant::now);
        let has_waited = asked.saturating_duration_since(since) > lease;
        state.is_settled |= orphans == 0 && has_waited;
    }

    /// Its fair share, and whether the node, which owns so many, owns that or did so once.
    pub(crate) fn is_settled(&self, owned: usize) -> (usize, bool) {
        let mut state = self.state();
        state.is_settled |= state.due.is_some() && owned >= state.enough;
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
        let (share, now) = (Share::default(), Instant::now());
        assert!(!share.is_settled(256).1, "nothing is known yet");
        share.set((256, 256), 256, now, LONG);
        assert_eq!(share.is_settled(255), (256, false));
        assert_eq!(share.is_settled(256), (256, true));
        share.set((128, 128), 3, now, LONG);
        assert_eq!(share.is_settled(100), (128, true));
    }

    #[test]
    fn who_waited_long_for_what_others_keep_has_what_there_is() {
        let (share, now) = (Share::default(), Instant::now());
        share.set((128, 128), 0, now, LONG);
        let later = now + LONG / 2;
        share.set((128, 128), 0, later, LONG);
        assert!(!share.is_settled(5).1);
        let later = now + 2 * LONG;
        share.set((128, 128), 1, later, LONG);
        assert!(!share.is_settled(5).1, "there is a shard that nobody has");
        share.set((128, 128), 0, later, LONG);
        assert!(share.is_settled(5).1);
    }
}
