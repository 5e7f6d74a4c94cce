//! What is told of tasks to whoever measures.

use machine::{FrameId, Limits, Milestone, Reached, Stimulus, TaskEnd, TaskFamily};

use crate::{Happening, TIMER, definition, failed, ok, play};

fn milestones(states: &str, happenings: &[Happening]) -> Vec<(i64, Milestone)> {
    play(&Limits::strict(), &definition(states), "{}", happenings).milestones
}

fn ended(outcome: TaskEnd, started_s: i64, scheduled_s: i64) -> Reached {
    let (since_started_ms, since_scheduled_ms) = (started_s * 1_000, scheduled_s * 1_000);
    Reached::Ended { outcome, since_started_ms, since_scheduled_ms }
}

const AT_ONCE: Reached = Reached::Started { since_scheduled_ms: 0 };

#[test]
fn the_time_of_a_task_begins_anew_with_each_retry() {
    let retried = r#""A": {LAMBDA, "Retry": [{"ErrorEquals": ["X"], "IntervalSeconds": 2}],
                           "End": true}"#;
    let told = milestones(retried, &[(1, failed(3, "X")), (3, TIMER), (7, ok(6, "{}"))]);
    let of = |reached| Milestone { family: TaskFamily::Lambda, reached };
    assert_eq!(
        told,
        [
            (0, of(Reached::Scheduled)),
            (0, of(AT_ONCE)),
            (1, of(ended(TaskEnd::Failed, 1, 1))),
            (3, of(Reached::Scheduled)),
            (3, of(AT_ONCE)),
            (7, of(ended(TaskEnd::Succeeded, 4, 4))),
        ]
    );
}

#[test]
fn an_activity_waits_for_its_worker_and_then_runs() {
    let activity = r#""A": {"Type": "Task", "HeartbeatSeconds": 4, "End": true,
        "Resource": "arn:aws:states:us-east-1:123456789012:activity:a"}"#;
    let found = Stimulus::ActivityFound { frame: FrameId::ROOT, sought: 2 };
    let taken = Stimulus::ActivityStarted { task: 3, worker: None, claim: 1 };
    let told = milestones(activity, &[(1, found), (6, taken), (10, TIMER)]);
    let of = |reached| Milestone { family: TaskFamily::Activity, reached };
    assert_eq!(
        told,
        [
            (1, of(Reached::Scheduled)),
            (6, of(Reached::Started { since_scheduled_ms: 5_000 })),
            (10, of(ended(TaskEnd::HeartbeatTimedOut, 4, 9))),
        ]
    );
}

#[test]
fn a_call_that_had_to_wait_runs_from_when_it_began() {
    let url = r#""A": {"Type": "Task", "Resource": "http://127.0.0.1:9/f", "TimeoutSeconds": 5,
                       "End": true}"#;
    let queued = Stimulus::TaskQueued { task: 3 };
    let began = Stimulus::TaskBegan { task: 3 };
    let told = milestones(url, &[(0, queued), (20, began), (25, TIMER)]);
    let last = Milestone { family: TaskFamily::Service, reached: ended(TaskEnd::TimedOut, 5, 25) };
    assert_eq!(told.last(), Some(&(25, last)));
}
