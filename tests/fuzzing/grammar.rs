//! Definitions from a grammar of the language's fields, most of them valid.

use serde_json::{Map, Value, json};

use super::dice::Dice;
use super::pools::{CALLS, ERRORS, EXPRESSIONS, PATHS, PLACES, RESOURCES, TESTS, VALUES};

/// How deep Maps and Parallels nest.
const DEEPEST: usize = 2;

/// Members of templates, so that what follows finds them, and variables.
const MEMBERS: [&str; 4] = ["a", "n", "s", "x"];

/// Most states of one level.
const MOST_STATES: usize = 5;

/// A definition.
pub(super) fn definition(dice: &mut Dice) -> Value {
    // Most are in JSONPath, which the language is by default.
    let (jsonata, assigns, calls) = (dice.one_in(4), dice.one_in(4), dice.one_in(3));
    let mut grammar = Grammar { dice, jsonata, assigns, calls, names: 0 };
    let mut machine = grammar.machine(0);
    if jsonata {
        machine.insert("QueryLanguage".to_owned(), json!("JSONata"));
    }
    grammar.maybe(&mut machine, 8, "Comment", |_| json!("made by a fuzzer"));
    grammar.maybe(&mut machine, 8, "Version", |_| json!("1.0"));
    grammar.maybe(&mut machine, 8, "TimeoutSeconds", |it| json!(it.dice.below(1_000)));
    Value::Object(machine)
}

/// A value that some field may have, or may not.
pub(super) fn any_value(dice: &mut Dice) -> Value {
    let text = match dice.below(5) {
        0 => return json!(dice.prefer(&PATHS)),
        1 => return json!(dice.prefer(&CALLS)),
        2 => return json!(dice.prefer(&EXPRESSIONS)),
        _ => dice.pick(&VALUES),
    };
    // Numbers beyond what JSON values hold here are for texts alone.
    serde_json::from_str(text).unwrap_or(Value::Null)
}

struct Grammar<'d> {
    dice: &'d mut Dice,
    jsonata: bool,
    /// Whether it has variables.
    assigns: bool,
    /// Whether it calls intrinsic functions.
    calls: bool,
    /// Names of states that have been given.
    names: usize,
}

type Object = Map<String, Value>;

