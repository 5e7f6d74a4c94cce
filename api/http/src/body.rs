//! Reads request bodies: bounded in size, in time, and in what all of them hold together.

use std::time::Duration;

use axum::body::{Body, BodyDataStream, Bytes, HttpBody as _};
use axum::http::request::Parts;
use futures_util::StreamExt;
use tokio::time::{Instant, timeout_at};

use crate::error::{Kind, OperationError};
use crate::room::{Held, Holder, Room};

/// How much of a body that is too long is read and thrown away. Without that the connection
/// would break while the client is still sending, and it would never read why.
const MOST_DISCARDED_BYTES: usize = 64 * 1024 * 1024;

/// What a body has to bring in each second that it takes beyond its first ones.
const BYTES_A_SECOND: usize = 64 * 1024;

/// What all bodies together may hold in memory. One account, or one address where no key is needed, has
/// half of it at most.
const ROOM_BYTES: usize = 256 * 1024 * 1024;
/// What those hold beside it whose sender is not known until they are read. One address has a quarter of
/// it at most.
const STRANGERS_BYTES: usize = 32 * 1024 * 1024;
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
    room: Room,
}

impl Allowance {
    /// For bodies of this length at most, which have this time.
    pub(crate) fn new(bytes: usize, patience: Duration) -> Self {
        // The longest must find room in a share.
        let room = ROOM_BYTES.max(2 * bytes).div_ceil(UNIT);
        Self { bytes, patience, room: Room::new(room, room.div_ceil(2)) }
    }

    /// The same for bodies of which nobody knows yet whose they are: with room of their own, so that
    /// they take none of the others'.
    pub(crate) fn for_strangers(&self) -> Self {
        let room = STRANGERS_BYTES.max(4 * self.bytes).div_ceil(UNIT);
        Self { room: Room::new(room, room.div_ceil(4)), ..self.clone() }
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
        None => Ok(read(body, allowance, &Holder::of(&parts.extensions)).await?.into()),
    }
}

/// The whole body, if it is no longer than is allowed and comes in time. It takes this holder's room.
pub(crate) async fn read(
    body: Body,
    allowance: &Allowance,
    holder: &Holder,
) -> Result<Kept, OperationError> {
    let declared = body.size_hint().upper().and_then(|bytes| usize::try_from(bytes).ok());
    Reading {
        allowance,
        holder,
        declared: declared.unwrap_or_default().min(allowance.bytes),
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
    match read(body, &Allowance::new(0, PATIENCE), &Holder::Here).await {
        Ok(_) => Ok(true),
        Err(refusal) if refusal.kind == Kind::RequestTooLarge => Ok(false),
        Err(refusal) => Err(refusal),
    }
}

struct Reading<'a> {
    allowance: &'a Allowance,
    holder: &'a Holder,
    /// How long it says that it is.
    declared: usize,
    began: Instant,
    chunks: BodyDataStream,
    bytes: Vec<u8>,
    room: Option<Held>,
}

/// A body, with the room it takes for as long as it is kept.
#[derive(Debug)]
pub(crate) struct Kept {
    bytes: Vec<u8>,
    _room: Option<Held>,
}

impl Kept {
    /// Takes its room from another allowance, and leaves that which it had to others.
    pub(crate) async fn moved(
        self,
        allowance: &Allowance,
        holder: &Holder,
    ) -> Result<Self, OperationError> {
        let units = units(self.bytes.len());
        if units == 0 {
            return Ok(Self { _room: None, ..self });
        }
        let deadline = Instant::now() + allowance.patience;
        let room = timeout_at(deadline, allowance.room.take(holder, units)).await;
        Ok(Self { _room: Some(room.ok().flatten().ok_or_else(crowded)?), ..self })
    }
}

impl From<Kept> for Bytes {
    fn from(kept: Kept) -> Self {
        Self::from_owner(kept)
    }
}

/// The room that so many bytes take.
fn units(bytes: usize) -> usize {
    bytes.saturating_sub(FREE_BYTES).div_ceil(UNIT)
}

fn crowded() -> OperationError {
    OperationError::new(
        Kind::ServiceUnavailable,
        "too many large requests arrive at once; nothing was done, try again",
    )
}

