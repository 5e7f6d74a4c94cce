//! What a node is about to try, noted in the store before: if the node dies over it, that stays. Who lives
//! takes its note back.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use store::{DEATHS, Trial};
use tokio::sync::OwnedMutexGuard;
use uuid::Uuid;

use crate::RELEASE;
use crate::shared::Shared;

/// How often a note is taken back, and how soon again, while the store does not answer: longer than it takes
/// until the shard has another owner.
const TIMES: usize = 60;
const AGAIN: Duration = Duration::from_millis(500);

/// As long as this is there, it is tried, and the node tries nothing else. Dropped, it is taken back.
pub(crate) struct Note {
    shared: Arc<Shared>,
    trial: Trial,
    deaths: HashMap<Uuid, i64>,
    alone: Option<OwnedMutexGuard<()>>,
}

impl Note {
    /// Waits until nothing else is tried, and writes it.
    pub(crate) async fn write(shared: Arc<Shared>, trial: Trial) -> Result<Self, store::Error> {
        let alone = Some(shared.standing.trial.clone().lock_owned().await);
        // There from now on: it is taken back as well if nobody knows whether it was written.
        let mut note = Self { shared, trial, deaths: HashMap::new(), alone };
        let process = note.shared.options.node;
        note.deaths = note.shared.store.try_executions(process, RELEASE, &note.trial).await?;
        for (id, deaths) in note.deaths.iter().filter(|(_, deaths)| **deaths >= DEATHS) {
            let what =
                if note.trial.is_load { "its log was read" } else { "something happened to it" };
            tracing::error!(
                execution.id = %id,
                deaths,
                "nodes have died when {what}: the execution is set aside; stop it, or run another release"
            );
        }
        Ok(note)
    }

    /// Over how many nodes' deaths this execution was found: from [`DEATHS`] on it must not be tried.
    pub(crate) fn deaths(&self, id: Uuid) -> i64 {
        self.deaths.get(&id).copied().unwrap_or_default()
    }
}

impl Drop for Note {
    fn drop(&mut self) {
        let (shared, alone) = (self.shared.clone(), self.alone.take());
        let trial = Trial { executions: std::mem::take(&mut self.trial.executions), ..self.trial };
        self.shared.main.spawn(async move {
            survived(&shared, &trial, false).await;
            drop(alone);
        });
    }
}

/// Has the store know that this was lived through, and whether the logs have gone on.
pub(super) async fn survived(shared: &Shared, trial: &Trial, has_gone_on: bool) {
    for _ in 0..TIMES {
        match shared.store.survived(shared.options.node, trial, has_gone_on).await {
            Ok(()) => return,
            Err(error) => tracing::debug!(%error, "a note is not taken back; trying again"),
        }
        tokio::time::sleep(AGAIN).await;
    }
}
