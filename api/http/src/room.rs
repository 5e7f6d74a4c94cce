//! Room in memory that many share: so much in all, and no more than a share of it for each, so that
//! nobody's slowness is paid for by the others.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use axum::extract::FromRequestParts;
use axum::http::Extensions;
use axum::http::request::Parts;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::connections::{Guest, Origin};

/// Who takes room.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Holder {
    /// The account of a verified key.
    Account(String),
    /// Whoever is at an address, where no key says more.
    Address(Origin),
    /// This process: what was asked came over no connection.
    Here,
}

impl Holder {
    /// Who is at the other end of the connection of a request with these extensions.
    pub(crate) fn at_address(extensions: &Extensions) -> Self {
        let guest = extensions.get::<Arc<Guest>>();
        guest.map_or(Self::Here, |guest| Self::Address(guest.origin))
    }

    /// For whom a request with these extensions was admitted.
    pub(crate) fn of(extensions: &Extensions) -> Self {
        let admitted = extensions.get::<Self>().cloned();
        admitted.unwrap_or_else(|| Self::at_address(extensions))
    }
}

impl<S: Sync> FromRequestParts<S> for Holder {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.extensions))
    }
}

/// Room, in units of its owner's choosing. Clones are the same room.
#[derive(Clone, Debug)]
pub(crate) struct Room {
    all: Arc<Semaphore>,
    units: usize,
    share: usize,
    /// What is left of the share of each who holds some of it, or waits.
    shares: Arc<Mutex<HashMap<Holder, Weak<Semaphore>>>>,
}

/// Some of a room, given back when this is dropped.
#[derive(Debug)]
pub(crate) struct Held {
    of_share: OwnedSemaphorePermit,
    of_all: OwnedSemaphorePermit,
}

impl Room {
    /// So many units in all, and so many at most for each holder.
    pub(crate) fn new(units: usize, share: usize) -> Self {
        Self { all: Arc::new(Semaphore::new(units)), units, share, shares: Arc::default() }
    }

    /// So many units for this holder, once they are free, in the order of asking. Who wants more
    /// than a share gets all of it.
    pub(crate) async fn take(&self, holder: &Holder, units: usize) -> Option<Held> {
        let units = u32::try_from(units.min(self.share)).ok()?;
        // One's own share first: who waits for that is in nobody's way.
        let of_share = self.share_of(holder).acquire_many_owned(units).await.ok()?;
        let of_all = self.all.clone().acquire_many_owned(units).await.ok()?;
        Some(Held { of_share, of_all })
    }

    /// So many units more for this holder of `held`, if they are free at this moment. Nobody has more
    /// than a share.
    pub(crate) fn take_now(&self, holder: &Holder, units: usize, held: usize) -> Option<Held> {
        let units = u32::try_from(units.min(self.share.saturating_sub(held))).ok()?;
        let of_share = self.share_of(holder).try_acquire_many_owned(units).ok()?;
        let of_all = self.all.clone().try_acquire_many_owned(units).ok()?;
        Some(Held { of_share, of_all })
    }

    /// Whether more than half of it is free.
    pub(crate) fn is_plenty(&self) -> bool {
        self.all.available_permits() > self.units / 2
    }

    fn share_of(&self, holder: &Holder) -> Arc<Semaphore> {
        let mut shares = self.shares.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(share) = shares.get(holder).and_then(Weak::upgrade) {
            return share;
        }
        // There are never more than hold some of it at this moment.
        shares.retain(|_, share| share.strong_count() > 0);
        let share = Arc::new(Semaphore::new(self.share));
        shares.insert(holder.clone(), Arc::downgrade(&share));
        share
    }
}

impl Held {
    /// How many units it is.
    pub(crate) fn units(&self) -> usize {
        self.of_all.num_permits()
    }

    /// Gives back what is more than so many.
    pub(crate) fn keep(&mut self, units: usize) {
        let more = self.units().saturating_sub(units);
        drop((self.of_share.split(more), self.of_all.split(more)));
    }

    /// Adds more of the same holder's.
    pub(crate) fn merge(&mut self, more: Self) {
        self.of_share.merge(more.of_share);
        self.of_all.merge(more.of_all);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    fn account(name: &str) -> Holder {
        Holder::Account(name.to_owned())
    }

    /// What is to be had within a while.
    async fn within(room: &Room, holder: &Holder, units: usize) -> Option<Held> {
        timeout(Duration::from_secs(5), room.take(holder, units)).await.ok().flatten()
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_takes_more_than_a_share() {
        let room = Room::new(4, 2);
        let first = within(&room, &account("a"), 2).await;
        assert!(first.is_some() && within(&room, &account("a"), 1).await.is_none());
        let second = within(&room, &account("b"), 2).await;
        assert!(second.is_some(), "what is left is others'");
        assert!(within(&room, &Holder::Here, 1).await.is_none(), "there is so much in all");
        drop(first);
        assert!(within(&room, &account("a"), usize::MAX).await.is_some(), "a share is the most");
    }

    #[tokio::test(start_paused = true)]
    async fn who_holds_nothing_is_forgotten() {
        let room = Room::new(100, 1);
        for number in 0..50 {
            within(&room, &account(&number.to_string()), 1).await.unwrap();
        }
        let mut held = within(&room, &account("a"), 0).await.unwrap();
        assert_eq!(room.shares.lock().unwrap().len(), 1);
        held.merge(within(&room, &account("a"), 1).await.unwrap());
        assert_eq!((held.units(), room.all.available_permits()), (1, 99));
    }
}
