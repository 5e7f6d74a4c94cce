//! Whether an answer has reached its client, for those that must not be lost: tasks of activities.
//!
//! HTTP has no word for it. What a connection shows is this: an answer that was not written whole has
//! not arrived, nor has one after which the connection broke at once, because a system resets a
//! connection on which it holds unread bytes for a program that has closed it. Whoever asks the next
//! thing, or closes in good order, has read what came before.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use runtime::Undelivered;
use tokio::time::Instant;

/// For how long after an answer a break of its connection tells that nobody has read it.
const DOUBT: Duration = Duration::from_secs(1);

/// What the answer to one request hands over. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct HandedOver(Arc<Mutex<Option<Undelivered>>>);

impl HandedOver {
    /// The answer to this request will bring a task. If it is never written, the task is given back.
    pub fn set(&self, task: Undelivered) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(task);
    }

    /// What is to be handed over, if anything is.
    pub fn take(&self) -> Option<Undelivered> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// The tasks in answers of one connection that may not have arrived.
#[derive(Debug, Default)]
pub(super) struct Deliveries(Mutex<Vec<Delivery>>);

#[derive(Debug)]
struct Delivery {
    task: Undelivered,
    /// When the last byte of its answer was in the hands of the system.
    written_at: Option<Instant>,
}

impl Deliveries {
    /// An answer with a task is complete, and is to be written now.
    pub(super) fn begin(&self, task: Undelivered) {
        self.all().push(Delivery { task, written_at: None });
    }

    /// Whether some are not written yet.
    pub(super) fn are_unwritten(&self) -> bool {
        self.all().iter().any(|delivery| delivery.written_at.is_none())
    }

    /// Whether a break of the connection would tell that some have not arrived.
    pub(super) fn are_in_doubt(&self, now: Instant) -> bool {
        self.all().iter().any(|delivery| delivery.is_in_doubt(now))
    }

    /// All that was to be written is in the hands of the system.
    pub(super) fn written(&self, now: Instant) {
        for delivery in self.all().iter_mut() {
            delivery.written_at.get_or_insert(now);
        }
    }

    /// The client has asked another thing: what was written before has arrived.
    pub(super) fn arrived(&self) {
        let written = |delivery: &mut Delivery| delivery.written_at.is_some();
        let arrived: Vec<Delivery> = self.all().extract_if(.., written).collect();
        for delivery in arrived {
            delivery.task.delivered();
        }
    }

    /// The connection broke: others are to have what has not arrived.
    pub(super) fn broke(&self, now: Instant) {
        let all = std::mem::take(&mut *self.all());
        for delivery in all {
            if !delivery.is_in_doubt(now) {
                delivery.task.delivered();
            }
        }
    }

    fn all(&self) -> MutexGuard<'_, Vec<Delivery>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Delivery {
    fn is_in_doubt(&self, now: Instant) -> bool {
        self.written_at.is_none_or(|at| now.saturating_duration_since(at) < DOUBT)
    }
}

impl Drop for Deliveries {
    /// The connection is over, and nothing has told of a break since.
    fn drop(&mut self) {
        self.arrived();
    }
}
