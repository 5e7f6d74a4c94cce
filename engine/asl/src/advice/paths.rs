//! Paths that can never lead anywhere, given what flows into their states; variables that nothing assigns.

use std::collections::{BTreeMap, HashSet};

use super::Site;
use super::graph::Graph;
use super::shape::Shape;
use crate::choice_rule::{Comparison, Condition, Test, ValueKind};
use crate::definition::{Definition, ScopeId, Target};
use crate::diagnostic::{Code, Report};
use crate::expression::{Expression, Outline};
use crate::flow::{DataFlow, Filter, PathFlow, ResultPath};
use crate::path::Path;
use crate::program::{Caught, Items, Pattern, Resource, Seconds, StateKind, Until, When};

/// A state is looked at so often before anything is thought possible of its input.
const MAX_VISITS: usize = 6;

/// Members looked at in one definition; beyond, nothing is said.
const MAX_WORK: usize = 1_000_000;

/// Reports what no data can have.
pub(super) fn check(definition: &Definition, report: &Report) {
    let mut analysis = Analysis { definition, report, work: 0, assigned: assigned(definition) };
    let mut open = vec![(ScopeId(0), Shape::Any)];
    while let Some((id, input)) = open.pop() {
        open.extend(analysis.scope(id, input));
    }
}

/// Every name that some state assigns, whatever its scope; an inner scope sees those around it.
fn assigned(definition: &Definition) -> HashSet<String> {
    let mut names: HashSet<String> = HashSet::new();
    for state in &definition.states {
        names.extend(state.assigns.iter().map(ToString::to_string));
        let Some((_, kind)) = &state.says else { continue };
        let catchers = match kind {
            StateKind::Task(task) => &task.catch,
            StateKind::Parallel(parallel) => &parallel.catch,
            StateKind::Map(map) => &map.catch,
            _ => continue,
        };
        for assign in catchers.iter().filter_map(|catcher| catcher.assign.as_ref()) {
            if let Outline::Object(members) = assign.outline() {
                names.extend(members.iter().map(|(name, _)| (*name).to_owned()));
            }
        }
    }
    names
}

struct Analysis<'d> {
    definition: &'d Definition,
    report: &'d Report,
    work: usize,
    assigned: HashSet<String>,
}

impl<'d> Analysis<'d> {
    /// Reports on one scope, and says what flows into those inside it.
    fn scope(&mut self, id: ScopeId, input: Shape) -> Vec<(ScopeId, Shape)> {
        let scope = self.definition.scope(id);
        let graph = Graph::new(self.definition, scope);
        let Some(start) = graph.start() else { return Vec::new() };
        let inputs = self.inputs(&graph, start, input);
        let mut inner = Vec::new();
        for (state, input) in graph.states().zip(inputs) {
            let (Some(site), Some(input)) = (Site::new(scope, state), input) else { continue };
            let mut reader = Reader { site, found: Vec::new() };
            reader.read(&input, &mut |scope, input| inner.push((scope, input)));
            for (field, message) in reader.found {
                site.say_at(&field, self.report, Code::PathNeverExists, message);
            }
            self.variables(site);
        }
        inner
    }

    /// What may flow into each state, as far as it is known; nothing for those that are not reached.
    fn inputs(&mut self, graph: &Graph<'d>, start: usize, input: Shape) -> Vec<Option<Shape>> {
        let count = graph.states().count();
        let (mut inputs, mut visits) = (vec![None; count], vec![0; count]);
        inputs[start] = Some(input);
        let mut open = vec![start];
        while let Some(index) = open.pop() {
            visits[index] += 1;
            let input = inputs[index].clone().unwrap_or(Shape::Any);
            self.work += 1 + input.count();
            let state = graph.state(index);
            let outputs = Site::new(graph.scope, state)
                .filter(|_| self.work < MAX_WORK)
                .map(|site| outputs(site, &input));
            let mut catchers = outputs.iter().flat_map(|outputs| &outputs.caught);
            let mut flows: BTreeMap<usize, Vec<Shape>> = BTreeMap::new();
            for (transition, next) in graph.transitions(index) {
                let shape = match &outputs {
                    None => Shape::Any,
                    Some(_) if transition.is_of_catcher() => {
                        catchers.next().cloned().unwrap_or(Shape::Any)
                    }
                    Some(outputs) => outputs.ends.clone(),
                };
                let Some(next) = next else { continue };
                self.work += 1 + shape.count();
                flows.entry(next).or_default().push(shape);
            }
            for (next, shapes) in flows {
                let known = inputs[next].clone();
                let joined = match known {
                    Some(_) if visits[next] >= MAX_VISITS => Shape::Any,
                    known => Shape::any_of(known.into_iter().chain(shapes).collect()),
                };
                if inputs[next].as_ref() != Some(&joined) {
                    inputs[next] = Some(joined);
                    open.push(next);
                }
            }
        }
        inputs
    }

