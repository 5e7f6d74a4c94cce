//! What belongs to an earlier tenure of a shard changes nothing in a later one; what arrived in time
//! comes before what is due; who waits for a store that is away is not kept.

use std::sync::Arc;

use machine::{Execution, Status, Stimulus, Timestamp};
use store::Cluster;

use super::*;
use crate::post::mail::{Gained, Loaded, NotLoaded, Reason};
use crate::{EngineOptions, stage};

const WAIT: &str =
    r#"{"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 3600, "End": true}}}"#;
const KEY: Key = Key { shard: 7, id: Uuid::from_u128(1) };

/// An owner whose loop is the test, and whose lane's notices are made up.
struct Stage {
    owner: Owner,
    cluster: Cluster,
    fenced: mpsc::UnboundedReceiver<Vec<(i16, Tenure)>>,
    /// What others send it.
    mailbox: mpsc::Sender<Mail>,
    /// What the owner hands to its lane.
    written: mpsc::Receiver<Box<Write>>,
}

impl Stage {
    async fn set() -> Self {
        let (cluster, shared, fenced) = stage::shared(EngineOptions::default()).await;
        let (mailbox, mail) = mpsc::channel(64);
        let (lane, written) = mpsc::channel(64);
        let (_, notices) = mpsc::unbounded_channel();
        let (sleepers, _) = mpsc::unbounded_channel();
        // Without a mailbox: what loads on its own account reaches nobody.
        let nowhere = mpsc::channel(1).0.downgrade();
        let owner = Owner::new(shared, mail, nowhere, lane, notices, sleepers);
        Self { owner, cluster, fenced, mailbox, written }
    }

    async fn gain(&mut self) -> Tenure {
        let tenure = self.owner.shared.tenures.grant(KEY.shard);
        let gained = Gained { shard: KEY.shard, epoch: 1, tenure };
        self.owner.take(Mail::Gained(vec![gained], oneshot::channel().0)).await;
        tenure
    }

    async fn load(&mut self, reason: Reason) {
        self.load_as(reason, WAIT, &[]).await;
    }

    /// Loads an execution of this definition to which this has happened.
    async fn load_as(&mut self, reason: Reason, definition: &str, happened: &[Stimulus]) {
        let (execution, program) = begun(definition, self.owner.shared.now(), happened);
        let loaded =
            Loaded { key: KEY, execution, program, life: Uuid::nil(), asleep: false, reason };
        self.owner.take(Mail::Loaded(Box::new(loaded))).await;
    }

    fn runs(&self) -> bool {
        self.owner.running.contains_key(&KEY.id)
    }

    fn in_flight(&mut self) -> &mut u32 {
        &mut self.owner.shards.get_mut(&KEY.shard).unwrap().in_flight
    }
}

/// An execution that began now, and to which this has happened.
fn begun(
    definition: &str,
    now: Timestamp,
    happened: &[Stimulus],
) -> (Execution, Arc<asl::Program>) {
    let program = Arc::new(asl::compile(definition).unwrap());
    let random = machine::Random::seeded(1);
    let limits = machine::Limits::strict();
    let (identity, input, tokens) = (stage::identity(), payload("{}"), stage::NoTokens);
    let (mut execution, _) =
        machine::start(&program, identity, input, now, &random, &limits, &tokens);
    for stimulus in happened.iter().cloned() {
        machine::step(&program, &mut execution, stimulus, now, &random, &limits, &tokens);
    }
    (execution, program)
}

fn payload(text: &str) -> asl::Payload {
    asl::Payload::from_text(text).unwrap()
}

