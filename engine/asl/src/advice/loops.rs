//! Loops that do not wait, and in which nothing comes of going round.

use std::collections::HashSet;

use serde_json::Value;

use super::Site;
use super::graph::Graph;
use crate::definition::Target;
use crate::diagnostic::{Code, Report};
use crate::expression::Outline;
use crate::flow::{DataFlow, Filter, Flow, ResultPath};
use crate::program::{Expression, Pattern, Resource, StateKind, When};

pub(super) fn check(graph: &Graph<'_>, report: &Report) {
    for circle in graph.circles() {
        let sites: Option<Vec<Site<'_>>> =
            circle.iter().map(|index| Site::new(graph.scope, graph.state(*index))).collect();
        let Some(sites) = sites else { continue };
        if sites.iter().any(|site| takes_time(site.kind) || asks_for_long(site)) {
            continue;
        }
        if sites.iter().any(|site| looks_at_the_clock(site.kind)) {
            continue;
        }
        let written = Written::of(&sites);
        let tasks: Vec<&Site<'_>> =
            sites.iter().filter(|site| matches!(site.kind, StateKind::Task(_))).collect();
        let Some(first) = tasks.first() else {
            if written.is_nothing() {
                let message = "This loop neither waits nor changes anything: it never ends";
                sites[0].say(report, Code::LoopWithoutWait, message.to_owned());
            }
            continue;
        };
        if tasks.iter().all(|site| !written.is_read_by(site.flow)) {
            let message = format!(
                "The task \"{}\" is called again and again with the same parameters, and nothing in this \
                 loop waits: put a Wait state into it",
                first.state.name
            );
            first.say(report, Code::LoopWithoutWait, message);
        }
    }
}

/// Whether a Choice asks the context object, where the time is.
fn looks_at_the_clock(kind: &StateKind<Target>) -> bool {
    let StateKind::Choice(choice) = kind else { return false };
    choice.rules.iter().any(|rule| match &rule.when {
        When::Condition(condition) => condition.paths().iter().any(|path| path.is_of_context()),
        When::Query(_) => true,
        When::Fixed(_) => false,
    })
}

/// Whether a state lasts: it waits, or does work that is waited for.
fn takes_time(kind: &StateKind<Target>) -> bool {
    match kind {
        StateKind::Wait(_) | StateKind::Parallel(_) | StateKind::Map(_) => true,
        StateKind::Task(task) => {
            let is_job = matches!(task.resource.pattern(), Pattern::Sync | Pattern::Sync2);
            is_job || task.resource.is_awaited()
        }
        StateKind::Pass(_) | StateKind::Choice(_) | StateKind::Succeed | StateKind::Fail(_) => {
            false
        }
    }
}

/// How long a call to receive messages waits for some.
const WAIT_TIME: &str = "WaitTimeSeconds";

/// Whether a task waits for messages of a queue to come.
fn asks_for_long(site: &Site<'_>) -> bool {
    let StateKind::Task(task) = site.kind else { return false };
    let Resource::Integration(call) = &task.resource else { return false };
    let parameters = match &site.flow.data {
        DataFlow::JsonPath(flow) => flow.parameters.as_ref(),
        DataFlow::Jsonata(flow) => flow.arguments.as_ref(),
    };
    let is_time = |value: &Value| value.as_f64().is_some_and(|seconds| seconds > 0.0);
    let waits = match parameters.map(Expression::outline) {
        Some(Outline::Literal(parameters)) => parameters.get(WAIT_TIME).is_some_and(is_time),
        Some(Outline::Object(members)) => members.iter().any(|(name, value)| match value {
            Outline::Literal(value) => *name == WAIT_TIME && is_time(value),
            _ => *name == WAIT_TIME,
        }),
        _ => false,
    };
    waits && call.resource_type() == "aws-sdk:sqs" && *call.action == *"receiveMessage"
}

/// What the states of a loop change of the data that go round: members of the input, and variables.
struct Written<'d> {
    /// Anything may be another.
    all: bool,
    names: HashSet<&'d str>,
    variables: HashSet<String>,
}

impl<'d> Written<'d> {
    fn of(sites: &[Site<'d>]) -> Self {
        let mut written = Self { all: false, names: HashSet::new(), variables: HashSet::new() };
        for site in sites {
            written.add(site);
        }
        written
    }

    fn add(&mut self, site: &Site<'d>) {
        let assigned = site.state.assigns.iter().map(ToString::to_string);
        self.variables.extend(assigned);
        let has_result = match site.kind {
            StateKind::Task(_) => true,
            StateKind::Pass(pass) => pass.result.is_some(),
            _ => false,
        };
        // Which error was caught, and what a catcher makes of it, is another thing each time.
        self.all |= match site.kind {
            StateKind::Task(task) => !task.catch.is_empty(),
            _ => false,
        };
        match &site.flow.data {
            DataFlow::JsonPath(flow) => {
                let filters = [&flow.input, &flow.output];
                self.all |= filters.iter().any(|it| !matches!(it, Filter::Whole));
                if has_result || flow.parameters.is_some() {
                    match &flow.result_path {
                        ResultPath::Replace => self.all = true,
                        ResultPath::Discard => {}
                        ResultPath::At(path) => match path.first_name() {
                            Some(name) => _ = self.names.insert(name),
                            None => self.all = true,
                        },
                    }
                }
            }
            DataFlow::Jsonata(flow) => self.all |= has_result || flow.output.is_some(),
        }
    }

    fn is_nothing(&self) -> bool {
        !self.all && self.names.is_empty() && self.variables.is_empty()
    }

    /// Whether what a task is given may be another the next time.
    fn is_read_by(&self, flow: &Flow) -> bool {
        if flow.variables().iter().any(|name| self.variables.contains(name)) {
            return true;
        }
        let touched = self.all || !self.names.is_empty();
        match &flow.data {
            DataFlow::JsonPath(flow) => match &flow.parameters {
                Some(parameters) => self.is_read_in(&parameters.outline()),
                None => touched,
            },
            DataFlow::Jsonata(flow) => match &flow.arguments {
                Some(arguments) => touched && !arguments.outline().is_literal(),
                None => touched,
            },
        }
    }

    fn is_read_in(&self, outline: &Outline<'_>) -> bool {
        match outline {
            Outline::Object(members) => members.iter().any(|(_, value)| self.is_read_in(value)),
            Outline::Array(items) => items.iter().any(|item| self.is_read_in(item)),
            Outline::Path(path) if path.is_of_input() => match path.first_name() {
                Some(name) => self.all || self.names.contains(name),
                None => true,
            },
            // The context object is the same each time, but for the time.
            Outline::Literal(_) | Outline::Path(_) => false,
            // Calls draw random numbers, too.
            Outline::Call | Outline::Query => true,
        }
    }
}
