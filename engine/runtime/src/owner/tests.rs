//! What belongs to an earlier tenure of a shard changes nothing in a later one.

use std::sync::Arc;

use machine::{Execution, Timestamp};
use store::Cluster;

use super::*;
use crate::mail::{Gained, Loaded, NotLoaded, Reason};
use crate::{EngineOptions, stage};

const WAIT: &str =
    r#"{"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 3600, "End": true}}}"#;
const KEY: Key = Key { shard: 7, id: Uuid::from_u128(1) };

/// An owner whose loop is the test, and whose lane's notices are made up.
struct Stage {
    owner: Owner,
    cluster: Cluster,
    fenced: mpsc::UnboundedReceiver<Vec<(i16, Tenure)>>,
    /// What the owner hands to its lane.
    _written: mpsc::Receiver<Box<Write>>,
}

impl Stage {
    async fn set() -> Self {
        let (cluster, shared, fenced) = stage::shared(EngineOptions::default()).await;
        let (mailbox, mail) = mpsc::channel(64);
        let (lane, written) = mpsc::channel(64);
        let (_, notices) = mpsc::unbounded_channel();
        let (sleepers, _) = mpsc::unbounded_channel();
        // Without a mailbox: what loads on its own account reaches nobody.
        let owner = Owner::new(shared, mail, mailbox.downgrade(), lane, notices, sleepers);
        Self { owner, cluster, fenced, _written: written }
    }

    async fn gain(&mut self) -> Tenure {
        let tenure = self.owner.shared.tenures.next();
        let gained = Gained { shard: KEY.shard, epoch: 1, tenure };
        self.owner.take(Mail::Gained(vec![gained], oneshot::channel().0)).await;
        tenure
    }

    async fn load(&mut self, reason: Reason) {
        let (execution, program) = waiting();
        let loaded = Loaded { key: KEY, execution, program, asleep: false, reason };
        self.owner.take(Mail::Loaded(Box::new(loaded))).await;
    }

    fn runs(&self) -> bool {
        self.owner.running.contains_key(&KEY.id)
    }

    fn in_flight(&mut self) -> &mut u32 {
        &mut self.owner.shards.get_mut(&KEY.shard).unwrap().in_flight
    }
}

fn waiting() -> (Execution, Arc<asl::Program>) {
    let program = Arc::new(asl::compile(WAIT).unwrap());
    let input = asl::Payload::from_text("{}".to_owned()).unwrap();
    let mut random = machine::Random::seeded(1);
    let limits = machine::Limits::strict();
    let (identity, now) = (stage::identity(), Timestamp(1));
    let (execution, _) =
        machine::start(&program, identity, input, now, &mut random, &limits, &stage::NoTokens);
    (execution, program)
}

#[tokio::test]
async fn a_takeover_of_an_earlier_tenure_changes_nothing() {
    let mut stage = Stage::set().await;
    let earlier = stage.gain().await;
    let present = stage.gain().await;
    stage.load(Reason::Takeover(earlier)).await;
    stage.owner.take(Mail::TakenOver(vec![(KEY.shard, earlier)])).await;
    assert!(!stage.runs());
    stage.load(Reason::Takeover(present)).await;
    assert!(stage.runs(), "the takeover under way is not over");
    stage.cluster.stop().await;
}

#[tokio::test]
async fn a_load_that_nobody_waits_for_any_more_changes_nothing() {
    let mut stage = Stage::set().await;
    stage.gain().await;
    stage.owner.take(Mail::Wake(KEY)).await;
    let first = stage.owner.last_load;
    stage.gain().await;
    stage.load(Reason::Load(first)).await;
    assert!(!stage.runs(), "it was asked for in an earlier tenure");
    stage.owner.take(Mail::Wake(KEY)).await;
    let second = stage.owner.last_load;
    stage.load(Reason::Load(first)).await;
    stage.owner.take(Mail::NotLoaded(KEY, first, NotLoaded::Nothing)).await;
    assert!(!stage.runs());
    stage.load(Reason::Load(second)).await;
    assert!(stage.runs());
    stage.cluster.stop().await;
}

#[tokio::test]
async fn a_shard_that_is_gained_anew_is_not_what_leaves() {
    let mut stage = Stage::set().await;
    let earlier = stage.gain().await;
    *stage.in_flight() = 1;
    let (done, mut left) = oneshot::channel();
    stage.owner.take(Mail::GiveUp(vec![KEY.shard], done)).await;
    assert!(left.try_recv().is_err(), "a turn is in flight");
    let present = stage.gain().await;
    *stage.in_flight() = 1;
    stage.owner.note(Notice::Landed(KEY, earlier)).await;
    assert_eq!(left.try_recv(), Ok(()));
    assert_eq!(*stage.in_flight(), 1, "what landed was another's");
    assert_eq!(stage.owner.shared.tenures.of(KEY.shard), Some(present));
    stage.cluster.stop().await;
}

#[tokio::test]
async fn a_fenced_tenure_ends_and_only_a_beat_begins_another() {
    let mut stage = Stage::set().await;
    let earlier = stage.gain().await;
    let present = stage.gain().await;
    stage.load(Reason::Takeover(present)).await;
    stage.owner.note(Notice::Fenced(vec![(KEY.shard, earlier)])).await;
    assert!(stage.runs(), "an earlier tenure was fenced");
    stage.owner.note(Notice::Fenced(vec![(KEY.shard, present)])).await;
    assert!(!stage.runs());
    assert!(!stage.owner.shared.owns(KEY.shard));
    assert_eq!(stage.fenced.try_recv(), Ok(vec![(KEY.shard, present)]));
    stage.cluster.stop().await;
}

#[tokio::test]
async fn a_message_for_what_is_not_there_is_answered() {
    let mut stage = Stage::set().await;
    stage.gain().await;
    let store = stage.owner.shared.store.clone();
    let message = store::Message {
        id: Uuid::new_v4(),
        shard: KEY.shard,
        execution_id: KEY.id,
        stimulus: b"stop".as_slice().into(),
    };
    store.post(&message).await.unwrap();
    let stimulus = machine::Stimulus::Stop { error: None, cause: None };
    let stop = StimulusMail { key: KEY, stimulus, reply: None, message: Some(message.id) };
    stage.owner.take(Mail::Stimulus(Box::new(stop))).await;
    let load = stage.owner.last_load;
    stage.owner.take(Mail::NotLoaded(KEY, load, NotLoaded::Nothing)).await;
    let answer = loop {
        if let Some(answer) = store.answer(message.id).await.unwrap() {
            break answer;
        }
    };
    assert_eq!(serde_json::from_slice::<StimulusReply>(&answer).unwrap(), StimulusReply::Stale);
    stage.cluster.stop().await;
}
