//! Putting executions to sleep that only wait: many in one commit.

use std::sync::Arc;
use std::time::Duration;

use store::Sleeper;
use tokio::sync::mpsc;

use crate::mail::{Key, Mail, Passivated};
use crate::shared::Shared;

/// Most executions put to sleep by one commit.
const AT_ONCE: usize = 1_000;
/// Pause before the store is asked again while it is away.
const PAUSE: Duration = Duration::from_millis(500);

/// Puts to sleep what an owner hands over, until the owner is gone. The owner holds whatever
/// happens to such an execution meanwhile.
pub(crate) async fn run(
    shared: Arc<Shared>,
    mut sleepers: mpsc::UnboundedReceiver<Sleeper>,
    mailbox: mpsc::WeakSender<Mail>,
) {
    let mut batch = Vec::new();
    while sleepers.recv_many(&mut batch, AT_ONCE).await > 0 {
        let asleep = shared.store.passivate_all(&batch).await;
        if let Err(error) = &asleep {
            shared.set_away(error.is_unavailable(), &error.to_string());
            tracing::debug!(%error, "executions could not be put to sleep");
            tokio::time::sleep(PAUSE).await;
        }
        for sleeper in batch.drain(..) {
            let key = Key { shard: sleeper.shard, id: sleeper.execution_id };
            let outcome = match &asleep {
                Ok(ids) if ids.contains(&sleeper.execution_id) => Passivated::Asleep,
                Ok(_) => Passivated::Awake,
                Err(_) => Passivated::InDoubt,
            };
            let Some(mailbox) = mailbox.upgrade() else { return };
            if mailbox.send(Mail::Passivated(key, outcome)).await.is_err() {
                return;
            }
        }
    }
}
