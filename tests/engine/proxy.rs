//! A proxy before Postgres that can cut connections at the worst moments.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};

/// What the pool sends to see that a connection works: Postgres's `Sync`.
const PING: &[u8] = b"S\0\0\0\x04";

/// What the proxy does with connections.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Mode {
    Pass = 0,
    /// Hands requests on, and cuts the connection when the answer comes, unless it is a ping's: a
    /// commit in doubt.
    CutAnswers = 1,
    /// Cuts every connection, old or new.
    Refuse = 2,
}

/// A proxy on loopback, before the socket of a private Postgres.
pub(super) struct Proxy {
    url: String,
    mode: Arc<AtomicU8>,
    requests: Arc<AtomicU64>,
}

impl Proxy {
    /// A proxy for the database at this URL, whose server listens on a Unix socket.
    pub(super) async fn before(url: &str) -> Self {
        let (place, options) = url.split_once('?').expect("the URL has options");
        let (_, place) = place.split_once("@localhost:").expect("the server is private");
        let (port, database) = place.split_once('/').expect("the URL names a database");
        let folder = options.split('&').find_map(|option| option.strip_prefix("host="));
        let folder = folder.expect("the server has a socket").replace("%2F", "/");
        let socket = format!("{folder}/.s.PGSQL.{port}");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let mode = Arc::new(AtomicU8::new(Mode::Pass as u8));
        let own = mode.clone();
        let requests = Arc::new(AtomicU64::new(0));
        let counted = requests.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (socket, mode, counted) = (socket.clone(), own.clone(), counted.clone());
                tokio::spawn(async move { serve(client, &socket, &mode, &counted).await });
            }
        });
        Self {
            url: format!("postgres://postgres@{address}/{database}?sslmode=disable"),
            mode,
            requests,
        }
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// How often the database has been asked something so far, pings not counted.
    pub(super) fn requests(&self) -> u64 {
        self.requests.load(Ordering::SeqCst)
    }

    pub(super) fn set(&self, mode: Mode) {
        self.mode.store(mode as u8, Ordering::SeqCst);
    }
}

/// Carries bytes both ways until one side ends or the mode says so.
async fn serve(mut client: TcpStream, socket: &str, mode: &AtomicU8, requests: &AtomicU64) {
    if mode.load(Ordering::SeqCst) == Mode::Refuse as u8 {
        return;
    }
    let Ok(mut server) = UnixStream::connect(socket).await else { return };
    let (mut asked, mut answered) = (vec![0; 65_536], vec![0; 65_536]);
    let mut is_ping = false;
    loop {
        tokio::select! {
            read = client.read(&mut asked) => {
                let Ok(count @ 1..) = read else { return };
                is_ping = asked[..count] == *PING;
                if !is_ping {
                    requests.fetch_add(1, Ordering::SeqCst);
                }
                if mode.load(Ordering::SeqCst) == Mode::Refuse as u8
                    || server.write_all(&asked[..count]).await.is_err()
                {
                    return;
                }
            }
            read = server.read(&mut answered) => {
                let Ok(count @ 1..) = read else { return };
                let mode = mode.load(Ordering::SeqCst);
                // What is cut is the answer to what was sent because a ping came back.
                if mode == Mode::Refuse as u8
                    || (mode == Mode::CutAnswers as u8 && !is_ping)
                    || client.write_all(&answered[..count]).await.is_err()
                {
                    return;
                }
            }
        }
    }
}
