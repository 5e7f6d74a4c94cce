//! Error names: which entry of `ErrorEquals` matches which error.

/// Matches every error that can be caught.
pub const ALL: &str = "States.ALL";
/// A task failed; in `ErrorEquals`, any error but a timeout.
pub const TASK_FAILED: &str = "States.TaskFailed";
/// A task or the execution took too long.
pub const TIMEOUT: &str = "States.Timeout";
/// An activity worker was not heard of in time.
pub const HEARTBEAT_TIMEOUT: &str = "States.HeartbeatTimeout";
/// The execution cannot go on: a path leads nowhere, no choice matched. Nothing catches it.
pub const RUNTIME: &str = "States.Runtime";
/// A JSONata expression has no value that suits.
pub const QUERY_EVALUATION_ERROR: &str = "States.QueryEvaluationError";
/// A payload is larger than its quota.
pub const DATA_LIMIT_EXCEEDED: &str = "States.DataLimitExceeded";

/// Whether a retrier or catcher with these names takes this error.
///
/// As recorded on AWS: nothing takes `States.Runtime`, not even its own name; a task's
/// `States.DataLimitExceeded` is taken by its name and by `States.ALL`.
pub fn matches(error_equals: &[Box<str>], error: &str) -> bool {
    error != RUNTIME && error_equals.iter().any(|pattern| takes(pattern, error))
}

fn takes(pattern: &str, error: &str) -> bool {
    match pattern {
        ALL => true,
        TASK_FAILED => error != TIMEOUT && error != HEARTBEAT_TIMEOUT,
        TIMEOUT => error == TIMEOUT || error == HEARTBEAT_TIMEOUT,
        exact => exact == error,
    }
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[track_caller]
    fn check(pattern: &str, error: &str, expected: bool) {
        assert_eq!(matches(&[pattern.into()], error), expected, "{pattern} takes {error}");
    }

    #[test]
    fn a_name_matches_itself_only() {
        check("Pay.Declined", "Pay.Declined", true);
        check("Pay.Declined", "Pay.declined", false);
        check("Pay", "Pay.Declined", false);
    }

    #[test]
    fn all_takes_everything_but_runtime_errors() {
        for error in ["Pay.Declined", "States.Timeout", "States.DataLimitExceeded"] {
            check("States.ALL", error, true);
        }
        check("States.ALL", "States.Runtime", false);
        check("States.Runtime", "States.Runtime", false);
    }

    #[test]
    fn task_failed_takes_everything_but_timeouts() {
        check("States.TaskFailed", "Pay.Declined", true);
        check("States.TaskFailed", "States.TaskFailed", true);
        check("States.TaskFailed", "States.Permissions", true);
        check("States.TaskFailed", "States.DataLimitExceeded", true);
        check("States.TaskFailed", "States.Timeout", false);
        check("States.TaskFailed", "States.HeartbeatTimeout", false);
        check("States.TaskFailed", "States.Runtime", false);
    }

    #[test]
    fn a_missed_heartbeat_is_a_timeout() {
        check("States.Timeout", "States.HeartbeatTimeout", true);
        check("States.HeartbeatTimeout", "States.HeartbeatTimeout", true);
        check("States.HeartbeatTimeout", "States.Timeout", false);
    }

    #[test]
    fn no_names_match_nothing() {
        assert!(!matches(&[], "Pay.Declined"));
    }
}
