//! All who follow executions on this node: how many they may be, and one look for all of them.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use runtime::Engine;
use runtime::metrics::METRICS;
use tokio::sync::Semaphore;
use tokio::time::MissedTickBehavior;
use uuid::Uuid;

use super::followed::{Followed, Reading};
use super::part;
use crate::operations::history::Followable;
use crate::room::{Holder, Room};

/// How often the database is asked whether logs have grown of which nobody tells.
const LOOK: Duration = Duration::from_secs(2);
/// Reads of logs at the same time.
const READS: usize = 4;

/// How many streams of events there may be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct StreamCaps {
    /// On this node.
    pub most: usize,
    /// Of one execution.
    pub most_per_execution: usize,
}

impl Default for StreamCaps {
    fn default() -> Self {
        Self { most: 2_000, most_per_execution: 1_000 }
    }
}

/// All who follow executions on this node.
#[derive(Debug)]
pub(crate) struct Followers {
    caps: StreamCaps,
    turns: Arc<Semaphore>,
    room: Room,
    list: Mutex<List>,
}

#[derive(Debug, Default)]
struct List {
    executions: HashMap<Uuid, Vec<Kept>>,
    followers: usize,
    /// Somebody looks for news.
    is_watched: bool,
}

/// One execution as those of one region see it, and how many they are.
#[derive(Debug)]
struct Kept {
    followed: Arc<Followed>,
    followers: usize,
}

/// A follower, for as long as it is kept.
#[derive(Debug)]
pub(super) struct Seat {
    followers: Arc<Followers>,
    pub(super) followed: Arc<Followed>,
}

/// Why there is no seat: how many there are, of this execution or in all.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Taken {
    InAll(usize),
    OfExecution(usize),
}

impl Followers {
    pub(crate) fn new(caps: StreamCaps) -> Arc<Self> {
        Arc::new(Self {
            caps,
            turns: Arc::new(Semaphore::new(READS)),
            room: part::room(),
            list: Mutex::default(),
        })
    }

    /// What a stream of this holder reads with.
    pub(super) fn reading(&self, engine: &Engine, holder: Holder) -> Reading {
        let (store, turns) = (engine.store().clone(), self.turns.clone());
        Reading { store, turns, room: self.room.clone(), holder }
    }

    /// A seat among those who follow this execution, of whose news they hear from now on.
    pub(super) fn sit_down(
        self: &Arc<Self>,
        engine: &Engine,
        log: Followable,
    ) -> Result<Seat, Taken> {
        let (followed, watch) = {
            let mut list = self.list();
            let followed = list.add(&self.caps, log)?;
            (followed, !std::mem::replace(&mut list.is_watched, true))
        };
        METRICS.doors.streams.inc();
        // Before anybody reads: what is appended in between is not missed.
        followed.follow(engine);
        if watch {
            tokio::spawn(self.clone().keep_watch(engine.clone()));
        }
        Ok(Seat { followers: self.clone(), followed })
    }

    /// Looks for followers whom nobody tells, as long as there are any.
    async fn keep_watch(self: Arc<Self>, engine: Engine) {
        let mut looks = tokio::time::interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while self.goes_on() {
            looks.tick().await;
            self.look(&engine).await;
        }
    }

    /// Whether anybody is left to watch for.
    fn goes_on(&self) -> bool {
        let mut list = self.list();
        list.is_watched = list.followers > 0;
        list.is_watched
    }

    /// Asks the database, in one statement, how far the logs go of which nobody tells.
    async fn look(&self, engine: &Engine) {
        let executions: Vec<Vec<Arc<Followed>>> = {
            let list = self.list();
            let followed = |all: &Vec<Kept>| all.iter().map(|kept| kept.followed.clone()).collect();
            list.executions.values().map(followed).collect()
        };
        executions.iter().flatten().for_each(|followed| followed.forget());
        let asked: Vec<(i16, Uuid)> = executions
            .iter()
            .filter(|kept| !kept.iter().all(|followed| followed.is_told()))
            .filter_map(|kept| Some(&kept.first()?.log))
            .map(|log| (log.shard, log.execution_id))
            .collect();
        if asked.is_empty() {
            return;
        }
        // A store that is away is asked again later; it has logged its error itself.
        let ends = engine.store().log_ends(&asked).await.unwrap_or_default();
        let list = self.list();
        for (id, end) in ends {
            for kept in list.executions.get(&id).into_iter().flatten() {
                kept.followed.note_end(end);
            }
        }
    }

    fn list(&self) -> MutexGuard<'_, List> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl List {
    fn add(&mut self, caps: &StreamCaps, log: Followable) -> Result<Arc<Followed>, Taken> {
        if self.followers >= caps.most {
            return Err(Taken::InAll(self.followers));
        }
        let all = self.executions.entry(log.execution_id).or_default();
        let there: usize = all.iter().map(|kept| kept.followers).sum();
        if there >= caps.most_per_execution {
            return Err(Taken::OfExecution(there));
        }
        self.followers += 1;
        if let Some(kept) = all.iter_mut().find(|kept| kept.followed.log.region == log.region) {
            kept.followers += 1;
            return Ok(kept.followed.clone());
        }
        let followed = Followed::new(log);
        all.push(Kept { followed: followed.clone(), followers: 1 });
        Ok(followed)
    }

    fn remove(&mut self, followed: &Arc<Followed>) {
        self.followers -= 1;
        let Entry::Occupied(mut all) = self.executions.entry(followed.log.execution_id) else {
            return;
        };
        for kept in all.get_mut() {
            if Arc::ptr_eq(&kept.followed, followed) {
                kept.followers -= 1;
            }
        }
        all.get_mut().retain(|kept| kept.followers > 0);
        if all.get().is_empty() {
            all.remove();
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.followers.list().remove(&self.followed);
        METRICS.doors.streams.dec();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(id: u128, region: &str) -> Followable {
        Followable { shard: 1, execution_id: Uuid::from_u128(id), region: region.to_owned() }
    }

    #[test]
    fn seats_are_counted_by_execution_and_in_all() {
        let caps = StreamCaps { most: 3, most_per_execution: 2 };
        let mut list = List::default();
        let first = list.add(&caps, log(1, "a")).unwrap();
        let same = list.add(&caps, log(1, "a")).unwrap();
        assert!(Arc::ptr_eq(&first, &same), "what is read is read once");
        assert_eq!(list.add(&caps, log(1, "b")).unwrap_err(), Taken::OfExecution(2));
        let other = list.add(&caps, log(2, "a")).unwrap();
        assert_eq!(list.add(&caps, log(3, "a")).unwrap_err(), Taken::InAll(3));
        for left in [first, same, other] {
            list.remove(&left);
        }
        assert_eq!((list.followers, list.executions.len()), (0, 0));
    }

    #[test]
    fn regions_see_an_execution_each_in_its_own_words() {
        let (caps, mut list) = (StreamCaps::default(), List::default());
        let here = list.add(&caps, log(1, "a")).unwrap();
        let there = list.add(&caps, log(1, "b")).unwrap();
        assert!(!Arc::ptr_eq(&here, &there));
        list.remove(&here);
        assert_eq!(list.executions[&Uuid::from_u128(1)].len(), 1);
    }
}
