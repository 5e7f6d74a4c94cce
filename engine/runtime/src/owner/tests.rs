//! What belongs to an earlier tenure of a shard changes nothing in a later one; what arrived in time
//! comes before what is due; who waits for a store that is away is not kept.

use std::sync::Arc;

use machine::{Event, Execution, Status, Stimulus, Timestamp};
use tokio::time::Instant;

use super::*;
use crate::lane::Write;
use crate::post::mail::{Gained, Loaded, NotLoaded, Reason, Slept};
use crate::stage;

const WAIT: &str =
    r#"{"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 3600, "End": true}}}"#;
const KEY: Key = Key { shard: 7, id: Uuid::from_u128(1) };

/// An owner whose loop is the test.
struct Stage {
    owner: Owner,
    now: Now,
    /// What it wanted done so far and was not looked at.
    wanted: Vec<Effect>,
}

impl Stage {
    fn set() -> Self {
        let now = Now { wall: Timestamp(1_000_000), steady: Instant::now() };
        let standing = Arc::new(Standing::new(crate::EngineOptions::default().memory));
        standing.lease.renew(now.steady + Duration::from_hours(1));
        let rules = Rules {
            limits: Limits::strict(),
            sleep_after: Duration::from_mins(1),
            snapshot_after: usize::MAX,
            seal: Seal::of_nobody(),
            before_step: None,
        };
        Self { owner: Owner::new(standing, rules, now), now, wanted: Vec::new() }
    }

    fn take(&mut self, mail: Mail) {
        self.owner.take(mail, self.now);
        self.settle();
    }

    fn note(&mut self, notice: Notice) {
        self.owner.note(notice, self.now);
        self.settle();
    }

    fn fire(&mut self) {
        while self.owner.fire(self.now) {}
        self.settle();
    }

    fn settle(&mut self) {
        while self.owner.is_unfinished() {
            self.owner.go_on(self.now);
        }
        self.wanted.extend(self.owner.effects());
    }

    fn time_passes(&mut self, ms: u64) {
        self.now.wall = self.now.wall.plus_ms(i64::try_from(ms).unwrap());
        self.now.steady += Duration::from_millis(ms);
    }

    /// The turns that it has handed to its lane since this was last asked.
    fn written(&mut self) -> Vec<Write> {
        let writes = self.wanted.extract_if(.., |effect| matches!(effect, Effect::Write(_)));
        let writes = writes.filter_map(|effect| match effect {
            Effect::Write(write) => Some(*write),
            _ => None,
        });
        writes.collect()
    }

    /// The executions that it has had loaded so far.
    fn loads(&self) -> usize {
        self.wanted.iter().filter(|effect| matches!(effect, Effect::Load(..))).count()
    }

    fn gain(&mut self) -> Tenure {
        let tenure = self.owner.standing.tenures.grant(KEY.shard);
        let gained = Gained { shard: KEY.shard, epoch: 1, tenure };
        self.take(Mail::Gained(vec![gained], oneshot::channel().0));
        tenure
    }

    fn load(&mut self, reason: Reason) {
        self.load_as(reason, WAIT, &[]);
    }

