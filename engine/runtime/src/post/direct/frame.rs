//! What goes over a line: frames of a bounded length.
//!
//! ```text
//! length of all that follows (4 bytes) · kind (1) · number of the request (8) · body
//! ```
//!
//! The body of a request is its message's id (16), its shard (2), its execution's id (16), and the stimulus
//! as the inbox has it; who follows an execution says the same without a stimulus. That of an answer is JSON.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::mpsc;
use uuid::Uuid;

use super::Request;
use crate::post::mail::Key;

/// Longest frame: the largest payload that is lifted, escaped, and room for what is about it.
pub(super) const MOST_BYTES: usize = 40 * 1024 * 1024;
/// For how long the other end of a line may say nothing before its asking end gives it up.
pub(super) const SILENT: Duration = Duration::from_secs(2);
/// The listening end reads nothing of a line on which nothing came for so long: the asking end has given
/// it up by then.
pub(super) const STALE: Duration = Duration::from_secs(3);
/// How often the asking end shows that it is there.
pub(super) const PING: Duration = Duration::from_millis(500);

const HEAD_BYTES: usize = 4 + REST_OF_HEAD;
const REST_OF_HEAD: usize = 1 + 8;
/// Message, shard and execution.
pub(super) const REQUEST_BYTES: usize = 16 + 2 + 16;
/// How much is read at a time.
const CHUNK: usize = 64 * 1024;
/// Most frames that go out together.
const AT_ONCE: usize = 256;

/// What a frame is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    Request = 1,
    Answer = 2,
    /// Nobody waits for this request any more.
    Cancel = 3,
    Ping = 4,
    Pong = 5,
    /// To be told of an execution; a `Cancel` ends it.
    Follow = 6,
    /// The log of the execution that is followed by this number has grown.
    Grown = 7,
    /// It is not told of any more.
    Over = 8,
}

impl Kind {
    fn of(byte: u8) -> Option<Self> {
        let said = [Self::Request, Self::Answer, Self::Cancel, Self::Ping, Self::Pong];
        let all = said.into_iter().chain([Self::Follow, Self::Grown, Self::Over]);
        all.into_iter().find(|kind| *kind as u8 == byte)
    }
}

/// What is read of a frame before its body.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Head {
    pub(super) kind: Kind,
    pub(super) number: u64,
    /// Of the body.
    pub(super) length: usize,
}

/// A frame as it is sent.
pub(super) fn frame(kind: Kind, number: u64, body: &[u8]) -> Vec<u8> {
    let mut frame = head(kind, number, body.len());
    frame.extend_from_slice(body);
    frame
}

/// A request as it is sent; `None` if it is too long.
pub(super) fn request(kind: Kind, number: u64, request: &Request) -> Option<Vec<u8>> {
    let length = REQUEST_BYTES + request.stimulus.len();
    if length + REST_OF_HEAD > MOST_BYTES {
        return None;
    }
    let mut frame = head(kind, number, length);
    frame.extend_from_slice(request.message.as_bytes());
    frame.extend_from_slice(&request.key.shard.to_be_bytes());
    frame.extend_from_slice(request.key.id.as_bytes());
    frame.extend_from_slice(&request.stimulus);
    Some(frame)
}

/// What a request's body says.
pub(super) fn request_of(body: Vec<u8>) -> Option<Request> {
    let (message, rest) = body.split_first_chunk::<16>()?;
    let (shard, rest) = rest.split_first_chunk::<2>()?;
    let (id, _) = rest.split_first_chunk::<16>()?;
    let key = Key { shard: i16::from_be_bytes(*shard), id: Uuid::from_bytes(*id) };
    let message = Uuid::from_bytes(*message);
    Some(Request { message, key, stimulus: Bytes::from(body).slice(REQUEST_BYTES..) })
}

fn head(kind: Kind, number: u64, length: usize) -> Vec<u8> {
    let mut frame = Vec::with_capacity(HEAD_BYTES + length);
    let all = u32::try_from(REST_OF_HEAD + length).expect("a frame is no longer than the longest");
    frame.extend_from_slice(&all.to_be_bytes());
    frame.push(kind as u8);
    frame.extend_from_slice(&number.to_be_bytes());
    frame
}