/// Something happens to the execution with this id, and somebody waits for what becomes of it.
fn waited_for(id: Uuid, stimulus: Stimulus) -> (Mail, oneshot::Receiver<StimulusReply>) {
    let (mail, outcome) = StimulusMail::asked(Key { id, ..KEY }, stimulus);
    (Mail::Stimulus(Box::new(mail)), outcome)
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
async fn a_tenure_begins_when_what_was_decided_in_an_earlier_one_is_written() {
    let mut stage = Stage::set().await;
    let earlier = stage.gain().await;
    *stage.in_flight() = 1;
    let (done, mut left) = oneshot::channel();
    stage.owner.take(Mail::GiveUp(vec![KEY.shard], done)).await;
    let _never = stage.gain().await;
    let present = stage.gain().await;
    assert!(left.try_recv().is_err(), "a turn is in flight");
    assert!(!stage.owner.shared.owns(KEY.shard), "and would be missing in what is read");
    stage.owner.note(Notice::Landed(KEY, earlier)).await;
    assert_eq!(left.try_recv(), Ok(()));
    assert_eq!(stage.owner.shared.tenures.of(KEY.shard), Some(present));
    assert_eq!(*stage.in_flight(), 0);
    *stage.in_flight() = 1;
    stage.owner.note(Notice::Landed(KEY, earlier)).await;
    assert_eq!(*stage.in_flight(), 1, "what landed was another's");
    stage.cluster.stop().await;
}

#[tokio::test]
async fn a_tenure_that_is_given_up_before_it_began_never_does() {
    let mut stage = Stage::set().await;
    let earlier = stage.gain().await;
    *stage.in_flight() = 1;
    stage.gain().await;
    let (done, mut left) = oneshot::channel();
    stage.owner.take(Mail::GiveUp(vec![KEY.shard], done)).await;
    assert!(left.try_recv().is_err(), "a turn is in flight");
    stage.owner.note(Notice::Fenced(vec![(KEY.shard, earlier)])).await;
    assert_eq!(left.try_recv(), Ok(()));
    assert!(!stage.owner.shared.owns(KEY.shard));
    stage.cluster.stop().await;
}

#[tokio::test]
async fn a_heartbeat_is_not_received_by_a_node_that_lost_the_shard() {
    let mut stage = Stage::set().await;
    let tenure = stage.gain().await;
    let submitted = Stimulus::TaskSubmitted { task: TASK, output: payload("1") };
    let definition = TOKEN.replace("TIME", "HeartbeatSeconds");
    stage.load_as(Reason::Takeover(tenure), &definition, &[submitted]).await;
    stage.owner.shared.lease.renew(tokio::time::Instant::now() + Duration::from_hours(1));
    for (is_lost, expected) in [
        (false, StimulusReply::Applied { at: stage.owner.shared.now() }),
        (true, StimulusReply::Unavailable),
    ] {
        if is_lost {
            // The beat knows; the owner has not been told yet.
            stage.owner.shared.tenures.revoke(KEY.shard);
        }
        let (mail, mut reply) = waited_for(KEY.id, Stimulus::Heartbeat { task: TASK });
        stage.owner.take(mail).await;
        let reply = reply.try_recv().unwrap();
        assert_eq!(std::mem::discriminant(&reply), std::mem::discriminant(&expected));
    }
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
    store.beat(Uuid::new_v4(), Duration::from_hours(1), "").await.unwrap();
    assert!(store.post(&message, &[]).await.unwrap());
    let stimulus = Stimulus::Stop { error: None, cause: None };
    let stop = StimulusMail { message: Some(message.id), ..StimulusMail::new(KEY, stimulus) };
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

const TOKEN: &str = r#"{"StartAt": "T", "States": {"T": {"Type": "Task",
    "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
    "Parameters": {"FunctionName": "f"}, "TIME": 10, "End": true}}}"#;
/// The number of the task of [`TOKEN`].
const TASK: u64 = 3;

#[tokio::test]
async fn what_arrived_in_time_is_heard_before_the_time_is_up() {
    for time in ["HeartbeatSeconds", "TimeoutSeconds"] {
        let mut stage = Stage::set().await;
        let tenure = stage.gain().await;
        let submitted = Stimulus::TaskSubmitted { task: TASK, output: payload("1") };
        let definition = TOKEN.replace("TIME", time);
        stage.load_as(Reason::Takeover(tenure), &definition, &[submitted]).await;
        // The loop stood still for a moment, and the answer waits for it.
        stage.owner.shared.clock.set_ahead(10_000);
        let success = Stimulus::TokenSucceeded { task: TASK, output: payload("2") };
        let (mail, _reply) = waited_for(KEY.id, success);
        stage.mailbox.try_send(mail).unwrap();
        stage.owner.fire().await;
        let running = &stage.owner.running[&KEY.id];
        assert_eq!(running.execution.status(), Status::Succeeded, "{time}");
        stage.cluster.stop().await;
    }
}

#[tokio::test]
async fn what_arrived_while_an_execution_was_read_is_heard_before_the_time_is_up() {
    let mut stage = Stage::set().await;
    stage.gain().await;
    stage.owner.take(Mail::Wake(KEY)).await;
    let load = stage.owner.last_load;
    let (mail, _reply) =
        waited_for(KEY.id, Stimulus::TokenSucceeded { task: TASK, output: payload("2") });
    stage.owner.take(mail).await;
    let submitted = Stimulus::TaskSubmitted { task: TASK, output: payload("1") };
    let definition = TOKEN.replace("TIME", "TimeoutSeconds");
    let (execution, program) = begun(&definition, stage.owner.shared.now(), &[submitted]);
    stage.owner.shared.clock.set_ahead(10_000);
    let loaded = Loaded {
        key: KEY,
        execution,
        program,
        life: Uuid::nil(),
        asleep: true,
        reason: Reason::Load(load),
    };
    stage.owner.take(Mail::Loaded(Box::new(loaded))).await;
    stage.owner.fire().await;
    assert_eq!(stage.owner.running[&KEY.id].execution.status(), Status::Succeeded);
    stage.cluster.stop().await;
}

#[tokio::test]
async fn nobody_waits_for_an_execution_that_cannot_be_read_now() {
    let mut stage = Stage::set().await;
    stage.gain().await;
    stage.owner.taken_over(vec![(KEY.shard, stage.owner.shared.tenures.of(KEY.shard).unwrap())]);
    stage.owner.shared.set_away(true, "a test");
    let (mail, mut reply) = waited_for(KEY.id, Stimulus::Heartbeat { task: TASK });
    stage.owner.take(mail).await;
    assert_eq!(reply.try_recv(), Ok(StimulusReply::Unavailable));
    assert!(stage.owner.awaited.is_empty(), "nothing is left behind");
    // A timer has nobody who would try again.
    stage.owner.take(Mail::Wake(KEY)).await;
    assert_eq!(stage.owner.awaited.len(), 1);
    stage.cluster.stop().await;
}

