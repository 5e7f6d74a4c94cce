//! Executions that cannot go on because a step of theirs did not end: they fail, whatever they were
//! doing. Nothing is evaluated for that, so that what broke the step is not tried again.

use asl::{Payload, Program};

use crate::apply::begin;
use crate::beginning::{Beginning, first_event};
use crate::event::{EventKind, Identity};
use crate::execution::Execution;
use crate::limits::Limits;
use crate::random::Random;
use crate::step::{Step, Tokens};
use crate::stimulus::Failure;
use crate::timestamp::Timestamp;
use crate::turn::Turn;

/// Tokens of what asks for none.
struct NoTokens;

impl Tokens for NoTokens {
    fn token(&self, _: u64) -> String {
        String::new()
    }
}

/// Ends an execution, as its log has it, with this failure. One that has ended is left as it is.
pub fn break_off(
    program: &Program,
    execution: &mut Execution,
    failure: Failure,
    now: Timestamp,
    limits: &Limits,
) -> Turn {
    let first = execution.next_event;
    let random = Random::seeded(0);
    let mut step = Step::new(program, execution, now, &random, limits, &NoTokens);
    if step.is_running() {
        step.finish(EventKind::ExecutionFailed { failure, state: None, place: None });
    }
    step.into_turn(first)
}

/// An execution that failed before it had entered its first state.
pub fn stillborn(
    program: &Program,
    identity: Identity,
    input: Payload,
    failure: Failure,
    now: Timestamp,
) -> (Execution, Turn) {
    let started = first_event(program, identity, Beginning::of(program, input), now);
    let mut execution = begin(&started).expect("an ExecutionStarted begins an execution");
    let mut turn = break_off(program, &mut execution, failure, now, &Limits::strict());
    turn.first_event = 0;
    turn.events.insert(0, started);
    (execution, turn)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::execution::Status;
    use crate::fold;

    fn nobody() -> Identity {
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

    const TASK: &str = r#"{"StartAt": "T", "States": {"T": {"Type": "Task",
        "Resource": "arn:aws:lambda:us-east-1:123456789012:function:f", "End": true}}}"#;

    #[test]
    fn what_is_broken_off_folds_to_a_failed_execution() {
        let program = asl::compile(TASK).unwrap();
        let input = || Payload::from_text("{}").unwrap();
        let (now, limits, random) = (Timestamp(7), Limits::strict(), Random::seeded(1));
        let failure = || Failure::new("States.Runtime", "broken".to_owned());
        let (mut execution, begun) =
            crate::start(&program, nobody(), input(), now, &random, &limits, &NoTokens);
        let broken = break_off(&program, &mut execution, failure(), now, &limits);
        assert_eq!(broken.first_event, begun.events.len() as u64);
        assert_eq!(broken.commands.len(), 1, "its call is abandoned");
        assert_eq!(fold(begun.events.iter().chain(&broken.events)), Some(execution.clone()));
        assert_eq!(execution.status(), Status::Failed);
        let again = break_off(&program, &mut execution, failure(), now, &limits);
        assert!(again.events.is_empty());

        let (stillborn, turn) = stillborn(&program, nobody(), input(), failure(), now);
        assert_eq!((turn.first_event, turn.events.len()), (0, 2));
        assert_eq!(fold(&turn.events), Some(stillborn));
    }
}
