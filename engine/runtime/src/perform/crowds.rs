//! Calls that wait for a place far behind: only who they are is remembered, and in which order they came, so
//! that a million of them take little memory. As the queue before them grows shorter they are told to come.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

use super::call::{Far, Told};
use super::shares::Key;

/// How many calls of a function may wait for their places in memory.
pub(super) const NEAR: usize = 512;
/// How many may have been told to come that are expected, and for how long they are: nobody waits long for those
/// that do not come.
const EXPECTED: usize = 8 * NEAR;
const SOON: Duration = Duration::from_secs(5);
/// How many are looked at together, so that nobody waits long for the queues.
const AT_ONCE: usize = 10_000;
/// For how long who was told to come is let in.
const PATIENCE: Duration = Duration::from_secs(30);

/// Those far behind, by function.
#[derive(Default)]
pub(super) struct Crowds(HashMap<Key, Crowd>);

#[derive(Default)]
struct Crowd {
    waiting: VecDeque<Far>,
    /// The same, to find them.
    known: HashSet<Far>,
    /// Those that were told to come, and when.
    called: HashMap<Far, Instant>,
}

impl Crowds {
    /// Whether this call has to wait far behind, where so many wait near; it is remembered then.
    pub(super) fn is_far(&mut self, key: &Key, far: Far, near: usize) -> bool {
        let is_full = near >= NEAR;
        let Some(crowd) = self.0.get_mut(key) else {
            if is_full {
                self.0.entry(key.clone()).or_default().push(far);
            }
            return is_full;
        };
        let was_called = crowd.called.remove(&far).is_some();
        let is_far = !was_called && (is_full || !crowd.waiting.is_empty());
        if is_far {
            crowd.push(far);
        }
        is_far
    }

    /// Tells as many to come as there is room for near; those that cannot be told wait on. Whether any wait.
    pub(super) fn call(
        &mut self,
        near: impl Fn(&Key) -> usize,
        mut tell: impl FnMut(Far) -> Told,
    ) -> bool {
        let now = Instant::now();
        for (key, crowd) in &mut self.0 {
            crowd.called.retain(|_, called| now.duration_since(*called) < PATIENCE);
            let is_expected = |called: &&Instant| now.duration_since(**called) < SOON;
            let expected = crowd.called.values().filter(is_expected).count();
            let mut room = NEAR.saturating_sub(near(key)).min(EXPECTED.saturating_sub(expected));
            for _ in 0..AT_ONCE {
                if room == 0 {
                    break;
                }
                let Some(far) = crowd.waiting.front().copied() else { break };
                match tell(far) {
                    Told::Later => break,
                    Told::Gone => {}
                    Told::Now => {
                        crowd.called.insert(far, now);
                        room -= 1;
                    }
                }
                crowd.waiting.pop_front();
                crowd.known.remove(&far);
            }
        }
        self.0.retain(|_, crowd| !crowd.waiting.is_empty() || !crowd.called.is_empty());
        !self.0.is_empty()
    }
}

impl Crowd {
    fn push(&mut self, far: Far) {
        if self.known.insert(far) {
            self.waiting.push_back(far);
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn far(number: u128) -> Far {
        Far { shard: 1, execution: Uuid::from_u128(number), task: 5 }
    }

    #[test]
    fn who_came_first_is_called_first_and_whoever_comes_then_waits_behind_all() {
        let (key, mut crowds) = (Key::new("a", "f"), Crowds::default());
        assert!(!crowds.is_far(&key, far(0), NEAR - 1), "there is room near");
        for number in 1..=3 {
            assert!(crowds.is_far(&key, far(number), NEAR));
        }
        assert!(crowds.is_far(&key, far(1), NEAR), "it asks again, and keeps its place");
        assert!(crowds.is_far(&key, far(4), 0), "others wait");
        assert!(!crowds.is_far(&Key::new("a", "g"), far(5), 0), "for another function");
        let mut told = Vec::new();
        let tell = |told: &mut Vec<Far>, far| {
            told.push(far);
            Told::Now
        };
        assert!(crowds.call(|_| NEAR - 2, |far| tell(&mut told, far)));
        assert_eq!(told, [far(1), far(2)], "as many as there is room for");
        assert!(!crowds.is_far(&key, far(1), NEAR), "it was told to come");
        assert!(crowds.is_far(&key, far(1), NEAR), "once");
        assert!(crowds.call(|_| NEAR - 2, |_| Told::Later), "who cannot be told waits on");
        crowds.call(|_| 0, |far| tell(&mut told, far));
        assert_eq!(told[2..], [far(3), far(4), far(1)]);
    }

    #[test]
    fn those_that_are_gone_keep_nobody_waiting() {
        let (key, mut crowds) = (Key::new("a", "f"), Crowds::default());
        for number in 0..1_000 {
            assert!(crowds.is_far(&key, far(number), NEAR));
        }
        let mut told = 0;
        crowds.call(
            |_| NEAR - 1,
            |far| {
                if far.execution.as_u128() < 900 {
                    return Told::Gone;
                }
                told += 1;
                Told::Now
            },
        );
        assert_eq!(told, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn who_does_not_come_is_not_expected_for_ever() {
        let (key, mut crowds) = (Key::new("a", "f"), Crowds::default());
        for number in 0..2 {
            assert!(crowds.is_far(&key, far(number), NEAR));
        }
        for _ in 0..2 {
            assert!(crowds.call(|_| NEAR - 1, |_| Told::Now), "they are expected");
        }
        tokio::time::advance(SOON).await;
        assert!(!crowds.is_far(&key, far(0), NEAR), "it is late, and let in");
        tokio::time::advance(PATIENCE).await;
        assert!(!crowds.call(|_| 0, |_| Told::Now), "nobody waits any more");
    }
}
