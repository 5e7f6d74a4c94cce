//! What stands between two nodes, and may cut what they say to each other.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::server::free_address;

/// What becomes of connections.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Mode {
    /// They are left alone.
    Pass = 0,
    /// What is asked arrives; when an answer longer than a sign of life comes, the connection is cut.
    CutAnswers = 1,
    /// Every connection is cut, old or new.
    Refuse = 2,
}

/// Bytes of an answer that is no more than a sign of life, sealed.
const SIGN_OF_LIFE: usize = 40;

/// A relay on loopback, before a port that is still free.
pub struct Relay {
    address: String,
    behind: String,
    mode: Arc<AtomicU8>,
}

impl Relay {
    /// A relay that lets everything through.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let behind = free_address().expect("a port").to_string();
        let address = listener.local_addr().expect("bound").to_string();
        let mode = Arc::new(AtomicU8::new(Mode::Pass as u8));
        let (own, to) = (mode.clone(), behind.clone());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (mode, to) = (own.clone(), to.clone());
                tokio::spawn(async move { serve(client, &to, &mode).await });
            }
        });
        Self { address, behind, mode }
    }

    /// Where others connect to.
    pub fn address(&self) -> String {
        self.address.clone()
    }

    /// Where the node is to listen.
    pub fn behind(&self) -> String {
        self.behind.clone()
    }

    /// What becomes of connections from now on, of those that are there when they carry something.
    pub fn set(&self, mode: Mode) {
        self.mode.store(mode as u8, Ordering::SeqCst);
    }
}

/// Carries bytes both ways until one side ends or the mode says so.
async fn serve(mut client: TcpStream, to: &str, mode: &AtomicU8) {
    let Ok(mut server) = TcpStream::connect(to).await else { return };
    let (mut asked, mut answered) = (vec![0; 65_536], vec![0; 65_536]);
    loop {
        let (count, is_answer) = tokio::select! {
            read = client.read(&mut asked) => (read, false),
            read = server.read(&mut answered) => (read, true),
        };
        let Ok(count @ 1..) = count else { return };
        let mode = mode.load(Ordering::SeqCst);
        let is_cut = mode == Mode::CutAnswers as u8 && is_answer && count > SIGN_OF_LIFE;
        if mode == Mode::Refuse as u8 || is_cut {
            return;
        }
        let carried = if is_answer {
            client.write_all(&answered[..count]).await
        } else {
            server.write_all(&asked[..count]).await
        };
        if carried.is_err() {
            return;
        }
    }
}
