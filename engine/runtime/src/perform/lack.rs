//! What this node itself may lack for a call: descriptors, ports, memory. No task fails for that.

use std::error::Error;
use std::io;
use std::net::UdpSocket;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

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

    /// Whether it is so still, as far as one can see without making a call.
    pub(super) fn lasts(self) -> bool {
        match self {
            Self::Descriptors | Self::Memory => current().is_some(),
            Self::Ports | Self::Names => false,
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

/// The same of a look-up. Who resolves names tells of his lacks in words of many kinds, such as that
/// the name is not known: so what we lack ourselves at this moment, or lacked a moment ago, counts.
pub(super) fn of_lookup(error: &io::Error) -> Option<Lack> {
    let Some(lack) = of(error).or_else(current) else { return recent() };
    observe(lack);
    Some(lack)
}

/// What is lacking at this moment for opening anything.
fn current() -> Option<Lack> {
    UdpSocket::bind(("127.0.0.1", 0)).err().as_ref().and_then(of)
}

/// How long what was lacking may still be the reason of what fails.
const RECENT: Duration = Duration::from_secs(2);
/// How often the log tells of it.
const TOLD_EVERY: Duration = Duration::from_secs(30);

/// What was lacking last in this process, and since when.
static OBSERVED: Mutex<Option<(Lack, Instant)>> = Mutex::new(None);
/// When the log told of it last.
static TOLD: Mutex<Option<Instant>> = Mutex::new(None);

/// Something failed for lack of this; what fails soon after may have for the same reason.
pub(super) fn observe(lack: Lack) {
    *OBSERVED.lock().unwrap_or_else(PoisonError::into_inner) = Some((lack, Instant::now()));
}

fn recent() -> Option<Lack> {
    let observed = *OBSERVED.lock().unwrap_or_else(PoisonError::into_inner);
    observed.filter(|(_, at)| at.elapsed() < RECENT).map(|(lack, _)| lack)
}

/// Tells that a call has to wait for this.
pub(super) fn tell(lack: Lack) {
    metrics::counter!("statewright_calls_starved_total", "lack" => lack.label()).increment(1);
    let mut told = TOLD.lock().unwrap_or_else(PoisonError::into_inner);
    if told.is_none_or(|told| told.elapsed() >= TOLD_EVERY) {
        *told = Some(Instant::now());
        drop(told);
        tracing::warn!(lack = lack.label(), "calls of functions wait: {lack}");
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
    fn pauses_grow_and_are_bounded() {
        let mut pauses = Pauses::new(7);
        let made: Vec<u64> =
            (0..100).map(|_| u64::try_from(pauses.next().as_millis()).unwrap()).collect();
        assert!((25..=50).contains(&made[0]) && (400..=800).contains(&made[4]), "{made:?}");
        assert!(made[20..].iter().all(|pause| (2_500..=5_000).contains(pause)), "{made:?}");
        assert!(made[20..].windows(2).any(|two| two[0] != two[1]), "{made:?}");
    }
}
