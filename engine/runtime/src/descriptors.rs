//! How many descriptors of files and sockets a process may have open, and for what.

/// Descriptors that a node always needs beside those of its database: its streams and its port,
/// what the event loop uses, files that are read, connections that are being refused.
const RESERVE: usize = 48;

/// Connections to the database beside the pool and the lanes: for hints and for the membership.
const APART: usize = 2;

/// Guests and calls that a node has room for however few descriptors there are.
const LEAST: usize = 4;

/// How many descriptors a process may have open, shared out. A node without them could neither
/// call functions nor take connections, so what is not its own waits for what there is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Descriptors {
    /// For the node itself: its database, its files, its port.
    pub own: usize,
    /// For calls: connections to functions, those in use and those kept for later together.
    pub calls: usize,
    /// For connections of clients.
    pub guests: usize,
}

impl Descriptors {
    /// What a node wants that keeps so many connections to its database for reads and small
    /// writes, and has so many lanes, calls and guests.
    pub fn wanted(pool: usize, lanes: usize, calls: usize, guests: usize) -> Self {
        // A lane opens another connection before it lets go of one that has died.
        Self { own: RESERVE + APART + pool + 2 * lanes, calls, guests }
    }

    /// How many they are together.
    pub fn sum(&self) -> usize {
        self.own.saturating_add(self.calls).saturating_add(self.guests)
    }

    /// These, or what there is of them under a limit. The node itself comes first. Of what is
    /// left, calls get three quarters and guests a quarter; what one of them does not want, the
    /// other has.
    #[must_use]
    pub fn within(self, limit: usize) -> Self {
        let left = limit.saturating_sub(self.own);
        if self.calls.saturating_add(self.guests) <= left {
            return self;
        }
        let guests = self.guests.min((left / 4).max(left.saturating_sub(self.calls)));
        let calls = self.calls.min(left.saturating_sub(guests));
        Self { guests: guests.max(LEAST), calls: calls.max(LEAST), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn within(limit: usize, calls: usize, guests: usize) -> (usize, usize) {
        let shared = Descriptors { own: 100, calls, guests }.within(limit);
        assert_eq!(shared.own, 100, "the node itself comes first");
        (shared.calls, shared.guests)
    }

    #[test]
    fn where_there_is_enough_everybody_has_what_is_wanted() {
        assert_eq!(within(1_100, 700, 300), (700, 300));
        assert_eq!(within(usize::MAX, 700, 300), (700, 300));
    }

    #[test]
    fn what_is_left_is_three_quarters_for_calls_and_one_for_guests() {
        assert_eq!(within(1_100, 5_000, 10_000), (750, 250));
        assert_eq!(within(1_024, 1_000, 10_000), (693, 231));
    }

    #[test]
    fn what_one_does_not_want_the_other_has() {
        assert_eq!(within(1_100, 200, 10_000), (200, 800));
        assert_eq!(within(1_100, 5_000, 100), (900, 100));
    }

    #[test]
    fn nobody_has_more_than_there_is_while_there_is_any() {
        for limit in (110..3_000).step_by(7) {
            for (calls, guests) in [(1, 1), (1_000, 10_000), (100_000, 10), (10, 100_000)] {
                let shared = Descriptors { own: 100, calls, guests }.within(limit);
                assert!(shared.calls <= calls.max(LEAST) && shared.guests <= guests.max(LEAST));
                assert!(shared.sum() <= limit, "{shared:?} under {limit}");
            }
        }
    }

    #[test]
    fn the_least_is_had_even_where_there_is_nothing() {
        assert_eq!(within(0, 1_000, 10_000), (LEAST, LEAST));
        assert_eq!(within(100, 1, 1), (LEAST, LEAST));
    }

    #[test]
    fn a_node_wants_its_database_twice_for_each_lane() {
        let wanted = Descriptors::wanted(16, 4, 1_000, 10_000);
        assert_eq!((wanted.own, wanted.sum()), (74, 11_074));
    }
}
