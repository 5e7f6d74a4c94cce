//! Reads request bodies: bounded in size, in time, and in what all of them hold together.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, BodyDataStream, Bytes};
use axum::http::request::Parts;
use futures_util::StreamExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

use crate::error::{Kind, OperationError};

/// How much of a body that is too long is read and thrown away. Without that the connection
/// would break while the client is still sending, and it would never read why.
const MOST_DISCARDED_BYTES: usize = 64 * 1024 * 1024;

/// What a body has to bring in each second that it takes beyond its first ones.
const BYTES_A_SECOND: usize = 64 * 1024;

/// What all bodies together may hold in memory.
const ROOM_BYTES: usize = 256 * 1024 * 1024;
/// What any of them may hold besides: a small one never waits for the large.
const FREE_BYTES: usize = 16 * 1024;
/// Room is counted in these.
const UNIT: usize = 16 * 1024;

/// What a body may take.
#[derive(Clone, Debug)]
pub(crate) struct Allowance {
    /// The longest body.
    pub(crate) bytes: usize,
    /// How long it may take, and a second more for every 64 KiB that have come.
    patience: Duration,
    room: Arc<Semaphore>,
}

impl Allowance {
    /// For bodies of this length at most, which have this time.
    pub(crate) fn new(bytes: usize, patience: Duration) -> Self {
        // The longest alone must find room.
        let room = ROOM_BYTES.max(2 * bytes) / UNIT;
        Self { bytes, patience, room: Arc::new(Semaphore::new(room)) }
    }
}

/// A body that was read before its handler's turn, with the room that it takes.
#[derive(Clone)]
pub(crate) struct Whole(pub(crate) Bytes);

/// The whole body, which may have been read already: then it takes no room a second time.
pub(crate) async fn read_once(
    parts: &mut Parts,
    body: Body,
    allowance: &Allowance,
) -> Result<Bytes, OperationError> {
    match parts.extensions.remove::<Whole>() {
        Some(Whole(bytes)) => Ok(bytes),
        None => read(body, allowance).await,
    }
}

/// The whole body, if it is no longer than is allowed and comes in time.
pub(crate) async fn read(body: Body, allowance: &Allowance) -> Result<Bytes, OperationError> {
    Reading {
        allowance,
        began: Instant::now(),
        chunks: body.into_data_stream(),
        bytes: Vec::new(),
        room: None,
    }
    .whole()
    .await
}

/// How long it may take until it shows whether there is a body.
const PATIENCE: Duration = Duration::from_secs(20);

/// Whether nothing comes. What does come is thrown away, as in [`read`], so that the client lives
/// to read what it is told.
pub(crate) async fn is_empty(body: Body) -> Result<bool, OperationError> {
    match read(body, &Allowance::new(0, PATIENCE)).await {
        Ok(_) => Ok(true),
        Err(refusal) if refusal.kind == Kind::RequestTooLarge => Ok(false),
        Err(refusal) => Err(refusal),
    }
}

struct Reading<'a> {
    allowance: &'a Allowance,
    began: Instant,
    chunks: BodyDataStream,
    bytes: Vec<u8>,
    room: Option<OwnedSemaphorePermit>,
}

/// A body, with the room it takes for as long as it is kept.
struct Kept {
    bytes: Vec<u8>,
    _room: Option<OwnedSemaphorePermit>,
}

impl AsRef<[u8]> for Kept {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Reading<'_> {
    async fn whole(mut self) -> Result<Bytes, OperationError> {
        while let Some(chunk) = self.next().await? {
            if self.bytes.len() + chunk.len() > self.allowance.bytes {
                return Err(self.discard(chunk.len()).await);
            }
            self.make_room(chunk.len()).await?;
            self.bytes.extend_from_slice(&chunk);
        }
        Ok(Bytes::from_owner(Kept { bytes: self.bytes, _room: self.room }))
    }

    async fn next(&mut self) -> Result<Option<Bytes>, OperationError> {
        match timeout_at(self.deadline(), self.chunks.next()).await {
            Ok(Some(Ok(chunk))) => Ok(Some(chunk)),
            Ok(None) => Ok(None),
            Ok(Some(Err(_))) => {
                let text = "the request body was cut off";
                Err(OperationError::new(Kind::RequestTooLarge, text))
            }
            Err(_) => Err(self.too_slow()),
        }
    }

