//! What a node is made of: its loops, wired together.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use machine::Timestamp;
use store::Store;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::activities::Broker;
use crate::engine::{Engine, StartupError};
use crate::fire::Fire;
use crate::lane::{self, Lane};
use crate::lives;
use crate::loops::Loops;
use crate::options::EngineOptions;
use crate::owner::drive::Drive;
use crate::owner::{Owner, Rules};
use crate::perform::Perform;
use crate::post::direct::Direct;
use crate::post::inbox::Inbox;
use crate::post::mail::Mail;
use crate::post::news::News;
use crate::post::{Mailboxes, hints};
use crate::shared::Shared;
use crate::sleep::fall_asleep;
use crate::sleep::near;
use crate::sleep::wake::Sleepers;
use crate::task::token::Seal;
use crate::tenure::membership;
use crate::tenure::name::Name;

impl Engine {
    /// Starts all loops of a node; returns once it owns its share of the shards. Owners and the signs of
    /// life have threads of their own, so that nothing waits behind a step, nor they for anything.
    ///
    /// # Errors
    /// The database does not answer, or the system gives no threads.
    pub async fn start(
        store: Store,
        options: EngineOptions,
        performer: Arc<dyn Perform>,
    ) -> Result<Self, StartupError> {
        let lanes = options.lanes.max(1);
        let seal = Seal::of(&store).await?;
        let (shared, fenced) = Shared::new(store, options, performer, seal);
        let stop = CancellationToken::new();
        let loops = Loops::new(stop.clone());
        let mut boxes = Vec::new();
        for number in 0..lanes {
            boxes.push(begin_owner(&shared, &loops, number)?);
        }
        lives::look(&shared).await;
        let name = Name::take(shared.clone()).await;
        let owners = Mailboxes::new(boxes.clone());
        // Before the first beat, which says where it is.
        listen(&shared, &owners, &loops, &stop).await?;
        let membership = membership::drive::Drive::new(shared.clone(), boxes, fenced);
        begin_beats(&loops, membership, stop.clone()).await?;
        // The others need not wait for their next beat to make room.
        let _ = shared.store.hint_nodes().await;
        let sleepers =
            Sleepers { shared: shared.clone(), owners: owners.clone(), seen: HashMap::new() };
        let (inbox_of, swept) = (owners.clone(), Timestamp::default());
        let inbox = Inbox { shared: shared.clone(), owners: inbox_of, swept };
        loops.beside("the node's name", name.keep());
        loops.beside("deleted state machines", lives::run(shared.clone(), stop.clone()));
        loops.beside("sleepers", sleepers.run(stop.clone()));
        loops.beside("calls far behind", near::run(shared.clone(), owners.clone(), stop.clone()));
        loops.beside("news", News::run(shared.clone(), stop.clone()));
        loops.beside("the inbox", inbox.run(stop.clone()));
        loops.beside("hints", hints::run(shared.clone(), owners.clone(), stop.clone()));
        let engine =
            Self { shared: shared.clone(), owners, loops: loops.clone(), stop: stop.clone() };
        loops.beside("activities", Broker::new(engine.clone()).run(stop));
        loops.beside("schedules", Fire::new(engine.clone(), shared).run());
        Ok(engine)
    }
}

/// Has other nodes reach this one, and this one others, where they may.
async fn listen(
    shared: &Arc<Shared>,
    owners: &Mailboxes,
    loops: &Loops,
    stop: &CancellationToken,
) -> Result<(), store::Error> {
    let nodes = &shared.options.nodes;
    if !nodes.are_direct {
        return Ok(());
    }
    let (direct, listener) = Direct::open(&shared.store, nodes).await?;
    if let Some(listener) = listener {
        let run = listener.run(shared.clone(), owners.clone(), stop.clone());
        loops.beside("the port for other nodes", run);
    }
    // Nobody else sets it.
    let _ = shared.direct.set(direct);
    Ok(())
}

/// Begins the signs of life; returns when the first was answered.
async fn begin_beats(
    loops: &Loops,
    mut membership: membership::drive::Drive,
    stop: CancellationToken,
) -> Result<(), StartupError> {
    let (first, answered) = oneshot::channel();
    loops.apart("beats", async move {
        let beaten = membership.beat().await;
        let lives = beaten.is_ok();
        // Who started it may have lost patience.
        let _ = first.send(beaten);
        if lives {
            membership.run(stop).await;
        } else {
            stop.cancel();
        }
    })?;
    match answered.await {
        Ok(beaten) => Ok(beaten?),
        Err(_) => Err(std::io::Error::other("the first sign of life was not given").into()),
    }
}

/// One owner and its lane.
fn begin_owner(
    shared: &Arc<Shared>,
    loops: &Loops,
    number: usize,
) -> std::io::Result<mpsc::Sender<Mail>> {
    let (mailbox, mail) = mpsc::channel(shared.options.mailbox);
    let (lane, items) = mpsc::channel(shared.options.mailbox);
    let (notices, heard) = mpsc::unbounded_channel();
    let (sleepers, falling_asleep) = mpsc::unbounded_channel();
    let rules = Rules {
        limits: shared.options.limits.clone(),
        sleep_after: shared.options.sleep_after,
        snapshot_after: shared.options.snapshot_after,
        seal: shared.seal.clone(),
        before_step: shared.options.before_step,
    };
    let owner = Drive {
        owner: Owner::new(shared.standing.clone(), rules, shared.clock.moment()),
        shared: shared.clone(),
        pulse: shared.pulses.add(format!("owner {number} is at one thing")),
        mail,
        mailbox: mailbox.downgrade(),
        lane,
        notices: heard,
        room: Arc::new(Semaphore::new(crate::ROOM_BYTES)),
        owed: Duration::ZERO,
        sleepers,
    };
    let lane = lane::drive::Drive {
        lane: Lane::new(shared.standing.clone(), shared.options.batch_turns.max(1)),
        pulse: shared.pulses.add(format!("lane {number} is at one commit")),
        store: store::Lane::new(&shared.store, shared.options.node),
        shared: shared.clone(),
        items,
        notices,
        mailbox: mailbox.downgrade(),
    };
    loops.apart(&format!("owner {number}"), owner.run())?;
    loops.beside(&format!("lane {number}"), lane.run());
    let asleep = fall_asleep::run(shared.clone(), falling_asleep, mailbox.downgrade());
    loops.beside(&format!("sleep {number}"), asleep);
    Ok(mailbox)
}
