//! The lines of a node to others: opened when something is to be said, and again after a pause.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, SemaphorePermit, watch};
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::credentials::{Credentials, PROTOCOL};
use super::line::Line;

/// How long a line may take to come about.
const CONNECT: Duration = Duration::from_secs(1);
/// How soon one that is lost, or did not come about, is opened again: twice as long each time.
const PAUSES: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));
/// How long a line must have held to count as one that came about.
const HELD: Duration = Duration::from_secs(5);
/// Bytes of requests that may be under way.
const ROOM_BYTES: usize = 64 * 1024 * 1024;
/// What a request counts at least.
const LEAST_BYTES: usize = 512;

/// A line to each node that something was said to.
#[derive(Clone)]
pub(super) struct Lines(Arc<Inner>);

struct Inner {
    credentials: Credentials,
    room: Semaphore,
    places: Mutex<HashMap<Arc<str>, Place>>,
}

/// What is known of an address.
struct Place {
    state: State,
    /// How long is waited when it fails the next time.
    pause: Duration,
}

enum State {
    /// A line is being opened; where none was lost before, it is waited for.
    Opening {
        done: watch::Receiver<()>,
        is_first: bool,
    },
    Up(Arc<Line>),
    /// None is opened before then.
    Down(Instant),
}

impl Lines {
    pub(super) fn new(credentials: Credentials) -> Self {
        let (room, places) = (Semaphore::new(ROOM_BYTES), Mutex::default());
        Self(Arc::new(Inner { credentials, room, places }))
    }

    /// The line to this address. Whoever asks first waits until it is there; where one was lost, nobody
    /// waits for the next.
    pub(super) async fn to(&self, address: &Arc<str>) -> Option<Arc<Line>> {
        let mut opening = {
            let mut places = self.places();
            let place = places.entry(address.clone()).or_insert_with(|| Place {
                state: State::Opening { done: self.open(address), is_first: true },
                pause: PAUSES.0,
            });
            match &place.state {
                State::Up(line) if !line.is_gone() => return Some(line.clone()),
                State::Opening { done, is_first: true } => done.clone(),
                State::Opening { is_first: false, .. } | State::Up(_) => return None,
                State::Down(until) if Instant::now() < *until => return None,
                State::Down(_) => {
                    place.state = State::Opening { done: self.open(address), is_first: false };
                    return None;
                }
            }
        };
        // It changes nothing and ends when the line is there, or is not.
        let _ = opening.changed().await;
        match &self.places().get(address)?.state {
            State::Up(line) => Some(line.clone()),
            State::Opening { .. } | State::Down(_) => None,
        }
    }

    /// Room for a request of this size, once there is some; none for what is larger than all of it.
    pub(super) async fn room(&self, bytes: usize) -> Option<SemaphorePermit<'_>> {
        let bytes = bytes.max(LEAST_BYTES);
        if bytes > ROOM_BYTES {
            return None;
        }
        self.0.room.acquire_many(u32::try_from(bytes).ok()?).await.ok()
    }

    /// Gives up the lines to addresses at which nobody is any more.
    pub(super) fn keep(&self, is_known: impl Fn(&str) -> bool) {
        self.places().retain(|address, place| {
            let is_known = is_known(address);
            if let State::Up(line) = &place.state
                && !is_known
            {
                line.give_up();
            }
            is_known
        });
    }

    /// Opens a line and keeps it up, beside all else.
    fn open(&self, address: &Arc<str>) -> watch::Receiver<()> {
        let (done, opened) = watch::channel(());
        let (lines, address) = (self.clone(), address.clone());
        tokio::spawn(async move {
            match timeout(CONNECT, lines.connect(&address)).await {
                Ok(Ok(stream)) => {
                    let (line, said) = Line::new();
                    let began = Instant::now();
                    let is_wanted = lines.set(&address, State::Up(line.clone()));
                    drop(done);
                    if !is_wanted || line.run(stream, said).await.is_ok() {
                        // Nobody has asked over it for long.
                        lines.places().remove(&address);
                    } else {
                        lines.lost(&address, began.elapsed() >= HELD);
                    }
                }
                failed => {
                    if let Ok(Err(error)) = failed {
                        tracing::debug!(%error, "no line to another node");
                    }
                    lines.lost(&address, false);
                }
            }
        });
        opened
    }

    async fn connect(&self, address: &str) -> io::Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        // Keys are compared, not names.
        let name = ServerName::try_from("node.invalid").map_err(io::Error::other)?;
        let connector = TlsConnector::from(self.0.credentials.client.clone());
        let stream = connector.connect(name, stream).await?;
        if stream.get_ref().1.alpn_protocol() == Some(PROTOCOL) {
            Ok(stream)
        } else {
            Err(io::ErrorKind::InvalidData.into())
        }
    }

    /// Notes what is so now; `false` if nobody wants a line to this address any more.
    fn set(&self, address: &str, state: State) -> bool {
        let mut places = self.places();
        let place = places.get_mut(address);
        let is_wanted = place.is_some();
        if let Some(place) = place {
            place.state = state;
        }
        is_wanted
    }

    /// There is no line, or none any more.
    fn lost(&self, address: &str, has_held: bool) {
        if let Some(place) = self.places().get_mut(address) {
            if has_held {
                place.pause = PAUSES.0;
            }
            place.state = State::Down(Instant::now() + place.pause);
            place.pause = (place.pause * 2).min(PAUSES.1);
        }
    }

    fn places(&self) -> MutexGuard<'_, HashMap<Arc<str>, Place>> {
        self.0.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
