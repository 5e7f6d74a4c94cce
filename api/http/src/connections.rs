//! Connections are guests: welcome, counted, and asked to leave when they only take up room.
//!
//! Whoever reaches the port may open a connection and be slow, silent or deaf. Each has a time
//! for what only its client can do ([`Patience`]), there are places for so many ([`Caps`]), and
//! what is kept for one in memory is bounded.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, MissedTickBehavior};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use self::conversation::Conversation;
pub use self::guests::Caps;
use self::guests::{Full, Guests};
pub use self::presence::Patience;
pub use self::tls::{Tls, TlsError};

mod answer;
mod conversation;
mod delivery;
mod guest;
mod guests;
mod metrics;
mod presence;
mod refusal;
mod socket;
mod tls;

pub use self::delivery::HandedOver;
pub(crate) use self::guest::{Guest, Origin};
pub(crate) use self::presence::Overstay;

/// How long no connection is taken after the system has refused one, for lack of descriptors
/// most often.
const PAUSE: Duration = Duration::from_millis(100);
/// How often that is told, at most.
const TELL: Duration = Duration::from_secs(10);
/// Connections that hear at the same time that there is no place; more are closed without a word.
const MOST_REFUSALS: usize = 16;

/// How connections are treated.
#[derive(Debug, Default)]
pub struct ConnectionOptions {
    pub caps: Caps,
    pub patience: Patience,
    /// Without it: plain HTTP.
    pub tls: Option<Tls>,
}

/// Serves everything that comes to this port until the stop: then no connection is taken, those
/// that are there end once their requests are answered, and the task with the last of them.
/// Aborting the task cuts those that are left.
pub fn serve(
    listener: TcpListener,
    router: Router,
    options: ConnectionOptions,
    stop: CancellationToken,
) -> JoinHandle<()> {
    metrics::begin();
    let ConnectionOptions { caps, patience, tls } = options;
    let mut tasks = JoinSet::new();
    let acceptor = tls.map(|tls| {
        let acceptor = tls.acceptor();
        tasks.spawn(tls.keep_current(stop.clone()));
        acceptor
    });
    let port = Port {
        guests: Guests::new(caps),
        conversation: Conversation::new(router),
        patience,
        acceptor,
        tasks,
        refusals: JoinSet::new(),
        told: None,
        stop,
    };
    tokio::spawn(port.run(listener))
}

/// The port, with all that goes on behind it.
struct Port {
    guests: Arc<Guests>,
    conversation: Conversation,
    patience: Patience,
    acceptor: Option<TlsAcceptor>,
    tasks: JoinSet<()>,
    refusals: JoinSet<()>,
    /// When it was told last that the system refuses connections.
    told: Option<Instant>,
    stop: CancellationToken,
}

impl Port {
    async fn run(mut self, listener: TcpListener) {
        let mut sweep = tokio::time::interval(self.sweeps());
        sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let stop = self.stop.clone();
        let mut paused = None;
        while !stop.is_cancelled() {
            tokio::select! {
                () = stop.cancelled() => {}
                _ = sweep.tick() => self.sweep(),
                () = until(paused), if paused.is_some() => paused = None,
                accepted = listener.accept(), if paused.is_none() => match accepted {
                    Ok((stream, peer)) => self.receive(stream, peer),
                    Err(error) if concerns_one(&error) => {}
                    Err(error) => {
                        self.out_of_descriptors(&error);
                        paused = Some(Instant::now() + PAUSE);
                    }
                },
                Some(ended) = self.tasks.join_next() => gone(ended),
                Some(ended) = self.refusals.join_next() => gone(ended),
            }
        }
        drop(listener);
        self.refusals.abort_all();
        // Who does not read is still cut, so that the end is not up to such a one.
        while !self.tasks.is_empty() {
            tokio::select! {
                _ = sweep.tick() => self.sweep(),
                Some(ended) = self.tasks.join_next() => gone(ended),
            }
        }
    }

    /// How often limits are looked at: often enough for the shortest.
    fn sweeps(&self) -> Duration {
        let Patience { header, idle, reader } = self.patience;
        (header.min(idle).min(reader) / 4).clamp(Duration::from_millis(50), Duration::from_secs(1))
    }

    fn receive(&mut self, stream: TcpStream, peer: SocketAddr) {
        match self.guests.admit(peer.ip(), &self.stop) {
            Ok(place) => {
                let conversation = self.conversation.clone();
                let acceptor = self.acceptor.clone();
                self.tasks.spawn(async move {
                    conversation.hold(stream, peer, acceptor, &place.guest).await;
                    drop(place);
                });
            }
            Err(full) => self.refuse(stream, full),
        }
        metrics::connections(self.guests.len());
    }

    fn refuse(&mut self, stream: TcpStream, full: Full) {
        metrics::refused(full);
        // What is not encrypted would be no answer to a client that speaks TLS.
        if self.acceptor.is_none() && self.refusals.len() < MOST_REFUSALS {
            self.refusals.spawn(refusal::refuse(stream));
        }
    }

    fn sweep(&mut self) {
        for (why, count) in self.guests.sweep(Instant::now(), &self.patience) {
            let reason = why.name();
            // Idle ones are the rule; who does not read loses something.
            if why == Overstay::Reader {
                tracing::warn!(reason, count, "{count} connections are cut: {}", why.told());
            } else {
                tracing::debug!(reason, count, "{count} connections are ended: {}", why.told());
            }
            metrics::ended(why, count);
        }
        metrics::connections(self.guests.len());
    }

    /// The system gives no more descriptors. One connection that nobody misses makes room.
    fn out_of_descriptors(&mut self, error: &std::io::Error) {
        self.guests.make_room();
        if self.told.is_none_or(|told| told.elapsed() >= TELL) {
            self.told = Some(Instant::now());
            tracing::warn!(%error, "no connection can be taken at the moment: {error}");
        }
    }
}

async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

/// Whether a connection failed rather than the port.
fn concerns_one(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

fn gone(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!(%error, "a connection ended with a panic");
    }
}
