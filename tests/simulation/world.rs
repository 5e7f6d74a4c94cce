//! A world for one execution: a virtual clock, a durable log, an owner that may die, calls on
//! their way. Who works on what is out of the engine's hands is `holders`; what is on its way
//! to it is `post`.

mod calls;
mod holders;
mod post;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use machine::{
    Event, Execution, Identity, Invocation, Limits, Random, Stimulus, Timestamp, Tokens, Turn,
};

use super::ended::Ended;
use super::faults::{Append, Faults};
use super::machines::Machine;

/// Most actions in a run: far more than any needs.
const MOST_ACTIONS: u32 = 20_000;

/// The world of one run.
pub(super) struct World<'m> {
    machine: &'m Machine,
    limits: Limits,
    faults: Faults,
    print: bool,
    now: Timestamp,
    /// Committed events.
    log: Vec<Event>,
    /// Rises with every new owner.
    epoch: u64,
    owner: Option<Owner>,
    /// Answers on their way, by the time they arrive.
    answers: BTreeMap<(Timestamp, u64), Stimulus>,
    sent: u64,
    /// Tasks that wait for a worker, as the store knows them.
    offers: BTreeSet<u64>,
    /// Calls that wait to begin.
    waiting: BTreeMap<u64, Invocation>,
    /// Tasks whose calls were made, once or more often.
    made: BTreeSet<u64>,
    turns: u64,
    lines: Vec<String>,
}

/// What dies in a crash.
struct Owner {
    epoch: u64,
    execution: Execution,
    /// Turns that are decided and not committed.
    pending: VecDeque<Turn>,
    random: Random,
}

impl<'m> World<'m> {
    pub(super) fn new(machine: &'m Machine, seed: u64, faults: Faults, print: bool) -> Self {
        // Short turns, so that cutting them happens.
        let turn_events = 4 + usize::try_from(seed % 5).unwrap_or(0);
        Self {
            machine,
            limits: Limits { turn_events, ..Limits::strict() },
            faults,
            print,
            now: Timestamp(1_700_000_000_000),
            log: Vec::new(),
            epoch: 0,
            owner: None,
            answers: BTreeMap::new(),
            sent: 0,
            offers: BTreeSet::new(),
            waiting: BTreeMap::new(),
            made: BTreeSet::new(),
            turns: 0,
            lines: Vec::new(),
        }
    }

    pub(super) fn run(mut self) -> Ended {
        for _ in 0..MOST_ACTIONS {
            if self.owner.is_none() {
                self.take_over();
            }
            if self.commit_one() {
                continue;
            }
            let Some(owner) = &self.owner else { continue };
            if owner.execution.ending().is_some() {
                return self.end();
            }
            self.act();
        }
        panic!("the run does not end\n{}", self.lines.join("\n"));
    }

    fn end(mut self) -> Ended {
        // Answers that are still on their way find nobody.
        let late: Vec<Stimulus> = std::mem::take(&mut self.answers).into_values().collect();
        let mut owner = self.owner.take().expect("the run has just ended in memory");
        for stimulus in late {
            let (program, limits) = (&self.machine.program, &self.limits);
            let Owner { execution, random, .. } = &mut owner;
            let turn =
                machine::step(program, execution, stimulus, self.now, random, limits, &Numbered);
            assert!(turn.events.is_empty(), "something happened after the end");
        }
        Ended { log: self.log, memory: owner.execution, turns: self.turns, lines: self.lines }
    }

    /// A new owner: from the log if there is one, or the start of it all.
    fn take_over(&mut self) {
        self.say(|| "an owner takes over".to_owned());
        let random = Random::seeded(7);
        let (execution, pending) = if let Some(mut execution) = machine::fold(&self.log) {
            if let Some(snapshot) = machine::snapshot::encode(&execution) {
                execution = machine::snapshot::decode(&snapshot).expect("it was written just now");
            }
            self.nobody_was_there();
            self.nothing_waits_any_more();
            execution.resume(self.now);
            for command in machine::open_commands(&execution) {
                self.carry_out(command, true);
            }
            self.try_again(&execution);
            (execution, VecDeque::new())
        } else {
            let input = asl::Payload::from_text(self.machine.input).expect("the input is JSON");
            let (program, limits) = (&self.machine.program, &self.limits);
            let (execution, turn) =
                machine::start(program, identity(), input, self.now, &random, limits, &Numbered);
            (execution, VecDeque::from([turn]))
        };
        self.epoch += 1;
        self.owner = Some(Owner { epoch: self.epoch, execution, pending, random });
    }

    /// Time passes without an owner; heartbeats that come meanwhile are lost.
    fn nobody_was_there(&mut self) {
        self.now = self.now.plus_ms(self.faults.jump_ms());
        let now = self.now;
        self.answers.retain(|(at, _), stimulus| {
            *at > now || !matches!(stimulus, Stimulus::Heartbeat { .. })
        });
    }

    /// Appends the next pending turn; whether there was one.
    fn commit_one(&mut self) -> bool {
        let Some(owner) = self.owner.as_mut() else { return false };
        let (epoch, turn) = (owner.epoch, owner.pending.pop_front());
        let Some(turn) = turn else { return false };
        if self.shuts_out(epoch, &turn) {
            self.say(|| "shut out".to_owned());
            self.owner = None;
            return true;
        }
        match self.faults.of_append(self.turns) {
            Append::Lands => {
                self.append(&turn);
                for command in turn.commands {
                    self.carry_out(command, false);
                }
            }
            Append::Refused => {
                self.say(|| "the store refuses; tried again".to_owned());
                owner_of(&mut self.owner).pending.push_front(turn);
            }
            Append::Dies { landed } => {
                self.say(|| format!("dies while appending; landed: {landed}"));
                if landed {
                    self.append(&turn);
                }
                self.owner = None;
            }
        }
        true
    }

