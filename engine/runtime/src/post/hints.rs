//! Hints of all nodes that something may have changed, passed on to whom it concerns. What counts is
//! in the tables: a hint that goes unheard costs time.

use std::sync::Arc;
use std::time::Duration;

use store::{Hint, Hints};
use tokio_util::sync::CancellationToken;

use super::{Mailboxes, heartbeats};
use crate::shared::Shared;

/// How soon it is listened again when the database could not be heard.
const AGAIN: Duration = Duration::from_millis(500);

/// Listens until told to stop.
pub(crate) async fn run(shared: Arc<Shared>, owners: Mailboxes, stop: CancellationToken) {
    let listening = async {
        loop {
            if let Ok(mut hints) = shared.store.listen().await {
                // What was said before was not heard.
                all_may_have_changed(&shared);
                listen(&shared, &owners, &mut hints).await;
            } else {
                all_may_have_changed(&shared);
            }
            tokio::time::sleep(AGAIN).await;
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = listening => {}
    }
}

/// Passes hints on until the database cannot be heard any more.
async fn listen(shared: &Arc<Shared>, owners: &Mailboxes, hints: &mut Hints) {
    while let Ok(hint) = hints.recv().await {
        match hint {
            Hint::Activities => shared.pollers.ring(),
            Hint::Schedules => shared.schedules.notify_one(),
            Hint::Lives => shared.standing.lives.look.notify_one(),
            Hint::AccessKeys => shared.access_keys.send_replace(()),
            Hint::Heartbeats(beats) => heartbeats::receive(shared, owners, beats),
            Hint::Heard(heard) => shared.heartbeats.hear(heard),
            Hint::Nodes => shared.beat.notify_one(),
            Hint::Shards(_) | Hint::Functions => shared.inbox.notify_one(),
            Hint::Lagged => all_may_have_changed(shared),
        }
    }
}

fn all_may_have_changed(shared: &Shared) {
    shared.inbox.notify_one();
    shared.standing.lives.look.notify_one();
    shared.pollers.ring();
    shared.schedules.notify_one();
    shared.access_keys.send_replace(());
    shared.beat.notify_one();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{EngineOptions, stage};

    #[tokio::test]
    async fn who_begins_to_listen_asks_what_he_did_not_hear() {
        let (cluster, shared, _) = stage::shared(EngineOptions::default()).await;
        let stop = CancellationToken::new();
        let listening = tokio::spawn(run(shared.clone(), Mailboxes::default(), stop.clone()));
        shared.inbox.notified().await;
        shared.beat.notified().await;
        shared.schedules.notified().await;
        shared.pollers.rung().await;
        stop.cancel();
        listening.await.unwrap();
        cluster.stop().await;
    }
}
