//! What became of tasks.

use machine::{Milestone, Reached, TaskEnd, TaskFamily};
use prometheus::{Histogram, HistogramVec, IntCounterVec};

use super::declared::DAYS;
use super::{Declaring, seconds};

/// The kinds of tasks, as AWS's metrics tell them apart.
pub(super) const KINDS: [&str; 3] = ["activity", "lambda", "service"];

/// What became of tasks.
pub(crate) struct Tasks {
    pub(crate) scheduled: IntCounterVec,
    pub(crate) started: IntCounterVec,
    pub(crate) ended: IntCounterVec,
    pub(crate) run_time: HistogramVec,
    pub(crate) time: HistogramVec,
    pub(crate) activity_schedule_time: Histogram,
}

impl Tasks {
    pub(super) fn declare(d: &mut Declaring) -> Self {
        Self {
            scheduled: d.counters(
                "statewright_tasks_scheduled_total",
                &["kind"],
                "Tasks scheduled, by kind: activity, lambda, service (integrations and URLs).",
            ),
            started: d.counters(
                "statewright_tasks_started_total",
                &["kind"],
                "Tasks started, by kind; of activities, when a worker takes them.",
            ),
            ended: d.counters(
                "statewright_tasks_ended_total",
                &["kind", "outcome"],
                "Tasks ended, by kind and outcome: succeeded, failed, timed_out, heartbeat_timed_out.",
            ),
            run_time: d.histograms(
                "statewright_task_run_seconds",
                &["kind"],
                &DAYS,
                "Time from a task's start to its end, by kind.",
            ),
            time: d.histograms(
                "statewright_task_seconds",
                &["kind"],
                &DAYS,
                "Time from when a task was scheduled to its end, by kind.",
            ),
            activity_schedule_time: d.histogram(
                "statewright_activity_schedule_seconds",
                &DAYS,
                "Time from when an activity's task was scheduled to when a worker took it.",
            ),
        }
    }

    /// Counts what became of a task.
    pub(crate) fn count(&self, milestone: &Milestone) {
        let kind = match milestone.family {
            TaskFamily::Activity => "activity",
            TaskFamily::Lambda => "lambda",
            TaskFamily::Service => "service",
        };
        match milestone.reached {
            Reached::Scheduled => self.scheduled.with_label_values(&[kind]).inc(),
            Reached::Started { since_scheduled_ms } => {
                self.started.with_label_values(&[kind]).inc();
                if milestone.family == TaskFamily::Activity {
                    self.activity_schedule_time.observe(seconds(since_scheduled_ms));
                }
            }
            Reached::Ended { outcome, since_started_ms, since_scheduled_ms } => {
                let outcome = match outcome {
                    TaskEnd::Succeeded => "succeeded",
                    TaskEnd::Failed => "failed",
                    TaskEnd::TimedOut => "timed_out",
                    TaskEnd::HeartbeatTimedOut => "heartbeat_timed_out",
                };
                self.ended.with_label_values(&[kind, outcome]).inc();
                self.run_time.with_label_values(&[kind]).observe(seconds(since_started_ms));
                self.time.with_label_values(&[kind]).observe(seconds(since_scheduled_ms));
            }
        }
    }
}
