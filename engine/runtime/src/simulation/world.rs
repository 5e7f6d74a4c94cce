//! Nodes on one store, on virtual time: what happens, in which order, is the seed's to say.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::sync::Arc;
use std::time::Duration;

use asl::Program;
use machine::{Identity, Random, Timestamp};
use tokio::time::Instant;
use uuid::Uuid;

use super::node::Node;
use super::store::Store;
use crate::clock::Now;
use crate::post::mail::Key;
use crate::stage;

/// The wall's clock when a run begins.
const EPOCH_MS: i64 = 1_800_000_000_000;

/// Something that happens at its time.
type Deed = Box<dyn FnOnce(&mut World)>;

/// A process of a node: what is meant for an earlier one is lost.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Process {
    pub(super) node: usize,
    pub(super) number: u64,
}

/// What is said to an execution from outside.
#[derive(Clone, Debug)]
pub(super) enum Said {
    Start { name: String, program: usize },
    Stop,
    Token { task: u64 },
}

pub(super) struct World {
    /// The database's time, and the steady clock of all nodes: milliseconds since the beginning.
    pub(super) now: i64,
    began: Instant,
    pub(super) random: Random,
    pub(super) store: Store,
    pub(super) nodes: Vec<Node>,
    due: BinaryHeap<Reverse<(i64, u64)>>,
    deeds: BTreeMap<u64, (Option<Process>, Deed)>,
    last: u64,
    pub(super) programs: Vec<Arc<Program>>,
    /// Until when things go wrong.
    pub(super) storm_until: i64,
    /// Executions that somebody was told are begun, by their names.
    pub(super) begun: BTreeSet<String>,
    /// Executions that somebody was told are stopped.
    pub(super) stopped: BTreeSet<Uuid>,
    /// Tasks whose tokens somebody was told were taken.
    pub(super) answered: BTreeSet<(Uuid, u64)>,
    /// How often nodes have died over an execution that kills them.
    pub(super) deaths: u32,
    /// Calls that were made.
    pub(super) made: BTreeMap<(Uuid, u64), u32>,
    /// What is told of a run that went wrong.
    pub(super) story: Option<Vec<String>>,
    /// All that happened, as one number.
    pub(super) trace: u64,
}

impl World {
    pub(super) fn new(seed: u64, is_told: bool) -> Self {
        Self {
            now: 0,
            began: Instant::now(),
            random: Random::seeded(seed),
            store: Store::default(),
            nodes: Vec::new(),
            due: BinaryHeap::new(),
            deeds: BTreeMap::new(),
            last: 0,
            programs: super::programs(),
            storm_until: 0,
            begun: BTreeSet::new(),
            stopped: BTreeSet::new(),
            answered: BTreeSet::new(),
            deaths: 0,
            made: BTreeMap::new(),
            story: is_told.then(Vec::new),
            trace: 0,
        }
    }

    /// Something that happens in so many milliseconds, whatever becomes of nodes.
    pub(super) fn later(&mut self, ms: i64, deed: impl FnOnce(&mut World) + 'static) {
        self.plan(ms, None, Box::new(deed));
    }

    /// The same within a process: it does not happen when that is gone, and waits while it stands still.
    pub(super) fn within(
        &mut self,
        process: Process,
        ms: i64,
        deed: impl FnOnce(&mut World) + 'static,
    ) {
        self.plan(ms, Some(process), Box::new(deed));
    }

    fn plan(&mut self, ms: i64, process: Option<Process>, deed: Deed) {
        self.last += 1;
        self.due.push(Reverse((self.now + ms.max(0), self.last)));
        self.deeds.insert(self.last, (process, deed));
    }

    /// Lets everything happen until then.
    pub(super) fn run_until(&mut self, end: i64) {
        while let Some(Reverse((at, number))) = self.due.peek().copied() {
            if at > end {
                break;
            }
            self.due.pop();
            self.now = self.now.max(at);
            let Some((process, deed)) = self.deeds.remove(&number) else { continue };
            if let Some(process) = process {
                let node = &self.nodes[process.node];
                if node.number != process.number || !node.is_alive {
                    continue;
                }
                let stands_still_for = node.paused_until - self.now;
                if stands_still_for > 0 {
                    self.plan(stands_still_for, Some(process), deed);
                    continue;
                }
            }
            self.trace = self.trace.rotate_left(5) ^ (u64::try_from(at).unwrap() << 20) ^ number;
            deed(self);
        }
        self.now = self.now.max(end);
    }

    /// A number below this.
    pub(super) fn up_to(&self, bound: i64) -> i64 {
        i64::try_from(self.random.up_to(u64::try_from(bound.max(1)).unwrap())).unwrap()
    }

    /// Whether something goes wrong that does so this often, in thousandths, as long as the storm lasts.
    pub(super) fn fails(&self, thousandths: i64) -> bool {
        self.now < self.storm_until && self.up_to(1_000) < thousandths
    }

    pub(super) fn uuid(&self) -> Uuid {
        Uuid::from_u64_pair(self.random.bits(), self.random.bits())
    }

    /// The moment as this node's clocks have it.
    pub(super) fn moment(&self, node: usize) -> Now {
        let wall = Timestamp(self.wall() + self.nodes[node].ahead_ms);
        Now { wall, steady: self.steady() }
    }

    pub(super) fn steady(&self) -> Instant {
        self.began + Duration::from_millis(u64::try_from(self.now).unwrap())
    }

    /// The database's time as its rows have it.
    pub(super) fn wall(&self) -> i64 {
        EPOCH_MS + self.now
    }

    pub(super) fn tell(&mut self, what: impl FnOnce() -> String) {
        let now = self.now;
        if let Some(story) = &mut self.story {
            story.push(format!("{now:>7} {}", what()));
        }
    }
}

/// The execution of this name: each machine is one of the programs.
pub(super) fn identity(name: &str) -> Identity {
    Identity { name: name.to_owned(), ..stage::identity() }
}

pub(super) fn shard_of(name: &str) -> i16 {
    store::shard_of("123456789012", "m", name)
}

pub(super) fn key_of(name: &str, id: Uuid) -> Key {
    Key { shard: shard_of(name), id }
}
