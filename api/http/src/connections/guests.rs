//! The list of connections: how many there may be, in all and from one address, and who makes
//! room.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::guest::{Guest, Origin};
use super::metrics;
use super::presence::{Overstay, Patience};

/// A connection that has had less time than this is no idle one: its request may be on the way.
const SETTLED: Duration = Duration::from_secs(1);

/// How many that make room may still be leaving while others have their places.
const MOST_LEAVING: usize = 8;

/// What answers that are not read may hold in memory, all together. Where it is more, those who
/// have not read for longest are not waited for.
const MOST_UNREAD_BYTES: u64 = 256 * 1024 * 1024;

/// How many connections there may be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Caps {
    /// In all.
    pub most: usize,
    /// From one address; an IPv6 address stands for its /64.
    pub most_per_address: usize,
}

impl Default for Caps {
    /// Enough for a system that gives descriptors freely.
    fn default() -> Self {
        Self { most: 10_000, most_per_address: 5_000 }
    }
}

/// The list.
#[derive(Debug)]
pub(super) struct Guests {
    caps: Caps,
    list: Mutex<List>,
}

#[derive(Debug, Default)]
struct List {
    guests: HashMap<u64, Arc<Guest>>,
    origins: HashMap<Origin, usize>,
    numbered: u64,
}

/// A place on the list, for as long as it is kept.
#[derive(Debug)]
pub(super) struct Place {
    guests: Arc<Guests>,
    number: u64,
    pub(super) guest: Arc<Guest>,
}

/// Why there was no place.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Full {
    InAll,
    ForAddress,
}

impl Full {
    pub(super) const ALL: [Self; 2] = [Self::InAll, Self::ForAddress];

    /// The cap, as metrics name it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::InAll => "all",
            Self::ForAddress => "address",
        }
    }
}

impl Guests {
    pub(super) fn new(caps: Caps) -> Arc<Self> {
        Arc::new(Self { caps, list: Mutex::default() })
    }

    /// A place for a connection from this address. Where there is none, the one that has been
    /// idle for longest makes room.
    pub(super) fn admit(
        self: &Arc<Self>,
        address: IpAddr,
        stop: &CancellationToken,
    ) -> Result<Place, Full> {
        let origin = Origin::from(address);
        let mut list = self.list();
        let from_there = list.origins.get(&origin).copied().unwrap_or(0);
        // An address that has all it may have makes room itself: it cannot take from others.
        let full = if from_there >= self.caps.most_per_address {
            Some((Full::ForAddress, Some(origin)))
        } else {
            (list.guests.len() >= self.caps.most).then_some((Full::InAll, None))
        };
        if let Some((full, whose)) = full {
            let leaving = from_there >= self.caps.most_per_address + MOST_LEAVING
                || list.guests.len() >= self.caps.most + MOST_LEAVING;
            if leaving || !list.make_room(whose) {
                return Err(full);
            }
        }
        let guest = Guest::new(origin, stop);
        list.numbered += 1;
        let number = list.numbered;
        list.guests.insert(number, guest.clone());
        *list.origins.entry(origin).or_default() += 1;
        Ok(Place { guests: self.clone(), number, guest })
    }

    /// Has the one leave that has been idle for longest; whether there was one.
    pub(super) fn make_room(&self) -> bool {
        self.list().make_room(None)
    }

    /// Ends those that have passed a limit, and those that have not read for longest where what
    /// is not read takes too much memory; how many for which reason.
    pub(super) fn sweep(&self, now: Instant, patience: &Patience) -> Vec<(Overstay, usize)> {
        let mut counts = Overstay::ALL.map(|why| (why, 0));
        let mut dismiss = |guest: &Guest, why: Overstay| {
            if guest.dismiss(why) {
                counts.iter_mut().filter(|(other, _)| *other == why).for_each(|(_, n)| *n += 1);
            }
        };
        let mut unread = Vec::new();
        let list = self.list();
        for guest in list.guests.values() {
            if let Some(why) = guest.overstays(now, patience) {
                dismiss(guest, why);
            } else if let Some(waits) = guest.unread() {
                unread.push((waits, guest));
            }
        }
        let mut bytes: u64 = unread.iter().map(|(waits, _)| waits.bytes).sum();
        if bytes > MOST_UNREAD_BYTES {
            unread.sort_by_key(|(waits, _)| waits.since);
            for (waits, guest) in unread {
                if bytes <= MOST_UNREAD_BYTES
                    || now.saturating_duration_since(waits.since) < SETTLED
                {
                    break;
                }
                dismiss(guest, Overstay::Reader);
                bytes -= waits.bytes;
            }
        }
        counts.into_iter().filter(|(_, count)| *count > 0).collect()
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.list().guests.len()
    }

