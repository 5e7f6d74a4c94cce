//! Access keys at hand: what the store said of them a moment ago.
//!
//! A key is asked for again after some seconds, and before its next use once it was heard that keys
//! have changed: a revoked one stops at once where that is heard, and within seconds elsewhere.
//! While the database is away, a key that was good a minute ago goes on working: what little can
//! be done then is done, and everybody else hears that the database is away, not that his key is
//! wrong. Ids that nobody knows are remembered, too, and only some are asked for at once: a flood
//! of them is no flood of queries.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use runtime::Engine;
use store::{AccessKey, Store};
use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, timeout};

use crate::error::OperationError;
use crate::operations;

/// How long an answer of the store is taken for true.
const FRESH: Duration = Duration::from_secs(3);
/// How long a key is good that the store cannot be asked about. Longer than a fail-over of a
/// database takes, shorter than a revoked key may be of any use.
const GRACE: Duration = Duration::from_mins(1);
/// After how long the store is asked again that did not answer.
const AGAIN: Duration = Duration::from_secs(1);
/// How long the store may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// Most ids that are remembered.
const MOST: usize = 10_000;
/// Most questions at once about ids that are not known.
const STRANGERS: usize = 4;
/// Most requests that wait to ask such a question.
const WAITING: usize = 256;

/// Finds access keys by their ids.
pub(super) struct Keyring {
    configured: HashMap<String, Arc<AccessKey>>,
    store: Store,
    memory: Mutex<Memory>,
    strangers: Semaphore,
    waiting: AtomicUsize,
}

struct Memory {
    changed: watch::Receiver<()>,
    /// How often something was heard.
    generation: u64,
    seen: HashMap<String, Seen>,
    /// When what is old was last removed.
    swept: Instant,
}

/// What the store said of an id.
#[derive(Clone)]
struct Seen {
    key: Option<Arc<AccessKey>>,
    /// When it said so.
    at: Instant,
    /// When it was last asked, with or without an answer.
    asked: Instant,
    /// What had been heard by then.
    generation: u64,
    /// Held by whoever asks again.
    asking: Arc<tokio::sync::Mutex<()>>,
}

impl Keyring {
    pub(super) fn new(configured: Vec<AccessKey>, engine: &Engine) -> Self {
        let memory = Memory {
            changed: engine.access_keys_changed(),
            generation: 0,
            seen: HashMap::new(),
            swept: Instant::now(),
        };
        Self {
            configured: configured.into_iter().map(|key| (key.id.clone(), key.into())).collect(),
            store: engine.store().clone(),
            memory: Mutex::new(memory),
            strangers: Semaphore::new(STRANGERS),
            waiting: AtomicUsize::new(0),
        }
    }

    /// The key of this id, good or not; `None` if there is none.
    ///
    /// # Errors
    /// The database is away; or too many ask for ids that are not known.
    pub(super) async fn find(&self, id: &str) -> Result<Option<Arc<AccessKey>>, OperationError> {
        if let Some(key) = self.configured.get(id) {
            return Ok(Some(key.clone()));
        }
        if !could_be_id(id) {
            return Ok(None);
        }
        let seen = match self.remembered(id) {
            Some(seen) if seen.is_usable(self.generation()) => return Ok(seen.key),
            seen => seen,
        };
        match seen {
            Some(seen) if seen.key.is_some() => self.ask_again(id, &seen).await,
            _ => self.ask_of_stranger(id).await,
        }
    }

    /// One request asks about a known key, and the others wait for the answer.
    async fn ask_again(
        &self,
        id: &str,
        seen: &Seen,
    ) -> Result<Option<Arc<AccessKey>>, OperationError> {
        let began = Instant::now();
        let _one = seen.asking.lock().await;
        if let Some(seen) = self.remembered(id) {
            if seen.is_usable(self.generation()) {
                return Ok(seen.key);
            }
            // Whoever was before us has just heard nothing.
            if seen.asked > began && !seen.outlives_its_store() {
                return Err(OperationError::unavailable());
            }
        }
        self.ask(id, seen.asking.clone()).await
    }

    async fn ask_of_stranger(&self, id: &str) -> Result<Option<Arc<AccessKey>>, OperationError> {
        let place = Place::among(&self.waiting).ok_or_else(OperationError::throttled)?;
        let permit = self.strangers.acquire().await.map_err(|_| OperationError::internal())?;
        drop(place);
        // Others may have asked the same meanwhile.
        let answer = match self.remembered(id) {
            Some(seen) if seen.is_usable(self.generation()) => Ok(seen.key),
            _ => self.ask(id, Arc::default()).await,
        };
        drop(permit);
        answer
    }

    async fn ask(
        &self,
        id: &str,
        asking: Arc<tokio::sync::Mutex<()>>,
    ) -> Result<Option<Arc<AccessKey>>, OperationError> {
        let generation = self.generation();
        let answer = match timeout(PATIENCE, self.store.access_key(id)).await {
            Ok(Ok(key)) => Ok(key.map(Arc::new)),
            Ok(Err(error)) if error.is_unavailable() => Err(OperationError::unavailable()),
            Ok(Err(error)) => return Err(operations::failed(error)),
            Err(_) => Err(OperationError::unavailable()),
        };
        let now = Instant::now();
        let mut memory = self.memory();
        match answer {
            Ok(key) => {
                let seen = Seen { key: key.clone(), at: now, asked: now, generation, asking };
                memory.remember(id, seen);
                Ok(key)
            }
            Err(away) => match memory.seen.get_mut(id) {
                Some(seen) if seen.outlives_its_store() => {
                    (seen.asked, seen.generation) = (now, generation);
                    Ok(seen.key.clone())
                }
                Some(seen) => {
                    seen.asked = now;
                    Err(away)
                }
                None => Err(away),
            },
        }
    }

