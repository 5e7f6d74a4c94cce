//! A world for one execution: a virtual clock, a durable log, an owner that may die, calls on
//! their way.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use machine::{
    At, Command, Event, EventKind, Execution, Frame, FrameId, Identity, Invocation, Limits, Phase,
    Random, Stimulus, TaskKind, Timestamp, Tokens, Turn,
};

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
    owner: Option<Owner>,
    /// Answers on their way, by the time they arrive.
    answers: BTreeMap<(Timestamp, u64), Stimulus>,
    sent: u64,
    /// Tasks that wait for a worker, as the store knows them.
    offers: BTreeSet<u64>,
    turns: u64,
    lines: Vec<String>,
}

/// What dies in a crash.
struct Owner {
    execution: Execution,
    /// Turns that are decided and not committed.
    pending: VecDeque<Turn>,
    random: Random,
}

/// A run that is over.
pub(super) struct Ended {
    pub(super) log: Vec<Event>,
    /// The execution as it was in memory at the end.
    pub(super) memory: Execution,
    pub(super) turns: u64,
    lines: Vec<String>,
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
            owner: None,
            answers: BTreeMap::new(),
            sent: 0,
            offers: BTreeSet::new(),
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
        let mut random = Random::seeded(7);
        let (execution, pending) = if let Some(mut execution) = machine::fold(&self.log) {
            self.nobody_was_there();
            execution.resume(self.now);
            for command in machine::open_commands(&execution) {
                self.carry_out(command);
            }
            self.try_again(&execution);
            (execution, VecDeque::new())
        } else {
            let input = asl::Payload::from_text(self.machine.input).expect("the input is JSON");
            let (program, limits) = (&self.machine.program, &self.limits);
            let (execution, turn) = machine::start(
                program,
                identity(),
                input,
                self.now,
                &mut random,
                limits,
                &Numbered,
            );
            (execution, VecDeque::from([turn]))
        };
        self.owner = Some(Owner { execution, pending, random });
    }

    /// Time passes without an owner; heartbeats that come meanwhile are lost.
    fn nobody_was_there(&mut self) {
        self.now = self.now.plus_ms(self.faults.jump_ms());
        let now = self.now;
        self.answers.retain(|(at, _), stimulus| {
            *at > now || !matches!(stimulus, Stimulus::Heartbeat { .. })
        });
    }

    /// Workers and holders of tokens who were not answered do again what they did.
    fn try_again(&mut self, execution: &Execution) {
        for frame in execution.frames() {
            self.use_token(frame);
        }
        for task in self.offers.clone() {
            self.take(task);
        }
    }

    /// A worker asks for a task.
    fn take(&mut self, task: u64) {
        self.send(
            500,
            Stimulus::ActivityStarted { task, worker: Some("worker".to_owned()), claim: 1 },
        );
    }

    /// Whoever holds the token of the task in this frame goes to work with it.
    fn use_token(&mut self, frame: &Frame) {
        let At::Task(open) = &frame.at else { return };
        if !matches!(open.phase, Phase::Submitted | Phase::Taken) {
            return;
        }
        for (delay, stimulus) in self.machine.token_use(frame, open) {
            self.send_perhaps_twice(delay, stimulus);
        }
        if self.faults.repeats() {
            // A token of a task that never was.
            let output = asl::Payload::null();
            self.send(1, Stimulus::TokenSucceeded { task: 1_000_000, output });
        }
    }

    /// Appends the next pending turn; whether there was one.
    fn commit_one(&mut self) -> bool {
        let Some(owner) = self.owner.as_mut() else { return false };
        let Some(turn) = owner.pending.pop_front() else { return false };
        // What makes a second writer harmless: the key of `turns`.
        if turn.first_event != self.log.len() as u64 {
            self.say(|| "fenced".to_owned());
            self.owner = None;
            return true;
        }
        match self.faults.of_append(self.turns) {
            Append::Lands => {
                self.append(&turn);
                for command in turn.commands {
                    self.carry_out(command);
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
            self.take(offer.task);
        }
        for task in &turn.withdrawn {
            self.offers.remove(task);
        }
        self.notice_holders(turn);
    }

    /// Tasks that are in somebody's hands from this turn on.
    fn notice_holders(&mut self, turn: &Turn) {
        let handed: Vec<FrameId> = turn
            .events
            .iter()
            .filter(|event| match &event.kind {
                EventKind::TaskSubmitted { .. } => true,
                EventKind::TaskStarted { kind, .. } => matches!(kind, TaskKind::Activity { .. }),
                _ => false,
            })
            .map(|event| event.frame)
            .collect();
        if handed.is_empty() {
            return;
        }
        let committed = machine::fold(&self.log).expect("the log begins with a start");
        for frame in committed.frames().filter(|frame| handed.contains(&frame.id)) {
            self.use_token(frame);
        }
    }

    fn carry_out(&mut self, command: Command) {
        match command {
            Command::Invoke(call) => {
                let Some((delay, stimulus)) = self.machine.outcome(&call) else { return };
                if matches!(stimulus, Stimulus::TaskSubmitted { .. }) && self.faults.repeats() {
                    // Whoever was called uses the token before it answers the call.
                    self.use_early(&call);
                }
                self.send_perhaps_twice(delay, stimulus);
            }
            Command::FindActivity { frame, sought, .. } => {
                self.send_perhaps_twice(5, Stimulus::ActivityFound { frame, sought });
            }
            Command::Abandon { .. } => {}
        }
    }

    fn use_early(&mut self, call: &Invocation) {
        let Some(execution) = machine::fold(&self.log) else { return };
        let held = execution.frames().find_map(|frame| match &frame.at {
            At::Task(open) if open.id == call.task => Some((frame, open)),
            _ => None,
        });
        let Some((frame, open)) = held else { return };
        if let Some((_, ending)) = self.machine.token_use(frame, open).pop()
            && !matches!(ending, Stimulus::Heartbeat { .. })
        {
            self.send(1, ending);
        }
    }

    fn send_perhaps_twice(&mut self, delay: i64, stimulus: Stimulus) {
        self.send(delay, stimulus.clone());
        if self.faults.repeats() {
            self.send(delay + 1, stimulus.clone());
        }
        if self.faults.is_late() {
            self.send(delay + 3_600_000, stimulus);
        }
    }

    fn send(&mut self, delay: i64, stimulus: Stimulus) {
        self.sent += 1;
        self.answers.insert((self.now.plus_ms(delay), self.sent), stimulus);
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
        let owner = owner_of(&mut self.owner);
        let (program, limits) = (&self.machine.program, &self.limits);
        let Owner { execution, random, pending } = owner;
        let turn = machine::step(program, execution, stimulus, self.now, random, limits, &Numbered);
        if !turn.events.is_empty() {
            pending.push_back(turn);
        }
    }

    /// Heartbeats move nothing on, whatever the execution is in the middle of.
    fn beat_between_turns(&mut self) {
        let Owner { execution, random, .. } = owner_of(&mut self.owner);
        let (program, limits) = (&self.machine.program, &self.limits);
        let open = |frame: &Frame| match &frame.at {
            At::Task(open) => Some(open.id),
            _ => None,
        };
        let tasks: Vec<u64> = execution.frames().filter_map(open).collect();
        for task in tasks {
            let beat = Stimulus::Heartbeat { task };
            let turn = machine::step(program, execution, beat, self.now, random, limits, &Numbered);
            assert!(turn.events.is_empty() && turn.commands.is_empty() && turn.offers.is_empty());
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

    /// Another node takes over while this one still believes that it is the owner. One of
    /// them appends first; the other's key is taken.
    fn second_owner(&mut self) {
        if self.log.is_empty() || self.answers.is_empty() {
            return;
        }
        self.say(|| "a second owner".to_owned());
        let Some(mut execution) = machine::fold(&self.log) else { return };
        let stimulus = self.answers.values().next().cloned().expect("checked above");
        let mut random = Random::seeded(9);
        let (program, limits) = (&self.machine.program, &self.limits);
        let turn = machine::step(
            program,
            &mut execution,
            stimulus,
            self.now,
            &mut random,
            limits,
            &Numbered,
        );
        if !turn.events.is_empty() && turn.first_event == self.log.len() as u64 {
            self.append(&turn);
            for command in turn.commands {
                self.carry_out(command);
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

/// The text with every token the same.
fn without_numbers(text: &str) -> String {
    let mut parts = text.split("token-");
    let mut whole = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        whole.push_str("token");
        whole.push_str(part.trim_start_matches(|c: char| c.is_ascii_digit()));
    }
    whole
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

impl Ended {
    /// How it ended: its last event.
    pub(super) fn ending(&self) -> Option<&EventKind> {
        self.log.last().map(|event| &event.kind)
    }

    /// What the user sees, without times, and in an order that does not depend on which
    /// branch was faster.
    pub(super) fn story(&self) -> Vec<String> {
        let view = machine::history::View { region: "us-east-1", with_data: true };
        let mut story: Vec<String> = self
            .log
            .iter()
            .filter_map(|event| view.show(event))
            // A token that was used before the call was answered leaves no trace of the answer, and
            // shifts the numbers that tokens are made of.
            .filter(|shown| shown.name != "TaskSubmitted")
            .map(|shown| without_numbers(&format!("{} {:?}", shown.name, shown.details)))
            .collect();
        story.sort();
        story
    }

    pub(super) fn transcript(&self) -> String {
        self.lines.join("\n")
    }
}
