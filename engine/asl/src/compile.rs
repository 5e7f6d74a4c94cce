//! Definition → program, once nothing is wrong with the definition: names become numbers.

use std::collections::HashMap;

use crate::definition::{Definition, Scope, Target};
use crate::program::{
    Catcher, Choice, ChoiceRule, Map, Next, Parallel, Pass, Program, State, StateId, StateKind,
    Task, Wait,
};

/// The program, unless something in the definition could not be read, or a name leads nowhere.
pub(crate) fn compile(definition: Definition) -> Option<Program> {
    let Definition { states: written, scopes, timeout_seconds } = definition;
    let mut states = Vec::with_capacity(written.len());
    let mut by_name = HashMap::with_capacity(written.len());
    let mut scope_of = vec![0; written.len()];
    for (index, scope) in scopes.iter().enumerate() {
        for state in scope.states.clone() {
            scope_of[state as usize] = index;
        }
    }
    for (id, state) in (0..).map(StateId).zip(written) {
        by_name.insert(state.name.clone(), id);
        let (flow, kind) = state.says?;
        let to = To { scope: &scopes[scope_of[id.0 as usize]], scopes: &scopes };
        states.push(State { name: state.name, flow, kind: to.kind(kind)? });
    }
    let start = start_of(scopes.first()?)?;
    Some(Program { states: states.into_boxed_slice(), by_name, start, timeout_seconds })
}

fn start_of(scope: &Scope) -> Option<StateId> {
    scope.names.get(scope.start_at.as_deref()?).copied()
}

/// Finds what the states of one scope name.
struct To<'a> {
    scope: &'a Scope,
    scopes: &'a [Scope],
}

impl To<'_> {
    fn target(&self, target: &Target) -> Option<StateId> {
        match target {
            Target::Named(name) => self.scope.names.get(&**name).copied(),
            Target::StartOf(scope) => start_of(self.scopes.get(scope.0 as usize)?),
        }
    }

    fn next(&self, next: &Next<Target>) -> Option<Next> {
        Some(match next {
            Next::State(target) => Next::State(self.target(target)?),
            Next::End => Next::End,
        })
    }

    fn catchers(&self, catchers: Box<[Catcher<Target>]>) -> Option<Box<[Catcher]>> {
        let catcher = |it: Catcher<Target>| {
            let next = self.target(&it.next)?;
            let Catcher { error_equals, output, assign, .. } = it;
            Some(Catcher { error_equals, output, assign, next })
        };
        catchers.into_iter().map(catcher).collect()
    }

    fn rules(&self, rules: Box<[ChoiceRule<Target>]>) -> Option<Box<[ChoiceRule]>> {
        let rule = |it: ChoiceRule<Target>| {
            let next = self.target(&it.next)?;
            let ChoiceRule { when, assign, output, .. } = it;
            Some(ChoiceRule { when, assign, output, next })
        };
        rules.into_iter().map(rule).collect()
    }

    fn kind(&self, kind: StateKind<Target>) -> Option<StateKind> {
        Some(match kind {
            StateKind::Pass(Pass { result, next }) => {
                StateKind::Pass(Pass { result, next: self.next(&next)? })
            }
            StateKind::Task(Task { resource, timeout, heartbeat, retry, catch, next }) => {
                let (catch, next) = (self.catchers(catch)?, self.next(&next)?);
                StateKind::Task(Task { resource, timeout, heartbeat, retry, catch, next })
            }
            StateKind::Choice(Choice { rules, default }) => {
                let default = match default {
                    Some(target) => Some(self.target(&target)?),
                    None => None,
                };
                StateKind::Choice(Choice { rules: self.rules(rules)?, default })
            }
            StateKind::Wait(Wait { until, next }) => {
                StateKind::Wait(Wait { until, next: self.next(&next)? })
            }
            StateKind::Succeed => StateKind::Succeed,
            StateKind::Fail(fail) => StateKind::Fail(fail),
            StateKind::Parallel(Parallel { branches, retry, catch, next }) => {
                let branches: Option<Box<[StateId]>> =
                    branches.iter().map(|target| self.target(target)).collect();
                let (catch, next) = (self.catchers(catch)?, self.next(&next)?);
                StateKind::Parallel(Parallel { branches: branches?, retry, catch, next })
            }
            StateKind::Map(it) => StateKind::Map(self.map(it)?),
        })
    }

    fn map(&self, map: Map<Target>) -> Option<Map> {
        Some(Map {
            items: map.items,
            item_selector: map.item_selector,
            max_concurrency: map.max_concurrency,
            processor: self.target(&map.processor)?,
            retry: map.retry,
            catch: self.catchers(map.catch)?,
            next: self.next(&map.next)?,
        })
    }
}
