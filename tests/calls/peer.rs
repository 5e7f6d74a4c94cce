//! A server that speaks HTTP by hand, so that it can speak it badly; one request a connection.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

use super::caller::soon;

/// What the server does once it has read a request.
pub(super) enum Answer {
    /// Writes this and closes the connection.
    Bytes(Vec<u8>),
    /// Keeps the connection open and says nothing.
    Never,
    /// Writes this and nothing more, and keeps the connection open.
    Stalled(&'static [u8]),
    /// Answers `null` once it gets a permit.
    Held(Arc<Semaphore>),
    /// Begins an answer whose body has no end.
    Endless,
    /// Begins an answer whose headers have no end.
    EndlessHead,
}

/// A request as it arrived.
#[derive(Clone, Debug, Default)]
pub(super) struct Received {
    /// Method, path and version.
    pub(super) line: String,
    headers: Vec<(String, String)>,
    pub(super) body: String,
}

impl Received {
    /// The header's one value; `""` if there is none.
    pub(super) fn header(&self, name: &str) -> &str {
        let mut found = self.headers.iter().filter(|(own, _)| own.eq_ignore_ascii_case(name));
        let value = found.next().map_or("", |(_, value)| value);
        assert!(found.next().is_none(), "`{name}` is sent once: {self:?}");
        value
    }
}

/// A server on loopback, until the test ends.
pub(super) struct Peer {
    pub(super) url: String,
    state: Arc<State>,
}

struct State {
    received: Mutex<Vec<Received>>,
    calls: watch::Sender<usize>,
    /// Connections that the caller closed while it could have had more.
    left: watch::Sender<usize>,
    sent: AtomicUsize,
}

impl State {
    /// Writes this again and again until the caller has closed the connection.
    async fn repeat(&self, stream: &mut TcpStream, bytes: &[u8]) {
        while stream.write_all(bytes).await.is_ok() {
            self.sent.fetch_add(bytes.len(), Ordering::Relaxed);
        }
        self.left.send_modify(|left| *left += 1);
    }

    async fn wait_for_leaving(&self, stream: &mut TcpStream) {
        let _ = stream.read(&mut [0]).await;
        self.left.send_modify(|left| *left += 1);
    }
}

impl Peer {
    /// A server that answers all requests the same.
    pub(super) async fn always(answer: impl Fn() -> Answer + Send + Sync + 'static) -> Self {
        Self::start(move |_, _| answer()).await
    }

    /// A server; `answer` gets the request and how many there were before it.
    pub(super) async fn start(
        answer: impl Fn(&Received, usize) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address: SocketAddr = listener.local_addr().unwrap();
        let state = Arc::new(State {
            received: Mutex::default(),
            calls: watch::Sender::new(0),
            left: watch::Sender::new(0),
            sent: AtomicUsize::new(0),
        });
        let (own, answer) = (state.clone(), Arc::new(answer));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(converse(stream, own.clone(), answer.clone()));
            }
        });
        Self { url: format!("http://{address}"), state }
    }

    /// All requests so far.
    pub(super) fn received(&self) -> Vec<Received> {
        self.state.received.lock().unwrap().clone()
    }

    /// The only request there was.
    pub(super) fn only(&self) -> Received {
        let received = self.received();
        assert_eq!(received.len(), 1, "{received:?}");
        received[0].clone()
    }

    /// Waits until there were so many requests.
    pub(super) async fn until_called(&self, times: usize) {
        let mut calls = self.state.calls.subscribe();
        soon(calls.wait_for(|calls| *calls >= times)).await.unwrap();
    }

    /// Waits until the caller has closed a connection before the answer's end.
    pub(super) async fn until_left(&self) {
        let mut left = self.state.left.subscribe();
        soon(left.wait_for(|left| *left > 0)).await.unwrap();
    }

    /// How many bytes of endless answers left this server.
    pub(super) fn sent(&self) -> usize {
        self.state.sent.load(Ordering::Relaxed)
    }
}

async fn converse(
    mut stream: TcpStream,
    state: Arc<State>,
    answer: Arc<impl Fn(&Received, usize) -> Answer>,
) {
    let Some(received) = read(&mut stream).await else { return };
    let before = {
        let mut all = state.received.lock().unwrap();
        all.push(received.clone());
        all.len() - 1
    };
    let answer = answer(&received, before);
    state.calls.send_modify(|calls| *calls += 1);
    match answer {
        Answer::Bytes(bytes) => {
            let _ = stream.write_all(&bytes).await;
            let _ = stream.shutdown().await;
        }
        Answer::Never => {
            state.wait_for_leaving(&mut stream).await;
        }
        Answer::Stalled(bytes) => {
            let _ = stream.write_all(bytes).await;
            state.wait_for_leaving(&mut stream).await;
        }
        Answer::Held(permits) => {
            permits.acquire().await.unwrap().forget();
            let Answer::Bytes(bytes) = ok("null") else { return };
            let _ = stream.write_all(&bytes).await;
        }
        Answer::Endless => {
            let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
            let _ = stream.write_all(head).await;
            let chunk = format!("1000\r\n{}\r\n", "x".repeat(0x1000));
            state.repeat(&mut stream, chunk.as_bytes()).await;
        }
        Answer::EndlessHead => {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n").await;
            let line = format!("x-more: {}\r\n", "x".repeat(0x1000));
            state.repeat(&mut stream, line.as_bytes()).await;
        }
    }
}

/// One whole request; nothing if the connection ends before.
async fn read(stream: &mut TcpStream) -> Option<Received> {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let text = String::from_utf8(bytes[..head].to_vec()).ok()?;
    let mut lines = text.split("\r\n");
    let line = lines.next()?.to_owned();
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let mut received = Received { line, headers, body: String::new() };
    let length: usize = received.header("content-length").parse().unwrap_or(0);
    while bytes.len() < head + 4 + length {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    received.body = String::from_utf8(bytes[head + 4..].to_vec()).ok()?;
    Some(received)
}

/// An answer with this status line, further header lines and body.
pub(super) fn answer(status: &str, headers: &[&str], body: &str) -> Answer {
    let mut text = format!("HTTP/1.1 {status}\r\nconnection: close\r\n");
    for header in headers {
        text.push_str(header);
        text.push_str("\r\n");
    }
    let _ = write!(text, "content-length: {}\r\n\r\n{body}", body.len());
    Answer::Bytes(text.into_bytes())
}

/// 200 with this body.
pub(super) fn ok(body: &str) -> Answer {
    answer("200 OK", &["content-type: application/json"], body)
}

/// These bytes, whatever they say.
pub(super) fn raw(bytes: impl Into<Vec<u8>>) -> Answer {
    Answer::Bytes(bytes.into())
}
