//! Reads request bodies: bounded in size and in time.

use std::time::Duration;

use axum::body::{self, Body, Bytes};

use crate::error::{Kind, OperationError};

/// A client that takes longer than this to send its request is given up on.
const PATIENCE: Duration = Duration::from_mins(1);

/// The whole body, if it is no longer than `limit_bytes`.
pub(crate) async fn read(body: Body, limit_bytes: usize) -> Result<Bytes, OperationError> {
    let read = tokio::time::timeout(PATIENCE, body::to_bytes(body, limit_bytes)).await;
    match read {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(_)) => Err(OperationError::new(
            Kind::RequestTooLarge,
            format!("the request body could not be read, or is longer than {limit_bytes} bytes"),
        )),
        Err(_) => Err(OperationError::new(
            Kind::RequestTooLarge,
            format!("the request body did not arrive within {} seconds", PATIENCE.as_secs()),
        )),
    }
}
