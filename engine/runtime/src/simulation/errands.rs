//! What the loops of a simulated node have others do: appends, loads, calls, sleep.

use std::cell::RefCell;
use std::rc::Rc;

use machine::{Command, Failure, Invocation, Status, Stimulus};
use store::{AppendError, Batch, Suspicion};
use tokio::sync::oneshot;
use tokio::sync::oneshot::error::TryRecvError;
use uuid::Uuid;

use super::deaths::Tried;
use super::node::Place;
use super::world::World;
use crate::owner::Effect;
use crate::post::mail::{
    Key, LoadId, Loaded, Mail, NotLoaded, Reason, Slept, StimulusMail, StimulusReply,
};
use crate::sleep::fall_asleep::FallingAsleep;
use crate::tenure::Tenure;
use crate::tenure::gates::Busy;

/// How far ahead sleepers are woken: less than anything sleeps that goes to sleep.
pub(super) const AHEAD_MS: i64 = 6_000;
/// When something mail that could not be dealt with comes again.
const AGAIN_MS: i64 = 1_000;

impl World {
    /// Does what an owner wants done.
    pub(super) fn perform(&mut self, place: Place, effect: Effect) {
        match effect {
            Effect::Write(write) => self.seat(place).lane.push(write),
            Effect::Call(key, _, command) => {
                self.carry_out(place, key, command, true);
            }
            Effect::Abandon(id) => self.seat(place).calls.retain(|(execution, _)| *execution != id),
            Effect::Load(key, load) => self.load(place, key, load),
            Effect::TakeOver(tenures) => self.take_over(place, tenures),
            Effect::PutToSleep(one) => self.put_to_sleep(place, one),
            Effect::ForgetSnapshot(key) => {
                let ms = self.up_to(20);
                self.within(place.process, ms, move |world| world.store.forget_snapshot(key));
            }
            Effect::Try(key) => self.try_step(place, key),
            Effect::Acquit(key) => {
                let ms = self.up_to(20);
                self.within(place.process, ms, move |world| {
                    world.store.survived(world.nodes[place.process.node].id, key, false, true);
                });
            }
            Effect::Outline(mail, tenure) => self.outline(place, mail, tenure),
            // No call of the simulation waits for a place.
            Effect::Near(..) => {}
            Effect::PassOver(message) => {
                let ms = self.up_to(20);
                self.later(ms, move |world| {
                    world.store.answer_alone(message, &StimulusReply::Stale.encoded());
                });
            }
            Effect::Again(mail) => {
                self.within(place.process, AGAIN_MS, move |world| {
                    world.post(place, Mail::Stimulus(mail));
                });
            }
            Effect::Fenced(tenures) => {
                let node = place.process.node;
                self.nodes[node].membership.forget(tenures);
                self.within(place.process, 50, move |world| world.beat(node));
            }
        }
    }

    /// A commit: it is done at some moment, and answered at a later one, or not.
    pub(super) fn append(&mut self, place: Place, batch: Batch) {
        let node = place.process.node;
        let (writer, session) = (self.nodes[node].id, self.seat(place).session);
        let done = Rc::new(RefCell::new(None));
        let is_lost = self.fails(60);
        let applied_in = self.up_to(8);
        // A connection may be lost before the commit is done, which goes on all the same.
        let lag = if is_lost && self.fails(300) { 300 } else { 0 };
        let answered_in = applied_in + self.up_to(8);
        let is_unsent = self.is_cut_off(node) || is_lost && self.fails(300);
        if !is_unsent {
            let done = done.clone();
            self.later(applied_in + self.up_to(lag), move |world| {
                let is_there = world.process(node) == place.process;
                if !is_there || world.seat(place).session == session {
                    *done.borrow_mut() = Some(world.store.append(writer, &batch));
                }
            });
        }
        self.within(place.process, answered_in, move |world| {
            let answer = if is_lost || world.is_cut_off(node) { None } else { done.take() };
            let away = store::Error::from(store::SealingError::NoKey);
            let answer = answer.unwrap_or(Err(AppendError::Unavailable(away)));
            world.set_away(node, matches!(answer, Err(AppendError::Unavailable(_))));
            if let Err(AppendError::Fenced | AppendError::Lost(_)) = &answer {
                world.tell(|| format!("node {node}: {}", answer.as_ref().unwrap_err()));
            }
            let now = world.moment(node);
            world.seat(place).lane.appended(answer, now);
            world.lane_goes_on(place);
        });
    }

