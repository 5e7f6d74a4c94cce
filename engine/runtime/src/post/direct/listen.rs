//! The port for other nodes: lets in whoever has the secret, a few at a time.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::credentials::{Credentials, PROTOCOL};
use super::hear::{Hearing, hear};
use crate::options::Nodes;
use crate::post::Mailboxes;
use crate::shared::Shared;

/// How long whoever connects may take to show that he has the secret.
const HANDSHAKE: Duration = Duration::from_secs(2);
/// Handshakes at once: whoever comes beyond is sent away, and nodes among them use the inbox meanwhile.
const MOST_HANDSHAKES: usize = 32;
/// Lines at once.
pub(crate) const MOST_LINES: usize = 128;
/// How soon the port is looked at again when the system gave no connection.
const AGAIN: Duration = Duration::from_millis(100);

/// An open port for other nodes.
pub(crate) struct Listener {
    port: TcpListener,
    address: SocketAddr,
    acceptor: TlsAcceptor,
}

impl Listener {
    pub(super) async fn bind(listen: &str, credentials: &Credentials) -> io::Result<Self> {
        let port = TcpListener::bind(listen).await?;
        let address = port.local_addr()?;
        Ok(Self { port, address, acceptor: TlsAcceptor::from(credentials.server.clone()) })
    }

    /// Where others are told that this node listens; `own` is where the database sees it.
    pub(super) fn advertised(&self, own: IpAddr, nodes: &Nodes) -> String {
        let ip = if self.address.ip().is_unspecified() { own } else { self.address.ip() };
        nodes
            .address
            .clone()
            .unwrap_or_else(|| SocketAddr::new(ip, self.address.port()).to_string())
    }

    /// Lets nodes in and hears them until told to stop.
    pub(crate) async fn run(self, shared: Arc<Shared>, owners: Mailboxes, stop: CancellationToken) {
        let hearing = Hearing::new(shared, owners);
        let handshakes = Arc::new(Semaphore::new(MOST_HANDSHAKES));
        let lines = Arc::new(Semaphore::new(MOST_LINES));
        loop {
            let accepted = tokio::select! {
                accepted = self.port.accept() => accepted,
                () = stop.cancelled() => return,
            };
            let Ok((stream, _)) = accepted else {
                tokio::time::sleep(AGAIN).await;
                continue;
            };
            let Ok(handshake) = handshakes.clone().try_acquire_owned() else { continue };
            let (acceptor, lines) = (self.acceptor.clone(), lines.clone());
            let (hearing, stop) = (hearing.clone(), stop.clone());
            tokio::spawn(async move {
                let stream = timeout(HANDSHAKE, shake_hands(&acceptor, stream)).await;
                drop(handshake);
                let Ok(Ok(stream)) = stream else { return };
                let Ok(_line) = lines.try_acquire_owned() else { return };
                tokio::select! {
                    () = hear(hearing, stream) => {}
                    () = stop.cancelled() => {}
                }
            });
        }
    }
}

async fn shake_hands(
    acceptor: &TlsAcceptor,
    stream: TcpStream,
) -> io::Result<tokio_rustls::server::TlsStream<TcpStream>> {
    stream.set_nodelay(true)?;
    let stream = acceptor.accept(stream).await?;
    // Who says nothing of a protocol is not refused by TLS.
    if stream.get_ref().1.alpn_protocol() == Some(PROTOCOL) {
        Ok(stream)
    } else {
        Err(io::ErrorKind::InvalidData.into())
    }
}
