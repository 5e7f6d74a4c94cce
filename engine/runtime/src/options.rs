//! How an engine is set up.

use std::num::NonZero;
use std::time::Duration;

use machine::{Identity, Limits};
use uuid::Uuid;

use crate::clock::Clock;
use crate::perform::Allowed;

/// How an engine is set up. The defaults suit one node on a small machine.
#[derive(Clone, Debug)]
pub struct EngineOptions {
    /// Who this node is; new for every process.
    pub node: Uuid,
    /// What stays the same when the node is started again: then it takes at once what the process
    /// before it owned. Empty for one that does not come back.
    pub name: String,
    /// Account that calls without credentials belong to: AWS's twelve digits.
    pub account: String,
    pub region: String,
    pub limits: Limits,
    /// Owner loops, each with a commit lane and so a connection of its own; one for each core
    /// by default, four at most: more lanes make smaller commits.
    pub lanes: usize,
    /// Most turns that go into one commit.
    pub batch_turns: usize,
    /// Starts and stimuli an owner loop takes in before it refuses more.
    pub mailbox: usize,
    /// After how long without a sign of life a node's shards may be taken over.
    pub lease: Duration,
    /// How long a node that was told to stop lets its calls go on.
    pub drain: Duration,
    /// How many bytes of memory its executions may take, as estimated: when most of it is taken, those
    /// that only wait leave memory sooner; when all is, starts are refused.
    pub memory: usize,
    /// An execution that only waits, and for longer than this, leaves memory.
    pub sleep_after: Duration,
    /// One that leaves memory has a snapshot if its log has grown by so many bytes, and by twice what it
    /// holds: to come back it need not read the log before that.
    pub snapshot_after: usize,
    /// How long a poll of an activity worker waits for a task.
    pub long_poll: Duration,
    /// Base URL of a Lambda-compatible server for functions that are not registered.
    pub lambda_endpoint: Option<String>,
    /// Most calls under way at once on this node.
    pub concurrency: usize,
    /// Most time for one call where neither the state nor the function gives a limit.
    pub call_timeout: Option<Duration>,
    /// What may be called though it is refused otherwise.
    pub outgoing_allow: Vec<Allowed>,
    /// Called before each step, on its thread: for trials of what becomes of a node when a step panics
    /// or takes long.
    pub before_step: Option<fn(&Identity)>,
    /// How other nodes reach this one.
    pub nodes: Nodes,
    /// What tells the time.
    pub clock: Clock,
}

/// How nodes reach each other, but for the database.
#[derive(Clone, Debug)]
pub struct Nodes {
    /// Whether they speak to each other at all.
    pub are_direct: bool,
    /// Where to listen for other nodes: `HOST:PORT`. By default at any port of the address by which the
    /// database knows this machine.
    pub listen: Option<String>,
    /// Where other nodes are told to connect to, if that is elsewhere: `HOST:PORT`.
    pub address: Option<String>,
}

impl Default for Nodes {
    fn default() -> Self {
        Self { are_direct: true, listen: None, address: None }
    }
}

impl Default for EngineOptions {
    fn default() -> Self {
        let node = Uuid::new_v4();
        Self {
            node,
            name: node.to_string(),
            account: "123456789012".to_owned(),
            region: "us-east-1".to_owned(),
            limits: Limits::strict(),
            lanes: std::thread::available_parallelism().map_or(2, NonZero::get).min(4),
            batch_turns: 1_000,
            mailbox: 4_096,
            lease: Duration::from_secs(10),
            drain: Duration::from_secs(30),
            memory: 1024 * 1024 * 1024,
            sleep_after: Duration::from_mins(1),
            snapshot_after: 64 * 1024,
            long_poll: crate::activities::LONG_POLL,
            lambda_endpoint: None,
            concurrency: 1_000,
            call_timeout: Some(Duration::from_hours(1)),
            outgoing_allow: Vec::new(),
            before_step: None,
            nodes: Nodes::default(),
            clock: Clock::default(),
        }
    }
}
