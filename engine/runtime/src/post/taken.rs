//! Which messages of other nodes were taken lately, by whichever way they came: so that none happens twice,
//! and one that comes again is answered as it was.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;
use uuid::Uuid;

/// For how long it is remembered: longer than whoever asks has patience.
pub(crate) const REMEMBERED: Duration = Duration::from_secs(15);
/// Most that are remembered. What is forgotten early is answered by what the log says.
const MOST: usize = 200_000;

/// The messages that this node has taken lately.
#[derive(Default)]
pub(crate) struct Taken(Mutex<Memory>);

#[derive(Default)]
struct Memory {
    by_id: HashMap<Uuid, Option<Bytes>>,
    /// In the order in which they came.
    order: VecDeque<(Instant, Uuid)>,
}

/// What is known of a message that has come.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Known {
    /// Nothing: whoever asks has it to himself now.
    New,
    /// It has been taken, and is not answered yet.
    Taken,
    /// It has been taken, and this was the answer, as the inbox has it.
    Answered(Bytes),
}

impl Taken {
    /// Takes a message, unless it has been taken already.
    pub(crate) fn take(&self, message: Uuid, now: Instant) -> Known {
        let mut memory = self.lock();
        memory.forget(now);
        match memory.by_id.get(&message) {
            Some(Some(answer)) => return Known::Answered(answer.clone()),
            Some(None) => return Known::Taken,
            None => {}
        }
        memory.by_id.insert(message, None);
        memory.order.push_back((now, message));
        Known::New
    }

    /// It was answered so.
    pub(crate) fn answered(&self, message: Uuid, answer: Bytes) {
        if let Some(known) = self.lock().by_id.get_mut(&message) {
            *known = Some(answer);
        }
    }

    /// Nothing came of it: it may be taken again.
    pub(crate) fn give_back(&self, message: Uuid) {
        // Its place in the order is left behind, and passed over in time.
        self.lock().by_id.remove(&message);
    }

    fn lock(&self) -> MutexGuard<'_, Memory> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Memory {
    fn forget(&mut self, now: Instant) {
        while let Some((since, message)) = self.order.front().copied() {
            if self.order.len() < MOST && now.saturating_duration_since(since) < REMEMBERED {
                return;
            }
            self.order.pop_front();
            self.by_id.remove(&message);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_taken_once_and_answered_as_it_was_as_long_as_somebody_may_repeat_it() {
        let (taken, now) = (Taken::default(), Instant::now());
        let message = Uuid::from_u128(1);
        assert_eq!(taken.take(message, now), Known::New);
        assert_eq!(taken.take(message, now), Known::Taken);
        taken.answered(message, Bytes::from_static(b"yes"));
        let just_before = now + REMEMBERED.checked_sub(Duration::from_millis(1)).unwrap();
        assert_eq!(taken.take(message, just_before), Known::Answered(Bytes::from_static(b"yes")));
        assert_eq!(taken.take(message, now + REMEMBERED), Known::New);
    }

    #[test]
    fn what_nothing_came_of_may_be_taken_again() {
        let (taken, now) = (Taken::default(), Instant::now());
        taken.take(Uuid::nil(), now);
        taken.give_back(Uuid::nil());
        assert_eq!(taken.take(Uuid::nil(), now), Known::New);
    }

    #[test]
    fn there_is_an_end_to_what_is_remembered() {
        let (taken, now) = (Taken::default(), Instant::now());
        for message in 0..MOST + 1_000 {
            taken.take(Uuid::from_u128(message as u128), now);
        }
        assert!(taken.lock().order.len() <= MOST && taken.lock().by_id.len() <= MOST);
        assert_eq!(taken.take(Uuid::from_u128(0), now), Known::New, "the oldest goes first");
    }
}
