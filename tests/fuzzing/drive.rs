//! Drives one execution on the pure machine: random inputs, random outcomes of its tasks, crashes. It
//! must end or wait within a bounded number of turns, and its log fold to what is in memory.

use asl::{Payload, Program};
use machine::{
    At, Event, Execution, Failure, Identity, Limits, Random, Stimulus, Timestamp, Tokens, Turn,
};

use super::dice::Dice;
use super::grammar::any_value;
use super::pools::{ERRORS, INPUTS};

/// Things that happen from outside, before somebody stops the execution.
const MOST_HAPPENINGS: usize = 300;

/// Events after which an execution fails, which ends every endless loop.
const MOST_EVENTS: u64 = 1_500;

/// Turns that one cut turn may need until it is through.
const MOST_TURNS: u64 = 20_000;

/// What came of an execution.
pub(super) struct Ran {
    pub(super) turns: u64,
    /// How it ended; none if it waits for what does not come.
    pub(super) succeeded: Option<bool>,
}

/// One execution under way.
pub(super) struct Drive<'a> {
    program: &'a Program,
    dice: &'a mut Dice,
    random: Random,
    limits: Limits,
    told: bool,
    now: Timestamp,
    log: Vec<Event>,
    turns: u64,
}

struct Numbered;

impl Tokens for Numbered {
    fn token(&self, task: u64) -> String {
        format!("token-{task}")
    }
}

impl<'a> Drive<'a> {
    pub(super) fn new(program: &'a Program, dice: &'a mut Dice, told: bool) -> Self {
        let limits = Limits {
            history_events: Some(MOST_EVENTS),
            turn_events: 1 + dice.below(60),
            turn_steps: 20_000,
            payload_bytes: 16 * 1024,
            ..Limits::strict()
        };
        let random = dice.split();
        let now = Timestamp(1_700_000_000_000);
        Self { program, dice, random, limits, told, now, log: Vec::new(), turns: 0 }
    }

    /// Starts it with this input.
    pub(super) fn run(mut self, input: &str) -> Result<Ran, String> {
        let input = Payload::from_text(input).map_err(|why| format!("{why:?}"))?;
        let (mut execution, turn) = machine::start(
            self.program,
            identity(),
            input,
            self.now,
            &self.random,
            &self.limits,
            &Numbered,
        );
        self.record(&turn, &execution)?;
        for happening in 0..=MOST_HAPPENINGS {
            self.settle(&mut execution)?;
            if execution.ending().is_some() {
                break;
            }
            if self.dice.one_in(16) {
                execution = self.crash(execution)?;
            }
            let stimulus = if happening == MOST_HAPPENINGS {
                Stimulus::Stop { error: None, cause: None }
            } else if let Some(stimulus) = self.next(&execution) {
                stimulus
            } else {
                break;
            };
            self.step(&mut execution, stimulus)?;
        }
        self.settle(&mut execution)?;
        let execution = self.crash(execution)?;
        let succeeded = execution.ending().map(|ending| ending.output.is_some());
        Ok(Ran { turns: self.turns, succeeded })
    }

    /// Goes on until the execution waits for something, or has ended.
    fn settle(&mut self, execution: &mut Execution) -> Result<(), String> {
        let until = self.turns + MOST_TURNS;
        while execution.wants_to_continue() {
            if self.turns == until {
                return Err(format!("it goes on after {MOST_TURNS} turns"));
            }
            self.step(execution, Stimulus::Continue)?;
        }
        Ok(())
    }

    fn step(&mut self, execution: &mut Execution, stimulus: Stimulus) -> Result<(), String> {
        if self.told {
            println!("{stimulus:?}");
        }
        let Self { program, now, random, limits, .. } = self;
        let turn = machine::step(program, execution, stimulus, *now, random, limits, &Numbered);
        self.record(&turn, execution)
    }

