//! An execution that somebody follows: what of its log is read, is read once for all of them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use store::Store;
use tokio::sync::{Mutex, Semaphore, watch};

use super::part::{self, PART_BYTES, Part, Room};
use crate::operations::history::{self, Followable};

/// How long a part may wait for room in memory.
const ROOM_PATIENCE: Duration = Duration::from_secs(5);

/// Where a part begins: the number of its first event in the log, and the last event, by its id
/// in the history, that is left out.
type Begin = (i64, u64);

/// An execution that somebody follows.
#[derive(Debug)]
pub(super) struct Followed {
    pub(super) log: Followable,
    /// Rises whenever the log may have grown.
    news: watch::Sender<u64>,
    /// The number after the last event that is known.
    known: AtomicI64,
    /// Held while something is read: who wants the same waits for it.
    read: Mutex<Read>,
}

/// What has been read.
#[derive(Debug, Default)]
struct Read {
    /// Parts that somebody is being sent.
    parts: HashMap<Begin, Weak<Part>>,
    /// The last of them, for those who come for it a moment later.
    latest: Option<Arc<Part>>,
    /// How many news there had been when the log was read to its end, and where that was.
    checked: Option<(u64, i64)>,
}

/// What reading needs, shared by all streams of a node.
#[derive(Clone, Debug)]
pub(super) struct Reading {
    pub(super) store: Store,
    /// Reads at the same time: most connections to the database stay with others.
    pub(super) turns: Arc<Semaphore>,
    pub(super) room: Room,
}

/// Why there is no part.
#[derive(Debug)]
pub(super) enum NoPart {
    /// The store could not be asked; it has logged its error itself.
    Away,
    /// Too much that nobody reads waits for its readers.
    NoRoom,
}

impl Followed {
    pub(super) fn new(log: Followable) -> Arc<Self> {
        Arc::new(Self {
            log,
            news: watch::Sender::new(0),
            known: AtomicI64::new(0),
            read: Mutex::default(),
        })
    }

    /// Tells followers that there may be something new.
    pub(super) fn stir(&self) {
        self.news.send_modify(|count| *count += 1);
    }

    /// Tells them if the log is longer than what is known of it.
    pub(super) fn note_end(&self, end: i64) {
        if end > self.known.load(Ordering::Relaxed) {
            self.stir();
        }
    }

    /// Hears of news from now on.
    pub(super) fn news(&self) -> watch::Receiver<u64> {
        self.news.subscribe()
    }

    /// Keeps nothing that nobody is being sent.
    pub(super) fn forget(&self) {
        // While something is read, it is not the time to forget it.
        if let Ok(mut read) = self.read.try_lock() {
            read.latest = None;
        }
    }

    /// The part that begins there; nothing if the log does not go on yet.
    pub(super) async fn part(
        &self,
        reading: &Reading,
        begin: Begin,
    ) -> Result<Option<Arc<Part>>, NoPart> {
        let mut read = self.read.lock().await;
        if let Some(part) = read.parts.get(&begin).and_then(Weak::upgrade) {
            return Ok(Some(part));
        }
        let news = *self.news.borrow();
        if read.checked.is_some_and(|(then, end)| then == news && begin.0 >= end) {
            return Ok(None);
        }
        read.latest = None;
        let Some(part) = self.read(reading, begin).await?.map(Arc::new) else {
            read.checked = Some((news, self.known.load(Ordering::Relaxed)));
            return Ok(None);
        };
        read.parts.retain(|_, part| part.strong_count() > 0);
        read.parts.insert(begin, Arc::downgrade(&part));
        read.latest = reading.room.is_plenty().then(|| part.clone());
        Ok(Some(part))
    }

    async fn read(
        &self,
        reading: &Reading,
        (mut from, seen): Begin,
    ) -> Result<Option<Part>, NoPart> {
        let turn = reading.turns.acquire().await.map_err(|_| NoPart::Away)?;
        let mut text = String::new();
        let ended = loop {
            let stretch = history::read_stretch(&reading.store, &self.log, from, |event| {
                if event.id > seen {
                    part::write(&mut text, &event);
                }
                text.len() < PART_BYTES
            });
            let stretch = stretch.await.map_err(|_| NoPart::Away)?;
            from = from.max(stretch.next);
            self.known.fetch_max(stretch.next, Ordering::Relaxed);
            // Events that nobody is shown are passed over at once.
            if !text.is_empty() || !stretch.more {
                break stretch.ended;
            }
        };
        if text.is_empty() && !ended {
            return Ok(None);
        }
        text.shrink_to_fit();
        // Who waits for room keeps nobody from reading.
        drop(turn);
        match tokio::time::timeout(ROOM_PATIENCE, reading.room.of(text.len())).await {
            Ok(Some(room)) => Ok(Some(Part::new(text, from, ended, room))),
            Ok(None) | Err(_) => Err(NoPart::NoRoom),
        }
    }
}