/// Reads the head of the next frame; one that is too long or unknown is an error.
pub(super) async fn read_head(from: &mut (impl AsyncRead + Unpin)) -> io::Result<Head> {
    let mut head = [0; HEAD_BYTES];
    from.read_exact(&mut head).await?;
    let [a, b, c, d, kind, number @ ..] = head;
    let length = usize::try_from(u32::from_be_bytes([a, b, c, d])).unwrap_or(usize::MAX);
    let wrong = || io::Error::from(io::ErrorKind::InvalidData);
    if !(REST_OF_HEAD..=MOST_BYTES).contains(&length) {
        return Err(wrong());
    }
    let kind = Kind::of(kind).ok_or_else(wrong)?;
    Ok(Head { kind, number: u64::from_be_bytes(number), length: length - REST_OF_HEAD })
}

/// Reads a body of this length, a piece at a time; each piece is told of. Without `keep` nothing of it
/// stays in memory.
pub(super) async fn read_body(
    from: &mut (impl AsyncRead + Unpin),
    length: usize,
    keep: bool,
    mut progress: impl FnMut(),
) -> io::Result<Vec<u8>> {
    let mut body = Vec::with_capacity(if keep { length } else { 0 });
    let mut left = length;
    let mut piece = vec![0; left.min(CHUNK)];
    while left > 0 {
        let wanted = left.min(CHUNK);
        let read = tokio::time::timeout(SILENT, from.read(&mut piece[..wanted])).await??;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if keep {
            body.extend_from_slice(&piece[..read]);
        }
        left -= read;
        progress();
    }
    Ok(body)
}

/// Sends what there is to say until nobody says anything any more; what has gathered goes out together.
pub(super) async fn write(
    to: &mut (impl AsyncWrite + Unpin),
    mut said: mpsc::Receiver<Vec<u8>>,
) -> io::Result<()> {
    let (mut some, mut together) = (Vec::new(), Vec::new());
    while said.recv_many(&mut some, AT_ONCE).await > 0 {
        for frame in some.drain(..) {
            if frame.len() >= CHUNK {
                to.write_all(&std::mem::take(&mut together)).await?;
                to.write_all(&frame).await?;
                continue;
            }
            together.extend_from_slice(&frame);
            if together.len() >= CHUNK {
                to.write_all(&together).await?;
                together.clear();
            }
        }
        to.write_all(&together).await?;
        together.clear();
        to.flush().await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_request_is_read_as_it_was_written() {
        let key = Key { shard: 255, id: Uuid::from_u128(7) };
        let said = Request {
            message: Uuid::from_u128(9),
            key,
            stimulus: Bytes::from(vec![b'x'; 100_000]),
        };
        let written = request(Kind::Request, 3, &said).unwrap();
        let mut from = written.as_slice();
        let head = read_head(&mut from).await.unwrap();
        assert_eq!((head.kind, head.number), (Kind::Request, 3));
        let body = read_body(&mut from, head.length, true, || {}).await.unwrap();
        let read = request_of(body).unwrap();
        assert_eq!((read.message, read.key, read.stimulus), (said.message, key, said.stimulus));
        assert!(request_of(vec![0; REQUEST_BYTES - 1]).is_none());
    }

    #[tokio::test]
    async fn a_frame_that_is_too_long_too_short_or_unknown_is_refused_by_its_head() {
        for (length, kind) in [(u32::MAX, 1), (40 * 1024 * 1024 + 1, 1), (8, 1), (0, 4), (9, 99)] {
            let mut head = length.to_be_bytes().to_vec();
            head.push(kind);
            head.extend_from_slice(&[0; 8]);
            assert!(read_head(&mut head.as_slice()).await.is_err(), "{length} {kind}");
        }
        let key = Key { shard: 0, id: Uuid::nil() };
        let long = Bytes::from(vec![0; MOST_BYTES]);
        assert!(
            request(Kind::Request, 0, &Request { message: Uuid::nil(), key, stimulus: long })
                .is_none()
        );
    }
}