    /// Writes a turn's events as the store would, and reads them.
    fn record(&mut self, turn: &Turn, execution: &Execution) -> Result<(), String> {
        self.turns += 1;
        let row = machine::log::encode(&turn.events);
        let events = machine::log::decode(&row).map_err(|why| format!("unreadable: {why}"))?;
        if events != turn.events {
            return Err(format!("{:?} are read as {events:?}", turn.events));
        }
        if self.told {
            for event in &events {
                println!("  {} {:?}", event.id, event.kind);
            }
        }
        self.log.extend(events);
        let next = self.log.len() as u64;
        match execution.ending() {
            None if self.log.iter().any(|event| event.id > MOST_EVENTS) => {
                Err(format!("it goes on after {next} events"))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Another owner reads the log: what it makes of it must be what was in memory.
    fn crash(&mut self, mut execution: Execution) -> Result<Execution, String> {
        let mut folded = machine::fold(&self.log).ok_or("the log does not fold")?;
        // The one thing that the log does not have is when a heartbeat was heard.
        folded.resume(self.now);
        execution.resume(self.now);
        if folded != execution {
            return Err(format!("the log folds to {folded:#?}\nand in memory is {execution:#?}"));
        }
        let Some(snapshot) = machine::snapshot::encode(&folded) else { return Ok(folded) };
        match machine::snapshot::decode(&snapshot) {
            Some(image) if image == folded => Ok(image),
            image => Err(format!("a snapshot of {folded:#?}\nshows {image:#?}")),
        }
    }

    /// Something that may happen now; none if nothing ever will.
    fn next(&mut self, execution: &Execution) -> Option<Stimulus> {
        if self.dice.one_in(200) {
            return Some(Stimulus::Stop { error: Some("Stopped".to_owned()), cause: None });
        }
        let open: Vec<&At> = execution
            .frames()
            .map(|frame| &frame.at)
            .filter(|at| matches!(at, At::Task(_) | At::Seeking(_)))
            .collect();
        let timer = execution.next_timer();
        // One that nobody answers waits, unless it has a timeout.
        if open.is_empty() || self.dice.one_in(5) {
            let due = timer?;
            // Now and then too early, or the clock has gone back.
            let late = i64::try_from(self.dice.below(3_000)).unwrap_or(0) - 500;
            self.now =
                if self.dice.one_in(10) { self.now.plus_ms(late) } else { self.now.max(due) };
            return Some(Stimulus::Timer);
        }
        self.now = self.now.plus_ms(1);
        Some(match *self.dice.pick(&open) {
            At::Task(task) => self.outcome(task.id),
            _ => self.found(execution),
        })
    }

    fn found(&mut self, execution: &Execution) -> Stimulus {
        let exists = !self.dice.one_in(4);
        for frame in execution.frames() {
            if let At::Seeking(sought) = &frame.at {
                let (frame, sought) = (frame.id, sought.at);
                return if exists {
                    Stimulus::ActivityFound { frame, sought }
                } else {
                    Stimulus::ActivityMissing { frame, sought }
                };
            }
        }
        Stimulus::Timer
    }

    /// Something that may be said of a task, whether or not it fits how far the task has come.
    fn outcome(&mut self, task: u64) -> Stimulus {
        // Now and then of a task that is over, or never was.
        let task = if self.dice.one_in(12) { task.saturating_sub(3) } else { task };
        let claim = 1 + self.dice.below(2) as u64;
        let worker = Some("worker".to_owned());
        match self.dice.below(16) {
            0..=4 => Stimulus::TaskSucceeded { task, result: self.payload() },
            5 => Stimulus::TaskFailed { task, failure: self.failure() },
            6 | 7 => Stimulus::TaskSubmitted { task, output: self.payload() },
            8 | 9 => Stimulus::TokenSucceeded { task, output: self.payload() },
            10 => Stimulus::TokenFailed { task, failure: self.failure() },
            11 => Stimulus::Heartbeat { task },
            12 => Stimulus::ActivityStarted { task, worker, claim },
            13 => Stimulus::ActivityReturned { task, claim },
            14 if self.dice.one_in(2) => Stimulus::TaskQueued { task },
            14 => Stimulus::TaskDelayed { task },
            _ => Stimulus::TaskBegan { task },
        }
    }

    fn failure(&mut self) -> Failure {
        Failure::new(*self.dice.pick(&ERRORS), "because")
    }

    fn payload(&mut self) -> Payload {
        if self.dice.one_in(2) {
            return Payload::from_text(*self.dice.prefer(&INPUTS)).expect("inputs are JSON");
        }
        let value = any_value(self.dice);
        // Now and then too much for the limit.
        let is_large = self.dice.one_in(20);
        let text = if is_large { format!("\"{}\"", "x".repeat(20_000)) } else { value.to_string() };
        Payload::from_text(text).expect("values print as JSON")
    }
}

fn identity() -> Identity {
    let arn = |what: &str| format!("arn:aws:states:us-east-1:123456789012:{what}");
    Identity {
        arn: arn("execution:m:e"),
        name: "e".to_owned(),
        state_machine_arn: arn("stateMachine:m"),
        state_machine_name: "m".to_owned(),
        role_arn: "arn:aws:iam::123456789012:role/r".to_owned(),
        region: "us-east-1".to_owned(),
        version_arn: None,
        alias_arn: None,
    }
}
