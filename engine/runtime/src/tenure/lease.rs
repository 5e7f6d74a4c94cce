//! For how long this node may write without hearing from the database that it lives.

use tokio::sync::watch;
use tokio::time::Instant;

/// The node's lease by its own clock. When it has run out, others may have taken the node's
/// shards: then nothing is written until a beat tells what is still its.
pub(crate) struct Lease(watch::Sender<Option<Instant>>);

impl Default for Lease {
    fn default() -> Self {
        Self(watch::Sender::new(Some(Instant::now())))
    }
}

impl Lease {
    pub(crate) fn renew(&self, until: Instant) {
        self.0.send_replace(Some(until));
    }

    /// The node has left; nothing is written any more.
    pub(crate) fn end(&self) {
        self.0.send_replace(None);
    }

    /// Whether the lease holds now.
    pub(crate) fn holds_now(&self) -> bool {
        self.holds_at(Instant::now())
    }

    /// Whether the lease holds at this moment.
    pub(crate) fn holds_at(&self, now: Instant) -> bool {
        self.0.borrow().is_some_and(|until| now < until)
    }

    /// For how many seconds it still holds; below zero, for how many it has not.
    pub(crate) fn seconds_left(&self) -> f64 {
        let now = Instant::now();
        self.0.borrow().map_or(0.0, |until| {
            let left = until.saturating_duration_since(now).as_secs_f64();
            left - now.saturating_duration_since(until).as_secs_f64()
        })
    }

    /// Waits until the lease holds; `false` if it never will.
    pub(crate) async fn holds(&self) -> bool {
        let mut renewals = self.0.subscribe();
        loop {
            match *renewals.borrow_and_update() {
                None => return false,
                Some(until) if Instant::now() < until => return true,
                Some(_) => {}
            }
            if renewals.changed().await.is_err() {
                return false;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn a_lease_that_ran_out_holds_again_when_it_is_renewed() {
        let lease = Lease::default();
        let mut holds = Box::pin(lease.holds());
        assert_eq!(holds.as_mut().now_or_never(), None);
        lease.renew(Instant::now());
        assert_eq!(holds.as_mut().now_or_never(), None, "renewed too late");
        lease.renew(Instant::now() + Duration::from_hours(1));
        assert!(holds.await);
        lease.end();
        assert!(!lease.holds().await);
    }
}
