//! An execution that somebody follows: what of its log is read, is read once for all of them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use runtime::{Engine, Following};
use store::Store;
use tokio::sync::{Mutex, Semaphore, watch};

use super::part::{self, PART_BYTES, Part};
use crate::operations::history::{self, Followable};
use crate::room::{Held, Holder, Room};

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
    /// What tells of news; not yet there for a moment.
    following: OnceLock<Following>,
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

/// What reading needs. All but the reader is shared by the streams of a node.
#[derive(Clone, Debug)]
pub(super) struct Reading {
    pub(super) store: Store,
    /// Reads at the same time: most connections to the database stay with others.
    pub(super) turns: Arc<Semaphore>,
    pub(super) room: Room,
    /// Who reads: what nobody has read before takes his room.
    pub(super) holder: Holder,
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
            following: OnceLock::new(),
            read: Mutex::default(),
        })
    }

    /// Hears of news from the engine, on whichever node they come about.
    pub(super) fn follow(self: &Arc<Self>, engine: &Engine) {
        self.following.get_or_init(|| {
            let followed = Arc::downgrade(self);
            engine.follow(self.log.shard, self.log.execution_id, move || {
                if let Some(followed) = followed.upgrade() {
                    followed.stir();
                }
            })
        });
    }

    /// Whether somebody tells of news at this moment.
    pub(super) fn is_told(&self) -> bool {
        self.following.get().is_some_and(Following::is_told)
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
        if let Some(known) = self.read.lock().await.known(begin, *self.news.borrow()) {
            return Ok(known.part());
        }
        // Who waits for room keeps nobody else from reading.
        let room = part::reserve(&reading.room, &reading.holder);
        let room = tokio::time::timeout(ROOM_PATIENCE, room).await.ok().flatten();
        let room = room.ok_or(NoPart::NoRoom)?;
        let mut read = self.read.lock().await;
        let news = *self.news.borrow();
        if let Some(known) = read.known(begin, news) {
            return Ok(known.part());
        }
        read.latest = None;
        let Some(part) = self.read(reading, begin, room).await?.map(Arc::new) else {
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
        room: Held,
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
        drop(turn);
        let room = part::fit(&reading.room, &reading.holder, room, text.len());
        Ok(Some(Part::new(text, from, ended, room.ok_or(NoPart::NoRoom)?)))
    }
}

/// What is known without reading.
enum Known {
    Part(Arc<Part>),
    /// The log does not go on yet.
    Nothing,
}

impl Known {
    fn part(self) -> Option<Arc<Part>> {
        match self {
            Self::Part(part) => Some(part),
            Self::Nothing => None,
        }
    }
}

impl Read {
    /// What is known of the part that begins there, after so many news.
    fn known(&self, begin: Begin, news: u64) -> Option<Known> {
        if let Some(part) = self.parts.get(&begin).and_then(Weak::upgrade) {
            return Some(Known::Part(part));
        }
        let is_through = self.checked.is_some_and(|(then, end)| then == news && begin.0 >= end);
        is_through.then_some(Known::Nothing)
    }
}
