//! Putting executions to sleep that only wait: many in one commit.

use std::sync::Arc;
use std::time::Duration;

use store::Sleeper;
use tokio::sync::mpsc;

use crate::RELEASE;
use crate::clock::moment;
use crate::memory::Held;
use crate::post::mail::{Key, Mail, Slept};
use crate::shared::Shared;
use crate::sleep::wake::ahead;
use crate::tenure::Tenure;

/// Most executions put to sleep by one commit.
const AT_ONCE: usize = 1_000;
/// Pause before the store is asked again while it is away.
const PAUSE: Duration = Duration::from_millis(500);

/// An execution that only waits, in this tenure of its shard.
pub(crate) struct FallingAsleep {
    pub(crate) sleeper: Sleeper,
    pub(crate) tenure: Tenure,
    /// The room that its snapshot takes in memory.
    pub(crate) room: Option<Held>,
}

/// Puts to sleep what an owner hands over, until the owner is gone. The owner holds whatever
/// happens to such an execution meanwhile.
pub(crate) async fn run(
    shared: Arc<Shared>,
    mut sleepers: mpsc::UnboundedReceiver<FallingAsleep>,
    mailbox: mpsc::WeakSender<Mail>,
) {
    let mut batch = Vec::new();
    let ahead = i64::try_from(ahead(&shared.options).as_millis()).unwrap_or(i64::MAX);
    while sleepers.recv_many(&mut batch, AT_ONCE).await > 0 {
        // Those whose time has come near while they waited here stay awake, and those of tenures
        // that are over.
        let soonest = moment(shared.now().plus_ms(ahead));
        let may_sleep = |FallingAsleep { sleeper, tenure, .. }: &&FallingAsleep| {
            sleeper.wake_at > soonest && shared.standing.tenures.of(sleeper.shard) == Some(*tenure)
        };
        let these: Vec<Sleeper> =
            batch.iter().filter(may_sleep).map(|one| one.sleeper.clone()).collect();
        let asleep = shared.store.put_to_sleep(RELEASE, &these).await;
        if let Err(error) = &asleep {
            shared.set_away(error.is_unavailable(), &error.to_string());
            tracing::debug!(%error, "executions could not be put to sleep");
            tokio::time::sleep(PAUSE).await;
        }
        for FallingAsleep { sleeper, tenure, room } in batch.drain(..) {
            let key = Key { shard: sleeper.shard, id: sleeper.execution_id };
            let outcome = match &asleep {
                Ok(ids) if ids.contains(&sleeper.execution_id) => Slept::Asleep,
                Ok(_) => Slept::Awake,
                Err(_) => Slept::InDoubt,
            };
            drop((sleeper, room));
            let Some(mailbox) = mailbox.upgrade() else { return };
            if mailbox.send(Mail::Slept(key, tenure, outcome)).await.is_err() {
                return;
            }
        }
    }
}
