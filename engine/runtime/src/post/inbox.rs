//! Stimuli for executions that another node owns: written to its inbox, and answered there in
//! the commit that applies them.

use std::sync::Arc;
use std::time::Duration;

use machine::Timestamp;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::post::Mailboxes;
use crate::post::mail::{Key, Mail, StartMail, StimulusMail};
use crate::post::read::{Read, Unread, read};
use crate::post::taken::Known;
use crate::shared::Shared;

#[cfg(test)]
mod tests;

/// How often the table is looked at when no hint arrives.
const EVERY: Duration = Duration::from_secs(5);
/// How soon it is looked at again when an owner's mailbox was full.
const SOON: Duration = Duration::from_millis(200);
/// Most messages taken by one look.
const AT_ONCE: i64 = 500;
/// How often, and how old, answers that nobody fetched are removed.
const SWEEP: Duration = Duration::from_mins(5);

/// Takes messages for this node's shards, again and again.
pub(crate) struct Inbox {
    pub(crate) shared: Arc<Shared>,
    pub(crate) owners: Mailboxes,
    /// When answers that nobody fetched were last removed.
    pub(crate) swept: Timestamp,
}

impl Inbox {
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        let mut begun = self.shared.begun.subscribe();
        loop {
            let mut pause = EVERY;
            if !self.shared.is_away() {
                if self.look().await {
                    pause = SOON;
                }
                self.sweep().await;
            }
            tokio::select! {
                () = stop.cancelled() => return,
                // Messages came while nobody had their shards.
                _ = begun.changed() => {}
                () = self.shared.inbox.notified() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Hands new messages to their owners; whether some were left because a mailbox is full.
    async fn look(&mut self) -> bool {
        let messages = match self.shared.store.inbox(&self.shared.owned(), AT_ONCE).await {
            Ok(messages) => messages,
            Err(error) => {
                self.shared.set_away(error.is_unavailable(), &error.to_string());
                return false;
            }
        };
        let mut has_left = false;
        for message in messages {
            match self.shared.taken.take(message.id, Instant::now()) {
                Known::New => has_left |= !self.hand_over(&message).await,
                // Its answer will be there soon, or has been written since.
                Known::Taken => {}
                // It came over a line before, on which nobody waits any more.
                Known::Answered(answer) => {
                    let _ = self.shared.store.answer_alone(message.id, &answer).await;
                }
            }
        }
        has_left
    }

    /// Hands a message to its owner; `false` if it is to be handed over later.
    async fn hand_over(&self, message: &store::Message) -> bool {
        let is_done = match self.mail_of(message).await {
            // A full mailbox must not keep the other owners waiting.
            Ok(mail) => self.owners.post(message.shard, mail).is_ok(),
            // Its poster waits until there is room.
            Err(Unread::Passing | Unread::Full) => false,
            Err(Unread::Unreadable) => {
                // It would stand in the way of the others; its poster is told "unavailable".
                let _ = self.shared.store.forget(message.id).await;
                true
            }
        };
        if !is_done {
            self.shared.taken.give_back(message.id);
        }
        is_done
    }

    /// Removes answers whose posters are gone.
    async fn sweep(&mut self) {
        let now = self.shared.now();
        if now < self.swept.plus_seconds(SWEEP.as_secs()) {
            return;
        }
        self.swept = now;
        if let Err(error) = self.shared.store.sweep_inbox(SWEEP).await {
            tracing::debug!(%error, "old answers cannot be removed; tried again later");
        }
    }

    async fn mail_of(&self, message: &store::Message) -> Result<Mail, Unread> {
        let key = Key { shard: message.shard, id: message.execution_id };
        let asked_by = Some(message.id);
        Ok(match read(&self.shared, key, &message.stimulus).await? {
            Read::Start(mail) => Mail::Start(Box::new(StartMail { message: asked_by, ..*mail })),
            Read::Stimulus(mail) => {
                Mail::Stimulus(Box::new(StimulusMail { message: asked_by, ..*mail }))
            }
        })
    }
}
