//! For how long an answer may go on: a stream of events does not outlive what it was admitted by.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use futures_util::StreamExt as _;

use super::Entrance;

/// How often it is looked whether a stream may go on.
const EVERY: Duration = Duration::from_secs(2);

/// What a request was admitted by.
pub(super) enum Admitted {
    /// It needs nothing, or comes from this process.
    Anyway,
    /// Nobody needed a key.
    ByOpenDoor,
    /// The access key of this id.
    ByKey(String),
}

impl Admitted {
    /// The answer, which ends when a key is needed that was not, or when the key is good no more.
    pub(super) fn bound(self, answer: Response, entrance: Arc<Entrance>) -> Response {
        if matches!(self, Self::Anyway) || !is_stream(answer.headers()) {
            return answer;
        }
        let over = async move {
            loop {
                tokio::time::sleep(EVERY).await;
                if !self.holds(&entrance).await {
                    return;
                }
            }
        };
        answer.map(|body| Body::from_stream(body.into_data_stream().take_until(Box::pin(over))))
    }

    async fn holds(&self, entrance: &Entrance) -> bool {
        match self {
            Self::Anyway => true,
            // Whether it is open still cannot always be told; it was.
            Self::ByOpenDoor => entrance.gate.is_open().await.map_or(true, |open| open.is_some()),
            Self::ByKey(id) => match entrance.keyring.find(id).await {
                Ok(key) => key.is_some_and(|key| key.is_good(entrance.now())),
                // Whether it is good cannot be told now; it was.
                Err(_) => true,
            },
        }
    }
}

fn is_stream(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    kind.is_some_and(|kind| kind.starts_with(b"text/event-stream"))
}
