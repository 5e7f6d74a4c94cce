//! Asking the node that owns an execution: over a line to it ([`super::direct`]), or by a message in its
//! inbox, and its answer there. Where nobody could answer, whoever asks hears so at once.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use store::Store;
use tokio::time::Instant;
use uuid::Uuid;

use crate::metrics::METRICS;
use crate::post::direct::{Request, Told};
use crate::post::mail::{Answer, Key, Message, StartReply, StimulusReply};
use crate::shared::Shared;

/// How long an answer is waited for before it is asked whether anybody is there to give it.
const SILENT: Duration = Duration::from_millis(300);
/// How long after that it is asked again: an owner whose connections the database has cut seems to be
/// gone until it has its name again.
const CONFIRM: Duration = Duration::from_millis(700);
/// How long a node that is gone is taken to be gone without asking again.
const GONE: Duration = Duration::from_secs(1);
/// Most nodes that are remembered to be gone.
const MOST_GONE: usize = 64;

/// Nodes that were found to be gone lately, though their leases hold.
#[derive(Default)]
pub(crate) struct Gone(Mutex<Vec<(Uuid, Instant)>>);

impl Gone {
    fn list(&self, now: Instant) -> Vec<Uuid> {
        let mut gone = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        gone.retain(|(_, since)| now.duration_since(*since) < GONE);
        gone.iter().map(|(node, _)| *node).collect()
    }

    fn add(&self, node: Uuid, now: Instant) {
        let mut gone = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        gone.retain(|(known, _)| *known != node);
        if gone.len() < MOST_GONE {
            gone.push((node, now));
        }
    }
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Unanswered {
    /// The store is away.
    Store,
    /// Nobody is there who could answer; nothing happened.
    Orphaned,
    /// The owner said nothing in time.
    Silent,
}

/// What the owner of an execution answers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Answered {
    pub(crate) answer: Answer,
    /// It may be the answer to the same message that has come before: what it says did not happen may have
    /// happened then.
    pub(crate) is_in_doubt: bool,
}

/// Asks the owner of an execution and waits for its answer.
pub(crate) async fn ask(
    shared: &Shared,
    key: Key,
    message: &Message,
    patience: Duration,
) -> Result<Answered, Unanswered> {
    let began = Instant::now();
    let stimulus = Bytes::from(serde_json::to_vec(message).unwrap_or_default());
    let request = Request { message: Uuid::now_v7(), key, stimulus };
    let told = match shared.direct.get() {
        Some(direct) => tokio::time::timeout(patience, direct.ask(request.clone())).await,
        None => Ok(Told::Nothing),
    };
    let is_in_doubt = match told {
        Ok(Told::Answer(answer)) => {
            METRICS.place.messages.with_label_values(&["direct"]).inc();
            return Ok(Answered { answer, is_in_doubt: false });
        }
        Ok(Told::Nothing) => false,
        Ok(Told::InDoubt) => true,
        // Its node is there, and at work on it.
        Err(_) => return Err(Unanswered::Silent),
    };
    if let Message::Heartbeat { task } = message {
        let answer = by_notification(shared, key, *task).await?;
        return Ok(Answered { answer, is_in_doubt });
    }
    let left = patience.saturating_sub(began.elapsed());
    match by_inbox(shared, request, matches!(message, Message::Start { .. }), left).await {
        Ok(answer) => Ok(Answered { answer, is_in_doubt }),
        // Nothing happened by the inbox, that is.
        Err(Unanswered::Orphaned) if is_in_doubt => Err(Unanswered::Silent),
        Err(why) => Err(why),
    }
}

/// Says a heartbeat to all nodes; it writes nothing.
async fn by_notification(shared: &Shared, key: Key, task: u64) -> Result<Answer, Unanswered> {
    METRICS.place.messages.with_label_values(&["notification"]).inc();
    Ok(Answer::Stimulus(match shared.heartbeats.ask(key, task).await {
        Some(true) => StimulusReply::Applied { at: shared.now() },
        Some(false) => StimulusReply::Stale,
        None if matches!(shared.store.orphaned(key.shard).await, Ok(Some(_))) => {
            return Err(Unanswered::Orphaned);
        }
        None => StimulusReply::Elsewhere,
    }))
}

