//! What all loops of a node share.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};

use machine::Timestamp;
use store::Store;
use tokio::runtime::Handle;
use tokio::sync::{Notify, Semaphore, broadcast, mpsc, watch};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::activities::Pollers;
use crate::clock::Clock;
use crate::loops::Pulses;
use crate::metrics::METRICS;
use crate::options::EngineOptions;
use crate::perform::Perform;
use crate::post::ask::Gone;
use crate::post::direct::Direct;
use crate::post::heartbeats::Heartbeats;
use crate::post::news::News;
use crate::post::taken::Taken;
use crate::programs::Programs;
use crate::task::calls::Calls;
use crate::task::token::Seal;
use crate::tenure::Tenure;
use crate::tenure::share::Share;
use crate::tenure::skew::Skew;
use crate::tenure::standing::Standing;

/// Most executions loaded one by one at the same time.
pub(crate) const LOADS: usize = 6;

/// What all loops of a node share.
pub(crate) struct Shared {
    pub(crate) store: Store,
    pub(crate) options: EngineOptions,
    pub(crate) clock: Clock,
    /// Told when schedules may have something to do.
    pub(crate) schedules: Notify,
    /// Told when messages for this node may have come.
    pub(crate) inbox: Notify,
    /// Told when what is remembered of access keys is to be forgotten.
    pub(crate) access_keys: watch::Sender<()>,
    pub(crate) programs: Programs,
    /// Where the node stands.
    pub(crate) standing: Arc<Standing>,
    pub(crate) calls: Calls,
    pub(crate) seal: Seal,
    /// Executions that may be loaded one by one at the same time.
    pub(crate) loads: Semaphore,
    /// Activity workers that wait for tasks.
    pub(crate) pollers: Pollers,
    /// Heartbeats from and for other nodes.
    pub(crate) heartbeats: Heartbeats,
    /// Executions that got new turns; live views listen.
    pub(crate) appended: broadcast::Sender<Uuid>,
    /// To the membership: tenures that ended because what is in memory may be wrong.
    pub(crate) fenced: mpsc::UnboundedSender<Vec<(i16, Tenure)>>,
    /// Whether its loops move.
    pub(crate) pulses: Pulses,
    /// The runtime of all that is neither an owner nor a beat: calls, loads, errands.
    pub(crate) main: Handle,
    /// When sleeping executions were last counted; in milliseconds.
    pub(crate) asleep_counted_at: AtomicI64,
    /// What this node is told, and tells, of its share.
    pub(crate) share: Share,
    /// How far its clock is from the database's.
    pub(crate) skew: Skew,
    /// Nodes that were found to be gone.
    pub(crate) gone: Gone,
    /// What speaks to other nodes, once it is there; without it all goes through the inbox.
    pub(crate) direct: OnceLock<Direct>,
    /// Who follows which executions.
    pub(crate) news: News,
    /// Messages of other nodes that were taken lately.
    pub(crate) taken: Taken,
    /// Tenures of some shards have begun.
    pub(crate) begun: watch::Sender<()>,
    /// The node was told to stop: it takes no new work.
    pub(crate) draining: CancellationToken,
    /// Nothing of the node's is under way any more, and others have its shards or nobody is there.
    pub(crate) drained: CancellationToken,
    /// The membership has handed everything over, or given up trying.
    pub(crate) left: CancellationToken,
    /// Asks for a beat at once.
    pub(crate) beat: Notify,
    /// This process has its node's name.
    named: AtomicBool,
    /// Other nodes lived when this one asked last.
    accompanied: AtomicBool,
}

impl Shared {
    /// What is shared, and where the membership hears of tenures that were fenced.
    pub(crate) fn new(
        store: Store,
        options: EngineOptions,
        performer: Arc<dyn Perform>,
        seal: Seal,
    ) -> (Arc<Self>, mpsc::UnboundedReceiver<Vec<(i16, Tenure)>>) {
        let (appended, _) = broadcast::channel(1_024);
        let (fenced, heard) = mpsc::unbounded_channel();
        let standing = Arc::new(Standing::new(options.memory));
        let shared = Arc::new(Self {
            programs: Programs::new(store.clone()),
            calls: Calls::new(performer, store.clone(), seal.clone(), standing.clone()),
            standing,
            share: Share::default(),
            skew: Skew::default(),
            gone: Gone::default(),
            direct: OnceLock::new(),
            news: News::default(),
            taken: Taken::default(),
            begun: watch::channel(()).0,
            draining: CancellationToken::new(),
            drained: CancellationToken::new(),
            left: CancellationToken::new(),
            beat: Notify::new(),
            named: AtomicBool::new(false),
            heartbeats: Heartbeats::new(options.node, store.clone()),
            store,
            clock: options.clock.clone(),
            options,
            schedules: Notify::new(),
            inbox: Notify::new(),
            access_keys: watch::Sender::default(),
            seal,
            loads: Semaphore::new(LOADS),
            pollers: Pollers::default(),
            appended,
            fenced,
            accompanied: AtomicBool::new(false),
            pulses: Pulses::default(),
            main: Handle::current(),
            asleep_counted_at: AtomicI64::new(0),
        });
        (shared, heard)
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn owns(&self, shard: i16) -> bool {
        self.standing.tenures.of(shard).is_some()
    }

    /// The shards this node owns.
    pub(crate) fn owned(&self) -> Vec<i16> {
        self.standing.tenures.shards()
    }

    /// The name under which the node lives: none unless it is this process's.
    pub(crate) fn name(&self) -> &str {
        if self.named.load(Ordering::Acquire) { &self.options.name } else { "" }
    }

    /// Notes whether this process has its node's name; asks for a beat that says so.
    pub(crate) fn set_named(&self, named: bool) {
        if self.named.swap(named, Ordering::AcqRel) != named {
            self.beat.notify_one();
        }
    }

    /// Whether no other node works on this database, as far as is known.
    pub(crate) fn is_alone(&self) -> bool {
        !self.accompanied.load(Ordering::Relaxed)
    }

    /// Notes how many nodes live, this one included.
    pub(crate) fn set_nodes(&self, count: i64) {
        METRICS.place.nodes.set(count);
        self.accompanied.store(count > 1, Ordering::Relaxed);
    }

    pub(crate) fn is_away(&self) -> bool {
        self.standing.is_away()
    }

    /// Notes whether the store answers; says so once when that changes.
    pub(crate) fn set_away(&self, away: bool, why: &str) {
        if !self.standing.set_away(away, self.now()) {
            return;
        }
        if away {
            tracing::warn!(error = why, "the database is away; writes are refused meanwhile");
        } else {
            tracing::info!("the database is back");
        }
    }
}