    /// Reads an execution's log at some moment; the image arrives at a later one.
    fn load(&mut self, place: Place, key: Key, load: LoadId) {
        let ms = self.up_to(20);
        self.within(place.process, ms, move |world| {
            let node = place.process.node;
            let mail = if world.is_cut_off(node) || world.fails(50) {
                Mail::NotLoaded(key, load, NotLoaded::Unavailable)
            } else {
                match world.try_loads(node, &[key]) {
                    Tried::Died => return,
                    Tried::These(these) if these.is_empty() => {
                        Mail::NotLoaded(key, load, NotLoaded::SetAside)
                    }
                    Tried::These(_) => world
                        .image(key, Reason::Load(load))
                        .map_or(Mail::NotLoaded(key, load, NotLoaded::Nothing), |loaded| {
                            Mail::Loaded(Box::new(loaded))
                        }),
                }
            };
            let ms = world.up_to(20);
            world.within(place.process, ms, move |world| world.post(place, mail));
        });
    }

    /// A running execution as the store has it now.
    pub(super) fn image(&self, key: Key, reason: Reason) -> Option<Loaded> {
        let row = self.store.load(key).filter(|row| row.head.ended_at.is_none())?;
        let decode = |turn: &bytes::Bytes| machine::log::decode(turn).unwrap();
        let events: Vec<_> = row.turns.iter().flat_map(decode).collect();
        let mut execution = machine::fold(&events).filter(|it| it.status() == Status::Running)?;
        let snapshot = self.store.snapshot(key);
        if let Some((from, snapshot)) = &snapshot {
            let mut image = machine::snapshot::decode(snapshot).unwrap();
            let after = usize::try_from(*from).unwrap();
            events[after..].iter().for_each(|event| machine::apply(&mut image, event));
            assert_eq!(image, execution, "a snapshot and what comes after it");
            execution = image;
        }
        let (has_snapshot, tail) = (snapshot.is_some(), 0);
        let program = self.programs[super::program_of(&row.head.name)].clone();
        let (life, asleep) = (Uuid::nil(), row.head.wake_at.is_some());
        let is_suspect = self.store.suspicion(key) != Suspicion::None;
        Some(Loaded {
            key,
            execution,
            program,
            life,
            asleep,
            is_suspect,
            has_snapshot,
            tail,
            reason,
        })
    }

    /// Loads whatever runs in these shards, one after the other.
    fn take_over(&mut self, place: Place, mut tenures: Vec<(i16, Tenure)>) {
        let node = place.process.node;
        let ms = self.up_to(60);
        self.within(place.process, ms, move |world| {
            tenures.retain(|(shard, tenure)| world.nodes[node].tenure(*shard) == Some(*tenure));
            if tenures.is_empty() {
                return;
            }
            if world.is_cut_off(node) || world.fails(100) {
                world.within(place.process, 50, move |world| world.take_over(place, tenures));
                return;
            }
            let shards: Vec<i16> = tenures.iter().map(|(shard, _)| *shard).collect();
            let mut arrives_in = 0;
            let (suspects, others): (Vec<Key>, Vec<Key>) =
                (world.store.active(&shards).into_iter())
                    .filter(|key| world.store.suspicion(*key) != Suspicion::SetAside)
                    .partition(|key| world.store.suspicion(*key) == Suspicion::Suspect);
            let pages = others.chunks(4).chain(suspects.chunks(1));
            let mut found = Vec::new();
            for page in pages {
                match world.try_loads(node, page) {
                    Tried::Died => return,
                    Tried::These(these) => found.extend(these),
                }
            }
            for key in found {
                let Key { shard, id } = key;
                let tenure = tenures.iter().find(|(number, _)| *number == shard).unwrap().1;
                let Some(loaded) = world.image(key, Reason::Takeover(tenure)) else { continue };
                world.tell(|| format!("node {node} takes over {id} in shard {shard}"));
                arrives_in += world.up_to(5);
                world.within(place.process, arrives_in, move |world| {
                    world.post(place, Mail::Loaded(Box::new(loaded)));
                });
            }
            world.within(place.process, arrives_in + 1, move |world| {
                world.post(place, Mail::TakenOver(tenures));
            });
        });
    }

    fn put_to_sleep(&mut self, place: Place, FallingAsleep { sleeper, tenure, .. }: FallingAsleep) {
        let node = place.process.node;
        let ms = self.up_to(20);
        self.within(place.process, ms, move |world| {
            let soonest = world.moment(node).wall.0 + AHEAD_MS;
            let is_wanted = sleeper.wake_at.timestamp_millis() > soonest
                && world.nodes[node].tenure(sleeper.shard) == Some(tenure);
            let is_cut_off = world.is_cut_off(node);
            let is_lost = is_cut_off || world.fails(100);
            let is_asleep = is_wanted
                && !(is_cut_off || is_lost && world.fails(500))
                && world.store.put_to_sleep(&sleeper);
            let outcome = match (is_lost, is_asleep) {
                (true, _) => Slept::InDoubt,
                (false, true) => Slept::Asleep,
                (false, false) => Slept::Awake,
            };
            let key = Key { shard: sleeper.shard, id: sleeper.execution_id };
            let ms = world.up_to(20);
            world.within(place.process, ms, move |world| {
                world.post(place, Mail::Slept(key, tenure, outcome));
            });
        });
    }