    fn variables(&self, site: Site<'_>) {
        let mentioned = site.flow.variables();
        let mut missing: Vec<&String> =
            mentioned.iter().filter(|name| !self.assigned.contains(*name)).collect();
        missing.sort_unstable();
        missing.dedup();
        for name in missing {
            let message = format!("No state assigns the variable `{name}`");
            site.say(self.report, Code::PathNeverExists, message);
        }
    }
}

/// What flows out of a state.
struct Outputs {
    ends: Shape,
    /// By its catchers, in their order.
    caught: Vec<Shape>,
}

fn outputs(site: Site<'_>, input: &Shape) -> Outputs {
    let mut reader = Reader { site, found: Vec::new() };
    let ends = reader.read(input, &mut |_, _| {});
    let catchers = match site.kind {
        StateKind::Task(task) => &task.catch[..],
        StateKind::Parallel(parallel) => &parallel.catch,
        StateKind::Map(map) => &map.catch,
        _ => &[],
    };
    let error = ["Error", "Cause"].map(|name| (name.into(), Shape::Leaf));
    let error = Shape::object(error);
    let caught = catchers.iter().map(|catcher| match &catcher.output {
        Caught::Path(ResultPath::Replace) | Caught::Query(None) => error.clone(),
        Caught::Path(ResultPath::Discard) => input.clone(),
        Caught::Path(ResultPath::At(place)) => input.with(place, error.clone()),
        Caught::Query(Some(output)) => unread(output),
    });
    Outputs { caught: caught.collect(), ends }
}

fn unread(expression: &Expression) -> Shape {
    Shape::of_outline(&expression.outline(), &mut |_| Shape::Any)
}

/// Reads what one state reads.
struct Reader<'d> {
    site: Site<'d>,
    /// Field and message.
    found: Vec<(String, String)>,
}

