//! Executions that fail, time out, are stopped and crash at random are redriven until they succeed: the
//! output is that of a calm run, and nothing that had succeeded is done again.
//!
//! `SIMULATION_SEEDS=20000` runs more seeds.

#![expect(clippy::unwrap_used, reason = "a failed setup should fail the test")]

use std::collections::{BTreeMap, BTreeSet};

use asl::{Payload, Program};
use machine::{
    At, Command, Event, EventKind, Execution, Failure, Identity, Invocation, Limits, Random,
    Status, Stimulus, Timestamp, Tokens, Turn, fold, log, redrive, step,
};

const SEEDS: u64 = 100;

/// Each type of state in a branch of a Parallel in an iteration of a Map in a branch of a Parallel.
const NESTED: &str = r#"{"StartAt": "Begin", "TimeoutSeconds": 30, "States": {
  "Begin": {"Type": "Pass", "Assign": {"more": 1}, "Next": "Outer"},
  "Outer": {"Type": "Parallel", "Next": "Last", "Branches": [
    {"StartAt": "Each", "States": {"Each": {"Type": "Map", "ItemsPath": "$.items", "MaxConcurrency": 3,
      "ItemSelector": {"item.$": "$$.Map.Item.Value"}, "End": true,
      "ItemProcessor": {"StartAt": "Inner", "States": {"Inner": {"Type": "Parallel", "End": true, "Branches": [
        {"StartAt": "First", "States": {
          "First": {TASK, "Assign": {"mine.$": "$"}, "Next": "Second"},
          "Second": {TASK, "Parameters": {"mine.$": "$mine", "more.$": "$more"}, "Next": "Either"},
          "Either": {"Type": "Choice", "Choices": [
            {"Variable": "$", "IsPresent": true, "Next": "Rest"}], "Default": "Never"},
          "Never": {"Type": "Fail"},
          "Rest": {"Type": "Wait", "Seconds": 2, "Next": "Done"},
          "Done": {"Type": "Succeed"}}},
        {"StartAt": "Kept", "States": {"Kept": {TASK, "End": true,
          "Retry": [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 1, "MaxAttempts": 1}]}}}]}}}}}},
    {"StartAt": "Beside", "States": {
      "Beside": {TASK, "Next": "Inside"},
      "Inside": {"Type": "Map", "ItemsPath": "$.list", "End": true, "ItemProcessor": {"StartAt": "Leaf",
        "States": {"Leaf": {"Type": "Pass", "Next": "Nap"}, "Nap": {"Type": "Wait", "Seconds": 1, "End": true}}}}}}]},
  "Last": {TASK, "End": true}}}"#;

struct Numbered;

impl Tokens for Numbered {
    fn token(&self, task: u64) -> String {
        task.to_string()
    }
}

fn program() -> Program {
    const TASK: &str =
        r#""Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:f""#;
    asl::compile(&NESTED.replace("TASK", TASK)).unwrap()
}

fn identity() -> Identity {
    let text = String::new;
    Identity {
        arn: text(),
        name: text(),
        state_machine_arn: text(),
        state_machine_name: text(),
        role_arn: text(),
        region: text(),
        version_arn: None,
        alias_arn: None,
    }
}

/// What a task makes of its parameters.
fn result_of(call: &Invocation) -> Payload {
    let text =
        format!(r#"{{"of":"{}","list":[1,2],"from":{}}}"#, call.state, call.parameters.raw());
    Payload::from_text(text).unwrap()
}

struct World<'p> {
    program: &'p Program,
    random: Random,
    limits: Limits,
    now: i64,
    execution: Execution,
    rows: Vec<Vec<u8>>,
    calls: BTreeMap<u64, Invocation>,
    /// Tasks that have succeeded, by state and parameters.
    done: BTreeSet<(String, String)>,
    /// How often something may go wrong yet.
    faults: u32,
}

