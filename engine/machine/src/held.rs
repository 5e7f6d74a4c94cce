//! How much of its payloads an execution holds in memory.

use std::collections::HashMap;

use asl::Payload;

/// Shorter texts are counted as often as they are held: looking them up costs more than they do.
const LONG: usize = 1024;

/// The bytes of the payloads that the frames of one execution hold, a shared text once.
///
/// No part of what an execution is: what shares a text in memory may have one each after the log is
/// read again. So nothing that a fold must find may follow from it but by an event: that a Map starts
/// fewer iterations at once is lawful whenever it is decided (`MaxConcurrency` is an upper bound), and
/// the limit that fails a state is far from the one that slows it down.
#[derive(Clone, Debug, Default)]
pub(crate) struct Held {
    /// How often each long text is held, by its address.
    texts: HashMap<usize, u32>,
    bytes: usize,
}

impl PartialEq for Held {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Held {
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Something that is no text takes so many bytes more.
    pub(crate) fn add(&mut self, bytes: usize) {
        self.bytes += bytes;
    }

    /// It takes so many bytes less.
    pub(crate) fn subtract(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_sub(bytes);
    }

    /// A payload comes.
    pub(crate) fn hold(&mut self, payload: &Payload) {
        let bytes = payload.size_bytes();
        if bytes < LONG {
            return self.add(bytes);
        }
        let times = self.texts.entry(payload.address()).or_default();
        *times += 1;
        if *times == 1 {
            self.add(bytes);
        }
    }

    /// A payload goes.
    pub(crate) fn release(&mut self, payload: &Payload) {
        let bytes = payload.size_bytes();
        if bytes < LONG {
            return self.subtract(bytes);
        }
        let Some(times) = self.texts.get_mut(&payload.address()) else { return };
        *times -= 1;
        if *times == 0 {
            self.texts.remove(&payload.address());
            self.subtract(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use asl::Payload;

    use super::Held;
    use crate::{
        Command, Execution, Failure, Identity, Limits, Random, Status, Stimulus, Timestamp,
    };

    #[test]
    fn a_shared_text_counts_once() {
        let long = Payload::from_text(format!("\"{}\"", "x".repeat(5_000))).unwrap();
        let mut held = Held::default();
        held.hold(&long);
        held.hold(&long.at_rest());
        assert_eq!(held.bytes(), 5_002);
        held.hold(&Payload::from_text(long.raw()).unwrap());
        assert_eq!(held.bytes(), 10_004, "the same words in another place");
        held.release(&long);
        assert_eq!(held.bytes(), 10_004, "it is still held");
        held.release(&long);
        assert_eq!(held.bytes(), 5_002);
    }

    struct NoTokens;

    impl crate::Tokens for NoTokens {
        fn token(&self, task: u64) -> String {
            task.to_string()
        }
    }

    /// What the frames hold, counted afresh.
    fn counted(execution: &Execution) -> usize {
        let mut held = Held::default();
        for frame in execution.frames() {
            frame.payloads().for_each(|payload| held.hold(payload));
            frame.variables.all_own().for_each(|value| held.hold(value));
            frame.at.results().iter().flatten().for_each(|result| held.hold(result));
            held.add(frame.weight());
        }
        held.bytes()
    }

    #[test]
    fn the_account_is_what_the_frames_hold_after_each_turn() {
        let task =
            r#""Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:f""#;
        let wait =
            r#"{"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 1, "End": true}}}"#;
        let other = wait.replace(r#""W""#, r#""V""#);
        let iteration = format!(
            r#"{{"StartAt": "P", "States": {{
                "P": {{"Type": "Pass", "Assign": {{"mine.$": "$.b", "n": 1}}, "Next": "Q"}},
                "Q": {{"Type": "Parallel", "Branches": [{wait}, {other}], "ResultPath": "$.q", "Next": "T"}},
                "T": {{{task}, "Assign": {{"mine": 2}}, "ResultPath": "$.t", "End": true}}}}}}"#
        );
        let definition = format!(
            r#"{{"StartAt": "A", "States": {{
                "A": {{"Type": "Pass", "Assign": {{"all.$": "$"}}, "Next": "M"}},
                "M": {{"Type": "Map", "ItemsPath": "$.i", "ItemSelector": {{"b.$": "$.b"}},
                    "ItemProcessor": {iteration}, "Next": "Z",
                    "Catch": [{{"ErrorEquals": ["Torn"], "Next": "Z"}}]}},
                "Z": {{"Type": "Wait", "Seconds": 1, "End": true}}}}}}"#
        );
        let program = asl::compile(&definition).unwrap();
        let input = format!(r#"{{"b": "{}", "i": [1, 2, 3, 4, 5, 6]}}"#, "x".repeat(3_000));
        for failing in [None, Some(4)] {
            let input = Payload::from_text(&input).unwrap();
            let (random, limits) =
                (Random::seeded(1), Limits { turn_events: 5, ..Limits::strict() });
            let (mut execution, mut turn) = crate::start(
                &program,
                identity(),
                input,
                Timestamp(0),
                &random,
                &limits,
                &NoTokens,
            );
            let (mut calls, mut done, mut turns) = (Vec::new(), 0, 0);
            while execution.status() == Status::Running {
                assert_eq!(execution.held_bytes(), counted(&execution), "after {turns} turns");
                calls.extend(turn.commands.iter().filter_map(|command| match command {
                    Command::Invoke(call) => Some(call.task),
                    _ => None,
                }));
                let stimulus = if execution.wants_to_continue() {
                    Stimulus::Continue
                } else if let Some(task) = calls.pop() {
                    done += 1;
                    if failing == Some(done) {
                        Stimulus::TaskFailed { task, failure: Failure::new("Torn", "it is") }
                    } else {
                        let result = Payload::from_text(format!("[{}1]", "1, ".repeat(900)));
                        Stimulus::TaskSucceeded { task, result: result.unwrap() }
                    }
                } else {
                    Stimulus::Timer
                };
                let now = execution.next_timer().unwrap_or(Timestamp(0));
                turn = crate::step(
                    &program,
                    &mut execution,
                    stimulus,
                    now,
                    &random,
                    &limits,
                    &NoTokens,
                );
                turns += 1;
            }
            assert!(turns > 20 && done >= 4, "{turns} turns, {done} tasks");
        }
    }

    fn identity() -> Identity {
        Identity {
            arn: "arn:aws:states:us-east-1:123456789012:execution:m:e".to_owned(),
            name: "e".to_owned(),
            state_machine_arn: "arn:aws:states:us-east-1:123456789012:stateMachine:m".to_owned(),
            state_machine_name: "m".to_owned(),
            role_arn: "arn:aws:iam::123456789012:role/r".to_owned(),
            region: "us-east-1".to_owned(),
            version_arn: None,
            alias_arn: None,
        }
    }
}
