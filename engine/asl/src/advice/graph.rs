//! Where control may go within one scope.

use crate::definition::{Definition, Scope, State, Transition};

/// The states of a scope by their index in it, and where each may go.
pub(super) struct Graph<'d> {
    pub(super) scope: &'d Scope,
    states: &'d [State],
    successors: Vec<Vec<usize>>,
}

impl<'d> Graph<'d> {
    pub(super) fn new(definition: &'d Definition, scope: &'d Scope) -> Self {
        let first = scope.states.start;
        let states = &definition.states[first as usize..scope.states.end as usize];
        let successors = |state: &State| {
            let mut to: Vec<usize> =
                state.transitions.iter().filter_map(|it| index_of(scope, &it.name)).collect();
            to.sort_unstable();
            to.dedup();
            to
        };
        Self { scope, states, successors: states.iter().map(successors).collect() }
    }

    pub(super) fn states(&self) -> impl Iterator<Item = &'d State> {
        self.states.iter()
    }

    pub(super) fn state(&self, index: usize) -> &'d State {
        &self.states[index]
    }

    /// Wherever a state names another, and which that is.
    pub(super) fn transitions(
        &self,
        index: usize,
    ) -> impl Iterator<Item = (&'d Transition, Option<usize>)> {
        self.states[index].transitions.iter().map(|it| (it, index_of(self.scope, &it.name)))
    }

    pub(super) fn successors(&self, index: usize) -> &[usize] {
        &self.successors[index]
    }

    /// Where the scope begins.
    pub(super) fn start(&self) -> Option<usize> {
        index_of(self.scope, self.scope.start_at.as_deref()?)
    }

    /// Which states some way leads to.
    pub(super) fn reached(&self) -> Vec<bool> {
        let mut reached = vec![false; self.states.len()];
        let mut open: Vec<usize> = self.start().into_iter().collect();
        while let Some(index) = open.pop() {
            if !std::mem::replace(&mut reached[index], true) {
                open.extend(self.successors(index));
            }
        }
        reached
    }

    /// The sets of states that lead to one another in a circle, each as large as can be.
    pub(super) fn circles(&self) -> Vec<Vec<usize>> {
        let mut predecessors = vec![Vec::new(); self.states.len()];
        for (from, successors) in self.successors.iter().enumerate() {
            for to in successors {
                predecessors[*to].push(from);
            }
        }
        // Kosaraju: those who are left last come first, and gather who leads to them.
        let mut component = vec![usize::MAX; self.states.len()];
        let mut circles = Vec::new();
        for root in self.left_last_first() {
            if component[root] != usize::MAX {
                continue;
            }
            let (mut members, mut open) = (Vec::new(), vec![root]);
            while let Some(index) = open.pop() {
                if component[index] == usize::MAX {
                    component[index] = circles.len();
                    members.push(index);
                    open.extend(&predecessors[index]);
                }
            }
            members.sort_unstable();
            circles.push(members);
        }
        circles.retain(|members| {
            members.len() > 1 || self.successors(members[0]).contains(&members[0])
        });
        circles
    }

    /// All states, the one first that a walk in depth leaves last.
    fn left_last_first(&self) -> Vec<usize> {
        let mut seen = vec![false; self.states.len()];
        let mut left = Vec::with_capacity(self.states.len());
        for root in 0..self.states.len() {
            let mut open = vec![(root, false)];
            while let Some((index, done)) = open.pop() {
                if done {
                    left.push(index);
                } else if !std::mem::replace(&mut seen[index], true) {
                    open.push((index, true));
                    open.extend(self.successors(index).iter().map(|next| (*next, false)));
                }
            }
        }
        left.reverse();
        left
    }
}

/// Which of its scope's states has this name.
fn index_of(scope: &Scope, name: &str) -> Option<usize> {
    scope.find(name).map(|id| (id.0 - scope.states.start) as usize)
}