impl<'p> World<'p> {
    fn new(program: &'p Program, seed: u64, faults: u32) -> Self {
        let random = Random::seeded(seed);
        let limits = Limits {
            turn_events: 3 + usize::try_from(random.up_to(40)).unwrap(),
            ..Limits::strict()
        };
        let input = Payload::from_text(r#"{"items": [1, 2, 3, 4, 5]}"#).unwrap();
        let (execution, turn) =
            machine::start(program, identity(), input, Timestamp(0), &random, &limits, &Numbered);
        let mut world = Self {
            program,
            random,
            limits,
            now: 0,
            execution,
            rows: Vec::new(),
            calls: BTreeMap::new(),
            done: BTreeSet::new(),
            faults,
        };
        world.commit(turn);
        world
    }

    /// The log as it is stored.
    fn log(&self) -> Vec<Event> {
        self.rows.iter().flat_map(|row| log::decode(row).unwrap()).collect()
    }

    fn commit(&mut self, turn: Turn) {
        for command in turn.commands {
            match command {
                Command::Invoke(call) => _ = self.calls.insert(call.task, call),
                Command::Abandon { task } => _ = self.calls.remove(&task),
                Command::FindActivity { .. } => unreachable!("no activities here"),
            }
        }
        if !turn.events.is_empty() {
            self.rows.push(log::encode(&turn.events));
        }
        assert_eq!(
            fold(&self.log()).as_ref(),
            Some(&self.execution),
            "the log folds to the memory"
        );
    }

    fn goes_wrong(&mut self, in_hundred: u64) -> bool {
        let wrong = self.faults > 0 && self.random.up_to(99) < in_hundred;
        self.faults -= u32::from(wrong);
        wrong
    }

    fn outcome(&mut self) -> Option<Stimulus> {
        let which = usize::try_from(self.random.up_to(self.calls.len() as u64)).unwrap();
        let (task, call) = self.calls.iter().nth(which)?;
        let (task, call) = (*task, call.clone());
        self.calls.remove(&task);
        if self.goes_wrong(15) {
            return Some(Stimulus::TaskFailed { task, failure: Failure::new("Tide", "it is") });
        }
        let what = (call.state.clone(), call.parameters.raw().to_owned());
        assert!(self.done.insert(what), "{} is done again with {:?}", call.state, call.parameters);
        Some(Stimulus::TaskSucceeded { task, result: result_of(&call) })
    }

    /// One thing happens.
    fn go_on(&mut self) {
        if self.goes_wrong(5) {
            // A crash: what is open is called again.
            self.execution = fold(&self.log()).unwrap();
            self.calls.clear();
            for command in machine::open_commands(&self.execution) {
                if let Command::Invoke(call) = command {
                    self.calls.insert(call.task, call);
                }
            }
        }
        let stimulus = if self.goes_wrong(3) {
            Stimulus::Stop { error: None, cause: None }
        } else if self.goes_wrong(2) {
            self.now += 40_000;
            Stimulus::Timer
        } else if self.execution.wants_to_continue() {
            Stimulus::Continue
        } else if let Some(outcome) = self.outcome() {
            outcome
        } else {
            self.now = self.now.max(self.execution.next_timer().map_or(0, |due| due.0));
            Stimulus::Timer
        };
        let Self { program, execution, random, limits, now, .. } = self;
        let turn = step(program, execution, stimulus, Timestamp(*now), random, limits, &Numbered);
        self.commit(turn);
    }

    fn run(&mut self) {
        for _ in 0..2_000 {
            match self.execution.status() {
                Status::Running => self.go_on(),
                Status::Succeeded => return,
                Status::Failed | Status::TimedOut | Status::Aborted => self.redrive(),
            }
        }
        panic!("it stands still: {:#?}", self.execution);
    }

    fn redrive(&mut self) {
        self.calls.clear();
        self.now += 1_000;
        self.execution = fold(&self.log()).unwrap();
        let Self { program, execution, random, limits, now, .. } = self;
        let turn = redrive(program, execution, Timestamp(*now), random, limits, &Numbered);
        assert!(matches!(turn.events[0].kind, EventKind::ExecutionRedriven { .. }));
        self.commit(turn);
        let at_rest = self.execution.frames().all(|frame| !matches!(frame.at, At::Entered));
        assert!(at_rest, "each frame waits for something");
    }

    fn output(&self) -> String {
        let output = self.execution.ending().and_then(|ending| ending.output.as_ref());
        output.unwrap().raw().to_owned()
    }
}

#[test]
fn whatever_goes_wrong_redrives_come_to_what_a_calm_run_does_and_repeat_nothing() {
    let program = program();
    let mut calm = World::new(&program, 0, 0);
    calm.run();
    let seeds = std::env::var("SIMULATION_SEEDS").map_or(SEEDS, |seeds| seeds.parse().unwrap());
    let mut redrives = 0;
    for seed in 1..=seeds {
        let mut world = World::new(&program, seed, 12);
        world.run();
        assert_eq!(world.output(), calm.output(), "seed {seed}");
        assert_eq!(world.done, calm.done, "seed {seed}");
        redrives += world.execution.redrives();
        let log = world.log();
        let ends = log.iter().filter(|event| event.kind.is_terminal()).count();
        assert_eq!(ends, usize::try_from(world.execution.redrives()).unwrap() + 1, "seed {seed}");
        for pair in log.windows(2).filter(|pair| pair[0].kind.is_terminal()) {
            assert!(matches!(pair[1].kind, EventKind::ExecutionRedriven { .. }), "seed {seed}");
        }
    }
    assert!(u64::from(redrives) > seeds, "{redrives} redrives");
}

/// The largest failure that is legal: it must neither swell its last turn nor take long to redrive.
#[test]
fn a_map_of_40_000_open_iterations_ends_in_short_turns_and_all_of_it_can_be_redriven() {
    const ITEMS: usize = 40_000;
    let definition = r#"{"StartAt": "M", "States": {"M": {"Type": "Map", "End": true, "ItemProcessor":
        {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 9, "Next": "T"},
            "T": {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:f",
                  "End": true}}}}}}"#;
    let program = asl::compile(definition).unwrap();
    let limits = Limits { map_concurrency: 40_000, ..Limits::lifted() };
    let random = Random::seeded(1);
    let input = Payload::from_text(format!("[{}1]", "1,".repeat(ITEMS - 1))).unwrap();
    let (mut execution, turn) =
        machine::start(&program, identity(), input, Timestamp(0), &random, &limits, &Numbered);
    let (mut rows, mut longest) = (vec![log::encode(&turn.events)], 0);
    while execution.status() == Status::Running {
        let first_task = execution.frames().find_map(|frame| match &frame.at {
            At::Task(task) => Some(task.id),
            _ => None,
        });
        let (now, stimulus) = if execution.wants_to_continue() {
            (Timestamp(0), Stimulus::Continue)
        } else if let Some(task) = first_task {
            let failure = Failure::new("Tide", "it is");
            (Timestamp(9_000), Stimulus::TaskFailed { task, failure })
        } else {
            (Timestamp(9_000), Stimulus::Timer)
        };
        let turn = step(&program, &mut execution, stimulus, now, &random, &limits, &Numbered);
        let row = log::encode(&turn.events);
        longest = longest.max(row.len());
        rows.push(row);
    }
    assert_eq!(execution.status(), Status::Failed);
    assert!(longest < 1024 * 1024, "a row of {longest} bytes");
    let last = rows.last().unwrap().len();
    assert!(last < 256 * 1024, "the last row has {last} bytes");
    let log: Vec<Event> = rows.iter().flat_map(|row| log::decode(row).unwrap()).collect();
    let mut execution = fold(&log).unwrap();
    let now = Timestamp(20_000);
    let turn = redrive(&program, &mut execution, now, &random, &limits, &Numbered);
    assert!(turn.events.len() <= limits.turn_events + 1, "{} events", turn.events.len());
    assert_eq!(execution.frames().count(), ITEMS + 1);
}