    /// Loads an execution of this definition to which this has happened.
    fn load_as(&mut self, reason: Reason, definition: &str, happened: &[Stimulus]) {
        let (execution, program) = begun(definition, self.now.wall, happened);
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
        self.take(Mail::Loaded(Box::new(loaded)));
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
    let limits = Limits::strict();
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

#[test]
fn a_takeover_of_an_earlier_tenure_changes_nothing() {
    let mut stage = Stage::set();
    let earlier = stage.gain();
    let present = stage.gain();
    stage.load(Reason::Takeover(earlier));
    stage.take(Mail::TakenOver(vec![(KEY.shard, earlier)]));
    assert!(!stage.runs());
    stage.load(Reason::Takeover(present));
    assert!(stage.runs(), "the takeover under way is not over");
}

#[test]
fn a_load_that_nobody_waits_for_any_more_changes_nothing() {
    let mut stage = Stage::set();
    stage.gain();
    stage.take(Mail::Wake(KEY));
    let first = stage.owner.last_load;
    stage.gain();
    stage.load(Reason::Load(first));
    assert!(!stage.runs(), "it was asked for in an earlier tenure");
    stage.take(Mail::Wake(KEY));
    let second = stage.owner.last_load;
    stage.load(Reason::Load(first));
    stage.take(Mail::NotLoaded(KEY, first, NotLoaded::Nothing));
    assert!(!stage.runs());
    stage.load(Reason::Load(second));
    assert!(stage.runs());
}

#[test]
fn a_tenure_begins_when_what_was_decided_in_an_earlier_one_is_written() {
    let mut stage = Stage::set();
    let earlier = stage.gain();
    *stage.in_flight() = 1;
    let (done, mut left) = oneshot::channel();
    stage.take(Mail::GiveUp(vec![KEY.shard], done));
    let _never = stage.gain();
    let present = stage.gain();
    assert!(left.try_recv().is_err(), "a turn is in flight");
    assert!(
        stage.owner.standing.tenures.of(KEY.shard).is_none(),
        "and would be missing in what is read"
    );
    stage.note(Notice::Landed(KEY, earlier));
    assert_eq!(left.try_recv(), Ok(()));
    assert_eq!(stage.owner.standing.tenures.of(KEY.shard), Some(present));
    assert_eq!(*stage.in_flight(), 0);
    *stage.in_flight() = 1;
    stage.note(Notice::Landed(KEY, earlier));
    assert_eq!(*stage.in_flight(), 1, "what landed was another's");
}

#[test]
fn a_tenure_that_is_given_up_before_it_began_never_does() {
    let mut stage = Stage::set();
    let earlier = stage.gain();
    *stage.in_flight() = 1;
    stage.gain();
    let (done, mut left) = oneshot::channel();
    stage.take(Mail::GiveUp(vec![KEY.shard], done));
    assert!(left.try_recv().is_err(), "a turn is in flight");
    stage.note(Notice::Fenced(vec![(KEY.shard, earlier)]));
    assert_eq!(left.try_recv(), Ok(()));
    assert!(stage.owner.standing.tenures.of(KEY.shard).is_none());
}

#[test]
fn a_heartbeat_is_not_received_by_a_node_that_lost_the_shard() {
    let mut stage = Stage::set();
    let tenure = stage.gain();
    let submitted = Stimulus::TaskSubmitted { task: TASK, output: payload("1") };
    let definition = TOKEN.replace("TIME", "HeartbeatSeconds");
    stage.load_as(Reason::Takeover(tenure), &definition, &[submitted]);
    stage.owner.standing.lease.renew(Instant::now() + Duration::from_hours(1));
    for (is_lost, expected) in
        [(false, StimulusReply::Applied { at: stage.now.wall }), (true, StimulusReply::Unavailable)]
    {
        if is_lost {
            // The beat knows; the owner has not been told yet.
            stage.owner.standing.tenures.revoke(KEY.shard);
        }
        let (mail, mut reply) = waited_for(KEY.id, Stimulus::Heartbeat { task: TASK });
        stage.take(mail);
        let reply = reply.try_recv().unwrap();
        assert_eq!(std::mem::discriminant(&reply), std::mem::discriminant(&expected));
    }
}

#[test]
fn a_fenced_tenure_ends_and_only_a_beat_begins_another() {
    let mut stage = Stage::set();
    let earlier = stage.gain();
    let present = stage.gain();
    stage.load(Reason::Takeover(present));
    stage.note(Notice::Fenced(vec![(KEY.shard, earlier)]));
    assert!(stage.runs(), "an earlier tenure was fenced");
    stage.note(Notice::Fenced(vec![(KEY.shard, present)]));
    assert!(!stage.runs());
    assert!(stage.owner.standing.tenures.of(KEY.shard).is_none());
    let is_told = |effect: &Effect| matches!(effect, Effect::Fenced(tenures) if tenures[..] == [(KEY.shard, present)]);
    assert!(stage.wanted.iter().any(is_told));
}

#[test]
fn a_message_for_what_is_not_there_is_answered() {
    let mut stage = Stage::set();
    stage.gain();
    let message = Uuid::from_u128(9);
    let stimulus = Stimulus::Stop { error: None, cause: None };
    let stop = StimulusMail { message: Some(message), ..StimulusMail::new(KEY, stimulus) };
    stage.take(Mail::Stimulus(Box::new(stop)));
    let load = stage.owner.last_load;
    stage.take(Mail::NotLoaded(KEY, load, NotLoaded::Nothing));
    assert!(matches!(stage.wanted.last(), Some(Effect::PassOver(id)) if *id == message));
}

const TOKEN: &str = r#"{"StartAt": "T", "States": {"T": {"Type": "Task",
    "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
    "Parameters": {"FunctionName": "f"}, "TIME": 10, "End": true}}}"#;