    fn remembered(&self, id: &str) -> Option<Seen> {
        self.memory().seen.get(id).cloned()
    }

    /// How often it was heard by now that keys have changed.
    fn generation(&self) -> u64 {
        let mut memory = self.memory();
        if memory.changed.has_changed().unwrap_or(false) {
            memory.changed.mark_unchanged();
            memory.generation += 1;
        }
        memory.generation
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().expect("nobody panics while holding this")
    }
}

impl Memory {
    fn remember(&mut self, id: &str, seen: Seen) {
        if self.seen.len() >= MOST && !self.seen.contains_key(id) {
            if self.swept.elapsed() >= AGAIN {
                self.swept = Instant::now();
                self.seen.retain(|_, seen| seen.at.elapsed() < seen.kept());
            }
            if self.seen.len() >= MOST {
                // A key that there is has more right to a place than an id that means nothing.
                let nobody = self.seen.iter().find(|(_, other)| other.key.is_none());
                match (nobody.map(|(id, _)| id.clone()), &seen.key) {
                    (Some(nobody), Some(_)) => drop(self.seen.remove(&nobody)),
                    _ => return,
                }
            }
        }
        self.seen.insert(id.to_owned(), seen);
    }
}

impl Seen {
    /// Whether it may be used without asking: it is fresh, or the store did not answer just now.
    fn is_usable(&self, generation: u64) -> bool {
        self.generation == generation
            && (self.at.elapsed() < FRESH
                || (self.asked.elapsed() < AGAIN && self.outlives_its_store()))
    }

    /// Whether it goes on working while the store does not answer: a key that was there lately does.
    fn outlives_its_store(&self) -> bool {
        self.key.is_some() && self.at.elapsed() < GRACE
    }

    fn kept(&self) -> Duration {
        if self.key.is_some() { GRACE } else { FRESH }
    }
}

/// A place among those who wait, left when this is dropped.
struct Place<'a>(&'a AtomicUsize);

impl<'a> Place<'a> {
    fn among(waiting: &'a AtomicUsize) -> Option<Self> {
        let place = Self(waiting);
        (waiting.fetch_add(1, Ordering::Relaxed) < WAITING).then_some(place)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Whether a text could be the id of an access key, ours or one that was brought along.
fn could_be_id(text: &str) -> bool {
    (1..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use store::Scope;

    use super::*;

    fn key(id: &str) -> Arc<AccessKey> {
        Arc::new(AccessKey {
            id: id.to_owned(),
            account: "123456789012".to_owned(),
            scope: Scope::Read,
            secret: "hush".into(),
            expires_at: None,
            revoked_at: None,
        })
    }

    /// What the store said so long ago, and when it was last asked.
    fn seen(key: Option<Arc<AccessKey>>, said: Duration, asked: Duration) -> Seen {
        let ago = |age: Duration| Instant::now().checked_sub(age).expect("the machine is up");
        Seen { key, at: ago(said), asked: ago(asked), generation: 0, asking: Arc::default() }
    }

    fn memory() -> Memory {
        let (_, changed) = watch::channel(());
        Memory { changed, generation: 0, seen: HashMap::new(), swept: Instant::now() }
    }

    const NOW: Duration = Duration::ZERO;

    #[test]
    fn what_was_said_is_believed_for_seconds_and_not_after_news() {
        for key in [Some(key("A")), None] {
            let fresh = seen(key.clone(), NOW, NOW);
            assert!(fresh.is_usable(0) && !fresh.is_usable(1));
            assert!(!seen(key, FRESH, FRESH).is_usable(0));
        }
    }

    #[test]
    fn a_store_that_does_not_answer_is_given_a_moment_and_a_key_a_minute() {
        let known = |said, asked| seen(Some(key("A")), said, asked).is_usable(0);
        assert!(known(FRESH, NOW), "it was asked just now");
        assert!(!known(FRESH, AGAIN), "it is asked again");
        assert!(!known(GRACE, NOW), "it was good too long ago");
        assert!(!seen(None, FRESH, NOW).is_usable(0), "nobody's id needs no patience");
    }

    #[test]
    fn a_flood_of_ids_takes_no_more_room_than_there_is_and_no_keys_place() {
        let mut memory = memory();
        memory.remember("A", seen(Some(key("A")), NOW, NOW));
        for number in 0..2 * MOST {
            memory.remember(&format!("N{number}"), seen(None, NOW, NOW));
        }
        assert_eq!(memory.seen.len(), MOST);
        assert!(memory.seen.contains_key("A"));
        memory.remember("B", seen(Some(key("B")), NOW, NOW));
        assert!(memory.seen.contains_key("B") && memory.seen.len() == MOST);
        // What is old makes room.
        for seen in memory.seen.values_mut() {
            seen.at -= FRESH;
        }
        memory.swept -= AGAIN;
        memory.remember("C", seen(None, NOW, NOW));
        let mut left: Vec<&str> = memory.seen.keys().map(String::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["A", "B", "C"]);
    }

    #[test]
    fn only_so_many_wait_to_ask_for_strangers() {
        let waiting = AtomicUsize::new(WAITING - 1);
        let last = Place::among(&waiting);
        assert!(last.is_some() && Place::among(&waiting).is_none());
        drop(last);
        assert_eq!(waiting.load(Ordering::Relaxed), WAITING - 1);
    }

    #[test]
    fn what_cannot_be_an_id_is_not_asked_for() {
        assert!(could_be_id("SWKABCDEFGHIJKLMNOPQ") && could_be_id("AKIDEXAMPLE"));
        for text in ["", "a b", "a'b", "é", "a/b", &"A".repeat(129)] {
            assert!(!could_be_id(text), "{text}");
        }
    }
}
