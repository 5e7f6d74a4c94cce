//! What one connection is doing, as far as the time it may take is concerned.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

/// How long a connection may take for what only its client can do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Patience {
    /// From the first byte of a request, or from the connection's beginning, to the end of the
    /// request's head. Whatever comes before a first request counts: a TLS handshake, an HTTP/2
    /// preface.
    pub header: Duration,
    /// Without a request under way.
    pub idle: Duration,
    /// Until the client takes some of an answer that waits for it.
    pub reader: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            header: Duration::from_secs(10),
            idle: Duration::from_secs(30),
            reader: Duration::from_secs(30),
        }
    }
}

/// Why a connection is ended by us.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Overstay {
    /// The head of a request did not arrive.
    Header,
    /// Nothing was asked.
    Idle,
    /// An answer was not read.
    Reader,
    /// It was the one that others could best do without.
    Crowded,
}

impl Overstay {
    pub(crate) const ALL: [Self; 4] = [Self::Header, Self::Idle, Self::Reader, Self::Crowded];

    /// The reason, as metrics name it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Header => "header",
            Self::Idle => "idle",
            Self::Reader => "reader",
            Self::Crowded => "crowded",
        }
    }

    /// What the client did.
    pub(crate) fn told(self) -> &'static str {
        match self {
            Self::Header => "no complete request head came in time",
            Self::Idle => "nothing was asked for too long",
            Self::Reader => "an answer was not read",
            Self::Crowded => "others needed the place of an idle one",
        }
    }
}

/// An answer that waits for its reader.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Unread {
    pub(super) since: Instant,
    /// How much of it is in memory.
    pub(super) bytes: u64,
}

/// What a connection is doing.
#[derive(Debug)]
pub(super) struct Presence {
    /// Requests that have arrived and whose answers are not written yet.
    under_way: usize,
    /// When it last did something that counts while no request is under way.
    quiet_since: Instant,
    /// Since when the head of a request is awaited that has begun, or has to be the first.
    head_since: Option<Instant>,
    is_http2: bool,
    /// Answers a part of which waits for its reader, by that part's number.
    unread: BTreeMap<u64, Unread>,
    numbered: u64,
}

impl Presence {
    /// A connection that has just begun.
    pub(super) fn new(now: Instant) -> Self {
        Self {
            under_way: 0,
            quiet_since: now,
            head_since: Some(now),
            is_http2: false,
            unread: BTreeMap::new(),
            numbered: 0,
        }
    }

    /// Bytes came in. In HTTP/2 they may be pings, which begin no request.
    pub(super) fn heard(&mut self, now: Instant) {
        if self.under_way == 0 && !self.is_http2 {
            self.head_since.get_or_insert(now);
        }
    }

    /// The client took bytes: the end of an answer may still be on its way. In HTTP/2 they may be
    /// pings, which tell nothing.
    pub(super) fn sent(&mut self, now: Instant) {
        if !self.is_http2 {
            self.quiet_since = now;
        }
    }

    /// The head of a request is complete.
    pub(super) fn asked(&mut self, is_http2: bool) {
        self.under_way += 1;
        self.head_since = None;
        self.is_http2 = is_http2;
    }

    /// A request's answer is written, or nobody waits for it any more.
    pub(super) fn answered(&mut self, now: Instant) {
        self.under_way = self.under_way.saturating_sub(1);
        self.quiet_since = now;
    }

    /// A part of an answer waits for its reader, and so many bytes with it; the number under which
    /// it does.
    pub(super) fn offered(&mut self, since: Instant, bytes: u64) -> u64 {
        self.numbered += 1;
        self.unread.insert(self.numbered, Unread { since, bytes });
        self.numbered
    }

    /// That part was taken.
    pub(super) fn taken(&mut self, number: u64) {
        self.unread.remove(&number);
    }

    /// What of its answers is not read: since when, and how much together.
    pub(super) fn unread(&self) -> Option<Unread> {
        // Numbers rise with time: the first is the one that has waited longest.
        let (_, first) = self.unread.first_key_value()?;
        let bytes = self.unread.values().map(|unread| unread.bytes).sum();
        Some(Unread { since: first.since, bytes })
    }

