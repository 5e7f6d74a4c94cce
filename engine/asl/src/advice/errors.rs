//! Catchers that never catch, and Lambda tasks that do not outlive Lambda's own hiccups.

use super::Site;
use crate::definition::Target;
use crate::diagnostic::{Code, Report};
use crate::error_name::{self, ALL, HEARTBEAT_TIMEOUT, QUERY_EVALUATION_ERROR, RUNTIME};
use crate::flow::DataFlow;
use crate::program::{Catcher, Retrier, StateKind, Task};

/// Names that begin with `States.`, which is the language's own.
const RESERVED: &[&str] = &[
    ALL,
    error_name::TASK_FAILED,
    error_name::TIMEOUT,
    HEARTBEAT_TIMEOUT,
    RUNTIME,
    QUERY_EVALUATION_ERROR,
    error_name::DATA_LIMIT_EXCEEDED,
    "States.BranchFailed",
    "States.ExceedToleratedFailureThreshold",
    "States.IntrinsicFailure",
    "States.ItemReaderFailed",
    "States.NoChoiceMatched",
    "States.ParameterPathFailure",
    "States.Permissions",
    "States.ResultPathMatchFailure",
    "States.ResultWriterFailed",
];

/// What Lambda itself may fail with; AWS recommends to try each again.
const OF_LAMBDA: [&str; 4] = [
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.TooManyRequestsException",
];

pub(super) fn check(site: Site<'_>, report: &Report) {
    match site.kind {
        StateKind::Task(task) => {
            catchers(site, &task.catch, report);
            lambda_is_tried_again(site, task, report);
        }
        StateKind::Parallel(parallel) => catchers(site, &parallel.catch, report),
        StateKind::Map(map) => catchers(site, &map.catch, report),
        StateKind::Pass(_)
        | StateKind::Choice(_)
        | StateKind::Wait(_)
        | StateKind::Succeed
        | StateKind::Fail(_) => {}
    }
}

fn catchers(site: Site<'_>, catchers: &[Catcher<Target>], report: &Report) {
    let mut caught: Vec<Box<str>> = Vec::new();
    for (index, catcher) in catchers.iter().enumerate() {
        let reasons: Vec<String> = catcher
            .error_equals
            .iter()
            .filter_map(|name| {
                never(site, name).or_else(|| {
                    let before = **name != *ALL && error_name::matches(&caught, name);
                    before.then(|| format!("`{name}` is caught before"))
                })
            })
            .collect();
        if reasons.len() == catcher.error_equals.len() {
            let message = format!("This catcher never catches: {}", reasons.join("; "));
            let field = format!("Catch[{index}]/ErrorEquals");
            site.say_at(&field, report, Code::CatcherNeverCatches, message);
        }
        caught.extend(catcher.error_equals.iter().cloned());
    }
}

/// Why no error of this state has this name.
fn never(site: Site<'_>, name: &str) -> Option<String> {
    if name == RUNTIME {
        return Some(format!("nothing catches `{name}`"));
    }
    let is_own = matches!(site.kind, StateKind::Task(_));
    if is_own && name.starts_with("States.") && !is_reserved(name) {
        let alike = RESERVED.iter().find(|known| known.eq_ignore_ascii_case(name));
        let meant = alike.map_or(String::new(), |known| format!(", `{known}` is"));
        return Some(format!("`{name}` is not the name of an error{meant}"));
    }
    let StateKind::Task(task) = site.kind else { return None };
    let is_query = matches!(site.flow.data, DataFlow::Jsonata(_));
    match name {
        HEARTBEAT_TIMEOUT if task.heartbeat.is_none() => {
            Some(format!("`{name}` needs `HeartbeatSeconds`"))
        }
        QUERY_EVALUATION_ERROR if !is_query => Some(format!("`{name}` is an error of JSONata")),
        "States.BranchFailed" => Some(format!("`{name}` is an error of Parallel states")),
        "States.ItemReaderFailed"
        | "States.ResultWriterFailed"
        | "States.ExceedToleratedFailureThreshold" => {
            Some(format!("`{name}` is an error of Map states"))
        }
        "States.NoChoiceMatched" => Some(format!("`{name}` is an error of Choice states")),
        _ => None,
    }
}

fn is_reserved(name: &str) -> bool {
    RESERVED.contains(&name) || name.starts_with("States.Http.")
}

fn lambda_is_tried_again(site: Site<'_>, task: &Task<Target>, report: &Report) {
    if !task.resource.invokes_lambda() {
        return;
    }
    let tried = |error: &&&str| !task.retry.iter().any(|retrier| tries(retrier, error));
    let missing: Vec<&str> = OF_LAMBDA.iter().filter(tried).copied().collect();
    if !missing.is_empty() {
        let message = format!(
            "Lambda fails now and then by itself, and AWS recommends to try again: no retrier takes {}",
            missing.join(", ")
        );
        site.say(report, Code::LambdaWithoutRetry, message);
    }
}

fn tries(retrier: &Retrier, error: &str) -> bool {
    retrier.max_attempts > 0 && error_name::matches(&retrier.error_equals, error)
}