/// Writes a message and waits for its answer.
async fn by_inbox(
    shared: &Shared,
    request: Request,
    is_start: bool,
    patience: Duration,
) -> Result<Answer, Unanswered> {
    METRICS.place.messages.with_label_values(&["inbox"]).inc();
    let Request { message: id, key, stimulus } = request;
    let message = store::Message { id, shard: key.shard, execution_id: key.id, stimulus };
    let answered = answered(shared, &message);
    let answer = tokio::time::timeout(patience, answered).await.unwrap_or(Err(Unanswered::Silent));
    if let Err(why) = &answer
        && !matches!(why, Unanswered::Orphaned)
    {
        // Nobody waits any more: what has not been taken up must not happen later.
        let _ = shared.store.forget(id).await;
    }
    let answer = answer?;
    Ok(if is_start {
        // Whether it was started or its name was taken, the row tells.
        Answer::Start(StartReply::Taken, shared.now())
    } else {
        let reply = serde_json::from_slice(&answer).unwrap_or(StimulusReply::Unavailable);
        Answer::Stimulus(reply)
    })
}

async fn answered(shared: &Shared, message: &store::Message) -> Result<Bytes, Unanswered> {
    let store = &shared.store;
    if !store
        .post(message, &shared.gone.list(Instant::now()))
        .await
        .map_err(|_| Unanswered::Store)?
    {
        return Err(Unanswered::Orphaned);
    }
    // A lost hint only costs the owner's next look.
    let _ = store.hint(&[message.shard]).await;
    let mut look_at = Instant::now() + SILENT;
    let mut seemed_gone = None;
    let mut pause = Duration::from_millis(5);
    loop {
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_millis(250));
        if let Some(answer) = answer(store, message.id).await? {
            return Ok(answer);
        }
        if Instant::now() < look_at {
            continue;
        }
        let found = store.orphaned(message.shard).await.ok().flatten();
        let is_confirmed = found == seemed_gone;
        seemed_gone = found;
        look_at = Instant::now() + if found.is_some() { CONFIRM } else { SILENT };
        let Some(orphaned) = found.filter(|_| is_confirmed) else { continue };
        if let Some(owner) = orphaned.owner {
            shared.gone.add(owner, Instant::now());
        }
        // The owner may have died after it had answered. What it had read and not answered is not
        // written any more, and nobody else reads it.
        let is_withdrawn = store.withdraw(message.id).await.map_err(|_| Unanswered::Store)?;
        if is_withdrawn {
            return Err(Unanswered::Orphaned);
        }
    }
}

async fn answer(store: &Store, message: Uuid) -> Result<Option<Bytes>, Unanswered> {
    match store.answer(message).await {
        Ok(answer) => Ok(answer),
        // It may be back before the caller loses patience.
        Err(error) if error.is_unavailable() => Ok(None),
        Err(_) => Err(Unanswered::Store),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{EngineOptions, stage};

    const KEY: Key = Key { shard: 3, id: Uuid::from_u128(1) };

    fn stop() -> Message {
        Message::Stop { error: None, cause: None }
    }

    #[tokio::test]
    async fn a_message_does_not_outlive_its_posters_patience() {
        let (cluster, shared, _) = stage::shared(EngineOptions::default()).await;
        let lease = Duration::from_hours(1);
        shared.store.beat(Uuid::new_v4(), lease, "").await.unwrap();
        let answer = ask(&shared, KEY, &stop(), Duration::from_millis(900)).await;
        assert!(matches!(answer, Err(Unanswered::Silent)), "{answer:?}");
        assert_eq!(shared.store.inbox(&[3], 10).await.unwrap(), []);
        cluster.stop().await;
    }

    #[tokio::test]
    async fn who_asks_a_node_that_is_gone_hears_so_at_once() {
        let (cluster, shared, _) = stage::shared(EngineOptions::default()).await;
        let long = Duration::from_hours(1);
        let asked = async || ask(&shared, KEY, &stop(), long).await;
        assert!(matches!(asked().await, Err(Unanswered::Orphaned)), "nobody has the shard");
        let node = Uuid::new_v4();
        let name = shared.store.lock_name("there").await.unwrap().unwrap();
        shared.store.beat(node, long, "there").await.unwrap();
        let answer = tokio::time::timeout(2 * (SILENT + CONFIRM), asked()).await;
        assert!(answer.is_err(), "a node that is there is waited for");
        name.release().await;
        let began = Instant::now();
        assert!(
            matches!(asked().await, Err(Unanswered::Orphaned)),
            "its lease holds, but it is gone"
        );
        assert!(began.elapsed() >= SILENT + CONFIRM, "a single look does not tell");
        assert_eq!(shared.gone.list(Instant::now()), [node]);
        cluster.stop().await;
    }

    #[test]
    fn a_node_is_gone_for_a_second() {
        let (gone, now) = (Gone::default(), Instant::now());
        gone.add(Uuid::nil(), now);
        gone.add(Uuid::nil(), now);
        assert_eq!(gone.list(now), [Uuid::nil()]);
        assert!(gone.list(now + GONE).is_empty());
        for node in 0..2 * MOST_GONE {
            gone.add(Uuid::from_u128(node as u128), now);
        }
        assert_eq!(gone.list(now).len(), MOST_GONE);
    }
}
