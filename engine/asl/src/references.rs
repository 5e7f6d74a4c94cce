//! Which variables each state mentions: `variableReferences` of `DescribeStateMachine`.

use std::collections::{BTreeMap, BTreeSet};

use crate::expression::Expression;
use crate::flow::DataFlow;
use crate::jsonata::Query;
use crate::path::Path;
use crate::program::{
    Catcher, Caught, Items, MaxConcurrency, Program, Seconds, State, StateKind, Text, Until, When,
};

impl Program {
    /// Whether a state assigns variables or is of JSONata, which AWS brought in November 2024.
    pub fn assigns_or_queries(&self) -> bool {
        self.states().any(|state| {
            state.flow.assign.is_some() || matches!(state.flow.data, DataFlow::Jsonata(_))
        })
    }

    /// The variables that each state mentions, by the names of the states; those that mention none are left
    /// out.
    pub fn variable_references(&self) -> BTreeMap<&str, BTreeSet<String>> {
        self.states()
            .map(|state| (&*state.name, state.variables()))
            .filter(|(_, variables)| !variables.is_empty())
            .collect()
    }
}

impl State {
    fn variables(&self) -> BTreeSet<String> {
        let mut found = Found(self.flow.variables().into_iter().collect());
        match &self.kind {
            StateKind::Pass(_) | StateKind::Succeed => {}
            StateKind::Task(task) => {
                for seconds in [&task.timeout, &task.heartbeat].into_iter().flatten() {
                    match seconds {
                        Seconds::Fixed(_) => {}
                        Seconds::Path(path) => found.path(path),
                        Seconds::Query(query) => found.query(query),
                    }
                }
                found.catchers(&task.catch);
            }
            StateKind::Choice(choice) => {
                for rule in &choice.rules {
                    match &rule.when {
                        When::Condition(condition) => {
                            condition.paths().into_iter().for_each(|path| found.path(path));
                        }
                        When::Query(query) => found.query(query),
                        When::Fixed(_) => {}
                    }
                    found.expressions([&rule.assign, &rule.output]);
                }
            }
            StateKind::Wait(wait) => match &wait.until {
                Until::Seconds(_) | Until::Timestamp(_) => {}
                Until::SecondsPath(path) | Until::TimestampPath(path) => found.path(path),
                Until::SecondsQuery(query) | Until::TimestampQuery(query) => {
                    found.query(query);
                }
            },
            StateKind::Fail(fail) => {
                for text in [&fail.error, &fail.cause].into_iter().flatten() {
                    match text {
                        Text::Fixed(_) => {}
                        Text::Path(path) => found.path(path),
                        Text::Call(call) => {
                            found.0.extend(call.variables().into_iter().map(str::to_owned));
                        }
                        Text::Query(query) => found.query(query),
                    }
                }
            }
            StateKind::Parallel(parallel) => found.catchers(&parallel.catch),
            StateKind::Map(map) => {
                match &map.items {
                    Items::Path(path) => found.path(path),
                    Items::Query(items) => found.expressions([items]),
                }
                match &map.max_concurrency {
                    MaxConcurrency::Fixed(_) => {}
                    MaxConcurrency::Path(path) => found.path(path),
                    MaxConcurrency::Query(query) => found.query(query),
                }
                found.expressions([&map.item_selector]);
                found.catchers(&map.catch);
            }
        }
        found.0
    }
}

/// The variables found so far.
struct Found(BTreeSet<String>);

impl Found {
    fn query(&mut self, query: &Query) {
        self.0.extend(query.variables().map(str::to_owned));
    }

    fn path(&mut self, path: &Path) {
        self.0.extend(path.variables().into_iter().map(str::to_owned));
    }

    fn expressions<const N: usize>(&mut self, expressions: [&Option<Expression>; N]) {
        let expressions = expressions.into_iter().flatten();
        self.0.extend(expressions.flat_map(Expression::variables));
    }

    fn catchers(&mut self, catchers: &[Catcher]) {
        for catcher in catchers {
            self.expressions([&catcher.assign]);
            if let Caught::Query(output) = &catcher.output {
                self.expressions([output]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::tests::check;

    #[test]
    fn references_are_found_wherever_a_state_may_mention_a_variable() {
        let program = crate::compile(
            r#"{"StartAt": "C", "States": {
                "C": {"Type": "Choice", "Default": "M", "Choices": [
                    {"Not": {"Variable": "$a.x", "StringEqualsPath": "$b"}, "Next": "M",
                     "Assign": {"z.$": "$c"}}]},
                "M": {"Type": "Map", "ItemsPath": "$items", "MaxConcurrencyPath": "$most",
                    "ItemSelector": {"v.$": "$e[0]"}, "Next": "F",
                    "ItemProcessor": {"StartAt": "W", "States": {
                        "W": {"Type": "Wait", "SecondsPath": "$seconds", "End": true}}},
                    "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "F",
                        "Assign": {"y.$": "$g"}}]},
                "F": {"Type": "Fail", "ErrorPath": "$h", "Cause": "c"}}}"#,
        )
        .unwrap();
        let shown: Vec<String> = program
            .variable_references()
            .into_iter()
            .map(|(state, names)| {
                format!("{state}: {}", names.into_iter().collect::<Vec<_>>().join(" "))
            })
            .collect();
        assert_eq!(shown, ["C: a b c", "F: h", "M: e g items most", "W: seconds"]);
    }

    #[test]
    fn an_inner_scope_does_not_assign_a_name_of_an_outer_one() {
        check(
            r#"{"StartAt": "A", "States": {
                "A": {"Type": "Pass", "Assign": {"shared.$": "$.x"}, "Next": "P"},
                "P": {"Type": "Parallel", "End": true, "Assign": {"late": 1}, "Branches": [
                    {"StartAt": "B", "States": {
                        "B": {"Type": "Pass", "Assign": {"shared": 1, "own": 2}, "Next": "C"},
                        "C": {"Type": "Pass", "Assign": {"late": 1}, "End": true}}},
                    {"StartAt": "D", "States": {
                        "D": {"Type": "Pass", "Assign": {"own": 2}, "End": true}}}]}}}"#,
            "SCHEMA_VALIDATION_FAILED: The variable name 'shared' was already defined in a parent scope. at /States/P/Branches[0]/States/B
             SCHEMA_VALIDATION_FAILED: The variable name 'late' was already defined in a parent scope. at /States/P/Branches[0]/States/C",
        );
    }
}
