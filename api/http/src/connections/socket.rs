//! A connection's socket: its options, and an eye on what goes in and out.

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep};

use super::guest::Guest;

/// What the system may hold that is not sent yet. Without that it would take megabytes for a
/// client that does not read.
#[cfg(target_os = "linux")]
const UNSENT_BYTES: u32 = 128 * 1024;
/// After how long without traffic the other side is asked whether it is still there, and how
/// often then.
const KEEPALIVE: (Duration, Duration) = (Duration::from_mins(1), Duration::from_secs(15));

/// How long the end of a connection that follows upon a task is doubted: who had closed before the
/// answer came makes his system say so.
const OBJECTION: Duration = Duration::from_millis(100);

/// A socket that notes for its guest when bytes come and go, and whether tasks reach it.
#[derive(Debug)]
pub(super) struct Socket {
    stream: TcpStream,
    guest: Arc<Guest>,
    /// It carries TLS, whose own words go in and out beside those of HTTP.
    is_tls: bool,
    /// Time for the other side's system to object to the last answer.
    objection: Option<Pin<Box<Sleep>>>,
}

impl Socket {
    pub(super) fn new(stream: TcpStream, guest: Arc<Guest>, is_tls: bool) -> Self {
        prepare(&stream);
        Self { stream, guest, is_tls, objection: None }
    }

    /// Notes a write that took some of the bytes, or failed.
    fn noted(&self, written: io::Result<usize>) -> Poll<io::Result<usize>> {
        match &written {
            Ok(0) => {}
            Ok(_) => self.guest.sent(),
            Err(_) => self.guest.deliveries.broke(Instant::now()),
        }
        Poll::Ready(written)
    }

    /// Refuses to write a task to somebody who has hung up. What TLS says last may be objected to by
    /// one who has read all before and is gone: so that is judged before it says it.
    fn see_that_it_is_taken(&self) -> io::Result<()> {
        let deliveries = &self.guest.deliveries;
        if deliveries.are_unwritten() {
            if has_hung_up(&self.stream) {
                deliveries.broke(Instant::now());
                return Err(io::ErrorKind::BrokenPipe.into());
            }
        } else if self.is_tls && deliveries.are_in_doubt(Instant::now()) {
            self.judge();
        }
        Ok(())
    }

    /// Whether what was written has arrived, as far as the system knows by now.
    fn judge(&self) {
        if let Ok(None) = self.stream.take_error() {
            self.guest.deliveries.arrived();
        } else {
            self.guest.deliveries.broke(Instant::now());
        }
    }

    /// Waits until it is known whether what was written last has arrived.
    fn poll_objection(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if !self.guest.deliveries.are_in_doubt(Instant::now()) {
            return Poll::Ready(());
        }
        let objection = self.objection.get_or_insert_with(|| Box::pin(sleep(OBJECTION)));
        ready!(objection.as_mut().poll(context));
        self.objection = None;
        self.judge();
        Poll::Ready(())
    }
}

/// Whether the other side has closed or reset the connection.
fn has_hung_up(stream: &TcpStream) -> bool {
    let mut byte = [MaybeUninit::uninit()];
    match SockRef::from(stream).peek(&mut byte) {
        Ok(count) => count == 0,
        Err(error) => error.kind() != io::ErrorKind::WouldBlock,
    }
}

/// Sets what is set for every connection. A system that does not know an option does without.
fn prepare(stream: &TcpStream) {
    let socket = SockRef::from(stream);
    // Answers are written whole, so waiting for more to send with them only delays them.
    let _ = socket.set_tcp_nodelay(true);
    let keepalive = TcpKeepalive::new().with_time(KEEPALIVE.0).with_interval(KEEPALIVE.1);
    let _ = socket.set_tcp_keepalive(&keepalive);
    #[cfg(target_os = "linux")]
    let _ = socket.set_tcp_notsent_lowat(UNSENT_BYTES);
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        if self.objection.is_none() {
            if let Err(error) = ready!(Pin::new(&mut self.stream).poll_read(context, buffer)) {
                self.guest.deliveries.broke(Instant::now());
                return Poll::Ready(Err(error));
            }
            if buffer.filled().len() > before {
                // Who says another thing, were it his farewell in TLS, has read what came before.
                self.guest.deliveries.arrived();
                self.guest.heard();
                return Poll::Ready(Ok(()));
            }
        }
        // Its end.
        ready!(self.poll_objection(context));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.see_that_it_is_taken()?;
        let written = ready!(Pin::new(&mut self.stream).poll_write(context, bytes));
        self.noted(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.see_that_it_is_taken()?;
        let written = ready!(Pin::new(&mut self.stream).poll_write_vectored(context, slices));
        self.noted(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_flush(context))?;
        self.guest.deliveries.written(Instant::now());
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.objection.is_none() {
            ready!(Pin::new(&mut self.stream).poll_shutdown(context))?;
        }
        ready!(self.poll_objection(context));
        Poll::Ready(Ok(()))
    }
}
