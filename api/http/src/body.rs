//! Reads request bodies: bounded in size and in time.

use std::time::Duration;

use axum::body::{Body, Bytes};
use futures_util::StreamExt;

use crate::error::{Kind, OperationError};

/// A client that takes longer than this to send its request is given up on.
const PATIENCE: Duration = Duration::from_mins(1);

/// How much of a body that is too long is read and thrown away. Without that the connection
/// would break while the client is still sending, and it would never read why.
const MOST_DISCARDED_BYTES: usize = 64 * 1024 * 1024;

/// The whole body, if it is no longer than `limit_bytes`.
pub(crate) async fn read(body: Body, limit_bytes: usize) -> Result<Bytes, OperationError> {
    tokio::time::timeout(PATIENCE, read_to_end(body, limit_bytes)).await.unwrap_or_else(|_| {
        Err(OperationError::new(
            Kind::RequestTooLarge,
            format!("the request body did not arrive within {} seconds", PATIENCE.as_secs()),
        ))
    })
}

async fn read_to_end(body: Body, limit_bytes: usize) -> Result<Bytes, OperationError> {
    let mut chunks = body.into_data_stream();
    let (mut bytes, mut discarded) = (Vec::new(), 0_usize);
    while let Some(chunk) = chunks.next().await {
        let Ok(chunk) = chunk else {
            let text = "the request body was cut off";
            return Err(OperationError::new(Kind::RequestTooLarge, text.to_owned()));
        };
        if discarded == 0 && bytes.len() + chunk.len() <= limit_bytes {
            bytes.extend_from_slice(&chunk);
            continue;
        }
        bytes = Vec::new();
        discarded += chunk.len();
        if discarded > MOST_DISCARDED_BYTES {
            break;
        }
    }
    if discarded > 0 {
        let text = format!("the request body is longer than {limit_bytes} bytes");
        return Err(OperationError::new(Kind::RequestTooLarge, text));
    }
    Ok(bytes.into())
}

/// Whether nothing comes. What does come is thrown away, as in [`read`], so that the client lives
/// to read what it is told.
pub(crate) async fn is_empty(body: Body) -> Result<bool, OperationError> {
    match read(body, 0).await {
        Ok(_) => Ok(true),
        Err(refusal) if refusal.kind == Kind::RequestTooLarge => Ok(false),
        Err(refusal) => Err(refusal),
    }
}