    /// When this body has to be there. What it has brought gives it time.
    fn deadline(&self) -> Instant {
        let earned = (self.bytes.len() / BYTES_A_SECOND) as u64;
        self.began + self.allowance.patience + Duration::from_secs(earned)
    }

    fn too_slow(&self) -> OperationError {
        OperationError::new(
            Kind::RequestTooLarge,
            format!(
                "the request body did not arrive within {} seconds, and one more for every 64 KiB \
                 of it",
                self.allowance.patience.as_secs()
            ),
        )
    }

    /// Waits for room for so many bytes more.
    async fn make_room(&mut self, bytes: usize) -> Result<(), OperationError> {
        let wanted = (self.bytes.len() + bytes).saturating_sub(FREE_BYTES).div_ceil(UNIT);
        let held = self.room.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let more = u32::try_from(wanted.saturating_sub(held)).unwrap_or(u32::MAX);
        if more == 0 {
            return Ok(());
        }
        let room = self.allowance.room.clone().acquire_many_owned(more);
        match timeout_at(self.deadline(), room).await {
            Ok(Ok(room)) => {
                match &mut self.room {
                    Some(held) => held.merge(room),
                    None => self.room = Some(room),
                }
                Ok(())
            }
            Ok(Err(_)) | Err(_) => Err(OperationError::new(
                Kind::ServiceUnavailable,
                "too many large requests arrive at once; nothing was done, try again",
            )),
        }
    }

    /// Reads on and keeps nothing, so that the client hears why.
    async fn discard(mut self, mut discarded: usize) -> OperationError {
        discarded += self.bytes.len();
        (self.bytes, self.room) = (Vec::new(), None);
        while discarded <= MOST_DISCARDED_BYTES {
            match self.next().await {
                Ok(Some(chunk)) => discarded += chunk.len(),
                Ok(None) => break,
                Err(error) => return error,
            }
        }
        let text = format!("the request body is longer than {} bytes", self.allowance.bytes);
        OperationError::new(Kind::RequestTooLarge, text)
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures_util::stream;

    use super::*;

    /// A body of so many chunks of this length, one a second.
    fn dribbled(chunks: usize, length: usize) -> Body {
        Body::from_stream(stream::unfold(0, move |sent| async move {
            tokio::time::sleep(Duration::from_secs(1)).await;
            (sent < chunks).then(|| (Ok::<_, Infallible>(vec![b' '; length]), sent + 1))
        }))
    }

    fn allowance() -> Allowance {
        Allowance::new(4 * 1024 * 1024, Duration::from_secs(20))
    }

    async fn message(body: Body, allowance: &Allowance) -> String {
        read(body, allowance).await.unwrap_err().message
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_is_dribbled_is_given_up_on() {
        let began = Instant::now();
        let text = message(dribbled(1_000, 1), &allowance()).await;
        assert!(text.starts_with("the request body did not arrive within 20 seconds"), "{text}");
        assert_eq!(began.elapsed(), Duration::from_secs(20));
    }

    #[tokio::test(start_paused = true)]
    async fn a_large_body_has_the_time_it_needs() {
        let body = read(dribbled(60, BYTES_A_SECOND), &allowance()).await.unwrap();
        assert_eq!(body.len(), 60 * BYTES_A_SECOND);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_is_too_long_is_read_on_for_a_while() {
        let allowance = Allowance::new(100, Duration::from_secs(20));
        let text = message(dribbled(3, 50), &allowance).await;
        assert_eq!(text, "the request body is longer than 100 bytes");
    }

    #[tokio::test(start_paused = true)]
    async fn bodies_hold_so_much_together_and_small_ones_never_wait() {
        let allowance = allowance();
        let all = allowance.room.available_permits();
        let mut kept = Vec::new();
        let text = loop {
            match read(Body::from(vec![0; 4 * 1024 * 1024]), &allowance).await {
                Ok(body) => kept.push(body),
                Err(error) => break error.message,
            }
        };
        assert!(text.starts_with("too many large requests"), "{text}");
        assert_eq!(kept.len(), ROOM_BYTES / (4 * 1024 * 1024));
        read(Body::from(vec![0; FREE_BYTES]), &allowance).await.unwrap();
        drop(kept);
        assert_eq!(allowance.room.available_permits(), all);
    }
}
