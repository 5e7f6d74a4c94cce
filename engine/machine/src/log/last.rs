//! The end of a log, read without its contents, and the end of an execution written after it: for one into
//! which nobody may look.

use serde::Deserialize;

use super::{LogError, VERSION, broken};
use crate::event::{Event, EventKind, FrameId};
use crate::stimulus::Failure;
use crate::timestamp::Timestamp;

/// The last event of a log that a user sees, and when the last of all was.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Last {
    /// Its AWS id; 0 if no event has one.
    pub id: u64,
    pub at: Timestamp,
}

#[derive(Deserialize)]
struct Row {
    v: u32,
    e: Vec<Line>,
}

#[derive(Deserialize)]
struct Line {
    #[serde(default)]
    id: u64,
    at: Timestamp,
}

impl Last {
    /// Of one row. Nothing is read of it but ids and times.
    pub fn of(row: &[u8]) -> Result<Self, LogError> {
        let row: Row = serde_json::from_slice(row).map_err(|why| broken(row, &why))?;
        if row.v > VERSION {
            return Err(LogError::Version(row.v));
        }
        let last = Self::default();
        Ok(row.e.iter().fold(last, |last, line| last.or(Self { id: line.id, at: line.at })))
    }

    /// Of both of two parts of a log.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self { id: self.id.max(other.id), at: self.at.max(other.at) }
    }

    /// The event that ends an execution whose log stands here, whatever it was at.
    pub fn aborted(self, now: Timestamp, failure: Failure) -> Event {
        Event {
            id: self.id + 1,
            previous: 0,
            at: now.max(self.at),
            frame: FrameId::ROOT,
            kind: EventKind::ExecutionAborted { failure },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Last;
    use crate::timestamp::Timestamp;

    #[test]
    fn the_last_id_of_a_row_is_read_though_internal_events_follow() {
        let row = br#"{"v": 1, "p": [{"n": 1}], "e": [
            {"id": 7, "prev": 6, "at": 100, "is": {"Anything": {"of": ["a", "later", "release"]}}},
            {"at": 200, "frame": 3, "is": "TaskQueued"}]}"#;
        let last = Last::of(row).unwrap();
        assert_eq!(last, Last { id: 7, at: Timestamp(200) });
        assert_eq!(last.or(Last { id: 5, at: Timestamp(300) }).at, Timestamp(300));
        assert!(Last::of(br#"{"v": 7, "e": []}"#).is_err());
    }
}
