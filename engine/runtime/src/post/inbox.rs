//! Stimuli for executions that another node owns: written to its inbox, and answered there in
//! the commit that applies them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use machine::Timestamp;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::clock::moment;
use crate::post::mail::{Key, Mail, Message, StartMail, StimulusMail};
use crate::post::{Mailboxes, NotPosted};
use crate::programs::ProgramError;
use crate::shared::Shared;

#[cfg(test)]
mod tests;

/// How often the table is looked at when no hint arrives.
const EVERY: Duration = Duration::from_secs(5);
/// How soon it is looked at again when an owner's mailbox was full.
const SOON: Duration = Duration::from_millis(200);
/// Most messages taken by one look.
const AT_ONCE: i64 = 500;
/// After how long an unanswered message is taken up again.
const AGAIN_MS: i64 = 15_000;
/// How often, and how old, answers that nobody fetched are removed.
const SWEEP: Duration = Duration::from_mins(5);

/// Takes messages for this node's shards, again and again.
pub(crate) struct Inbox {
    pub(crate) shared: Arc<Shared>,
    pub(crate) owners: Mailboxes,
    /// When which message was handed to its owner.
    pub(crate) taken: HashMap<Uuid, Timestamp>,
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
        let now = self.shared.now();
        self.taken.retain(|_, taken| now.0 - taken.0 < AGAIN_MS);
        let messages = match self.shared.store.inbox(&self.shared.owned(), AT_ONCE).await {
            Ok(messages) => messages,
            Err(error) => {
                self.shared.set_away(error.is_unavailable(), &error.to_string());
                return false;
            }
        };
        let mut has_left = false;
        for message in messages {
            if self.taken.contains_key(&message.id) {
                continue;
            }
            match self.mail_of(&message).await {
                // A full mailbox must not keep the other owners waiting.
                Ok(mail) => match self.owners.post(message.shard, mail) {
                    Ok(()) => drop(self.taken.insert(message.id, now)),
                    Err(NotPosted::Full | NotPosted::Gone) => has_left = true,
                },
                Err(Unread::Passing) => has_left = true,
                Err(Unread::Unreadable) => {
                    // It would stand in the way of the others; its poster is told "unavailable".
                    let _ = self.shared.store.forget(message.id).await;
                }
            }
        }
        has_left
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

    /// The life that a state machine's name has now; of one that is gone the first.
    async fn life_of(&self, account: &str, name: &str) -> Result<Uuid, Unread> {
        let machine = self.shared.store.state_machine(account, name).await;
        let machine = machine.map_err(|error| {
            if error.is_unavailable() { Unread::Passing } else { Unread::Unreadable }
        })?;
        Ok(machine.map_or_else(Uuid::nil, |machine| machine.life))
    }

    async fn mail_of(&self, message: &store::Message) -> Result<Mail, Unread> {
        let key = Key { shard: message.shard, id: message.execution_id };
        let said = match serde_json::from_slice::<Message>(&message.stimulus) {
            Ok(said) => said,
            Err(error) => {
                tracing::error!(%error, message.id = %message.id, "a message cannot be read");
                return Err(Unread::Unreadable);
            }
        };
        Ok(match said {
            Message::Start {
                revision,
                identity,
                version,
                alias,
                trace_header,
                account,
                input,
                life,
            } => {
                let program = self.shared.programs.of(revision).await.map_err(|error| {
                    let is_passing =
                        matches!(&error, ProgramError::Store(error) if error.is_unavailable());
                    if is_passing { Unread::Passing } else { Unread::Unreadable }
                })?;
                let life = match life {
                    Some(life) => life,
                    None => self.life_of(&account, &identity.state_machine_name).await?,
                };
                // Its poster waits until there is room.
                let memory =
                    self.shared.standing.memory.admit(input.len()).ok_or(Unread::Passing)?;
                let row = store::NewExecution {
                    account,
                    state_machine: identity.state_machine_name.clone(),
                    life,
                    name: identity.name.clone(),
                    revision_id: revision,
                    version,
                    alias,
                    input: Bytes::from(input.clone().into_bytes()),
                    started_at: moment(self.shared.now()),
                    trace_header,
                };
                Mail::Start(Box::new(StartMail {
                    key,
                    program,
                    identity: *identity,
                    row,
                    input: asl::Payload::from_text(input).map_err(|_| Unread::Unreadable)?,
                    memory,
                    reply: None,
                    message: Some(message.id),
                }))
            }
            other => {
                let stimulus = other.into_stimulus().ok_or(Unread::Unreadable)?;
                let mail = StimulusMail::new(key, stimulus);
                Mail::Stimulus(Box::new(StimulusMail { message: Some(message.id), ..mail }))
            }
        })
    }
}

/// Why a message was not handed to its owner.
enum Unread {
    /// The store is away, or memory full: it is read again.
    Passing,
    /// It never can be.
    Unreadable,
}
