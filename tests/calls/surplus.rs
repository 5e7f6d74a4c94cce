//! Functions that say more than they were asked: what comes after an answer is nobody's result.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};

use super::caller::{Caller, of_resource, soon};

/// A server that keeps connections open and, on each, answers its first request with `"own"` and
/// with something that nobody asked for.
struct Rude {
    url: String,
    connections: Arc<AtomicUsize>,
    /// Connections that the caller has closed.
    closed: watch::Receiver<usize>,
    /// Lets the surplus go, where it is held back.
    later: Arc<Notify>,
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum When {
    /// In the same packet as the answer.
    Together,
    /// When the test says so, while the connection is idle.
    Later,
}

fn answer(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

impl Rude {
    async fn start(when: When, surplus: String) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (closing, closed) = watch::channel(0);
        let rude = Self { url, connections: Arc::default(), closed, later: Arc::default() };
        let (connections, later) = (rude.connections.clone(), rude.later.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                connections.fetch_add(1, Ordering::Relaxed);
                let (closing, later, surplus) = (closing.clone(), later.clone(), surplus.clone());
                tokio::spawn(async move {
                    converse(stream, when, &later, &surplus).await;
                    closing.send_modify(|closed| *closed += 1);
                });
            }
        });
        rude
    }

    async fn until_closed(&mut self, times: usize) {
        soon(self.closed.wait_for(|closed| *closed >= times)).await.unwrap();
    }
}

/// Answers requests until the caller closes the connection.
async fn converse(mut stream: TcpStream, when: When, later: &Notify, surplus: &str) {
    for count in 0.. {
        if !read_request(&mut stream).await {
            return;
        }
        let mut text = answer("\"own\"");
        if count == 0 && when == When::Together {
            text.push_str(surplus);
        }
        if stream.write_all(text.as_bytes()).await.is_err() {
            return;
        }
        if count == 0 && when == When::Later {
            later.notified().await;
            let _ = stream.write_all(surplus.as_bytes()).await;
        }
    }
}

/// Whether a whole request came.
async fn read_request(stream: &mut TcpStream) -> bool {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).to_ascii_lowercase();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.split("content-length: ").nth(1).unwrap_or("0");
            let length = length.lines().next().unwrap_or("0").parse().unwrap_or(0);
            if body.len() >= length {
                return true;
            }
        }
        match stream.read_buf(&mut bytes).await {
            Ok(0) | Err(_) => return false,
            Ok(_) => {}
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_comes_with_another_is_never_the_next_calls() {
    let half = "HTTP/1.1 200 OK\r\ncontent-le".to_owned();
    for surplus in [answer("\"surplus\""), answer("\"surplus\"").repeat(3), "\"x".into(), half] {
        let mut rude = Rude::start(When::Together, surplus).await;
        let caller = Caller::new().await;
        for call in 1..=5 {
            assert_eq!(caller.perform(&of_resource(&rude.url, "{}")).await, "\"own\"");
            rude.until_closed(call).await;
        }
        assert_eq!(rude.connections.load(Ordering::Relaxed), 5, "none is used again");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_in_quick_succession_take_no_surplus_either() {
    let rude = Rude::start(When::Together, answer("\"surplus\"")).await;
    let caller = Caller::new().await;
    for _ in 0..200 {
        assert_eq!(caller.perform(&of_resource(&rude.url, "{}")).await, "\"own\"");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_comes_while_idle_closes_the_connection() {
    let mut rude = Rude::start(When::Later, answer("\"surplus\"")).await;
    let caller = Caller::new().await;
    assert_eq!(caller.perform(&of_resource(&rude.url, "{}")).await, "\"own\"");
    rude.later.notify_one();
    rude.until_closed(1).await;
    assert_eq!(caller.perform(&of_resource(&rude.url, "{}")).await, "\"own\"");
    assert_eq!(rude.connections.load(Ordering::Relaxed), 2);
}