impl Reader<'_> {
    /// What flows out, given what flows in; tells what flows into inner scopes.
    fn read(&mut self, input: &Shape, enter: &mut dyn FnMut(ScopeId, Shape)) -> Shape {
        match &self.site.flow.data {
            DataFlow::JsonPath(flow) => self.paths(flow, input, enter),
            DataFlow::Jsonata(flow) => {
                self.enter(&Shape::Any, enter);
                match (&flow.output, self.site.kind) {
                    (_, StateKind::Choice(choice))
                        if choice.rules.iter().any(|rule| rule.output.is_some()) =>
                    {
                        Shape::Any
                    }
                    (Some(output), _) => unread(output),
                    (None, StateKind::Pass(_) | StateKind::Wait(_) | StateKind::Choice(_)) => {
                        input.clone()
                    }
                    (None, _) => Shape::Any,
                }
            }
        }
    }

    fn paths(
        &mut self,
        flow: &PathFlow,
        raw: &Shape,
        enter: &mut dyn FnMut(ScopeId, Shape),
    ) -> Shape {
        let input = self.filter("InputPath", &flow.input, raw);
        let given = match &flow.parameters {
            Some(parameters) => self.expression("Parameters", parameters, &input),
            None => input.clone(),
        };
        self.own_fields(&input);
        self.enter(
            if matches!(self.site.kind, StateKind::Map(_)) { &input } else { &given },
            enter,
        );
        let result = match self.site.kind {
            StateKind::Pass(pass) => match &pass.result {
                Some(result) => Shape::of(result.value()),
                None => given,
            },
            StateKind::Task(task) => of_result(&task.resource),
            StateKind::Parallel(_) | StateKind::Map(_) => Shape::Any,
            StateKind::Wait(_) | StateKind::Choice(_) | StateKind::Succeed | StateKind::Fail(_) => {
                return self.filter("OutputPath", &flow.output, &input);
            }
        };
        let result = match &flow.result_selector {
            Some(selector) => self.expression("ResultSelector", selector, &result),
            None => result,
        };
        let placed = match &flow.result_path {
            ResultPath::Replace => result,
            ResultPath::Discard => raw.clone(),
            ResultPath::At(place) => raw.with(place, result),
        };
        self.filter("OutputPath", &flow.output, &placed)
    }

    fn filter(&mut self, field: &str, filter: &Filter, shape: &Shape) -> Shape {
        match filter {
            Filter::Whole => shape.clone(),
            Filter::Empty => Shape::object([]),
            Filter::Path(path) => self.path(field, path, shape),
        }
    }

    fn expression(&mut self, field: &str, expression: &Expression, shape: &Shape) -> Shape {
        Shape::of_outline(&expression.outline(), &mut |path| self.path(field, path, shape))
    }

    /// What a path leads to; says so if that is nothing.
    fn path(&mut self, field: &str, path: &Path, shape: &Shape) -> Shape {
        let context;
        let shape = if path.is_of_input() {
            shape
        } else if path.is_of_context() {
            context = self.context(field);
            &context
        } else {
            return Shape::Any;
        };
        if let Some(found) = shape.at(&path.reach()) {
            return found;
        }
        let message = format!("Nothing that flows in here has what `{}` names", path.text());
        self.found.push((field.to_owned(), message));
        Shape::Any
    }

    /// What only some types of states have.
    fn own_fields(&mut self, input: &Shape) {
        match self.site.kind {
            StateKind::Task(task) => {
                let times = [
                    ("TimeoutSecondsPath", &task.timeout),
                    ("HeartbeatSecondsPath", &task.heartbeat),
                ];
                for (field, seconds) in times {
                    if let Some(Seconds::Path(path)) = seconds {
                        self.path(field, path, input);
                    }
                }
            }
            StateKind::Wait(wait) => match &wait.until {
                Until::SecondsPath(path) => _ = self.path("SecondsPath", path, input),
                Until::TimestampPath(path) => _ = self.path("TimestampPath", path, input),
                _ => {}
            },
            StateKind::Map(map) => {
                if let Items::Path(path) = &map.items {
                    self.path("ItemsPath", path, input);
                }
                if let Some(selector) = &map.item_selector {
                    self.expression("ItemSelector", selector, input);
                }
            }
            StateKind::Choice(choice) => {
                for (index, rule) in choice.rules.iter().enumerate() {
                    if let When::Condition(condition) = &rule.when {
                        self.condition(&format!("Choices[{index}]"), condition, input);
                    }
                }
            }
            _ => {}
        }
    }

    /// What a condition reads. Whoever asks whether something is there knows that it may not be.
    fn condition(&mut self, field: &str, condition: &Condition, input: &Shape) {
        match condition {
            Condition::And(all) | Condition::Or(all) => {
                if !all.iter().any(asks_for_presence) {
                    all.iter().for_each(|it| self.condition(field, it, input));
                }
            }
            Condition::Not(inner) => self.condition(field, inner, input),
            Condition::Compare(_) if asks_for_presence(condition) => {}
            Condition::Compare(_) => {
                for path in condition.paths() {
                    self.path(field, path, input);
                }
            }
        }
    }

    /// Tells what flows into the scopes inside this state.
    fn enter(&mut self, given: &Shape, enter: &mut dyn FnMut(ScopeId, Shape)) {
        match self.site.kind {
            StateKind::Parallel(parallel) => {
                for branch in &parallel.branches {
                    if let Target::StartOf(scope) = branch {
                        enter(*scope, given.clone());
                    }
                }
            }
            StateKind::Map(map) => {
                let Target::StartOf(scope) = map.processor else { return };
                let item = match &map.item_selector {
                    Some(Expression::Template(selector)) => {
                        Shape::of_outline(&selector.outline(), &mut |path| {
                            if path.is_of_input() {
                                given.at(&path.reach()).unwrap_or(Shape::Any)
                            } else {
                                Shape::Any
                            }
                        })
                    }
                    Some(selector) => unread(selector),
                    None => Shape::Any,
                };
                enter(scope, item);
            }
            _ => {}
        }
    }

    /// The context object as a field sees it.
    fn context(&self, field: &str) -> Shape {
        let leaves =
            |names: &[&str]| Shape::object(names.iter().map(|name| ((*name).into(), Shape::Leaf)));
        let execution = ["Id", "StartTime", "Name", "RoleArn", "RedriveCount", "RedriveTime"]
            .into_iter()
            .map(|name| (name.into(), Shape::Leaf))
            .chain([("Input".into(), Shape::Any)]);
        let mut members: Vec<(Box<str>, Shape)> = vec![
            ("Execution".into(), Shape::object(execution)),
            ("StateMachine".into(), leaves(&["Id", "Name"])),
            ("State".into(), leaves(&["EnteredTime", "Name", "RetryCount"])),
        ];
        if self.has_token() {
            members.push(("Task".into(), leaves(&["Token"])));
        }
        // Where else an iteration's item is seen has not been recorded.
        if field == "ItemSelector" || self.site.scope.parent.is_some() {
            members.push(("Map".into(), Shape::Any));
        }
        Shape::object(members)
    }

    fn has_token(&self) -> bool {
        let StateKind::Task(task) = self.site.kind else { return false };
        task.resource.is_awaited()
    }
}

/// What is known of a task's result.
fn of_result(resource: &Resource) -> Shape {
    let Resource::Integration(integration) = resource else { return Shape::Any };
    if !integration.invokes_lambda() || integration.pattern != Pattern::RequestResponse {
        return Shape::Any;
    }
    let members = [
        "ExecutedVersion",
        "FunctionError",
        "LogResult",
        "Payload",
        "SdkHttpMetadata",
        "SdkResponseMetadata",
        "StatusCode",
    ];
    Shape::object(members.map(|name| (name.into(), Shape::Any)))
}

fn asks_for_presence(condition: &Condition) -> bool {
    match condition {
        Condition::Compare(Comparison { test, .. }) => {
            matches!(test, Test::Is(ValueKind::Present, _))
        }
        Condition::Not(inner) => asks_for_presence(inner),
        Condition::And(all) | Condition::Or(all) => all.iter().any(asks_for_presence),
    }
}
