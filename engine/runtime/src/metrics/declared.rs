//! Every metric there is.

use std::sync::{Mutex, MutexGuard, PoisonError};

use prometheus::{Histogram, HistogramVec, IntCounter, IntCounterVec, IntGauge};
use prometheus::{Registry, TextEncoder};
use store::Status;

use super::busiest::Busiest;
use super::place::Place;
use super::tasks::{self, Tasks};
use super::{Counted, Declaring, Kind, Metric, seconds};

/// Upper bounds for what should take no time: microseconds to a second.
const QUICK: [f64; 13] = [
    0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.05,
    0.25, 1.0,
];
/// For what takes a moment: a millisecond to half a minute.
const MOMENTS: [f64; 12] =
    [0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];
/// For what may take days: ten milliseconds to thirty of them.
pub(super) const DAYS: [f64; 15] = [
    0.01,
    0.05,
    0.1,
    0.5,
    1.0,
    5.0,
    30.0,
    60.0,
    300.0,
    1_800.0,
    3_600.0,
    21_600.0,
    86_400.0,
    604_800.0,
    2_592_000.0,
];
/// For how many there are of something.
const COUNTS: [f64; 10] = [1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1_000.0];

/// `CloudWatch`'s metrics of Step Functions, and which of ours tells the same. Ours have labels where
/// AWS has a metric for each kind of task and each end.
pub(super) const CLOUDWATCH: [(&str, &str); 32] = [
    ("ExecutionsStarted", "statewright_executions_started_total"),
    ("ExecutionsSucceeded", "statewright_executions_ended_total"),
    ("ExecutionsFailed", "statewright_executions_ended_total"),
    ("ExecutionsTimedOut", "statewright_executions_ended_total"),
    ("ExecutionsAborted", "statewright_executions_ended_total"),
    ("ExecutionThrottled", "statewright_executions_throttled_total"),
    ("ExecutionTime", "statewright_execution_seconds"),
    ("ActivitiesScheduled", "statewright_tasks_scheduled_total"),
    ("LambdaFunctionsScheduled", "statewright_tasks_scheduled_total"),
    ("ServiceIntegrationsScheduled", "statewright_tasks_scheduled_total"),
    ("ActivitiesStarted", "statewright_tasks_started_total"),
    ("LambdaFunctionsStarted", "statewright_tasks_started_total"),
    ("ServiceIntegrationsStarted", "statewright_tasks_started_total"),
    ("ActivitiesSucceeded", "statewright_tasks_ended_total"),
    ("ActivitiesFailed", "statewright_tasks_ended_total"),
    ("ActivitiesTimedOut", "statewright_tasks_ended_total"),
    ("ActivitiesHeartbeatTimedOut", "statewright_tasks_ended_total"),
    ("LambdaFunctionsSucceeded", "statewright_tasks_ended_total"),
    ("LambdaFunctionsFailed", "statewright_tasks_ended_total"),
    ("LambdaFunctionsTimedOut", "statewright_tasks_ended_total"),
    ("ServiceIntegrationsSucceeded", "statewright_tasks_ended_total"),
    ("ServiceIntegrationsFailed", "statewright_tasks_ended_total"),
    ("ServiceIntegrationsTimedOut", "statewright_tasks_ended_total"),
    ("ActivityScheduleTime", "statewright_activity_schedule_seconds"),
    ("LambdaFunctionScheduleTime", "statewright_call_wait_seconds"),
    ("ServiceIntegrationScheduleTime", "statewright_call_wait_seconds"),
    ("ActivityRunTime", "statewright_task_run_seconds"),
    ("LambdaFunctionRunTime", "statewright_task_run_seconds"),
    ("ServiceIntegrationRunTime", "statewright_task_run_seconds"),
    ("ActivityTime", "statewright_task_seconds"),
    ("LambdaFunctionTime", "statewright_task_seconds"),
    ("ServiceIntegrationTime", "statewright_task_seconds"),
];

/// What is measured, each by a name of its own.
pub struct Metrics {
    list: Vec<Metric>,
    registry: Registry,
    machines: Mutex<Busiest>,
    pub(crate) executions: Executions,
    pub(crate) tasks: Tasks,
    pub(crate) calls: Calls,
    pub(crate) loops: Loops,
    pub(crate) place: Place,
    pub doors: Doors,
}