/// The number of the task of [`TOKEN`].
const TASK: u64 = 3;

#[test]
fn what_arrived_while_an_execution_was_read_is_heard_before_the_time_is_up() {
    let mut stage = Stage::set();
    stage.gain();
    stage.take(Mail::Wake(KEY));
    let load = stage.owner.last_load;
    let (mail, _reply) =
        waited_for(KEY.id, Stimulus::TokenSucceeded { task: TASK, output: payload("2") });
    stage.take(mail);
    let submitted = Stimulus::TaskSubmitted { task: TASK, output: payload("1") };
    let definition = TOKEN.replace("TIME", "TimeoutSeconds");
    let (execution, program) = begun(&definition, stage.now.wall, &[submitted]);
    stage.time_passes(10_000);
    let loaded = Loaded {
        key: KEY,
        execution,
        program,
        life: Uuid::nil(),
        asleep: true,
        is_suspect: false,
        has_snapshot: false,
        tail: 0,
        reason: Reason::Load(load),
    };
    stage.take(Mail::Loaded(Box::new(loaded)));
    stage.fire();
    assert_eq!(stage.owner.running[&KEY.id].execution.status(), Status::Succeeded);
}

#[test]
fn nobody_waits_for_an_execution_that_cannot_be_read_now() {
    let mut stage = Stage::set();
    stage.gain();
    stage.owner.taken_over(vec![(KEY.shard, stage.owner.standing.tenures.of(KEY.shard).unwrap())]);
    stage.owner.standing.set_away(true, stage.now.wall);
    let (mail, mut reply) = waited_for(KEY.id, Stimulus::Heartbeat { task: TASK });
    stage.take(mail);
    assert_eq!(reply.try_recv(), Ok(StimulusReply::Unavailable));
    assert!(stage.owner.awaited.is_empty(), "nothing is left behind");
    // A timer has nobody who would try again.
    stage.take(Mail::Wake(KEY));
    assert_eq!(stage.owner.awaited.len(), 1);
}

#[test]
fn so_many_executions_are_awaited_and_no_more() {
    let mut stage = Stage::set();
    stage.gain();
    let mut outcomes = Vec::new();
    for number in 0..=MOST_AWAITED {
        let id = Uuid::from_u128(number as u128);
        let (mail, outcome) = waited_for(id, Stimulus::Heartbeat { task: TASK });
        stage.take(mail);
        outcomes.push(outcome);
    }
    assert_eq!(stage.owner.awaited.len(), MOST_AWAITED);
    assert_eq!(stage.loads(), MOST_AWAITED);
    assert_eq!(outcomes.pop().unwrap().try_recv(), Ok(StimulusReply::Unavailable));
    let (mail, mut waits) = waited_for(Uuid::from_u128(1), Stimulus::Heartbeat { task: TASK });
    stage.take(mail);
    assert!(waits.try_recv().is_err(), "one that is awaited already costs no more");
}