    /// What makes a second writer harmless: the epoch of the shard, and the key of `turns`.
    fn shuts_out(&self, epoch: u64, turn: &Turn) -> bool {
        epoch != self.epoch || turn.first_event != self.log.len() as u64
    }

    fn append(&mut self, turn: &Turn) {
        // Through the row's format, as in the store.
        let row = machine::log::encode(&turn.events);
        let events = machine::log::decode(&row).expect("what was written can be read");
        assert_eq!(events, turn.events, "a row is read as it was written");
        for event in &events {
            self.say(|| format!("  {} {:?}", event.id, event.kind));
        }
        self.log.extend(events);
        self.turns += 1;
        for offer in &turn.offers {
            self.offers.insert(offer.task);
            self.offered(offer.task);
        }
        for task in &turn.withdrawn {
            self.offers.remove(task);
        }
        self.notice_holders(turn);
        self.notice_begun(turn);
    }

    /// The next thing happens: whatever is due first.
    fn act(&mut self) {
        if self.faults.dies_idle() {
            self.say(|| "dies".to_owned());
            self.owner = None;
            return;
        }
        if self.faults.second_owner() {
            self.second_owner();
        }
        self.now = self.now.plus_ms(self.faults.jump_ms());
        let owner = owner_of(&mut self.owner);
        let stimulus = if owner.execution.wants_to_continue() {
            self.beat_between_turns();
            Stimulus::Continue
        } else {
            let timer = owner.execution.next_timer();
            let answer = self.answers.keys().next().map(|(at, _)| *at);
            match (timer, answer) {
                (Some(timer), Some(answer)) if timer < answer => self.wait_for(timer),
                (Some(timer), None) => self.wait_for(timer),
                (_, Some(answer)) => {
                    self.now = self.now.max(answer);
                    self.answers.pop_first().expect("it was just seen").1
                }
                (None, None) => panic!("nothing can happen\n{}", self.lines.join("\n")),
            }
        };
        let now = self.now.0 - 1_700_000_000_000;
        self.say(|| format!("{now} {stimulus:?}"));
        let is_held_back = self.faults.queues();
        let owner = owner_of(&mut self.owner);
        let (program, limits) = (&self.machine.program, &self.limits);
        let Owner { execution, random, pending, .. } = owner;
        let mut turn =
            machine::step(program, execution, stimulus, self.now, random, limits, &Numbered);
        if is_held_back {
            machine::hold_back(execution, &mut turn);
        }
        if !turn.events.is_empty() {
            pending.push_back(turn);
        }
    }

    fn wait_for(&mut self, timer: Timestamp) -> Stimulus {
        if self.now.0 > timer.0 + 1_000 {
            // As a node that stood still: heartbeats may have been kept waiting, too.
            let now = self.now;
            owner_of(&mut self.owner).execution.resume(now);
        }
        self.now = self.now.max(timer);
        Stimulus::Timer
    }

    /// Another node takes over while this one still believes that it is the owner, and takes
    /// the next answer. If what it makes of that landed, whoever sent it would never do so again.
    fn second_owner(&mut self) {
        if self.log.is_empty() || self.answers.is_empty() {
            return;
        }
        self.say(|| "a second owner".to_owned());
        let Some(mut late) = self.owner.take() else { return };
        self.take_over();
        // What the late owner's calls would have said of themselves, nobody says any more.
        let Some(stimulus) = self.answers.values().next().cloned() else { return };
        let (program, limits) = (&self.machine.program, &self.limits);
        let Owner { execution, random, .. } = &mut late;
        let (answer, now) = (stimulus.clone(), self.now);
        let turn = machine::step(program, execution, answer, now, random, limits, &Numbered);
        if !turn.events.is_empty() && !self.shuts_out(late.epoch, &turn) {
            self.answers.retain(|_, answer| *answer != stimulus);
            self.append(&turn);
            for command in turn.commands {
                self.carry_out(command, false);
            }
        }
    }

    /// Tells what happens, if somebody listens.
    fn say(&mut self, line: impl FnOnce() -> String) {
        if self.print {
            self.lines.push(line());
        }
    }
}

/// Tokens that say which task they are of.
struct Numbered;

impl Tokens for Numbered {
    fn token(&self, task: u64) -> String {
        format!("token-{task}")
    }
}

fn owner_of(owner: &mut Option<Owner>) -> &mut Owner {
    owner.as_mut().expect("the run goes on only with an owner")
}

fn identity() -> Identity {
    Identity {
        arn: "arn:aws:states:us-east-1:123456789012:execution:simulated:run".to_owned(),
        name: "run".to_owned(),
        state_machine_arn: "arn:aws:states:us-east-1:123456789012:stateMachine:simulated"
            .to_owned(),
        state_machine_name: "simulated".to_owned(),
        role_arn: "arn:aws:iam::123456789012:role/r".to_owned(),
        region: "us-east-1".to_owned(),
        version_arn: None,
        alias_arn: None,
    }
}
