//! What an execution's frames are found by: readiness, time, task, parent. Kept true by whoever changes
//! a frame.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use asl::Payload;

use crate::event::FrameId;
use crate::execution::Frame;
use crate::held::Held;
use crate::timestamp::Timestamp;

/// Indexes over the frames of one execution.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Indexes {
    /// Frames that can go on at once, in the order in which they came to be ready.
    pub(crate) ready: VecDeque<FrameId>,
    /// When which frame wants to be woken; the earliest first.
    pub(crate) timers: BTreeSet<(Timestamp, FrameId)>,
    /// Frames by the number of the task that is open there.
    pub(crate) tasks: BTreeMap<u64, FrameId>,
    /// How many frames wait for something that only memory knows of: a call, a look-up, a
    /// heartbeat.
    pub(crate) tied: usize,
    /// Each parent with each of its children.
    pub(crate) children: BTreeSet<(FrameId, FrameId)>,
    pub(crate) held: Held,
}

impl Indexes {
    /// A frame comes.
    pub(crate) fn enter(&mut self, frame: &Frame) {
        frame.variables.all_own().for_each(|value| self.held.hold(value));
        frame.at.results().iter().flatten().for_each(|result| self.held.hold(result));
        self.children.extend(frame.parent.map(|(parent, _)| (parent, frame.id)));
        self.add(frame);
    }

    /// A frame goes.
    pub(crate) fn leave(&mut self, frame: &Frame) {
        if let Some((parent, _)) = frame.parent {
            self.children.remove(&(parent, frame.id));
        }
        self.forget(frame.at.results());
        frame.variables.all_own().for_each(|value| self.held.release(value));
        self.remove(frame);
    }

    /// The frames right below this one, oldest first.
    pub(crate) fn children_of(&self, id: FrameId) -> impl Iterator<Item = FrameId> {
        let all = (id, FrameId::ROOT)..=(id, FrameId(u32::MAX));
        self.children.range(all).map(|(_, child)| *child)
    }

    /// The oldest frame right below this one that is younger than that one.
    pub(crate) fn child_after(&self, id: FrameId, child: FrameId) -> Option<FrameId> {
        let (after, last) = ((id, FrameId(child.0.saturating_add(1))), (id, FrameId(u32::MAX)));
        self.children.range(after..=last).next().map(|(_, child)| *child)
    }

    /// All frames below this one.
    pub(crate) fn below(&self, id: FrameId) -> impl Iterator<Item = FrameId> {
        let mut open = vec![self.children_of(id)];
        std::iter::from_fn(move || {
            loop {
                let Some(child) = open.last_mut()?.next() else {
                    open.pop();
                    continue;
                };
                open.push(self.children_of(child));
                return Some(child);
            }
        })
    }

    /// These results of branches or iterations go.
    pub(crate) fn forget(&mut self, results: &[Option<Payload>]) {
        results.iter().flatten().for_each(|result| self.held.release(result));
    }

    /// Before a frame changes. Results and variables are counted as they come and go.
    pub(crate) fn remove(&mut self, frame: &Frame) {
        frame.payloads().for_each(|payload| self.held.release(payload));
        self.held.subtract(frame.weight());
        if let Some(due) = frame.due() {
            self.timers.remove(&(due, frame.id));
        }
        if let Some(task) = frame.open_task() {
            self.tasks.remove(&task.id);
        }
        if frame.is_tied() {
            self.tied -= 1;
        }
        if frame.is_ready() {
            if self.ready.front() == Some(&frame.id) {
                self.ready.pop_front();
            } else {
                self.ready.retain(|id| *id != frame.id);
            }
        }
    }

    /// After a frame changed.
    pub(crate) fn add(&mut self, frame: &Frame) {
        frame.payloads().for_each(|payload| self.held.hold(payload));
        self.held.add(frame.weight());
        if let Some(due) = frame.due() {
            self.timers.insert((due, frame.id));
        }
        if let Some(task) = frame.open_task() {
            self.tasks.insert(task.id, frame.id);
        }
        if frame.is_tied() {
            self.tied += 1;
        }
        if frame.closing.is_some() && frame.is_ready() {
            // What is being closed goes before all else, as if it were done at once.
            self.ready.push_front(frame.id);
        } else if frame.is_ready() {
            self.ready.push_back(frame.id);
        }
    }
}