impl Metrics {
    pub(super) fn declare() -> Self {
        let mut d = Declaring::default();
        let metrics = Self {
            machines: Mutex::default(),
            executions: Executions::declare(&mut d),
            tasks: Tasks::declare(&mut d),
            calls: Calls::declare(&mut d),
            loops: Loops::declare(&mut d),
            place: Place::declare(&mut d),
            doors: Doors::declare(&mut d),
            list: d.list,
            registry: d.registry,
        };
        metrics.show_zeros();
        metrics
    }

    /// Shows at once what has not happened yet, so that its first time is seen to be one more.
    fn show_zeros(&self) {
        let Self { executions, tasks, calls, loops, place, .. } = self;
        for status in Status::ALL.into_iter().filter(|status| *status != Status::Running) {
            executions.time.with_label_values(&[status.as_str()]);
        }
        for kind in tasks::KINDS {
            tasks.scheduled.with_label_values(&[kind]);
            tasks.started.with_label_values(&[kind]);
            tasks.run_time.with_label_values(&[kind]);
            tasks.time.with_label_values(&[kind]);
            for outcome in ["succeeded", "failed", "timed_out", "heartbeat_timed_out"] {
                tasks.ended.with_label_values(&[kind, outcome]);
            }
        }
        for outcome in ["succeeded", "submitted", "failed", "abandoned"] {
            calls.time.with_label_values(&[outcome]);
        }
        for lack in ["descriptors", "ports", "memory", "names"] {
            calls.starved.with_label_values(&[lack]);
        }
        for outcome in ["started", "skipped", "failed"] {
            loops.firings.with_label_values(&[outcome]);
        }
        for way in ["direct", "inbox", "notification"] {
            place.messages.with_label_values(&[way]);
        }
    }

    /// Everything that is declared, in the order in which it is declared.
    pub fn list(&self) -> &[Metric] {
        &self.list
    }

    /// The figures in Prometheus' text format, as those of one account may see them.
    pub(super) fn text(&self, account: &str) -> String {
        let mut families =
            self.machines().seen_by(account, &self.executions.started, &self.executions.ended);
        families.extend(self.registry.gather());
        // Nothing but a family without figures or name is refused, and such is not gathered.
        TextEncoder::new().encode_to_string(&families).unwrap_or_default()
    }

    /// Counts an execution that has started.
    pub(crate) fn execution_started(&self, account: &str, machine: &str) {
        self.machines().count(account, machine, Counted::Started);
    }

    /// Counts one that has ended, after so many milliseconds.
    pub(crate) fn execution_ended(&self, account: &str, machine: &str, status: Status, ms: i64) {
        self.machines().count(account, machine, Counted::Ended(status));
        self.executions.time.with_label_values(&[status.as_str()]).observe(seconds(ms));
    }

