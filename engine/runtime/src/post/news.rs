//! Who follows which executions: they are told when a log grows, on whichever node that is written, and of
//! no other. Nobody asks the database meanwhile.
//!
//! An execution of this node is told of by the lane that writes its turns; one of another node by that node,
//! over a line. Whoever tells is noted, and when that changes (a shard moves, a line is lost) followers are
//! told that something may have happened, once somebody tells them again: so nothing falls between two. As
//! long as nobody tells ([`Following::is_told`]) the follower has to look himself.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::direct::Remote;
use super::mail::Key;
use crate::shared::Shared;
use crate::tenure::Tenure;

/// How often it is looked whether everybody is told, while anybody follows.
const EVERY: Duration = Duration::from_secs(1);
/// Executions that other nodes are asked to tell of at the same time.
const AT_ONCE: usize = 64;

/// What a follower hears.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Saying {
    /// The log may have grown.
    Grown,
    /// Nobody tells any more; it may have grown.
    Over,
}

/// What tells a follower.
pub(crate) type Tell = Arc<dyn Fn(Saying) + Send + Sync>;

/// All that are followed on this node, or from others.
#[derive(Default)]
pub(crate) struct News {
    followed: Mutex<HashMap<Uuid, Vec<Entry>>>,
    count: AtomicUsize,
    last: AtomicU64,
    /// Somebody may be told by nobody.
    changed: Notify,
}

struct Entry {
    number: u64,
    shard: i16,
    tell: Tell,
    /// Only as long as this node has the execution: the follower is another node's.
    is_only_here: bool,
    teller: Teller,
}

/// Who tells.
enum Teller {
    Nobody,
    /// This node's lane, in this tenure of the shard.
    Here(Tenure),
    There(Arc<Remote>),
}

impl Teller {
    fn tells(&self, node: &Shared, shard: i16) -> bool {
        match self {
            Self::Nobody => false,
            Self::Here(tenure) => node.standing.tenures.of(shard) == Some(*tenure),
            Self::There(remote) => remote.tells(),
        }
    }
}

/// A follower is told for as long as this is kept.
pub struct Following {
    shared: Weak<Shared>,
    key: Key,
    number: u64,
}

impl std::fmt::Debug for Following {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Following").field(&self.key).finish()
    }
}

impl Following {
    /// Whether somebody tells this follower at this moment; else he has to look himself.
    pub fn is_told(&self) -> bool {
        let Some(shared) = self.shared.upgrade() else { return false };
        let followed = shared.news.followed();
        let entry = followed.get(&self.key.id).and_then(|all| entry_of(all, self.number));
        entry.is_some_and(|entry| entry.teller.tells(&shared, entry.shard))
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        let Some(shared) = self.shared.upgrade() else { return };
        let removed = {
            let mut followed = shared.news.followed();
            let Some(all) = followed.get_mut(&self.key.id) else { return };
            let removed: Vec<Entry> =
                all.extract_if(.., |entry| entry.number == self.number).collect();
            if all.is_empty() {
                followed.remove(&self.key.id);
            }
            removed
        };
        shared.news.count.fetch_sub(removed.len(), Ordering::AcqRel);
    }
}

fn entry_of(all: &[Entry], number: u64) -> Option<&Entry> {
    all.iter().find(|entry| entry.number == number)
}

impl News {
    /// Tells of this execution from now on. Whoever reads its log after that misses nothing.
    pub(crate) fn follow(
        shared: &Arc<Shared>,
        key: Key,
        is_only_here: bool,
        tell: Tell,
    ) -> Following {
        let news = &shared.news;
        let number = news.last.fetch_add(1, Ordering::Relaxed);
        let teller = shared.standing.tenures.of(key.shard).map_or(Teller::Nobody, Teller::Here);
        let is_told = matches!(teller, Teller::Here(_));
        let entry = Entry { number, shard: key.shard, tell, is_only_here, teller };
        news.followed().entry(key.id).or_default().push(entry);
        news.count.fetch_add(1, Ordering::AcqRel);
        if !is_told {
            news.changed.notify_one();
        }
        Following { shared: Arc::downgrade(shared), key, number }
    }

    /// The log of this execution has grown.
    pub(crate) fn grown(&self, id: Uuid) {
        if self.count.load(Ordering::Acquire) == 0 {
            return;
        }
        let told: Vec<Tell> = {
            let followed = self.followed();
            followed.get(&id).into_iter().flatten().map(|entry| entry.tell.clone()).collect()
        };
        for tell in told {
            tell(Saying::Grown);
        }
    }

    /// Sees to it that everybody is told by somebody, until told to stop.
    pub(crate) async fn run(shared: Arc<Shared>, stop: CancellationToken) {
        let mut begun = shared.begun.subscribe();
        loop {
            let nobody_follows = shared.news.count.load(Ordering::Acquire) == 0;
            tokio::select! {
                () = stop.cancelled() => return,
                _ = begun.changed() => {}
                () = shared.news.changed.notified() => {}
                () = tokio::time::sleep(EVERY), if !nobody_follows => {}
            }
            let untold = shared.news.look(&shared);
            let asking =
                stream::iter(untold).for_each_concurrent(AT_ONCE, |(key, number, tell)| {
                    let shared = &shared;
                    async move { shared.news.ask(shared, key, number, tell).await }
                });
            tokio::select! {
                () = stop.cancelled() => return,
                () = asking => {}
            }
        }
    }

    /// Notes who is told by this node now; gives those whom another has to tell.
    fn look(&self, shared: &Shared) -> Vec<(Key, u64, Tell)> {
        let (mut told, mut untold) = (Vec::new(), Vec::new());
        for (id, all) in self.followed().iter_mut() {
            for entry in all {
                if entry.teller.tells(shared, entry.shard) {
                    continue;
                }
                if let Some(tenure) = shared.standing.tenures.of(entry.shard) {
                    entry.teller = Teller::Here(tenure);
                    told.push((entry.tell.clone(), Saying::Grown));
                } else if entry.is_only_here {
                    told.push((entry.tell.clone(), Saying::Over));
                } else {
                    entry.teller = Teller::Nobody;
                    let key = Key { shard: entry.shard, id: *id };
                    untold.push((key, entry.number, entry.tell.clone()));
                }
            }
        }
        for (tell, saying) in told {
            tell(saying);
        }
        untold
    }

    /// Asks the node that has this execution to tell of it.
    async fn ask(&self, shared: &Arc<Shared>, key: Key, number: u64, tell: Tell) {
        let Some(direct) = shared.direct.get() else { return };
        let (again, whom) = (Arc::downgrade(shared), tell.clone());
        let heard: Tell = Arc::new(move |saying| {
            whom(Saying::Grown);
            if saying == Saying::Over
                && let Some(shared) = again.upgrade()
            {
                shared.news.changed.notify_one();
            }
        });
        let Some(remote) = direct.follow(key, heard).await else { return };
        {
            let mut followed = self.followed();
            let all = followed.get_mut(&key.id).into_iter().flatten();
            let Some(entry) = all.into_iter().find(|entry| entry.number == number) else { return };
            entry.teller = Teller::There(Arc::new(remote));
        }
        // What came before it was told of.
        tell(Saying::Grown);
    }

    fn followed(&self) -> MutexGuard<'_, HashMap<Uuid, Vec<Entry>>> {
        self.followed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
