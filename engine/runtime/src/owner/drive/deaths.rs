//! What an owner wants done about executions over which nodes die.

use std::time::Duration;

use store::Trial;
use tokio::time::timeout;

use super::{Drive, timed};
use crate::owner::note::{Note, survived};
use crate::post::mail::{Key, Mail, Outline, StimulusMail};
use crate::shared::Shared;
use crate::tenure::Tenure;

/// How long a step waits until it is noted. Then it is made without: what keeps others waiting costs more than
/// a death that is not explained.
const PATIENCE: Duration = Duration::from_secs(1);
/// How many turns of a log are looked at together for the last event that a user sees.
const TURNS: i64 = 100;

impl Drive {
    /// Notes what is about to happen to an execution, and has it happen. The loop waits meanwhile.
    pub(super) async fn try_step(&mut self, key: Key) {
        let mut note = None;
        if !self.shared.is_away() {
            let trial = Trial::of(key.shard, key.id, false);
            // Whoever does not wait for it has it taken back.
            let noting = self.shared.main.spawn(Note::write(self.shared.clone(), trial));
            note = match timeout(PATIENCE, noting).await {
                Ok(Ok(Ok(note))) => Some(note),
                Ok(Ok(Err(error))) => {
                    tracing::debug!(%error, "a step is not noted");
                    None
                }
                Ok(Err(_)) | Err(_) => None,
            };
        }
        let deaths = note.as_ref().map_or(0, |note| note.deaths(key.id));
        let now = self.now();
        timed(|| self.owner.tried(key, deaths, now));
    }

    /// The log of an execution has gone on.
    pub(super) fn acquit(&self, key: Key) {
        let shared = self.shared.clone();
        tokio::spawn(async move {
            survived(&shared, &Trial::of(key.shard, key.id, false), true).await;
        });
    }

    /// Reads what is needed to end an execution without looking into it.
    pub(super) fn outline(&self, mail: Box<StimulusMail>, tenure: Tenure) {
        let (shared, mailbox) = (self.shared.clone(), self.mailbox.clone());
        tokio::spawn(async move {
            let outline = outline(&shared, mail.key).await.map(Box::new);
            if let Some(mailbox) = mailbox.upgrade() {
                let _ = mailbox.send(Mail::Outlined(mail, tenure, outline)).await;
            }
        });
    }
}

/// `None` if the store is away, or cannot be read.
async fn outline(shared: &Shared, key: Key) -> Option<Outline> {
    let (head, offered) = shared.store.outside_of(key.shard, key.id).await.ok()??;
    let mut before = i64::MAX;
    let mut next_event = 0;
    let mut last = machine::log::Last::default();
    loop {
        let turns = shared.store.turns_before(key.shard, key.id, before, TURNS).await.ok()?;
        let Some(first) = turns.last() else { break };
        before = first.first_event;
        for turn in &turns {
            next_event = next_event.max(turn.first_event + i64::from(turn.event_count));
            last = last.or(machine::log::Last::of(&turn.body).ok()?);
        }
        if last.id > 0 {
            break;
        }
    }
    Some(Outline { head, region: shared.options.region.clone(), next_event, last, offered })
}
