//! What becomes of a batch of which one part cannot be written.

use bytes::Bytes;
use chrono::DateTime;
use store::{Cluster, NewExecution};
use uuid::Uuid;

use tokio::sync::mpsc;

use super::drive::Drive;
use super::*;
use crate::shared::Shared;
use crate::{EngineOptions, stage};

/// A write of nothing.
fn write(key: Key, tenure: Tenure) -> Write {
    Write {
        key,
        machine: 0,
        tenure,
        turn: None,
        answer: None,
        milestones: Vec::new(),
        started_at: Timestamp(0),
        commands: Vec::new(),
        identity: Arc::new(stage::identity()),
        start: None,
        reply: None,
        room: None,
    }
}

/// A lane whose owner is the test.
struct Stage {
    cluster: Cluster,
    shared: Arc<Shared>,
    items: mpsc::Sender<Box<Write>>,
    notices: mpsc::UnboundedReceiver<Notice>,
    lane: Drive,
}

impl Stage {
    async fn set() -> Self {
        let (cluster, shared, _) = stage::shared(EngineOptions::default()).await;
        let (items, received) = mpsc::channel(64);
        let (notices, heard) = mpsc::unbounded_channel();
        let lane = Drive {
            lane: Lane::new(shared.standing.clone(), 1_000),
            pulse: shared.pulses.add(String::new()),
            store: store::Lane::new(&shared.store, shared.options.node),
            shared: shared.clone(),
            items: received,
            notices,
            mailbox: mpsc::channel(1).0.downgrade(),
        };
        Self { cluster, shared, items, notices: heard, lane }
    }

    /// Puts the start of an execution of this name into the lane's queue.
    async fn start(
        &self,
        name: &str,
        change: impl FnOnce(&mut NewTurn),
    ) -> oneshot::Receiver<StartReply> {
        let shard = store::shard_of("000000000000", "m", name);
        let key = Key { shard, id: Uuid::new_v4() };
        let row = NewExecution {
            account: "000000000000".to_owned(),
            state_machine: "m".to_owned(),
            life: Uuid::nil(),
            name: name.to_owned(),
            revision_id: Uuid::nil(),
            version: None,
            alias: None,
            input: Bytes::from_static(b"{}"),
            started_at: DateTime::UNIX_EPOCH,
            trace_header: None,
        };
        let mut turn = NewTurn {
            shard,
            execution_id: key.id,
            first_event: 0,
            event_count: 1,
            // That of a shard nobody has owned yet.
            epoch: 0,
            body: Bytes::from_static(b"{}"),
            start: Some(Box::new(row)),
            end: None,
            wakes: false,
            offers: Vec::new(),
            withdrawn: Vec::new(),
        };
        change(&mut turn);
        let (start, reply) = oneshot::channel();
        let tenure = self.shared.standing.tenures.grant(key.shard);
        let write = Write { turn: Some(turn), start: Some(start), ..write(key, tenure) };
        self.items.send(Box::new(write)).await.unwrap();
        reply
    }

    /// Puts an answer for which nothing is written into the lane's queue.
    async fn tell(&self, key: Key, tenure: Tenure, reply: oneshot::Sender<StimulusReply>) {
        let reply = Some((reply, StimulusReply::Stale));
        self.items.send(Box::new(Write { reply, ..write(key, tenure) })).await.unwrap();
    }

    /// Has the lane write all that is in its queue; what its owner hears of it.
    async fn written(mut self) -> Vec<&'static str> {
        drop(self.items);
        self.lane.run().await;
        let mut heard = Vec::new();
        while let Some(notice) = self.notices.recv().await {
            heard.push(match notice {
                Notice::Landed(..) => "landed",
                Notice::Refused(..) => "refused",
                Notice::Fenced(_) => "fenced",
            });
        }
        self.cluster.stop().await;
        heard
    }
}

