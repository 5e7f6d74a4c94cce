//! How much of its memory a node gives to executions: what they hold is counted, and where it comes near
//! the budget those that only wait leave sooner, and starts are refused before it is full.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::metrics::METRICS;

/// What an execution takes beside its payloads: itself, a call that is under way, a timer, a place in the
/// tables. Measured with executions that wait behind one place.
const EACH: usize = 12 * 1024;

/// What all executions of a node may take, and what they take. Clones are the same budget.
#[derive(Clone, Debug)]
pub(crate) struct Budget(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    most: usize,
    held: AtomicUsize,
}

impl Budget {
    /// A budget of so many bytes.
    pub(crate) fn new(most: usize) -> Self {
        Self(Arc::new(Inner { most, held: AtomicUsize::new(0) }))
    }

    /// Room for an execution with payloads of so many bytes, whether or not there is any: what runs must
    /// go on.
    pub(crate) fn hold(&self, payloads: usize) -> Held {
        let mut held = Held { budget: self.clone(), bytes: 0 };
        held.set(payloads);
        held
    }

    /// Room for an execution that has not begun; none if the budget is full.
    pub(crate) fn admit(&self, payloads: usize) -> Option<Held> {
        let room = self.hold(payloads);
        (self.held() <= self.0.most).then_some(room)
    }

    /// Whether so much is held that what need not be in memory is to leave soon.
    pub(crate) fn is_tight(&self) -> bool {
        self.held() > self.0.most / 4 * 3
    }

    /// Whether nothing new may begin.
    pub(crate) fn is_full(&self) -> bool {
        self.held() >= self.0.most
    }

    fn held(&self) -> usize {
        self.0.held.load(Ordering::Relaxed)
    }
}

/// What one execution holds of the budget, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Held {
    budget: Budget,
    bytes: usize,
}

impl Held {
    /// The execution's payloads take so many bytes now.
    pub(crate) fn set(&mut self, payloads: usize) {
        self.resize(payloads.saturating_add(EACH));
    }

    fn resize(&mut self, bytes: usize) {
        let held = &self.budget.0.held;
        if bytes >= self.bytes {
            held.fetch_add(bytes - self.bytes, Ordering::Relaxed);
        } else {
            held.fetch_sub(self.bytes - bytes, Ordering::Relaxed);
        }
        self.bytes = bytes;
        METRICS
            .executions
            .held
            .set(i64::try_from(held.load(Ordering::Relaxed)).unwrap_or(i64::MAX));
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.resize(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_is_given_back() {
        let budget = Budget::new(100 * EACH);
        let mut one = budget.hold(10 * EACH);
        let two = budget.hold(0);
        assert_eq!(budget.held(), 12 * EACH);
        one.set(EACH);
        assert_eq!(budget.held(), 3 * EACH);
        drop((one, two));
        assert_eq!(budget.held(), 0);
    }

    #[test]
    fn what_runs_has_its_room_and_what_would_begin_is_refused() {
        let budget = Budget::new(8 * EACH);
        assert!(!budget.is_tight());
        let runs = budget.hold(5 * EACH);
        assert!(!budget.is_tight());
        let begins = budget.admit(EACH);
        assert!(begins.is_some() && budget.is_tight() && budget.is_full());
        assert!(budget.admit(0).is_none());
        let more = budget.hold(50 * EACH);
        assert_eq!(budget.held(), 59 * EACH, "what is refused holds nothing");
        drop((runs, more));
        assert!(budget.admit(0).is_some());
    }
}
