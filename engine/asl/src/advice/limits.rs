//! Payloads that are too large from the start, and tasks that may wait for ever.

use super::Site;
use crate::definition::{Definition, Target};
use crate::diagnostic::{Code, Report};
use crate::flow::DataFlow;
use crate::program::{Resource, StateKind, Task};

/// AWS's quota for an input, a result and an output, in bytes.
const MAX_PAYLOAD_BYTES: usize = 262_144;

pub(super) fn check(site: Site<'_>, definition: &Definition, report: &Report) {
    if let StateKind::Pass(pass) = site.kind
        && let Some(result) = &pass.result
    {
        payload(site, "Result", result.size_bytes(), report);
    }
    let fields = match &site.flow.data {
        DataFlow::JsonPath(flow) => {
            [("Parameters", &flow.parameters), ("ResultSelector", &flow.result_selector)]
        }
        DataFlow::Jsonata(flow) => [("Arguments", &flow.arguments), ("Output", &flow.output)],
    };
    for (name, expression) in fields {
        if let Some(expression) = expression {
            payload(site, name, expression.outline().least_bytes(), report);
        }
    }
    if let StateKind::Task(task) = site.kind {
        waits_for_ever(site, task, definition, report);
    }
}

fn payload(site: Site<'_>, field: &str, bytes: usize, report: &Report) {
    if bytes > MAX_PAYLOAD_BYTES {
        let message = format!(
            "The value has {bytes} bytes at least: AWS fails what is larger than {MAX_PAYLOAD_BYTES}"
        );
        site.say_at(field, report, Code::PayloadTooLarge, message);
    }
}

/// A task that somebody else ends, which may never happen.
fn waits_for_ever(site: Site<'_>, task: &Task<Target>, definition: &Definition, report: &Report) {
    if !task.resource.is_awaited() {
        return;
    }
    let whom = match &task.resource {
        Resource::Activity { .. } => "an activity worker",
        _ => "whoever has its token",
    };
    let ends = [task.timeout.is_some(), task.heartbeat.is_some()];
    if !ends.contains(&true) && definition.timeout_seconds.is_none() {
        let message = format!(
            "This task waits for {whom}, for ever if need be: give it `TimeoutSeconds` or \
             `HeartbeatSeconds`"
        );
        site.say(report, Code::TaskWithoutTimeout, message);
    }
}
