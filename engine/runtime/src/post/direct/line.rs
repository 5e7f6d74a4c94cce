//! The asking end of a line: many requests at once, each with a number by which its answer is known.

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, BufReader};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::frame::{self, Kind, PING, SILENT};
use super::{Request, Told};
use crate::post::mail::Answer;

/// Frames that may wait to be sent.
const CAPACITY: usize = 4_096;
/// Longest answer.
const ANSWER_BYTES: usize = 64 * 1024;
/// How long a line stays that nothing is asked over.
const IDLE: Duration = Duration::from_mins(1);

/// A line over which this node asks.
pub(super) struct Line {
    said: mpsc::Sender<Vec<u8>>,
    asked: Mutex<HashMap<u64, oneshot::Sender<Answer>>>,
    last: AtomicU64,
    /// When the other end was heard last, and when it was asked last.
    times: Mutex<(Instant, Instant)>,
    gone: CancellationToken,
}

/// Somebody waits for the answer to this request; when he goes away, the other end hears so.
struct Waiting<'a> {
    line: &'a Line,
    number: u64,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if self.line.asked().remove(&self.number).is_some() {
            // Lost where much else waits to be said: then what was asked happens, unheard.
            let _ = self.line.said.try_send(frame::frame(Kind::Cancel, self.number, &[]));
        }
    }
}

impl Line {
    /// A line, and what it has to say.
    pub(super) fn new() -> (Arc<Self>, mpsc::Receiver<Vec<u8>>) {
        let (said, say) = mpsc::channel(CAPACITY);
        let now = Instant::now();
        let (asked, times, gone) =
            (Mutex::default(), Mutex::new((now, now)), CancellationToken::new());
        (Arc::new(Self { said, asked, last: AtomicU64::new(0), times, gone }), say)
    }

    pub(super) fn is_gone(&self) -> bool {
        self.gone.is_cancelled()
    }

    /// Gives it up: whoever waits is in doubt.
    pub(super) fn give_up(&self) {
        self.gone.cancel();
    }

    /// Asks, and waits for the answer for as long as the line is there.
    pub(super) async fn ask(&self, request: &Request) -> Told {
        let number = self.last.fetch_add(1, Ordering::Relaxed);
        let Some(frame) = frame::request(number, request) else { return Told::Nothing };
        // Before the request is noted: a line that is gone forgets those that are.
        let Ok(place) = self.said.reserve().await else { return Told::Nothing };
        let (reply, answer) = oneshot::channel();
        self.asked().insert(number, reply);
        let _waiting = Waiting { line: self, number };
        if self.is_gone() {
            return Told::Nothing;
        }
        self.times().1 = Instant::now();
        place.send(frame);
        answer.await.map_or(Told::InDoubt, Told::Answer)
    }

    /// Keeps the line up. Returns when nothing was asked over it for long; an error is why it is lost.
    pub(super) async fn run<S>(&self, stream: S, said: mpsc::Receiver<Vec<u8>>) -> io::Result<()>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let (from, mut to) = tokio::io::split(stream);
        let ended = tokio::select! {
            ended = self.read(BufReader::new(from)) => ended,
            ended = frame::write(&mut to, said) => ended,
            ended = self.watch() => ended,
            () = self.gone.cancelled() => Ok(()),
        };
        self.gone.cancel();
        // Whoever waits for an answer finds its sender gone.
        self.asked().clear();
        ended.inspect_err(|error| tracing::debug!(%error, "a line to another node is lost"))
    }

    async fn read(&self, mut from: impl AsyncRead + Unpin) -> io::Result<()> {
        loop {
            let head = frame::read_head(&mut from).await?;
            if head.length > ANSWER_BYTES {
                return Err(io::ErrorKind::InvalidData.into());
            }
            let body = frame::read_body(&mut from, head.length, true, || {}).await?;
            self.times().0 = Instant::now();
            if head.kind != Kind::Answer {
                continue;
            }
            let Some(asked) = self.asked().remove(&head.number) else { continue };
            // What cannot be read may mean anything.
            let _ = asked.send(serde_json::from_slice(&body).unwrap_or(Answer::Unknown));
        }
    }

    /// Shows the other end that this one is there, and looks whether it is.
    async fn watch(&self) -> io::Result<()> {
        let mut pings = interval(PING);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            pings.tick().await;
            let (heard, asked) = *self.times();
            if heard.elapsed() > SILENT {
                return Err(io::ErrorKind::TimedOut.into());
            }
            if asked.elapsed() > IDLE && self.asked().is_empty() {
                return Ok(());
            }
            // One that finds no place is not missed: there is enough to be said.
            let _ = self.said.try_send(frame::frame(Kind::Ping, 0, &[]));
        }
    }

    fn asked(&self) -> MutexGuard<'_, HashMap<u64, oneshot::Sender<Answer>>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn times(&self) -> MutexGuard<'_, (Instant, Instant)> {
        self.times.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
