//! What this node itself may lack for a call: descriptors, ports, memory. No task fails for that.

use std::error::Error;
use std::io;
use std::net::UdpSocket;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::metrics::METRICS;

/// What is lacking.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Lack {
    /// The process, or the machine, has opened as many files and connections as it may.
    Descriptors,
    /// All ports are taken from which connections could be made.
    Ports,
    Memory,
    /// Names cannot be looked up for now.
    Names,
}

impl std::fmt::Display for Lack {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Descriptors => {
                "there is no file descriptor left; a higher `ulimit -n`, or less `concurrency`, \
                 would help"
            }
            Self::Ports => "there is no local port left to connect from",
            Self::Memory => "the system has no memory for it",
            Self::Names => "too many names are being looked up, or the database's cannot be",
        })
    }
}

impl Lack {
    /// As metrics call it.
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Descriptors => "descriptors",
            Self::Ports => "ports",
            Self::Memory => "memory",
            Self::Names => "names",
        }
    }
}

/// What is lacking, if an operation of the system failed for that.
pub(super) fn of(error: &io::Error) -> Option<Lack> {
    match (error.raw_os_error(), error.kind()) {
        (Some(libc::EMFILE | libc::ENFILE), _) => Some(Lack::Descriptors),
        (Some(libc::ENOBUFS | libc::ENOMEM), _) => Some(Lack::Memory),
        (_, io::ErrorKind::AddrNotAvailable) => Some(Lack::Ports),
        (None, io::ErrorKind::ResourceBusy) => Some(Lack::Names),
        _ => None,
    }
}

/// The same of an error that was made of that of an operation.
pub(super) fn cause_of(error: &(dyn Error + 'static)) -> Option<Lack> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            if let Some(lack) = of(error) {
                return Some(lack);
            }
            // Its own source would be that of the error inside.
            if let Some(inner) = error.get_ref() {
                next = Some(inner);
                continue;
            }
        }
        next = error.source();
    }
    None
}

/// What is lacking at this moment for opening anything.
fn current() -> Option<Lack> {
    match of(&UdpSocket::bind(("127.0.0.1", 0)).err()?)? {
        lack @ (Lack::Descriptors | Lack::Memory) => Some(lack),
        // A machine may be without this address.
        Lack::Ports | Lack::Names => None,
    }
}

/// How long what was lacking may still be the reason of what fails.
const RECENT: Duration = Duration::from_secs(2);
/// How long descriptors count as scarce after one was lacking: longer than any who waits for one pauses.
const SCARCE: Duration = Duration::from_secs(10);
/// How often the log tells of it.
const TOLD_EVERY: Duration = Duration::from_secs(30);

/// What was lacking of late.
#[derive(Default)]
pub(super) struct Lacks {
    observed: Mutex<Option<(Lack, Instant)>>,
    told: Mutex<Option<Instant>>,
}

impl Lacks {
    /// What a look-up lacks that failed so. Who resolves names tells of his lacks in words of many
    /// kinds, such as that the name is not known: so what we lack ourselves at this moment, or lacked
    /// a moment ago, counts.
    pub(super) fn of_lookup(&self, error: &io::Error) -> Option<Lack> {
        let Some(lack) = of(error).or_else(current) else { return self.observed_within(RECENT) };
        // Whose names have no turn says nothing about those of others.
        if lack != Lack::Names {
            self.observe(lack);
        }
        Some(lack)
    }

    /// Something failed for lack of this; what fails soon after may have for the same reason.
    pub(super) fn observe(&self, lack: Lack) {
        *self.observed.lock().unwrap_or_else(PoisonError::into_inner) =
            Some((lack, Instant::now()));
    }

    /// Whether this is lacking still, as far as one can see without making a call.
    pub(super) fn lasts(&self, lack: Lack) -> bool {
        match lack {
            Lack::Descriptors | Lack::Memory => {
                current().inspect(|lack| self.observe(*lack)).is_some()
            }
            Lack::Ports | Lack::Names => false,
        }
    }

    /// Whether connections should rather be closed than kept: others wait for their descriptors.
    pub(super) fn is_scarce(&self) -> bool {
        self.observed_within(SCARCE) == Some(Lack::Descriptors)
    }

    /// Tells that a call has to wait for this.
    pub(super) fn tell(&self, lack: Lack) {
        METRICS.calls.starved.with_label_values(&[lack.label()]).inc();
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.is_none_or(|told| told.elapsed() >= TOLD_EVERY) {
            *told = Some(Instant::now());
            tracing::warn!(lack = lack.label(), "calls of functions wait: {lack}");
        }
    }

    fn observed_within(&self, time: Duration) -> Option<Lack> {
        let observed = *self.observed.lock().unwrap_or_else(PoisonError::into_inner);
        observed.filter(|(_, at)| at.elapsed() < time).map(|(lack, _)| lack)
    }
}

/// Growing pauses with jitter: another length for each call, so that not all come back at once.
pub(super) struct Pauses {
    random: u64,
    made: u32,
}

impl Pauses {
    const FIRST_MS: u64 = 50;
    const LONGEST_MS: u64 = 5_000;

    pub(super) fn new(seed: u64) -> Self {
        Self { random: seed, made: 0 }
    }

    /// The next pause: half of its length at least.
    pub(super) fn next(&mut self) -> Duration {
        let full = (Self::FIRST_MS << self.made.min(10)).min(Self::LONGEST_MS);
        self.made += 1;
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        Duration::from_millis(full / 2 + (self.random >> 33) % (full / 2 + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lack_is_found_however_deep_it_is() {
        let deep = io::Error::other(io::Error::other(io::Error::from_raw_os_error(libc::EMFILE)));
        assert_eq!(cause_of(&deep), Some(Lack::Descriptors));
        for (number, lack) in [
            (libc::ENFILE, Some(Lack::Descriptors)),
            (libc::EADDRNOTAVAIL, Some(Lack::Ports)),
            (libc::ENOBUFS, Some(Lack::Memory)),
            (libc::ENOMEM, Some(Lack::Memory)),
            (libc::ECONNREFUSED, None),
            (libc::EHOSTUNREACH, None),
        ] {
            assert_eq!(cause_of(&io::Error::from_raw_os_error(number)), lack);
        }
    }

    #[test]
    fn names_that_wait_for_their_turn_do_not_excuse_names_that_nobody_knows() {
        let lacks = Lacks::default();
        let busy = io::Error::from(io::ErrorKind::ResourceBusy);
        assert_eq!(lacks.of_lookup(&busy), Some(Lack::Names));
        let unknown = io::Error::other("no such name");
        assert_eq!(lacks.of_lookup(&unknown), None);
        assert_eq!(
            lacks.of_lookup(&io::Error::from_raw_os_error(libc::EMFILE)),
            Some(Lack::Descriptors)
        );
        assert_eq!(lacks.of_lookup(&unknown), Some(Lack::Descriptors), "that may be the reason");
    }

    #[test]
    fn pauses_grow_and_are_bounded() {
        let mut pauses = Pauses::new(7);
        let made: Vec<u64> =
            (0..100).map(|_| u64::try_from(pauses.next().as_millis()).unwrap()).collect();
        assert!((25..=50).contains(&made[0]) && (400..=800).contains(&made[4]), "{made:?}");
        assert!(made[20..].iter().all(|pause| (2_500..=5_000).contains(pause)), "{made:?}");
        assert!(made[20..].windows(2).any(|two| two[0] != two[1]), "{made:?}");
    }
}
