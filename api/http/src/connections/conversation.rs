//! One connection from its first byte to its last: TLS if wanted, then HTTP/1.1 or 2.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Request, Response, Version};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

use super::answer::Answer;
use super::delivery::HandedOver;
use super::guest::{Guest, UnderWay};
use super::socket::Socket;

/// How long one that is dismissed may take for what it has to say.
const FAREWELL: Duration = Duration::from_secs(1);

/// Longest head of a request; also what is read or written ahead on a connection of HTTP/1.1.
const HTTP1_BUFFER_BYTES: usize = 64 * 1024;
/// Most headers of a request.
const HTTP1_HEADERS: usize = 100;
/// Requests under way at once on one connection of HTTP/2.
const HTTP2_STREAMS: u32 = 100;
/// Longest headers of a request, unpacked. One that goes on for longer, in however many frames,
/// ends its connection.
const HTTP2_HEADER_BYTES: u32 = 32 * 1024;
/// What a client may send of one body, and of all, before it is read.
const HTTP2_WINDOW_BYTES: (u32, u32) = (128 * 1024, 256 * 1024);
/// What is written ahead of the client's window for one answer.
const HTTP2_SEND_BYTES: usize = 64 * 1024;
/// Requests that a client has taken back before they were looked at; more end the connection.
const HTTP2_RESETS: usize = 20;
/// Requests that were taken back by us for what the client did; more end the connection.
const HTTP2_ERRORS: usize = 256;
/// How often a client is asked whether it is still there, and how long it may take to say so.
const HTTP2_PING: Duration = Duration::from_secs(20);

/// What is talked over: a socket, or TLS over one. HTTP is compiled once for both.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// How connections are talked to.
#[derive(Clone)]
pub(super) struct Conversation {
    router: Router,
    http: Builder<TokioExecutor>,
}

impl Conversation {
    pub(super) fn new(router: Router) -> Self {
        let mut http = Builder::new(TokioExecutor::new());
        // How long a head may take is judged with all else, by the list of guests.
        http.http1()
            .header_read_timeout(None)
            .keep_alive(true)
            .half_close(false)
            .max_headers(HTTP1_HEADERS)
            .max_buf_size(HTTP1_BUFFER_BYTES);
        http.http2()
            .timer(TokioTimer::new())
            .keep_alive_interval(HTTP2_PING)
            .keep_alive_timeout(HTTP2_PING)
            .max_concurrent_streams(HTTP2_STREAMS)
            .max_header_list_size(HTTP2_HEADER_BYTES)
            .initial_stream_window_size(HTTP2_WINDOW_BYTES.0)
            .initial_connection_window_size(HTTP2_WINDOW_BYTES.1)
            .max_send_buf_size(HTTP2_SEND_BYTES)
            .max_pending_accept_reset_streams(HTTP2_RESETS)
            .max_local_error_reset_streams(HTTP2_ERRORS);
        Self { router, http }
    }

    /// Talks until the client has gone, has been asked to leave and has its answers, or has to.
    pub(super) async fn hold(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        tls: Option<TlsAcceptor>,
        guest: &Arc<Guest>,
    ) {
        let socket = Socket::new(stream, guest.clone(), tls.is_some());
        let Some(tls) = tls else { return self.talk(Box::new(socket), peer, guest).await };
        let secured = tokio::select! {
            secured = tls.accept(socket) => secured,
            () = guest.asked_to_leave() => return,
        };
        match secured {
            Ok(secured) => self.talk(Box::new(secured), peer, guest).await,
            Err(error) => tracing::debug!(%error, "a client does not speak TLS with us: {error}"),
        }
    }

    async fn talk(&self, stream: Box<dyn Stream>, peer: SocketAddr, guest: &Arc<Guest>) {
        let service =
            service_fn(|request| answer(self.router.clone(), request, peer, guest.clone()));
        let mut connection = pin!(self.http.serve_connection(TokioIo::new(stream), service));
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = guest.asked_to_leave() => {
                connection.as_mut().graceful_shutdown();
                tokio::select! {
                    ended = connection.as_mut() => ended,
                    () = farewell(guest) => return,
                }
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "a connection broke: {error}");
        }
    }
}

/// Ends when one that is dismissed has had its time; never for one that is not.
async fn farewell(guest: &Guest) {
    guest.dismissal().await;
    tokio::time::sleep(FAREWELL).await;
}

/// Answers one request, which is under way until its answer has been handed over.
async fn answer(
    router: Router,
    request: Request<Incoming>,
    peer: SocketAddr,
    guest: Arc<Guest>,
) -> Result<Response<Answer>, Infallible> {
    let under_way = UnderWay::new(&guest, request.version() == Version::HTTP_2);
    let handed_over = HandedOver::default();
    let mut request = request.map(Body::new);
    request.extensions_mut().insert(ConnectInfo(peer));
    request.extensions_mut().insert(guest);
    request.extensions_mut().insert(handed_over.clone());
    let response = router.oneshot(request).await?;
    Ok(response.map(|body| Answer::new(body, under_way, handed_over)))
}
