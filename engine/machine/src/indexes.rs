//! What an execution's frames are found by: readiness, time, task. Kept true by whoever changes
//! a frame.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::event::FrameId;
use crate::execution::{At, Frame};
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
}

impl Indexes {
    /// Before a frame changes or goes.
    pub(crate) fn remove(&mut self, frame: &Frame) {
        if let Some(due) = frame.due() {
            self.timers.remove(&(due, frame.id));
        }
        if let At::Task(task) = &frame.at {
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

    /// After a frame changed or came.
    pub(crate) fn add(&mut self, frame: &Frame) {
        if let Some(due) = frame.due() {
            self.timers.insert((due, frame.id));
        }
        if let At::Task(task) = &frame.at {
            self.tasks.insert(task.id, frame.id);
        }
        if frame.is_tied() {
            self.tied += 1;
        }
        if frame.is_ready() {
            self.ready.push_back(frame.id);
        }
    }
}