impl Grammar<'_> {
    fn maybe(
        &mut self,
        object: &mut Object,
        one_in: usize,
        name: &str,
        value: impl Fn(&mut Self) -> Value,
    ) {
        if self.dice.one_in(one_in) {
            let value = value(self);
            object.insert(name.to_owned(), value);
        }
    }

    /// `StartAt` and `States`: each state goes on to a later one, now and then to any.
    fn machine(&mut self, depth: usize) -> Object {
        let count = 1 + self.dice.below(MOST_STATES);
        let first = self.names;
        self.names += count;
        let names: Vec<String> = (first..first + count).map(|name| format!("S{name}")).collect();
        let states: Object = (0..count)
            .map(|index| (names[index].clone(), self.state(&names, index, depth)))
            .collect();
        Object::from_iter([
            ("StartAt".to_owned(), json!(names[0])),
            ("States".to_owned(), Value::Object(states)),
        ])
    }

    fn state(&mut self, names: &[String], index: usize, depth: usize) -> Value {
        let is_last = index + 1 == names.len();
        let mut state = Object::new();
        let nests = depth < DEEPEST;
        let kinds: &[&str] = match (is_last, nests) {
            (true, true) => &["Pass", "Task", "Map", "Parallel", "Succeed", "Fail"],
            (true, false) => &["Pass", "Task", "Task", "Succeed", "Fail"],
            (false, true) => &["Pass", "Task", "Task", "Choice", "Wait", "Parallel", "Map"],
            (false, false) => &["Pass", "Task", "Task", "Choice", "Wait"],
        };
        let kind = *self.dice.pick(kinds);
        state.insert("Type".to_owned(), json!(kind));
        self.specific(&mut state, kind, names, index, depth);
        let ends = matches!(kind, "Choice" | "Succeed" | "Fail");
        if !ends && is_last {
            state.insert("End".to_owned(), json!(true));
        } else if !ends {
            state.insert("Next".to_owned(), json!(names[index + 1]));
        }
        if kind != "Fail" {
            self.flow(&mut state, kind);
        }
        Value::Object(state)
    }

    /// A state that is reached otherwise, too: the next one, or any, perhaps an earlier one.
    fn next(&mut self, names: &[String], index: usize) -> Value {
        let usual = (index + 1).min(names.len() - 1);
        let next = if self.dice.one_in(3) { self.dice.below(names.len()) } else { usual };
        json!(names[next])
    }

    fn specific(
        &mut self,
        state: &mut Object,
        kind: &str,
        names: &[String],
        index: usize,
        depth: usize,
    ) {
        let mut set = |name: &str, value: Value| state.insert(name.to_owned(), value);
        match kind {
            "Task" => {
                set("Resource", json!(self.dice.prefer(&RESOURCES)));
                self.maybe(state, 4, "TimeoutSeconds", |it| json!(2 + it.dice.below(90)));
                self.maybe(state, 8, "HeartbeatSeconds", |_| json!(1));
                self.failing(state, names, index);
            }
            "Wait" => {
                let (name, value) = self.wait();
                set(name, value);
            }
            "Choice" => {
                let rules = (0..=self.dice.below(3)).map(|_| self.rule(names, index)).collect();
                set("Choices", Value::Array(rules));
                if !self.dice.one_in(6) {
                    set("Default", json!(names[index + 1]));
                }
            }
            "Parallel" => {
                let branches = (0..=self.dice.below(3)).map(|_| self.machine(depth + 1).into());
                set("Branches", Value::Array(branches.collect()));
                self.failing(state, names, index);
            }
            "Map" => {
                set("ItemProcessor", self.machine(depth + 1).into());
                let (items, path) =
                    if self.jsonata { ("Items", EXPRESSIONS[1]) } else { ("ItemsPath", "$.list") };
                if !self.dice.one_in(12) {
                    state.insert(items.to_owned(), json!(path));
                }
                self.maybe(state, 3, "MaxConcurrency", |it| json!(it.dice.below(4)));
                self.maybe(state, 3, "ItemSelector", |it| it.template(0));
                self.failing(state, names, index);
            }
            "Fail" => {
                self.maybe(state, 2, "Error", |it| json!(it.dice.prefer(&ERRORS)));
                self.maybe(state, 3, "Cause", |_| json!("because"));
            }
            "Pass" => self.maybe(state, 6, "Result", |it| any_value(it.dice)),
            _ => {}
        }
    }

    fn wait(&mut self) -> (&'static str, Value) {
        match self.dice.below(4) {
            0 => ("Seconds", json!(self.dice.below(100))),
            1 if self.dice.one_in(8) => ("Timestamp", json!(super::timestamps::text(self.dice))),
            1 => ("Timestamp", json!("2024-02-29T12:00:00.5+01:00")),
            2 if self.jsonata => ("Seconds", json!(self.dice.prefer(&EXPRESSIONS))),
            2 => ("SecondsPath", json!(self.dice.prefer(&PLACES))),
            _ => ("Seconds", json!(1)),
        }
    }

    fn failing(&mut self, state: &mut Object, names: &[String], index: usize) {
        self.maybe(state, 3, "Retry", |it| {
            json!([{
                "ErrorEquals": [it.dice.prefer(&ERRORS)], "IntervalSeconds": 1 + it.dice.below(9),
                "MaxAttempts": it.dice.below(4), "BackoffRate": 1.5, "JitterStrategy": "FULL",
            }])
        });
        self.maybe(state, 3, "Catch", |it| {
            let mut catcher = Object::new();
            catcher.insert("ErrorEquals".to_owned(), json!([it.dice.prefer(&ERRORS)]));
            catcher.insert("Next".to_owned(), it.next(names, index));
            if !it.jsonata {
                it.maybe(&mut catcher, 2, "ResultPath", |it| json!(it.dice.prefer(&PLACES)));
            }
            if it.assigns {
                it.maybe(&mut catcher, 3, "Assign", |it| it.template(0));
            }
            json!([catcher])
        });
    }

    fn rule(&mut self, names: &[String], index: usize) -> Value {
        let mut rule = self.condition(0);
        rule.insert("Next".to_owned(), self.next(names, index));
        Value::Object(rule)
    }

    fn condition(&mut self, depth: usize) -> Object {
        if self.jsonata {
            let condition = json!(self.dice.prefer(&EXPRESSIONS));
            return Object::from_iter([("Condition".to_owned(), condition)]);
        }
        if depth < 2 && self.dice.one_in(4) {
            let inner = Value::Object(self.condition(depth + 1));
            let (name, value) = match *self.dice.pick(&["Not", "And", "Or"]) {
                "Not" => ("Not", inner),
                name => (name, json!([inner, self.condition(depth + 1)])),
            };
            return Object::from_iter([(name.to_owned(), value)]);
        }
        // What is wrong, at the end of the pool, is for few.
        let known = if self.dice.one_in(20) { TESTS.len() } else { TESTS.len() - 3 };
        let (operator, operand) = self.dice.pick(&TESTS[..known]);
        let operand = serde_json::from_str(operand).unwrap_or(Value::Null);
        Object::from_iter([
            ("Variable".to_owned(), json!(self.dice.prefer(&PLACES))),
            ((*operator).to_owned(), operand),
        ])
    }

    /// The fields of the data flow, of either language.
    fn flow(&mut self, state: &mut Object, kind: &str) {
        let works = matches!(kind, "Task" | "Parallel" | "Map");
        if self.assigns {
            self.maybe(state, 3, "Assign", |it| it.template(0));
        }
        if self.jsonata {
            self.maybe(state, 3, "Output", |it| it.template(0));
            if matches!(kind, "Task" | "Parallel") {
                self.maybe(state, 3, "Arguments", |it| it.template(0));
            }
            return;
        }
        self.maybe(state, 8, "InputPath", |it| json!(it.dice.prefer(&PATHS)));
        self.maybe(state, 8, "OutputPath", |it| json!(it.dice.prefer(&PATHS)));
        if works || kind == "Pass" {
            self.maybe(state, 3, "ResultPath", |it| json!(it.dice.prefer(&PLACES)));
        }
        if kind == "Task" || kind == "Parallel" || kind == "Pass" {
            self.maybe(state, 4, "Parameters", |it| it.template(0));
        }
        if works {
            self.maybe(state, 4, "ResultSelector", |it| it.template(0));
        }
    }

    /// An object with paths, calls or expressions in it.
    fn template(&mut self, depth: usize) -> Value {
        let mut template = Object::new();
        let count = self.dice.below(MEMBERS.len());
        for name in &MEMBERS[..count] {
            let name = (*name).to_owned();
            let choice = self.dice.below(8);
            match choice {
                0 if depth < 3 => {
                    template.insert(name, self.template(depth + 1));
                }
                1 if depth < 3 => {
                    template.insert(name, json!([self.template(depth + 1), 1]));
                }
                2 | 3 => {
                    template.insert(name, any_value(self.dice));
                }
                4..=7 if self.jsonata => {
                    template.insert(name, json!(self.dice.prefer(&EXPRESSIONS)));
                }
                4 if self.calls => {
                    template.insert(format!("{name}.$"), json!(self.dice.prefer(&CALLS)));
                }
                _ => {
                    template.insert(format!("{name}.$"), json!(self.dice.prefer(&PATHS)));
                }
            }
        }
        Value::Object(template)
    }
}
