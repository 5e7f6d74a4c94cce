//! Heartbeats for executions of other nodes: asked and answered by notifications, so that no
//! heartbeat writes a row wherever it arrives.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use machine::Stimulus;
use store::{Heard, Heartbeat, Store};
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use crate::post::Mailboxes;
use crate::post::mail::{Key, Mail, StimulusMail, StimulusReply};
use crate::shared::Shared;

/// How long an answer to a question is waited for before it is asked again: its shard may be on its
/// way to another node.
const QUESTION: Duration = Duration::from_secs(1);
/// How long an owner may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// Notifications of this node that may wait to be sent.
const CAPACITY: usize = 10_000;
/// Most that are sent together.
const AT_ONCE: usize = 1_000;

enum Saying {
    Heartbeat(Heartbeat),
    Heard(Heard),
}

/// The questions of this node, and what it has to say.
pub(crate) struct Heartbeats {
    node: Uuid,
    last: AtomicU64,
    asked: Mutex<HashMap<u64, oneshot::Sender<bool>>>,
    sayings: mpsc::Sender<Saying>,
}

impl Heartbeats {
    /// The beats of a node; what it says goes out as long as somebody holds them.
    pub(crate) fn new(node: Uuid, store: Store) -> Self {
        let (sayings, said) = mpsc::channel(CAPACITY);
        tokio::spawn(say(store, said));
        Self { node, last: AtomicU64::new(0), asked: Mutex::default(), sayings }
    }

    /// Asks the owner of an execution whether this task is open, and tells it that somebody is
    /// at it. `None` if nobody answers.
    pub(crate) async fn ask(&self, key: Key, task: u64) -> Option<bool> {
        let question = self.last.fetch_add(1, Ordering::Relaxed);
        let (reply, answer) = oneshot::channel();
        self.asked().insert(question, reply);
        let beat =
            Heartbeat { node: self.node, question, shard: key.shard, execution_id: key.id, task };
        let answer = match self.sayings.try_send(Saying::Heartbeat(beat)) {
            Ok(()) => tokio::time::timeout(QUESTION, answer).await.ok().and_then(Result::ok),
            Err(_) => None,
        };
        self.asked().remove(&question);
        answer
    }

    /// Answers to questions of all nodes; those to ours are passed on.
    pub(crate) fn hear(&self, heard: Vec<Heard>) {
        for answer in heard.into_iter().filter(|answer| answer.node == self.node) {
            if let Some(asked) = self.asked().remove(&answer.question) {
                let _ = asked.send(answer.open);
            }
        }
    }

    fn asked(&self) -> std::sync::MutexGuard<'_, HashMap<u64, oneshot::Sender<bool>>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Heartbeats of all nodes; those for executions of ours reach their owner loops and are
/// answered.
pub(crate) fn receive(shared: &Arc<Shared>, owners: &Mailboxes, beats: Vec<Heartbeat>) {
    let mut replies = Vec::new();
    for beat in beats.into_iter().filter(|beat| shared.owns(beat.shard)) {
        let key = Key { shard: beat.shard, id: beat.execution_id };
        let (mail, outcome) = StimulusMail::asked(key, Stimulus::Heartbeat { task: beat.task });
        // One that finds its owner's mailbox full is not answered, and sent again.
        if owners.post(beat.shard, Mail::Stimulus(Box::new(mail))).is_ok() {
            replies.push((beat, outcome));
        }
    }
    if replies.is_empty() {
        return;
    }
    let shared = shared.clone();
    tokio::spawn(async move {
        for (beat, outcome) in replies {
            let open = match tokio::time::timeout(PATIENCE, outcome).await {
                Ok(Ok(StimulusReply::Applied { .. })) => true,
                Ok(Ok(StimulusReply::Stale)) => false,
                Ok(Ok(StimulusReply::Unavailable | StimulusReply::Elsewhere) | Err(_)) | Err(_) => {
                    continue;
                }
            };
            let heard = Heard { node: beat.node, question: beat.question, open };
            let _ = shared.heartbeats.sayings.try_send(Saying::Heard(heard));
        }
    });
}

/// Says what there is to say; what gathers while one notification is under way goes together.
async fn say(store: Store, mut said: mpsc::Receiver<Saying>) {
    let mut some = Vec::new();
    while said.recv_many(&mut some, AT_ONCE).await > 0 {
        let (mut beats, mut heard) = (Vec::new(), Vec::new());
        for saying in some.drain(..) {
            match saying {
                Saying::Heartbeat(beat) => beats.push(beat),
                Saying::Heard(answer) => heard.push(answer),
            }
        }
        for told in [store.say_heartbeats(&beats).await, store.say_heard(&heard).await] {
            if let Err(error) = told {
                tracing::debug!(%error, "heartbeats are lost; their senders try again");
            }
        }
    }
}
