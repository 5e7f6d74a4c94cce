//! The loop: what arrived in time comes before what is due; a message that changes nothing is answered.

use machine::{Stimulus, Timestamp};
use tokio::sync::oneshot;
use uuid::Uuid;

use super::*;
use crate::owner::Rules;
use crate::post::mail::{Gained, Key, Loaded, Reason};
use crate::tenure::Tenure;
use crate::{EngineOptions, stage};

const KEY: Key = Key { shard: 7, id: Uuid::from_u128(1) };
const WAIT: &str = r#"{"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 5, "Next": "S"}, "S": {"Type": "Succeed"}}}"#;

/// A loop that the test drives, on a database of its own.
async fn set() -> (store::Cluster, Drive, mpsc::Sender<Mail>, mpsc::Receiver<Box<Write>>) {
    let (cluster, shared, _) = stage::shared(EngineOptions::default()).await;
    let (mailbox, mail) = mpsc::channel(64);
    let (lane, written) = mpsc::channel(64);
    let rules = Rules {
        limits: machine::Limits::strict(),
        sleep_after: Duration::from_mins(1),
        snapshot_after: usize::MAX,
        seal: shared.seal.clone(),
        before_step: None,
    };
    let drive = Drive {
        owner: Owner::new(shared.standing.clone(), rules, shared.clock.moment()),
        pulse: shared.pulses.add(String::new()),
        shared,
        mail,
        mailbox: mpsc::channel(1).0.downgrade(),
        lane,
        notices: mpsc::unbounded_channel().1,
        room: Arc::new(Semaphore::new(crate::ROOM_BYTES)),
        owed: Duration::ZERO,
        sleepers: mpsc::unbounded_channel().0,
    };
    (cluster, drive, mailbox, written)
}

async fn gain(drive: &mut Drive) -> Tenure {
    let tenure = drive.shared.standing.tenures.grant(KEY.shard);
    let gained = Gained { shard: KEY.shard, epoch: 1, tenure };
    drive.take(Mail::Gained(vec![gained], oneshot::channel().0));
    drive.perform().await;
    tenure
}

#[tokio::test]
async fn what_arrived_in_time_is_heard_before_the_time_is_up() {
    let (cluster, mut drive, mailbox, mut written) = set().await;
    let tenure = gain(&mut drive).await;
    let program = Arc::new(asl::compile(WAIT).unwrap());
    let now = drive.shared.now();
    let (execution, _) = machine::start(
        &program,
        stage::identity(),
        asl::Payload::from_text("{}").unwrap(),
        now,
        &machine::Random::seeded(1),
        &machine::Limits::strict(),
        &stage::NoTokens,
    );
    let reason = Reason::Takeover(tenure);
    let loaded = Loaded {
        key: KEY,
        execution,
        program,
        life: Uuid::nil(),
        asleep: false,
        is_suspect: false,
        has_snapshot: false,
        tail: 0,
        reason,
    };
    drive.take(Mail::Loaded(Box::new(loaded)));
    // The loop stood still for a moment, and what was said meanwhile waits for it.
    drive.shared.clock.set_ahead(10_000);
    let stop = StimulusMail::new(KEY, Stimulus::Stop { error: None, cause: None });
    mailbox.try_send(Mail::Stimulus(Box::new(stop))).unwrap();
    drive.fire().await;
    let turn = written.try_recv().unwrap().turn.unwrap();
    assert_eq!(turn.end.unwrap().status, store::Status::Aborted);
    cluster.stop().await;
}

#[tokio::test]
async fn a_message_for_what_is_not_there_is_answered() {
    let (cluster, mut drive, _mailbox, _written) = set().await;
    gain(&mut drive).await;
    let store = drive.shared.store.clone();
    let message = store::Message {
        id: Uuid::new_v4(),
        shard: KEY.shard,
        execution_id: KEY.id,
        stimulus: b"stop".as_slice().into(),
    };
    store.beat(Uuid::new_v4(), Duration::from_hours(1), "").await.unwrap();
    assert!(store.post(&message, &[]).await.unwrap());
    drive.pass_over(message.id);
    let answer = loop {
        if let Some(answer) = store.answer(message.id).await.unwrap() {
            break answer;
        }
    };
    assert_eq!(serde_json::from_slice::<StimulusReply>(&answer).unwrap(), StimulusReply::Stale);
    assert_ne!(drive.until_due(), Duration::ZERO);
    assert!(drive.now().wall > Timestamp(0));
    cluster.stop().await;
}
