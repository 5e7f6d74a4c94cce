//! The function that the loads call: it answers at once, and knows when an execution's calls are over.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::routing::post;
use serde::Deserialize;
use tokio::sync::oneshot;

/// For each execution, how many calls are still to come and who waits for the last one.
#[derive(Clone, Default)]
pub(crate) struct Functions(Arc<Mutex<HashMap<String, Expected>>>);

struct Expected {
    calls: usize,
    done: Option<oneshot::Sender<()>>,
}

/// What every call carries: the name of its execution.
#[derive(Deserialize)]
struct Input<'a> {
    id: &'a str,
}

impl Functions {
    /// Serves on loopback for as long as the program runs.
    pub(crate) async fn serve(&self) -> Result<SocketAddr> {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let router = Router::new().route("/task", post(answer)).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(address)
    }

    /// Resolves when this execution has made that many calls.
    pub(crate) fn expect(&self, execution: &str, calls: usize) -> oneshot::Receiver<()> {
        let (done, over) = oneshot::channel();
        let expected = Expected { calls, done: Some(done) };
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(execution.to_owned(), expected);
        over
    }

    fn count(&self, execution: &str) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(expected) = all.get_mut(execution) else { return };
        expected.calls = expected.calls.saturating_sub(1);
        if expected.calls == 0 {
            let finished = all.remove(execution).and_then(|expected| expected.done);
            if let Some(done) = finished {
                // Nobody listens any more if the load has run out of time.
                let _ = done.send(());
            }
        }
    }
}

/// The input is the answer.
async fn answer(State(functions): State<Functions>, body: Bytes) -> Bytes {
    if let Ok(input) = serde_json::from_slice::<Input<'_>>(&body) {
        functions.count(input.id);
    }
    body
}
