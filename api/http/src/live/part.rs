//! A part of an event stream: the text of some events, kept once for all who are sent it.

use std::sync::Arc;

use axum::body::Bytes;
use machine::history::HistoryEvent;

use crate::operations::history;
use crate::room::{Held, Holder, Room};

/// A part ends with the event that brings it to this length.
pub(super) const PART_BYTES: usize = 128 * 1024;

/// What all parts together may hold in memory, in units of [`UNIT`]. Those of one account, or of one
/// address where no key is needed, hold half of it at most.
const ROOM: usize = 48 * 1024;
/// A kibibyte.
const UNIT: usize = 1024;

/// Room in memory for parts that wait for their readers.
pub(super) fn room() -> Room {
    Room::new(ROOM, ROOM / 2)
}

/// Room for a part that is still to be read, when there is: as much as most need.
pub(super) async fn reserve(room: &Room, holder: &Holder) -> Option<Held> {
    room.take(holder, 2 * PART_BYTES / UNIT).await
}

/// Of what was reserved, what a text of so many bytes needs; or more, if there is more at this moment.
/// A text that is longer than a share has all of that.
pub(super) fn fit(room: &Room, holder: &Holder, mut held: Held, bytes: usize) -> Option<Held> {
    let units = bytes.div_ceil(UNIT).max(1);
    held.keep(units);
    if units > held.units() {
        held.merge(room.take_now(holder, units - held.units(), held.units())?);
    }
    Some(held)
}

/// A part of a stream.
#[derive(Debug)]
pub(super) struct Part {
    text: String,
    /// The number of the event to go on with.
    pub(super) next: i64,
    /// Whether the execution's last event is in it.
    pub(super) ended: bool,
    _room: Held,
}

impl Part {
    pub(super) fn new(text: String, next: i64, ended: bool, room: Held) -> Self {
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

    /// Room for a text of this length, within a while.
    async fn room_of(room: &Room, holder: &str, bytes: usize) -> Option<Held> {
        let holder = Holder::Account(holder.to_owned());
        let wait = Duration::from_secs(1);
        let reserved = tokio::time::timeout(wait, reserve(room, &holder)).await.ok().flatten()?;
        fit(room, &holder, reserved, bytes)
    }

    #[tokio::test(start_paused = true)]
    async fn parts_that_are_not_read_leave_room_to_others_only() {
        let room = room();
        let all = room_of(&room, "a", usize::MAX).await;
        assert!(all.is_some(), "what is too long has all of a share");
        assert!(room_of(&room, "a", 1).await.is_none());
        assert!(room_of(&room, "b", 1).await.is_some());
        drop(all);
        assert!(room_of(&room, "a", 1).await.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_part_takes_as_much_room_as_it_has_text() {
        let room = room();
        let mut parts = Vec::new();
        for kibibytes in [1, 100, 300, 1_000] {
            let part = room_of(&room, "a", kibibytes * UNIT).await.unwrap();
            assert_eq!(part.units(), kibibytes);
            parts.push(part);
        }
        let large = room_of(&room, "a", (ROOM / 2 - 1_500) * UNIT).await;
        assert!(large.is_some());
        assert!(room_of(&room, "a", 200 * UNIT).await.is_none(), "there is too little left");
        drop(large);
        assert!(room_of(&room, "a", (ROOM / 2) * UNIT).await.is_none(), "it is not waited for");
    }

    #[tokio::test]
    async fn a_text_lives_as_long_as_it_is_sent() {
        let held = room_of(&room(), "a", 3).await.unwrap();
        let part = Arc::new(Part::new("abc".to_owned(), 1, false, held));
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
