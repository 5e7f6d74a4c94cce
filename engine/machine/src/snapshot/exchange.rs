//! A frame with its payloads and variables held another way.

use crate::execution::{At, Branches, Frame, Iterations, Memo, OpenTask, Sought};

/// What takes the place of a payload, and of variables.
pub(super) trait Exchange<P, V, Q, W> {
    fn payload(&mut self, payload: &P) -> Q;
    fn variables(&mut self, variables: &V) -> W;
}

impl<P, V> Frame<P, V> {
    pub(super) fn exchange<Q, W>(&self, with: &mut impl Exchange<P, V, Q, W>) -> Frame<Q, W> {
        Frame {
            id: self.id,
            parent: self.parent,
            state: self.state.clone(),
            input: with.payload(&self.input),
            variables: with.variables(&self.variables),
            entered: self.entered,
            before: self.before,
            entered_at: self.entered_at,
            last: self.last,
            retries: self.retries.clone(),
            retry_count: self.retry_count,
            at: self.at.exchange(with),
            closing: self.closing.clone(),
            is_doomed: self.is_doomed,
            is_over: self.is_over,
        }
    }
}

impl<P> At<P> {
    fn exchange<V, Q, W>(&self, with: &mut impl Exchange<P, V, Q, W>) -> At<Q> {
        match self {
            Self::Ready(state) => At::Ready(state.clone()),
            Self::Entered => At::Entered,
            Self::Seeking(sought) => At::Seeking(Sought {
                arn: sought.arn.clone(),
                at: sought.at,
                parameters: with.payload(&sought.parameters),
                timeout_seconds: sought.timeout_seconds,
                heartbeat_seconds: sought.heartbeat_seconds,
            }),
            Self::Task(task) => At::Task(OpenTask {
                id: task.id,
                kind: task.kind.clone(),
                parameters: with.payload(&task.parameters),
                timeout_seconds: task.timeout_seconds,
                heartbeat_seconds: task.heartbeat_seconds,
                phase: task.phase,
                queued: task.queued,
                claim: task.claim,
                deadline: task.deadline,
                scheduled_at: task.scheduled_at,
                started_at: task.started_at,
                heartbeat_due: task.heartbeat_due,
            }),
            Self::Waiting(until) => At::Waiting(*until),
            Self::Retrying(until) => At::Retrying(*until),
            Self::Branches(branches) => At::Branches(Branches {
                results: all(&branches.results, with),
                open: branches.open,
            }),
            Self::Iterations(iterations) => At::Iterations(Iterations {
                items: with.payload(&iterations.items),
                results: all(&iterations.results, with),
                open: iterations.open,
                next: iterations.next,
                concurrency: iterations.concurrency,
                start: iterations.start.clone(),
                chain: iterations.chain,
                selected_from: Memo::default(),
            }),
            Self::Done(output) => At::Done(with.payload(output)),
        }
    }
}

fn all<P, V, Q, W>(results: &[Option<P>], with: &mut impl Exchange<P, V, Q, W>) -> Vec<Option<Q>> {
    results.iter().map(|result| result.as_ref().map(|result| with.payload(result))).collect()
}
