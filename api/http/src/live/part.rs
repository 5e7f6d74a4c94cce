//! A part of an event stream: the text of some events, kept once for all who are sent it.

use std::sync::Arc;

use axum::body::Bytes;
use machine::history::HistoryEvent;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::operations::history;

/// A part ends with the event that brings it to this length.
pub(super) const PART_BYTES: usize = 128 * 1024;

/// What all parts together may hold in memory, in units of [`UNIT`].
const ROOM: usize = 48 * 1024;
/// A kibibyte.
const UNIT: usize = 1024;

/// Room in memory for parts that wait for their readers.
#[derive(Clone, Debug)]
pub(super) struct Room(Arc<Semaphore>);

impl Default for Room {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(ROOM)))
    }
}

impl Room {
    /// Room for a text of so many bytes, when there is. One that is longer than all of the room
    /// has it for itself.
    pub(super) async fn of(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        let units = bytes.div_ceil(UNIT).clamp(1, ROOM);
        self.0.clone().acquire_many_owned(u32::try_from(units).ok()?).await.ok()
    }

    /// Whether there is room for what nobody needs at the moment.
    pub(super) fn is_plenty(&self) -> bool {
        self.0.available_permits() > ROOM / 2
    }
}

/// A part of a stream.
#[derive(Debug)]
pub(super) struct Part {
    text: String,
    /// The number of the event to go on with.
    pub(super) next: i64,
    /// Whether the execution's last event is in it.
    pub(super) ended: bool,
    _room: OwnedSemaphorePermit,
}

impl Part {
    pub(super) fn new(text: String, next: i64, ended: bool, room: OwnedSemaphorePermit) -> Self {
        Self { text, next, ended, _room: room }
    }

    /// The text, which lives as long as anybody is being sent some of it.
    pub(super) fn bytes(self: &Arc<Self>) -> Bytes {
        Bytes::from_owner(Text(self.clone()))
    }
}

struct Text(Arc<Part>);

impl AsRef<[u8]> for Text {
    fn as_ref(&self) -> &[u8] {
        self.0.text.as_bytes()
    }
}

/// Writes one event as a server-sent event. Its JSON is one line.
pub(super) fn write(text: &mut String, event: &HistoryEvent) {
    use std::fmt::Write as _;
    let (id, name, data) = (event.id, &event.name, history::plain(event));
    // Writing to a string cannot fail.
    let _ = write!(text, "id: {id}\nevent: {name}\ndata: {data}\n\n");
}

/// Says why a stream ends before its execution does.
pub(super) fn word(why: &str) -> Bytes {
    let data = serde_json::json!({ "message": why });
    format!("event: error\ndata: {data}\n\n").into()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn parts_that_are_not_read_leave_no_room_until_they_are() {
        let room = Room::default();
        let half = room.of(ROOM * UNIT / 2).await;
        let rest = room.of(ROOM * UNIT / 2).await;
        let wait = Duration::from_secs(1);
        assert!(tokio::time::timeout(wait, room.of(1)).await.is_err());
        drop((half, rest));
        let all = tokio::time::timeout(wait, room.of(usize::MAX)).await;
        assert!(all.unwrap().is_some(), "what is too long has all of it");
    }

    #[test]
    fn a_text_lives_as_long_as_it_is_sent() {
        let permit = Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap();
        let part = Arc::new(Part::new("abc".to_owned(), 1, false, permit));
        let kept = Arc::downgrade(&part);
        let mut bytes = part.bytes();
        drop(part);
        let sent = bytes.split_to(1);
        drop(bytes);
        assert_eq!((&sent[..], kept.strong_count()), (&b"a"[..], 1));
        drop(sent);
        assert_eq!(kept.strong_count(), 0);
    }
}
