//! What owner loops are told, on this node and by others.

pub(crate) mod ask;
pub(crate) mod direct;
pub(crate) mod heartbeats;
pub(crate) mod hints;
pub(crate) mod inbox;
pub(crate) mod mail;
pub(crate) mod news;
pub(crate) mod read;
pub(crate) mod taken;

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use self::mail::Mail;

/// The boxes of a node's owner loops; each has the shards whose number leaves its own as the
/// remainder. Clones are the same boxes. Those that are closed are closed for all: the loops end when
/// they have read what is in them.
#[derive(Clone, Default)]
pub(crate) struct Mailboxes(Arc<Mutex<Vec<mpsc::Sender<Mail>>>>);

/// Why mail did not reach an owner loop.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum NotPosted {
    Full,
    /// The node stops, and others have its shards, or will.
    Gone,
}

impl Mailboxes {
    pub(crate) fn new(boxes: Vec<mpsc::Sender<Mail>>) -> Self {
        Self(Arc::new(Mutex::new(boxes)))
    }

    /// Which of so many owners has this shard.
    pub(crate) fn index(shard: i16, owners: usize) -> usize {
        usize::try_from(shard).unwrap_or(0) % owners
    }

    /// Puts mail into the box of a shard's owner, unless it is full.
    pub(crate) fn post(&self, shard: i16, mail: Mail) -> Result<(), NotPosted> {
        let boxes = self.lock();
        let owner = of(shard, &boxes).ok_or(NotPosted::Gone)?;
        owner.try_send(mail).map_err(|error| match error {
            TrySendError::Full(_) => NotPosted::Full,
            TrySendError::Closed(_) => NotPosted::Gone,
        })
    }

    /// Whether there is room in the box of this shard's owner.
    pub(crate) fn has_room(&self, shard: i16) -> bool {
        of(shard, &self.lock()).is_some_and(|owner| owner.capacity() > 0)
    }

    /// How much mail waits in all of them.
    pub(crate) fn waiting(&self) -> usize {
        self.lock().iter().map(|owner| owner.max_capacity() - owner.capacity()).sum()
    }

    pub(crate) fn close(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<mpsc::Sender<Mail>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The box of this shard's owner; none once they are closed.
fn of(shard: i16, boxes: &[mpsc::Sender<Mail>]) -> Option<&mpsc::Sender<Mail>> {
    if boxes.is_empty() { None } else { boxes.get(Mailboxes::index(shard, boxes.len())) }
}
