//! Definitions as text, and how long their executions take.

use std::time::Instant;

use asl::{Payload, Program};
use machine::{Command, Execution, Identity, Limits, Random, Stimulus, Timestamp, Tokens, Turn};

/// A query language, as a definition names it.
#[derive(Clone, Copy)]
pub(crate) enum Language {
    JsonPath,
    Jsonata,
}

/// The program of a Map that says this, and of the one state inside of it; or why there is none.
pub(crate) fn program(language: Language, map: &str, inside: &str) -> Result<Program, String> {
    let language = match language {
        Language::JsonPath => "JSONPath",
        Language::Jsonata => "JSONata",
    };
    let definition = format!(
        r#"{{"QueryLanguage": "{language}", "StartAt": "M", "States": {{"M": {{"Type": "Map", {map}
            "ItemProcessor": {{"StartAt": "P", "States": {{"P": {{{inside}, "End": true}}}}}},
            "End": true}}}}}}"#
    );
    asl::compile(&definition).map_err(|errors| {
        errors.first().map_or_else(|| "no reason is given".to_owned(), |it| it.message.clone())
    })
}

struct NoTokens;

impl Tokens for NoTokens {
    fn token(&self, _: u64) -> String {
        String::new()
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

/// One execution, run turn by turn without anything from outside.
pub(crate) struct Run<'p> {
    program: &'p Program,
    limits: Limits,
    random: Random,
    pub(crate) execution: Execution,
    /// The first task that was asked for.
    pub(crate) first_task: Option<u64>,
}

impl<'p> Run<'p> {
    /// Goes as far as it goes; so many iterations of a Map at once.
    pub(crate) fn start(program: &'p Program, input: Payload, at_once: usize) -> Self {
        let map_concurrency = u32::try_from(at_once).unwrap_or(u32::MAX);
        let limits = Limits { map_concurrency, ..Limits::lifted() };
        let random = Random::seeded(1);
        let now = Timestamp(0);
        let (execution, turn) =
            machine::start(program, identity(), input, now, &random, &limits, &NoTokens);
        let first_task = task_of(&turn);
        let mut run = Self { program, limits, random, execution, first_task };
        drop(turn);
        run.go_on();
        run
    }

    /// Takes turns for as long as they were cut.
    fn go_on(&mut self) {
        while self.execution.wants_to_continue() {
            let turn = self.step(Stimulus::Continue);
            self.first_task = self.first_task.or_else(|| task_of(&turn));
        }
    }

    /// Lets something happen, and what follows from it.
    pub(crate) fn happen(&mut self, stimulus: Stimulus) {
        self.step(stimulus);
        self.go_on();
    }

    fn step(&mut self, stimulus: Stimulus) -> Turn {
        let Self { program, limits, random, execution, .. } = self;
        machine::step(program, execution, stimulus, Timestamp(1), random, limits, &NoTokens)
    }
}

fn task_of(turn: &Turn) -> Option<u64> {
    turn.commands.iter().find_map(|command| match command {
        Command::Invoke(call) => Some(call.task),
        Command::Abandon { .. } | Command::FindActivity { .. } => None,
    })
}

/// The seconds that an execution takes, which must end well.
pub(crate) fn seconds(program: &Program, input: &str) -> f64 {
    let input = Payload::from_text(input).expect("it is JSON");
    let began = Instant::now();
    let run = Run::start(program, input, 40);
    let took = began.elapsed().as_secs_f64();
    let ending = run.execution.ending();
    let ended_well = ending.is_some_and(|ending| ending.output.is_some());
    assert!(ended_well, "it failed: {:?}", ending.map(|ending| &ending.failure));
    took
}

/// The least of some runs: what else the machine does only adds.
pub(crate) fn best(run: impl Fn() -> f64) -> f64 {
    (0..5).map(|_| run()).fold(f64::INFINITY, f64::min)
}