    /// Since when nothing has been under way, if nothing is.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        (self.under_way == 0).then_some(self.quiet_since)
    }

    /// Which limit it has passed.
    pub(super) fn overstays(&self, now: Instant, patience: &Patience) -> Option<Overstay> {
        let passed = |since: Instant, limit| now.saturating_duration_since(since) >= limit;
        if self.unread().is_some_and(|unread| passed(unread.since, patience.reader)) {
            return Some(Overstay::Reader);
        }
        if self.under_way > 0 {
            return None;
        }
        if self.head_since.is_some_and(|since| passed(since, patience.header)) {
            return Some(Overstay::Header);
        }
        passed(self.quiet_since, patience.idle).then_some(Overstay::Idle)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Patience = Patience {
        header: Duration::from_secs(10),
        idle: Duration::from_secs(30),
        reader: Duration::from_secs(20),
    };

    /// A connection whose clock is in the test's hand.
    struct Clock {
        start: Instant,
        presence: Presence,
    }

    impl Clock {
        fn new() -> Self {
            let start = Instant::now();
            Self { start, presence: Presence::new(start) }
        }

        fn at(&self, second: u64) -> Instant {
            self.start + Duration::from_secs(second)
        }

        fn overstays(&self, second: u64) -> Option<Overstay> {
            self.presence.overstays(self.at(second), &PATIENCE)
        }
    }

    #[test]
    fn who_says_nothing_or_dribbles_a_first_head_is_ended_after_the_headers_time() {
        let mut it = Clock::new();
        for second in 1..10 {
            let now = it.at(second);
            it.presence.heard(now);
            it.presence.sent(now);
            assert_eq!(it.overstays(second), None);
        }
        assert_eq!(it.overstays(10), Some(Overstay::Header));
    }

    #[test]
    fn a_later_head_has_its_time_from_its_first_byte() {
        let mut it = Clock::new();
        it.presence.asked(false);
        it.presence.answered(it.at(20));
        assert_eq!(it.overstays(49), None);
        let began = it.at(45);
        it.presence.heard(began);
        it.presence.heard(it.start + Duration::from_secs(48));
        assert_eq!(it.overstays(54), Some(Overstay::Idle), "whichever limit comes first");
        let mut it = Clock::new();
        it.presence.asked(false);
        it.presence.answered(it.at(20));
        let began = it.at(21);
        it.presence.heard(began);
        assert_eq!(it.overstays(30), None);
        assert_eq!(it.overstays(31), Some(Overstay::Header));
    }

    #[test]
    fn a_request_under_way_is_never_idle() {
        let mut it = Clock::new();
        it.presence.asked(false);
        it.presence.asked(false);
        it.presence.answered(it.at(5));
        assert_eq!((it.overstays(10_000), it.presence.idle_since()), (None, None));
        it.presence.answered(it.at(10_000));
        assert_eq!(it.overstays(10_029), None);
        assert_eq!(it.overstays(10_030), Some(Overstay::Idle));
    }

    #[test]
    fn the_end_of_an_answer_that_is_still_taken_is_no_idling() {
        let mut it = Clock::new();
        it.presence.asked(false);
        it.presence.answered(it.at(1));
        let now = it.at(25);
        it.presence.sent(now);
        assert_eq!(it.overstays(54), None);
        assert_eq!(it.overstays(55), Some(Overstay::Idle));
    }

    #[test]
    fn pings_of_http2_are_neither_life_nor_a_head() {
        let mut it = Clock::new();
        it.presence.asked(true);
        it.presence.answered(it.at(1));
        for second in 2..30 {
            let now = it.at(second);
            it.presence.heard(now);
            it.presence.sent(now);
            assert_eq!(it.overstays(second), None);
        }
        assert_eq!(it.overstays(31), Some(Overstay::Idle));
    }

    #[test]
    fn the_answer_that_waits_longest_for_its_reader_counts() {
        let mut it = Clock::new();
        it.presence.asked(true);
        it.presence.asked(true);
        let first = it.presence.offered(it.at(1), 7);
        let second = it.presence.offered(it.at(5), 8);
        assert_eq!(it.presence.unread(), Some(Unread { since: it.at(1), bytes: 15 }));
        assert_eq!(it.overstays(20), None);
        assert_eq!(it.overstays(21), Some(Overstay::Reader));
        it.presence.taken(first);
        assert_eq!(it.overstays(24), None);
        assert_eq!(it.overstays(25), Some(Overstay::Reader));
        it.presence.taken(second);
        assert_eq!(it.overstays(1_000), None);
    }
}
