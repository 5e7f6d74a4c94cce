//! `/healthz` and `/readyz`: whether the process is well, and whether it is ready to be given work.

use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::{Door, json_text};

/// How long it is taken for true what the database answered.
const FRESH: Duration = Duration::from_millis(500);

/// The process is there and answers.
pub(crate) async fn healthz() -> Response {
    json_text(r#"{"status":"ok"}"#)
}

/// It is ready to be given work: the database answers, the node owns its share of the work and has
/// taken it over, and it was not told to stop.
pub(crate) async fn readyz(State(door): State<Door>) -> Response {
    let ask = async || door.engine.store().ping().await.is_ok();
    let database = door.pulse.is_felt(ask).await;
    let engine = door.engine.readiness();
    let is_ready = database && engine.is_ready;
    let status = if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let body = serde_json::json!({
        "database": database,
        "engine": engine.is_ready,
        "shards": { "owned": engine.owned, "due": engine.due },
        "draining": engine.is_draining,
    });
    (status, json_text(body.to_string())).into_response()
}

/// Whether the database answers. One asks for all: anybody may want to know, and however many do, they
/// take one connection to it.
#[derive(Debug, Default)]
pub(crate) struct Pulse(Mutex<Option<(Instant, bool)>>);

impl Pulse {
    async fn is_felt(&self, ask: impl AsyncFnOnce() -> bool) -> bool {
        let mut felt = self.0.lock().await;
        if let Some((at, answers)) = *felt
            && at.elapsed() < FRESH
        {
            return answers;
        }
        let answers = ask().await;
        *felt = Some((Instant::now(), answers));
        answers
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn however_many_ask_the_database_is_asked_once() {
        let (pulse, asked) = (Pulse::default(), AtomicUsize::new(0));
        let ask = async |answers| {
            pulse
                .is_felt(async || {
                    asked.fetch_add(1, Ordering::Relaxed);
                    tokio::time::sleep(Duration::from_secs(5)).await;
                    answers
                })
                .await
        };
        let felt = futures_util::future::join_all((0..100).map(|_| ask(false))).await;
        assert_eq!((felt, asked.load(Ordering::Relaxed)), (vec![false; 100], 1));
        tokio::time::advance(FRESH).await;
        assert!(ask(true).await, "it is asked again");
    }
}
