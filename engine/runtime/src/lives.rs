//! State machines that are deleted: each execution of them ends at its next transition.
//!
//! Every node keeps the few lives that have ended in memory, so that a step asks nobody. It hears of
//! one at once, by a hint, and looks from time to time besides.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use machine::Identity;
use store::Life;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::shared::Shared;
use crate::task::calls::account_of;

/// How often they are looked for without a hint.
const EVERY: Duration = Duration::from_secs(5);
/// After how many looks those are forgotten of which nothing runs.
const FORGET: u32 = 120;

/// The lives of state machines that have ended.
#[derive(Default)]
pub(crate) struct Lives {
    ended: RwLock<HashSet<Life>>,
    is_any: AtomicBool,
    /// Asks for a look at once.
    pub(crate) look: Notify,
}

impl Lives {
    /// Whether this life of the execution's state machine has ended.
    pub(crate) fn has_ended(&self, identity: &Identity, id: Uuid) -> bool {
        self.includes(account_of(identity), &identity.state_machine_name, id)
    }

    /// Whether this life of the name of a state machine has ended. Starts and steps ask: as long as none
    /// has, that costs next to nothing.
    pub(crate) fn includes(&self, account: &str, state_machine: &str, id: Uuid) -> bool {
        if !self.is_any.load(Ordering::Acquire) {
            return false;
        }
        let (account, state_machine) = (account.to_owned(), state_machine.to_owned());
        let life = Life { account, state_machine, id };
        self.ended.read().unwrap_or_else(PoisonError::into_inner).contains(&life)
    }

    /// This one has ended just now.
    pub(crate) fn end(&self, life: Life) {
        self.ended.write().unwrap_or_else(PoisonError::into_inner).insert(life);
        self.is_any.store(true, Ordering::Release);
        self.look.notify_one();
    }

    fn set(&self, ended: HashSet<Life>) {
        let is_any = !ended.is_empty();
        *self.ended.write().unwrap_or_else(PoisonError::into_inner) = ended;
        self.is_any.store(is_any, Ordering::Release);
    }
}

/// Looks for lives that have ended, again and again.
pub(crate) async fn run(shared: Arc<Shared>, stop: CancellationToken) {
    let mut looks = 0_u32;
    loop {
        if !shared.is_away() {
            look(&shared).await;
        }
        looks = looks.wrapping_add(1);
        if looks.is_multiple_of(FORGET)
            && shared.standing.lives.is_any.load(Ordering::Acquire)
            && let Err(error) = shared.store.forget_lives().await
        {
            tracing::debug!(%error, "ended lives cannot be forgotten; tried again later");
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = shared.standing.lives.look.notified() => {}
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

/// Reads which have ended. What is known stays so while the store is away.
pub(crate) async fn look(shared: &Shared) {
    match shared.store.ending_lives().await {
        Ok(lives) => shared.standing.lives.set(lives.into_iter().collect()),
        Err(error) => {
            tracing::debug!(%error, "it cannot be read which state machines are deleted");
        }
    }
}