const TASKS: &str = r#"{"StartAt": "A", "States": {
    "A": {"Type": "Wait", "Seconds": 5, "Next": "T"},
    "T": {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:f", "End": true}}}"#;

#[test]
fn while_a_gate_is_closed_what_is_decided_says_that_its_calls_have_not_begun() {
    for is_closed in [false, true] {
        let mut stage = Stage::set();
        let tenure = stage.gain();
        stage.load_as(Reason::Takeover(tenure), TASKS, &[]);
        if is_closed {
            stage.owner.standing.gates.close([KEY.shard]);
        }
        stage.time_passes(6_000);
        stage.fire();
        let [write] = &stage.written()[..] else { panic!("one turn") };
        let events = machine::log::decode(&write.turn.as_ref().unwrap().body).unwrap();
        let is_queued = |event: &Event| event.kind == machine::EventKind::TaskQueued;
        assert_eq!(events.iter().filter(|event| is_queued(event)).count(), usize::from(is_closed));
        let [machine::Command::Invoke(call)] = &write.commands[..] else { panic!("one call") };
        assert_eq!(call.queued, is_closed);
    }
}

#[test]
fn a_shard_is_closed_when_the_commands_of_all_earlier_turns_are_out() {
    let mut stage = Stage::set();
    let tenure = stage.gain();
    *stage.in_flight() = 2;
    let (done, mut closed) = oneshot::channel();
    stage.take(Mail::Close(vec![KEY.shard, 9], done));
    stage.note(Notice::Landed(KEY, tenure));
    // Later turns are decided under the closed gate, and need not be waited for.
    *stage.in_flight() += 1;
    assert!(closed.try_recv().is_err(), "one from before is in flight");
    stage.note(Notice::Landed(KEY, tenure));
    assert_eq!(closed.try_recv(), Ok(()));
    let (done, mut closed) = oneshot::channel();
    stage.take(Mail::Close(vec![KEY.shard], done));
    assert!(closed.try_recv().is_err());
    stage.note(Notice::Fenced(vec![(KEY.shard, tenure)]));
    assert_eq!(closed.try_recv(), Ok(()), "nothing of it goes out any more");
}

#[test]
fn a_call_is_under_way_until_its_outcome_is_in_the_hands_of_the_lane() {
    let mut stage = Stage::set();
    let tenure = stage.gain();
    stage.load_as(Reason::Takeover(tenure), &TOKEN.replace("TIME", "TimeoutSeconds"), &[]);
    let gates = stage.owner.standing.gates.clone();
    let before = gates.busy(KEY.shard);
    let submitted = Stimulus::TaskSubmitted { task: TASK, output: payload("1") };
    let mail = StimulusMail::new(KEY, submitted);
    let call = Some(gates.enter(KEY.shard));
    stage.owner.running.get_mut(&KEY.id).unwrap().is_falling_asleep = true;
    stage.take(Mail::Stimulus(Box::new(StimulusMail { call, ..mail })));
    assert_eq!(gates.busy(KEY.shard), before + 1, "it waits");
    stage.take(Mail::Slept(KEY, tenure, Slept::Awake));
    assert_eq!(gates.busy(KEY.shard), before);
    assert!(stage.written().iter().any(|write| write.turn.is_some()));
}

thread_local! {
    static IS_PLANTED: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

#[test]
fn what_broke_in_a_step_is_read_anew_when_its_turns_have_landed_and_ends() {
    let mut stage = Stage::set();
    stage.owner.rules.before_step = Some(|_| assert!(!IS_PLANTED.get(), "a planted panic"));
    let tenure = stage.gain();
    let definition = TOKEN.replace("TIME", "HeartbeatSeconds");
    stage.load_as(Reason::Takeover(tenure), &definition, &[]);
    let submitted = Stimulus::TaskSubmitted { task: TASK, output: payload("1") };
    stage.take(Mail::Stimulus(Box::new(StimulusMail::new(KEY, submitted.clone()))));
    assert_eq!(stage.written().len(), 1);
    IS_PLANTED.set(true);
    let (mail, mut reply) = waited_for(KEY.id, Stimulus::Heartbeat { task: TASK });
    stage.take(mail);
    IS_PLANTED.set(false);
    assert_eq!(reply.try_recv(), Ok(StimulusReply::Unavailable));
    // Whatever happens now waits for its end.
    let (late, mut too_late) =
        waited_for(KEY.id, Stimulus::TokenSucceeded { task: TASK, output: payload("2") });
    stage.take(late);
    assert_eq!(stage.loads(), 0, "a turn of it is in flight");
    stage.note(Notice::Landed(KEY, tenure));
    assert_eq!(stage.loads(), 1);
    let load = stage.owner.last_load;
    stage.take(Mail::NotLoaded(KEY, load, NotLoaded::Unavailable));
    let again = stage.wanted.pop();
    let Some(Effect::Again(again)) = again else { panic!("it is tried again") };
    stage.take(Mail::Stimulus(again));
    assert_eq!(stage.loads(), 2);
    let load = stage.owner.last_load;
    stage.load_as(Reason::Load(load), &definition, &[submitted]);
    let written = stage.written();
    let [write, told] = &written[..] else { panic!("its end, and an answer behind that") };
    let end = write.turn.as_ref().unwrap().end.as_ref().unwrap();
    assert_eq!((end.status, end.error.as_deref()), (store::Status::Failed, Some("States.Runtime")));
    assert!(end.cause.as_ref().unwrap().ends_with("a planted panic"));
    stage.note(Notice::Landed(KEY, tenure));
    assert!(!stage.runs());
    assert!(too_late.try_recv().is_err(), "its lane answers");
    assert!(
        told.turn.is_none()
            && told.reply.as_ref().is_some_and(|(_, says)| *says == StimulusReply::Stale)
    );
}