#[tokio::test]
async fn so_many_executions_are_awaited_and_no_more() {
    let mut stage = Stage::set().await;
    stage.gain().await;
    // None of them gets its turn.
    let loads = stage.owner.shared.clone();
    let _all = loads.loads.acquire_many(u32::try_from(crate::shared::LOADS).unwrap()).await;
    let mut outcomes = Vec::new();
    for number in 0..=MOST_AWAITED {
        let id = Uuid::from_u128(number as u128);
        let (mail, outcome) = waited_for(id, Stimulus::Heartbeat { task: TASK });
        stage.owner.take(mail).await;
        outcomes.push(outcome);
    }
    assert_eq!(stage.owner.awaited.len(), MOST_AWAITED);
    assert_eq!(outcomes.pop().unwrap().await, Ok(StimulusReply::Unavailable));
    let (mail, mut waits) = waited_for(Uuid::from_u128(1), Stimulus::Heartbeat { task: TASK });
    stage.owner.take(mail).await;
    assert!(waits.try_recv().is_err(), "one that is awaited already costs no more");
    stage.cluster.stop().await;
}

const TASKS: &str = r#"{"StartAt": "A", "States": {
    "A": {"Type": "Wait", "Seconds": 5, "Next": "T"},
    "T": {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:f", "End": true}}}"#;

#[tokio::test]
async fn while_a_gate_is_closed_what_is_decided_says_that_its_calls_have_not_begun() {
    for is_closed in [false, true] {
        let mut stage = Stage::set().await;
        let tenure = stage.gain().await;
        stage.load_as(Reason::Takeover(tenure), TASKS, &[]).await;
        if is_closed {
            stage.owner.shared.gates.close([KEY.shard]);
        }
        stage.owner.shared.clock.set_ahead(6_000);
        stage.owner.fire().await;
        let write = stage.written.try_recv().unwrap();
        let events = machine::log::decode(&write.turn.unwrap().body).unwrap();
        let is_queued = |event: &machine::Event| event.kind == machine::EventKind::TaskQueued;
        assert_eq!(events.iter().filter(|event| is_queued(event)).count(), usize::from(is_closed));
        let [machine::Command::Invoke(call)] = &write.commands[..] else { panic!("one call") };
        assert_eq!(call.queued, is_closed);
        stage.cluster.stop().await;
    }
}

#[tokio::test]
async fn a_shard_is_closed_when_the_commands_of_all_earlier_turns_are_out() {
    let mut stage = Stage::set().await;
    let tenure = stage.gain().await;
    *stage.in_flight() = 2;
    let (done, mut closed) = oneshot::channel();
    stage.owner.take(Mail::Close(vec![KEY.shard, 9], done)).await;
    stage.owner.note(Notice::Landed(KEY, tenure)).await;
    // Later turns are decided under the closed gate, and need not be waited for.
    *stage.in_flight() += 1;
    assert!(closed.try_recv().is_err(), "one from before is in flight");
    stage.owner.note(Notice::Landed(KEY, tenure)).await;
    assert_eq!(closed.try_recv(), Ok(()));
    let (done, mut closed) = oneshot::channel();
    stage.owner.take(Mail::Close(vec![KEY.shard], done)).await;
    assert!(closed.try_recv().is_err());
    stage.owner.note(Notice::Fenced(vec![(KEY.shard, tenure)])).await;
    assert_eq!(closed.try_recv(), Ok(()), "nothing of it goes out any more");
    stage.cluster.stop().await;
}

#[tokio::test]
async fn a_call_is_under_way_until_its_outcome_is_in_the_hands_of_the_lane() {
    let mut stage = Stage::set().await;
    let tenure = stage.gain().await;
    stage.load_as(Reason::Takeover(tenure), &TOKEN.replace("TIME", "TimeoutSeconds"), &[]).await;
    let gates = stage.owner.shared.gates.clone();
    let before = gates.busy(KEY.shard);
    let submitted = Stimulus::TaskSubmitted { task: TASK, output: payload("1") };
    let mail = StimulusMail::new(KEY, submitted);
    let call = Some(gates.enter(KEY.shard));
    stage.owner.running.get_mut(&KEY.id).unwrap().is_starting = true;
    stage.owner.take(Mail::Stimulus(Box::new(StimulusMail { call, ..mail }))).await;
    assert_eq!(gates.busy(KEY.shard), before + 1, "it waits");
    stage.owner.running.get_mut(&KEY.id).unwrap().is_starting = false;
    stage.owner.take_deferred(KEY.id).await;
    assert_eq!(gates.busy(KEY.shard), before);
    assert!(stage.written.try_recv().is_ok_and(|write| write.turn.is_some()));
    stage.cluster.stop().await;
}