#[tokio::test]
async fn a_start_on_a_lost_shard_does_not_hold_up_the_others() {
    let stage = Stage::set().await;
    let one = stage.start("a", |_| {}).await;
    let lost = stage.start("b", |turn| turn.epoch = 7).await;
    let other = stage.start("c", |_| {}).await;
    assert_eq!(stage.written().await, ["landed", "refused", "landed"]);
    assert_eq!(one.await, Ok(StartReply::Started));
    assert_eq!(lost.await, Ok(StartReply::Elsewhere));
    assert_eq!(other.await, Ok(StartReply::Started));
}

#[tokio::test]
async fn turns_on_a_lost_shard_do_not_hold_up_the_others() {
    let stage = Stage::set().await;
    let one = stage.start("a", |_| {}).await;
    let _late = stage.start("b", |turn| (turn.epoch, turn.start) = (7, None)).await;
    let other = stage.start("c", |_| {}).await;
    assert_eq!(stage.written().await, ["fenced", "landed", "landed"]);
    assert_eq!(one.await, Ok(StartReply::Started));
    assert_eq!(other.await, Ok(StartReply::Started));
}

#[tokio::test]
async fn nobody_is_told_what_a_node_knew_before_it_lost_the_shard() {
    let stage = Stage::set().await;
    let (shard, kept) = (7, stage.shared.standing.tenures.grant(7));
    let mut heard = Vec::new();
    for tenure in [kept, stage.shared.standing.tenures.grant(8)] {
        let (reply, answer) = oneshot::channel();
        stage.tell(Key { shard, id: Uuid::nil() }, tenure, reply).await;
        heard.push(answer);
    }
    assert!(stage.shared.standing.tenures.begin(shard, kept));
    assert!(stage.written().await.is_empty());
    let answers: Vec<_> = futures_util::future::join_all(heard).await;
    assert_eq!(answers[0], Ok(StimulusReply::Stale));
    assert!(answers[1].is_err(), "its tenure is over");
}

#[tokio::test]
async fn what_cannot_be_written_goes_alone() {
    let stage = Stage::set().await;
    let mut replies = Vec::new();
    for name in ["a", "b", "c", "d", "e"] {
        // A turn has events, says the table.
        let count = i32::from(name != "d");
        replies.push(stage.start(name, |turn| turn.event_count = count).await);
    }
    assert_eq!(stage.written().await, ["landed", "landed", "landed", "refused", "landed"]);
    for (number, reply) in replies.into_iter().enumerate() {
        let expected = if number == 3 { StartReply::Unavailable } else { StartReply::Started };
        assert_eq!(reply.await, Ok(expected));
    }
}

#[tokio::test]
async fn what_will_be_written_is_answered_when_it_is_while_a_start_is_refused_at_once() {
    let mut stage = Stage::set().await;
    let start = stage.start("a", |_| {}).await;
    let mut write = stage.lane.items.recv().await.unwrap();
    let (reply, mut answer) = oneshot::channel();
    write.reply = Some((reply, StimulusReply::Stale));
    let mut lane = Lane::new(stage.shared.standing.clone(), 1_000);
    lane.push(write);
    let Next::Append(batch) = lane.next() else { panic!("it is written") };
    assert_eq!(batch.turns.len(), 1);
    let away = store::Error::from(store::SealingError::NoKey);
    let now = stage.shared.clock.moment();
    lane.appended(Err(AppendError::Unavailable(away)), now);
    assert_eq!(start.await, Ok(StartReply::Unavailable));
    assert!(answer.try_recv().is_err(), "nobody knows yet");
    let Next::AskAbsent(_, pause) = lane.next() else { panic!("it is in doubt") };
    lane.absent(None);
    assert!(matches!(lane.next(), Next::AskAbsent(_, longer) if longer > pause));
    lane.absent(Some(&HashSet::new()));
    assert!(matches!(lane.next(), Next::Append(_)));
    lane.appended(Ok(Appended::default()), now);
    let sequels = lane.sequels();
    let [Sequel::Out { write, .. }, Sequel::Notice(Notice::Landed(..))] = &sequels[..] else {
        panic!("it goes out, and then its owner hears of it")
    };
    assert!(write.start.is_none() && write.reply.is_some());
    assert!(lane.is_idle());
    stage.cluster.stop().await;
}
