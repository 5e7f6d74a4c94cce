//! A running execution's events as they are committed: server-sent events.
//!
//! Each stream reads the log from where it stands, again whenever this node says that the
//! execution got new turns, and every few seconds in case another node wrote them. It ends after
//! the execution's last event. An event's id is its id in the history, so that a client that
//! reconnects with `Last-Event-ID` misses nothing and sees nothing twice.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::{Stream, stream};
use machine::history::HistoryEvent;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use uuid::Uuid;

use crate::Door;
use crate::operations::history::{self, Tail};
use crate::rest::{Asker, ExecutionId, Problem, Refusal, execution_arn};

/// How often the log is read again when nobody says that there is something new.
const POLL: Duration = Duration::from_secs(2);

/// Follow an execution: one server-sent event per event of its history.
#[utoipa::path(
    get, path = "/v1/executions/{id}/events", tag = "executions",
    operation_id = "followExecution",
    params(
        ExecutionId,
        ("Last-Event-ID" = Option<u64>, Header, description = "go on after this event"),
    ),
    responses(
        (status = 200, description = "a server-sent event for each, until the last",
         content_type = "text/event-stream", body = String),
        (status = 400, description = "this is no ARN: `InvalidArn`", body = Problem),
        (status = 404, description = "there is no such execution: `ExecutionDoesNotExist`", body = Problem),
    )
)]
pub(crate) async fn events(
    State(door): State<Door>,
    Asker(caller): Asker,
    Path(ExecutionId { id }): Path<ExecutionId>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Refusal> {
    let arn = execution_arn(&caller, &id)?;
    let seen = headers
        .get("last-event-id")
        .and_then(|value| value.to_str().ok()?.trim().parse().ok())
        .unwrap_or(0);
    // Subscribed before the first read: what is appended in between is not missed.
    let appended = door.engine.appended();
    let tail = history::follow(&door.engine, &caller, &arn, seen).await?;
    let follower = Follower { tail, appended, ready: VecDeque::new(), ended: false };
    let events = stream::unfold(follower, async |mut follower| {
        let event = follower.next().await?;
        Some((Ok(sent(&event)), follower))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::default()))
}

struct Follower {
    tail: Tail,
    appended: Receiver<Uuid>,
    ready: VecDeque<HistoryEvent>,
    ended: bool,
}

impl Follower {
    /// The next event; `None` after the execution's last.
    async fn next(&mut self) -> Option<HistoryEvent> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            if self.ended {
                return None;
            }
            // A store that is away is asked again later; it has logged its error itself.
            if let Ok(news) = self.tail.read().await {
                self.ended = news.ended;
                self.ready.extend(news.events);
                if news.more {
                    continue;
                }
            }
            if self.ready.is_empty() && !self.ended {
                self.wait().await;
            }
        }
    }

    /// Until there may be something new.
    async fn wait(&mut self) {
        let news = async {
            loop {
                match self.appended.recv().await {
                    Ok(id) if id == self.tail.execution_id() => return,
                    Ok(_) => {}
                    Err(RecvError::Lagged(_)) => return,
                    Err(RecvError::Closed) => std::future::pending().await,
                }
            }
        };
        // The end of the time is as good a reason to look as news are.
        let _ = tokio::time::timeout(POLL, news).await;
    }
}

fn sent(event: &HistoryEvent) -> Event {
    Event::default()
        .id(event.id.to_string())
        .event(&event.name)
        .data(history::plain(event).to_string())
}
