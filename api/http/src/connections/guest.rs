//! One connection as the list knows it: where it comes from, what it is doing, whether it is to
//! leave.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use runtime::Undelivered;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::delivery::Deliveries;
use super::presence::{Overstay, Patience, Presence, Unread};

/// Where connections come from, as far as caps tell addresses apart: an IPv6 subscriber has a
/// whole /64, and an IPv4 address may come in IPv6's clothes.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Origin(IpAddr);

impl From<IpAddr> for Origin {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self(address.into()),
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                Self(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into())
            }
        }
    }
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Guest {
    pub(crate) origin: Origin,
    presence: Mutex<Presence>,
    /// Tasks on their way to it.
    pub(super) deliveries: Deliveries,
    /// Told when it should end what is under way and begin nothing new.
    leave: CancellationToken,
    /// Told when it has to be gone within moments.
    dismissed: CancellationToken,
    why: OnceLock<Overstay>,
}

impl Guest {
    /// A connection that has just begun, and that leaves when the server does.
    pub(super) fn new(origin: Origin, stop: &CancellationToken) -> Arc<Self> {
        Arc::new(Self {
            origin,
            presence: Mutex::new(Presence::new(Instant::now())),
            deliveries: Deliveries::default(),
            leave: stop.child_token(),
            dismissed: CancellationToken::new(),
            why: OnceLock::new(),
        })
    }

    /// Ends once the connection should: answers that have no end of their own end then.
    pub(crate) async fn asked_to_leave(&self) {
        self.leave.cancelled().await;
    }

    /// Why it was dismissed; nothing while it was not.
    pub(crate) fn dismissed_for(&self) -> Option<Overstay> {
        self.why.get().copied()
    }

    /// Ends once the connection has to.
    pub(super) async fn dismissal(&self) {
        self.dismissed.cancelled().await;
    }

    /// Has the connection end within moments; whether it had not been told before.
    pub(super) fn dismiss(&self, why: Overstay) -> bool {
        let first = self.why.set(why).is_ok();
        self.leave.cancel();
        self.dismissed.cancel();
        first
    }

    pub(super) fn heard(&self) {
        self.presence().heard(Instant::now());
    }

    pub(super) fn sent(&self) {
        self.presence().sent(Instant::now());
    }

    /// Since when nothing has been under way; nothing for one that is leaving already.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        if self.dismissed.is_cancelled() { None } else { self.presence().idle_since() }
    }

    /// What it has not read of its answers; nothing for one that is leaving already.
    pub(super) fn unread(&self) -> Option<Unread> {
        if self.dismissed.is_cancelled() { None } else { self.presence().unread() }
    }

    pub(super) fn overstays(&self, now: Instant, patience: &Patience) -> Option<Overstay> {
        self.presence().overstays(now, patience)
    }

    fn presence(&self) -> MutexGuard<'_, Presence> {
        self.presence.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request under way, from the end of its head to the end of its answer.
#[derive(Debug)]
pub(super) struct UnderWay {
    guest: Arc<Guest>,
    offered: Option<u64>,
}

impl UnderWay {
    pub(super) fn new(guest: &Arc<Guest>, is_http2: bool) -> Self {
        guest.presence().asked(is_http2);
        Self { guest: guest.clone(), offered: None }
    }

    /// The answer is complete and about to be written, and brings a task.
    pub(super) fn deliver(&self, task: Undelivered) {
        self.guest.deliveries.begin(task);
    }

    /// A part of the answer is there for the client to take, and so many bytes wait with it.
    pub(super) fn offer(&mut self, bytes: u64) {
        self.offered = Some(self.guest.presence().offered(Instant::now(), bytes));
    }

    /// The part is taken.
    pub(super) fn take(&mut self) {
        if let Some(number) = self.offered.take() {
            self.guest.presence().taken(number);
        }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.take();
        self.guest.presence().answered(Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_one_subscriber_are_one_origin() {
        let origin = |text: &str| Origin::from(text.parse::<IpAddr>().unwrap());
        assert_eq!(origin("2001:db8:1:2::1"), origin("2001:db8:1:2:ffff::9"));
        assert_ne!(origin("2001:db8:1:2::1"), origin("2001:db8:1:3::1"));
        assert_eq!(origin("::ffff:192.0.2.1"), origin("192.0.2.1"));
        assert_ne!(origin("192.0.2.1"), origin("192.0.2.2"));
    }
}