    fn list(&self) -> MutexGuard<'_, List> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl List {
    fn make_room(&self, origin: Option<Origin>) -> bool {
        let now = Instant::now();
        let longest = self
            .guests
            .values()
            .filter(|guest| origin.is_none_or(|origin| guest.origin == origin))
            .filter_map(|guest| Some((guest.idle_since()?, guest)))
            .min_by_key(|(since, _)| *since);
        match longest {
            Some((since, guest)) if now.saturating_duration_since(since) >= SETTLED => {
                metrics::ended(Overstay::Crowded, 1);
                guest.dismiss(Overstay::Crowded)
            }
            Some(_) | None => false,
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut list = self.guests.list();
        list.guests.remove(&self.number);
        let origin = self.guest.origin;
        if let Some(count) = list.origins.get_mut(&origin) {
            *count -= 1;
            if *count == 0 {
                list.origins.remove(&origin);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::guest::UnderWay;
    use super::*;

    const CAPS: Caps = Caps { most: 4, most_per_address: 2 };

    struct House {
        guests: Arc<Guests>,
        stop: CancellationToken,
    }

    impl House {
        fn new() -> Self {
            Self { guests: Guests::new(CAPS), stop: CancellationToken::new() }
        }

        fn admit(&self, last: u8) -> Result<Place, Full> {
            self.guests.admit([192, 0, 2, last].into(), &self.stop)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn places_are_capped_in_all_and_by_address() {
        let house = House::new();
        let _first = [house.admit(1).unwrap(), house.admit(1).unwrap()];
        assert_eq!(house.admit(1).unwrap_err(), Full::ForAddress);
        let second = [house.admit(2).unwrap(), house.admit(2).unwrap()];
        assert_eq!(house.admit(3).unwrap_err(), Full::InAll);
        drop(second);
        assert_eq!(house.guests.len(), 2);
        house.admit(3).unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn who_has_been_idle_for_longest_makes_room() {
        let house = House::new();
        let busy = house.admit(1).unwrap();
        let _request = UnderWay::new(&busy.guest, false);
        tokio::time::advance(Duration::from_secs(1)).await;
        let longest = house.admit(2).unwrap();
        tokio::time::advance(Duration::from_secs(1)).await;
        let others = [house.admit(3).unwrap(), house.admit(3).unwrap()];
        tokio::time::advance(Duration::from_secs(5)).await;
        let _new = house.admit(4).unwrap();
        assert_eq!(longest.guest.dismissed_for(), Some(Overstay::Crowded));
        assert_eq!(busy.guest.dismissed_for(), None);
        assert!(others.iter().all(|other| other.guest.dismissed_for().is_none()));
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_makes_room_for_itself_only() {
        let house = House::new();
        let other = house.admit(1).unwrap();
        tokio::time::advance(Duration::from_secs(5)).await;
        let own = [house.admit(2).unwrap(), house.admit(2).unwrap()];
        tokio::time::advance(Duration::from_secs(5)).await;
        let _new = house.admit(2).unwrap();
        assert_eq!(other.guest.dismissed_for(), None);
        assert_eq!(own.iter().filter(|own| own.guest.dismissed_for().is_some()).count(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn who_has_just_come_makes_no_room() {
        let house = House::new();
        let _places = [1, 1, 2, 2].map(|last| house.admit(last).unwrap());
        tokio::time::advance(Duration::from_millis(900)).await;
        assert_eq!(house.admit(3).unwrap_err(), Full::InAll);
    }

    #[tokio::test(start_paused = true)]
    async fn who_has_not_read_for_longest_goes_where_the_unread_takes_too_much() {
        let house = House::new();
        let places = [1, 2, 3, 4].map(|last| house.admit(last).unwrap());
        let mut requests = Vec::new();
        for place in &places {
            tokio::time::advance(Duration::from_secs(2)).await;
            let mut request = UnderWay::new(&place.guest, false);
            request.offer(MOST_UNREAD_BYTES / 3);
            requests.push(request);
        }
        tokio::time::advance(Duration::from_secs(2)).await;
        let swept = house.guests.sweep(Instant::now(), &Patience::default());
        assert_eq!(swept, [(Overstay::Reader, 1)]);
        assert_eq!(places[0].guest.dismissed_for(), Some(Overstay::Reader));
        assert_eq!(house.guests.sweep(Instant::now(), &Patience::default()), []);
    }

    #[tokio::test(start_paused = true)]
    async fn those_who_do_not_leave_at_once_are_not_replaced_without_end() {
        let house = House::new();
        let mut places = vec![house.admit(1).unwrap()];
        for _ in 0..100 {
            tokio::time::advance(Duration::from_secs(2)).await;
            places.extend(house.admit(1));
        }
        assert_eq!(places.len(), CAPS.most_per_address + MOST_LEAVING);
    }
}
