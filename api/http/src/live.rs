//! A running execution's events as they are committed: server-sent events.
//!
//! A stream reads the log from where it stands, no further ahead than its client takes, and again
//! whenever the log has grown. What is read and written out is shared by all who are sent the
//! same. A stream ends after the execution's last event, or with a word that says why not. An
//! event's id is its id in the history, so that a client that reconnects with `Last-Event-ID`
//! misses nothing and sees nothing twice.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::Door;
use crate::connections::{Guest, Overstay};
use crate::error::{Kind, OperationError};
use crate::operations::history;
use crate::rest::{Asker, ExecutionId, Problem, Refusal, execution_arn};
use crate::room::Holder;

use self::followed::{NoPart, Reading};
use self::followers::{Seat, Taken};

mod followed;
mod followers;
mod part;

pub(crate) use self::followers::Followers;
pub use self::followers::StreamCaps;

/// How often a client without news hears that it is still connected.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// After how long a store that could not be asked is asked again.
const AGAIN: Duration = Duration::from_secs(2);

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
        (status = 503, description = "there are too many streams: `ServiceUnavailable`", body = Problem),
    )
)]
pub(crate) async fn events(
    State(door): State<Door>,
    Asker(caller): Asker,
    holder: Holder,
    guest: Option<Extension<Arc<Guest>>>,
    Path(ExecutionId { id }): Path<ExecutionId>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let arn = execution_arn(&caller, &id)?;
    let seen: u64 = headers
        .get("last-event-id")
        .and_then(|value| value.to_str().ok()?.trim().parse().ok())
        .unwrap_or(0);
    let log = history::followable(&door.engine, &caller, &arn).await?;
    let seat = door.followers.sit_down(&door.engine, log).map_err(refused)?;
    let follower = Follower {
        news: seat.followed.news(),
        reading: door.followers.reading(&door.engine, holder),
        seat,
        guest: guest.map(|Extension(guest)| guest),
        // An event has no lower number in the log than the history has events before it.
        begin: (i64::try_from(seen).unwrap_or(i64::MAX), seen),
        is_through: false,
        ended: false,
    };
    let parts = stream::unfold(follower, async |mut follower| {
        let part = follower.next().await?;
        Some((Ok::<Bytes, Infallible>(part), follower))
    });
    let headers =
        [(header::CONTENT_TYPE, "text/event-stream"), (header::CACHE_CONTROL, "no-cache")];
    Ok((headers, Body::from_stream(parts)).into_response())
}

fn refused(taken: Taken) -> OperationError {
    let what = match taken {
        Taken::InAll(count) => format!("{count} streams of events are open on this node"),
        Taken::OfExecution(count) => format!("{count} streams of this execution are open"),
    };
    let why = format!("{what}, which is the most there may be; try again later");
    OperationError::new(Kind::ServiceUnavailable, why)
}

struct Follower {
    seat: Seat,
    news: watch::Receiver<u64>,
    reading: Reading,
    /// The connection; nothing where the router is asked without one.
    guest: Option<Arc<Guest>>,
    /// The number of the event to go on with, and the last one that the client has seen.
    begin: (i64, u64),
    /// All that is known of the log has been sent.
    is_through: bool,
    ended: bool,
}

impl Follower {
    /// The next part of the stream; nothing after the last.
    async fn next(&mut self) -> Option<Bytes> {
        if self.ended {
            return None;
        }
        let guest = self.guest.clone();
        let leaving = async {
            match &guest {
                Some(guest) => guest.asked_to_leave().await,
                None => std::future::pending().await,
            }
        };
        let part = tokio::select! {
            biased;
            () = leaving => {
                self.ended = true;
                farewell(guest.and_then(|guest| guest.dismissed_for()))
            }
            part = self.part() => part?,
        };
        Some(part)
    }

    async fn part(&mut self) -> Option<Bytes> {
        loop {
            if self.is_through && timeout(KEEP_ALIVE, self.news.changed()).await.is_err() {
                return Some(Bytes::from_static(b":\n\n"));
            }
            // Marked before the log is read: what comes after that is news again.
            self.news.borrow_and_update();
            self.is_through = false;
            match self.seat.followed.part(&self.reading, self.begin).await {
                Ok(Some(part)) => {
                    // Ids rise: what follows an event that was not seen was not seen either.
                    self.begin = (part.next, 0);
                    self.ended = part.ended;
                    let bytes = part.bytes();
                    return (!bytes.is_empty()).then_some(bytes);
                }
                Ok(None) => self.is_through = true,
                Err(NoPart::Away) => tokio::time::sleep(AGAIN).await,
                Err(NoPart::NoRoom) => {
                    self.ended = true;
                    return Some(part::word(
                        "this node has no room for what its streams have to send; go on later \
                         with `Last-Event-ID`",
                    ));
                }
            }
        }
    }
}

/// What a client hears whose stream is ended by us.
fn farewell(why: Option<Overstay>) -> Bytes {
    match why {
        Some(Overstay::Reader) => {
            part::word("this stream is cut because it was not read; go on with `Last-Event-ID`")
        }
        Some(Overstay::Header | Overstay::Idle | Overstay::Crowded) | None => part::word(
            "this node ends its connections; go on, here or elsewhere, with `Last-Event-ID`",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::{Overstay, farewell};

    #[test]
    fn whose_stream_is_cut_hears_why() {
        let heard = |why| String::from_utf8(farewell(why).to_vec()).unwrap();
        let word = "this stream is cut because it was not read; go on with `Last-Event-ID`";
        assert!(heard(Some(Overstay::Reader)).contains(word), "{}", heard(Some(Overstay::Reader)));
        assert!(!heard(None).contains(word), "{}", heard(None));
    }
}
