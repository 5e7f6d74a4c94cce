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
use crate::post::news::{Saying, Tell};

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
    /// What is called when an execution is told of.
    followed: Mutex<HashMap<u64, Tell>>,
    last: AtomicU64,
    /// When the other end was heard last, and when it was asked last.
    times: Mutex<(Instant, Instant)>,
    gone: CancellationToken,
}

/// An execution that the other end of a line tells of, for as long as this is kept.
pub(crate) struct Remote {
    line: Arc<Line>,
    number: u64,
}

impl Remote {
    /// Whether it still tells.
    pub(crate) fn tells(&self) -> bool {
        !self.line.is_gone() && self.line.followed().contains_key(&self.number)
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        let tell = self.line.followed().remove(&self.number);
        if tell.is_some() {
            // Where there is no place for it the other end goes on, and nobody listens.
            let _ = self.line.said.try_send(frame::frame(Kind::Cancel, self.number, &[]));
        }
    }
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
        (
            Arc::new(Self {
                said,
                asked,
                followed: Mutex::default(),
                last: AtomicU64::new(0),
                times,
                gone,
            }),
            say,
        )
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
        self.say(Kind::Request, number, request).await
    }

    /// Asks to be told of an execution from now on.
    pub(super) async fn follow(self: &Arc<Self>, request: &Request, tell: Tell) -> Option<Remote> {
        let number = self.last.fetch_add(1, Ordering::Relaxed);
        let remote = Remote { line: self.clone(), number };
        self.followed().insert(number, tell);
        match self.say(Kind::Follow, number, request).await {
            Told::Answer(Answer::Followed) => Some(remote),
            Told::Answer(_) | Told::Nothing | Told::InDoubt => None,
        }
    }

    async fn say(&self, kind: Kind, number: u64, request: &Request) -> Told {
        let Some(frame) = frame::request(kind, number, request) else { return Told::Nothing };
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
        let followed = std::mem::take(&mut *self.followed());
        for tell in followed.values() {
            tell(Saying::Over);
        }
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
            match head.kind {
                Kind::Answer => {}
                Kind::Grown | Kind::Over => {
                    self.tell(head.kind, head.number);
                    continue;
                }
                Kind::Request | Kind::Cancel | Kind::Ping | Kind::Pong | Kind::Follow => continue,
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
            let is_idle = self.asked().is_empty() && self.followed().is_empty();
            if asked.elapsed() > IDLE && is_idle {
                return Ok(());
            }
            // One that finds no place is not missed: there is enough to be said.
            let _ = self.said.try_send(frame::frame(Kind::Ping, 0, &[]));
        }
    }

    fn tell(&self, kind: Kind, number: u64) {
        let (tell, saying) = if kind == Kind::Over {
            (self.followed().remove(&number), Saying::Over)
        } else {
            (self.followed().get(&number).cloned(), Saying::Grown)
        };
        if let Some(tell) = tell {
            tell(saying);
        }
    }

    fn followed(&self) -> MutexGuard<'_, HashMap<u64, Tell>> {
        self.followed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn asked(&self) -> MutexGuard<'_, HashMap<u64, oneshot::Sender<Answer>>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn times(&self) -> MutexGuard<'_, (Instant, Instant)> {
        self.times.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
