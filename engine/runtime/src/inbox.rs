//! Stimuli for executions that another node owns: written to its inbox, and answered there in
//! the commit that applies them. Notifications are hints; what counts is the table.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use machine::Timestamp;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::mail::{Key, Mail, Message, StartMail, StimulusMail};
use crate::owner::moment;
use crate::shared::Shared;

/// How often the table is looked at when no hint arrives.
const EVERY: Duration = Duration::from_secs(5);
/// Most messages taken by one look.
const AT_ONCE: i64 = 500;
/// After how long an unanswered message is taken up again.
const AGAIN_MS: i64 = 15_000;
/// How often, and how old, answers that nobody fetched are removed.
const SWEEP_MS: i64 = 300_000;

/// Takes messages for this node's shards, again and again.
pub(crate) struct Inbox {
    pub(crate) shared: Arc<Shared>,
    pub(crate) owners: Vec<mpsc::Sender<Mail>>,
    /// When which message was handed to its owner.
    pub(crate) taken: HashMap<Uuid, Timestamp>,
    /// When answers that nobody fetched were last removed.
    pub(crate) swept: Timestamp,
}

impl Inbox {
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        let mut hints = None;
        loop {
            if hints.is_none() {
                hints = self.shared.store.listen().await.ok();
            }
            if !self.shared.is_away() {
                self.look().await;
                self.sweep().await;
            }
            let hint = async {
                match hints.as_mut() {
                    Some(hints) => hints.recv().await.is_ok(),
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = stop.cancelled() => return,
                heard = hint => if !heard { hints = None },
                () = tokio::time::sleep(EVERY) => {}
            }
        }
    }

    async fn look(&mut self) {
        let now = self.shared.now();
        self.taken.retain(|_, taken| now.0 - taken.0 < AGAIN_MS);
        let messages = match self.shared.store.inbox(&self.shared.owned(), AT_ONCE).await {
            Ok(messages) => messages,
            Err(error) => {
                self.shared.set_away(error.is_unavailable(), &error.to_string());
                return;
            }
        };
        for message in messages {
            if self.taken.contains_key(&message.id) {
                continue;
            }
            self.taken.insert(message.id, now);
            if let Some(mail) = self.mail_of(&message).await {
                let index = usize::try_from(message.shard).unwrap_or(0) % self.owners.len();
                let _ = self.owners[index].send(mail).await;
            } else {
                // It would stand in the way of the others; its poster is told "unavailable".
                let _ = self.shared.store.forget(message.id).await;
            }
        }
    }

    /// Removes answers whose posters are gone.
    async fn sweep(&mut self) {
        let now = self.shared.now();
        if now.0 - self.swept.0 < SWEEP_MS {
            return;
        }
        self.swept = now;
        if let Err(error) = self.shared.store.sweep_inbox(moment(now.plus_ms(-SWEEP_MS))).await {
            tracing::debug!(%error, "old answers cannot be removed; tried again later");
        }
    }

    async fn mail_of(&self, message: &store::Message) -> Option<Mail> {
        let key = Key { shard: message.shard, id: message.execution_id };
        let said = match serde_json::from_slice::<Message>(&message.stimulus) {
            Ok(said) => said,
            Err(error) => {
                tracing::error!(%error, message.id = %message.id, "a message cannot be read");
                return None;
            }
        };
        Some(match said {
            Message::Start { revision, identity, version, alias, trace_header, account, input } => {
                let program = self.shared.programs.of(revision).await.ok()?;
                let row = store::NewExecution {
                    account,
                    state_machine: identity.state_machine_name.clone(),
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
                    input: asl::Payload::from_text(input).ok()?,
                    reply: None,
                    message: Some(message.id),
                }))
            }
            other => Mail::Stimulus(Box::new(StimulusMail {
                key,
                stimulus: other.into_stimulus()?,
                reply: None,
                message: Some(message.id),
            })),
        })
    }
}

/// Writes a message and waits for its answer.
pub(crate) async fn ask(
    shared: &Shared,
    key: Key,
    message: &Message,
    patience: Duration,
) -> Result<Option<Bytes>, store::Error> {
    let id = Uuid::now_v7();
    let stimulus = Bytes::from(serde_json::to_vec(message).unwrap_or_default());
    let message = store::Message { id, shard: key.shard, execution_id: key.id, stimulus };
    shared.store.post(&message).await?;
    // A lost hint only costs the owner's next look.
    let _ = shared.store.hint(&[key.shard]).await;
    let mut waited = Duration::ZERO;
    let mut pause = Duration::from_millis(5);
    while waited < patience {
        tokio::time::sleep(pause).await;
        waited += pause;
        pause = (pause * 2).min(Duration::from_millis(250));
        if let Some(answer) = shared.store.answer(id).await? {
            let _ = shared.store.forget(id).await;
            return Ok(Some(answer));
        }
    }
    // Nobody waits any more: what has not been taken up must not happen later.
    let _ = shared.store.forget(id).await;
    Ok(None)
}