    /// Carries out a command of a committed turn, or (`repeated`) one that was derived from the log.
    pub(super) fn carry_out(&mut self, place: Place, key: Key, command: Command, repeated: bool) {
        match command {
            Command::Invoke(invocation) => {
                let busy = self.nodes[place.process.node].standing.gates.enter(key.shard);
                self.seat(place).calls.insert((key.id, invocation.task));
                let repeated = repeated && !invocation.queued;
                self.begin_call(place, key, invocation, repeated, busy);
            }
            Command::Abandon { task } => _ = self.seat(place).calls.remove(&(key.id, task)),
            Command::FindActivity { .. } => unreachable!("no machine here has activities"),
        }
    }

    /// What the log calls queued begins when the gate is open and the log says that it has begun.
    fn begin_call(
        &mut self,
        place: Place,
        key: Key,
        invocation: Invocation,
        repeated: bool,
        busy: Busy,
    ) {
        let task = invocation.task;
        if !self.seat(place).calls.contains(&(key.id, task)) {
            return;
        }
        let standing = self.nodes[place.process.node].standing.clone();
        if !standing.lease.holds_at(self.steady()) || standing.tenures.of(key.shard).is_none() {
            // Its owner lets go of it, or the lease holds again.
            self.within(place.process, 20, move |world| {
                world.begin_call(place, key, invocation, repeated, busy);
            });
            return;
        }
        if !invocation.queued {
            self.call(place, key, &invocation, repeated, busy);
            return;
        }
        let gates = standing.gates.clone();
        if gates.is_closed(key.shard) {
            drop(busy);
            self.within(place.process, 40, move |world| {
                let busy = gates.enter(key.shard);
                world.begin_call(place, key, invocation, repeated, busy);
            });
            return;
        }
        let (mail, said) = StimulusMail::asked(key, Stimulus::TaskBegan { task });
        self.post(place, Mail::Stimulus(Box::new(mail)));
        self.hear_begun(place, key, (invocation, repeated, busy), said);
    }

    fn hear_begun(
        &mut self,
        place: Place,
        key: Key,
        (mut invocation, repeated, busy): (Invocation, bool, Busy),
        mut said: oneshot::Receiver<StimulusReply>,
    ) {
        match said.try_recv() {
            Ok(StimulusReply::Applied { .. }) => {
                invocation.queued = false;
                self.begin_call(place, key, invocation, repeated, busy);
            }
            Ok(StimulusReply::Unavailable | StimulusReply::Elsewhere) => {
                self.within(place.process, 50, move |world| {
                    world.begin_call(place, key, invocation, repeated, busy);
                });
            }
            // What is over or in doubt does not begin.
            Ok(StimulusReply::Stale) | Err(TryRecvError::Closed) => {}
            Err(TryRecvError::Empty) => {
                self.within(place.process, 10, move |world| {
                    world.hear_begun(place, key, (invocation, repeated, busy), said);
                });
            }
        }
    }

    /// Makes a call, and brings its outcome some time later.
    fn call(
        &mut self,
        place: Place,
        key: Key,
        invocation: &Invocation,
        repeated: bool,
        busy: Busy,
    ) {
        let (task, state) = (invocation.task, invocation.state.clone());
        let node = place.process.node;
        self.tell(|| {
            let what = if repeated { "calls again" } else { "calls" };
            format!("node {node} {what} task {task} of {} in shard {}", key.id, key.shard)
        });
        let made = self.made.entry((key.id, task)).or_default();
        *made += 1;
        assert!(
            *made == 1 || repeated,
            "task {task} of {} is called again, as if it were new",
            key.id
        );
        let took = self.up_to(1_500);
        let takes_token = state == "Token";
        let fails = self.fails(150);
        self.within(place.process, took, move |world| {
            if !world.seat(place).calls.remove(&(key.id, task)) {
                return;
            }
            let answer = || asl::Payload::from_text(format!("{{\"task\":{task}}}")).unwrap();
            let stimulus = if takes_token {
                Stimulus::TaskSubmitted { task, output: answer() }
            } else if fails {
                let failure = Failure::new("Lambda.ServiceException", "a fault".to_owned());
                Stimulus::TaskFailed { task, failure }
            } else {
                Stimulus::TaskSucceeded { task, result: answer() }
            };
            let mail = StimulusMail { call: Some(busy), ..StimulusMail::new(key, stimulus) };
            world.post(place, Mail::Stimulus(Box::new(mail)));
        });
        if takes_token {
            self.answer_token(key, task);
        }
    }
}
