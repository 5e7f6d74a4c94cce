//! Calls that wait for a place far behind: they, or their executions if they sleep, hear when their turn is near.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::perform::{Far, Told};
use crate::post::Mailboxes;
use crate::post::mail::{Key, Mail};
use crate::shared::Shared;

/// How often it is looked whose turn is near, while any wait, and while none do.
const OFTEN: Duration = Duration::from_millis(50);
const SELDOM: Duration = Duration::from_secs(1);

/// Looks whose turn is near, until the node stops.
pub(crate) async fn run(shared: Arc<Shared>, owners: Mailboxes, stop: CancellationToken) {
    loop {
        let mut tell = |Far { shard, execution, task }: Far| {
            if !shared.owns(shard) {
                return Told::Gone;
            }
            let key = Key { shard, id: execution };
            let told = owners.post(shard, Mail::Near(key, task));
            if told.is_ok() { Told::Now } else { Told::Later }
        };
        let pause = if shared.calls.call_near(&mut tell) { OFTEN } else { SELDOM };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = stop.cancelled() => return,
        }
    }
}
