//! `/healthz` and `/readyz`: whether the process is well, and whether it is ready to be given work.

use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use runtime::Verdict;
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
/// taken it over, and it was not told to stop. What it warns of makes it no less ready.
pub(crate) async fn readyz(State(door): State<Door>) -> Response {
    let ask = async || door.engine.store().careless_settings().await.ok();
    let careless = door.pulse.felt(ask).await;
    let database = careless.is_some();
    let (engine, clock) = (door.engine.readiness(), door.engine.clock());
    let is_ready = database && engine.is_ready;
    let status = if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let careless = carelessness(&careless.unwrap_or_default());
    let warnings: Vec<String> = clock.complaint().into_iter().chain(careless).collect();
    let body = serde_json::json!({
        "database": database,
        "engine": engine.is_ready,
        "shards": { "owned": engine.owned, "due": engine.due },
        "draining": engine.is_draining,
        "stuck": engine.stuck,
        "executions": { "set_aside": engine.set_aside },
        "clock": {
            "ahead_ms": clock.ahead_ms,
            "uncertainty_ms": clock.uncertainty_ms,
            "fires_schedules": clock.verdict != Verdict::Wrong,
        },
        "warnings": warnings,
    });
    (status, json_text(body.to_string())).into_response()
}

/// What it means that these settings of the database are off; nothing if there are none.
pub fn carelessness(settings: &[String]) -> Option<String> {
    let names = settings.join("`, `");
    (!settings.is_empty()).then(|| {
        format!(
            "the database runs with `{names}` off: a crash can lose what has been acknowledged; set \
             it on"
        )
    })
}

/// What the database says of its settings, if it answers. One asks for all: anybody may want to know, and
/// however many do, they take one connection to it.
#[derive(Debug, Default)]
pub(crate) struct Pulse(Mutex<Option<(Instant, Answer)>>);

/// The careless settings; `None` without an answer.
type Answer = Option<Vec<String>>;

impl Pulse {
    async fn felt(&self, ask: impl AsyncFnOnce() -> Answer) -> Answer {
        let mut felt = self.0.lock().await;
        if let Some((at, answer)) = felt.as_ref()
            && at.elapsed() < FRESH
        {
            return answer.clone();
        }
        let answer = ask().await;
        *felt = Some((Instant::now(), answer.clone()));
        answer
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn however_many_ask_the_database_is_asked_once() {
        let (pulse, asked) = (Pulse::default(), AtomicUsize::new(0));
        let ask = async |answer: Answer| {
            pulse
                .felt(async || {
                    asked.fetch_add(1, Ordering::Relaxed);
                    tokio::time::sleep(Duration::from_secs(5)).await;
                    answer
                })
                .await
        };
        let felt = futures_util::future::join_all((0..100).map(|_| ask(None))).await;
        assert_eq!((felt, asked.load(Ordering::Relaxed)), (vec![None; 100], 1));
        tokio::time::advance(FRESH).await;
        assert_eq!(ask(Some(Vec::new())).await, Some(Vec::new()), "it is asked again");
    }
}