impl AsRef<[u8]> for Kept {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Reading<'_> {
    async fn whole(mut self) -> Result<Kept, OperationError> {
        while let Some(chunk) = self.next().await? {
            if self.bytes.len() + chunk.len() > self.allowance.bytes {
                return Err(self.discard(chunk.len()).await);
            }
            self.make_room(chunk.len()).await?;
            self.bytes.extend_from_slice(&chunk);
        }
        Ok(Kept { bytes: self.bytes, _room: self.room })
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

    /// Waits for room for so many bytes more. One that says how long it is has room for all of it at
    /// once, so that no two wait for each other halfway.
    async fn make_room(&mut self, bytes: usize) -> Result<(), OperationError> {
        let wanted = units(self.declared.max(self.bytes.len() + bytes));
        let held = self.room.as_ref().map_or(0, Held::units);
        if wanted <= held {
            return Ok(());
        }
        let room = self.allowance.room.take(self.holder, wanted - held);
        let room = timeout_at(self.deadline(), room).await.ok().flatten().ok_or_else(crowded)?;
        match &mut self.room {
            Some(held) => held.merge(room),
            None => self.room = Some(room),
        }
        Ok(())
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
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use axum::body::HttpBody;
    use futures_util::stream;
    use hyper::body::{Frame, SizeHint};

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
        read(body, allowance, &Holder::Here).await.unwrap_err().message
    }

    fn account(name: &str) -> Holder {
        Holder::Account(name.to_owned())
    }

    /// As many of the longest bodies as find room for this holder, and what the next one hears.
    async fn fill(allowance: &Allowance, holder: &Holder) -> (Vec<Kept>, String) {
        let mut kept = Vec::new();
        loop {
            match read(Body::from(vec![0; allowance.bytes]), allowance, holder).await {
                Ok(body) => kept.push(body),
                Err(error) => return (kept, error.message),
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_is_dribbled_is_given_up_on() {
        let began = Instant::now();
        let text = message(dribbled(1_000, 1), &allowance()).await;
        let told = "the request body did not arrive within 20 seconds, and one more for every 64 \
                    KiB of it";
        assert_eq!(text, told);
        assert_eq!(began.elapsed(), Duration::from_secs(20));
    }

    #[tokio::test(start_paused = true)]
    async fn a_large_body_has_the_time_it_needs() {
        let body = dribbled(60, BYTES_A_SECOND);
        let body = read(body, &allowance(), &Holder::Here).await.unwrap();
        assert_eq!(body.bytes.len(), 60 * BYTES_A_SECOND);
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
        let (first, text) = fill(&allowance, &account("a")).await;
        assert_eq!(text, "too many large requests arrive at once; nothing was done, try again");
        assert_eq!(first.len(), ROOM_BYTES / 2 / allowance.bytes);
        read(Body::from(vec![0; FREE_BYTES]), &allowance, &account("a")).await.unwrap();
        let (second, _) = fill(&allowance, &account("b")).await;
        assert_eq!(second.len(), first.len(), "an account leaves room to others");
        drop(first);
        let (again, _) = fill(&allowance, &account("a")).await;
        assert_eq!(again.len(), second.len());
    }

    #[tokio::test(start_paused = true)]
    async fn strangers_bodies_take_no_room_of_those_who_are_known() {
        let allowance = allowance();
        let strangers = allowance.for_strangers();
        let mut held = Vec::new();
        for address in 0..8 {
            let address = account(&address.to_string());
            held.extend(fill(&strangers, &address).await.0);
        }
        assert_eq!(held.len(), STRANGERS_BYTES / allowance.bytes);
        let (known, _) = fill(&allowance, &account("a")).await;
        assert_eq!(known.len(), ROOM_BYTES / 2 / allowance.bytes);
        drop(known);
        // Once it is known whose a body is, it is in nobody else's way.
        let moved = held.pop().unwrap().moved(&allowance, &account("a")).await.unwrap();
        let stranger = account("7");
        read(Body::from(vec![0; allowance.bytes]), &strangers, &stranger).await.unwrap();
        drop(moved);
    }

    #[tokio::test(start_paused = true)]
    async fn bodies_that_say_how_long_they_are_do_not_wait_for_each_other_halfway() {
        let allowance = allowance().for_strangers();
        let read_one = async || {
            let body = Declared { left: vec![0; 3 * 1024 * 1024].into(), pauses: false };
            let kept = read(Body::new(body), &allowance, &Holder::Here).await;
            kept.map(drop).map_err(|refusal| refusal.message)
        };
        let read = futures_util::future::join_all((0..20).map(|_| read_one())).await;
        assert_eq!(read, vec![Ok(()); 20]);
    }

    /// A body that says how long it is, and lets others go first before each chunk.
    struct Declared {
        left: Bytes,
        pauses: bool,
    }

    impl HttpBody for Declared {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            self.pauses = !self.pauses;
            if self.pauses {
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            let length = self.left.len().min(64 * 1024);
            let chunk = (length > 0).then(|| Ok(Frame::data(self.left.split_to(length))));
            Poll::Ready(chunk)
        }

        fn size_hint(&self) -> SizeHint {
            SizeHint::with_exact(self.left.len() as u64)
        }
    }
}
