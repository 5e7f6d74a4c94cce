//! Asking the node that owns an execution: a message in its inbox, and its answer there. Where nobody
//! could answer, whoever asks hears so at once.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use store::Store;
use tokio::time::Instant;
use uuid::Uuid;

use crate::post::mail::{Key, Message};
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

/// Writes a message and waits for its answer.
pub(crate) async fn ask(
    shared: &Shared,
    key: Key,
    message: &Message,
    patience: Duration,
) -> Result<Bytes, Unanswered> {
    let id = Uuid::now_v7();
    let stimulus = Bytes::from(serde_json::to_vec(message).unwrap_or_default());
    let message = store::Message { id, shard: key.shard, execution_id: key.id, stimulus };
    let answered = answered(shared, &message);
    let answer = tokio::time::timeout(patience, answered).await.unwrap_or(Err(Unanswered::Silent));
    if let Err(why) = &answer
        && !matches!(why, Unanswered::Orphaned)
    {
        // Nobody waits any more: what has not been taken up must not happen later.
        let _ = shared.store.forget(id).await;
    }
    answer
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