    fn machines(&self) -> MutexGuard<'_, Busiest> {
        self.machines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Executions as a whole.
pub(crate) struct Executions {
    /// Made of what is counted by state machine, whenever somebody asks; so is `ended`.
    pub(crate) started: Metric,
    pub(crate) ended: Metric,
    pub(crate) time: HistogramVec,
    pub(crate) throttled: IntCounter,
    pub(crate) in_memory: IntGauge,
    pub(crate) held: IntGauge,
    pub(crate) set_aside: IntGauge,
    pub(crate) asleep: IntGauge,
}

impl Executions {
    fn declare(d: &mut Declaring) -> Self {
        Self {
            started: d.note(
                Kind::Counter,
                "statewright_executions_started_total",
                &["machine"],
                "Executions started, by state machine: the busiest hundred by name.",
            ),
            ended: d.note(
                Kind::Counter,
                "statewright_executions_ended_total",
                &["machine", "status"],
                "Executions ended, by state machine as those started, and status.",
            ),
            time: d.histograms(
                "statewright_execution_seconds",
                &["status"],
                &DAYS,
                "Time from an execution's start to its end, by status.",
            ),
            throttled: d.counter(
                "statewright_executions_throttled_total",
                "Starts and other requests that were refused because a mailbox or memory was full.",
            ),
            set_aside: d.gauge("statewright_executions_set_aside", "Nodes have died over them."),
            in_memory: d.gauge(
                "statewright_executions_in_memory",
                "Running executions that this node has in memory.",
            ),
            held: d.gauge(
                "statewright_executions_memory_bytes",
                "About how much memory the executions take that this node has in memory; what they \
                 may take is the setting `memory_mib`.",
            ),
            asleep: d.gauge(
                "statewright_executions_asleep",
                "Running executions of this node's shards that only wait, and not in memory; \
                 counted once a minute at most, up to a million.",
            ),
        }
    }
}

/// Calls of functions and URLs.
pub(crate) struct Calls {
    pub(crate) open: IntGauge,
    pub(crate) waiting: IntGauge,
    pub(crate) wait: Histogram,
    pub(crate) time: HistogramVec,
    pub(crate) starved: IntCounterVec,
}

impl Calls {
    fn declare(d: &mut Declaring) -> Self {
        Self {
            open: d
                .gauge("statewright_calls_open", "Calls of functions and URLs that have a place."),
            waiting: d.gauge(
                "statewright_calls_waiting",
                "Calls of functions and URLs that wait for a place.",
            ),
            wait: d.histogram(
                "statewright_call_wait_seconds",
                &MOMENTS,
                "How long calls of functions and URLs waited for a place.",
            ),
            time: d.histograms(
                "statewright_call_seconds",
                &["outcome"],
                &DAYS,
                "How long calls took, waiting included, by outcome: succeeded, submitted (a token \
                 ends the task), failed, or abandoned because nobody waits any more.",
            ),
            starved: d.counters(
                "statewright_calls_starved_total",
                &["lack"],
                "How often calls had to wait because the node lacked this.",
            ),
        }
    }
}

/// The loops of a node, and what queues up before them.
pub(crate) struct Loops {
    pub(crate) turns: IntCounter,
    pub(crate) commit_turns: Histogram,
    pub(crate) commit_time: Histogram,
    pub(crate) step_time: Histogram,
    pub(crate) timer_lateness: Histogram,
    pub(crate) mailboxes: IntGauge,
    pub(crate) lanes: IntGauge,
    pub(crate) firings: IntCounterVec,
    pub(crate) schedule_lag: Histogram,
}

impl Loops {
    fn declare(d: &mut Declaring) -> Self {
        Self {
            turns: d.counter("statewright_turns_appended_total", "Turns committed."),
            commit_turns: d.histogram(
                "statewright_commit_turns",
                &COUNTS,
                "Turns, and answers that need none, in one commit.",
            ),
            commit_time: d.histogram(
                "statewright_commit_seconds",
                &MOMENTS,
                "Time that one commit of a lane took, its repetitions included.",
            ),
            step_time: d.histogram(
                "statewright_step_seconds",
                &QUICK,
                "Time that the interpreter took for one step.",
            ),
            timer_lateness: d.histogram(
                "statewright_timer_lateness_seconds",
                &MOMENTS,
                "How late timers fired.",
            ),
            mailboxes: d.gauge(
                "statewright_mailbox_messages",
                "What waits for owner loops, in all mailboxes together.",
            ),
            lanes: d.gauge(
                "statewright_lane_turns",
                "Turns that wait for a commit, in all lanes together.",
            ),
            firings: d.counters(
                "statewright_firings_total",
                &["outcome"],
                "Firings of schedules that were decided, by outcome.",
            ),
            schedule_lag: d.histogram(
                "statewright_schedule_lag_seconds",
                &DAYS,
                "Time from when a firing was to start its execution to when it had.",
            ),
        }
    }
}

/// Requests, and the connections they come over.
pub struct Doors {
    /// By door, operation and status.
    pub requests: IntCounterVec,
    /// By door and operation.
    pub request_time: HistogramVec,
    /// By the error's name.
    pub refused_requests: IntCounterVec,
    pub connections: IntGauge,
    /// By which cap they met.
    pub connections_refused: IntCounterVec,
    /// By reason.
    pub connections_ended: IntCounterVec,
    pub streams: IntGauge,
}

impl Doors {
    fn declare(d: &mut Declaring) -> Self {
        Self {
            requests: d.counters(
                "statewright_requests_total",
                &["door", "operation", "status"],
                "Requests answered, by door, operation and HTTP status.",
            ),
            request_time: d.histograms(
                "statewright_request_seconds",
                &["door", "operation"],
                &MOMENTS,
                "Time from a request's head to its answer's, by door and operation.",
            ),
            refused_requests: d.counters(
                "statewright_refused_requests_total",
                &["error"],
                "Requests that were not let in, by error.",
            ),
            connections: d.gauge("statewright_connections", "Connections to this node's port."),
            connections_refused: d.counters(
                "statewright_connections_refused_total",
                &["cap"],
                "Connections that were answered with 503 because there were too many, in `all` or \
                 from their `address`.",
            ),
            connections_ended: d.counters(
                "statewright_connections_ended_total",
                &["reason"],
                "Connections that the node ended, by reason: no complete request `header` in time, \
                 `idle` for too long, a `reader` who did not read an answer, `crowded` out while idle.",
            ),
            streams: d.gauge(
                "statewright_event_streams",
                "Streams of events that are open on this node.",
            ),
        }
    }
}
